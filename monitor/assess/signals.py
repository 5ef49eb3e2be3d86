"""Signals: which rules of the lexicon a mention meets, each with the place in the text that shows it.

First the rare words that rules look for; only where one is found are the conditions around it looked at. What stands in a
sentence is looked up once per list and sentence, so that the work grows with the length of a text and no faster.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from monitor.assess.hunch import Asked, hunches
from monitor.assess.lexicon import GUARD, Condition, Lexicon, LexiconRule
from monitor.assess.phrases import END, Index, Lists
from monitor.assess.reading import Reading, Span
from monitor.assess.shapes import shaped
from monitor.model import Kind, Mention, Signal

_SMALL_TALK = 300
"""So many of the commonest words tell nothing of a person: what a reply adds is counted without them."""

_NEGATOR_REACH = 3
"""A negator so many words before a find takes it back."""


class Subject(NamedTuple):
    """A mention as rules look at it: read, beside what it answers, with its `mood`, -1 to 1: how content its author sounds."""

    mention: Mention
    read: Reading
    parent: Mention | None
    mood: float


_Found = tuple[dict[int, Span], dict[int, list[Span]]]
"""What words found: the first place of each theme, and the places of each rule."""


class Signals:
    """The rules that are in force for one organisation, ready to be applied."""

    def __init__(
        self,
        lexicon: Lexicon,
        *,
        brands: Sequence[str] = (),
        people: Sequence[str] = (),
        disabled: Collection[str] = (),
    ) -> None:
        """`disabled` are risks or ids of rules. Raises ValueError for one that is not there."""
        rules = lexicon.rules
        if unknown := set(disabled) - {r.risk for r in rules} - {r.id for r in rules}:
            raise ValueError(f"there is no risk or rule {', '.join(sorted(unknown))}; see monitor/assess/risks")
        self._lists = _Lists(lexicon, brands, people)
        self._themes = tuple(lexicon.themes)
        self._negators = frozenset(lexicon.lists["negator"])
        self._known = frozenset(word for name in (*brands, *people) for word in Reading(name).words)
        self._common = frozenset(list(lexicon.common)[:_SMALL_TALK])
        kept = [rule for rule in rules if rule.risk not in disabled and rule.id not in disabled]
        self._sets = {
            role: _RuleSet(lexicon, self._lists, [rule for rule in kept if rule.role in roles])
            for role, roles in _ROLES.items()
        }

    def find(self, subjects: Sequence[Subject]) -> list[tuple[tuple[Signal, ...], tuple[str, ...]]]:
        """The signals, worst first, and the themes of each. A signal of the title is left out where the text shows the same
        rule."""
        sets = [self._sets[_role(one.mention)] for one in subjects]
        found = [rules.hits(one.read.words) for rules, one in zip(sets, subjects, strict=True)]
        scored = [rules.hunches.scored(one.read) for rules, one in zip(sets, subjects, strict=True)]
        return list(map(self._shown, sets, subjects, found, scored))

    def doubted(self, subject: Subject) -> tuple[Signal, ...]:
        """What rules find in one and nobody is told, since a text of few words reads too little like it."""
        rules, read = self._sets[_role(subject.mention)], subject.read
        scored = rules.hunches.scored(read)
        if scored is None:
            return ()
        hits = self._hits(rules, subject, rules.hits(read.words), scored)
        met = self._met(rules, hits, _Scene(read, self._lists), subject)
        return tuple(signal for rule, signal in met if _doubted(rules.hunches, rule, signal, scored, read))

    def _shown(
        self, rules: _RuleSet, subject: Subject, found: _Found, scored: int | None
    ) -> tuple[tuple[Signal, ...], tuple[str, ...]]:
        """The signals and themes of one, given what its words found."""
        hits = self._hits(rules, subject, found, scored)
        signals = self._judged(rules, hits, _Scene(subject.read, self._lists, scored), subject) if hits else ()
        return signals, tuple([self._themes[k] for k in sorted(found[0])])

    def _hits(self, rules: _RuleSet, subject: Subject, found: _Found, scored: int | None) -> dict[int, list[Span]]:
        """What the words found, and what shapes, themes and hunches add."""
        themes, hits = found
        mention, read, parent, mood = subject
        if rules.shapes and (mention.ours or read.telling):
            for number, shape in rules.shapes:
                hits.setdefault(number, []).extend(self._shaped(shape, read, parent))
        if themes:
            for number in rules.themed:
                hits.setdefault(number, []).extend(sorted(themes.values()))
        for number, span in rules.suspected(scored, read, mood):
            hits.setdefault(number, []).append(span)
        return hits

    def _judged(
        self, rules: _RuleSet, hits: dict[int, list[Span]], scene: _Scene, subject: Subject
    ) -> tuple[Signal, ...]:
        """The signals of the rules whose finds hold, worst first; under the guard only those that override it, and beside
        one that is told no complaint about the service: a threat is not also that."""
        signals = self._met(rules, hits, scene, subject)
        if signals and scene.scored is not None:
            scored, asked, read = scene.scored, rules.hunches, scene.read
            signals = [found for found in signals if not _doubted(asked, *found, scored, read)]
        if not signals:
            return ()
        signals = _unsuspected(signals)
        if any(rule.risk == GUARD for rule, _ in signals):
            signals = [(rule, signal) for rule, signal in signals if rule.despite_guard]
        found = sorted((signal for _, signal in signals), key=lambda s: (-s.score, s.start, s.rule))
        if len(found) > 1 and found[0].score >= TOLD and ".hunch" not in found[0].rule:
            # An ordinary complaint beside it says nothing more; an allegation of fraud does.
            found = [signal for signal in found if signal.risk != _COMPLAINT or signal.impact > 1]
        return tuple(found)

    def _met(
        self, rules: _RuleSet, hits: dict[int, list[Span]], scene: _Scene, subject: Subject
    ) -> list[tuple[LexiconRule, Signal]]:
        """The rules whose conditions are met, each with its worst find."""
        parent, mood = subject.parent, subject.mood
        signals = []
        for number, spans in hits.items():
            rule = rules.rules[number]
            if (rule.mood == "negative" and mood > _ANGRY) or (rule.mood == "unpraising" and mood >= PRAISE):
                continue
            if rule.longest is not None and len(scene.read.words) > rule.longest:
                continue
            if signal := self._best(rule, spans, scene, parent, mood):
                signals.append((rule, signal))
        return signals

    def _shaped(self, shape: str, read: Reading, parent: Mention | None) -> Iterator[Span]:
        """Finds of a shape as spans of words."""
        known = self._known
        if shape == "addressed_name" and parent is not None:
            known = known.union(Reading(parent.author or "").words)
        for start, end in shaped(shape, read.text, known):
            yield read.words_of(start, end)

    def _best(
        self, rule: LexiconRule, spans: list[Span], scene: _Scene, parent: Mention | None, mood: float
    ) -> Signal | None:
        """The rule's worst find, one in the text before one in the title, the first of equals; None where none holds."""
        best: Signal | None = None
        titled = scene.read.titled
        if titled:
            spans = sorted(spans, key=lambda span: span[0] < titled)
        for span in spans:
            if not self._holds(rule, span, scene):
                continue
            in_title = span[0] < titled
            if in_title and best and best.field == "text":
                break
            impact = 5 if rule.severe and any(scene.meets(c, span) for c in rule.severe) else rule.impact
            likelihood = self._likelihood(rule, span, scene, parent) * (rule.praise if mood >= PRAISE else 1)
            if best is None or impact * likelihood * 5 > best.score:
                start, end = scene.read.place(span)
                best = Signal(
                    risk=rule.risk,
                    impact=impact,
                    likelihood=likelihood,
                    start=start,
                    end=end,
                    rule=rule.id,
                    field="title" if in_title else "text",
                )
            if impact == 5 and rule.repeated is None:
                break
        return best

    def _holds(self, rule: LexiconRule, span: Span, scene: _Scene) -> bool:
        if rule.negatable and self._negated(scene.read.words, span[0]):
            return False
        for needed in rule.needs:
            if not scene.meets(needed, span):
                return False
        for barred in rule.unless:  # noqa: SIM110  # half of a find's cost: a generator each would be another third
            if scene.meets(barred, span):
                return False
        return True

    def _negated(self, words: Sequence[str], start: int) -> bool:
        """Whether a negator stands shortly before word `start`: "did not pull", "never once hurt", and not "not only"."""
        for i in range(start - 1, max(start - 1 - _NEGATOR_REACH, -1), -1):
            word = words[i]
            if word == END:
                return False
            if (word in self._negators or word.endswith("n't")) and words[i + 1] not in ("only", "just"):
                return True
        return False

    def _likelihood(self, rule: LexiconRule, span: Span, scene: _Scene, parent: Mention | None) -> float:
        """The rule's own; less where what is found was already said by whom we answer, or nobody can tell."""
        if rule.alone is not None and (parent is None or not parent.author):
            return rule.alone
        if rule.repeated is None or parent is None:
            return rule.likelihood
        said = scene.said_by(parent)
        new = [word for word in scene.read.words[slice(*span)] if word not in said and word not in self._common]
        return rule.likelihood if new else rule.repeated


_UNSHAPED = ("<theme>", "<hunch>")
"""What is found neither by a phrase nor by its form."""

_ANGRY = -0.2
_COMPLAINT = "brand_service_complaint"
TOLD = 6
"""From this score on an organisation is usually told."""

PRAISE = 0.6
"""From this mood on a text is praise. VADER gives it to texts of several kind words and no hard ones."""

_ROLES = {
    "public": ("public",),
    "owner_reply": ("owner", "owner_reply"),
    "owner_post": ("owner", "owner_post"),
}


def _role(mention: Mention) -> str:
    """Whose words these are: the first question, because the same sentence is harmless from one and not from another."""
    if not mention.ours:
        return "public"
    return "owner_reply" if mention.kind is Kind.COMMENT else "owner_post"


def _doubted(asked: Asked, rule: LexiconRule, signal: Signal, scored: int, read: Reading) -> bool:
    """Whether neither a text nor that sentence of it which has the find reads like the find's class: an allegation stays one
    beside a word about the parking."""
    if not asked.doubts(rule.id, scored, read):
        return False
    if signal.field == "title" or len(read.sentences) == 1:
        return True
    first = read.words_of(signal.start, signal.end)[0]
    sentence = read.sentences[max(bisect_right(read.sentences, (first, len(read.words))) - 1, 0)]
    return asked.doubts_sentence(rule.id, read, sentence)


def _unsuspected(signals: list[tuple[LexiconRule, Signal]]) -> list[tuple[LexiconRule, Signal]]:
    """Without hunches where rules know better: of a class that a rule has graded, and slight ones beside what is told."""
    ruled = [(rule.risk, signal.score) for rule, signal in signals if "<hunch>" not in rule.find]
    if not ruled or len(ruled) == len(signals):
        return signals
    known = {risk for risk, _ in ruled}
    least = TOLD if any(score >= TOLD for _, score in ruled) else 0
    return [
        (rule, signal)
        for rule, signal in signals
        if "<hunch>" not in rule.find or (signal.score >= least and rule.risk not in known)
    ]


class _Lists:
    """The word lists, each ready to be looked for once it is asked for; the configuration's own names among them."""

    def __init__(self, lexicon: Lexicon, brands: Sequence[str], people: Sequence[str]) -> None:
        ours = {"our_names": _names(brands), "our_people": _names(people)}
        self.phrases: Lists = {**lexicon.lists, **ours}
        self._common = lexicon.common
        self._indexes: dict[str, Index] = {}

    def index(self, name: str) -> Index:
        if name not in self._indexes:
            self._indexes[name] = Index([(phrase, 0) for phrase in self.phrases[name]], self.phrases, self._common)
        return self._indexes[name]


def _names(names: Sequence[str]) -> list[str]:
    """Names as phrases: their words without a title, and nothing that a phrase would take for a sign."""
    found = (" ".join(word for word in Reading(name).words if word not in _TITLES) for name in names)
    return [name for name in found if name.strip("_ ")]


_TITLES = frozenset({END, "dr", "mr", "mrs", "ms", "prof", "professor", "md", "rn", "dds"})


class _RuleSet:
    """The rules for one role with the index of all they look for. Themes have negative tags."""

    def __init__(self, lexicon: Lexicon, lists: _Lists, rules: list[LexiconRule]) -> None:
        self.rules = rules
        found = [(phrase, number) for number, rule in enumerate(rules) for phrase in rule.find]
        self.themed = [number for phrase, number in found if phrase == "<theme>"]
        self.shapes = [(n, phrase[1:-1]) for phrase, n in found if phrase.startswith("<") and phrase not in _UNSHAPED]
        self._suspects = {rules[number].id: number for phrase, number in found if phrase == "<hunch>"}
        self.hunches = hunches().of(self._suspects)
        phrases = [(phrase, number) for phrase, number in found if not phrase.startswith("<")]
        phrases += [(phrase, -1 - k) for k, name in enumerate(lexicon.themes) for phrase in lexicon.themes[name]]
        self._index = Index(phrases, lists.phrases, lexicon.common)
        brief = {number: rule.longest for number, rule in enumerate(rules) if rule.longest is not None}
        self._brief = max(brief.values(), default=0)
        self._index_of_long = self._index.without(brief)

    def suspected(self, scored: int | None, read: Reading, mood: float) -> Iterator[tuple[int, Span]]:
        """The hunches about a text, each with the sentence that reads most like it; of a longer text only where it is angry."""
        raised: Iterable[tuple[str, Span]] = ()
        if scored is not None:
            raised = self.hunches.raised(scored, read)
        elif mood <= _ANGRY:
            raised = self.hunches.raised_by_sentences(read)
        return ((self._suspects[rule], span) for rule, span in raised)

    def hits(self, words: Sequence[str]) -> _Found:
        """The first find of each theme, and the finds of each rule."""
        themes: dict[int, Span] = {}
        hits: dict[int, list[Span]] = {}
        index = self._index if len(words) <= self._brief else self._index_of_long
        for tag, start, end in index.hits(words):
            if tag < 0:
                themes.setdefault(-1 - tag, (start, end))
            else:
                hits.setdefault(tag, []).append((start, end))
        return themes, hits


class _Scene:
    """A text while rules look at it: what stands where, remembered; and how hunches score it, None where they do not."""

    def __init__(self, read: Reading, lists: _Lists, scored: int | None = None) -> None:
        self.read = read
        self.scored = scored
        self._lists = lists
        self._present: dict[tuple[str, int, int], bool] = {}
        self._said: frozenset[str] | None = None

    def meets(self, condition: Condition, span: Span) -> bool:
        """Whether one of the condition's lists stands in its place around `span`."""
        start, stop = self._window(condition.place, span[0])
        for name in condition.lists:
            key = (name, start, stop)
            found = self._present.get(key)
            if found is None:
                found = self._present[key] = self._lists.index(name).any(self.read.words, start, stop)
            if found:
                return True
        return False

    def _window(self, place: str, word: int) -> Span:
        """The words of a place around a word: its sentence, with those beside it, or the whole text."""
        words = self.read.words
        if place == "text":
            return 0, len(words)
        sentences = self.read.sentences
        if len(sentences) == 1:
            return sentences[0]
        here = max(bisect_right(sentences, (word, len(words))) - 1, 0)
        if place == "sentence":
            return sentences[here]
        return sentences[max(here - 1, 0)][0], sentences[min(here + 1, len(sentences) - 1)][1]

    def said_by(self, parent: Mention) -> frozenset[str]:
        """The words of whom we answer, name included."""
        if self._said is None:
            self._said = frozenset(Reading(f"{parent.author or ''} {parent.title} {parent.text}").words)
        return self._said
