"""The risk rules as they are written in `risks/*.toml`, read once and checked.

A rule says in words what it sees, what must stand near, what takes the meaning away, whose words it applies to, and how bad
and how likely a find is: the head of `words.toml` explains every field to those who review the rules.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from itertools import chain
from typing import Any

from monitor.assess.phrases import Common, Index, Lists

RISKS = (
    "own_reply_phi",
    "own_post_phi",
    "privacy_breach_allegation",
    "self_disclosed_phi",
    "own_medical_advice",
    "clinical_harm_allegation",
    "patient_safety_signal",
    "misconduct_discrimination",
    "legal_regulatory_threat",
    "threat_to_staff",
    "self_harm_crisis",
    "account_compromise",
    "impersonation_misrepresentation",
    "coordinated_campaign",
    "review_integrity",
    "own_reply_conduct",
    "brand_service_complaint",
)
"""The classes of risk, in the order of the taxonomy."""

GUARD = "guard_staff_labor_speech"
"""Not a risk: what staff say about their work is theirs to say. Its rules silence others."""

SHAPES = ("phone", "email", "identifier", "self_named", "addressed_name", "theme", "hunch")
"""What is recognised by its form and not by words; a rule finds it as `<phone>`. See shapes.py."""

_ROLES = ("public", "owner", "owner_reply", "owner_post")
_MOODS = ("any", "negative", "unpraising")
_PLACES = ("sentence", "near", "text")


@dataclass(frozen=True, slots=True)
class Condition:
    """Word lists of which one must (or must not) stand in a place: sentence, near (a sentence to each side) or text."""

    lists: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LexiconRule:
    """One way in which a risk shows in words. The fields are those of the files, explained in `words.toml`; `needs` is
    `with` there, and `id` is risk and id: "threat_to_staff.next-time"."""

    id: str
    risk: str
    means: str
    role: str
    find: tuple[str, ...]
    needs: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    impact: int
    likelihood: float
    severe: tuple[Condition, ...] = ()
    negatable: bool = True
    praise: float = 1.0
    mood: str = "any"
    repeated: float | None = None
    alone: float | None = None
    despite_guard: bool = False
    longest: int | None = None
    fires: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """All rules, the word lists they share, and the themes (name to phrases), those that are too often wrong to be shown
    among them. `version` changes with any of them."""

    rules: tuple[LexiconRule, ...]
    lists: Lists
    themes: Mapping[str, tuple[str, ...]]
    unreliable: frozenset[str]
    common: Common = field(repr=False)
    version: str

    def extended(self, own: Mapping[str, Sequence[str]], barred: Mapping[str, Sequence[str]]) -> Lexicon:
        """The same with an organisation's phrases: `own` are signs of a risk, found as "RISK.own"; what is `barred` takes
        the meaning from every rule of the risk, where it stands in the same sentence or beside it.

        Raises ValueError for a risk that is not there and a phrase that cannot be read."""
        if unknown := {*own, *barred} - set(RISKS):
            raise ValueError(f"there is no risk {', '.join(sorted(unknown))}")
        for phrase in chain.from_iterable((*own.values(), *barred.values())):
            readable(phrase)
        lists = {**self.lists, **{f"barred_{risk}": tuple(map(_plain, said)) for risk, said in barred.items()}}
        rules = (*self.rules, *(_own_rule(self, risk, said) for risk, said in own.items() if said))
        return replace(self, lists=lists, rules=tuple(_barred(rule) if rule.risk in barred else rule for rule in rules))

    def index(self, phrases: Iterable[tuple[str, int]]) -> Index:
        """Phrases with their tags, ready to be looked for."""
        return Index(phrases, self.lists, self.common)


@cache
def lexicon() -> Lexicon:
    """The lexicon that is installed. Raises ValueError that names the file and rule where something is wrong in it."""
    folder = files(__package__)
    shared = folder.joinpath("words.toml").read_text(encoding="utf-8")
    themes = folder.joinpath("themes.toml").read_text(encoding="utf-8")
    names = sorted((*RISKS, GUARD))
    risks = {name: folder.joinpath("risks", f"{name}.toml").read_text(encoding="utf-8") for name in names}
    digest = blake2b("\0".join((shared, themes, *risks.values())).encode(), digest_size=4).hexdigest()
    words, about = tomllib.loads(shared), tomllib.loads(themes)
    lists: dict[str, Sequence[str]] = dict(words["lists"])
    rules: list[LexiconRule] = []
    for name, text in risks.items():
        said = tomllib.loads(text)
        own = said.get("lists", {})
        if twice := set(own) & set(lists):
            raise ValueError(f"{name}.toml defines a word list that is there already: {', '.join(sorted(twice))}")
        lists |= own
        rules += [_rule(name, said, rule) for rule in said["rules"]]
    known = Lexicon(
        rules=tuple(rules),
        lists=lists,
        themes={name: tuple(phrases) for name, phrases in about["themes"].items()},
        unreliable=frozenset(about["unreliable"]),
        common={word: 2_000 / (rank + 5) for rank, word in enumerate(words["common"]["words"].split())},
        version=digest,
    )
    _check(known)
    return known


def _rule(risk: str, file: Mapping[str, Any], said: Mapping[str, Any]) -> LexiconRule:
    """One rule, with what its file says for all of them."""
    known = {"id", "means", "role", "find", "with", "unless", "impact", "likelihood", "severe", "negatable", "praise"}
    known |= {"mood", "repeated", "alone", "despite_guard", "longest", "fires", "quiet"}
    if unknown := set(said) - known:
        raise ValueError(f"{risk}.toml, rule {said.get('id')}: {', '.join(sorted(unknown))} is no field of a rule")
    both = {**file.get("defaults", {}), **said}
    # What speaks against a wording has been weighed where a hunch is raised.
    barred = () if "<hunch>" in said["find"] else file.get("defaults", {}).get("unless", ())
    return LexiconRule(
        id=f"{risk}.{said['id']}",
        risk=risk,
        means=said["means"],
        role=both["role"],
        find=tuple(said["find"]),
        needs=_conditions(said.get("with", ())),
        unless=_together(_conditions((*barred, *said.get("unless", ())))),
        impact=both["impact"],
        likelihood=both["likelihood"],
        severe=_conditions(both.get("severe", ())),
        negatable=both.get("negatable", True),
        praise=both.get("praise", 1.0),
        mood=both.get("mood", "any"),
        repeated=both.get("repeated"),
        alone=both.get("alone"),
        despite_guard=both.get("despite_guard", False),
        longest=both.get("longest"),
        fires=tuple(said.get("fires", ())),
        quiet=tuple(said.get("quiet", ())),
    )


def _conditions(said: Iterable[str]) -> tuple[Condition, ...]:
    """`"staff|organisation@near"` as lists and place."""
    parts = (text.partition("@") for text in said)
    return tuple(Condition(tuple(lists.split("|")), place or "sentence") for lists, _, place in parts)


def _together(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Conditions of which any is enough, those of one place as one: that place is then looked for once."""
    lists: dict[str, tuple[str, ...]] = {}
    for one in conditions:
        lists[one.place] = (*lists.get(one.place, ()), *one.lists)
    return tuple(Condition(names, place) for place, names in lists.items())


OWN = ".own"
"""How the ids of the rules end that hold an organisation's own phrases."""

LONGEST_PHRASE = 12
"""No phrase of an organisation has more words."""
_WIDEST = 12
"""So many words may its gaps skip together: what a find costs grows with them."""
_OPTIONAL = 3
"""So many of its words may be "or none": every choice is a phrase of its own, and twelve such would be 4,096."""


def readable(phrase: str) -> None:
    """Raises ValueError where an organisation's phrase cannot be read: it names no word, is too long or leaves too much open.

    So no phrase can be slow on any text: `benchmarks/assess.py` has the worst ones."""
    words = _plain(phrase).split()
    if not 0 < len(words) <= LONGEST_PHRASE or "{" in phrase or "<" in phrase:
        raise ValueError(f"the phrase {phrase[:60]!r} must be 1 to {LONGEST_PHRASE} words")
    skipped = sum(int(word.rstrip("?")[3:] or 3) for word in words if word.startswith("..."))
    if skipped > _WIDEST or sum(word.endswith("?") for word in words) > _OPTIONAL:
        raise ValueError(
            f"the phrase {phrase[:60]!r} leaves too much open: its gaps may skip {_WIDEST} words together, "
            f"and {_OPTIONAL} words may end in ?"
        )
    Index([(" ".join(words), 0)], {}, {})


def _plain(phrase: str) -> str:
    """In lower case, with the signs that part words as blanks, as texts are read."""
    return phrase.lower().replace("\u2019", "'").replace("-", " ").strip()


def _own_rule(known: Lexicon, risk: str, phrases: Sequence[str]) -> LexiconRule:
    """The organisation's own phrases as a rule like those of the class."""
    like = [rule for rule in known.rules if rule.risk == risk]
    return LexiconRule(
        id=f"{risk}{OWN}",
        risk=risk,
        means="What the organisation itself calls a sign of this class.",
        role=like[0].role,
        find=tuple(map(_plain, phrases)),
        impact=max(rule.impact for rule in like),
        likelihood=0.5,
        despite_guard=like[0].despite_guard,
    )


def _barred(rule: LexiconRule) -> LexiconRule:
    return replace(rule, unless=_together((*rule.unless, Condition((f"barred_{rule.risk}",), "near"))))


def _check(known: Lexicon) -> None:
    """Raises ValueError for the first rule that could never be read as it stands."""
    ids = [rule.id for rule in known.rules]
    for rule in known.rules:
        conditions = (*rule.needs, *rule.unless, *rule.severe)
        wrong = [name for c in conditions for name in c.lists if name not in known.lists and name not in _NAMED]
        wrong += [c.place for c in conditions if c.place not in _PLACES]
        wrong += [phrase for phrase in rule.find if phrase.startswith("<") and phrase[1:-1] not in SHAPES]
        wrong += [said for said, may in ((rule.role, _ROLES), (rule.mood, _MOODS)) if said not in may]
        if ids.count(rule.id) > 1:
            wrong.append("its id, which another has too")
        if not 1 <= rule.impact <= 5 or not 0 < rule.likelihood <= 1:
            wrong.append("impact (1 to 5) or likelihood (0 to 1)")
        if wrong:
            raise ValueError(f"the rule {rule.id} names what is not there: {', '.join(wrong)}")


_NAMED = ("our_people", "our_names")
"""Lists that the configuration fills: the organisation's people and its names."""
