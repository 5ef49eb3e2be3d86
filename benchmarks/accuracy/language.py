"""Language: how many English texts are known as such, short ones apart, and how many others are not taken for English."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.accuracy.data import NEUTRAL, OTHERS, REVIEWS, rows
from benchmarks.accuracy.metrics import share, table
from monitor.assess.language import language

ENGLISH = (*REVIEWS, *OTHERS, *NEUTRAL, "suicide_rallypoint", "spam_sms", "threat_hatecheck")
_SHORT = 4
_NO_WORD = re.compile(r"https?://\S+|[@#&]\S+|[\W\d_]+")


def judged(folder: Path) -> Mapping[str, Sequence[tuple[int, str | None]]]:
    """The words and the language of each text of the English sources that has a word; a few are in truth not English."""
    found: dict[str, list[tuple[int, str | None]]] = {}
    for name in ENGLISH:
        texts = [row["text"] for row in rows(folder, name)]
        found[name] = [(len(text.split()), language(text)) for text in texts if len(_NO_WORD.sub("", text)) > 2]
    return found


def tables(folder: Path) -> str:
    """As Markdown."""
    lines: list[Sequence[object]] = []
    for name, said in judged(folder).items():
        short = [lang for words, lang in said if words < _SHORT]
        lines.append(
            (name, len(said), share([lang == "en" for _, lang in said]), len(short),
             share([lang == "en" for lang in short]) if short else "", share([lang not in ("en", None) for _, lang in said]))
        )  # fmt: skip
    return table(("source", "texts", "English", "under 4 words", "English of these", "named otherwise"), lines)
