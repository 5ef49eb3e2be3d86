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


class _Paper(FPDF):
    foot = ""

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font("DejaVu", size=7)
        self.set_text_color(*_GREY)
        self.cell(0, 5, f"{self.foot}  Page {self.page_no()} of {{nb}}")


def paper(wanted: Mapping[str, Json], pictures: Mapping[str, bytes]) -> bytes:
    """The PDF of a `title`, a `subtitle` and `blocks`: each a `heading`, a `text`, a `table` (rows of cells, the first the
    head) or a `picture` by name with its `alt`, left out where it was not drawn."""
    page = _Paper(format="A4")
    page.foot = plain(wanted.get("foot", ""), "")
    page.set_margins(18, 16, 18)
    page.set_auto_page_break(auto=True, margin=20)
    page.add_font("DejaVu", fname=FONT)
    page.add_font("DejaVu", style="B", fname=FONT.with_name("DejaVuSans-Bold.ttf"))
    page.set_title(plain(wanted["title"]))
    page.set_lang("en")
    page.add_page()
    _said(page, wanted["title"], 18, bold=True)
    _said(page, wanted["subtitle"], 11, colour=_GREY)
    for block in wanted["blocks"]:
        _block(page, block, pictures)
    return bytes(page.output())


def _block(page: FPDF, block: Mapping[str, Any], pictures: Mapping[str, bytes]) -> None:
    match block:
        case {"heading": str(text)}:
            if page.will_page_break(24):
                page.add_page()
            page.ln(4)
            _said(page, text, 12.5, bold=True)
        case {"text": str(text)}:
            _said(page, text, 9.5)
        case {"table": list(rows)} if rows:
            _table(page, rows)
        case {"picture": str(name), "alt": str(alt)} if name in pictures:
            page.ln(1)
            page.image(BytesIO(pictures[name]), w=120, alt_text=plain(alt))
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
    first = 3 if others > 1 else 1
    with page.table(
        borders_layout="HORIZONTAL_LINES", col_widths=(first, *[3.0 if others == 1 else 1.0] * others), line_height=5,
        text_align=("LEFT", *["LEFT" if others == 1 else "RIGHT"] * others), cell_fill_color=_PALE,
        cell_fill_mode=TableCellFillMode.NONE, headings_style=FontFace(emphasis="BOLD", color=_INK),
        first_row_as_headings=others > 1,
    ) as table:  # fmt: skip
        for row in rows:
            cells = table.row()
            for cell in row:
                cells.cell(plain(str(cell), "-"))
