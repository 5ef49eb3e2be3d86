"""How many mentions a second the topics match, with 1 and with 1,000 of them, measured in turns in one process.

    python benchmarks/topics.py [--quick] [--topics 1000] [--seed 7]

Texts and queries are generated from the seed: words of made-up syllables, used as unevenly as real ones (Zipf), and a
thousand clinics with a query each of the kinds that people write. `hits` is the share of mentions that match a topic.
The goals hold for one core: 80,000 posts and 15,000 reviews a second at 1,000 topics, at most 3 times one topic's cost.
"""

from __future__ import annotations

import argparse
import random
import sys
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from statistics import median
from time import process_time

sys.path.insert(0, str(Path(__file__).parent.parent))

from monitor.model import Kind, Mention
from monitor.topics import Topics, parse

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
GOALS = {"posts": 80_000, "reviews": 15_000}
SIZES = {"posts": (8, 22), "reviews": (60, 116), "articles": (900, 1300)}  # words of a text, from and to
COUNTS = {"posts": 4000, "reviews": 1000, "articles": 60}


class Language:
    """Made-up words, the first ones as common as the first ones of English are."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        syllables = [a + b for a in "bcdfglmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "el", "is", "or")]
        made = {
            "".join(self.random.choices(syllables, k=self.random.choice((1, 2, 2, 3, 3, 4)))) for _ in range(30_000)
        }
        self.words = sorted(made, key=lambda word: (len(word) + self.random.random() * 6, word))[:12_000]
        self.weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(self.words))))

    def some(self, count: int) -> list[str]:
        return self.random.choices(self.words, cum_weights=self.weights, k=count)

    def rare(self) -> str:
        return self.random.choice(self.words[4000:])

    def text(self, words: int, names: list[str]) -> str:
        parts = self.some(words)
        if self.random.random() < 0.02:
            parts.insert(self.random.randrange(len(parts)), self.random.choice(names))
        if self.random.random() < 0.3:
            parts.append(self.random.choice(("😷", "café", "it\u2019s", "#tag", "@handle")))
        return ". ".join(" ".join(parts[at : at + 12]).capitalize() for at in range(0, len(parts), 12))


def queries(language: Language, count: int) -> tuple[dict[str, str], list[str]]:
    """`count` queries of five kinds, and the clinics' names that the texts mention now and then."""
    made, names = {}, []
    for number in range(count):
        one, two, town = (language.rare().capitalize() for _ in range(3))
        names.append(f"{one} {two} Hospital")
        made[f"clinic-{number}"] = (
            f'"{one} {two} Hospital"',
            f'("{one} {two}" OR {one}{two}) NOT (concert OR "{one} Road")',
            f'"{one} Hospital" OR (hospital NEAR/5 "{two} {town}")',
            f"{one} AND {two} AND (hospital OR clinic OR doctor*)",
            f"{one}{two[:3]}* AND {town}",
        )[number % 5]
    return made, names


def mentions(language: Language, kind: str, names: list[str], count: int) -> list[Mention]:
    least, most = SIZES[kind]
    return [
        Mention(
            external_id=str(number),
            kind=Kind.POST,
            text=language.text(language.random.randint(least, most), names),
            published_at=WHEN,
        )
        for number in range(count)
    ]


def seconds(topics: Topics, corpus: list[Mention]) -> tuple[float, int]:
    """CPU seconds of one pass, and how many mentions matched."""
    labels: dict[str, str] = {}
    start = process_time()
    matched = sum(1 for mention in corpus if topics.match(mention, source="bench", labels=labels))
    return process_time() - start, matched


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="fewer texts and rounds")
    options.add_argument("--topics", type=int, default=1000)
    options.add_argument("--seed", type=int, default=7)
    chosen = options.parse_args()
    language = Language(chosen.seed)
    texts, names = queries(language, chosen.topics)
    start = process_time()
    many = Topics({name: parse(text) for name, text in texts.items()})
    print(f"{chosen.topics} topics parsed and filed in {process_time() - start:.3f} s")
    one = Topics({"clinic-0": parse(texts["clinic-0"])})
    print(f"{'':10}{'1 topic/s':>12}{f'{chosen.topics} topics/s':>16}{'ratio':>8}{'hits':>8}{'goal/s':>10}")
    for kind in SIZES:
        corpus = mentions(language, kind, names, COUNTS[kind] // (4 if chosen.quick else 1))
        rounds = [(seconds(one, corpus), seconds(many, corpus)) for _ in range(3 if chosen.quick else 9)]
        single = median(len(corpus) / first for (first, _), _ in rounds)
        multiple = median(len(corpus) / second for _, (second, _) in rounds)
        ratio = median(second / first for (first, _), (second, _) in rounds)
        hits = rounds[0][1][1] / len(corpus)
        goal = f"{GOALS[kind]:,}" if kind in GOALS else "-"
        print(f"{kind:10}{single:12,.0f}{multiple:16,.0f}{ratio:8.2f}{hits:8.1%}{goal:>10}")


if __name__ == "__main__":
    main()
