"""Themes against comments that readers of the NHS labelled (framework version 6, several labels a comment)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from benchmarks.accuracy.data import rows
from benchmarks.accuracy.metrics import table
from monitor.assess.lexicon import lexicon
from monitor.assess.opinion import Gram, grams
from monitor.assess.phrases import END
from monitor.assess.reading import Reading

LABELS: Mapping[str, tuple[str, ...]] = {
    "Waiting & timeliness": ("Timeliness of care",),
    "Contacting services": ("Contacting services",),
    "Staffing": ("Number & deployment of staff",),
    "Patient appointment & discharge": (
        "Appointment arrangements", "Appointment method", "Referals & continuity of care", "Discharge", "Admission",
        "Care plans",
    ),
    "Transport": ("Transport to/ from services",),
    "Staff, manner & personal attributes": ("Staff manner & personal attributes", "Staff responsiveness"),
    "Communication & involvement": (
        "Staff listening, understanding & involving patients", "Information directly from staff during care",
        "Being kept informed, clarity & consistency of information", "Information provision & guidance",
        "Unspecified communication",
    ),
    "Environment & equipment": (
        "Cleanliness, tidiness & infection control", "Environment & Facilities", "Sensory experience",
        "Provision of medical equipment", "Service location", "Parking", "Electronic entertainment",
    ),
    "Food & diet": ("Food & drink provision & facilities",),
    "Activities": ("Activities & access to fresh air", "Electronic entertainment"),
    "Medication": ("Supplying & understanding medication",),
    "General": ("Positive experience & gratitude", "Negative experience & dissatisfaction"),
    "Care received": ("Impact of treatment/ care", "Competence & training", "Diagnosis & triage", "Pain management"),
    "Mental health": ("Mental Health Act", "Feeling safe"),
    "Family & carers": ("Interaction with family/ carers",),
}  # fmt: skip
"""The framework's labels by theme. Labels that no theme has are of fewer than fifty comments, or of none in particular."""

SHOWN = 0.5
"""A theme below this F1 is shown to nobody."""


@dataclass(frozen=True, slots=True)
class Score:
    """How often a theme is right: of those it is said of, of those it should be, and both as F1."""

    theme: str
    labelled: int
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Comment:
    """A labelled comment: its words and pairs of words, the themes that its readers gave it and those that we find."""

    grams: frozenset[Gram]
    labels: frozenset[str]
    found: frozenset[str]
    fold: int


def comments(folder: Path) -> list[Comment]:
    """All of them. Equal texts are of one fold."""
    known = lexicon()
    names = list(known.themes)
    index = known.index((phrase, number) for number, name in enumerate(names) for phrase in known.themes[name])
    made = []
    for row in rows(folder, "nhs_themes_v6"):
        words = Reading(row["text"]).words
        pairs = {gram for gram in grams(words) if isinstance(gram, str) or len(gram) == 2}
        given = set((row["themes"] or "").split("|"))
        made.append(
            Comment(
                grams=frozenset(gram for gram in pairs if gram != END and END not in gram),
                labels=frozenset(theme for theme, labels in LABELS.items() if given.intersection(labels)),
                found=frozenset(names[tag] for tag, _, _ in index.hits(words)),
                fold=crc32(" ".join(words).encode()) % FOLDS,
            )
        )
    return made


def score(theme: str, said: Sequence[Comment], found: Sequence[bool]) -> Score:
    """How right it is to say `theme` of those comments for which `found` is true."""
    true = [theme in one.labels for one in said]
    both = sum(map(bool.__and__, true, found))
    return Score(theme, sum(true), both / max(sum(found), 1), both / max(sum(true), 1))


def proposed(theme: str, said: Sequence[Comment]) -> list[Gram]:
    """The words and pairs that, one after the other, raise the F1 of `theme` most: what a list of it could have."""
    having: dict[Gram, set[int]] = defaultdict(set)
    for i, one in enumerate(said):
        for gram in one.grams:
            having[gram].add(i)
    true = {i for i, one in enumerate(said) if theme in one.labels}
    having = {gram: of for gram, of in having.items() if len(of) > 2 and 2 * len(of & true) >= len(of)}
    hit: set[int] = set()
    chosen: list[Gram] = []
    while having and len(chosen) < LONGEST:
        best = max(sorted(having, key=str), key=lambda gram: _gain(having[gram] - hit, hit, true))
        if _gain(having[best] - hit, hit, true) < _gain(set(), hit, true) + LEAST:
            break
        hit |= having.pop(best)
        chosen.append(best)
    return chosen


def _gain(new: set[int], hit: set[int], true: set[int]) -> float:
    """The F1 with the `new` ones, of which one right one is not counted: a gram that three comments have is luck."""
    right = len(hit & true) + len(new & true) - (1 if new else 0)
    return 2 * right / (len(true) + len(hit) + len(new))


def folded(theme: str, said: Sequence[Comment]) -> Score:
    """How right lists are that a script chose from the other four fifths of the comments."""
    found = [False] * len(said)
    for fold in range(FOLDS):
        chosen = frozenset(proposed(theme, [one for one in said if one.fold != fold]))
        for i, one in enumerate(said):
            if one.fold == fold:
                found[i] = not chosen.isdisjoint(one.grams)
    return score(theme, said, found)


FOLDS, LONGEST, LEAST = 5, 60, 0.0005
"""The folds; the longest list, and the least that one of its words must bring."""


def tables(folder: Path) -> str:
    """As Markdown. Our lists were written with these comments in view, so beside them stand those of `folded`."""
    said = comments(folder)
    ours = [score(theme, said, [theme in one.found for one in said]) for theme in LABELS]
    lines = [
        (
            one.theme,
            one.labelled,
            one.precision,
            one.recall,
            one.f1,
            folded(one.theme, said).f1,
            "yes" if one.f1 >= SHOWN else "no",
        )
        for one in sorted(ours, key=lambda one: -one.f1)
    ]
    return table(("theme", "comments", "precision", "recall", "F1", "F1 of lists by script, five-fold", "shown"), lines)
