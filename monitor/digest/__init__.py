"""A week in numbers, and a quarter's risks: pure functions from what is stored to what the digest says."""

from monitor.digest.part import NEGATIVE, NO_LOCATION, POSITIVE, SENTIMENTS, Part, Range, sentiment, share
from monitor.digest.precision import Precision, precision
from monitor.digest.register import QUARTER, Register, Risk, register
from monitor.digest.week import (
    JUDGED_FOR,
    UNKNOWN,
    WORDLESS,
    Alike,
    Before,
    Blind,
    Digest,
    Elsewhere,
    Partly,
    Reply,
    Unchecked,
    build,
    cut,
)

__all__ = [
    "JUDGED_FOR", "NEGATIVE", "NO_LOCATION", "POSITIVE", "QUARTER", "SENTIMENTS", "UNKNOWN", "WORDLESS", "Alike", "Before", "Blind",
    "Digest", "Elsewhere", "Part", "Partly", "Precision", "Range", "Register", "Reply", "Risk", "Unchecked", "build", "cut", "precision", "register",
    "sentiment", "share",
]  # fmt: skip
