"""Making any string fit to be sent: nothing an author can write may prevent a message, forge a line or turn it round."""

from __future__ import annotations

import re

_BREAKS = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Controls, bidirectional marks and overrides, invisible fillers, tag characters, half surrogate pairs and code points
# that are no characters. The joiners U+200C and U+200D stay: Persian and emoji need them.
_HARMFUL = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"

MARK = "…"
"""What stands where a text was cut."""


def clean(text: str) -> str:
    """`text` without what breaks headers, JSON, databases or the reading direction; every line break is a newline."""
    return _HARMFUL.sub("", _BREAKS.sub("\n", text))


def line(text: str, limit: int | None = None) -> str:
    """`text` cleaned and on one line, cut to `limit` code points where one is given."""
    flat = " ".join(clean(text).split())
    return flat if limit is None else cut(flat, limit)


def cut(text: str, limit: int) -> str:
    """At most `limit` code points of `text`, the mark included that says it was cut; never half an emoji sequence."""
    if len(text) <= limit:
        return text
    return text[: max(limit - len(MARK), 0)].rstrip(_JOINERS).rstrip() + MARK[:limit]


def spoken(name: str) -> str:
    """A name from the configuration as people write it: ``google_business`` is "Google business"."""
    words = line(name.replace("_", " ").replace("-", " "), 80)
    return words[:1].upper() + words[1:]
