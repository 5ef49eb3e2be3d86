"""Charts: drawn by another process, or not at all; never a picture that says nothing."""

from __future__ import annotations

import asyncio
import platform
import subprocess
import sys
from base64 import b64decode
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from monitor import charts
from monitor.charts import DrawingError, drawn

ROOT = Path(__file__).resolve().parents[1]
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


PROBE = """
import mmap, os
for what in (lambda: os.sched_setaffinity(0, {0}), lambda: mmap.mmap(-1, 4096, prot=7), lambda: os.chown(".", 0, 0)):
    try:
        what()
    except PermissionError:
        print("refused")
"""


@pytest.mark.skipif(
    platform.machine() != "x86_64" or sys.platform != "linux", reason="the numbers of its calls are Linux's"
)
def test_it_draws_where_the_unit_refuses_what_it_refuses_and_there_is_no_home(monkeypatch):
    unit = (ROOT / "systemd" / "wellheard.service").read_text()
    assert {"MemoryDenyWriteExecute=yes", "SystemCallFilter=~@privileged @resources", "ProtectHome=yes"} <= set(
        unit.split("\n")
    )
    sandbox = str(ROOT / "tests" / "sandboxed.py")
    probed = subprocess.run([sys.executable, sandbox, "-c", PROBE], capture_output=True, text=True, check=True)
    assert probed.stdout.split().count("refused") + probed.stderr.count("older than") == 3

    monkeypatch.setenv("HOME", "/proc/nowhere")
    for name in ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert set(draw(trend(), PAPER, python=(sys.executable, sandbox))) == {"trend", "paper"}


def test_a_paper_leaves_out_what_its_font_cannot_write_and_the_gap_that_it_leaves():
    figures = pytest.importorskip("monitor.charts.figures")

    assert figures.plain("Clínica Año 🏥: 🦷 niño 🚑, fin") == "Clínica Año: niño, fin"
    assert figures.plain("歯科", "(see the mail)") == "(see the mail)"


@pytest.mark.parametrize("rows", [1, 40, 400])
def test_a_paper_of_any_length_keeps_its_headings_with_what_they_head(rows):
    table = [["", "mentions", "likely"], *([f"Clinic {n} on Elm Street", str(n), "3.4 to 5.0"] for n in range(rows))]
    facts = [["Opened", "words " * 60], ["", ""]]
    blocks = [{"heading": "x"}, {"picture": "trend", "alt": "-"}, {"table": table}, {"heading": "y"}, {"table": facts}]
    made = draw(trend(*[panel(f"{n}") for n in range(7)]), PAPER | {"blocks": blocks * 3})["paper"]

    assert made.startswith(b"%PDF-")
    assert made.count(b"/Type /Page\n") >= (3 if rows < 40 else 5)


def test_the_daemon_does_not_carry_what_draws():
    code = "import sys, monitor.daemon, monitor.cli.outcome; sys.exit(bool({'matplotlib', 'numpy', 'fpdf', 'PIL'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert timedelta(seconds=60) == charts.WITHIN
