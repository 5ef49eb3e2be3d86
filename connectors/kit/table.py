"""A file of rows, as spreadsheets and programs export them: CSV in any dialect, JSON lines, or a JSON array."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from monitor.connector import Malformed
from monitor.model import Json

Raw = tuple[int, dict[str, Json], str]
"""The line a row begins on, its values by column, and where there are none the reason why."""

_MOST = 524_288
"""Characters in a row: an unclosed quote or bracket must not read a whole file into memory."""

_CHUNK = 65_536
_DELIMITERS = ",;\t|"
_BETWEEN = re.compile(r"[ \t\r\n,]*")
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class Table:
    """Reads the rows of the file at `path` in constant memory.

    The delimiter is the one that makes most of `wanted` and `needed` column names out of the header, unless a first line
    `sep=;` names it. `bytes_read` tells how far it is. Iterating raises Malformed where the header is of no use, and OSError.
    """

    def __init__(self, path: Path, wanted: Collection[str], needed: Collection[str] = ()) -> None:
        self.path = path
        self.is_json = False
        self.bytes_read = 0
        self._wanted = {name.casefold() for name in (*wanted, *needed)}
        self._needed = needed

    def __iter__(self) -> Iterator[Raw]:
        with self.path.open("rb") as file:
            text = io.TextIOWrapper(file, _encoding(file), errors="replace", newline="")
            line, first = _first(text)
            opening = first.lstrip()[:1]
            self.is_json = opening in ("[", "{")
            for row in (_array if opening == "[" else _lines if opening == "{" else self._csv)(text, line, first):
                self.bytes_read = file.tell()
                yield row

    def _csv(self, text: IO[str], line: int, first: str) -> Iterator[Raw]:
        named = _SEP.fullmatch(first)
        if named:
            line, first = line + 1, text.readline(_MOST)
        delimiter = named[1] if named else self._delimiter(first)
        reader = csv.reader(_bounded(text, first), delimiter=delimiter)
        header = [name.strip() for name in next(reader, [])]
        self._check(header, line)
        while True:
            begin = line + reader.line_num
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield begin, {}, "a cell is too long: is a quotation mark left open?"
                continue
            if len(cells) == len(header):
                if any(cells):
                    yield begin, dict(zip(header, cells, strict=True)), ""
            elif cells:
                yield begin, {}, f"has {len(cells)} cells where the header has {len(header)}"

    def _check(self, header: list[str], line: int) -> None:
        names = [name.casefold() for name in header]
        where = f"{self.path.name}, line {line}: the header"
        for name in sorted(self._needed):
            if name.casefold() not in names:
                raise Malformed(f"{where} has no column {name!r}: correct the map in the source's options")
        known = [name for name in names if name in self._wanted]
        if not known:
            raise Malformed(f"{where} names no column that is known: write a map in the source's options")
        if len(known) > len(set(known)):
            raise Malformed(f"{where} names a column twice: rename one of them")

    def _delimiter(self, header: str) -> str:
        def fitness(delimiter: str) -> tuple[int, int]:
            names = next(csv.reader([header], delimiter=delimiter), [])
            return sum(name.strip().casefold() in self._wanted for name in names), len(names)

        return max(_DELIMITERS, key=fitness)


def _encoding(file: IO[bytes]) -> str:
    """The encoding by its mark; without one UTF-8 if all of the file is that, else what Windows wrote in the West."""
    start = file.read(3)
    encoding = next((name for bom, name in _BOMS.items() if start.startswith(bom)), None)
    file.seek(0)
    if encoding is None:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
            encoding = "utf-8"
        except UnicodeDecodeError:
            encoding = "cp1252"
        file.seek(0)
    return encoding


def _first(text: IO[str]) -> tuple[int, str]:
    """The first line that is not empty, and its number."""
    line = 1
    while (first := text.readline(_MOST)) and not first.strip():
        line += 1
    return line, first


def _bounded(text: IO[str], first: str) -> Iterator[str]:
    yield first
    while line := text.readline(_MOST):
        yield line


def _lines(text: IO[str], line: int, first: str) -> Iterator[Raw]:
    for number, written in enumerate(_bounded(text, first), line):
        if written.strip():
            yield (number, *_object(written))


def _object(written: str) -> tuple[dict[str, Json], str]:
    try:
        row = json.loads(written)
    except (ValueError, RecursionError):
        return {}, "is no JSON: a row must be one object on one line"
    return (row, "") if isinstance(row, dict) else ({}, "is no object")


def _array(text: IO[str], line: int, first: str) -> Iterator[Raw]:
    decoder, buffer, at, more = json.JSONDecoder(), first, first.index("[") + 1, True
    while True:
        begin = _BETWEEN.match(buffer, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        line += buffer.count("\n", at, begin)
        if buffer.startswith("]", begin):
            return
        try:
            row, at = decoder.raw_decode(buffer, begin)
        except (ValueError, RecursionError):
            if more and len(buffer) - begin < _MOST:
                chunk = text.read(_CHUNK)
                buffer, at, more = buffer[begin:] + chunk, 0, bool(chunk)
                continue
            yield line, {}, "is no JSON, and neither is what follows: nothing more was read"
            return
        yield (line, row, "") if isinstance(row, dict) else (line, {}, "is no object")
        line += buffer.count("\n", begin, at)
