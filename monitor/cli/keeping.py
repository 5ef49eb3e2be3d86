"""Where what `connect` got is kept: secrets in files that only their owner may read, sources as tables of TOML."""

from __future__ import annotations

import fcntl
import json
import os
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp

from monitor.messages import line
from monitor.model import Json

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where the secrets of one grant go: `path`/`prefix`-KEY. `home` is the directory of the configuration file."""

    path: Path
    home: Path
    prefix: str

    def file(self, key: str) -> Path:
        """Where the secret `key` is kept."""
        return self.path / f"{self.prefix}-{key}"

    def written(self, key: str) -> str:
        """That place as the configuration names it: relative where it is beside it."""
        file, home = self.file(key).absolute(), self.home.absolute()
        return str(file.relative_to(home)) if file.is_relative_to(home) else str(file)

    def differs(self, key: str, content: str | None = None) -> bool:
        """Whether something else than `content` is there already. Raises OSError."""
        file = self.file(key)
        return file.exists() and (content is None or file.read_text(encoding="utf-8", errors="replace") != content)

    def keep(self, key: str, content: str, *, locked: bool = False) -> None:
        """Writes a secret, mode 600, whole or not at all. `locked`: not while a daemon replaces it. Raises OSError."""
        if not self.path.exists():
            self.path.mkdir(mode=0o700, parents=True)
            _hand_over(self.path, self.path.parent)
        real = Path(os.path.realpath(self.file(key)))
        if not locked:
            _replace(real, content)
            return
        lock = os.open(f"{real}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _hand_over(lock, real.parent)
            fcntl.flock(lock, fcntl.LOCK_EX)  # a renewal lasts for one request
            _replace(real, content)
        finally:
            os.close(lock)


def _replace(path: Path, content: str) -> None:
    written, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 600
    try:
        with os.fdopen(written, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            _hand_over(file.fileno(), path if path.exists() else path.parent)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _hand_over(what: int | Path, like: Path) -> None:
    """What root writes for the daemon belongs to the daemon, as the folder does where it stands."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(what, owner.st_uid, owner.st_gid)


def named(name: str, taken: Iterable[str], otherwise: str) -> str:
    """`name` as a table may be called, and no other is."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    bare = _NAME.sub("-", letters)[:50].strip("-_").lower() or otherwise
    there, n, one = set(taken), 1, bare
    while one in there:
        n += 1
        one = f"{bare}-{n}"
    return one


def table(name: str, connector: str, options: Mapping[str, Json], *, shown: str, location: str | None) -> str:
    """A source as it stands in config.toml."""
    labels = [f"labels = {toml({'location': location})}"] if location else []
    given = [f"{_key(key)} = {toml(value)}" for key, value in options.items() if value is not None]
    head = [f"# {line(shown)}", f"[sources.{_key(name)}]", f"connector = {toml(connector)}", *labels]
    return "\n".join([*head, *(["", f"[sources.{_key(name)}.options]", *given] if given else [])]) + "\n"


def toml(value: Json) -> str:
    """`value` as TOML, on one line. What TOML has no word for, such as null in a list, raises TypeError."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        # A string of JSON is one of TOML, but for DEL and for halves of surrogate pairs, which no file can hold.
        whole = value.encode("utf-8", "replace").decode()
        return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {toml(one)}" for key, one in value.items() if one is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else toml(key)


def sources_in(path: Path) -> frozenset[str]:
    """The sources that are configured in `path`, as far as it can be read."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("sources", {})
    except (OSError, ValueError, RecursionError):
        return frozenset()
    return frozenset(tables) if isinstance(tables, dict) else frozenset()


def append(path: Path, tables: Iterable[str]) -> None:
    """Adds tables at the end of a file. Raises OSError."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(gap + "\n".join(tables))
