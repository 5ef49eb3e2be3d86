"""What GDELT sends: headlines taken apart, JSON that is none, languages by their names, errors as sentences."""

from __future__ import annotations

import json
import re

import httpx

from connectors.kit.text import tidy
from monitor.model import Json

_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')
_APART = re.compile("\\s+(['\u2019])\\s+(?=(?:s|t|re|ll|ve|d|m)\\b)")
_BEFORE, _AFTER = re.compile(r"\s+(?=[,.;:!?%)\]])"), re.compile(r"(?<=[(\[])\s+")
_TRACKING = re.compile(r"utm_\w+|fbclid|gclid")
LANGUAGES = {
    "Arabic": "ar", "Bulgarian": "bg", "Catalan": "ca", "Chinese": "zh", "Croatian": "hr", "Czech": "cs", "Danish": "da",
    "Dutch": "nl", "English": "en", "Estonian": "et", "Finnish": "fi", "French": "fr", "German": "de", "Greek": "el",
    "Hebrew": "he", "Hindi": "hi", "Hungarian": "hu", "Indonesian": "id", "Italian": "it", "Japanese": "ja",
    "Korean": "ko", "Latvian": "lv", "Lithuanian": "lt", "Norwegian": "no", "Polish": "pl", "Portuguese": "pt",
    "Romanian": "ro", "Russian": "ru", "Serbian": "sr", "Slovak": "sk", "Slovenian": "sl", "Spanish": "es",
    "Swedish": "sv", "Turkish": "tr", "Ukrainian": "uk", "Vietnamese": "vi",
}  # fmt: skip
_SAID = {  # how its sentences, sent with 200 in place of data, begin
    "your query was too": "a query is too short or too long",
    "one or more of your keywords": "a query has a character or a word that it does not take",
    "one or more of your paren": "parentheses in a query are not in order: OR stands only inside them",
    "the specified phrase is too short": "a phrase of a query is too short",
    "timespan is too": "the time that was asked for is too short",
    "invalid": "it does not know what was asked for: its API has changed",
}


def headline(said: str) -> str:
    """Put together what GDELT has taken apart into words: `Hospital ' s queues , again`."""
    return _AFTER.sub("", _BEFORE.sub("", _APART.sub(r"\1", tidy(said))))


def canonical(address: str) -> str:
    """The address without what tells readers apart: an article has no other id."""
    url = httpx.URL(address).copy_with(fragment=None)
    for name in [name for name in url.params if _TRACKING.fullmatch(name)]:
        url = url.copy_remove_param(name)
    return str(url).removesuffix("?")


def lenient(body: str) -> Json:
    """Read JSON in which backslashes and control characters may stand as they were found in a headline."""
    try:
        return json.loads(body, strict=False)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(_ESCAPE.sub(lambda found: found[0] if len(found[0]) > 1 else "\\\\", body), strict=False)
    except (ValueError, RecursionError):
        return None


def complaint(body: str) -> str | None:
    """What a sentence in place of data complains about, None where it is not one of those that are known."""
    said = body.lower()
    return next((wrong for beginning, wrong in _SAID.items() if said.startswith(beginning)), None)
