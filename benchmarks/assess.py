"""Texts per CPU second of reading with its language, VADER (against the package), sentiment, risk rules and the whole assessment, on one core.

    python benchmarks/assess.py [--rounds N] [--data DIR]

The alternatives take turns round by round, and the median is printed: the ratios hold on a busy machine too. "Whole" is for mentions that come in
pages of 100, "alone" for single ones; the last column is how long the whole takes beside the package: at most 1 is wanted of reviews, and 2 of posts. Then what grows: with the length
of a text, with the number of rules, with the worst phrases an organisation may write; and what the start costs. Without `--data` the texts are generated; with it they are the `text` of every line of the JSONL files in DIR.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.topics import Language
from monitor.assess import Assessor, opinion
from monitor.assess.lexicon import readable
from monitor.assess.phrases import Index
from monitor.assess.reading import Reading
from monitor.assess.signals import Subject
from monitor.assess.vader import Vader
from monitor.model import Kind, Mention

PAGE = 100
"""So many mentions come at once."""

OPENINGS = [
    "The nurse at the desk",
    "My surgeon",
    "Reception",
    "Our dentist",
    "The whole team",
    "Parking",
    "The portal",
]
MIDDLES = ["was kind and patient", "made us wait", "never called back about the bill", "explained every step to my mother",
           "was not very helpful", "lost my referral twice", "could not have been nicer", "rushed me through the visit"]  # fmt: skip
ENDINGS = ["after the operation.", "on a busy Monday morning!", "and I would recommend them.", "but the room was clean.",
           "while my son was in pain.", "so we went home again.", "which I did not expect :)", "as always \u2013 thank you \U0001f600"]  # fmt: skip


def generated(words: int, count: int) -> list[str]:
    """`count` texts of about `words` words, the same on every run."""
    rnd = random.Random(words)
    texts = []
    for number in range(count):
        said: list[str] = []
        while len(said) < words:
            said += f"{rnd.choice(OPENINGS)} {rnd.choice(MIDDLES)} {rnd.choice(ENDINGS)}".split()
        said[rnd.randrange(words)] = f"word{number % 997}"
        texts.append(" ".join(said[:words]))
    return texts


def stored(folder: Path) -> dict[str, list[str]]:
    """The texts of each JSONL file, at most 4,000; lines that are no JSON are left out."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        texts = []
        for line in path.read_text(encoding="utf-8").split("\n")[:4000]:  # a text may have other ends of lines
            try:
                texts.append(str(json.loads(line).get("text") or ""))
            except ValueError:
                continue
        found[path.stem] = texts
    return found


def seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def each(call: Callable[[str], object], texts: Sequence[str]) -> Callable[[], None]:
    def run() -> None:
        for text in texts:
            call(text)

    return run


def parts_of(texts: Sequence[str]) -> dict[str, tuple[Callable[[], None], int]]:
    """What is compared: each part's run over the texts, and how many texts that are."""
    assessor, package = Assessor(organisation="Practice Hospital"), SentimentIntensityAnalyzer()
    gc.collect()
    gc.freeze()  # as the daemon does once it has its assessor
    now = datetime(2026, 1, 1, tzinfo=UTC)
    mentions = [Mention(external_id="1", kind=Kind.POST, text=text, published_at=now) for text in texts]
    few = texts[: max(len(texts) // 10, 1)]  # the package is slow: a tenth is enough to know how slow

    pages = [mentions[at : at + PAGE] for at in range(0, len(mentions), PAGE)]

    def risks() -> None:
        for page in pages:
            assessor._signals.find([Subject(one, Reading(one.text), None, 0.0) for one in page])  # noqa: SLF001 - the part alone has no public name

    def alone() -> None:
        for mention in mentions:
            assessor.assess(mention)

    def whole() -> None:
        for page in pages:
            assessor.assess_all([(mention, None) for mention in page])

    return {
        "split (limit)": (each(str.split, texts), len(texts)),
        "reading": (each(lambda text: Reading(text).language(None), texts), len(texts)),
        "vader": (each(Vader().compound, texts), len(texts)),
        "package": (each(package.polarity_scores, few), len(few)),
        "sentiment": (each(lambda text: opinion.weighed(Reading(text)), texts), len(texts)),
        "risks": (risks, len(texts)),
        "alone": (alone, len(texts)),
        "whole": (whole, len(texts)),
    }


def compared(texts: Sequence[str], rounds: int) -> dict[str, float]:
    """Texts per CPU second by part, the median of `rounds` after one to warm up."""
    parts = parts_of(texts)
    taken: dict[str, list[float]] = {name: [] for name in parts}
    for turn in range(rounds + 1):
        for name, (run, _) in parts.items():
            spent = seconds(run)
            if turn:
                taken[name].append(spent)
    return {name: parts[name][1] / max(median(spent), 1e-9) for name, spent in taken.items()}


def lengths() -> Iterator[str]:
    """What a thousand characters cost in texts of growing length."""
    assessor, text = Assessor(), generated(4000, 1)[0]
    for characters in (1_250, 5_000, 20_000):
        mentions = [_mention(text[at : at + characters]) for at in range(0, 1000, 100)]
        spent = least(lambda mentions=mentions: [assessor.assess(one) for one in mentions])  # type: ignore[misc]
        yield f"{characters:,} characters: {spent / len(mentions) / characters * 1e9:.0f} us per 1,000"


def numbers_of_rules() -> Iterator[str]:
    """What looking for 1,000 rules costs beside 100, over the same made-up reviews: each is of rare words with a gap, a list
    of alternatives, the beginning of a word."""
    language = Language(7)
    texts = [Reading(language.text(88, ["x"])) for _ in range(1000)]
    common = {word: 2_000 / (rank + 5) for rank, word in enumerate(language.words[:2_000])}
    spent = {}
    for count in (100, 1_000):
        kinds = ("{a} ...3 {rare}", "{a}|{b} {rare}", "{a} ...2 {rare}*", "{rare} {a}")
        rules = [
            (kinds[n % 4].format(a=language.some(1)[0], b=language.some(1)[0], rare=language.rare()), n)
            for n in range(count)
        ]
        index = Index(rules, {}, common)
        spent[count] = least(lambda index=index: [list(index.hits(read.words)) for read in texts])  # type: ignore[misc]
        yield f"{count:,} rules: {spent[count] / len(texts) * 1e6:.1f} us a review of 88 words"
    yield f"1,000 rules cost {spent[1_000] / spent[100]:.2f} times what 100 cost (to stay under 3)"


WORST = (
    "x ...3 x ...3 x ...2 x ...2 x ...2 y",
    "x x? x? x? ...4 x ...4 x ...4 y",
    "x|x_x|x_x_x ...6 x|x_x|x_x_x ...6 x y",
)
"""Phrases with the most ways through them that the configuration takes; wider ones are refused when it is read."""


def worst_phrases() -> Iterator[str]:
    """20,000 characters of the very word that such a phrase is made of. Phrases are no regular expressions: they are walked
    word by word, and from where a walk failed once it is not tried again, so that no gap multiplies with another."""
    words = Reading("x " * 10_000 + ". y").words
    for phrase in WORST:
        readable(phrase)
        index = Index([(phrase, 0)], {}, {"x": 1e-9, "y": 1e9})  # else the rarer y would be looked for
        yield f"{phrase}: {least(lambda index=index: list(index.hits(words))) * 1000:.0f} ms"  # type: ignore[misc]


START = """
import re, time
from monitor.assess import Assessor
Assessor(organisation="Practice Hospital")
most = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(f"{time.process_time():.2f} s of CPU, {most / 1024:.0f} MB at the most")
"""


def start() -> str:
    """What a process of its own takes to have an assessor, the interpreter with it."""
    root = Path(__file__).resolve().parent.parent
    return subprocess.run(
        [sys.executable, "-c", START], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


def least(run: Callable[[], object]) -> float:
    """CPU seconds of the fastest of five: what is measured here is small, and other work only adds to it."""
    return min(seconds(run) for _ in range(5))


def _mention(text: str) -> Mention:
    return Mention(external_id="1", kind=Kind.POST, text=text, published_at=datetime(2026, 1, 1, tzinfo=UTC))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path)
    asked = parser.parse_args()
    made = {"posts (14 words)": generated(14, 4000), "reviews (88 words)": generated(88, 1000)}
    made["articles (800 words)"] = generated(800, 100)
    print(
        f"{'texts per CPU second':36}{'split':>11}{'reading':>10}{'vader':>9}{'package':>9}{'sentiment':>10}{'risks':>9}"
        f"{'alone':>9}{'whole':>9}{'us':>8}{'package':>9}"
    )
    for name, texts in (stored(asked.data) if asked.data else made).items():
        rates = compared(texts, asked.rounds)
        numbers = "".join(
            f"{rate:>{width},.0f}" for rate, width in zip(rates.values(), (11, 10, 9, 9, 10, 9, 9, 9), strict=True)
        )
        print(
            f"{name[:35]:36}{numbers}{1e6 / rates['whole']:>8.1f}{rates['package'] / rates['whole']:>8.2f}x", flush=True
        )
    emoji = "\U0001f600" * 2000
    assessor = Assessor()
    mention = Mention(external_id="1", kind=Kind.COMMENT, text=emoji, published_at=datetime(2026, 1, 1, tzinfo=UTC))
    print(f"one comment of 2,000 emoji: {seconds(lambda: assessor.assess(mention)) * 1000:.1f} ms (to stay under 50)")
    for line in (*lengths(), *numbers_of_rules(), *worst_phrases()):
        print(line)
    print(f"start: {start()} (to stay under 1 s and 60 MB)")


if __name__ == "__main__":
    main()
