"""A mention becomes an assessment: its language, its sentiment, its themes and the risks it shows, each with its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import blake2b
from importlib.metadata import version

from monitor.assess import opinion
from monitor.assess.hunch import hunches
from monitor.assess.lexicon import RISKS, lexicon
from monitor.assess.opinion import Opinion
from monitor.assess.reading import Reading
from monitor.assess.signals import Signals, Subject
from monitor.assess.vader import emoji_in
from monitor.model import Assessment, Mention, Signal
from monitor.voice import Voice

_VERSION = 7
"""Of the code in this package: raised when it judges otherwise, so that what is stored can be assessed again."""


class Assessor:
    """Assesses mentions for one organisation. Deterministic, without I/O after its making, safe to share by threads."""

    name: str
    """What made an assessment: the versions of code, VADER and lexicon, and of the names it was made for."""

    def __init__(
        self,
        *,
        organisation: str = "",
        brands: Sequence[str] = (),
        people: Sequence[str] = (),
        disabled: Collection[str] = (),
        phrases: Mapping[str, Sequence[str]] | None = None,
        unless: Mapping[str, Sequence[str]] | None = None,
        voice: Voice | None = None,
    ) -> None:
        """`brands` and `people` are ours and no patient's; `disabled` names risks or single rules ("risk.rule").
        `phrases` are the organisation's own signs of a risk, and what is in `unless` takes the meaning from its rules.
        `voice` is the organisation's own policy for what it says itself.

        Raises ValueError where `disabled` names what is not there, or the lexicon cannot be read."""
        known = lexicon()
        added = (dict(phrases or {}), dict(unless or {}))
        if any(added):
            known = known.extended(*added)
        opinion.weights()  # read now, once, and not with the first mention
        ours = [name for name in dict.fromkeys((organisation, *brands)) if name]
        self._unreliable = known.unreliable
        self._signals = Signals(known, brands=ours, people=people, disabled=disabled)
        self.name = f"wellheard-{_VERSION}/vader-{version('vaderSentiment')}/lexicon-{known.version}"
        if ours or people or disabled or any(added):
            said = (ours, list(people), sorted(disabled))
            asked = repr((*said, *(sorted(one.items()) for one in added)) if any(added) else said).encode(
                "utf-8", "surrogatepass"
            )
            self.name += f"/{blake2b(asked, digest_size=3).hexdigest()}"
        self._voice = voice
        if voice is not None:
            self.name += f"/{voice.name}"

    def assess(self, mention: Mention, parent: Mention | None = None) -> Assessment:
        """What there is to say of `mention`; `parent` is what it answers, where that is stored.

        Language and sentiment are the text's, or the title's where there is no text. Signals and themes are of both, and
        are looked for in any language: the rules are English, and a threat in English inside a text that is not should not
        be missed."""
        return self.assess_all([(mention, parent)])[0]

    def assess_all(self, said: Sequence[tuple[Mention, Mention | None]]) -> list[Assessment]:
        """The same for many mentions, each with what it answers, in a fifth less time: each stage goes over some hundred texts
        before the next, so that a processor need not learn every stage anew with every text."""
        return [assessment for some in _portions(said) for assessment in self._portion(some)]

    def _portion(self, said: Sequence[tuple[Mention, Mention | None]]) -> Iterator[Assessment]:
        reads = [_read(mention) for mention, _ in said]
        langs = [own.language(mention.lang) for (mention, _), (_, own) in zip(said, reads, strict=True)]
        sentiments = _sentiments([own for _, own in reads], langs)
        subjects = [
            Subject(mention, read, parent, _mood(mention.stars, sentiment))
            for (mention, parent), (read, _), sentiment in zip(said, reads, sentiments, strict=True)
        ]
        found = self._signals.find(subjects)
        for (mention, _), lang, sentiment, (signals, themes) in zip(said, langs, sentiments, found, strict=True):
            own = self._voice.signals(mention) if self._voice is not None and mention.ours else ()
            shown = tuple([theme for theme in themes if theme not in self._unreliable])
            yield Assessment(lang=lang, sentiment=sentiment, signals=signals + own, themes=shown, assessor=self.name)

    def doubted(self, mention: Mention, sentiment: float | None, parent: Mention | None = None) -> tuple[Signal, ...]:
        """What rules find in `mention` and is not believed of so few words, for whoever asks why nothing was told."""
        return self._signals.doubted(Subject(mention, _read(mention)[0], parent, _mood(mention.stars, sentiment)))

    def opinion(self, mention: Mention) -> Opinion | None:
        """What `mention` thinks and which words say so, for whoever asks why; None where it is not English."""
        _, said = _read(mention)
        return opinion.opinion(said) if said.language(mention.lang) == "en" else None


def carriers(mention: Mention, rule: str) -> list[tuple[str, float]]:
    """The words by which a mention reads like what a rule is about, the heaviest first, each with its share of all that was
    weighed, below 0 where it spoke against; none for a rule that looks for words of its own."""
    model = hunches()
    return model.shares(_read(mention)[0], rule) if rule in model.bars else []


_MANY, _LONG = 100, 200_000
"""So many texts, and of so many characters together, are held split into words at once."""


def _portions(said: Sequence[tuple[Mention, Mention | None]]) -> Iterator[Sequence[tuple[Mention, Mention | None]]]:
    start = length = 0
    for at, (mention, _) in enumerate(said):
        length += len(mention.text)
        if at > start and (at - start == _MANY or length > _LONG):
            yield said[start:at]
            start, length = at, len(mention.text)
    if start < len(said):
        yield said[start:]


def _sentiments(reads: Sequence[Reading], langs: Sequence[str | None]) -> list[float | None]:
    """What each text thinks, None where that cannot be read."""
    scores = iter(opinion.scores([read for read, lang in zip(reads, langs, strict=True) if lang == "en"]))
    return [
        next(scores) if lang == "en" else _wordless(read) if lang is None else None
        for read, lang in zip(reads, langs, strict=True)
    ]


def _read(mention: Mention) -> tuple[Reading, Reading]:
    """Text and title as one, and what of them has the sentiment. A title that only begins the text is not read again."""
    text, title = mention.text, mention.title
    if title and text and text.startswith(title.rstrip(".\u2026 ")):
        title = ""
    read = Reading(text, title)
    return read, read if not title or text.strip() else Reading(title)


def _wordless(said: Reading) -> float | None:
    """The sentiment of a text of no words but emoji and the like: VADER spells out those that it knows."""
    if any(map(str.isalpha, said.text)):
        return None
    sentiment = said.sentiment()
    return sentiment if sentiment or emoji_in(said.text) else None


def _mood(stars: float | None, sentiment: float | None) -> float:
    """How content the author is, -1 to 1: by the stars where there are any, since those are the author's own word."""
    if stars is not None and stars != 3:
        return (stars - 3) / 2 if stars < 3 else max((stars - 3) / 1.5, 0.4)
    return sentiment or 0.0


__all__ = ["RISKS", "Assessor", "Opinion", "carriers"]
