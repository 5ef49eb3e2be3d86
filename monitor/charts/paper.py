"""A digest on paper: a PDF of headings, sentences, tables and the charts, by fpdf2 with the charts' own font."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from fpdf import FPDF, FontFace
from fpdf.enums import TableCellFillMode

from monitor.charts.figures import FONT, plain
from monitor.model import Json

_INK, _GREY, _PALE = (20, 25, 30), (102, 113, 124), (244, 246, 248)
_LINES = (221, 226, 231)


_WIDE, _HIGH = 120, 200
"""Millimetres: how wide a picture is, and how much of a page it and its heading may ask for."""
_UNWRITTEN = "(see the mail)"
"""In place of a name that the font has no letter of."""


class _Paper(FPDF):
    head = foot = ""

    def header(self) -> None:
        if self.page_no() > 1:
            self.set_y(9)
            self.set_font("DejaVu", size=7)
            self.set_text_color(*_GREY)
            self.cell(0, 5, self.head)
            self.set_y(self.t_margin)

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font("DejaVu", size=7)
        self.set_text_color(*_GREY)
        self.cell(0, 5, self.foot)
        self.set_x(self.l_margin)
        self.cell(0, 5, f"Page {self.page_no()} of {{nb}}", align="R")


def paper(wanted: Mapping[str, Json], pictures: Mapping[str, bytes]) -> bytes:
    """The PDF of a `title`, a `subtitle` and `blocks`: each a `heading`, a `text`, a `table` (rows of cells, the first the
    head) or a `picture` by name with its `alt`, left out where it was not drawn."""
    page = _Paper(format="A4")
    page.foot = plain(wanted.get("foot", ""), "")
    page.head = plain(f"{wanted['title']}, {wanted['subtitle']}")
    page.set_margins(18, 18, 18)
    page.set_draw_color(*_LINES)
    page.set_line_width(0.2)
    page.set_auto_page_break(auto=True, margin=20)
    page.add_font("DejaVu", fname=FONT)
    page.add_font("DejaVu", style="B", fname=FONT.with_name("DejaVuSans-Bold.ttf"))
    page.set_title(plain(wanted["title"]))
    page.set_lang("en")
    page.add_page()
    _said(page, wanted["title"], 18, bold=True)
    _said(page, wanted["subtitle"], 11, colour=_GREY)
    for at, block in enumerate(wanted["blocks"]):
        if "heading" in block and page.will_page_break(_room(wanted["blocks"][at + 1 : at + 3], pictures)):
            page.add_page()
        _block(page, block, pictures)
    return bytes(page.output())


def _room(below: Sequence[Mapping[str, Any]], pictures: Mapping[str, bytes]) -> float:
    """Millimetres that a heading needs, so that it does not stand alone: with the picture that belongs to it."""
    shown = [pictures[one["picture"]] for one in below if one.get("picture") in pictures]
    # A PNG's width and height are its bytes 16 to 24.
    sizes = [(int.from_bytes(one[16:20]), int.from_bytes(one[20:24])) for one in shown]
    return min(32 + sum(_WIDE * high / wide for wide, high in sizes), _HIGH)


def _block(page: FPDF, block: Mapping[str, Any], pictures: Mapping[str, bytes]) -> None:
    match block:
        case {"heading": str(text)}:
            page.ln(4)
            _said(page, text, 12.5, bold=True)
        case {"text": str(text)}:
            _said(page, text, 9.5)
        case {"table": list(rows)} if rows:
            _table(page, rows)
        case {"picture": str(name), "alt": str(alt)} if name in pictures:
            page.ln(1)
            page.image(BytesIO(pictures[name]), w=_WIDE, alt_text=plain(alt))
            page.ln(2)


def _said(page: FPDF, text: str, size: float, *, bold: bool = False, colour: tuple[int, int, int] = _INK) -> None:
    page.set_font("DejaVu", style="B" if bold else "", size=size)
    page.set_text_color(*colour)
    for line in text.splitlines():
        page.multi_cell(0, size * 0.5, plain(line, ""), new_x="LMARGIN", new_y="NEXT", align="L")
    page.ln(1)


def _table(page: FPDF, rows: Sequence[Sequence[str]]) -> None:
    others = len(rows[0]) - 1
    page.set_font("DejaVu", size=8.5)
    page.set_text_color(*_INK)
    with page.table(
        borders_layout="HORIZONTAL_LINES", col_widths=_widths(rows), line_height=5.4, v_align="TOP",
        text_align=("LEFT", *["LEFT" if others == 1 else "RIGHT"] * others), cell_fill_color=_PALE,
        cell_fill_mode=TableCellFillMode.NONE, headings_style=FontFace(emphasis="BOLD", color=_INK),
        first_row_as_headings=others > 1,
    ) as table:  # fmt: skip
        for row in rows:
            cells = table.row()
            for cell in row:
                cells.cell(plain(str(cell), _UNWRITTEN) if str(cell).strip() else "")
    page.ln(2)


def _widths(rows: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """How wide the columns are to one another: as their longest cells, the first of them at least as a short name; where
    there are two, the second takes what is left."""
    first, *others = (max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True))
    first = min(max(first, 24), 40)
    return (first, 110 - first) if len(others) == 1 else (first, *(min(max(other + 2, 9), 24) for other in others))
