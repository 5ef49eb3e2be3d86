"""The connector for mailboxes: what it asks a server, what it makes of its refusals, and whose mails it reads."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.imap import Imap
from connectors.kit import imap
from connectors.kit.imap import Account, decoded, encoded, session
from connectors.kit.imap_errors import meaning
from monitor.connector import AuthRejected, Malformed, NotPermitted, PollError, Secret, Throttled, Unavailable
from monitor.http import Client
from monitor.model import Kind
from monitor.testing import Traffic
from tests.dovecot import PASSWORD, USER, Dovecot, DovecotMissing, dovecot
from tests.hostile import visitor
from tests.mailserver import HOST, MailServer, Post

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FLOOR = NOW - timedelta(days=30)
EVER = datetime(2000, 1, 1, tzinfo=UTC)


def mail(n: int, *head: str, sender: str = "editor@news.example", text: str = "", date: datetime = NOW) -> bytes:
    """A mail with some text."""
    lines = [f"From: {sender}", f"Message-ID: <{n}@news.example>", f"Subject: Issue {n}", *head]
    if not any(line.startswith("Date:") for line in head):
        lines.append(date.strftime("Date: %a, %d %b %Y %H:%M:%S +0000"))
    return "\r\n".join([*lines, "", text or f"The text of issue {n}.", ""]).encode()


def options(**changes) -> Imap.Options:
    usual = {
        "server": HOST, "security": "none", "username": "listener@practice.example", "password": Secret("let-me-in"),
        "senders": ("news.example",),
    }  # fmt: skip
    return Imap.Options(**(usual | changes))


def polled(client: httpx.AsyncClient, cursor=None, floor=FLOOR, **changes):
    """The pages of one poll."""

    async def run():
        async with client:
            return [page async for page in Imap(options(**changes), client).poll(cursor or {}, floor)]

    return asyncio.run(run())


def titles(pages) -> list[str]:
    return [mention.title for page in pages for mention in page.mentions]


def posts(*uids: int) -> list[Post]:
    return [Post(uid, mail(uid), NOW) for uid in uids]


# What it asks


def test_a_poll_without_news_is_one_connection_and_two_questions():
    pages = polled(MailServer(posts(1, 2)).client())
    server = MailServer(posts(1, 2))
    again = polled(server.client(), pages[-1].cursor)
    assert server.asked() == ["", "AUTHENTICATE", "EXAMINE"]
    assert [len(page.mentions) for page in again] == [0]
    assert again[-1].cursor == pages[-1].cursor


def test_the_newest_mail_is_not_read_again_where_a_server_gives_it_for_a_range_beyond_it():
    cursor = polled(MailServer(posts(1, 2)).client())[-1].cursor
    server = MailServer(posts(1, 2))
    server.next_uid = None  # then the range must be asked for, and holds the newest mail in any case
    assert titles(polled(server.client(), cursor)) == []
    assert "UID SEARCH UID 3:*" in server.said
    assert "FETCH" not in server.asked()


def test_a_folder_is_opened_to_be_read_and_mails_are_peeked_at():
    server = MailServer(posts(1))
    polled(server.client())
    fetches = [said for said in server.said if "FETCH" in said]
    assert len(fetches) == 2
    assert all("BODY.PEEK[" in said for said in fetches)
    assert not [said for said in server.said if said.startswith(("SELECT", "STORE"))]
    assert fetches[1].endswith("BODY.PEEK[]<0.1000000>)")


def test_a_changed_uidvalidity_has_the_folder_read_again_under_the_same_ids():
    first = polled(MailServer(posts(7, 8), validity=1).client())
    server = MailServer([Post(1, mail(8), NOW), Post(2, mail(9), NOW)], validity=2)
    again = polled(server.client(), first[-1].cursor)
    ids = [{one.external_id for page in pages for one in page.mentions} for pages in (first, again)]
    assert ids[0] & ids[1] == {"mail:8@news.example"}
    assert titles(again) == ["Issue 8", "Issue 9"]
    assert again[-1].cursor["uid"] == 2


def test_without_a_uidvalidity_everything_is_read_again():
    cursor = polled(MailServer(posts(1), validity=None).client())[-1].cursor
    assert titles(polled(MailServer(posts(1), validity=None).client(), cursor)) == ["Issue 1"]


def test_other_options_have_the_folder_read_again():
    cursor = polled(MailServer(posts(1)).client())[-1].cursor
    assert titles(polled(MailServer(posts(1)).client(), cursor)) == []
    assert titles(polled(MailServer(posts(1)).client(), cursor, folder="Reviews")) == ["Issue 1"]


def test_the_floor_is_asked_for_a_day_early_for_servers_count_days_of_their_own():
    server = MailServer(posts(1))
    polled(server.client(), floor=datetime(2026, 3, 1, 1, tzinfo=UTC))
    assert "UID SEARCH SINCE 28-Feb-2026" in server.said


def test_a_long_folder_is_read_in_pages_that_each_move_the_cursor_but_for_the_first_walk():
    many = posts(*range(1, 121))
    assert [page.cursor and page.cursor["uid"] for page in polled(MailServer(many).client())] == [None, None, 120]
    known = polled(MailServer(posts(1)).client())[-1].cursor
    assert [page.cursor["uid"] for page in polled(MailServer(many).client(), known)] == [51, 101, 120]


def test_a_mail_that_is_gone_between_two_questions_is_none():
    server = MailServer(posts(1, 2))
    server.answers["SEARCH"] = lambda tag: b"* SEARCH 1 2 3\r\n" + f"{tag} OK done".encode()
    pages = polled(server.client())
    assert (titles(pages), pages[-1].cursor["uid"]) == (["Issue 1", "Issue 2"], 3)


def test_changed_flags_among_the_answers_are_no_mails():
    server = MailServer(posts(1))
    content = mail(1)
    server.answers["FETCH"] = lambda tag: (
        b"* 1 FETCH (FLAGS (\\Seen))\r\n"
        + b'* 1 FETCH (BODY[] {%d}\r\n%s UID 1 INTERNALDATE "01-Jun-2026 12:00:00 +0000")\r\n' % (len(content), content)
        + b"* 2 FETCH (UID 2 FLAGS ())\r\n"
        + f"{tag} OK done".encode()
    )
    pages = polled(server.client())
    assert (titles(pages), sum(page.skipped for page in pages)) == (["Issue 1"], 0)


def test_a_mail_without_a_readable_date_is_of_when_it_arrived():
    at = NOW - timedelta(hours=3)
    for date in ("Date: soon", "X-Date: none"):
        (page,) = polled(MailServer([Post(1, mail(1, date), at)]).client(), floor=EVER)
        (one,) = page.mentions
        assert (one.published_at, one.published_at.tzinfo) in ((at, UTC), (NOW, UTC))
    (page,) = polled(MailServer([Post(1, mail(1, "Date: soon"), at)]).client())
    assert page.mentions[0].published_at == at


# How it gets in


def test_a_password_beyond_ascii_goes_by_sasl():
    server = MailServer(posts(1))
    polled(server.client(), password=Secret("Größe"))
    assert base64.b64decode(server.log_in).decode() == "\0listener@practice.example\0Größe"


def test_a_server_without_sasl_gets_a_quoted_login():
    server = MailServer(posts(1), capabilities="")
    polled(server.client(), password=Secret('a "b" \\c'))
    assert server.log_in == b'"listener@practice.example" "a \\"b\\" \\\\c"'


def test_an_access_token_goes_by_xoauth2():
    server = MailServer(posts(1), capabilities="AUTH=XOAUTH2").on(
        TOKENS, {"access_token": "granted", "expires_in": 3600, "token_type": "Bearer"}
    )
    pages = polled(server.client(), **OAUTH)
    assert titles(pages) == ["Issue 1"]
    assert base64.b64decode(server.log_in) == b"user=listener@practice.example\x01auth=Bearer granted\x01\x01"


TOKENS = "POST https://oauth2.googleapis.com/token"
OAUTH = {
    "password": None, "oauth": "google", "client_id": "app", "client_secret": Secret("app-secret"),
    "refresh_token": Secret("refresh"),
}  # fmt: skip


class Doubting(MailServer):
    """Says what is wrong with a token the way Gmail does: in a further question."""

    second = b"nothing"

    def _answer(self, stream, line):
        tag, _, rest = line.partition(" ")
        if not rest.startswith("AUTHENTICATE"):
            return super()._answer(stream, line)
        self._write(stream, b"+ ")
        stream.readline()
        self._write(stream, b"+ eyJzdGF0dXMiOiI0MDAifQ==")
        self.second = stream.readline()
        self._write(stream, f"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials".encode())
        return True


def test_a_refused_access_token_is_answered_with_an_empty_line_and_then_refused():
    server = Doubting(posts(1)).on(TOKENS, {"access_token": "granted", "expires_in": 3600, "token_type": "Bearer"})
    with pytest.raises(AuthRejected, match="^localhost answered AUTHENTICATIONFAILED: .*renew") as refused:
        polled(server.client(), **OAUTH)
    assert server.second == b"\r\n"
    assert "granted" not in str(refused.value)


def test_an_app_of_microsoft_gets_its_token_from_the_tenant():
    server = MailServer(posts(1)).on(
        "POST https://login.microsoftonline.com/practice.example/oauth2/v2.0/token",
        {"access_token": "granted", "expires_in": 3600, "token_type": "Bearer"},
    )
    how = OAUTH | {"oauth": "microsoft", "refresh_token": None, "tenant": "practice.example"}
    assert titles(polled(server.client(), **how)) == ["Issue 1"]
    asked = next(request for request in server.requests if request.method == "POST")
    assert b"scope=https%3A%2F%2Foutlook.office365.com%2F.default" in asked.content


def test_a_refresh_token_that_is_worth_nothing_is_an_error_of_the_log_in():
    server = MailServer(posts(1)).on(TOKENS, httpx.Response(400, json={"error": "invalid_grant"}))
    with pytest.raises(AuthRejected, match="connect imap"):
        polled(server.client(), **OAUTH)
    assert "AUTHENTICATE" not in server.asked()


def test_the_token_endpoint_being_away_is_no_fault_of_the_credential():
    with pytest.raises(Unavailable, match="^oauth2.googleapis.com"):
        polled(MailServer(posts(1)).on(TOKENS, httpx.ConnectError("no")).client(), **OAUTH)


@pytest.mark.parametrize(
    "wrong",
    [
        {"server": "mail.practice.example"},
        {"password": None},
        {"oauth": "google"},
        {"password": None, "oauth": "microsoft", "client_id": "app", "client_secret": Secret("x")},
        {"oauth": "google", "client_id": "a", "client_secret": Secret("x"), "refresh_token": Secret("y")},
        {"refresh_token": Secret("y")},
        {"username": "a\r\nb"},
        {"server": "imap.practice.example/x", "security": "tls"},
        {"folder": "a\nb"},
        {"ca_file": "/nonexistent"},
        {"ca_file": __file__},
    ],
)
def test_options_that_let_nobody_in_are_refused(wrong):
    with pytest.raises(ValueError) as refused:
        options(**wrong)
    assert "let-me-in" not in str(refused.value)


def test_connect_lists_the_folders_that_can_be_read():
    async def run():
        async with MailServer([]).client() as client:
            answers = {"server": HOST, "username": "x", "password": Secret("y"), "security": "none"}
            return [(one.name, one.options) async for one in Imap.connect.find(answers, client)]

    assert asyncio.run(run()) == [
        ("mail-inbox", {"folder": "INBOX"}),
        ("mail-erw-hnungen", {"folder": "Erwähnungen"}),
        ("mail-a-b-cd", {"folder": 'a"b\\cd'}),
    ]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("INBOX", "INBOX"),
        ("Erwähnungen", "Erw&AOQ-hnungen"),
        ("R&D", "R&-D"),
        ("口コミ", "&U+MwszDf-"),
        ("👍", "&2D3cTQ-"),
    ],
)
def test_a_folder_is_called_in_modified_utf_7(name, written):
    assert (encoded(name), decoded(written)) == (written, name)


# What a refusal means


@pytest.mark.parametrize(
    ("stage", "said", "kind", "wait"),
    [
        ("LOGIN", "[AUTHENTICATIONFAILED] Invalid credentials (Failure)", AuthRejected, None),
        ("LOGIN", "LOGIN failed.", AuthRejected, None),
        ("LOGIN", "[UNAVAILABLE] Temporary authentication failure.", Unavailable, None),
        ("LOGIN", "[ALERT] Application-specific password required", AuthRejected, None),
        ("LOGIN", "[WEBALERT https://mail.example/x] Web login required.", AuthRejected, None),
        ("LOGIN", "[ALERT] Too many simultaneous connections. (Failure)", Throttled, None),
        ("LOGIN", "Server Unavailable. 15", Unavailable, None),
        ("LOGIN", "[EXPIRED] password", AuthRejected, None),
        ("LOGIN", "AUTHENTICATE command error: BAD [b'what']", Malformed, None),
        ("LOGIN", "command LOGIN illegal in state AUTH, only allowed in states NONAUTH", Malformed, None),
        ("EXAMINE", "[NONEXISTENT] Unknown Mailbox", NotPermitted, None),
        ("EXAMINE", "Mailbox doesn't exist: Reviews", NotPermitted, None),
        ("EXAMINE", "[NOPERM] no", NotPermitted, None),
        ("EXAMINE", "select command error: BAD [b'User is authenticated but not connected.']", NotPermitted, None),
        ("FETCH", "Request is throttled. Suggested Backoff Time: 299961 milliseconds", Throttled, 299.961),
        (
            "FETCH",
            "UID command error: BAD [b'Request is throttled. Suggested Backoff Time: 1000 milliseconds']",
            Throttled,
            1,
        ),
        ("FETCH", "[OVERQUOTA] Account exceeded command or bandwidth limits", Throttled, None),
        ("FETCH", "[LIMIT] no", Throttled, None),
        ("FETCH", "[SERVERBUG] Internal error occurred", Unavailable, None),
        ("FETCH", "command: UID => socket error: EOF", Unavailable, None),
        ("FETCH", "command: UID => unexpected response: b'HTTP/1.1 400'", Malformed, None),
        ("greeting", "b'* BYE [UNAVAILABLE] down'", Unavailable, None),
        ("greeting", "b'* BYE Connection refused: too many connections'", Throttled, None),
        ("greeting", "unexpected response: b'SSH-2.0'", Malformed, None),
        ("STARTTLS", "TLS not supported by server", Malformed, None),
        ("SEARCH", "no idea", Malformed, None),
    ],
)
def test_a_refusal_is_told_by_its_code_and_else_by_what_was_asked(stage, said, kind, wait):
    error = meaning("mail.example", stage, imap.imaplib.IMAP4.error(said))
    assert type(error) is kind
    assert str(error).startswith("mail.example")
    assert getattr(error, "wait", None) == (timedelta(seconds=wait) if wait else None)
    assert not any(word in str(error) for word in ("credentials", "Reviews", "HTTP/1.1", "https://"))


def met(serve, *, deadline=0.2, **how) -> PollError:
    """The error of a session with what `serve` does at the other end of the connection."""

    async def run():
        here, there = socket.socketpair()
        other = threading.Thread(target=_served, args=(serve, there))

        async def dial(host, port):
            other.start()
            return here

        try:
            async with (
                Client(dial=dial, transport=httpx.MockTransport(Traffic())) as client,
                session(Account(host=HOST, username="x", password=Secret("y"), **how), client, deadline=deadline),
            ):
                raise AssertionError("the session has begun")
        finally:
            await asyncio.to_thread(other.join, 10)

    with pytest.raises((Unavailable, Malformed)) as error:
        asyncio.run(run())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("imap") and _lingers(thread)]
    return error.value


def _served(serve, there: socket.socket) -> None:
    with there, suppress(OSError):
        serve(there)


def silent(greeting: bytes):
    """Says only this, until nobody listens any more."""

    def serve(there):
        there.sendall(greeting)
        while there.recv(1000):
            pass

    return serve


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_agreed():
    assert "no answer within 0.2 s" in str(met(silent(b""), security="none"))
    assert "no answer within 0.2 s" in str(met(silent(b"* OK ready\r\n"), security="none"))
    assert "no answer within 0.2 s" in str(met(silent(b""), security="tls"))


def test_a_server_that_drips_is_cut_off_and_its_thread_ends():
    def drip(there):
        while True:
            there.sendall(b"* OK and so on")
            threading.Event().wait(0.02)

    assert "no answer within 0.2 s" in str(met(drip, security="none"))


def _lingers(thread: threading.Thread) -> bool:
    thread.join(10)
    return thread.is_alive()


@pytest.mark.parametrize(
    "noise", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\xff\r\n", b"* OK {99999999999}\r\n", b"x" * 1_100_000]
)
def test_what_is_no_mail_server_is_told_apart(noise):
    error = met(silent(noise), deadline=5, security="none")
    assert type(error) is Malformed
    assert str(error) in (
        "localhost does not answer as a mail server does: check server, port and security",
        "localhost sends more than it was asked for: is this a mail server?",
    )


def test_a_server_may_not_send_more_than_it_was_asked_for():
    server = MailServer(posts(1))
    server.answers["FETCH"] = lambda tag: b"* 1 FETCH (UID 1 BODY[] {4000000000}"
    with pytest.raises(Malformed, match="more than it was asked for"):
        polled(server.client())


def test_a_server_may_not_send_without_end():
    server = MailServer(posts(1))
    server.answers["SEARCH"] = lambda tag: b"* 1 EXISTS\r\n" * 400_000
    with pytest.raises(Malformed, match="sends without end"):
        polled(server.client())


def test_many_large_mails_are_no_flood():
    large = [Post(n, mail(n, "X-Padding: " + "x" * 990_000), NOW) for n in range(1, 33)]
    assert len(titles(polled(MailServer(large).client()))) == 32


def test_a_client_that_cannot_dial_is_dialled_around():
    async def run():
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        async with server, httpx.AsyncClient() as client:
            account = Account(host="127.0.0.1", port=server.sockets[0].getsockname()[1], username="x", security="none")
            async with session(account, client):
                pass

    with pytest.raises(Unavailable, match="broke the connection off"):
        asyncio.run(run())


# Whose mails are read


def test_mails_of_others_are_counted_and_their_words_not_fetched():
    server = MailServer([Post(1, mail(1, sender="A Patient <patient@elsewhere.example>"), NOW), *posts(2)])
    pages = polled(server.client())
    assert (titles(pages), pages[0].skipped) == (["Issue 2"], 1)
    assert [said for said in server.said if "BODY.PEEK[]" in said] == [
        "UID FETCH 2 (UID INTERNALDATE BODY.PEEK[]<0.1000000>)"
    ]


def test_everybodys_mails_are_kept_where_that_is_wanted():
    server = MailServer([Post(1, mail(1, sender="patient@elsewhere.example"), NOW)])
    assert titles(polled(server.client(), others="keep")) == ["Issue 1"]


@pytest.mark.parametrize(
    ("sender", "kept"),
    [
        ("editor@news.example", True), ("x@mail.news.example", True), ("EDITOR@NEWS.EXAMPLE", True),
        ("editor@badnews.example", False), ("editor@news.example.evil.example", False),
        ('"editor@news.example" <x@evil.example>', False), ("=?utf-8?q?editor=40news=2Eexample?= <x@evil.example>", False),
    ],
)  # fmt: skip
def test_a_sender_is_known_by_its_domain_and_not_by_its_name(sender, kept):
    assert len(titles(polled(MailServer([Post(1, mail(1, sender=sender), NOW)]).client()))) == kept


@pytest.mark.parametrize(
    "head", ["X-Wellheard-Reason: opened", "Auto-Submitted: auto-replied", "Content-Type: multipart/report; boundary=b"]
)
def test_what_nobody_wrote_is_left_out_first_of_all_our_own_messages(head):
    server = MailServer([Post(1, mail(1, head), NOW)])
    assert titles(polled(server.client(), others="keep")) == []
    assert server.asked().count("FETCH") == 1


GOOD = "mx.practice.example; dkim=pass header.d=news.example; spf=pass"


@pytest.mark.parametrize(
    ("proofs", "kept"),
    [
        ([GOOD], True),
        (["mx.practice.example; dkim=pass header.i=@news.example"], True),
        (["mx.practice.example; dmarc=pass (p=REJECT) header.from=news.example"], True),
        (["mx.practice.example; dkim=fail header.d=evil.example;\r\n dkim=pass header.d=news.example"], True),
        ([], False),
        (["mx.practice.example; dkim=fail header.d=news.example"], False),
        (["mx.practice.example; dkim=pass header.d=evil.example"], False),
        (["mx.practice.example; dkim=none (dkim=pass header.d=news.example)"], False),
        (["mx.evil.example; dkim=pass header.d=news.example"], False),
        (["mx.practice.example; dkim=fail header.d=news.example", GOOD], False),
    ],
)
def test_with_verified_by_only_signed_mails_count(proofs, kept):
    head = [f"Authentication-Results: {proof}" for proof in proofs]
    pages = polled(MailServer([Post(1, mail(1, *head), NOW)]).client(), verified_by="mx.practice.example")
    assert len(titles(pages)) == kept
    assert bool(pages[-1].warnings) == (not kept)


def test_a_notification_needs_no_listed_sender():
    review = mail(
        1, "Subject: Ada left a review for Elm Street", sender="Google <businessprofile-noreply@google.com>",
        text="You got a new 2-star review\r\n\r\nRead review\r\n<https://business.example/r>\r\n\r\nAda Example\r\n\r\n"
        "Nobody came.\r\n\r\nReply to review\r\n<https://business.example/a>",
    )  # fmt: skip
    (page,) = polled(MailServer([Post(1, review.replace(b"Subject: Issue 1\r\n", b""), NOW)]).client(), senders=())
    (one,) = page.mentions
    assert (one.kind, one.stars, one.author, one.text, one.title) == (
        Kind.REVIEW,
        2.0,
        "Ada Example",
        "Nobody came.",
        "Elm Street",
    )


# A real server


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    """A Dovecot of our own; in CI it must be there."""
    import os

    with ExitStack() as stack:
        try:
            running = stack.enter_context(dovecot())
        except DovecotMissing as missing:
            if os.environ.get("CI"):
                pytest.fail(f"CI must test a real mail server: {missing}")
            pytest.skip(f"NOT TESTED ON A REAL MAIL SERVER: {missing}")
        yield running


@pytest.fixture
def folder(server: Dovecot, request: pytest.FixtureRequest) -> str:
    """A fresh folder."""
    name = f"f{abs(hash(request.node.name)) % 10**8}"
    server.clear(name)
    return name


def real(running: Dovecot, folder: str, cursor=None, **changes):
    where = {
        "server": "localhost",
        "port": running.plain,
        "username": USER,
        "password": Secret(PASSWORD),
        "folder": folder,
    }
    return polled(visitor(), cursor, EVER, **(where | changes))


def test_a_real_server_is_read_and_nothing_is_marked(server, folder):
    server.deliver(mail(1), mail(2, text="Größe 👍 " * 1000), folder=folder)
    pages = real(server, folder)
    assert titles(pages) == ["Issue 1", "Issue 2"]
    assert pages[0].mentions[1].text.startswith("Größe 👍 Größe")
    assert not any(b"\\Seen" in flags for flags in server.flags(folder))


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_real_certificate_is_verified(server, folder, security):
    server.deliver(mail(1), folder=folder)
    how = {"security": security, "port": server.tls if security == "tls" else server.plain}
    assert titles(real(server, folder, ca_file=server.authority, **how)) == ["Issue 1"]
    with pytest.raises(Unavailable, match="certificate is not good .*ca_file"):
        real(server, folder, **how)
    with pytest.raises(Unavailable, match="certificate is not good"):
        real(server, folder, ca_file=server.authority, **(how | {"server": "127.0.0.1"}))


def test_what_speaks_no_tls_gets_no_password(server, folder):
    with pytest.raises(Unavailable, match="speaks no TLS"):
        real(server, folder, security="tls", ca_file=server.authority)


def test_a_real_server_reads_on_where_it_stopped(server, folder):
    server.deliver(mail(1), mail(2), folder=folder)
    cursor = real(server, folder)[-1].cursor
    assert titles(real(server, folder, cursor)) == []
    server.deliver(mail(3), folder=folder)
    later = real(server, folder, cursor)
    assert (titles(later), later[-1].cursor["uid"]) == (["Issue 3"], 3)


def test_a_folder_that_was_made_again_is_read_again(server, folder):
    server.deliver(mail(1), mail(2), folder=folder)
    first = real(server, folder)
    server.remake(folder)
    server.deliver(mail(2), folder=folder)
    again = real(server, folder, first[-1].cursor)
    assert titles(again) == ["Issue 2"]
    assert again[0].mentions[0].external_id == first[0].mentions[1].external_id
    assert again[-1].cursor["validity"] != first[-1].cursor["validity"]


def test_a_huge_mail_is_read_as_far_as_it_is_of_use(server, folder):
    server.deliver(mail(1, text="Nobody came. " + "padding\r\n" * 500_000), mail(2), folder=folder)
    pages = real(server, folder)
    assert titles(pages) == ["Issue 1", "Issue 2"]
    assert pages[0].mentions[0].text.startswith("Nobody came. padding")


def test_a_real_refusal_is_told_from_a_wrong_folder(server, folder):
    with pytest.raises(AuthRejected, match="AUTHENTICATIONFAILED") as refused:
        real(server, folder, password=Secret("wrong-and-secret"))
    assert "wrong-and-secret" not in str(refused.value)
    with pytest.raises(NotPermitted, match="folder"):
        real(server, "No such folder")


def test_a_folder_with_a_name_beyond_ascii_is_opened(server):
    server.clear('"Erw&AOQ-hnungen & mehr"'.replace("& m", "&- m"))
    assert real(server, "Erwähnungen & mehr")[-1].cursor["uid"] == 0


def test_a_mail_server_on_an_address_that_is_not_public_is_not_dialled(server):
    with pytest.raises(Unavailable, match=r"^localhost: refused, .* is a loopback address; .*allow under \[network\]"):
        polled(visitor(allow=()), port=server.plain)
