"""Mails that come back: which message and recipient they name, whose they are, and what follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.imap import Imap
from connectors.kit.mail import bounces, report
from monitor.connector import Bounce, Page, Secret
from monitor.model import Notification, Outcome
from monitor.pipeline import poll_due
from monitor.pipeline.work import replay, resolve
from monitor.store import log, outbox
from tests.bounces import SHAPES, bounce
from tests.clock import START, Clock
from tests.dovecot import PASSWORD, USER, DovecotMissing, dovecot
from tests.mailserver import HOST, MailServer, Post
from tests.recordings import recorded
from tests.stage import SMALL, Making, Stage, act, push, said, staging, want
from tests.test_imap import visitor

ID = "<0123456789abcdef0123456789abcdef@practice.example>"
WHO = "Gone.Person@practice.example"
PEOPLE = (
    SMALL.replace('"risk@', '"nobody@practice.example", "risk@') + '[inboxes.it]\nemail = ["it@practice.example"]\n'
)
SLUMP = """
[rules.slump]
kinds = ["review"]
stars_below = 3
level = "warning"
inboxes = ["risk"]
"""
TOP = 'administrator = "it"\n'


@pytest.fixture
async def stage(database_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Making]:
    async with staging(database_url, tmp_path, clock) as make:
        yield make


# What a report says


@pytest.mark.parametrize("shape", SHAPES)
def test_a_report_names_the_message_the_recipient_and_the_reason(shape):
    assert report(bounce(shape, ID, WHO).partition(b"\r\n\r\n")[0])
    assert bounces(bounce(shape, ID, WHO, status="5.2.1")) == [
        Bounce(message_id=ID.strip("<>"), recipient=WHO.lower(), status="5.2.1")
    ]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("action", ["delayed", "relayed", "delivered", "expanded"])
def test_what_is_only_late_or_was_passed_on_has_not_come_back(shape, action):
    assert bounces(bounce(shape, ID, WHO, status="4.4.1", action=action)) == []


def test_a_report_that_returns_no_headers_is_about_nothing():
    # Gmail and Exchange name the message elsewhere too, where whoever writes a mail may write what he likes.
    for shape in SHAPES:
        status, kind, _ = bounce(shape, ID, WHO).rpartition(
            b"rfc822-headers" if shape == "postfix" else b"message/rfc822"
        )
        assert kind
        assert bounces(status + b"plain\r\n\r\nnothing\r\n") == []


def test_an_answer_of_a_person_is_no_report():
    assert not report(b"From: a@b.example\r\nContent-Type: multipart/report; report-type=disposition-notification\r\n")
    assert not report(b"From: a@b.example\r\nContent-Type: text/plain\r\n")
    assert bounces(b"From: a@b.example\r\n\r\nFinal-Recipient: rfc822; c@d.example\r\nStatus: 5.1.1\r\n") == []


@pytest.mark.parametrize("path", recorded("imap", "multipart_report*.eml"), ids=lambda path: path.name)
def test_a_recorded_report_is_read(path: Path):
    content = path.read_bytes()
    assert report(content.replace(b"\r\n", b"\n").partition(b"\n\n")[0])
    assert all("@" in one.recipient and one.status[0] in "45" for one in bounces(content))


# From the mailbox


def walked(client: Any, **options: Any) -> Page:
    usual = {"server": HOST, "security": "none", "username": USER, "password": Secret(PASSWORD)}

    async def run() -> list[Page]:
        async with client:
            connector = Imap(Imap.Options(**(usual | options)), client)
            return [page async for page in connector.poll({}, datetime(2020, 1, 1, tzinfo=UTC))]

    (page,) = asyncio.run(run())
    return page


def test_the_mailbox_hands_over_what_came_back_and_takes_it_for_no_mention():
    now = datetime(2026, 3, 2, 12, 1, tzinfo=UTC)
    posts = [Post(n, bounce(shape, ID, WHO), now) for n, shape in enumerate(SHAPES, 1)]
    posts.append(Post(9, bounce("postfix", ID, WHO, status="4.4.1", action="delayed"), now))
    page = walked(MailServer(posts).client(), others="keep")
    assert [one.recipient for one in page.bounces] == [WHO.lower()] * 3
    assert (page.mentions, page.skipped) == ([], 1)


def test_a_real_mailbox_hands_over_what_came_back():
    try:
        with dovecot() as server:
            server.deliver(*(bounce(shape, ID, WHO) for shape in SHAPES), folder="INBOX")
            page = walked(visitor(), server="localhost", port=server.plain)
    except DovecotMissing as missing:
        pytest.skip(f"NOT TESTED ON A REAL MAIL SERVER: {missing}")
    assert [(one.message_id, one.status) for one in page.bounces] == [(ID.strip("<>"), "5.1.1")] * 3


# What follows


def back(
    play: Stage, shape: str = "postfix", *, status: str = "5.1.1", who: str = "nobody@practice.example", **rest: str
) -> Callable[[], None]:
    """The mailbox receives a bounce of the first message to the one who is not there."""

    def come() -> None:
        mail = next(one for one in play.mailbox.mails() if one["To"] == "nobody@practice.example")
        content = bounce(shape, rest.get("message_id") or mail["Message-ID"], who, status=status)
        play.cursor += 1
        play.fake.polls.append([Page(bounces=bounces(content), cursor={"at": play.cursor})])

    return come


def refused(play: Stage) -> set[str]:
    with play.running.database.read() as tx:
        return outbox.refused(tx, "risk", "email")


def failed(play: Stage) -> list[Notification]:
    with play.running.database.read() as tx:
        return outbox.listed(tx, "failed")


def bad(key: str) -> Any:
    return said(key, "Not good.", START, stars=1)


async def begun(stage: Making) -> Stage:
    play = await stage(PEOPLE, SLUMP, top=TOP)
    await play.play(push(0, bad("a")), want(0, "nobody", "opened"), want(0, "risk", "opened"), until=0)
    play.clock.advance(timedelta(minutes=10))
    return play


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_mail_that_came_back_disables_its_address_and_the_administrator_is_told_once(
    stage: Making, shape: str
) -> None:
    play = await begun(stage)
    again = back(play, shape)
    await play.play(
        act(0, again),
        want(0, "it", "delivery_failed"),
        act(1, again),  # servers say it twice
        act(10, lambda: resolve(play.running, 1, Outcome.OTHER)),
        want(10, "risk", "resolved"),
        until=12,
    )
    assert refused(play) == {"nobody@practice.example"}
    (lost,) = failed(play)
    assert lost.error == "the mail came back: 5.1.1"
    with play.running.database.read() as tx:
        assert [link.action for link in log.about(tx, f"notification:{lost.id}")] == ["sent", "bounced"]
    # One that was under way then is taken by the next server all the same: that proves nothing.
    with play.running.database.write() as tx:
        outbox.accept(tx, lost)
    assert refused(play) == {"nobody@practice.example"}
    replay(play.running, lost.id)  # somebody says that it is mended
    await play.play(want(0, "nobody", "opened"), until=0)
    assert refused(play) == set()


@pytest.mark.parametrize("status", ["4.2.2", "4.4.7", "5.2.2", "5.7.1", "5.1.8"])
async def test_one_that_is_full_late_or_unwelcome_is_told_and_disables_nobody(stage: Making, status: str) -> None:
    play = await begun(stage)
    await play.play(act(0, back(play, status=status)), want(0, "it", "delivery_failed"), until=2)
    assert refused(play) == set()
    assert [one.error for one in failed(play)] == [f"the mail came back: {status}"]


async def test_one_of_many_behind_an_address_costs_the_others_nothing(stage: Making) -> None:
    play = await begun(stage)
    member = back(play, who="left-last-year@practice.example")
    await play.play(act(0, member), want(0, "it", "delivery_failed"), until=2)
    assert refused(play) == set()


@pytest.mark.parametrize(
    "forged",
    [
        "<ffffffffffffffffffffffffffffffff@practice.example>",
        "<incident-1@practice.example>",
        "<x>",
        "=?utf-8?q?a=00b?=",  # a NUL: PostgreSQL takes none
        "=?utf-7?b?KzJBQS0=?=",  # half a character: nobody takes it
    ],
)
async def test_a_forged_bounce_that_names_no_message_of_ours_does_nothing(stage: Making, forged: str) -> None:
    play = await begun(stage)
    back(play, message_id=forged)()
    # Nor is the mailbox read in vain from now on.
    assert [done.error for _, done in await poll_due(play.running)] == [None]
    await play.play(until=5)
    assert refused(play) == set()
    assert failed(play) == []
