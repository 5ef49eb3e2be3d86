"""A real SMTP server on loopback that answers as a test has written."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

DROP = "drop"
HANG = "hang"


@dataclass
class Mailbox:
    """What the server says, and what it got. `answers` by command (MAIL, RCPT, DATA): a reply in place of 250, DROP to
    break the connection off, HANG to say nothing. `login` is the one user name and password it takes."""

    answers: dict[str, str] = field(default_factory=dict)
    login: tuple[str, str] | None = None
    letters: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    logins: int = 0
    tls: list[bool] = field(default_factory=list)
    port: int = 0

    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, policy=default) for raw in self.letters]  # type: ignore[misc]

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]):  # noqa: N802 (aiosmtpd's name)
        envelope.mail_from = address
        return await self._answer("MAIL", server) or "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]):  # noqa: N802
        answer = await self._answer("RCPT", server)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope):  # noqa: N802
        answer = await self._answer("DATA", server)
        if answer is None:
            self.letters.append(envelope.original_content or b"")
            self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
            self.tls.append(session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None)
        return answer or "250 2.0.0 taken"

    def authenticate(self, server, session, envelope, mechanism, given) -> AuthResult:
        self.logins += 1
        right = isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == self.login
        return AuthResult(success=right, handled=False)

    async def _answer(self, command: str, server: SMTP) -> str | None:
        answer = self.answers.get(command)
        if answer == DROP:
            server.transport.abort()
        if answer in (DROP, HANG):
            await asyncio.Event().wait()
        return answer


@asynccontextmanager
async def mail_server(
    mailbox: Mailbox, *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Mailbox]:
    """Serves `mailbox` on a free port of loopback; with `tls` from the first byte, with `starttls` from STARTTLS on."""
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(
            mailbox,
            loop=loop,
            hostname="mail.practice.example",
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_require_tls=tls is None,
            auth_required=False,
            authenticator=mailbox.authenticate if mailbox.login else None,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        # wait_closed would wait for the connections that a test has left hanging on purpose.
        await asyncio.sleep(0)


def authority() -> trustme.CA:
    """A certificate authority that only its own file makes trusted."""
    return trustme.CA()


def server_tls(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate by `ca` for `names` (loopback if none)."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(*(names or ("localhost", "127.0.0.1"))).configure_cert(context)
    return context
