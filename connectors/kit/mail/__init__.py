"""Mails as they are found in a mailbox, and what is said in them: results of Google Alerts, reviews, articles."""

from __future__ import annotations

from connectors.kit.mail.bounce import bounces, report
from connectors.kit.mail.letter import Letter, headed, read
from connectors.kit.mail.mentions import Reader
from connectors.kit.mail.proof import proven

__all__ = ["Letter", "Reader", "bounces", "headed", "proven", "read", "report"]
