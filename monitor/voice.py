"""One voice: the organisation's own social media policy, applied to what it is about to say and to what it said. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from monitor.model import Kind, Level, Mention, Signal
from monitor.topics import Hit, Query, Topics, parse

RISK = "own_voice"
"""The class of its signals: nobody is harmed by one, but the organisation did not speak as it wants to."""
_LIKELIHOOD = 0.6
_IMPACT = {Level.INFO: 1, Level.WARNING: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One rule of the policy: words that are not used, or what a kind of post needs: a phrase, or a number of approval.

    `about`: only what this query matches, None for all of `kinds`. `avoid` and `needs` are phrases as in topics, without
    regard to case and accents; `approval` is a number's pattern, ``#`` a digit and ``@`` a letter."""

    name: str
    kinds: frozenset[Kind] = frozenset({Kind.POST, Kind.COMMENT})
    about: Query | None = None
    avoid: Sequence[str] = ()
    say: str = ""
    needs: str = ""
    approval: str = ""
    level: Level = Level.WARNING

    @property
    def remedy(self) -> str:
        """What to do about a breach."""
        if self.avoid:
            return f'Write "{self.say}" instead.' if self.say else "Do not use these words."
        if self.needs:
            return f'Add: "{self.needs}"'
        return f"Have it approved and add the number, in the form {self.approval} (# a digit, @ a letter)."


class Voice:
    """The whole policy, ready to be applied; safe to share by threads."""

    name: str
    """Changes whenever the policy does, so that what is stored can be assessed again."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = tuple(policies)
        queries: dict[str, Query] = {}
        for one in policies:
            if one.about is not None:
                queries[f"about {one.name}"] = one.about
            if one.avoid:
                queries[f"avoid {one.name}"] = phrases(one.avoid)
            if one.needs:
                queries[f"needs {one.name}"] = phrases([one.needs])
        self._topics = Topics(queries)
        self._numbers = {one.name: number(one.approval) for one in policies if one.approval}
        self.name = blake2b(repr(self._policies).encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()

    def __bool__(self) -> bool:
        return bool(self._policies)

    def signals(self, said: Mention) -> tuple[Signal, ...]:
        """The breaches in something of ours, in the order of the policy, each at the place that shows it."""
        if not said.ours or not (said.text or said.title):
            return ()
        found = self._topics.match(said, source="", labels={})
        return tuple(
            signal for one in self._policies if said.kind in one.kinds for signal in self._breach(one, said, found)
        )

    def _breach(self, one: Policy, said: Mention, found: dict[str, tuple[Hit, ...]]) -> Iterator[Signal]:
        if one.about is not None and f"about {one.name}" not in found:
            return
        if one.avoid:
            for hit in found.get(f"avoid {one.name}", ())[:1]:
                yield _signal(one, hit.start, hit.end, hit.field)
            return
        if one.needs and f"needs {one.name}" in found:
            return
        if one.approval and any(self._numbers[one.name].search(text) for text in (said.text, said.title)):
            return
        hits = found.get(f"about {one.name}", ())
        if hits:
            yield _signal(one, hits[0].start, hits[0].end, hits[0].field)
        else:  # it is missing everywhere
            where = "text" if said.text else "title"
            yield _signal(one, 0, len(said.text or said.title), where)


def _signal(one: Policy, start: int, end: int, field: str) -> Signal:
    return Signal(
        risk=RISK, impact=_IMPACT[one.level], likelihood=_LIKELIHOOD, start=start, end=end, rule=f"voice.{one.name}",
        field="title" if field == "title" else "text",
    )  # fmt: skip


def phrases(words: Sequence[str]) -> Query:
    """A query for any of these phrases; ``*`` at the end of a word leaves it open. Raises QueryError."""
    return parse(" OR ".join(f'"{phrase}"' for phrase in words))


def number(pattern: str) -> re.Pattern[str]:
    """The pattern of a number as a regular expression of fixed length: nothing in it can repeat, so that no pattern that
    anybody writes takes long on any text."""
    signs = {"#": "[0-9]", "@": "[A-Za-z]"}
    body = "".join(signs.get(sign) or re.escape(sign) for sign in pattern)
    return re.compile(rf"(?<![^\W_]){body}(?![^\W_])", re.IGNORECASE)
