"""A notification as an e-mail: the same bytes for every attempt, whatever an author has written."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr

from monitor.channels.delivery import DeliveryError
from monitor.model import Notification

_SUBJECT = 200
_NAME = re.compile(r"[^A-Za-z0-9_.@-]+")
_HEADER = re.compile(r"(X-[A-Za-z0-9-]+|Importance|Precedence|List-Unsubscribe(-Post)?)")
# Encoded as quoted-printable throughout: lines stay short and ASCII, so any server can take them.
_POLICY = SMTP.clone(cte_type="7bit")


def letter(notification: Notification, sender: str, recipient: str) -> bytes:
    """The whole message with CRLF line ends, for one `recipient`. `sender` is "Name <address>" or an address.

    Its Message-ID is made of the notification's id, and all letters of an incident refer to the incident's own id, so
    that mail programs show them as one thread. Raises DeliveryError, permanent, for an address nobody can write to.
    """
    name, address = parseaddr(sender)
    domain = address.rpartition("@")[2] or "localhost"
    message, token = notification.message, _token(notification.id)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = _address(address, one_line(name, _SUBJECT))
    mail["To"] = _address(recipient)
    mail["Subject"] = one_line(message.subject, _SUBJECT)
    mail["Date"] = notification.created_at
    mail["Message-ID"] = f"<{token}@{domain}>"
    if notification.incident_id is not None:
        thread = f"<incident-{notification.incident_id}@{domain}>"
        mail["In-Reply-To"] = thread
        mail["References"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    for header, value in message.headers.items():
        if _HEADER.fullmatch(header) and header not in mail:
            mail[header] = one_line(value, 500)
    mail.set_content(_body(message.text), cte="quoted-printable")
    mail.add_alternative(_body(message.html), subtype="html", cte="quoted-printable")
    if message.images:
        _attach(mail, message.images, f"=_pictures_{token}")
    mail.set_boundary(f"=_{token}")  # a random one would make every attempt another message
    return mail.as_bytes()


def _attach(mail: EmailMessage, images: Mapping[str, str], boundary: str) -> None:
    """Puts pictures beside the HTML that shows them (RFC 2387 and 2392), so that nothing is loaded from anywhere."""
    html = mail.get_payload(1)
    assert isinstance(html, EmailMessage)
    for name, picture in images.items():
        html.add_related(
            b64decode(picture), "image", "png", cid=f"<{_NAME.sub('-', name)}>", disposition="inline",
            filename=f"{_NAME.sub('-', name).split('@')[0]}.png",
        )  # fmt: skip
    html.set_boundary(boundary)


def one_line(text: str, limit: int) -> str:
    """`text` as a header can bear it: printable characters on one line, at most `limit` code points."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _address(address: str, name: str = "") -> Address:
    try:
        found = Address(name, addr_spec=address)
        found.addr_spec.encode("ascii")
    except (ValueError, IndexError, HeaderParseError):
        raise DeliveryError("the mail address is not one that can be written to; correct it", permanent=True) from None
    if not found.username or not found.domain or one_line(address, 320) != address:
        raise DeliveryError("the mail address is not one that can be written to; correct it", permanent=True)
    return found


def _token(identity: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", identity)[:200] or "0"


def _body(text: str) -> str:
    """`text` without what no mail can carry: NUL and half surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
