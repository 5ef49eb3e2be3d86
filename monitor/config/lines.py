"""Where a key stands in a TOML file: the line numbers that tomllib does not give."""

import re
import tomllib
from collections.abc import Iterator

Path = tuple[str, ...]

_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"""'
    r"|'''.*?'''"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*|\n|[\[\]{}=,]|[^\s\"'\#\[\]{}=,]+|[\"']",
    re.DOTALL,
)


def lines(text: str) -> dict[Path, int]:
    """The line of every table and key, counted from 1. An array of tables counts its tables: ``("a", "0", "key")``.

    A best effort for a file that tomllib has read already: what stands inside an inline table is found by its key."""
    found: dict[Path, int] = {}
    table: Path = ()
    arrays: dict[Path, int] = {}
    for line, statement in _statements(text):
        if statement[0] != "[":
            found.setdefault((*table, *_key(statement[: statement.index("=")] if "=" in statement else [])), line)
            continue
        table = _key([piece for piece in statement if piece not in "[]"])
        if statement[1:2] == ["["]:
            found.setdefault(table, line)
            arrays[table] = arrays.get(table, -1) + 1
        table = _counted(table, arrays)
        found.setdefault(table, line)
    return found


def nearest(found: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the innermost table or key around it that has one."""
    for end in range(len(path), 0, -1):
        if path[:end] in found:
            return found[path[:end]]
    return None


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """The statements of a file with their lines, each as pieces without comments."""
    line, begun, depth = 1, 1, 0
    statement: list[str] = []
    for match in _PIECE.finditer(text):
        piece = match.group()
        if not statement:
            begun = line
        if piece == "\n" and depth == 0 and statement:
            yield begun, statement
            statement = []
        elif piece != "\n" and not piece.startswith("#"):
            statement.append(piece)
        # A heading closes on its own line; only a value may go on over several.
        depth = 0 if not statement else depth + (piece in "[{") - (piece in "]}" and depth > 0)
        line += piece.count("\n")
    if statement:
        yield begun, statement


def _key(pieces: list[str]) -> Path:
    """A key's parts: ``a."b.c".d`` comes as the pieces ``a.``, ``"b.c"`` and ``.d``."""
    parts: list[str] = []
    for piece in pieces:
        parts += [_unquoted(piece)] if piece[0] in "\"'" else [part for part in piece.split(".") if part]
    return tuple(parts)


def _unquoted(piece: str) -> str:
    try:
        return str(tomllib.loads(f"key = {piece}")["key"])
    except tomllib.TOMLDecodeError:
        return piece


def _counted(table: Path, arrays: dict[Path, int]) -> Path:
    """`table` with the number of the array's table that it belongs to, where it belongs to one."""
    counted: Path = ()
    plain: Path = ()
    for part in table:
        plain = (*plain, part)
        counted = (*counted, part, str(arrays[plain])) if plain in arrays else (*counted, part)
    return counted
