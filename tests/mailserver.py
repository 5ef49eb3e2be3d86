"""A mail server of a hundred lines behind the same seam as `Traffic`: what a contract for mailboxes is run against."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

import httpx

from monitor.http import Client
from monitor.testing import Traffic

HOST = "localhost"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_CODES = {
    401: "AUTHENTICATIONFAILED", 403: "NOPERM", 404: "NONEXISTENT", 410: "NONEXISTENT", 429: "THROTTLED",
    500: "SERVERBUG", 503: "UNAVAILABLE",
}  # fmt: skip


@dataclass(frozen=True)
class Post:
    """A mail in the folder."""

    uid: int
    content: bytes
    arrived_at: datetime


class MailServer(Traffic):
    """Answers IMAP. A connection and each command count as requests, `https://localhost/EXAMINE`; an exchange that
    matches one is put into IMAP's words: 401 is `NO [AUTHENTICATIONFAILED]`, an exception breaks the connection off."""

    def __init__(self, posts: Sequence[Post], *, validity: int | None = 1, capabilities: str = "AUTH=PLAIN") -> None:
        super().__init__()
        self.posts = sorted(posts, key=lambda post: post.uid)
        self.validity, self.capabilities = validity, capabilities
        self.said: list[str] = []
        self.next_uid: int | None = max([0, *(post.uid for post in posts)]) + 1
        self.answers: dict[str, Callable[[str], bytes]] = {}
        self.log_in = b""

    def client(self) -> httpx.AsyncClient:
        return Client(dial=self.dial, transport=httpx.MockTransport(self))

    async def dial(self, host: str, port: int) -> socket.socket:
        here, there = socket.socketpair()
        threading.Thread(target=self._serve, args=(there,), daemon=True).start()
        return here

    def asked(self) -> list[str]:
        return [request.url.path.removeprefix("/") for request in self.requests]

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rwb") as stream:
            if self._refuses(stream, "", "*"):
                return
            self._write(stream, b"* OK ready")
            while line := stream.readline():
                if not self._answer(stream, line.decode().strip()):
                    return

    def _answer(self, stream: BinaryIO, line: str) -> bool:
        tag, command, rest = (*line.split(" ", 2), "", "")[:3]
        name = rest.split(" ")[0] if command == "UID" else command
        self.said.append(f"{command} {rest}")
        if name not in ("CAPABILITY", "LOGOUT") and self._refuses(stream, name, tag):
            return True
        if name in self.answers:
            self._write(stream, self.answers[name](tag))
            return True
        for answer in getattr(self, f"_{name.lower()}")(stream, rest):
            self._write(stream, answer)
        self._write(stream, f"{tag} OK done".encode())
        return name != "LOGOUT"

    def _refuses(self, stream: BinaryIO, name: str, tag: str) -> bool:
        """Whether an exchange has another answer to this; it is given."""
        request = httpx.Request("GET", f"https://{HOST}/{name}")
        self.requests.append(request)
        answer = next((answer for matches, answer in self.exchanges if callable(matches) and matches(request)), None)
        if answer is None:
            return False
        if isinstance(answer, httpx.Response) and answer.status_code in (400, *_CODES):
            self._write(stream, _refusal("* BYE" if tag == "*" else f"{tag} NO", tag, answer))
        elif isinstance(answer, httpx.Response):
            self._write(stream, answer.content.replace(b"\n", b" "))
        elif isinstance(answer, dict):
            self._write(stream, json.dumps(answer).encode())
        else:
            raise ConnectionAbortedError
        return True

    def _capability(self, stream, rest):
        yield f"* CAPABILITY IMAP4rev1 {self.capabilities}".encode()

    def _authenticate(self, stream, rest):
        self._write(stream, b"+ ")
        self.log_in = stream.readline().strip()
        return ()

    def _login(self, stream, rest):
        self.log_in = rest.encode()
        return ()

    def _examine(self, stream, rest):
        yield f"* {len(self.posts)} EXISTS".encode()
        if self.validity is not None:
            yield f"* OK [UIDVALIDITY {self.validity}] valid".encode()
        if self.next_uid is not None:
            yield f"* OK [UIDNEXT {self.next_uid}] next".encode()

    def _search(self, stream, rest):
        uids = [post.uid for post in self.posts]
        if since := re.search(r"SINCE (\d+)-(\w+)-(\d+)", rest):
            day = datetime(int(since[3]), _MONTHS.index(since[2]) + 1, int(since[1]), tzinfo=UTC)
            uids = [post.uid for post in self.posts if post.arrived_at >= day]
        if beyond := re.search(r"UID (\d+):\*", rest):
            uids = [uid for uid in uids if uid >= int(beyond[1])] or uids[-1:]
        yield ("* SEARCH " + " ".join(map(str, uids))).encode()

    def _fetch(self, stream, rest):
        _, uids, parts = rest.split(" ", 2)
        wanted = {int(uid) for uid in uids.split(",")}
        heads = "HEADER.FIELDS" in parts
        for number, post in enumerate(self.posts, 1):
            if post.uid in wanted:
                content = _head(post.content) if heads else post.content[:1_000_000]
                name = "BODY[HEADER.FIELDS (FROM)]" if heads else "BODY[]<0>"
                at = post.arrived_at.strftime("%d-%b-%Y %H:%M:%S +0000")
                said = f'* {number} FETCH (UID {post.uid} INTERNALDATE "{at}" {name} {{{len(content)}}}'
                yield said.encode() + b"\r\n" + content + b")"

    def _list(self, stream, rest):
        yield b'* LIST (\\HasNoChildren) "/" INBOX'
        yield b'* LIST (\\Noselect) "/" "[Gmail]"'
        yield b'* LIST (\\HasNoChildren) "/" "Erw&AOQ-hnungen"'
        yield b'* LIST () "/" {6}\r\na"b\\cd'

    def _logout(self, stream, rest):
        yield b"* BYE bye"

    def _write(self, stream: BinaryIO, line: bytes) -> None:
        stream.write(line + b"\r\n")
        stream.flush()


def _refusal(start: str, tag: str, answer: httpx.Response) -> bytes:
    said = answer.text.replace("\n", " ")
    if answer.status_code == 400:
        return f"{tag} BAD {said}".encode()
    if patience := answer.headers.get("retry-after"):
        return f"{start} Request is throttled. Suggested Backoff Time: {patience}000 milliseconds".encode()
    return f"{start} [{_CODES[answer.status_code]}] {said}".encode()


def _head(content: bytes) -> bytes:
    """The header fields that are asked for, with their folded lines."""
    head = content.replace(b"\r\n", b"\n").partition(b"\n\n")[0] + b"\n"
    names = rb"from|content-type|auto-submitted|x-wellheard-reason|authentication-results"
    fields = re.findall(rb"^(?:%s):[^\n]*\n(?:[ \t][^\n]*\n)*" % names, head, re.IGNORECASE | re.MULTILINE)
    return b"".join(fields).replace(b"\n", b"\r\n") + b"\r\n"
