"""A week in numbers, and a quarter's risks: pure functions from what is stored to what the digest says."""

from monitor.digest.part import NO_LOCATION, SENTIMENTS, Part, Range, sentiment, share
from monitor.digest.precision import Precision, precision
from monitor.digest.register import QUARTER, Held, Register, Risk, register
from monitor.digest.week import (
    JUDGED_FOR,
    UNKNOWN,
    WORDLESS,
    Alike,
    Before,
    Blind,
    Clock,
    Digest,
    Elsewhere,
    Partly,
    Peers,
    Reply,
    Unchecked,
    build,
    cut,
    median_of,
)

__all__ = [
    "JUDGED_FOR", "NO_LOCATION", "QUARTER", "SENTIMENTS", "UNKNOWN", "WORDLESS", "Alike", "Before", "Blind", "Clock", "Digest",
    "Elsewhere", "Held", "Part", "Partly", "Peers", "Precision", "Range", "Register", "Reply", "Risk", "Unchecked", "build", "cut",
    "median_of", "precision", "register", "sentiment", "share",
]  # fmt: skip
