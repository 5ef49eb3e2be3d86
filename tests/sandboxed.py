"""Starts Python as the unit in systemd/ would have it: what its directives refuse is refused here by the same means.

python tests/sandboxed.py -m monitor.charts"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

# Of @resources and @privileged, on x86-64, what numpy, OpenBLAS, matplotlib or fpdf2 might come upon.
REFUSED = {
    "sched_setaffinity": 203, "sched_setscheduler": 144, "sched_setparam": 142, "sched_setattr": 314, "setpriority": 141,
    "setrlimit": 160, "ioprio_set": 251, "mbind": 237, "set_mempolicy": 238, "migrate_pages": 256, "move_pages": 279,
    "chown": 92, "fchown": 93, "lchown": 94, "setuid": 105, "setgid": 106, "chroot": 161, "bpf": 321,
    "capset": 126, "quotactl": 179,
}  # fmt: skip
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER, _MDWE = 38, 22, 2, 65
_EPERM, _ALLOWED = 0x00050001, 0x7FFF0000


def refuse(numbers: list[int]) -> None:
    """Has the kernel answer these system calls with EPERM, from now on and in every child. Raises OSError."""
    steps = [struct.pack("HBBI", 0x20, 0, 0, 0)]  # the number of the call
    steps += [struct.pack("HBBI", 0x15, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    steps += [struct.pack("HBBI", 0x06, 0, 0, _ALLOWED), struct.pack("HBBI", 0x06, 0, 0, _EPERM)]
    code = ctypes.create_string_buffer(b"".join(steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    _prctl(_NO_NEW_PRIVILEGES, 1)
    _prctl(_SECCOMP, _FILTER, ctypes.addressof(program))


def _prctl(option: int, *values: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    if ctypes.CDLL(None, use_errno=True).prctl(option, *padded):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


if __name__ == "__main__":
    refuse(list(REFUSED.values()))
    try:
        _prctl(_MDWE, 1)  # MemoryDenyWriteExecute=yes: nothing that can be written becomes executable
    except OSError:
        sys.stderr.write("this kernel is older than 6.3: memory that can be written may be executed\n")
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
