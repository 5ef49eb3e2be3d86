"""HTML to plain text, and links that are safe to keep."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

_BLOCKS = (
    "address article aside blockquote br caption center dd details div dl dt fieldset figcaption figure footer form h1 h2"
    " h3 h4 h5 h6 header hr li main nav ol p pre section summary table tbody td tfoot th thead tr ul"
)
_INLINES = (
    "a abbr acronym b bdi bdo big cite code del dfn em font i img ins kbd label mark q s samp small span strike strong"
    " sub sup time tt u var wbr"
)
_BREAKS = dict.fromkeys(_BLOCKS.split(), "\n") | dict.fromkeys(_INLINES.split(), "\x00")
"""What stands for a tag while entities are decoded: a NUL keeps `&am<b>p;</b>` from becoming an entity."""
_ENDS = {"/" + name: gap for name, gap in _BREAKS.items()} | {name + "/": gap for name, gap in _BREAKS.items()}
_GAPS = _BREAKS | _ENDS | {name + " /": gap for name, gap in _BREAKS.items()}

# A tag in this grammar means the same to every HTML parser; any other is left to a real one.
_TAG = re.compile(
    r"""/?([a-z][a-z0-9]*)(?:\s+[a-z_:][-\w:.]*(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=`]+))?)*+\s*/?""",
    re.IGNORECASE | re.ASCII,
)
_COMMENT = re.compile(r"!--[^->]*--")
_MARKUP = re.compile(r"<[A-Za-z/!?]")
_ESCAPED_TWICE = re.compile(r"<br\s*/?>|</(?:a|b|blockquote|div|em|h[1-6]|i|li|ol|p|span|strong|ul)>", re.IGNORECASE)
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f\x80-\x84\x86-\x9f\u00ad\u200b\ufeff\ufffe\uffff\ud800-\udfff]")
_UNSEEN = ["script", "style", "template", "noscript", "iframe", "object", "svg", "math", "head", "select", "textarea"]
_MOST_MARKUP = 500
"""Badly nested tags make an HTML parser's tree grow with their square; nobody's text has so many odd ones."""

_PLAIN_URL = re.compile(r"https?://[a-z0-9](?:[-a-z0-9]*\.)*+[-a-z0-9]+/[!#-;=?-\[\]_a-z~]*", re.ASCII)
_LONGEST_URL = 8_000
_UNSAFE = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]")


def plain(html: str) -> str:
    """The text that a reader of `html` sees: no tags, scripts or styles, entities decoded, one space between words,
    and a line break where a block ends. In a text without any tag the line breaks are the author's and stay."""
    if "<" not in html:
        if "&" not in html:
            return tidy(html)
        text = tidy(_decoded(html))
        return plain(text) if "<" in text and _ESCAPED_TWICE.search(text) else text
    html = _without_tags(_flat(html.replace("\0", "")))
    if "<" in html and _MARKUP.search(html):
        return tidy(_parsed(html.replace("\0", "")))
    if "&" in html:
        return tidy(_decoded(html).replace("\0", ""))
    return _lined(html.replace("\0", ""))


def tidy(text: str) -> str:
    """`text` without invisible characters, with one space between words and no empty lines."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    if not text.replace("\n", "").isprintable():
        text = _INVISIBLE.sub("", text)
        return "\n".join(line for part in text.splitlines() if (line := " ".join(part.split())))
    return _lined(text)


def https(url: str | None, base: str = "") -> str | None:
    """`url` resolved against `base` if that is an http or https address with a host and of bearable length, else None."""
    url = (url or "").strip()
    if len(url) > _LONGEST_URL:
        return None
    if not url or _PLAIN_URL.fullmatch(url):
        return url or None
    try:
        url = urljoin(base, _UNSAFE.sub(lambda found: _quoted(found[0]), url))
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return url if usable else None


def _quoted(character: str) -> str:
    return "/" if character == "\\" else "" if character in "\t\r\n" else f"%{ord(character):02X}"


def _lined(text: str) -> str:
    """`text`, in which there are only letters, spaces and line breaks, tidied."""
    if "  " in text:
        return "\n".join(line for part in text.split("\n") if (line := " ".join(part.split())))
    return "\n".join(line for part in text.split("\n") if (line := part.strip()))


def _flat(text: str) -> str:
    if "  " in text or not text.isprintable():
        return " ".join(text.split())
    return text


def _decoded(text: str) -> str:
    """`html.unescape`, quicker where there are only ampersands."""
    return text.replace("&amp;", "&") if text.count("&amp;") == text.count("&") else unescape(text)


def _without_tags(html: str) -> str:
    """`html` with a NUL for each ordinary inline tag and a line break for each ordinary block tag."""
    first, *parts = html.split("<")
    pieces = [first]
    for part in parts:
        tag, closed, rest = part.partition(">")
        gap = (_GAPS.get(tag) or _gap(tag)) if closed else None
        pieces += ("<", part) if gap is None else (gap, rest)
    return "".join(pieces)


def _gap(tag: str) -> str | None:
    """What stands for the tag written between `<` and `>`, None where that takes a real parser to say."""
    if found := _TAG.fullmatch(tag):
        return _BREAKS.get(found[1].lower())
    return "\0" if _COMMENT.fullmatch(tag) else None


def _parsed(html: str) -> str:
    if html.count("<") > _MOST_MARKUP:
        return unescape(_MARKUP.sub(" ", re.sub(r"<[^<>]*>", " ", html)))
    tree = LexborHTMLParser(html)
    tree.strip_tags(_UNSEEN)
    return tree.body.text() if tree.body else ""
