"""A throw-away PostgreSQL for one test run: made in a temporary folder, gone afterwards however the run ends."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

_USER = "wellheard"

# fsync off is right here and only here: nobody keeps this data. synchronous_commit stays on, for the store asks for it.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a temporary folder's path may be longer than a socket's name can be
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "50",
}

# It lives as long as its standard input is open: when the test process goes, be it by SIGKILL, the pipe closes, and
# the server is stopped and its folder removed by this shell, which hears no signal of the terminal.
_KEEPER = """
trap '' INT TERM HUP
pg_ctl=$1 folder=$2 options=$3
"$pg_ctl" -D "$folder/data" -l "$folder/log" -o "$options" -w -t 60 start >/dev/null 2>&1 && echo ready || echo failed
read -r _
"$pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1
rm -rf "$folder"
"""


class PostgresMissing(Exception):
    """The server's programs are not installed here."""


def binaries() -> Path:
    """The folder of initdb, pg_ctl and postgres, the newest version where there are several. Raises PostgresMissing."""
    for folder in _candidates():
        if all((folder / program).exists() for program in ("initdb", "pg_ctl", "postgres")):
            return folder
    raise PostgresMissing(
        "no PostgreSQL server programs (initdb, pg_ctl) found: install the package postgresql (Debian, Ubuntu) or "
        "postgresql-server (RHEL, Fedora)"
    )


def _candidates() -> Iterator[Path]:
    if found := shutil.which("pg_config"):
        yield Path(subprocess.run([found, "--bindir"], capture_output=True, text=True, check=False).stdout.strip())
    versions = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    yield from sorted(versions, key=_version, reverse=True)
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent


def _version(folder: Path) -> tuple[int, ...]:
    digits = folder.parent.name.removeprefix("pgsql-")
    return tuple(int(part) for part in digits.split(".") if part.isdigit())


class Postgres:
    """A running server. `create` gives a fresh empty database, `drop` removes it with whoever is still connected."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = count(1)
        self._admin = psycopg.connect(self._dsn("postgres"), autocommit=True)

    def create(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        self._admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def drop(self, name: str) -> None:
        """Removes the database `name`; connections that were left open are cut."""
        self._admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of the database `name`."""
        return self._dsn(name).replace("postgresql://", "postgresql+psycopg://")

    def close(self) -> None:
        self._admin.close()

    def _dsn(self, name: str) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self._port}/{name}"


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server of one's own, stopped and removed at the end. Raises PostgresMissing, or RuntimeError with its log."""
    programs = binaries()
    folder = Path(tempfile.mkdtemp(prefix="wellheard-pg-"))
    keeper = None
    try:
        account = _account(folder)
        _initdb(programs, folder, account)
        port = _free_port()
        keeper = _start(programs, folder, port, account)
        server = Postgres(port)
        try:
            yield server
        finally:
            server.close()
    finally:
        if keeper is not None:
            keeper.communicate()  # closes its input and waits: it stops the server and removes the folder
        shutil.rmtree(folder, ignore_errors=True)


def _account(folder: Path) -> dict[str, Any]:
    """How to start a process that may run PostgreSQL: as somebody else where we are root, for initdb refuses root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _initdb(programs: Path, folder: Path, account: dict[str, Any]) -> None:
    command = [programs / "initdb", "-D", folder / "data", "-U", _USER, "-A", "trust", "-E", "UTF8"]
    done = subprocess.run(
        [*command, "--locale=C.UTF-8", "--no-sync"],
        cwd=folder, capture_output=True, text=True, check=False, **account,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stderr.strip()}")


def _start(programs: Path, folder: Path, port: int, account: dict[str, Any]) -> subprocess.Popen[str]:
    options = " ".join(f"-c {key}='{value}'" for key, value in {**_SETTINGS, "port": port}.items())
    keeper = subprocess.Popen(
        ["/bin/sh", "-c", _KEEPER, "keeper", programs / "pg_ctl", folder, options],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, **account,
    )  # fmt: skip
    assert keeper.stdout is not None
    if keeper.stdout.readline().strip() != "ready":
        log = (folder / "log").read_text(errors="replace") if (folder / "log").exists() else ""
        keeper.communicate()
        raise RuntimeError(f"PostgreSQL did not start: {log[-2000:]}")
    return keeper


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
