"""A body as UTF-8 that is safe to hand to a parser: unpacked, decoded, cut to its root element, without a DTD."""

from __future__ import annotations

import codecs
import re
import zlib
from typing import NamedTuple

from connectors.kit.feed.entry import Unreadable

LARGEST = 10_000_000
"""Bytes of a body, packed or not."""

_MARKS = (
    (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF16_LE, "utf-16"), (b"\0\0\0", "utf-32-be"), (b"\0", "utf-16-be"),
)  # fmt: skip
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([-\w.:]{1,40})", re.IGNORECASE | re.ASCII)
_PROLOG = re.compile(rb"\s{0,9}<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([-\w.:]{1,40})[\"']")
_ENCODINGS = re.compile(
    r"utf-(8|16|32)(-[lb]e)?|ascii|iso8859-\d+|cp(037|125\d|437|850|852|855|866|874|932|949|950)|koi8-[rtu]|mac-roman"
    r"|tis-620|big5(hkscs)?|gb2312|gbk|gb18030|hz|euc_(jp|jis_2004|kr)|shift_jis(_2004|x0213)?|iso2022_(jp|kr).*|johab"
)
"""Codecs for texts; others that Python knows, such as utf-7, only serve to smuggle."""
_WIDE = re.compile(r"utf-(16|32).*|iso2022.*|hz|cp037")
_MULTIBYTE = re.compile(r"cp9\d\d|big5.*|gb.*|euc.*|shift.*|johab")
_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?[A-Za-z_][\w.-]*")
_FEED_ROOT = re.compile(rb"<(?:rss|feed|(?:\w+:)?RDF)[\s>]", re.IGNORECASE)
_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|meta|script|form|div|table|p)[\s>]", re.IGNORECASE)
_OPENING = re.compile(rb"\s*(<\?|<!--|<!DOCTYPE)", re.IGNORECASE)
_HEAD = 20_000
"""How far a root element may be from the start: server warnings, comments and licences stand before it."""


class Document(NamedTuple):
    """UTF-8 that starts at its root element or, for JSON, at its brace."""

    body: bytes
    json: bool


def safe(body: bytes, content_type: str) -> Document:
    """`body` made safe to parse. Raises Unreadable: empty, too large, no text, a web page, entity declarations."""
    text = _utf8(_unpacked(body), content_type)
    if b"\0" in text:
        raise Unreadable("sent NUL bytes: that is no text")
    start = text[:_HEAD].lstrip()
    if not start:
        raise Unreadable("sent an empty answer")
    if start.startswith((b"{", b"[")):
        return Document(text.strip(), json=True)
    return Document(_rooted(text), json=False)


def _rooted(text: bytes) -> bytes:
    """`text` from its root element on. What is cut off has no entities to declare, so what is left cannot use any."""
    at = _prolog(text, 0)
    feed = _FEED_ROOT.search(text, at, at + _HEAD)
    root = feed or _ROOT.search(text, at)
    before = text[: root.start()] if root else text
    if b"<!entity" in before.lower():
        raise Unreadable("sent a document type with entity declarations: that is not read")
    if not feed and (_PAGE.search(before) or (root and _PAGE.match(text, root.start()))):
        raise Unreadable("answered a web page, not a feed: check the address in the source's options")
    if not root:
        raise Unreadable("sent something that is no feed: check the address in the source's options")
    return text[root.start() :] if root.start() else text


def _prolog(text: bytes, at: int) -> int:
    """Where the declarations, comments and document type that begin at `at` end."""
    while found := _OPENING.match(text, at):
        if found[1].startswith(b"<!D") or found[1].startswith(b"<!d"):
            end = _doctype_end(text, found.end())
        else:
            closing = b"-->" if found[1] == b"<!--" else b"?>"
            end = text.find(closing, found.end()) + len(closing)
        if end < found.end():
            break
        at = end
    return at


def _doctype_end(text: bytes, at: int) -> int:
    end = text.find(b">", at)
    subset = text.find(b"[", at, end)
    return (text.find(b">", text.find(b"]", subset)) if subset > 0 else end) + 1


def _unpacked(body: bytes) -> bytes:
    """`body` without the gzip that some servers forget to mention."""
    if len(body) > LARGEST:
        raise Unreadable(f"sent more than {LARGEST // 1_000_000} MB")
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacking = zlib.decompressobj(31)
    try:
        unpacked = unpacking.decompress(body, LARGEST + 1)
    except zlib.error:
        raise Unreadable("sent a broken gzip archive") from None
    if len(unpacked) > LARGEST:
        raise Unreadable(f"sent more than {LARGEST // 1_000_000} MB")
    return unpacked


def _utf8(body: bytes, content_type: str) -> bytes:
    """`body` as UTF-8. A mark at its start says how it is written, then the header, then the XML declaration - unless
    it reads as UTF-8, which no text in another encoding does by chance; the declarations are often wrong."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return _recoded(body, encoding)
    if body[:4] == b"<\0\0\0" or body[1:4:2] == b"\0\0":
        return _recoded(body, "utf-32-le" if body[2:3] == b"\0" else "utf-16-le")
    if body.startswith(b"\x4c\x6f\xa7\x94"):
        return _recoded(body, "cp037")
    said = (_CHARSET.search(content_type), _PROLOG.match(body))
    names = [found[1] if isinstance(found[1], str) else found[1].decode() for found in said if found]
    declared = [name for name in map(_encoding, names) if name]
    if not any(map(_WIDE.fullmatch, declared)) and (
        body.isascii() or (_is_utf8(body) and not any(map(_MULTIBYTE.fullmatch, declared)))
    ):
        return body
    recoded = (_recoding(body, name) for name in declared)
    return next((text for text in recoded if text is not None), None) or _guessed(body)


_SUPERSETS = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932"}


def _encoding(name: str) -> str | None:
    """Python's name for an encoding, None for one that is not for texts."""
    try:
        name = codecs.lookup(name).name
    except LookupError:
        return None
    return _SUPERSETS.get(name, name) if _ENCODINGS.fullmatch(name) else None


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _recoding(body: bytes, encoding: str) -> bytes | None:
    try:
        return body.decode(encoding).encode("utf-8")
    except UnicodeError:
        return None


def _recoded(body: bytes, encoding: str) -> bytes:
    return body.decode(encoding, "replace").encode("utf-8", "replace")


def _guessed(body: bytes) -> bytes:
    """A few broken bytes in UTF-8 are replaced; a text that is mostly broken is in Windows' Western encoding."""
    text = body.decode("utf-8", "replace")
    # Each byte that is broken became one character; of each whole character beyond ASCII one byte or more is gone.
    mostly_whole = len(body) - len(text) > text.count("\ufffd")
    return text.encode() if mostly_whole else _recoded(body, "cp1252")
