"""The tests' own database server, and the walls around the tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine, text

from tests.postgres import PostgresMissing, binaries

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("time_round", ["first", "second"])
def test_each_test_gets_an_empty_database(database_url, time_round):
    engine = create_engine(database_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE mark (id integer)"))  # fails where an earlier test left one
            connection.execute(text("INSERT INTO mark VALUES (1)"))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM mark")).scalar_one() == 1
    finally:
        engine.dispose()


def test_the_server_keeps_what_a_commit_promises_and_knows_all_letters(postgresql_url):
    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT current_setting('synchronous_commit'), lower('ÉCHO'), version()").fetchone()

    assert row is not None
    assert row[:2] == ("on", "écho")


def test_a_connection_left_open_does_not_keep_a_database_alive(postgres_server):
    name = postgres_server.create()
    with psycopg.connect(postgres_server.url(name).replace("+psycopg", "")) as left_open:
        postgres_server.drop(name)

        with pytest.raises(psycopg.OperationalError):
            left_open.execute("SELECT 1")


_VICTIM = """
from tests.postgres import postgres
with postgres() as server:
    print(server.url("postgres").replace("+psycopg", ""), flush=True)
    input()
"""


@pytest.fixture
def open_folder():
    """A temporary folder for everybody: the server runs as somebody else where we are root."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_the_server_goes_with_a_test_run_that_was_killed(postgres_server, open_folder):
    run = subprocess.Popen(
        [sys.executable, "-c", _VICTIM], cwd=ROOT, env={"TMPDIR": str(open_folder), "PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with run:
        assert run.stdout is not None
        url = run.stdout.readline().strip()
        kin = psutil.Process(run.pid).children(recursive=True)
        with psycopg.connect(url) as connection:
            connection.execute("SELECT 1")
        run.kill()

    gone, alive = psutil.wait_procs(kin, timeout=30)

    assert gone
    assert alive == []
    assert list(open_folder.iterdir()) == []


def test_missing_programs_are_named_with_their_packages(monkeypatch):
    monkeypatch.setattr("tests.postgres._candidates", lambda: iter([Path("/nowhere")]))

    with pytest.raises(PostgresMissing, match="install the package postgresql"):
        binaries()


@pytest.mark.parametrize("address", [("192.0.2.1", 443), ("2001:db8::1", 443, 0, 0)])
def test_no_test_reaches_another_machine(address):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as line, pytest.raises(OSError, match="nothing but this machine"):
        line.connect(address)


def test_no_test_asks_a_name_server():
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("practice.example", 443)

    assert socket.getaddrinfo("localhost", 443)


async def test_the_clock_moves_only_when_told(clock):
    assert clock.now() == datetime(2026, 3, 2, 12, tzinfo=UTC)

    clock.advance(timedelta(days=7))
    await clock.sleep(30)

    assert clock.now() == datetime(2026, 3, 9, 12, 0, 30, tzinfo=UTC)
    assert clock.slept == [30]
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2026, 1, 1))
