"""An answer that may be posted in public, fitted to the situation: fixed sentences, none of which holds anything of anybody."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from monitor.model import Assessment, Mention


class Answer(NamedTuple):
    """A text that may be posted, for which situation, and what comes before answering at all, if anything does."""

    situation: str
    text: str
    first: str = ""


_BY_RISK = {
    "self_harm_crisis": "crisis",
    "threat_to_staff": "threat",
    "legal_regulatory_threat": "legal",
    "privacy_breach_allegation": "privacy",
    "self_disclosed_phi": "privacy",
    "clinical_harm_allegation": "clinical",
    "patient_safety_signal": "clinical",
    "misconduct_discrimination": "clinical",
}
"""The situation that a class of risk makes, the gravest first."""
_BY_DRAFT = {"own_post_phi": "story", "own_reply_conduct": "complaint", "own_medical_advice": "advice"}
"""Where no review is at hand, what was found in the draft itself says most."""
_BILLING = "Cost & billing"
_PRAISE = 0.4


def situation(review: Mention, found: Assessment) -> str:
    """What sort of review is answered, by what was `found` in it."""
    for risk, name in _BY_RISK.items():
        if any(signal.risk == risk and signal.score >= _GRAVE for signal in found.signals):
            return name
    mood = (review.stars - 3) / 2 if review.stars is not None else found.sentiment
    content = not any(signal.risk == "brand_service_complaint" for signal in found.signals)
    if mood is not None and mood >= _PRAISE and content:
        return "praise"
    return "billing" if _BILLING in found.themes else "complaint"


_GRAVE = 4.0
"""Weaker signals than this are hints, which should not choose the words."""


def answer(name: str, lang: str | None = None) -> Answer:
    """The answer for a situation, in Spanish where the draft is, else in English."""
    table = answers()[name]
    return Answer(name, table.get(lang or "en") or table["en"], table.get("first", ""))


def for_draft(risk: str) -> str:
    """The situation where only the draft is known, by the class of what was found in it."""
    return _BY_DRAFT.get(risk, "any")


@cache
def answers() -> dict[str, dict[str, Any]]:
    """All answers by situation: by language, and `first`."""
    return tomllib.loads((files(__package__) / "answers.toml").read_text("utf-8"))
