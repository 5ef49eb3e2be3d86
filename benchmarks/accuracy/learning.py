"""Learns the weights of `monitor.assess.opinion` from labelled texts. Needs scikit-learn, which nothing at run time does.

Reproducible: the solver is deterministic, and the order of texts and grams is fixed. The shipped file and the models that
the tables leave a source out of are made by the same function, and applied by the code that ships.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from benchmarks.accuracy.data import CARE, NEUTRAL, OTHERS, POSTS, REVIEWS, Text
from monitor.assess.opinion import Gram, Line, Model, Row, grams
from monitor.assess.reading import Reading
from monitor.assess.vader import Felt

SEEN = 3
"""A gram counts that so many texts have."""
KEPT = 40_000
"""So many grams are kept, those that move most: the file stays near a megabyte."""
C = {"direction": 0.1, "stance": 0.03, "subject": 0.03}
"""The inverse strength of regularisation."""
BAYES = 0.5
"""Half of a gram's scale is how one-sided it is (naive Bayes log-count ratio: Wang and Manning, ACL 2012)."""
ASIDE = 0.3
"""The weight of a source that is no healthcare review."""
WORDS, FELT = 10.0, 0.1
"""How words and VADER's findings are scaled before they are learned from: regularisation then spares the words."""
BIAS = -0.25
"""Added to the direction: praise comes more easily than blame, and four in five reviews are praise."""
_LARGEST = 127


def _plain(gram: Gram) -> bool:
    """Whether a gram is of words: no number of more than two digits, no part of an address."""
    words = (gram,) if isinstance(gram, str) else gram
    return not any(_NO_WORD.search(word) for word in words)


_NO_WORD = re.compile(r"\d{3}|\$|_|^(?:https?|www|com|co|org|amp|rt|user)$")


@dataclass(frozen=True)
class Examples:
    """Labelled texts with what the models see of them."""

    texts: Sequence[Text]

    @cached_property
    def read(self) -> list[tuple[list[str], Felt]]:
        """Words and what VADER finds, text by text."""
        return [(read.words, read.felt()) for read in map(Reading, (one.text for one in self.texts))]

    @cached_property
    def felt(self) -> Any:
        return np.array([felt for _, felt in self.read], dtype=np.float64)

    @cached_property
    def grams(self) -> list[Gram]:
        """Those that enough texts have, in a fixed order."""
        counted: Counter[Gram] = Counter(chain.from_iterable(set(grams(words)) for words, _ in self.read))
        return sorted((gram for gram, count in counted.items() if count >= SEEN and _plain(gram)), key=str)

    @cached_property
    def matrix(self) -> Any:
        """Which text has which gram."""
        place = {gram: i for i, gram in enumerate(self.grams)}
        found = [sorted({place[gram] for gram in grams(words) if gram in place}) for words, _ in self.read]
        ends = np.cumsum([0, *map(len, found)])
        columns = np.fromiter(chain.from_iterable(found), dtype=np.int32, count=int(ends[-1]))
        return sp.csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(found), len(place)))

    @cached_property
    def sources(self) -> Any:
        return np.array([one.source for one in self.texts], dtype=object)

    @cached_property
    def labels(self) -> Any:
        return np.array([one.label for one in self.texts])

    @cached_property
    def factual(self) -> Any:
        return np.array([one.factual for one in self.texts])

    @cached_property
    def plain(self) -> list[str]:
        return [one.plain for one in self.texts]

    def without(self, source: str | None) -> Any:
        """Which texts are not `source`'s, nor the same as one of its."""
        if source is None:
            return np.ones(len(self.texts), dtype=bool)
        same = {plain for plain, of in zip(self.plain, self.sources, strict=True) if of == source}
        return np.array([plain not in same for plain in self.plain]) & (self.sources != source)


def learn(examples: Examples, *, without: str | None = None) -> tuple[dict[Gram, Row], tuple[Line, ...]]:
    """The rows and lines of a model that has seen nothing of the source `without`."""
    tasks = _tasks(examples, examples.without(without))
    taught = np.any([task.chosen for task in tasks], axis=0)
    columns = np.flatnonzero(_common(examples, taught))
    _, seen, fitted = _fitted(examples, columns, taught, tasks)
    moved = sum(np.abs(one.words) * np.sqrt(seen) for one in fitted)
    columns = np.sort(columns[np.argsort(-moved, kind="stable")[:KEPT]])
    rarity, _, fitted = _fitted(examples, columns, taught, tasks)
    weights, lines = zip(*map(_rounded, fitted), strict=True)
    rows = {
        examples.grams[column]: Row(*map(int, numbers))
        for column, *numbers in zip(columns, *weights, rarity, strict=True)
    }
    return rows, lines


def model(examples: Examples, *, without: str | None = None) -> Model:
    """The same, ready to be applied."""
    return Model(*learn(examples, without=without))


def written(examples: Examples) -> str:
    """The data file, as `monitor.assess.opinion.read_model` reads it: its head says what it was learned from."""
    rows, lines = learn(examples)
    counts = Counter(examples.sources)
    settings = f"C = {list(C.values())}, bayes = {BAYES}, aside = {ASIDE}, words = {WORDS}, felt = {FELT}"
    head = [
        "What words tell of an opinion. Written by scripts/train; not to be edited by hand.",
        "A line: weights for praise (below 0: blame), an opinion (a fact), care (other subjects); rarity; one to three words.",
        f"No text of the sources is in here: a line's words stand in {SEEN} texts or more, of two sources or more.",
        f'learned_with = "scikit-learn {version("scikit-learn")}, liblinear, l2"',
        f"settings = {{ {settings}, bias = {BIAS}, seen = {SEEN}, kept = {KEPT} }}",
        "[texts]",
        *(f"{name} = {counts[name]}" for name in (*REVIEWS, *OTHERS, *NEUTRAL)),
        *chain.from_iterable(map(_told, C, lines)),
    ]
    head = [line if i > 2 else f"# {line}" for i, line in enumerate(head)]
    said = {gram if isinstance(gram, str) else " ".join(gram): row for gram, row in rows.items()}
    body = ["\t".join([*map(str, row), gram]) for gram, row in sorted(said.items())]
    return "\n".join([*(f"# {line}" for line in head), *body, ""])


def _told(name: str, line: Line) -> list[str]:
    felt = [f"felt = {list(line.felt)}"] if any(line.felt) else []
    return [f"[{name}]", f"constant = {line.constant}", f"unit = {line.unit}", *felt]


@dataclass(frozen=True)
class _Task:
    """One of the three: from which texts it learns to tell what from what. The direction alone learns from what VADER finds;
    for the others sources and labels weigh alike."""

    name: str
    chosen: Any
    truth: Any

    @property
    def leaning(self) -> bool:
        return self.name == "direction"


def _tasks(examples: Examples, here: Any) -> list[_Task]:
    """In the order of `Odds`."""
    opinions = here & (examples.labels != 0)
    posts = here & examples.factual & np.isin(examples.sources, POSTS)
    return [
        _Task("direction", opinions, examples.labels == 1),
        _Task("stance", opinions | (here & examples.factual), ~examples.factual),
        _Task("subject", opinions | posts, np.isin(examples.sources, CARE)),
    ]


@dataclass(frozen=True)
class _Fitted:
    """What was learned for one of the three: a constant, and weights of VADER's findings and of the grams."""

    constant: float
    felt: Any
    words: Any


def _common(examples: Examples, taught: Any) -> Any:
    """Which grams enough of the texts have, of more than one source: the names of a place's people do not travel."""
    names = list(dict.fromkeys(examples.sources[taught]))
    counts = [np.asarray(examples.matrix[taught & (examples.sources == name)].sum(0)).ravel() for name in names]
    return (np.sum(counts, axis=0) >= SEEN) & (np.sum([count > 0 for count in counts], axis=0) > 1)


def _fitted(examples: Examples, columns: Any, taught: Any, tasks: Sequence[_Task]) -> tuple[Any, Any, list[_Fitted]]:
    """How rare each of some grams is, how many texts have it, and what the tasks learn from them."""
    matrix = examples.matrix[:, columns]
    seen = np.asarray(matrix[taught].sum(0)).ravel()
    rarity = np.round((np.log((taught.sum() + 1) / (seen + 1)) + 1) ** 2).clip(1)
    length = np.sqrt(matrix @ rarity).clip(1)
    per_gram = WORDS * np.sqrt(rarity)
    scaled = (sp.diags(1 / length) @ matrix @ sp.diags(per_gram)).tocsr()
    found = [_learned(examples, scaled, task) for task in tasks]
    return rarity, seen, [_Fitted(one.constant, one.felt, one.words * per_gram) for one in found]


def _learned(examples: Examples, scaled: Any, task: _Task) -> _Fitted:
    """One logistic regression."""
    place = np.flatnonzero(task.chosen)
    truth, scaled = task.truth[place], scaled[place]
    weight = _weights(examples.sources[place], truth, even=not task.leaning)
    scale = _one_sided(scaled > 0, truth, weight)
    felt = examples.felt[place] * (FELT if task.leaning else 0.0)
    solver = LogisticRegression(C=C[task.name], solver="liblinear", tol=1e-3, max_iter=200, random_state=0)
    solver.fit(sp.hstack([scaled @ sp.diags(scale), sp.csr_matrix(felt)]).tocsr(), truth, sample_weight=weight)
    words = len(scale)
    constant = float(solver.intercept_[0]) + (BIAS if task.leaning else 0.0)
    return _Fitted(constant, solver.coef_[0][words:] * FELT, solver.coef_[0][:words] * scale)


def _weights(sources: Collection[str], truth: Any, *, even: bool) -> Any:
    """So that neither a big source nor a source's commoner label drowns the others: a group of n texts weighs sqrt(n).
    `even`: both labels weigh the same."""
    names = np.asarray(sources)
    weight = np.zeros(len(truth))
    for source in dict.fromkeys(sources):
        for label in (False, True):
            group = (names == source) & (truth == label)
            if group.any():
                weight[group] = (1 if even or source in REVIEWS else ASIDE) / np.sqrt(group.sum())
    if even:
        weight[truth] *= weight[~truth].sum() / weight[truth].sum()
    return weight * len(truth) / weight.sum()


def _one_sided(matrix: Any, truth: Any, weight: Any) -> Any:
    """The scale of each gram: more where one label has it and the other has not."""
    yes, no = matrix[truth].T @ weight[truth], matrix[~truth].T @ weight[~truth]
    ratio = np.log((yes + 1) / (no + 1) * (weight[~truth].sum() + 2) / (weight[truth].sum() + 2))
    return BAYES * np.abs(ratio) + 1 - BAYES


def _rounded(line: _Fitted) -> tuple[Any, Line]:
    """Weights as whole numbers up to 127 and their unit; the few largest are cut."""
    unit = float(f"{np.quantile(np.abs(line.words), 0.9995) / _LARGEST:.6g}")
    words = np.clip(np.round(line.words / unit), -_LARGEST, _LARGEST)
    return words, Line(constant=round(line.constant, 6), felt=tuple(round(float(w), 6) for w in line.felt), unit=unit)
