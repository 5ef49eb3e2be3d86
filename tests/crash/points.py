"""The named points at which a daemon can be made to die, found in the source, so that a new one cannot be forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

MONITOR = Path(__file__).resolve().parents[2] / "monitor"


def points() -> list[str]:
    """The names that the line hands to `reach`, in the order of the files. Raises ValueError for one not written out."""
    found = [name for path in sorted(MONITOR.rglob("*.py")) for name in _reached(path)]
    return list(dict.fromkeys(found))


def _reached(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reach":
            match node.args:
                case [ast.Constant(value=str(name))]:
                    yield name
                case _:
                    raise ValueError(f"{path.name}:{node.lineno}: a fail point's name must be written out")
