"""Bounces: a mail server's word that it could not deliver a mail (RFC 3464), and which mail that was."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from itertools import islice

from connectors.kit.mail.letter import LENIENT, Part, header, parsed
from monitor.connector import Bounce

_MOST = 20
"""Recipients of one report; each of ours has one."""
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


def report(head: bytes) -> bool:
    """Whether a mail is a report on a delivery, going by its headers. Raises ValueError for one that is built to hurt."""
    message = parsed(head.rstrip(b"\r\n") + b"\r\n\r\n")
    kind = str(message.get_param("report-type", "")).strip().lower()
    return message.get_content_type() == "multipart/report" and kind == "delivery-status"


def bounces(content: bytes) -> list[Bounce]:
    """Who did not get which mail, and why. A delay is no bounce, and a report that returns no headers is about nothing.
    Raises ValueError for one that is built to hurt."""
    parts = list(islice(parsed(content).walk(), 200))
    returned = next(filter(None, map(_returned, parts)), "")
    status = next((part for part in parts if part.get_content_type() == "message/delivery-status"), None)
    if not returned or status is None:
        return []
    return list(islice(_failed(_groups(status), returned), _MOST))


def _failed(groups: Iterable[Part], returned: str) -> Iterator[Bounce]:
    for group in groups:
        found = _STATUS.search(header(group, "status"))
        if header(group, "action").strip().lower() == "failed" and found is not None:
            yield Bounce(message_id=returned, recipient=_address(group), status=found[1])


def _groups(status: Part) -> list[Part]:
    """The groups of fields; the parser has made a message of each."""
    groups = status.get_payload()
    return [one for one in groups if isinstance(one, Part)] if isinstance(groups, list) else []


def _address(group: Part) -> str:
    """The address of `Final-Recipient: rfc822; name@host`, in lower case."""
    return header(group, "final-recipient").rpartition(";")[2].strip(" \t<>").lower()


def _returned(part: Part) -> str:
    """The Message-ID of the mail that came back, whole or as its headers; "" where this part is none."""
    kind = part.get_content_type()
    inside = part.get_payload()
    if kind == "message/rfc822" and isinstance(inside, list) and inside:
        return _id(inside[0])
    if kind in {"text/rfc822-headers", "message/rfc822-headers"} and isinstance(inside, str):
        raw = part.get_payload(decode=True)
        return _id(message_from_bytes(raw, policy=LENIENT)) if isinstance(raw, bytes) else ""
    return ""


def _id(message: object) -> str:
    return header(message, "message-id").strip(" \t\r\n<>")[:300] if isinstance(message, Part) else ""
