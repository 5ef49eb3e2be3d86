"""The charts of a digest, by matplotlib: read on a phone, told apart without red and green, every line named where it ends."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from monitor.model import Json

WIDTH = 340
"""Points: as wide as a phone shows it, so that a point of type is a pixel there."""
_SCALE = 3.2
BLUE, ORANGE, GREY, INK, PALE = "#2f6fb0", "#d9541e", "#66717c", "#14191e", "#dde2e7"
FONT = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
"""The library's own font: the machine may have none."""


def png(wanted: Mapping[str, Json]) -> bytes | None:
    """The chart as a PNG, None where it would say nothing. Raises KeyError for a kind that nobody draws."""
    draw = {"trend": _trend, "ratings": _ratings, "heat": _heat}[wanted["kind"]]
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "axes.linewidth": 0.6}):
        figure = draw(wanted)
        if figure is None:
            return None
        FigureCanvasAgg(figure)
        held = BytesIO()
        # Without the library's version in it, the same numbers are the same bytes.
        figure.savefig(held, format="png", dpi=72 * _SCALE, facecolor="white", metadata={"Software": None})
    return _small(held.getvalue())


def _small(picture: bytes) -> bytes:
    """The same picture in 64 colours: a third of the size, and nobody can tell."""
    from PIL import Image

    held = BytesIO()
    with Image.open(BytesIO(picture)) as image:
        image.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(held, "PNG", optimize=True)
    return held.getvalue()


def plain(text: str, instead: str = "?") -> str:
    """`text` without what the font has no picture of, nor the gap before what follows it; `instead` where nothing is left."""
    left = " ".join("".join(char for char in text if ord(char) in _known()).split())
    return re.sub(r" (?=[:,.;)])", "", left) or instead


@cache
def _known() -> frozenset[int]:
    return frozenset(FT2Font(str(FONT)).get_charmap())


def cut(text: str, most: int) -> str:
    """At most `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _figure(height: float) -> Figure:
    return Figure(figsize=(WIDTH / 72, height / 72), layout=None)


def _trend(wanted: Mapping[str, Json]) -> Figure | None:
    """Small multiples: the whole above, then a panel for each location on one common scale of its own."""
    weeks, panels = wanted["weeks"], wanted["panels"]
    if len(weeks) < 2 or not any(map(any, (panel["mentions"] for panel in panels))):
        return None
    small = panels[1:]
    rows = (len(small) + 1) // 2
    height = 134 + 104 * rows
    figure = _figure(height)
    _panel(figure.add_axes((0.04, 1 - 108 / height, 0.73, 74 / height)), panels[0], weeks, _top(panels[:1]), 34)
    for at, panel in enumerate(small):
        left, under = 0.04 + 0.51 * (at % 2), 1 - (134 + 104 * (at // 2) + 78) / height
        _panel(figure.add_axes((left, under, 0.26, 50 / height)), panel, weeks, _top(small), 20)
    return figure


def _top(panels: Sequence[Mapping[str, Any]]) -> float:
    return max([1.0, *(float(max(panel["mentions"])) for panel in panels)]) * 1.15


def _panel(axes: Axes, panel: Mapping[str, Any], weeks: Sequence[str], top: float, longest: int) -> None:
    at = range(len(weeks))
    for values, colour, said in ((panel["mentions"], BLUE, ""), (panel["negative"], ORANGE, " neg.")):
        axes.plot(at, values, color=colour, linewidth=2, solid_capstyle="round", clip_on=False)
        axes.plot(at[-1:], values[-1:], "o", color=colour, markersize=4.5, clip_on=False)
        # The two names stand apart even where the two lines end in the same place.
        apart = 0.16 * top
        other = panel["negative" if not said else "mentions"][-1]
        near = abs(values[-1] - other) < 2 * apart
        shift = (apart if not said else -apart) * (1 - abs(values[-1] - other) / (2 * apart)) if near else 0.0
        axes.annotate(
            f"{values[-1]:,}{said}", (len(weeks) - 1, max(values[-1] + shift, 0.0 if said else 0.3 * top)), (8, 0),
            textcoords="offset points", va="center", color=colour, fontsize=11, fontweight="bold", annotation_clip=False,
        )  # fmt: skip
    axes.set_title(
        cut(plain(panel["name"], "(see the table)"), longest),
        loc="left",
        fontsize=10.5,
        pad=6,
        color=INK,
        fontweight="bold",
    )
    axes.set_ylim(0, top)
    axes.set_xlim(0, len(weeks) - 1)
    axes.set_xticks([0, len(weeks) - 1], [weeks[0], weeks[-1]], fontsize=10.5, color=GREY)
    axes.get_xticklabels()[0].set_horizontalalignment("left")
    axes.set_yticks([])
    axes.tick_params(length=0, pad=5)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(PALE)


def _ratings(wanted: Mapping[str, Json]) -> Figure | None:
    """A dot for the mean and a line for where the rating probably lies; one row alone compares nothing."""
    rows = wanted["rows"]
    if len(rows) < 2:
        return None
    height = 34 + 36 * len(rows)
    figure = _figure(height)
    axes = figure.add_axes((0.05, 28 / height, 0.64, (height - 30) / height))
    for at, row in enumerate(rows):
        under = len(rows) - 1 - at
        axes.plot([row["low"], row["high"]], [under, under], color="#9db8d6", linewidth=6, solid_capstyle="round",
                  clip_on=False)  # fmt: skip
        axes.plot([row["mean"]], [under], "o", color=BLUE, markersize=8, clip_on=False)
        axes.text(
            1,
            under + 0.3,
            cut(plain(row["name"], "(see the table)"), 36),
            va="bottom",
            ha="left",
            fontsize=9.5,
            color=INK,
        )
        told = f"{row['mean']:.1f}  of {row['given']:,}"
        axes.annotate(told, (5, under), (12, 0), textcoords="offset points", va="center", fontsize=11, fontweight="bold",
                      annotation_clip=False)  # fmt: skip
    axes.set_xlim(1, 5)
    axes.set_ylim(-0.5, len(rows) - 0.2)
    axes.set_xticks(range(1, 6), [f"{star}★" for star in range(1, 6)], fontsize=10.5, color=GREY)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.grid(axis="x", color=PALE, linewidth=0.7)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _heat(wanted: Mapping[str, Json]) -> Figure | None:
    """Five by five: impact upwards, likelihood to the right, the classes' numbers in their cells."""
    cells, limits = wanted["cells"], wanted["appetite"]
    if not cells:
        return None
    figure = _figure(300)
    axes = figure.add_axes((0.14, 0.14, 0.82, 0.84))
    for impact in range(1, 6):
        for likely in range(1, 6):
            level = sum(impact * likely >= limit for limit in limits)
            colour = ("#eef3f8", "#bcd3ea", "#f0b496")[level]
            axes.fill([likely - 0.5, likely + 0.5, likely + 0.5, likely - 0.5],
                      [impact - 0.5, impact - 0.5, impact + 0.5, impact + 0.5], color=colour, ec="white", lw=2)  # fmt: skip
            told = cells.get(f"{impact},{likely}", [])
            lines = [" ".join(map(str, told[at : at + 4])) for at in range(0, len(told), 4)]
            axes.text(likely, impact, "\n".join(lines), ha="center", va="center", fontsize=10, fontweight="bold")
    axes.set_xlim(0.5, 5.5)
    axes.set_ylim(0.5, 5.5)
    axes.set_xticks(range(1, 6))
    axes.set_yticks(range(1, 6))
    axes.set_xlabel("Likelihood, as observed", fontsize=10)
    axes.set_ylabel("Impact", fontsize=10)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure
