"""Bytes as text, whatever they claim to be."""

from __future__ import annotations

import codecs
from contextlib import suppress

_NO_CHARSETS = {"idna", "mbcs", "oem", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"}
"""Codecs that are no charset of a text: some take quadratic time, some warn."""


def decoded(raw: bytes, charset: str | None) -> str:
    """`raw` in the charset it claims if that fits; else as UTF-8 if that fits, else as Windows writes in the West."""
    for name in (charset, "utf-8"):
        with suppress(LookupError, ValueError):
            if name and codecs.lookup(name).name not in _NO_CHARSETS:
                return raw.decode(name)
    return raw.decode("cp1252", "replace")
