"""A mention becomes an assessment: its language, its sentiment, its themes and the risks it shows, each with its place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b
from importlib.metadata import version

from monitor.assess.lexicon import RISKS, lexicon
from monitor.assess.reading import Reading
from monitor.assess.signals import Signals
from monitor.assess.vader import emoji_in
from monitor.model import Assessment, Mention

_VERSION = 2
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
    ) -> None:
        """`brands` and `people` are ours and no patient's; `disabled` names risks or single rules ("risk.rule").

        Raises ValueError where `disabled` names what is not there, or the lexicon cannot be read."""
        known = lexicon()
        ours = [name for name in dict.fromkeys((organisation, *brands)) if name]
        self._signals = Signals(known, brands=ours, people=people, disabled=disabled)
        self.name = f"wellheard-{_VERSION}/vader-{version('vaderSentiment')}/lexicon-{known.version}"
        if ours or people or disabled:
            asked = repr((ours, list(people), sorted(disabled))).encode("utf-8", "surrogatepass")
            self.name += f"/{blake2b(asked, digest_size=3).hexdigest()}"

    def assess(self, mention: Mention, parent: Mention | None = None) -> Assessment:
        """What there is to say of `mention`; `parent` is what it answers, where that is stored.

        Language and sentiment are the text's, or the title's where there is no text. Signals and themes are of both, and
        are looked for in any language: the rules are English, and a threat in English inside a text that is not should not
        be missed. A title that only begins the text is not read again."""
        text, title = mention.text, mention.title
        if title and text and text.startswith(title.rstrip(".\u2026 ")):
            title = ""
        read = Reading(text, title)
        said = read if not title or text.strip() else Reading(title)
        lang = said.language(mention.lang)
        sentiment = said.sentiment() if lang == "en" else _wordless(said) if lang is None else None
        signals, themes = self._signals.find(mention, read, parent, _mood(mention.stars, sentiment))
        return Assessment(lang=lang, sentiment=sentiment, signals=signals, themes=themes, assessor=self.name)


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


__all__ = ["RISKS", "Assessor"]
