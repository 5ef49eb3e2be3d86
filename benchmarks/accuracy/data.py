"""The labelled texts, which lie outside the repository: most state no licence, so only what is learned from them travels."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(
    os.environ.get("WELLHEARD_DATA", Path(__file__).resolve().parents[3] / "shared" / "data" / "dev"),
)

REVIEWS = (
    "review_care_opinion", "review_google_us_med", "review_healthgrades", "review_hospital_india", "review_nhs_fft_v6",
    "review_nhs_phase1", "review_ratemds_harsha", "review_ratemds_kiand", "review_yelp_mayo",
)  # fmt: skip
"""The nine healthcare sources that count."""

OTHERS = (
    "review_practo_mathuzala", "drug_drugscom", "tweet_airline_tweets", "tweet_tweeteval_val",
    "vader_gt_amazonReviewSnippets", "vader_gt_movieReviewSnippets", "vader_gt_tweets",
)  # fmt: skip
"""Opinions on other things, or too few: learned from with less weight."""

NEUTRAL = {"ade_corpus": (0, "0"), "medical_advice_sentences": None, "health_misinfo_constraint": ("real",)}
"""Factual sentences of journals, case reports and news: the labels to take, None for all."""

POSTS = ("tweet_airline_tweets", "tweet_tweeteval_val")
"""Where "neutral" means that there is no opinion; in reviews it often means both."""

CARE = (*REVIEWS, "review_practo_mathuzala")
"""Whose subject is care."""

_SIGN = {"neg": -1, "neu": 0, "pos": 1}


@dataclass(frozen=True, slots=True)
class Text:
    """A labelled text: -1, 0 or 1; `stars` as the source has them; `factual` where it states facts and no opinion."""

    source: str
    text: str
    label: int
    stars: float | None = None
    factual: bool = False

    @property
    def plain(self) -> str:
        """The letters alone: what two sources share is known by it."""
        return re.sub(r"\W+", " ", self.text.lower()).strip()


def rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """The lines of a file that are JSON and have a text; none where there is no such file."""
    path = folder / f"{name}.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row.get("text"):
            yield row


def opinions(folder: Path, name: str) -> list[Text]:
    """A source of opinions."""
    return [
        Text(name, row["text"], _SIGN[row["label"]], row.get("stars"), name in POSTS and row["label"] == "neu")
        for row in rows(folder, name)
    ]


def facts(folder: Path, name: str) -> list[Text]:
    """A source of factual sentences."""
    labels = NEUTRAL[name]
    return [
        Text(name, row["text"], 0, None, factual=True)
        for row in rows(folder, name)
        if labels is None or row["label"] in labels
    ]


def everything(folder: Path) -> list[Text]:
    """All of them, in the order of the lists above."""
    found = [text for name in (*REVIEWS, *OTHERS) for text in opinions(folder, name)]
    return found + [text for name in NEUTRAL for text in facts(folder, name)]
