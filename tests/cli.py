"""The command line for tests: a folder with a configuration, commands run in this process, and what they printed."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, NamedTuple

import pytest
import structlog

from monitor.cli.outcome import outcome
from monitor.model import Incident
from monitor.store import Database, incidents
from monitor.store.incidents import Match
from tests.store import add, found, fresh, incident, said, threat

CONFIG = """
organisation = "Practice Hospital"
timezone = "America/Chicago"
brands = ["Practice Hospital", "practicehosp"]

[network]
contact = "webmaster@practice.example"
allow = ["127.0.0.1/32"]

[topics.main]
query = '"Practice Hospital"'

[sources.reviews]
connector = "file"
labels = { location = "Main campus" }

[sources.sheet]
connector = "file"
labels = { location = "North clinic" }
options = { map = { text = "Review", stars = "Rating", author = "Name" }, kind = "review" }

[inboxes.marketing]
folder = "mail/marketing"

[inboxes.risk]
folder = "mail/risk"
"""

THREAT = "I will kill the nurse who did this to me."
DISCLOSING = "At your April 9 appointment your insurance refused to pay for the surgery."


class Result(NamedTuple):
    """What a command exited with and printed."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def row(self) -> dict[str, Any]:
        """Its only JSON line."""
        (row,) = self.rows
        return row


class Terminal:
    """Call it with what is typed after `wellheard`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys
        self.url = f"sqlite:///{folder / 'wellheard.db'}"
        self.configure(CONFIG)
        (folder / "wellheard.db").write_bytes(_migrated())
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "200")
        for name in ("SUDO_USER", "WELLHEARD_LOG", "WELLHEARD_FAIL", "NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name, raising=False)

    def configure(self, text: str) -> None:
        """Writes the configuration."""
        (self.folder / "config.toml").write_text(text, encoding="utf-8")

    def __call__(self, *typed: object, width: int | None = None) -> Result:
        if width is not None:
            self._monkeypatch.setenv("COLUMNS", str(width))
        self._monkeypatch.setattr(sys, "argv", ["wellheard", *map(str, typed)])
        self._capsys.readouterr()
        code = outcome()
        printed = self._capsys.readouterr()
        return Result(code, printed.out, printed.err)

    def write(self, name: str, *rows: Any) -> Path:
        """A file of JSON lines; what is text already is written as it is."""
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The store."""
        database = Database(self.url)
        try:
            yield database
        finally:
            database.close()


@cache
def _migrated() -> bytes:
    """An empty database of this version: made once, since migrations take longer than most commands."""
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/wellheard.db")
        database.upgrade()
        database.close()
        return (Path(folder) / "wellheard.db").read_bytes()


@contextmanager
def terminal(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    """A terminal in `folder`; what the commands did to logging is undone."""
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        yield Terminal(folder, monkeypatch, capsys)
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)


def ago(**span: float) -> datetime:
    """A time before now."""
    return datetime.now(UTC) - timedelta(**span)


def with_incident(at: Terminal, **values: Any) -> Incident:
    """An incident about one threat, as the judge leaves it."""
    with at.database() as database:
        add(database, fresh(said("t1", THREAT, author="Kim Fiction", stars=1.0), found(threat(), sentiment=-0.8)), now=ago(minutes=5),
            source="reviews", platform="file")  # fmt: skip
        base = {"opened_at": ago(minutes=5), "ack_due_at": ago(minutes=-10), "group": "Main campus"}
        with database.write() as tx:
            one = incidents.save(tx, incident(**(base | values)))
            incidents.match(tx, [Match(rule=one.rule, group=one.group, mention_id=1, at=ago(minutes=5), impact=5,
                                       likelihood=0.9)])  # fmt: skip
            incidents.attach(tx, one.id, one.rule, [1])
    return one


@contextmanager
def web(pages: dict[str, bytes]) -> Iterator[str]:
    """A web server on loopback with these pages; gives its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.send_header("Content-Type", "application/rss+xml")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Nothing: the tests' output is for findings."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
