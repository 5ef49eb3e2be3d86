"""What systemd hears from us, and how tightly its unit holds us."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from monitor import daemon
from monitor.systemd import Systemd, watchdog_interval

UNIT = Path(__file__).parents[1] / "systemd" / "wellheard.service"


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A socket such as systemd listens on, and the name it gives it in NOTIFY_SOCKET."""
    name = f"@wellheard-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1))
        listener.settimeout(5)
        yield name, listener


@pytest.mark.parametrize(
    ("tell", "heard"),
    [
        (lambda systemd: systemd.ready(), b"READY=1"),
        (lambda systemd: systemd.watchdog(), b"WATCHDOG=1"),
        (lambda systemd: systemd.stopping(), b"STOPPING=1"),
        (lambda systemd: systemd.status("4 sources, 2 open incidents"), b"STATUS=4 sources, 2 open incidents"),
        (lambda systemd: systemd.extend_timeout(2.5), b"EXTEND_TIMEOUT_USEC=2500000"),
    ],
    ids=["ready", "watchdog", "stopping", "status", "extend_timeout"],
)
def test_systemd_hears(manager, tell, heard):
    name, listener = manager

    assert tell(Systemd({"NOTIFY_SOCKET": name})) is True

    assert listener.recv(4096) == heard


def test_a_status_cannot_smuggle_in_another_message(manager):
    name, listener = manager

    Systemd({"NOTIFY_SOCKET": name}).status("fine\nMAINPID=1\r\nWATCHDOG=trigger")

    assert listener.recv(4096) == b"STATUS=fine MAINPID=1 WATCHDOG=trigger"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_systemd_nothing_is_told_and_nothing_breaks(environ):
    assert Systemd(environ).ready() is False


def test_a_manager_that_is_gone_does_not_stop_the_work(tmp_path):
    assert Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}).watchdog() is False


def test_a_manager_that_does_not_listen_holds_nobody_up(manager):
    name, _ = manager
    systemd = Systemd({"NOTIFY_SOCKET": name}, patience=0.01)

    answers = (systemd.watchdog() for _ in range(10_000))  # the queue holds a few hundred at most, and nobody reads it

    assert next(answers) is True
    assert any(not told for told in answers)


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, timedelta(minutes=1)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, timedelta(minutes=1)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
    ],
)
def test_the_watchdog_interval_is_read_only_where_it_is_meant_for_us(environ, interval):
    assert watchdog_interval(environ, pid=7) == interval


def test_the_watchdog_is_meant_for_this_process_by_default():
    assert watchdog_interval({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}) == timedelta(seconds=1.5)


@pytest.fixture
def analyze():
    """The path of systemd-analyze; without it the unit is not judged, except in CI, where that is a failure."""
    found = shutil.which("systemd-analyze")
    if not found and os.environ.get("CI"):
        pytest.fail("CI must judge the unit: install the package systemd")
    return found or pytest.skip("systemd-analyze is not installed (package systemd)")


def test_the_unit_is_exposed_less_than_1_5_of_10(analyze):
    judged = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=15", UNIT], capture_output=True, text=True, check=False
    )

    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_systemd_understands_every_line_of_the_unit(analyze, tmp_path):
    copy = tmp_path / "wellheard.service"
    copy.write_text(UNIT.read_text().replace("/opt/wellheard/bin/wellheard", shutil.which("true") or "/bin/true"))

    judged = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False)

    assert [line for line in judged.stderr.splitlines() if "wellheard.service" in line] == []


@pytest.mark.parametrize(
    ("line", "promise"),
    [
        ("Type=notify", "it counts as started when it works, not when it was forked"),
        ("Restart=always", "a dead monitor is started again"),
        ("StartLimitIntervalSec=0", "and again, however often it fails"),
        ("DynamicUser=yes", "it is nobody in particular"),
        ("StateDirectory=wellheard", "it writes to /var/lib/wellheard"),
        ("LimitCORE=0", "no core file holds what people said"),
        ("SocketBindDeny=any", "it listens nowhere"),
    ],
)
def test_the_unit_promises(line, promise):
    assert line in UNIT.read_text().splitlines(), promise


def test_a_stop_is_given_longer_than_the_drain_takes():
    stop = int(_setting("TimeoutStopSec").removesuffix("s"))

    assert stop > 2 * daemon._DRAIN  # once for the polls, once for the messages


def _setting(name):
    return next(line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith(f"{name}="))


_IMPORT_ALL = """
import ctypes, importlib, mmap, pkgutil, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN: Linux 6.3
    sys.exit(77)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    pass
else:
    sys.exit("the kernel did not deny it")
import connectors, monitor, psycopg, sqlite3, ssl
found = [m.name for p in (monitor, connectors) for m in pkgutil.walk_packages(p.__path__, p.__name__ + ".")]
for name in found:
    importlib.import_module(name)
ssl.create_default_context()
sqlite3.connect(":memory:").close()
print(len(found))
"""


def test_everything_loads_where_no_memory_is_both_writable_and_executable():
    """What MemoryDenyWriteExecute= of the unit asks of us and of every library with native code."""
    done = subprocess.run([sys.executable, "-c", _IMPORT_ALL], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this kernel cannot deny it to one process (Linux 6.3 can)")

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
