"""What a finding in our own words means for whoever wrote them: how severe, why, and what to do about it."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from monitor.messages.risks import wording


class Severity(StrEnum):
    """How bad a finding in our own words is, worst first. What is severe or to be mended must not be posted, and must not
    stay up."""

    SEVERE = "severe"
    MEND = "mend"
    LOOK = "look"
    INFORMATION = "information"

    @property
    def forbidden(self) -> bool:
        """Whether it must not be posted."""
        return self in {Severity.SEVERE, Severity.MEND}


STRICT = 6.0
"""However much risk an organisation wants to hear of, what scores this much (of 25) is not to be posted."""
_LOOK = 4.0
"""Below this it is information: a polite thank-you stands under two of three replies, and nobody would read that list."""


def severity(score: float, *, notify: float = STRICT, urgent: float = 15.0) -> Severity:
    """The severity of a score (0-25) for an organisation with this appetite, which may only be stricter than ours."""
    strict = min(notify, STRICT)
    if score >= max(urgent, strict):
        return Severity.SEVERE
    if score >= strict:
        return Severity.MEND
    return Severity.LOOK if score >= _LOOK else Severity.INFORMATION


class Advice(NamedTuple):
    """Why it matters, in a sentence that names the rule of law, and what to do."""

    why: str
    do: str


def advice(risk: str, rule: str) -> Advice:
    """The advice for a finding of `rule`, the id of a rule of the lexicon; where the table has none, the words of the class
    of risk."""
    known = _table().get(risk, {})
    closer = known.get(rule.partition(".")[2], {})
    words = wording(risk)
    return Advice(
        closer.get("why") or known.get("why") or words.means, closer.get("do") or known.get("do") or words.first
    )


@cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files(__package__) / "advice.toml").read_text("utf-8"))
