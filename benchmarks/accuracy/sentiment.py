"""Sentiment, each source judged by a model that has seen nothing of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.accuracy.data import NEUTRAL, REVIEWS, Text, everything
from benchmarks.accuracy.learning import Examples, model
from benchmarks.accuracy.metrics import auc, balanced, correlation, f1, share, table
from monitor.assess.opinion import Opinion, opinion
from monitor.assess.reading import Reading

TWEETS = "vader_gt_tweets"
_GOALS = ("goal", "", 0.965, 0.91, 0.86)
_FLOOR = ("floor", "", 0.94, 0.88, 0.80)
Judged = Sequence[tuple[Text, Opinion]]


def judged(folder: Path) -> dict[str, Judged]:
    """Every text of the sources that are reported, with what a model without its source says of it."""
    examples = Examples(everything(folder))
    found: dict[str, Judged] = {}
    for source in (*REVIEWS, *NEUTRAL, TWEETS):
        known = model(examples, without=source)
        texts = [text for text in examples.texts if text.source == source]
        found[source] = [(text, opinion(Reading(text.text), known)) for text in texts]
    return found


@dataclass(frozen=True, slots=True)
class Measure:
    """AUC, balanced accuracy and F1 of the negative class, of the texts that are for or against."""

    texts: int
    auc: float
    balanced: float
    f1: float


def measure(found: Judged, score: str) -> Measure:
    """By "score" or VADER's "compound"; above 0 is praise."""
    clear = [(text.label > 0, getattr(said, score)) for text, said in found if text.label]
    truth, scores = [label for label, _ in clear], [value for _, value in clear]
    praised = [value > 0 for value in scores]
    return Measure(
        len(clear),
        auc(truth, scores),
        balanced(truth, praised),
        f1([not one for one in truth], [not one for one in praised]),
    )


def tables(folder: Path) -> str:
    """All of them, as Markdown."""
    return told(judged(folder))


def told(found: Mapping[str, Judged]) -> str:
    """The same where everything is judged."""
    return "\n\n".join(
        ["### By source", _by_source(found), "### Facts", _neutral(found), "### Posts", _posts(found),
         "### Names and confidence", _names(found), _confidence(found), "### Stars and words", _odds(found)]
    )  # fmt: skip


def _by_source(found: Mapping[str, Judged]) -> str:
    """Of each source VADER's numbers and ours, and their means."""
    lines: list[Sequence[object]] = []
    both: list[tuple[Measure, Measure]] = []
    for source in REVIEWS:
        theirs, ours = measure(found[source], "compound"), measure(found[source], "score")
        both.append((theirs, ours))
        lines.append([source.removeprefix("review_"), ours.texts, *_numbers(ours), *_numbers(theirs)])
    macro = [[fmean(column) for column in zip(*map(_numbers, side), strict=True)] for side in zip(*both, strict=True)]
    lines.append(["**macro**", sum(ours.texts for _, ours in both), *macro[1], *macro[0]])
    lines += [[*_GOALS, "", "", ""], [*_FLOOR, "", "", ""]]
    head = ("source", "texts", "AUC", "balanced accuracy", "F1 negative", "VADER: AUC", "balanced", "F1 negative")
    return table(head, lines)


def _numbers(one: Measure) -> tuple[float, float, float]:
    return one.auc, one.balanced, one.f1


def _neutral(found: Mapping[str, Judged]) -> str:
    """How many factual sentences are taken for strong opinions."""
    lines = [
        (
            name,
            len(found[name]),
            *[share([abs(getattr(said, score)) > 0.5 for _, said in found[name]]) for score in _BOTH],
        )
        for name in NEUTRAL
    ]
    return table(("source", "texts", "beyond ±0.5 (goal .10, floor .15)", "VADER"), lines)


_BOTH = ("score", "compound")


def _posts(found: Mapping[str, Judged]) -> str:
    """How the score follows the mean of twenty readers."""
    rated = [(text.stars, said) for text, said in found[TWEETS] if text.stars is not None]
    numbers = [
        correlation([stars for stars, _ in rated], [getattr(said, score) for _, said in rated]) for score in _BOTH
    ]
    return table(("source", "texts", "r (goal .87)", "VADER"), [("VADER's own tweets", len(rated), *numbers)])


def _names(found: Mapping[str, Judged]) -> str:
    """What texts of each label are called."""
    names = ("positive", "negative", "mixed", "neutral")
    reviews = [one for source in REVIEWS for one in found[source]]
    groups = {"praise": 1, "blame": -1, "neither or both": 0}
    lines: list[Sequence[object]] = []
    for group, label in groups.items():
        said = [opinion.name for text, opinion in reviews if text.label == label]
        lines.append((group, len(said), *[share([one == name for one in said]) for name in names]))
    facts = [said.name for name in NEUTRAL for _, said in found[name]]
    lines.append(("facts", len(facts), *[share([one == name for one in facts]) for name in names]))
    return table(("labelled by people", "texts", *names), lines)


def _confidence(found: Mapping[str, Judged]) -> str:
    """Of the texts called positive or negative with so much confidence, how many are."""
    clear = [
        (said.confidence, (text.label > 0) == (said.name == "positive"))
        for source in REVIEWS
        for text, said in found[source]
        if text.label and said.name in ("positive", "negative")
    ]
    lines: list[Sequence[object]] = []
    for low, high in ((0.0, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 1.01)):
        group = [(sure, right) for sure, right in clear if low <= sure < high]
        if group:
            lines.append(
                (f"{low:.2f}-{min(high, 1):.2f}", len(group), fmean(s for s, _ in group), share([r for _, r in group]))
            )
    return table(("confidence", "texts", "mean", "right"), lines)


def _odds(found: Mapping[str, Judged]) -> str:
    """How often words contradict the stars of a review, which nothing here learned from or was graded against."""
    lines: list[Sequence[object]] = []
    for source in RATED:
        for name, stars in (("4 or 5", (4, 5)), ("1 or 2", (1, 2))):
            said = [opinion.score for text, opinion in found[source] if text.stars in stars]
            against = [score <= -0.5 if stars[0] == 4 else score >= 0.5 for score in said]
            lines.append((source.removeprefix("review_"), name, len(said), share(against)))
    return table(("source", "stars", "texts", "words strongly disagree"), lines)


RATED = ("review_google_us_med", "review_healthgrades", "review_ratemds_harsha", "review_yelp_mayo")
"""Sources with the author's own stars, 1 to 5."""
