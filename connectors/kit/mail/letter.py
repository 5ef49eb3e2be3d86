"""A mail as it is read: who wrote, when, what; whatever its sender made of headers, encodings and nesting.

The parser is the standard library's with its old, lenient policy: the newer one interprets each header when it is asked
for, raises what it likes on hostile ones, and takes quadratic time on long ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.policy import Compat32
from email.utils import getaddresses, parsedate_to_datetime
from hashlib import blake2b
from itertools import islice

from connectors.kit.charset import decoded
from connectors.kit.text import plain, tidy

_LONGEST_HEADER = 4_000
_LONGEST_TEXT = 100_000
_LONGEST_BODY = 1_000_000
_LONGEST_SUBJECT = 1_000
_MOST_PARTS = 200
_MOST_NESTED = 50
_MOST_HEADERS = 20_000
_MOST_WORK = 2_000_000
_NESTING = re.compile(rb"^content-type:\s*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)
_PARTING = re.compile(rb"^--", re.MULTILINE)
_FIELD = re.compile(rb"^[!-9;-~]+:", re.MULTILINE)

Part = Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail. `id` is its Message-ID, or a hash of it where it has none; `sender` an address in lower case, "" where
    there is none. `text` is what a reader sees, `html` the page where there is one. `proofs` are the
    Authentication-Results, topmost first. `inside` are the mails attached to it. `automatic`: nobody wrote it - a
    bounce, a receipt, a note of absence, or a message of our own."""

    id: str
    sender: str
    name: str
    subject: str
    sent_at: datetime | None
    text: str
    html: str
    proofs: tuple[str, ...]
    inside: tuple[Letter, ...]
    automatic: bool


class _Lenient(Compat32):
    """Headers as they came, and never more of one than anybody needs."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_LONGEST_HEADER].strip()

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002  # bytes beyond ASCII stay surrogates
        return value


def read(content: bytes) -> Letter:
    """Reads a mail. Raises ValueError for one that is built to hurt: nested or divided beyond all sense."""
    try:
        return _letter(parsed(content), content)
    except RecursionError:
        raise ValueError("a mail is nested beyond all sense") from None


LENIENT = _Lenient()


def parsed(content: bytes) -> Part:
    """The parts of a mail. Raises ValueError for one that is built to hurt."""
    nested, parted, headed = (_count(sign, content) for sign in (_NESTING, _PARTING, _FIELD))
    work = nested * content.count(b"\n")  # the parser asks at every line whether it ends one of the parts around it
    if nested > _MOST_NESTED or max(parted, headed) > _MOST_HEADERS or work > _MOST_WORK:
        raise ValueError("a mail is nested or divided beyond all sense")
    try:
        return message_from_bytes(content, policy=LENIENT)
    except RecursionError:
        raise ValueError("a mail is nested beyond all sense") from None


def _count(sign: re.Pattern[bytes], content: bytes) -> int:
    return sum(1 for _ in islice(sign.finditer(content), _MOST_HEADERS + 1))


def headed(content: bytes) -> Letter:
    """Reads what is there of a mail's headers."""
    return read(content.rstrip(b"\r\n") + b"\r\n\r\n")


def _letter(message: Part, content: bytes | None) -> Letter:
    name, sender = _author(message)
    body, html, inside = _bodies(message)
    text = (body or plain(html))[:_LONGEST_TEXT]
    subject = tidy(header(message, "subject")).replace("\n", " ")[:_LONGEST_SUBJECT]
    said = content if content is not None else f"{sender}\0{subject}\0{text}".encode("utf-8", "replace")
    return Letter(
        id=tidy(header(message, "message-id")).strip("<> ")[:300] or blake2b(said, digest_size=16).hexdigest(),
        sender=sender,
        name=name,
        subject=subject,
        sent_at=_date(header(message, "date")),
        text=text,
        html=html,
        proofs=tuple(_shown(value) for value in message.get_all("authentication-results", [])),
        inside=inside,
        automatic=_automatic(message),
    )


def _bodies(message: Part) -> tuple[str, str, tuple[Letter, ...]]:
    """The first plain text, the first page, and the mails inside."""
    text = html = ""
    inside: list[Letter] = []
    for part in islice(_parts(message), _MOST_PARTS):
        kind = part.get_content_type() if not part.get_content_type().startswith("multipart/") else "text/plain"
        if kind == "message/rfc822":
            inside += [_letter(one, None) for one in _within(part)]
        elif part.get_content_disposition() == "attachment":
            continue
        elif kind == "text/plain" and not text:
            text = tidy(_flowed(part, content(part)))
        elif kind == "text/html" and not html:
            html = content(part)
    return text, html, tuple(inside)


def _parts(message: Part) -> Iterator[Part]:
    """The parts of a mail, down to and not into the mails inside it."""
    if message.get_content_maintype() != "multipart" or not message.is_multipart():
        yield message
        return
    for part in _within(message):
        yield from _parts(part)


def _within(message: Part) -> list[Part]:
    payload = message.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def content(part: Part) -> str:
    """The text of a part, decoded as well as it goes."""
    raw = part.get_payload(decode=True)
    return decoded(raw[:_LONGEST_BODY], part.get_content_charset()) if isinstance(raw, bytes) else ""


def header(message: Part, name: str) -> str:
    """A header's text (RFC 2047), "" where there is none."""
    value = message.get(name)
    return _shown(value) if isinstance(value, str) else ""


def _shown(value: str) -> str:
    """What a header says, whatever it is encoded in."""
    raw = value.encode("utf-8", "surrogateescape")
    value = decoded(raw, "utf-8") if not value.isascii() else value
    try:
        pieces = decode_header(value) if "=?" in value else [(value, None)]
    except (MessageError, ValueError):  # base64 that is none
        pieces = [(value, None)]
    return (
        "".join(piece if isinstance(piece, str) else decoded(piece, charset) for piece, charset in pieces)
        .replace("\r", "")
        .replace("\n", "")
    )


def _author(message: Part) -> tuple[str, str]:
    """The name and address of the sender; the name is decoded after the address is told apart, or it could forge one."""
    value = message.get("from")
    pairs = getaddresses([value]) if isinstance(value, str) else []
    name, address = next((pair for pair in pairs if "@" in pair[1]), ("", ""))
    return tidy(_shown(name)).replace("\n", " ")[:300], tidy(_shown(address)).replace("\n", "").lower()


def _date(written: str) -> datetime | None:
    """A Date header, None where it cannot be read; without a zone it is taken for UTC."""
    try:
        at = parsedate_to_datetime(written.strip())
        return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _automatic(message: Part) -> bool:
    submitted = header(message, "auto-submitted").strip().lower()
    return (
        message.get_content_type() == "multipart/report"
        or submitted.startswith("auto-replied")
        or message.get("x-wellheard-reason") is not None
    )


def _flowed(part: Part, text: str) -> str:
    """Paragraphs that were folded for the way are whole again (RFC 3676)."""
    if str(part.get_param("format", "")).lower() != "flowed":
        return text
    end = "" if str(part.get_param("delsp", "")).lower() == "yes" else " "
    lines: list[list[str]] = []
    open_end = False
    for line in text.replace("\r\n", "\n").split("\n"):
        said = line.removeprefix(" ")
        folded = said.endswith(" ") and said != "-- "
        piece = said[:-1] + end if folded else said
        if open_end:
            lines[-1].append(piece)
        else:
            lines.append([piece])
        open_end = folded
    return "\n".join(map("".join, lines))
