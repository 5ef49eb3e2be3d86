"""A session with a mail server (IMAP4rev1, RFC 3501): what it is asked is bounded in time and size, and changes nothing.

The protocol is the standard library's `imaplib`, in a thread of its own; the connection is the client's, past its
address guard. A folder is opened with EXAMINE and mails are read with BODY.PEEK, so that nobody's unread mail is marked.
"""

from __future__ import annotations

import asyncio
import imaplib
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx

from connectors.kit.answer import unreachable
from connectors.kit.imap_errors import FAILURES, meaning
from monitor.connector import Malformed, Secret, Unavailable

PORTS = {"tls": 993, "starttls": 143, "none": 143}
MOST = 1_000_000
"""Bytes that are read of a mail: pictures come last, and nobody's words are longer."""

_AN_ANSWER = 30_000_000
_A_LINE = 200
_DEADLINE = 60.0
_FAREWELL = 2.0
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_ARRIVED = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')
_NEW = re.compile(rb"\d+ \(")
_FOLDER = re.compile(rb'\((?P<flags>[^)]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) (?P<name>.+)', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where a mailbox is and how one gets in: with a `password`, or with an OAuth access `token` (XOAUTH2).

    `security` "none" is mail in the clear. `ca_file` is a certificate authority of one's own, beside the system's."""

    host: str
    username: str
    password: Secret | None = None
    token: Secret | None = None
    port: int | None = None
    security: Literal["tls", "starttls", "none"] = "tls"
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A mail, or a part of it, as the server has it; `arrived_at` is the server's word for when it came."""

    uid: int
    arrived_at: datetime | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder's state. UIDs mean nothing beyond one `validity`; None where a server does not say one of them."""

    validity: int | None
    next_uid: int | None


@asynccontextmanager
async def session(
    account: Account, client: httpx.AsyncClient, *, deadline: float = _DEADLINE
) -> AsyncIterator[Session]:
    """Dials, verifies and logs in; logs out at the end. `deadline` is seconds for one command. Raises PollError."""
    dialled = await _dialled(account, client)
    one = Session(account, dialled, deadline)
    try:
        await one.begin()
        yield one
        await one.end()
    finally:
        one.hang_up()


async def access_token(auth: httpx.Auth, host: str, client: httpx.AsyncClient) -> Secret | None:
    """The token that `auth` would sign a request with, asked for where that takes it. Raises PollError."""
    request = client.build_request("GET", f"https://{host}/")
    async with aclosing(auth.async_auth_flow(request)) as flow:
        wanted = await anext(flow)
        while wanted is not request:
            try:
                wanted = await flow.asend(await client.send(wanted))
            except httpx.HTTPError as error:
                raise unreachable(error) from None
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    return Secret(token) if token else None


class Session:
    """A mail server that let us in. Every method raises PollError."""

    def __init__(self, account: Account, dialled: socket.socket, deadline: float) -> None:
        self._account, self._deadline = account, deadline
        self._dialled = dialled
        self._wire = dialled.dup()  # whatever TLS makes of the socket, this ends the connection under it
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="imap")
        self._server: _Server | None = None

    @property
    def server(self) -> _Server:
        if self._server is None:
            raise RuntimeError("the session has not begun")
        return self._server

    async def begin(self) -> None:
        """Reads the greeting, secures the connection and logs in."""
        self._dialled.settimeout(self._deadline)
        tls = await self._ask("TLS", _context, self._account) if self._account.security != "none" else None
        self._server = await self._ask("greeting", _Server, self._account, self._dialled, tls)
        if tls is not None and self._account.security == "starttls":
            await self._ask("STARTTLS", self._server.starttls, tls)
        await self._ask("LOGIN", self._log_in)

    async def examine(self, folder: str) -> Opened:
        """Opens a folder to read it and change nothing."""
        await self._ask("EXAMINE", self._ok, "select", quoted(encoded(folder)), True)  # noqa: FBT003  # imaplib's readonly
        return Opened(self._told("UIDVALIDITY"), self._told("UIDNEXT"))

    async def search(self, *criteria: str) -> list[int]:
        """The UIDs of the mails that meet `criteria`, ascending."""
        found = await self._ask("SEARCH", self._ok, "uid", "SEARCH", *criteria)
        numbers = b" ".join(line for line in found if isinstance(line, bytes)).partition(b"(")[0].split()
        return sorted({int(number) for number in numbers if number.isdigit() and len(number) <= 10})

    async def fetch(self, uids: Sequence[int], part: str) -> list[Fetched]:
        """`part` of each of these mails, such as `BODY.PEEK[]<0.1000>`; without those that are gone meanwhile."""
        wanted = ",".join(map(str, uids))
        answer = await self._ask("FETCH", self._ok, "uid", "FETCH", wanted, f"(UID INTERNALDATE {part})")
        return [one for one in _fetched(answer) if one.uid in set(uids)]

    async def folders(self) -> list[str]:
        """The names of all folders that can be opened."""
        answer = await self._ask("LIST", self._ok, "list")
        return [name for line in answer if (name := _named(line)) is not None]

    async def end(self) -> None:
        """Logs out. How the server takes it is nobody's concern any more."""
        with suppress(*FAILURES):
            await asyncio.wait_for(self._in_thread(self.server.logout), _FAREWELL)

    def hang_up(self) -> None:
        """Cuts the connection: a thread that still waits for the server wakes and ends."""
        with suppress(OSError):
            self._wire.shutdown(socket.SHUT_RDWR)
        self._wire.close()
        self._thread.submit(self._let_go)
        self._thread.shutdown(wait=False)

    def _let_go(self) -> None:
        with suppress(*FAILURES):
            if self._server is not None:
                self._server.shutdown()
        self._dialled.close()

    def _log_in(self) -> None:
        account, server = self._account, self.server
        if account.token is not None:
            said = f"user={account.username}\x01auth=Bearer {account.token.reveal()}\x01\x01".encode()
            self._authenticate("XOAUTH2", said)
            return
        password = account.password.reveal() if account.password else ""
        if "AUTH=PLAIN" in server.capabilities:
            self._authenticate("PLAIN", f"\0{account.username}\0{password}".encode())
        else:
            server.login(quoted(account.username), password)

    def _authenticate(self, mechanism: str, said: bytes) -> None:
        """Says it once; a further question is the server's reason to refuse, and an empty line makes it say so."""
        left = [said]
        self.server.authenticate(mechanism, lambda _: left.pop() if left else b"")

    def _ok(self, command: str, *arguments: Any) -> list[Any]:
        answer, data = getattr(self.server, command)(*arguments)
        if answer != "OK":
            raise imaplib.IMAP4.error(_line(data[-1] if data else b""))
        return [line for line in data if line is not None]

    def _told(self, name: str) -> int | None:
        values = self.server.response(name)[1]
        value = values[-1] if values else None
        return int(value) if isinstance(value, bytes) and value.isdigit() and len(value) <= 10 else None

    async def _ask(self, stage: str, call: Callable[..., Any], *arguments: Any) -> Any:
        if self._server is not None:
            self._server.left = _AN_ANSWER
        try:
            async with asyncio.timeout(self._deadline):
                return await self._in_thread(call, *arguments)
        except TimeoutError:
            raise Unavailable(
                f"{self._account.host}: no answer within {self._deadline:g} s: it is tried again"
            ) from None
        except FAILURES as error:
            # Without the cause: a server's words may repeat what it was sent.
            raise meaning(self._account.host, stage, error) from None

    async def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)


class _Server(imaplib.IMAP4):
    """imaplib over a connection that is there already, and with an end to what a server may send."""

    def __init__(self, account: Account, dialled: socket.socket, tls: ssl.SSLContext | None) -> None:
        self._dialled, self._tls = dialled, tls if account.security == "tls" else None
        self.left = _AN_ANSWER
        super().__init__(account.host, account.port or PORTS[account.security])

    def _create_socket(self, timeout: float | None) -> socket.socket:  # noqa: ARG002  # imaplib's signature
        return self._tls.wrap_socket(self._dialled, server_hostname=self.host) if self._tls else self._dialled

    def read(self, size: int) -> bytes:
        if size > 2 * MOST:
            raise Malformed(f"{self.host} sends more than it was asked for: is this a mail server?")
        self._take(size)
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._take(len(line) + _A_LINE)  # what it costs to keep one
        return line

    def _take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise Malformed(f"{self.host} sends without end: is this a mail server?")


def encoded(folder: str) -> str:
    """A folder's name in modified UTF-7 (RFC 3501, 5.1.3)."""
    return re.sub(r"[^ -~]+", _shifted, folder.replace("&", "&-"))


def _shifted(found: re.Match[str]) -> str:
    return "&" + b64encode(found[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"


def decoded(name: str) -> str:
    """A folder's name out of modified UTF-7; as it stands where it is not that."""
    try:
        return re.sub(
            r"&([^-]*)-",
            lambda part: f"+{part[1].replace(',', '/')}-".encode().decode("utf-7") if part[1] else "&",
            name,
        )
    except ValueError:
        return name


def quoted(text: str) -> str:
    """`text` as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _named(line: bytes | tuple[bytes, bytes]) -> str | None:
    """The name in a line of LIST; None for a folder that only holds others, or what is no such line."""
    whole = line[0].rpartition(b"{")[0] + line[1] if isinstance(line, tuple) else line
    found = _FOLDER.fullmatch(whole)
    if found is None or b"\\noselect" in found["flags"].lower():
        return None
    name = found["name"].decode("utf-8", "replace")
    if name.startswith('"') and name.endswith('"') and not isinstance(line, tuple):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return decoded(name)


def _fetched(answer: Iterable[bytes | tuple[bytes, bytes]]) -> list[Fetched]:
    """The mails in the answer to a FETCH; what a server tells beside them, such as changed flags, has no content."""
    groups: list[list[bytes | tuple[bytes, bytes]]] = []
    for line in answer:
        if _NEW.match(line[0] if isinstance(line, tuple) else line) or not groups:
            groups.append([])
        groups[-1].append(line)
    return [one for group in groups if (one := _one(group)) is not None]


def _one(group: Sequence[bytes | tuple[bytes, bytes]]) -> Fetched | None:
    said = b" ".join(line[0] if isinstance(line, tuple) else line for line in group)
    contents = [line[1] for line in group if isinstance(line, tuple)]
    uid, arrived = _UID.search(said), _ARRIVED.search(said)
    if uid is None or not (contents or b"BODY[" in said):
        return None
    return Fetched(int(uid[1]), _moment(arrived[1].decode("ascii", "replace")) if arrived else None, b"".join(contents))


def _moment(written: str) -> datetime | None:
    try:
        return datetime.strptime(written.strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(at: datetime) -> str:
    """`at` as SEARCH takes it, a day early: a server compares days of its own zone."""
    at = at.astimezone(UTC) - timedelta(days=1)
    return f"{at.day}-{_MONTHS[at.month - 1]}-{at.year:04}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _line(data: Any) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)


def _context(account: Account) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if account.ca_file is not None:
        context.load_verify_locations(account.ca_file)
    return context


async def _dialled(account: Account, client: httpx.AsyncClient) -> socket.socket:
    """A connection, from the client where it has one to give. A plain httpx client is not guarded either way."""
    dial = getattr(client, "dial", None) or _plainly
    try:
        dialled: socket.socket = await dial(account.host, account.port or PORTS[account.security])
    except (httpx.TransportError, OSError) as error:
        said = str(error)
        known = isinstance(error, httpx.TransportError) and said.startswith(f"{account.host}: ")
        raise Unavailable(said if known else f"{account.host} cannot be reached: it is tried again") from None
    return dialled


async def _plainly(host: str, port: int) -> socket.socket:
    return await asyncio.to_thread(socket.create_connection, (host, port), _DEADLINE)
