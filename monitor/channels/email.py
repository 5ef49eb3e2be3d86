"""Mail by SMTP: verified TLS, one recipient per message, and a refusal is never taken for success."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Literal

import aiosmtplib

from monitor.channels.delivery import DeliveryError
from monitor.channels.letter import letter
from monitor.connector import Secret
from monitor.model import Notification

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_FAREWELL = 2.0
_NOBODY = re.compile(r"^55[0-9] 5\.1\.[0-9]+$|^55[0-9] 5\.2\.1$|^55[013]$")
"""The mailbox does not exist or is switched off (RFC 3463): not one that is full, nor a server that does not like us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """The mail server that takes our messages. `sender` is "Name <address>"; `timeout` bounds one whole delivery;
    `ca_file` is a certificate authority of one's own, beside those of the system.

    Raises ValueError for `none`, which is mail in the clear, to any host but loopback.
    """

    host: str
    sender: str
    port: int | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: Secret | None = None
    timeout: timedelta = timedelta(seconds=30)
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        if self.security == "none" and not _loopback(self.host):
            raise ValueError(f"mail to {self.host} needs security = 'starttls' or 'tls'; 'none' is only for loopback")


class Email:
    """The channel for `email`: a notification's recipient is one address."""

    def __init__(self, smtp: Smtp) -> None:
        """Reads the certificate authorities once. Raises OSError (ssl.SSLError too) for a `ca_file` that is none."""
        self._smtp = smtp
        self._tls = ssl.create_default_context()
        if smtp.ca_file is not None:
            self._tls.load_verify_locations(smtp.ca_file)

    def __repr__(self) -> str:
        return f"Email({self._smtp.host})"

    async def send(self, notification: Notification) -> None:
        """See Channel.send. The server's 250 after the data is what counts; how it parts from us does not."""
        mail = letter(notification, self._smtp.sender, notification.recipient)
        host = self._smtp.host
        try:
            async with asyncio.timeout(self._smtp.timeout.total_seconds()):
                await self._deliver(mail, notification.recipient)
        except DeliveryError:
            raise
        except aiosmtplib.SMTPAuthenticationError as error:
            # Ours to mend and no fault of the recipient's: what waits is delivered once the password is right.
            said = _said(error.code, error.message)
            raise DeliveryError(f"{host} refused our user name or password: {said}", permanent=False) from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = error.recipients[0]
            raise _refusal(host, "the recipient", refused.code, refused.message) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refusal(host, _REFUSED.get(type(error), "us"), error.code, error.message) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise DeliveryError(f"{host}{_sentence(error)}", permanent=False) from None
        except ValueError:
            raise DeliveryError("the mail address is not one that can be written to", permanent=True) from None

    async def _deliver(self, mail: bytes, recipient: str) -> None:
        client = self._client()
        try:
            await client.connect()
            refused, _ = await client.sendmail(parseaddr(self._smtp.sender)[1], [recipient], mail)
            for response in refused.values():  # returned, not raised, where a server took some recipients
                raise _refusal(self._smtp.host, "the recipient", response.code, response.message)
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await client.quit(timeout=_FAREWELL)
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        smtp = self._smtp
        return aiosmtplib.SMTP(
            hostname=smtp.host,
            port=smtp.port or _PORTS[smtp.security],
            use_tls=smtp.security == "tls",
            start_tls=smtp.security == "starttls",
            tls_context=None if smtp.security == "none" else self._tls,
            username=smtp.username,
            password=smtp.password.reveal() if smtp.password is not None else None,
            timeout=smtp.timeout.total_seconds(),
            # Asking the resolver for our own name can take longer than the whole delivery.
            local_hostname=parseaddr(smtp.sender)[1].rpartition("@")[2] or "localhost",
        )


_REFUSED: dict[type[Exception], str] = {
    aiosmtplib.SMTPSenderRefused: "our sender address",
    aiosmtplib.SMTPRecipientRefused: "the recipient",
    aiosmtplib.SMTPDataError: "the message",
}


def _refusal(host: str, what: str, code: int, message: str) -> DeliveryError:
    """4yz: try again. 5yz: do not, except for 5.4.4, which is the server's own trouble with a name (RFC 3463)."""
    said = _said(code, message)
    permanent = code >= 500 and not said.endswith(" 5.4.4")
    gone = permanent and what == "the recipient" and _NOBODY.search(said) is not None
    return DeliveryError(f"{host} refused {what}: {said}", permanent=permanent, gone=gone)


def _said(code: int, message: str) -> str:
    """The codes of an answer. Its words stay out: servers like to repeat the recipient in them."""
    enhanced = _ENHANCED.search(message)
    return f"{code} {enhanced.group()}" if enhanced else str(code)


def _sentence(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f" showed a certificate that is not trusted ({cause.verify_message}); nothing was sent"
        if isinstance(cause, ssl.SSLError):
            return " does not speak TLS as we need it; nothing was sent"
        cause = cause.__cause__ or cause.__context__
    match error:
        case TimeoutError():
            return " took too long to answer"
        case aiosmtplib.SMTPServerDisconnected():
            return " broke the connection off before it had taken the message"
        case aiosmtplib.SMTPConnectError() | OSError():
            return " cannot be reached"
        case _:  # what it says it cannot do, of the things we asked for
            return " offers no STARTTLS or no way to log in that we know; nothing was sent"


def _loopback(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
