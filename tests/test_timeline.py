"""What people are told and when, minute by minute: a missing message fails, and so does one that nobody expected."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from monitor.connector import AuthRejected, Page
from monitor.model import Mention, Outcome
from monitor.pipeline import judge, poll_due
from monitor.pipeline.deliver import deliver_all
from monitor.pipeline.work import ack, replay, resolve
from monitor.store import incidents, mentions, outbox
from tests.clock import START, Clock
from tests.stage import SMALL, THREAT, Making, Stage, act, push, said, staging, want
from tests.store import found, fresh, threat
from tests.store import said as plainly

HOOK = 'webhook = { url = { env = "HOOK_URL" }, secret = { env = "HOOK_SECRET" } }\n'
SLUMP = """
[rules.slump]
kinds = ["review"]
stars_below = 3
count = 1
level = "{level}"
inboxes = ["risk"]
"""
HOUR, DAY = 60, 24 * 60
STORM = int(os.environ.get("WELLHEARD_STORM", "5000"))
"""Mentions in the minute of the storm: 100000 where somebody has ten minutes."""
_numbers = count()


@pytest.fixture
async def stage(database_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Making]:
    async with staging(database_url, tmp_path, clock) as make:
        yield make


def threatening(at: datetime, **values: Any) -> Mention:
    return said(f"threat-{next(_numbers)}", THREAT, at, **values)


def bad(at: datetime) -> Mention:
    return said(f"bad-{next(_numbers)}", "Not good.", at, stars=1)


async def test_a_threat_is_told_reminded_and_escalated_until_nobody_is_left(stage: Making) -> None:
    play = await stage()
    await play.play(
        push(0, threatening(START)),
        want(0, "risk", "opened"),
        want(15, "risk", "reminder"),
        want(30, "risk", "escalated"),
        until=2 * HOUR,
        every=5,
    )


async def test_a_timeline_fails_on_what_is_missing_and_on_what_nobody_expected(stage: Making) -> None:
    play = await stage()
    with pytest.raises(AssertionError, match="missing.*'marketing', 'opened'"):
        await play.play(push(0, threatening(START)), want(0, "marketing", "opened"), until=1)
    with pytest.raises(AssertionError, match=r"unexpected: \[\(14, 'risk', 'reminder'\)\]"):
        await play.play(until=14)


async def test_twenty_restarts_say_nothing_new_and_a_breach_while_down_is_told_once(stage: Making) -> None:
    play = await stage()
    restarts = [act(number / 10, play.restart) for number in range(1, 21)]
    await play.play(push(0, threatening(START)), want(0, "risk", "opened"), *restarts, until=3)
    play.stop()
    play.clock.advance(timedelta(minutes=2))
    play.bring(bad(START), threatening(START))
    play.rest = SLUMP.format(level="warning")
    play.start()
    await play.play(want(0, "risk", "opened"), act(1, play.restart), until=2)


async def test_a_new_source_with_ten_thousand_old_mentions_is_one_summary(stage: Making) -> None:
    play = await stage(settled=False)
    before = START - timedelta(days=2)
    if True:
        play.fake.polls.append(
            [
                Page(
                    mentions=[threatening(before) for _ in range(500)], cursor={"at": number} if number == 19 else None
                )
                for number in range(20)
            ]
        )
    await play.play(
        want(0, "marketing", "backfilled"),
        want(0, "risk", "backfilled"),
        push(2, threatening(START)),
        want(2, "risk", "opened"),
        until=3,
    )
    texts = [mail.get_body(("plain",)).get_content() for mail in play.mailbox.mails()]  # type: ignore[union-attr]
    assert sum("10,000" in one for one in texts) == 2


async def test_a_rule_edited_while_its_incident_runs_changes_nothing_of_it(stage: Making) -> None:
    play = await stage()

    def edit() -> None:
        play.rest = '[risks.threat_to_staff]\nack_within = "2m"\ninboxes = ["marketing"]\n'
        play.restart()

    await play.play(
        push(0, threatening(START)),
        want(0, "risk", "opened"),
        act(5, edit),
        want(15, "risk", "reminder"),
        want(30, "risk", "escalated"),
        until=HOUR,
        every=5,
    )


async def test_one_endpoint_hangs_one_raises_the_unforeseen_and_the_third_is_told_at_once(stage: Making) -> None:
    class Broken:
        async def send(self, _notification: Any) -> None:
            raise LookupError("nobody thought of this")

    third = '\n[inboxes.security]\nemail = ["guard@practice.example"]\n'
    play = await stage(SMALL + HOOK + third)
    play.hook.status = "hang"
    play.patience = 0.5
    play.restart()
    play.running.channels["risk", "email"] = Broken()  # type: ignore[index]
    play.bring(threatening(START))
    line = play.running
    await poll_due(line)
    judge(line)
    sending = asyncio.create_task(deliver_all(line))
    async with asyncio.timeout(60):
        while not play.mailbox.letters:  # noqa: ASYNC110  # the sink is a real server, which sets nothing when it has one
            await asyncio.sleep(0)
    assert play.arrived() == [("guard", "opened")]
    await sending
    with line.database.read() as tx:
        rows = {(one.inbox, one.channel): one for one in outbox.listed(tx)}
    assert rows["security", "email"].sent_at is not None
    assert "LookupError" in (rows["risk", "email"].error or "")
    assert "too long" in (rows["risk", "webhook"].error or "")


@pytest.mark.parametrize("jump", [HOUR, DAY])
async def test_a_clock_that_jumps_forward_escalates_once_and_starts_no_storm(stage: Making, jump: int) -> None:
    play = await stage()
    await play.play(
        push(0, threatening(START)),
        want(0, "risk", "opened"),
        act(5, lambda: None),
        want(5 + jump, "risk", "escalated"),  # the last step that is due, not one mail for each
        until=5 + jump,
        every=5 + jump,
    )
    await play.play(until=20)


@pytest.mark.parametrize("jump", [HOUR, DAY])
async def test_a_clock_that_jumps_back_says_nothing_twice_and_nothing_new_is_lost(stage: Making, jump: int) -> None:
    play = await stage(SMALL, SLUMP.format(level="warning"))
    play.clock.advance(timedelta(minutes=jump))
    await play.play(push(0, threatening(START)), want(0, "risk", "opened"), until=1)
    play.clock.advance(timedelta(minutes=-jump))
    with play.running.database.write() as tx:  # what is due is in UTC, and the source's turn comes when it comes
        tx.execute(text("UPDATE sources SET next_poll_at = created_at"))
    await play.play(push(1, bad(START)), want(1, "risk", "opened"), until=10)


@pytest.mark.parametrize(
    ("evening", "hours"), [("2026-03-08T03:00:00", 10), ("2026-11-01T02:00:00", 12)]
)  # nine o'clock in Chicago, the evening before the clocks change
async def test_quiet_hours_hold_back_what_can_wait_and_tell_it_once_at_their_end(
    stage: Making, clock: Clock, evening: str, hours: int
) -> None:
    clock.set(datetime.fromisoformat(evening).replace(tzinfo=UTC))
    quiet = 'quiet = { from = "21:00", to = "08:00" }\n'
    play = await stage(SMALL + quiet, SLUMP.format(level="warning"))
    begun = clock.now()
    end = hours * HOUR - 1  # the stage has used the first minute
    await play.play(
        push(0, bad(begun)),
        push(60, threatening(begun, external_id="t")),
        want(60, "risk", "opened"),  # people in danger: told at any hour
        act(61, lambda: ack(play.running, _open(play, "threat_to_staff"), by="duty")),
        act(120, lambda: resolve(play.running, _open(play, "threat_to_staff"), Outcome.NO_ACTION)),
        want(end, "risk", "withheld"),
        until=end + 30,
        every=30,
    )
    (summary,) = [mail for mail in play.mailbox.mails() if mail["X-Wellheard-Reason"] == "withheld"]
    assert "2 messages held back" in summary["Subject"]
    assert "It was quiet time" in summary.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def _open(play: Stage, rule: str) -> int:
    with play.running.database.read() as tx:
        return next(one.id for one in incidents.listed(tx, None) if one.rule == rule)


async def test_a_single_message_of_the_night_comes_as_itself(stage: Making) -> None:
    quiet = 'quiet = { from = "06:00", to = "07:00" }\n'  # in Chicago it is six at the start
    play = await stage(SMALL + quiet, SLUMP.format(level="warning"))
    await play.play(push(5, bad(START)), want(59, "risk", "opened"), until=70)


async def test_quiet_hours_do_not_apply_to_the_classes_that_are_named(stage: Making) -> None:
    quiet = 'quiet = { from = "06:00", to = "07:00", level = "critical", risks = ["privacy_breach_allegation"] }\n'
    play = await stage(SMALL + quiet, SLUMP.format(level="urgent"))
    await play.play(push(5, bad(START)), want(59, "risk", "opened"), until=60)


@pytest.mark.parametrize("zone_change", ["2026-03-02T12:00:00", "2026-10-26T11:00:00"])
async def test_a_digest_is_sent_once_over_a_change_of_the_clocks_and_once_after_three_weeks(
    stage: Making, clock: Clock, zone_change: str
) -> None:
    clock.set(datetime.fromisoformat(zone_change).replace(tzinfo=UTC))
    play = await stage(SMALL, '[digest]\nat = "mon 07:00"\n')
    await play.play(until=6 * DAY, every=DAY)
    monday = datetime(2026, 3, 9, tzinfo=UTC) if clock.now().month == 3 else datetime(2026, 11, 2, tzinfo=UTC)
    clock.set(monday + timedelta(hours=6))
    await play.play(
        *[want(HOUR * (6 if monday.month == 3 else 7), who, "digest") for who in ("marketing", "risk")],
        until=12 * HOUR,
        every=HOUR,
    )
    play.stop()
    clock.advance(timedelta(weeks=3, days=4))
    play.start()
    await play.play(want(0, "marketing", "digest"), want(0, "risk", "digest"), until=DAY, every=HOUR)
    for late in play.mailbox.mails()[-2:]:
        words = late.get_body(("plain",)).get_content().split()  # type: ignore[union-attr]
        assert "4 days after the period ended" in " ".join(words)


async def test_an_acknowledgement_that_goes_stale_comes_back_with_its_chain(stage: Making) -> None:
    play = await stage(SMALL, '[risks.threat_to_staff]\nack_lasts = "1h"\n')
    await play.play(
        push(0, threatening(START)),
        want(0, "risk", "opened"),
        act(5, lambda: ack(play.running, _open(play, "threat_to_staff"), by="duty")),
        want(65, "risk", "lapsed"),
        want(80, "risk", "reminder"),
        act(85, lambda: ack(play.running, _open(play, "threat_to_staff"), by="duty")),
        want(145, "risk", "lapsed"),
        act(146, lambda: resolve(play.running, _open(play, "threat_to_staff"), Outcome.RESPONDED)),
        want(150, "risk", "resolved"),  # five minutes after the last word about it
        until=4 * HOUR,
        every=5,
    )


async def test_a_source_that_comes_and_goes_is_one_incident_that_ends_when_recovery_lasts(stage: Making) -> None:
    play = await stage()
    refused = AuthRejected("social.example rejects the token: renew it")
    wants = [want(0, who, "opened") for who in ("marketing", "risk")]
    wants += [want(20, who, "resolved") for who in ("marketing", "risk")]
    wants += [want(40, who, "opened") for who in ("marketing", "risk")]
    fails = [act(minute, lambda: play.fake.polls.append([refused])) for minute in (0, 40, 80, 120, 160, 200)]
    wants += [want(220 + 6 * HOUR, who, "resolved") for who in ("marketing", "risk")]
    await play.play(*fails, *wants, until=12 * HOUR, every=20)


async def test_what_fails_for_five_minutes_goes_by_the_standby_and_is_tried_on(stage: Making) -> None:
    play = await stage(SMALL + HOOK + 'standby = ["webhook"]\n')
    play.mailbox.answers["RCPT"] = "451 later"

    def mend() -> None:
        play.mailbox.answers.clear()
        with play.running.database.read() as tx:
            (late,) = outbox.listed(tx, "due")
        replay(play.running, late.id)

    await play.play(
        push(0, threatening(START)),
        want(5, "hook:risk", "opened"),
        act(6, lambda: ack(play.running, _open(play, "threat_to_staff"), by="duty")),
        act(10, mend),
        want(10, "risk", "opened"),
        until=30,
        every=0.25,
    )


async def test_without_a_standby_somebody_else_is_told_after_five_minutes(stage: Making) -> None:
    play = await stage(SMALL + HOOK)
    play.mailbox.answers["RCPT"] = "451 later"
    await play.play(
        push(0, threatening(START)),
        want(0, "hook:risk", "opened"),
        want(5, "hook:risk", "failed"),
        until=6,
        every=0.25,
    )


async def test_a_recipient_refused_for_good_is_left_out_and_the_administrator_is_told_once(stage: Making) -> None:
    people = (
        SMALL.replace('"risk@', '"nobody@practice.example", "risk@') + '[inboxes.it]\nemail = ["it@practice.example"]\n'
    )
    play = await stage(people, SLUMP.format(level="warning"), top='administrator = "it"\n')
    there = play.mailbox.handle_RCPT
    mended: list[bool] = []

    async def rcpt(server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address.startswith("nobody@") and not mended:
            return "550 5.1.1 no such user"
        return await there(server, session, envelope, address, options)

    play.mailbox.handle_RCPT = rcpt  # type: ignore[method-assign]

    def mend() -> None:
        mended.append(True)
        with play.running.database.read() as tx:
            (dead,) = outbox.listed(tx, "failed")
        replay(play.running, dead.id)

    await play.play(
        push(0, bad(START)),
        want(0, "risk", "opened"),
        want(0, "it", "delivery_failed"),
        act(10, lambda: resolve(play.running, _open(play, "slump"), Outcome.OTHER)),
        want(10, "risk", "resolved"),  # nothing is written to the one who is not there
        act(20, mend),
        want(20, "nobody", "opened"),
        push(30, bad(START)),
        want(30, "risk", "opened"),
        want(30, "nobody", "opened"),
        until=40,
    )


async def test_a_storm_of_mentions_in_a_minute_stays_under_the_ceiling_and_adds_up(stage: Making, clock: Clock) -> None:
    # Everybody says the same here, which would be a campaign, too.
    play = await stage(SMALL + HOOK, "[risks.coordinated_campaign]\nenabled = false\n")
    total, places = STORM, 15
    for start in range(0, total, 1000):
        rows = [
            fresh(plainly(f"s{n}"), found(threat(), sentiment=-0.5), labels={"location": f"Place {n % places}"})
            for n in range(start, min(start + 1000, total))
        ]
        with play.running.database.write() as tx:
            mentions.add(tx, "fake", "one", rows, clock.now())
    sent = []
    for minute in range(0, 6 * HOUR, 15):
        clock.advance(timedelta(minutes=15) if minute else timedelta(0))
        judge(play.running)
        await deliver_all(play.running)
        sent += [(minute, who) for who, _ in play.arrived()]
    for who in ("risk", "hook:risk"):
        times = [minute for minute, one in sent if one == who]
        assert 0 < max(sum(at - HOUR < other <= at for other in times) for at in times) <= 10
    bodies = [json.loads(content) for _, _, content in play.hook.got]
    ledger: dict[int, int] = {}
    for body in bodies:
        data = body["data"]
        if body["type"] != "notices.withheld":
            ledger[data["id"]] = data["mention_count"]
            continue
        before = {one["id"]: ledger.get(one["id"], 0) for one in data["incidents"]}
        ledger |= {one["id"]: one["mention_count"] for one in data["incidents"]}
        assert data["mentions"] == sum(ledger[key] - known for key, known in before.items())
    assert "notices.withheld" in {body["type"] for body in bodies}
    assert sum(ledger.values()) == total
