"""Findings in our own words, as lint and audit tell them: where, how severe, why, what to do, and what they add."""

from __future__ import annotations

import re
from typing import Any

from monitor import voice
from monitor.cli.story import means
from monitor.config import Config
from monitor.messages.advice import Advice, Severity, advice, severity
from monitor.model import Mention, Signal

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_ADDED = 12
_TELLING = 4
"""Words shorter than this add nothing, unless they are numbers or names."""


def finding(said: Mention, one: Signal, parent: Mention | None, config: Config) -> dict[str, Any]:
    """A finding for machines; `adds` are the words that what we answer does not have, None where that is not known."""
    grade = graded(one, config)
    told = advised(one, config)
    return {
        "severity": grade.value,
        "risk": one.risk,
        "rule": one.rule,
        "means": means(one.rule),
        "field": one.field,
        "start": one.start,
        "end": one.end,
        "says": says(said, one),
        "adds": adds(said, one, parent) if parent is not None and parent.text else None,
        "impact": one.impact,
        "likelihood": one.likelihood,
        "score": round(one.score, 1),
        "must_not_be_posted": grade.forbidden,
        "why": told.why,
        "do": told.do,
    }


def graded(one: Signal, config: Config) -> Severity:
    """How severe a finding is for this organisation."""
    return severity(one.score, notify=config.appetite.notify, urgent=config.appetite.urgent)


def advised(one: Signal, config: Config) -> Advice:
    """Why a finding matters and what to do; what breaks the organisation's own policy is mended as that says."""
    told = advice(one.risk, one.rule)
    policy = config.voice.get(one.rule.partition(".")[2]) if one.risk == voice.RISK else None
    return told if policy is None else told._replace(do=policy.policy(config.topics).remedy)


def says(said: Mention, one: Signal) -> str:
    """The words that a finding points at."""
    return (said.title if one.field == "title" else said.text)[one.start : one.end]


def adds(said: Mention, one: Signal, parent: Mention) -> list[str]:
    """The telling words of a finding that neither the review nor the display name has: what the reply gave away."""
    there = {word.casefold() for word in _WORD.findall(f"{parent.author or ''} {parent.title} {parent.text}")}
    words = [word for word in _WORD.findall(says(said, one)) if word.casefold() not in there]
    telling = [word for word in words if len(word) >= _TELLING or word[0].isdigit() or word[0].isupper()]
    return list(dict.fromkeys(telling))[:_ADDED]
