"""What goes wrong in connectors again and again, done on purpose: the tests of each must notice every one.

    python -m tests.mutants [PLATFORM ...]

runs, for each connector and fault, the tests of that connector with the fault in it, up to the first that fails, and
says which faults nobody noticed. Exit code 1 if there is one."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from monitor.connector import Connector, Cursor, Page, PollError

TESTS = Path(__file__).parent

Poll = Callable[[Any, Cursor, datetime], AsyncIterator[Page]]
Fault = Callable[[Poll], Poll]


def cursor_saved_too_early(poll: Poll) -> Poll:
    """The cursor stands before what it stands for is handed over."""

    async def faulty(self: Any, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        pages = []
        error = None
        try:
            pages = [page async for page in poll(self, cursor, floor)]
        except PollError as refused:
            error = refused
        cursors = [page.cursor for page in pages if page.cursor is not None]
        yield Page(cursor=cursors[-1] if cursors else None)
        for page in pages:
            yield replace(page, cursor=None)
        if error is not None:
            raise error

    return faulty


def cursor_ignored(poll: Poll) -> Poll:
    """Every walk is the first."""

    async def faulty(self: Any, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        async for page in poll(self, {}, floor):
            yield page

    return faulty


def bad_item_loses_the_page(poll: Poll) -> Poll:
    """What cannot be read takes with it what can."""

    async def faulty(self: Any, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        async for page in poll(self, cursor, floor):
            yield replace(page, mentions=()) if page.skipped else page

    return faulty


def url_in_the_error(poll: Poll) -> Poll:
    """The sentence repeats what was asked."""

    async def faulty(self: Any, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        try:
            async for page in poll(self, cursor, floor):
                yield page
        except PollError as error:
            error.args = (f"{error} (https://platform.example/reviews?token=1)", *error.args[1:])
            raise

    return faulty


def zone_lost(poll: Poll) -> Poll:
    """A time is read without its zone."""

    async def faulty(self: Any, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        async for page in poll(self, cursor, floor):
            moved = [replace(one, published_at=one.published_at + timedelta(hours=5)) for one in page.mentions]
            yield replace(page, mentions=moved)

    return faulty


def error_taken_for_silence(poll: Poll) -> Poll:
    """A refusal is an empty listing."""

    async def faulty(self: Any, cursor: Cursor, floor: datetime) -> AsyncIterator[Page]:
        with contextlib.suppress(PollError):
            async for page in poll(self, cursor, floor):
                yield page

    return faulty


FAULTS: tuple[Fault, ...] = (
    cursor_saved_too_early, cursor_ignored, bad_item_loses_the_page, url_in_the_error, zone_lost,
    error_taken_for_silence,
)  # fmt: skip

MEANINGLESS: dict[tuple[str, str], str] = {
    ("scenario", "bad_item_loses_the_page"): "refuses a script that cannot be read, before it plays",
    ("scenario", "url_in_the_error"): "plays a file and asks nobody",
    ("scenario", "error_taken_for_silence"): "plays a file and asks nobody",
}
"""Faults that a connector cannot have, and why."""


def unnoticed(platform: str) -> list[str]:
    """The faults in the connector of `platform` that none of its tests noticed."""
    module = import_module(f"connectors.{platform}")
    found = [one for one in vars(module).values() if getattr(one, "platform", None) == platform and "poll" in dir(one)]
    tests = [str(path) for path in sorted(TESTS.glob(f"test_{platform}*.py")) if "_recorded" not in path.name]
    faults = [fault for fault in FAULTS if (platform, fault.__name__) not in MEANINGLESS]
    assert found, f"connectors/{platform}.py has no connector of that platform"
    assert tests, f"connectors/{platform}.py has no tests"
    _quietly("--collect-only", *tests)  # all that they import is imported now, once, and not in every child
    return [fault.__name__ for fault in faults if _passes(found[0], fault, tests)]


def _quietly(*arguments: str) -> int:
    silence = io.StringIO()
    with contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
        return pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments])


def _passes(connector: type[Connector], fault: Fault, tests: list[str]) -> bool:
    """Whether all tests pass with the fault in it: tried in a child process, which ends with its fault."""
    child = os.fork()
    if child == 0:
        connector.poll = fault(connector.poll)  # type: ignore[method-assign, assignment]
        code = _quietly(*tests)
        os._exit(0 if code == pytest.ExitCode.OK else 1 if code == pytest.ExitCode.TESTS_FAILED else 2)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1), f"the tests could not be run: {' '.join(tests)}"
    return code == 0


def platforms() -> list[str]:
    """All our platforms that are asked over a network, or play one."""
    return sorted(path.stem for path in (TESTS.parent / "connectors").glob("[a-z]*.py") if path.stem != "file")


if __name__ == "__main__":
    missed = {name: unnoticed(name) for name in sys.argv[1:] or platforms()}
    for name, faults in missed.items():
        print(f"{name}: {', '.join(faults) or 'every fault is noticed'}")  # noqa: T201
    sys.exit(any(missed.values()))
