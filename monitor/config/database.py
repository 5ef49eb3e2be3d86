"""The address of the database: an SQLite file beside the configuration, or a PostgreSQL server."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from monitor.config.addresses import is_loopback, split
from monitor.config.mistakes import wrong
from monitor.config.secrets import is_reference, secret
from monitor.config.surroundings import Surroundings, around


def _database(value: Any, info: ValidationInfo) -> Any:
    read = around(info)
    hidden = is_reference(value)
    if read and hidden:
        value = secret(value, info).reveal()
    if read is None or not isinstance(value, str):
        return value
    if value.startswith("sqlite:"):
        return _sqlite(value, read)
    if not value.startswith("postgresql+psycopg://"):
        right = 'write "sqlite:///wellheard.db" or "postgresql+psycopg://HOST/NAME"'
        raise wrong("is not a database that Wellheard knows", right)
    if not hidden and _has_password(value):
        raise wrong("holds a password", 'write { env = "DATABASE_URL" } and put the whole address there')
    return value


def _has_password(url: str) -> bool:
    """Whether `url` holds a password that opens something to others: not so on this machine, where it is thrown away."""
    # Without a host the server is reached through a socket of this machine.
    parts = split(re.sub("//([^/?@]*@)?(?=[/?])", r"//\1localhost", url, count=1))
    if parts is None:
        raise wrong(
            "is not an address", 'write for example "postgresql+psycopg://wellheard@db.practice.example/wellheard"'
        )
    inside = bool(parts.password) or "password=" in parts.query.lower()
    return inside and not is_loopback(parts.hostname or "")


def _sqlite(value: str, read: Surroundings) -> str:
    written, _, query = value.removeprefix("sqlite:").partition("?")
    if not written.startswith("///") or not written[3:].strip() or ":memory:" in written or "\0" in written:
        right = 'write for example "sqlite:///wellheard.db"'
        raise wrong("is an SQLite database that no file keeps", right)
    return f"sqlite:///{read.beside(written[3:])}" + (f"?{query}" if query else "")


Database = Annotated[str, BeforeValidator(_database)]
