"""One database, SQLite or PostgreSQL: how it is opened, written to, locked, migrated and copied."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

_BUSY_MS = 10_000
_FIXED_SQLITE = (3, 51, 3)
"""Older ones may corrupt a WAL when two connections write and checkpoint at once; we never let two do so."""


class StoreError(Exception):
    """The database cannot be used as it is; the sentence says what to do."""


class Busy(StoreError):
    """Somebody else holds the database: try later."""


class Database:
    """The one door to the data. `write()` and `read()` give a connection inside a transaction.

    On SQLite exactly one connection of this process writes, and a lock file keeps the writers of other processes (an
    `ack` on the command line while the daemon runs) strictly one after another, checkpoints included.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        if self.sqlite and not self.url.database:
            raise StoreError("database: an SQLite database needs a file, for example sqlite:///wellheard.db")
        self._writer = _sqlite_engine(self.url, writes=True) if self.sqlite else _server_engine(self.url)
        self._reader = _sqlite_engine(self.url, writes=False) if self.sqlite else self._writer
        self._turn = threading.RLock()
        self._turnstile: IO[bytes] | None = None
        self._daemon: IO[bytes] | None = None

    @property
    def file(self) -> Path:
        """The SQLite file. Only meaningful where `sqlite` holds."""
        return Path(str(self.url.database))

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One short transaction: committed where the block ends, rolled back where it raises. Raises Busy."""
        with self._one_writer(), _translated(), self._writer.begin() as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; writing through it fails on SQLite."""
        with _translated(), self._reader.connect() as tx:
            yield tx

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        if not self.sqlite:
            yield
            return
        with self._turn:
            if self._turnstile is None:
                self._turnstile = _open_lock(self.file, "write")
            fcntl.flock(self._turnstile, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._turnstile, fcntl.LOCK_UN)

    def claim_daemon(self) -> None:
        """Makes this process the daemon of an SQLite file, until `close`. Raises Busy where another one is."""
        if not self.sqlite or self._daemon is not None:
            return
        lock = _open_lock(self.file, "daemon")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise Busy(f"another wellheard daemon runs on {self.file.name}; stop it first") from None
        self._daemon = lock

    def close(self) -> None:
        """Closes every connection and lock. The last one of a process checkpoints, so it waits its turn."""
        with self._one_writer() if self._turnstile else nullcontext():
            self._reader.dispose()
            self._writer.dispose()
        for lock in (self._turnstile, self._daemon):
            if lock is not None:
                lock.close()
        self._turnstile = self._daemon = None

    def warnings(self) -> list[str]:
        """What an administrator should know about this database; empty where all is well."""
        if self.sqlite and sqlite3.sqlite_version_info < _FIXED_SQLITE:
            return [f"SQLite {sqlite3.sqlite_version} is older than 3.51.3; it is used with one writer at a time only"]
        return []

    def vital_signs(self) -> dict[str, str]:
        """The settings that durability rests on, read back from the connection that writes."""
        with self.write() as tx:
            ask = "PRAGMA" if self.sqlite else "SHOW"
            names = _SQLITE_SIGNS if self.sqlite else _SERVER_SIGNS
            return {name: str(tx.execute(text(f"{ask} {name}")).scalar()) for name in names}

    def upgrade(self, revision: str = "head") -> None:
        """Migrates to `revision`, all steps in one transaction. Raises StoreError for a schema newer than this code."""
        with self.write() as tx:
            _known_revision(tx)
            _alembic("upgrade", tx, revision)

    def downgrade(self, revision: str) -> None:
        """Migrates back to `revision` ("base": nothing is left)."""
        with self.write() as tx:
            _alembic("downgrade", tx, revision)

    def behind(self) -> str | None:
        """None where the schema fits this code, else a sentence. Raises StoreError where it is newer than the code."""
        with self.write() as tx:
            have = _known_revision(tx)
        want = _head()
        if have == want:
            return None
        return f"the database is at revision {have or 'none'}, this version wants {want}: run `wellheard db upgrade`"

    def blank(self) -> bool:
        """Whether nothing was ever migrated here."""
        with self.write() as tx:
            return _known_revision(tx) is None

    def backup(self, file: Path) -> None:
        """A consistent copy of an SQLite database while it is being written to. Raises StoreError."""
        if not self.sqlite:
            raise StoreError("a PostgreSQL database is backed up with pg_dump")
        if file.exists():
            raise StoreError(f"{file.name} exists; name a file that does not")
        with closing(sqlite3.connect(self.file)) as source, closing(sqlite3.connect(file)) as target:
            source.backup(target, pages=4096)
        file.chmod(0o600)

    def restore(self, file: Path) -> None:
        """Puts a backup in the place of the SQLite database. Raises StoreError for a file that is none, Busy while a
        daemon runs."""
        if not self.sqlite:
            raise StoreError("a PostgreSQL database is restored with pg_restore")
        _sound(file)
        self.claim_daemon()
        with self._one_writer():
            self._reader.dispose()
            self._writer.dispose()
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(self.file)) as target:
                source.backup(target)


def _open_lock(file: Path, what: str) -> IO[bytes]:
    lock = file.with_name(f"{file.name}.{what}.lock")
    try:
        return lock.open("ab")
    except OSError as error:
        raise StoreError(f"{lock.name} cannot be opened beside the database: {error.strerror}") from None


def _sqlite_engine(url: Any, *, writes: bool) -> Engine:
    engine = create_engine(
        url,
        # One connection to read with is kept: the daemon looks twice a second, and opening one takes a millisecond.
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0 if writes else -1,
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": _BUSY_MS / 1000},
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        pragmas = _WRITER if writes else _READER
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later would meet BUSY_SNAPSHOT: take the lock at once.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


_SQLITE_SIGNS = ("journal_mode", "synchronous", "foreign_keys", "mmap_size")
_SERVER_SIGNS = ("synchronous_commit", "fsync")
_WRITER = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "mmap_size=0",
    f"busy_timeout={_BUSY_MS}",
    "cache_size=-32768",
    "wal_autocheckpoint=10000",
)
_READER = (f"busy_timeout={_BUSY_MS}", "query_only=ON", "mmap_size=0")


def _server_engine(url: Any) -> Engine:
    # prepare_threshold=None: prepared statements do not survive a pooler such as pgbouncer.
    engine = create_engine(
        url, pool_size=5, max_overflow=5, pool_pre_ping=True, connect_args={"prepare_threshold": None}
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        # A worker that is frozen inside a transaction holds its locks: the server ends it, and the others go on.
        with connection.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = '60s'")
        connection.commit()

    return engine


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0] if error.orig else "no reason given"
        if "locked" in reason or "busy" in reason:
            raise Busy("the database is busy; try again in a moment") from None
        raise StoreError(f"the database cannot be used: {reason}") from None


def _migrations() -> Path:
    here = Path(__file__).resolve().parent.parent
    inside = here / "migrations"
    return inside if inside.is_dir() else here.parent / "alembic"


def _script() -> Any:
    from alembic.script import ScriptDirectory  # a third of a second that only migrations need

    return ScriptDirectory(str(_migrations()))


def _head() -> str:
    """The newest revision, from the files' names: asking Alembic would cost every start its import."""
    return max(path.name.split("_")[0] for path in (_migrations() / "versions").glob("[0-9]*.py"))


def _known_revision(tx: Connection) -> str | None:
    if not _has_versions(tx):
        return None
    have = tx.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if have is not None and have > _head():
        raise StoreError(f"the database is at revision {have}, newer than this version knows: upgrade wellheard")
    return have


def _has_versions(tx: Connection) -> bool:
    where = "sqlite_master WHERE name" if tx.dialect.name == "sqlite" else "pg_tables WHERE tablename"
    return tx.execute(text(f"SELECT 1 FROM {where} = 'alembic_version'")).first() is not None  # noqa: S608  # constants


def _alembic(direction: str, tx: Connection, revision: str) -> None:
    from alembic.config import Config

    from alembic import command

    config = Config(attributes={"connection": tx})
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    getattr(command, direction)(config, revision)


def _sound(file: Path) -> None:
    if not file.is_file():
        raise StoreError(f"there is no file {file.name}")
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as copy:
            verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
            ours = copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'mentions'").fetchone()
    except sqlite3.DatabaseError:
        verdict, ours = "no database", None
    if verdict != "ok" or ours is None:
        raise StoreError(f"{file.name} is not a sound backup of a wellheard database")
