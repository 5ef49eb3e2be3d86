"""Rows a second that `mentions.add` commits on SQLite and PostgreSQL, by batch, next to the bare driver as the limit.

    python benchmarks/store.py [--quick] [--seed 7]

A row is a mention with its assessment in it (other stores, and the figure our goal was taken from, keep the two apart and
count two rows). The mentions are posts of 14 words; each round fills empty databases, all ways in turns. `add` is one
`database.write()` a batch: the lock, BEGIN, the INSERT, COMMIT with synchronous=FULL. The limit is `executemany` of the same
rows, made ready beforehand, into the same table, and with the same settings. "Two tables" is the yardstick: the two slim
tables (10 and 8 columns, a unique key and two indices, every 10th mention a duplicate) that our floor of 90,000 rows a second
was set with; it wrote 160,777 rows a CPU second on the machine of the floor, so that the floor is 0.56 of it. The PostgreSQL is a throw-away one of the
tests, with fsync off: its disk is not measured. Its server's own CPU time is not in ours, so look at the wall, too.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from sqlalchemy import text

from benchmarks.measure import Spent, cpu, in_turns, machine, options, spent, table, wall
from benchmarks.texts import NOW, Texts
from monitor.assess import Assessor
from monitor.model import Kind, Mention
from monitor.store import Database, mentions
from monitor.store.mentions import Fresh
from tests.postgres import Postgres, PostgresMissing, postgres

BATCHES = {1: 500, 50: 5_000, 500: 20_000, 5_000: 20_000}
"""How many rows a round writes, by the size of a batch."""


def rows(seed: int, count: int) -> list[Fresh]:
    """Assessed posts of a search."""
    made, assessor = Texts(seed), Assessor(brands=["Practice Hospital"])
    found = []
    for number in range(count):
        one = Mention(
            external_id=f"at://did:plc:writer{number % 977:018}/app.bsky.feed.post/3k{number:011}", kind=Kind.POST,
            text=made.text(14), published_at=NOW, url=f"https://bsky.app/profile/writer{number % 977}/post/3k{number:011}",
            author=f"writer{number % 977}.social.example", lang="en", engagement=number % 17,
        )  # fmt: skip
        about: dict[str, Any] = {"topics": ("main",), "labels": {"location": "Main campus"}}
        found.append(Fresh(mention=one, assessment=assessor.assess(one), history=False, judged=False, **about))
    return found


def batches(every: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (every[at : at + size] for at in range(0, min(len(every), BATCHES[size]), size))


class Lite:
    """Empty SQLite databases with our schema."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.db"
        first = Database(f"sqlite:///{self.template}")
        first.upgrade()
        first.close()

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        file = self.folder / "round.db"
        shutil.copy(self.template, file)
        yield file
        for left in self.folder.glob("round.db*"):
            left.unlink()

    def add(self, every: Sequence[Fresh], size: int) -> Spent:
        with self.fresh() as file, closing(Database(f"sqlite:///{file}")) as database:
            return _added(database, every, size)

    def bare(self, ready: Sequence[Any], size: int) -> Spent:
        with self.fresh() as file, closing(sqlite3.connect(file, isolation_level=None)) as database:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32768", "wal_autocheckpoint=10000"):
                database.execute(f"PRAGMA {pragma}")
            statement = _statement("?")
            with spent() as found:
                for some in batches(ready, size):
                    database.execute("BEGIN IMMEDIATE")
                    database.executemany(statement, some)
                    database.execute("COMMIT")
        return found


class TwoTables:
    """The yardstick: a mention and its assessment as two slim rows, as others keep them."""

    SCHEMA = """
        CREATE TABLE mention (id INTEGER PRIMARY KEY, source_id INT, external_id TEXT, url TEXT, author TEXT, title TEXT,
            body TEXT, lang TEXT, published_at TEXT, seen_at TEXT, UNIQUE (source_id, external_id));
        CREATE INDEX by_time ON mention (published_at);
        CREATE INDEX by_source ON mention (source_id, seen_at);
        CREATE TABLE assessment (id INTEGER PRIMARY KEY, mention_id INT UNIQUE, compound REAL, label TEXT, risk REAL,
            signals TEXT, model TEXT, made_at TEXT);"""
    MENTION = "INSERT INTO mention VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    ASSESSMENT = "INSERT INTO assessment VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

    def __init__(self, folder: Path, count: int) -> None:
        self.file, when = folder / "two.db", NOW.isoformat()
        body = Texts(7).text(55)[:300]
        self.said = [(n, n % 50, f"entry-{n - n % 10 if n % 10 == 9 else n}", f"https://news.example/{n}", "writer.example", "A title",
                      body, "en", when, when) for n in range(count)]  # fmt: skip
        self.found = [(n, n, 0.5, "positive", 0.0, "[]", "model-1", when) for n in range(count)]

    def written(self, size: int) -> Spent:
        with closing(sqlite3.connect(self.file, isolation_level=None)) as database:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "wal_autocheckpoint=10000"):
                database.execute(f"PRAGMA {pragma}")
            database.executescript(self.SCHEMA)
            with spent() as result:
                for said, found in zip(batches(self.said, size), batches(self.found, size), strict=True):
                    database.execute("BEGIN IMMEDIATE")
                    database.executemany(self.MENTION, said)
                    database.executemany(self.ASSESSMENT, found)
                    database.execute("COMMIT")
        for left in self.file.parent.glob("two.db*"):
            left.unlink()
        return result


class Server:
    """Empty PostgreSQL databases with our schema."""

    def __init__(self, server: Postgres) -> None:
        self.server = server

    @contextmanager
    def fresh(self) -> Iterator[Database]:
        name = self.server.create()
        database = Database(self.server.url(name))
        try:
            database.upgrade()
            yield database
        finally:
            database.close()
            self.server.drop(name)

    def add(self, every: Sequence[Fresh], size: int) -> Spent:
        with self.fresh() as database:
            return _added(database, every, size)

    def bare(self, ready: Sequence[Any], size: int) -> Spent:
        statement = _statement("%s")
        with self.fresh() as database, psycopg.connect(_dsn(database)) as connection, spent() as found:
            for some in batches(ready, size):
                with connection.transaction():
                    connection.cursor().executemany(statement, some)
        return found

    def copied(self, ready: Sequence[Any], size: int) -> Spent:
        """COPY, which knows no ON CONFLICT: what the server can take at most."""
        copy = f"COPY mentions ({', '.join(mentions._COLUMNS)}) FROM STDIN"  # noqa: SLF001  # the same columns
        with self.fresh() as database, psycopg.connect(_dsn(database)) as connection, spent() as found:
            for some in batches(ready, size):
                with connection.transaction(), connection.cursor().copy(copy) as out:
                    for row in some:
                        out.write_row(row)
        return found


def _dsn(database: Database) -> str:
    return database.url.set(drivername="postgresql").render_as_string(hide_password=False)


def _added(database: Database, every: Sequence[Fresh], size: int) -> Spent:
    with database.write() as tx:
        tx.execute(text("SELECT 1"))  # connected: that is no row's cost
    with spent() as found:
        for some in batches(every, size):
            with database.write() as tx:
                mentions.add(tx, "bluesky", "search", some, NOW)
    return found


def _statement(mark: str) -> str:
    columns = mentions._COLUMNS  # noqa: SLF001  # the limit writes exactly what the store writes
    return f"INSERT INTO mentions ({', '.join(columns)}) VALUES ({', '.join([mark] * len(columns))}) ON CONFLICT DO NOTHING"


def main() -> None:
    chosen = options(__doc__).parse_args()
    rounds = 2 if chosen.quick else 5
    every = rows(chosen.seed, 2_000 if chosen.quick else max(BATCHES.values()))
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        lite = Lite(Path(place))
        ready = [mentions._row("bluesky", "search", one, *_moments("sqlite")) for one in every]  # noqa: SLF001
        two = TwoTables(Path(place), len(every))
        ways = {"add": lambda size: lite.add(every, size), "executemany": lambda size: lite.bare(ready, size)}
        show("SQLite", ways | {"two tables, mentions": two.written}, rounds, len(every))
        try:
            server = Server(stack.enter_context(postgres()))
        except PostgresMissing as missing:
            print(f"\nPostgreSQL is not measured: {missing}")
            return
        aware = [mentions._row("bluesky", "search", one, *_moments("postgresql")) for one in every]  # noqa: SLF001
        ways = {"add": lambda size: server.add(every, size), "executemany": lambda size: server.bare(aware, size)}
        show("PostgreSQL", ways | {"COPY": lambda size: server.copied(aware, size)}, rounds, len(every))
    print(f"\n{machine()}")


def _moments(dialect: str) -> tuple[Any, None, Callable[..., Any]]:
    """The time the rows are first seen, none at which they were confirmed, and how a time is written."""
    moment = mentions._lite_moment if dialect == "sqlite" else mentions._as_it_is  # noqa: SLF001
    return moment(NOW), None, moment


def show(name: str, ways: dict[str, Callable[[int], Spent]], rounds: int, count: int) -> None:
    """Prints the table of one database."""
    lines = []
    for size, most in BATCHES.items():
        written = min(most, count)
        found = in_turns({way: (lambda run=run, size=size: run(size)) for way, run in ways.items()}, rounds)
        lines.append([size])
        for some in found.values():
            lines[-1] += [round(written / cpu(some)), round(written / wall(some))]
    head = ["batch", *(f"{way}, rows/{per}" for way in ways for per in ("CPU s", "s"))]
    table(name, head, lines)


if __name__ == "__main__":
    main()
