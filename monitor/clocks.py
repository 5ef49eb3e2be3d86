"""Clocks that a law starts when an incident is found: by when it must be mended. Pure: of what and since when is enough."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.model import Incident

CORRECTION = timedelta(days=30)
"""A violation that is corrected within 30 days of the day on which it was known, or would have been with reasonable
diligence, falls in a lower tier of penalties, or in none: 45 CFR 160.404(b)(2)(iii) and 160.410(c). Counsel confirms it."""
_CORRECTED = frozenset({"own_reply_phi", "own_post_phi"})


def correction_due_at(incident: Incident) -> datetime | None:
    """By when a disclosure of our own must be corrected, counted from its detection; None for other incidents."""
    return incident.opened_at + CORRECTION if incident.risk in _CORRECTED else None
