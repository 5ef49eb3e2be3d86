"""Charts: drawn by another process, or not at all; never a picture that says nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from base64 import b64decode
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from monitor import charts
from monitor.charts import DrawingError, drawn

PIL = pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")


def panel(name: str = "All", mentions: Any = (3, 4, 5), negative: Any = (1, 0, 2)) -> dict[str, Any]:
    return {"name": name, "mentions": list(mentions), "negative": list(negative)}


def trend(*panels: dict[str, Any], weeks: Any = ("W1", "W2", "W3")) -> dict[str, Any]:
    return {"kind": "trend", "name": "trend", "weeks": list(weeks), "panels": list(panels or [panel()])}


def ratings(many: int) -> dict[str, Any]:
    rows = [{"name": f"Clínica 🏥 {n}", "low": 2, "mean": 3, "high": 4, "given": n + 1} for n in range(many)]
    return {"kind": "ratings", "name": "ratings", "rows": rows}


HEAT = {"kind": "heat", "name": "heat", "cells": {"5,3": [1, 2, 3, 4, 5]}, "appetite": [6, 15]}
PAPER = {
    "kind": "paper", "name": "paper", "title": "Week 46 🏥", "subtitle": "9 to 15 November", "foot": "歯科",
    "blocks": [
        {"heading": "x"}, {"text": "Año\n🦷"}, {"table": [["", "a", "b"], ["Niño 🏥", "1", ""]]}, {"table": []},
        {"table": [["one", "two"]]}, {"picture": "trend", "alt": "what it shows"}, {"picture": "missing", "alt": "-"},
    ],
}  # fmt: skip


def draw(*wanted: dict[str, Any], **how: Any) -> dict[str, bytes]:
    return {name: b64decode(picture) for name, picture in asyncio.run(drawn(wanted, **how)).items()}


def test_every_kind_of_chart_is_a_small_png_and_a_paper_is_a_pdf():
    panels = [panel(f"Clinic {n}", (n, 2, 3)) for n in range(7)]
    made = draw(trend(*panels), ratings(10), HEAT, PAPER)

    assert list(made) == ["trend", "ratings", "heat", "paper"]
    assert made.pop("paper").startswith(b"%PDF-")
    for picture in made.values():
        with PIL.open(BytesIO(picture)) as image:
            assert (image.format, image.width) == ("PNG", 1088)
        assert len(picture) < 80_000


def test_a_chart_that_says_nothing_is_left_out():
    nothing = [
        trend(panel(mentions=(3,), negative=(0,)), weeks=("W1",)), trend(panel(mentions=(0, 0, 0))), ratings(1), ratings(0),
        HEAT | {"cells": {}},
    ]  # fmt: skip

    assert draw(*nothing) == {}


def test_the_same_numbers_are_the_same_picture():
    assert draw(trend()) == draw(trend())


def test_names_in_any_script_can_be_drawn():
    names = ["歯科クリニック", "مستشفى", "", "🏥", "$x^2$", "a" * 500, "\N{COMBINING ACUTE ACCENT}"]

    assert set(draw(trend(*map(panel, names)), ratings(2))) == {"trend", "ratings"}


def test_nothing_to_draw_needs_no_process():
    assert draw(python=("/nowhere",)) == {}


def test_drawing_that_takes_too_long_is_given_up_and_the_process_is_gone():
    with pytest.raises(DrawingError, match=r"took longer than 0 s"):
        draw(trend(), within=timedelta(seconds=0.05))


def test_a_process_that_fails_says_what_sort_of_error_and_nothing_else():
    with pytest.raises(DrawingError, match=r"^drawing failed: KeyError$"):
        draw({"kind": "canary", "name": "x"})


def test_an_answer_that_cannot_be_read_is_no_picture():
    with pytest.raises(DrawingError, match="cannot be read"):
        draw(trend(), python=("/bin/echo",))


def test_the_daemon_does_not_carry_what_draws():
    code = "import sys, monitor.daemon, monitor.cli.outcome; sys.exit(bool({'matplotlib', 'numpy', 'fpdf', 'PIL'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert timedelta(seconds=60) == charts.WITHIN
