"""Pictures of numbers, drawn by a process of their own: what draws is large, is needed once a week, and may fail."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from importlib.util import find_spec

from monitor.model import Json

WITHIN = timedelta(seconds=60)
"""How long drawing may take before a digest goes out without pictures."""
_LARGEST = 8_000_000


class DrawingError(Exception):
    """Nothing could be drawn; the sentence says why, and what to do where something can be done."""


async def drawn(
    wanted: Sequence[Mapping[str, Json]], *, within: timedelta = WITHIN, python: Sequence[str] = ()
) -> dict[str, str]:
    """Draws each chart (`kind`, `name` and what that kind needs: see figures.py) and lays out each paper (`kind` "paper"),
    and returns them in base64 by name; one with nothing to show is left out. `python` is the interpreter's command line.

    Raises DrawingError where the extra is not installed, where the process fails, or where it takes longer than `within`;
    it is gone then, and when the caller is cancelled."""
    if not wanted:
        return {}
    if find_spec("matplotlib") is None or find_spec("fpdf") is None:
        raise DrawingError("nothing draws charts here: install wellheard[charts]")
    command = [*(python or (sys.executable,)), "-m", "monitor.charts"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, limit=_LARGEST)
    try:
        async with asyncio.timeout(within.total_seconds()):
            answer, complaint = await process.communicate(json.dumps(list(wanted)).encode())
    except TimeoutError:
        raise DrawingError(f"drawing took longer than {within.total_seconds():.0f} s and was given up") from None
    finally:
        await _gone(process)
    if process.returncode:
        raise DrawingError(f"drawing failed: {_last_line(complaint)}")
    try:
        found = json.loads(answer)
    except ValueError:
        raise DrawingError("drawing failed: what came back cannot be read") from None
    return {str(name): str(picture) for name, picture in found.items()}


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Leaves no process behind, whatever has happened."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _last_line(complaint: bytes) -> str:
    """The sort of error that ended the process. Its words stay out: they may hold a location's name."""
    lines = complaint.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].partition(":")[0][:80] if lines else "no reason given"


__all__ = ["WITHIN", "DrawingError", "drawn"]
