"""What the rules of risk find of what people labelled, and every bar they were given: met or not.

A class is *found* in a text where a signal of it reaches the score from which an organisation is told (6). What two readers
both said is true; what one of them said is not, and they are measured against each other as the ceiling."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from benchmarks.accuracy.data import rows
from benchmarks.accuracy.metrics import share, table
from monitor.assess import RISKS, Assessor
from monitor.assess.lexicon import GUARD
from monitor.messages import redacted
from monitor.model import Kind, Mention, Signal

TOLD = 6.0
"""The score from which an organisation is usually told."""

FRAUD = "fraud_billing_allegation"
READ_TWICE = (
    "clinical_harm_allegation", "patient_safety_signal", "misconduct_discrimination", "legal_regulatory_threat",
    "privacy_breach_allegation", FRAUD,
)  # fmt: skip
"""The classes that have a bar of F1 .75."""

STRICT = ("own_reply_phi", "threat_to_staff", "self_harm_crisis")
"""The classes whose phrases must be found most surely."""

LABELS = Path(__file__).with_name("labels.tsv")
"""What one reader gave 640 reviews that nobody had in view while rules were written."""

PHRASES = Path(__file__).with_name("phrases.txt")
"""Sentences that we invented: "+" of the class, "-" what only sounds like it."""

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_REPLIES = ("own_reply_phi", "own_reply_conduct", "own_medical_advice")
_PERSONAL = frozenset({
    "PERSON", "PHONE_NUMBER", "EMAIL_ADDRESS", "STREET_ADDRESS", "US_SSN", "CREDIT_CARD", "IBAN_CODE", "ZIP_CODE", "GPE",
    "US_DRIVER_LICENSE", "DATE_TIME", "IP_ADDRESS", "DOMAIN_NAME", "ORGANIZATION", "NRP",
})  # fmt: skip
"""What of the synthetic sentences a message must not show: all but titles and ages."""


@cache
def _assessor() -> Assessor:
    return Assessor()


def signals(text: str, role: str = "public", answers: str = "-") -> tuple[Signal, ...]:
    """The signals of a review, a post of ours ("owner_post") or a reply of ours ("owner_reply") to the review `answers`."""
    kind = {"public": Kind.REVIEW, "owner_post": Kind.POST}.get(role, Kind.COMMENT)
    answered = Mention(external_id="r", kind=Kind.REVIEW, text=answers, published_at=_AT)
    parent = answered if kind is Kind.COMMENT else None
    of = parent.external_id if parent else None
    said = Mention(external_id="m", kind=kind, text=text, ours=role != "public", parent_id=of, published_at=_AT)
    return _assessor().assess(said, parent).signals


def found(text: str, risk: str, least: float = TOLD) -> bool:
    """Whether a review has a signal of the class. Fraud is a rule among the complaints: counted, never told singly."""
    if risk == FRAUD:
        return any(signal.rule.startswith("brand_service_complaint.fraud") for signal in signals(text))
    return any(signal.risk == risk and signal.score >= least for signal in signals(text))


@dataclass(frozen=True, slots=True)
class Rates:
    """How much of what is found is true, how much of what is true is found, and both as F1."""

    precision: float
    recall: float
    f1: float


def rated(pairs: Iterable[tuple[bool, bool]]) -> Rates:
    """Of pairs of found and true."""
    counted = Counter(pairs)
    right = counted[True, True]
    raised, true = right + counted[True, False], right + counted[False, True]
    return Rates(right / max(raised, 1), right / max(true, 1), 2 * right / max(raised + true, 1))


@dataclass(frozen=True, slots=True)
class Twice:
    """A class in the reviews that two people read: how many both gave it, our rates, and theirs against each other."""

    risk: str
    labelled: int
    ours: Rates
    readers: Rates


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the list: what was asked, what is measured, what a plain way reaches, and whether it is met."""

    what: str
    asked: str
    measured: str
    beside: str
    met: bool


def read_twice(folder: Path) -> list[Twice]:
    """The reviews of two readers, class by class."""
    read = list(rows(folder, "risk_labels"))
    made = []
    for risk in (*READ_TWICE, "self_harm_crisis"):
        labels = [(risk in row["labels_a"], risk in row["labels_b"]) for row in read]
        both = [a and b for a, b in labels]
        ours = rated(zip([found(row["text"], risk) for row in read], both, strict=True))
        made.append(Twice(risk, sum(both), ours, rated(labels)))
    return made


def read_once(folder: Path) -> list[Twice]:
    """The reviews of one reader, class by class; in place of two readers: of those alone of which the reader was sure."""
    lines = [line.split("\t") for line in LABELS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    given = {key: (set(labels.split(",")), sure == "2") for key, labels, sure in lines}
    texts = {
        _key(row["text"]): row["text"]
        for path in sorted(folder.glob("review_*.jsonl"))
        for row in rows(folder, path.stem)
    }
    read = [(texts[key], *what) for key, what in given.items() if key in texts]
    made = []
    for risk in READ_TWICE:
        pairs = [(found(text, risk), risk in labels, sure) for text, labels, sure in read]
        sure_of = rated((hit, true) for hit, true, sure in pairs if sure)
        made.append(Twice(risk, sum(true for _, true, _ in pairs), rated(pair[:2] for pair in pairs), sure_of))
    return made


def _key(text: str) -> str:
    return hashlib.sha1(text.strip().encode(), usedforsecurity=False).hexdigest()[:12]


def alarms(folder: Path) -> dict[str, float]:
    """Reviews of which an organisation is told, of 1,000 real ones, by class."""
    told: Counter[str] = Counter()
    count = 0
    for path in sorted(folder.glob("review_*.jsonl")):
        for row in rows(folder, path.stem):
            count += 1
            told.update({signal.risk for signal in signals(row["text"]) if signal.score >= TOLD})
    return {risk: 1000 * number / max(count, 1) for risk, number in told.most_common()}


Phrase = tuple[str, bool, str, str]
"""Class, whether it is one, role, text."""


def taxonomy(folder: Path) -> Iterator[Phrase]:
    """The examples and near-misses of the taxonomy, without the notes in brackets that say whose words they are."""
    path = folder.parents[1] / "risk" / "phrases.jsonl"
    for row in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        line = json.loads(row)
        text, risk = line["text"], line["risk"]
        note = re.match(r"\((own|staff|these)[^)]*\) ", text)
        ours = risk.startswith("own_") or bool(note and note[1] == "own") or "(own" in text
        ours = ours and "author is the patient" not in text and "news outlet" not in text
        role = ("owner_reply" if risk in _REPLIES else "owner_post") if ours else "public"
        yield risk, line["positive"], role, re.sub(r" \([^)]*\)$", "", text[note.end() :] if note else text)


def invented() -> Iterator[Phrase]:
    """Our own sentences."""
    risk = role = ""
    for line in PHRASES.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            _, risk, role = line.split()
        elif line[:2] in ("+ ", "- "):
            yield risk, line[0] == "+", role, line[2:]


def triggered(said: Iterable[Phrase]) -> Mapping[str, tuple[list[bool], list[bool]]]:
    """By class, which of its phrases and which of its near-misses have a signal of it; the guard's: which have none."""
    hits: dict[str, tuple[list[bool], list[bool]]] = defaultdict(lambda: ([], []))
    for risk, positive, role, text in said:
        signs = signals(text, role)
        hit = not signs if risk == GUARD else any(signal.risk == risk for signal in signs)
        hits[risk][not positive].append(hit)
    return hits


def rallypoint(folder: Path, least: float) -> Rates:
    """Posts of people at risk."""
    posts = rows(folder, "suicide_rallypoint")
    return rated((found(row["text"], "self_harm_crisis", least), row["label"] == 1) for row in posts)


def hatecheck(folder: Path) -> tuple[float, float]:
    """The share of its threats that are found, and of its contrasts."""
    tests = [(row["functionality"], found(row["text"], "threat_to_staff")) for row in rows(folder, "threat_hatecheck")]
    threats = [hit for name, hit in tests if name.startswith("threat_")]
    return share(threats), share([hit for name, hit in tests if name.endswith("_nh")])


def names(folder: Path) -> Rates:
    """Real replies that name whom they answer."""
    return rated(
        (
            any(
                s.rule.startswith("own_reply_phi.name")
                for s in signals(row["text"], "owner_reply", row["review"] or "-")
            ),
            bool(row["names_reviewer"]),
        )
        for row in rows(folder, "owner_replies")
    )


def redaction(folder: Path) -> tuple[float, float]:
    """Of the words that are masked, how many are personal; of the personal spans, how many are masked whole."""
    held: list[bool] = []
    masked = right = 0
    for row in rows(folder, "pii_presidio_synth_v2"):
        said = [_words(row["text"][start:end]) for kind, start, end in row["spans"] if kind in _PERSONAL]
        left = Counter(_words(redacted(row["text"])))
        held += [not any(left[word] for word in span) for span in said if span]
        gone = Counter(_words(row["text"])) - left
        masked += gone.total()
        right += (gone & Counter(word for span in said for word in span)).total()
    return right / max(masked, 1), share(held)


def _words(text: str) -> list[str]:
    plain = (word.strip(".,;:!?()'\"").lower() for word in text.split())
    return [word for word in plain if word]


def tables(folder: Path) -> str:
    """All of them, as Markdown."""
    twice, told = read_twice(folder), alarms(folder)
    theirs, ours = triggered(taxonomy(folder)), triggered(invented())
    bars = [
        *_on_phrases(theirs, "the taxonomy's phrases"),
        *_on_phrases(ours, "our own phrases"),
        *_on_reviews(twice, told),
    ]
    bars += _on_others(folder)
    lines = [(bar.what, bar.asked, bar.measured, bar.beside, "yes" if bar.met else "**no**") for bar in bars]
    return "\n\n".join((
        "### Bars", table(("bar", "asked", "measured", "a plain way", "met"), lines),
        "### Reviews that two people read", _twice(twice, "the readers, each by the other: F1"),
        "### Other reviews that one reader read", _twice(read_once(folder), "F1 where the reader was sure"),
        "### Told, of 1,000 real reviews", table(("class", "told per 1,000"), [(r, f"{n:.2f}") for r, n in told.items()]),
        "### Phrases", _phrases(theirs, ours),
    ))  # fmt: skip


def _on_phrases(hits: Mapping[str, tuple[list[bool], list[bool]]], of: str) -> Iterator[Bar]:
    """The classes that are worst by their phrases and near-misses."""
    recall = {risk: share(hit) for risk, (hit, _) in hits.items() if risk != GUARD}
    for name, least, group in (
        ("every class", 0.85, [risk for risk in recall if risk not in STRICT]),
        ("replies, threats, self-harm", 0.95, [risk for risk in STRICT if risk in recall]),
    ):
        low = [f"{risk} {recall[risk]:.2f}" for risk in group if recall[risk] < least]
        measured = ", ".join(low) or f"lowest {min((recall[risk] for risk in group), default=0):.2f}"
        yield Bar(f"recall on {of}, {name}", f"{least:.2f}", measured, "", bool(group) and not low)
    near = share([hit for risk, (_, misses) in hits.items() if risk != GUARD for hit in misses])
    yield Bar(f"near-misses of {of} that trigger", "at most .10", f"{near:.2f}", "", near <= 0.1)


def _on_reviews(twice: Sequence[Twice], told: Mapping[str, float]) -> Iterator[Bar]:
    for one in twice:
        if one.risk in READ_TWICE:
            beside = f"two readers {one.readers.f1:.2f}"
            yield Bar(f"{one.risk}, reviews read twice", "F1 .75", f"{one.ours.f1:.2f}", beside, one.ours.f1 >= 0.75)
    for risk, most, plain in (("threat_to_staff", 0.2, "words alone 0.2"), ("self_harm_crisis", 2, "words alone 3.7")):
        number = told.get(risk, 0)
        yield Bar(f"{risk}, told of 1,000 reviews", f"at most {most}", f"{number:.2f}", plain, number <= most)


def _on_others(folder: Path) -> Iterator[Bar]:
    for least, how in ((0.0, "stored"), (TOLD, "told")):
        one = rallypoint(folder, least)
        met = one.recall >= 0.9 and one.precision >= 0.45
        yield Bar(
            f"self-harm in RallyPoint's posts, {how}", "recall .90 at precision .45",
            f"{one.recall:.2f} at {one.precision:.2f}", "a pattern .90 at .34", met,
        )  # fmt: skip
    threats, contrasts = hatecheck(folder)
    yield Bar(
        "HateCheck's threats, told", "recall .80, contrasts .03", f"{threats:.2f}, {contrasts:.3f}", "a pattern .21",
        threats >= 0.8 and contrasts <= 0.03,
    )  # fmt: skip
    one = names(folder)
    yield Bar(
        "real replies that name the reviewer", "recall .99, precision .97", f"{one.recall:.2f}, {one.precision:.2f}", "",
        one.recall >= 0.99 and one.precision >= 0.97,
    )  # fmt: skip
    precision, recall = redaction(folder)
    yield Bar(
        "personal data masked in excerpts", "recall .85 at precision .87", f"{recall:.2f} at {precision:.2f}",
        "Presidio .60 at .69", recall >= 0.85 and precision >= 0.87,
    )  # fmt: skip


def _twice(twice: Sequence[Twice], beside: str) -> str:
    head = ("class", "labelled", "precision", "recall", "F1", beside)
    lines = [(t.risk, t.labelled, t.ours.precision, t.ours.recall, t.ours.f1, t.readers.f1) for t in twice]
    return table(head, lines)


def _phrases(
    theirs: Mapping[str, tuple[list[bool], list[bool]]], ours: Mapping[str, tuple[list[bool], list[bool]]]
) -> str:
    """Class by class: how many phrases, how many of them are found, and how many near-misses trigger."""
    lines = []
    for risk in (*RISKS, GUARD):
        sides = [hits.get(risk, ([], [])) for hits in (theirs, ours)]
        lines.append((risk, *(cell for hit, near in sides for cell in (len(hit), share(hit), sum(near), len(near)))))
    sides_head = ("phrases", "recall", "near-misses that trigger", "of")
    return table(("class", *sides_head, *(f"ours: {name}" for name in sides_head)), lines)
