"""Prints every table of docs/accuracy.md and writes it there, between its marks.

    python -m benchmarks.accuracy [--data DIR] [--dry] [TABLE ...]

Tables: sentiment (a quarter of an hour, for it learns thirteen models; needs the dependency group `train`), language,
themes, risks; all without a name. `--dry` prints and writes nothing."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks.accuracy.data import FOLDER

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
TABLES = ("sentiment", "language", "themes", "risks")
"""Modules of this package with a function `tables(folder)` that gives Markdown; the page has a place for each."""


def main() -> None:
    """One table after the other: each is written as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="TABLE")
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--dry", action="store_true")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(TABLES):
        parser.error(f"there is no table {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    if not asked.data.is_dir():
        sys.exit(f"there are no labelled texts in {asked.data}; name their folder with --data")
    for name in asked.names or TABLES:
        tables: Callable[[Path], str] = import_module(f"benchmarks.accuracy.{name}").tables
        found = tables(asked.data)
        print(f"## {name}\n\n{found}\n", flush=True)
        if not asked.dry:
            write(name, found)


def write(name: str, found: str) -> None:
    """Puts tables between the marks of their name. Raises SystemExit where the page has none."""
    page = PAGE.read_text(encoding="utf-8")
    place = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
    if not place.search(page):
        sys.exit(f"docs/accuracy.md has no <!-- {name} --> and <!-- /{name} -->")
    PAGE.write_text(place.sub(lambda _: f"{found}\n", page), encoding="utf-8")


if __name__ == "__main__":
    main()
