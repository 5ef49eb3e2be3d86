"""How many of the sentences that we invented for each class of risk its rules find, and how many near-misses they take for it.

    python -m benchmarks.accuracy.phrases

A file has "## class role", then "+" for the class and "-" for what only sounds like it. The rules were written with
`phrases.txt` in view: it shows what a change breaks. `unseen*.txt` were written by three who had read neither the
rules nor what hunches learn from, and no rule may be improved with them in view: that is the number to believe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from monitor.assess import Assessor
from monitor.assess.lexicon import GUARD
from monitor.model import Kind, Mention

FILES = {
    "in view of the rules": "phrases.txt",
    "unseen": "unseen.txt",
    "unseen, by another": "unseen2.txt",
    "unseen, by a third, and measured last": "unseen3.txt",
}
"""What is read, beside this module, and what the tables are called."""

_AT = datetime(2026, 1, 1, tzinfo=UTC)
REVIEW = Mention(external_id="r", kind=Kind.REVIEW, text="-", published_at=_AT)


class Phrase(NamedTuple):
    """An invented sentence: of a class or only sounding like it, and whose words it is (public, owner_reply, owner_post)."""

    risk: str
    role: str
    true: bool
    text: str


class Row(NamedTuple):
    """Of a class: shares of its sentences with any signal of it, of those with one that is told, and of its near-misses."""

    risk: str
    sentences: int
    recall: float
    told: float
    near_misses: int
    mistaken: float


def phrases(path: Path) -> Iterator[Phrase]:
    """The sentences of a file."""
    risk = role = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            risk, role = line[3:].split()
        elif line[:2] in ("+ ", "- "):
            yield Phrase(risk, role, line[0] == "+", line[2:])


def tables(assessor: Assessor, said: Iterable[Phrase]) -> list[Row]:
    """A row for each class. The guard has none: its rules silence others and show nothing."""
    found: dict[str, dict[bool, list[float]]] = {}
    for one in said:
        if one.risk not in (GUARD, "none"):
            found.setdefault(one.risk, {True: [], False: []})[one.true].append(score(assessor, one))
    return [
        Row(risk, len(by[True]), _share(by[True], 0), _share(by[True], 6), len(by[False]), _share(by[False], 0))
        for risk, by in found.items()
    ]


def score(assessor: Assessor, one: Phrase) -> float:
    """The worst signal of the sentence's class, -1 without one."""
    signals = assessor.assess(mention(one), REVIEW if one.role == "owner_reply" else None).signals
    return max((signal.score for signal in signals if signal.risk == one.risk), default=-1)


def mention(one: Phrase) -> Mention:
    """The sentence as somebody said it."""
    ours, reply = one.role != "public", one.role == "owner_reply"
    return Mention(
        external_id="m",
        kind=Kind.COMMENT if reply else Kind.POST,
        text=one.text,
        ours=ours,
        parent_id="r" if reply else None,
        published_at=_AT,
    )


def _share(scores: list[float], least: float) -> float:
    return sum(score >= least for score in scores) / max(len(scores), 1)


def main() -> None:
    assessor = Assessor()
    for title, name in FILES.items():
        print(f"{title:34}{'n':>4}  recall   told{'n':>6}  near-misses")
        for row in tables(assessor, phrases(Path(__file__).with_name(name))):
            print(
                f"{row.risk:34}{row.sentences:4}{row.recall:8.2f}{row.told:7.2f}{row.near_misses:6}{row.mistaken:8.2f}"
            )


if __name__ == "__main__":
    main()
