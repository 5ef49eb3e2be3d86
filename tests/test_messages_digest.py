"""The weekly digest: the numbers and nothing but numbers, the same ones in every part of the mail."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from monitor import digest, messages, timing
from monitor.channels.letter import letter
from monitor.messages.digest.assessment import assessment, heat
from monitor.messages.digest.assessment import table as register_table
from monitor.messages.digest.figures import figures
from monitor.messages.digest.peers import hundred, voices
from monitor.messages.digest.rows import columns, row, rows, width
from monitor.messages.page import WIDTH
from monitor.model import (
    Assessment,
    Detail,
    Incident,
    Kind,
    Level,
    Mention,
    Outcome,
    Reason,
    Signal,
    SourceState,
    State,
    Stored,
)
from tests.store import notification

CHICAGO = ZoneInfo("America/Chicago")
WEEK = timing.week("2026-W46", CHICAGO)
MONDAY = WEEK.until + timedelta(hours=7)
HOUR = timedelta(hours=1)
MOODS = {"positive": 0.6, "neutral": 0.0, "negative": -0.6, "unread": None}
VOID = {"meta", "br", "img", "hr", "link", "input"}


def said(n: int = 1, *risks: str, mood: str = "positive", likelihood: float = 0.5, **more: Any) -> Stored:
    usual = {"source": "google", "labels": {"location": "Main campus"}, "platform": "google_business_profile"}
    found = {name: more.pop(name) for name in tuple(more) if name in {*usual, "history", "gone_at"}}
    lang = more.pop("lang", None if mood == "unread" else "en")
    themes = more.pop("themes", ())
    mention = {
        "external_id": str(n), "kind": Kind.REVIEW, "text": "canary-text Dr. Quill", "title": "canary-title",
        "author": "canary-author", "published_at": WEEK.since + HOUR, "url": f"https://maps.practice.example/reviews/{n}",
    } | more  # fmt: skip
    signals = tuple(Signal(risk=risk, impact=5, likelihood=likelihood, start=0, end=6, rule="r") for risk in risks)
    assessment = Assessment(lang=lang, sentiment=MOODS[mood], signals=signals, themes=themes, assessor="a/1")
    return Stored(
        id=n, first_seen_at=WEEK.since + 2 * HOUR, mention=Mention(**mention), assessment=assessment, **(usual | found)
    )


def incident(n: int = 1, **changes: Any) -> Incident:
    usual: dict[str, Any] = {
        "id": n, "rule": "threat_to_staff", "group": "Main campus", "risk": "threat_to_staff", "level": Level.URGENT,
        "impact": 5, "likelihood": 0.8, "state": State.OPEN, "opened_at": WEEK.since + HOUR, "inboxes": ("risk",),
        "note": "canary-note", "assignee": "canary-assignee",
    }  # fmt: skip
    return Incident(**(usual | changes))


def source(name: str = "google", **changes: Any) -> SourceState:
    usual: dict[str, Any] = {
        "name": name, "platform": "p", "created_at": WEEK.since - timedelta(days=90), "next_poll_at": MONDAY + HOUR,
        "polled_at": MONDAY,
    }  # fmt: skip
    return SourceState(**(usual | changes))


def counted(*mentions: Stored, incidents=(), sources=(), notifications=(), period=WEEK, drills=0) -> digest.Digest:
    return digest.build(
        period, mentions=mentions, incidents=incidents, sources=sources, notifications=notifications, drills=drills
    )


def told(week: digest.Digest, **changes: Any):
    usual: dict[str, Any] = {
        "organisation": "Practice Hospital", "timezone": CHICAGO, "now": MONDAY, "inbox": "marketing"
    }  # fmt: skip
    return messages.digest(week, **(usual | changes))


def first_line(message) -> str:
    """What the mail says first, under its heading."""
    return " ".join(message.text.split("\n\n")[1].split())


def flat(text: str) -> str:
    return " ".join(text.split())


def shown(message) -> str:
    """What a mail program shows of the HTML."""
    body = LexborHTMLParser(message.html).body
    assert body is not None
    return flat(body.text(separator=" "))


def whole(message) -> str:
    data = json.dumps(message.data, ensure_ascii=False)
    return "\n".join((message.subject, message.text, message.html, data, str(message.headers)))


def tables(message) -> dict[str, dict[str, list[str]]]:
    """The tables of the plain text: heading, then the cells of each row by its name."""
    found: dict[str, dict[str, list[str]]] = {}
    for block in message.text.split("\n\n"):
        head, *lines = block.split("\n")
        if "mentions pos. neut. neg. unread" in flat(head):
            cells = (re.fullmatch(r"(.*?) +((?:[\d,]+ +){4}[\d,]+)(?: +[\d.]+ \([\d,]+\))?", line) for line in lines)
            found[head.split()[0]] = {match[1]: match[2].split() for match in cells if match}
    return found


class Balanced(HTMLParser):
    """Fails where a tag is closed that was not opened, or is left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute of {tag} is given twice"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag


USUAL = counted(
    said(1, "threat_to_staff", stars=1, mood="negative", likelihood=0.9),
    said(2, "brand_service_complaint", stars=2, mood="negative", labels={"location": "Elm Street"}, themes=("Digital",)),
    said(3, stars=5), said(4, stars=5, themes=("Digital",)), said(5, source="bluesky", labels={}, mood="neutral"),
    said(6, source="bluesky", mood="unread", lang="es"), said(7, source="bluesky", mood="unread", text="", title=""),
    said(8, "own_reply_phi", kind=Kind.COMMENT, ours=True, likelihood=0.6), said(9, kind=Kind.POST, ours=True),
    said(10, history=True), said(11, history=True), said(12, history=True),
    incidents=[
        incident(1, level=Level.CRITICAL),
        incident(
            2, risk="clinical_harm_allegation", state=State.RESOLVED, acked_at=WEEK.since + 2 * HOUR,
            ack_due_at=WEEK.since + 90 * timedelta(minutes=1), resolved_at=WEEK.since + 9 * HOUR,
            outcome=Outcome.FALSE_ALARM,
        ),
        incident(3, rule="review-slump", risk=None, opened_at=WEEK.since - HOUR, state=State.ACKED, group="Elm Street"),
        incident(4, drill=True),
    ],
    sources=[source(), source("bluesky"), source("news", failing_since=WEEK.since, error="news.example answers 403")],
    notifications=[notification("n", failed_at=WEEK.since)], drills=1,
)  # fmt: skip
QUIET = counted(sources=[source(), source("bluesky")])


# The week in one line


def test_the_subject_says_which_week_and_how_much():
    assert told(USUAL).subject == "Practice Hospital: week 46 in reviews and mentions - 7 mentions, 2 incidents"


def test_the_first_sentence_is_the_week():
    assert first_line(told(USUAL)).startswith(
        "Week 46: 7 mentions, 40 % of the readable ones positive, 2 new incidents, 2 still open."
    )


@pytest.mark.parametrize(
    ("week", "sentence"),
    [
        (counted(said(1)), "Week 46: 1 mention, 100 % positive, no incidents."),
        (counted(said(1, mood="unread")), "Week 46: 1 mention, none of them readable, no incidents."),
        (
            counted(incidents=[incident(1, opened_at=WEEK.since - HOUR)], sources=[source()]),
            "Week 46: no mentions, no new incidents, 1 still open.",
        ),
        (
            counted(said(1), incidents=[incident(1, state=State.RESOLVED, resolved_at=WEEK.since + 3 * HOUR)]),
            "Week 46: 1 mention, 100 % positive, 1 incident, none still open.",
        ),
    ],
    ids=["one", "unreadable", "only-old-incidents", "all-resolved"],
)
def test_the_sentence_fits_the_week(week, sentence):
    assert first_line(told(week)).startswith(sentence)


def test_a_quiet_week_says_so_and_why_that_can_be_believed():
    message = told(QUIET)

    assert message.subject == "Practice Hospital: week 46 in reviews and mentions - no mentions, no incidents"
    assert first_line(message) == (
        "Week 46 was quiet: no mentions, no incidents. All 2 sources were read as planned, so there was nothing to be "
        "seen."
    )
    assert "No mentions from bluesky, google." in flat(message.text)
    assert "was quiet" in shown(message)


def test_a_week_in_which_little_was_seen_is_not_called_quiet():
    message = told(counted(sources=[source(), source("news", failing_since=WEEK.since, error="x")]))

    assert "quiet" not in first_line(message)
    assert "1 of 2 sources failed or fell silent" in first_line(message)
    assert "does not mean that nothing was said" in first_line(message)


def test_without_sources_nothing_is_believed():
    assert "No source was watched in this time, so nothing could be seen." in first_line(told(counted()))


def test_the_only_source_is_not_called_one_of_one():
    assert "The only source failed or fell silent" in first_line(
        told(counted(sources=[source(failing_since=WEEK.since)]))
    )


def test_what_was_read_as_history_is_said_at_once():
    assert "3 earlier mentions were read as history." in first_line(told(USUAL))
    assert "1 earlier mention was read as history." in first_line(told(counted(said(1, history=True))))


def test_a_week_that_is_not_over_says_so():
    assert "It is not over" in first_line(told(USUAL, now=WEEK.since + 48 * HOUR))


def test_a_week_we_did_not_watch_from_its_start_says_since_when_we_did():
    began = source(created_at=WEEK.since + timedelta(days=2, hours=14))

    assert "Wellheard began to listen only on Wed 11 Nov, 14:00 CST." in first_line(told(counted(sources=[began])))


def test_a_digest_that_comes_late_says_how_late():
    assert "Written Mon 16 Nov, 07:00 CST." in told(USUAL).text
    assert "5 days after the period ended" in flat(told(USUAL, now=MONDAY + timedelta(days=5)).text)


# Sections


@pytest.mark.parametrize(
    "fact",
    [
        "Opened 2", "Acknowledged 1, 1 after the deadline", "Resolved 1: 1 false alarm", "Still open 2, 1 of them from before",
        "Median time to acknowledge 1 h", "Median time to resolve 8 h", "Drills 1, in no other number",
        "Harm from care alleged 1", "Threat to staff 1",
    ],
)  # fmt: skip
def test_incidents_are_told_with_what_became_of_them(fact):
    assert fact in flat(told(USUAL).text)
    assert fact in shown(told(USUAL))


def test_what_is_still_open_is_told_with_the_command_that_shows_it_the_loudest_first():
    text = told(USUAL).text

    assert "1. [CRITICAL] Threat to staff - Main campus\n   Since Mon 9 Nov, 01:00 CST, not acknowledged\n" in text
    assert text.index("wellheard show 1\n") < text.index("wellheard show 3\n")
    assert "wellheard show 1" in shown(told(USUAL))
    assert "wellheard show 2" not in whole(told(USUAL))


def test_of_many_that_are_open_ten_are_listed_and_the_others_counted():
    message = told(counted(incidents=[incident(n) for n in range(1, 24)]))

    assert message.text.count("wellheard show") == 10
    assert "and 13 more: wellheard incidents --state open" in message.text
    assert "and 13 more: wellheard incidents --state open" in shown(message)


def test_an_incident_resolved_since_the_week_ended_says_so():
    late = incident(1, state=State.RESOLVED, resolved_at=WEEK.until + HOUR)

    assert "resolved since" in told(counted(incidents=[late])).text


def test_classes_of_risk_are_in_plain_words():
    text = told(USUAL).text

    assert re.search(r"Threat to staff +1\n", text)
    assert re.search(r"Our reply may reveal a patient +1\n", text)
    assert "3 mentions show a risk, our own among them" in flat(text)
    assert "own_reply_phi" not in text + shown(told(USUAL))


def test_the_mentions_that_mattered_are_told_by_class_source_time_and_link_alone():
    message = told(USUAL)

    for part in (
        "Threat to staff", "Review on Google, 1 of 5 stars", "Source google, Mon 9 Nov, 01:00 CST",
        "Our own reply on Google",
    ):  # fmt: skip
        assert part in message.text
        assert part in shown(message)
    assert "https://maps.practice.example/reviews/1\n" in message.text
    links = [node.attributes["href"] for node in LexborHTMLParser(message.html).css("a")]
    assert links == [f"https://maps.practice.example/reviews/{n}" for n in (1, 8, 2)]


def test_numbers_by_location_and_source_are_the_digests():
    found = tables(told(USUAL))

    assert found["Locations"] == {
        "Main campus": ["5", "2", "0", "1", "2"],
        "Elm Street": ["1", "0", "0", "1", "0"],
        "no location": ["1", "0", "1", "0", "0"],
    }
    assert found["Sources"] == {"google": ["4", "2", "0", "2", "0"], "bluesky": ["3", "0", "1", "0", "2"]}
    assert found["Themes"] == {"Digital": ["2", "1", "0", "1", "0"]}


def test_both_parts_of_the_mail_say_the_same_numbers():
    text, html = flat(told(USUAL).text), shown(told(USUAL))

    for part in ("3.7 (3)", "Mean 3.2 of 4", "2.0 (1)", "40 %", "50 %", "3 mentions from before we listened"):
        assert part in html
    for part in ("Main campus 5 2 0 1 2 3.7 (3)", "Mean 3.2 of 4", "5 stars 2 50 %", "2 stars 1 25 %", "4 stars 0 0 %"):
        assert part in text
    assert "Main campus 5 2 \N{EN DASH} 1 2 3.7 (3)" in html
    assert "Spanish 1" in text
    assert "No words, stars alone 1" in text
    assert "Our own posts 1 Our own replies 1" in text
    assert "Our own posts 1 Our own replies 1" in html


def test_what_could_not_be_seen_is_told_with_source_time_and_reason():
    for part in ("news", "news.example answers 403", "since Mon 9 Nov, 00:00 CST"):
        assert part in told(USUAL).text
        assert part in shown(told(USUAL))


def test_when_all_was_seen_that_is_said():
    assert "Nothing: all 2 sources were read as planned." in told(QUIET).text
    assert "Nothing: all 2 sources were read as planned." in shown(told(QUIET))


def test_messages_that_were_given_up_are_told_with_the_command_that_lists_them():
    assert "1 message: wellheard deliveries --state failed" in flat(told(USUAL).text)
    assert "none: no message was given up" in flat(told(QUIET).text)


def test_the_command_for_the_same_numbers_is_told():
    message = told(USUAL)

    assert "\n    wellheard digest --week 2026-W46 --inbox marketing\n" in message.text
    assert "wellheard digest --week 2026-W46" in shown(message)
    assert "between Mon 9 Nov, 00:00 CST and Mon 16 Nov, 00:00 CST (America/Chicago)" in flat(message.text)


@pytest.mark.parametrize(
    ("name", "days", "hours"),
    [
        ("2026-W46", "9 to 15 November 2026", "Mon 9 Nov, 00:00 CST and Mon 16 Nov, 00:00 CST"),
        ("2026-W49", "30 November to 6 December 2026", "Mon 30 Nov, 00:00 CST and Mon 7 Dec, 00:00 CST"),
        ("2026-W53", "28 December 2026 to 3 January 2027", "Mon 28 Dec, 00:00 CST and Mon 4 Jan 2027, 00:00 CST"),
        ("2026-W44", "26 October to 1 November 2026", "Mon 26 Oct, 00:00 CDT and Mon 2 Nov, 00:00 CST"),
        ("2026-W10", "2 to 8 March 2026", "Mon 2 Mar, 00:00 CST and Mon 9 Mar, 00:00 CDT"),
    ],
    ids=["usual", "two-months", "two-years", "clocks-go-back", "clocks-go-forward"],
)
def test_a_week_is_dated_as_the_calendar_on_the_wall_has_it(name, days, hours):
    message = told(counted(said(1), period=timing.week(name, CHICAGO)))

    assert message.text.startswith(f"DIGEST: Week {int(name[-2:])}\n{days}\n")
    assert hours in flat(message.text)


def test_a_first_digest_is_of_the_time_since_wellheard_began_to_listen():
    began = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
    period = timing.so_far(began, began + timedelta(minutes=5))
    message = told(counted(said(1), sources=[source(created_at=began)], period=period), now=period.until)

    assert message.subject == "Practice Hospital: a first look at reviews and mentions - 1 mention, no incidents"
    assert message.text.startswith("DIGEST: Since Wellheard began to listen\n21 November 2026\n")
    assert "wellheard digest --week" not in whole(message)


# Nobody's words


def test_no_word_of_anybody_is_in_any_part_of_it():
    said_a_lot = counted(
        *(said(n, "threat_to_staff", "self_disclosed_phi") for n in range(9)),
        said(20, "threat_to_staff", url="https://social.example/@canary-author/1", likelihood=1.0),
        incidents=[incident(n) for n in range(1, 9)], sources=[source()],
    )  # fmt: skip

    for message in (told(USUAL), told(said_a_lot)):
        assert "canary" not in whole(message)
    assert "wellheard explain 20" in told(said_a_lot).text


def test_what_the_platform_no_longer_has_is_not_linked():
    gone = said(1, "threat_to_staff", text="", title="", author=None, url=None, gone_at=WEEK.until)
    message = told(counted(gone))

    assert "The platform no longer has it." in message.text
    assert LexborHTMLParser(message.html).css("a") == []


# What machines read


def test_the_webhook_has_all_the_numbers():
    body = told(USUAL).data
    data = body["data"]

    assert (body["type"], body["timestamp"]) == ("digest.weekly", "2026-11-16T13:00:00Z")
    assert data["period"] == {
        "name": "2026-W46", "since": "2026-11-09T06:00:00Z", "until": "2026-11-16T06:00:00Z", "timezone": "America/Chicago",
    }  # fmt: skip
    assert (data["organisation"], data["inbox"]) == ("Practice Hospital", "marketing")
    assert [data[name] for name in ("mentions", "positive", "neutral", "negative", "unread")] == [7, 2, 1, 2, 2]
    assert (data["stars"], data["mean_stars"]) == (4, 3.25)
    assert data["stars_given"] == {"1": 1, "2": 1, "3": 0, "4": 0, "5": 2}
    assert [one["location"] for one in data["locations"]] == ["Main campus", "Elm Street", "no location"]
    assert {one["source"]: one["mentions"] for one in data["sources"]} == {"google": 4, "bluesky": 3, "news": 0}
    assert data["risks"] == {"brand_service_complaint": 1, "own_reply_phi": 1, "threat_to_staff": 1}
    assert data["unread_because"] == {"es": 1, "no words": 1}
    assert [data[name] for name in ("ours", "replies", "history", "undelivered", "at_risk")] == [2, 1, 3, 1, 3]
    assert data["could_not_see"] == [
        {"source": "news", "since": "2026-11-09T06:00:00Z", "until": None, "why": "news.example answers 403"}
    ]
    assert [one["signals"][0]["risk"] for one in data["worst"]] == [
        "threat_to_staff", "own_reply_phi", "brand_service_complaint",
    ]  # fmt: skip


def test_the_webhook_has_what_became_of_incidents():
    found = told(USUAL).data["data"]["incidents"]

    assert [one["id"] for one in found.pop("unresolved_incidents")] == [3, 1]
    assert found == {
        "opened": 2, "acknowledged": 1, "acknowledged_late": 1, "resolved": 1, "outcomes": {"false-alarm": 1},
        "overdue": 0, "due_next_week": 0,
        "unresolved": 2, "seconds_to_acknowledge": 3600, "seconds_to_resolve": 28800, "drills": 1,
    }  # fmt: skip


def test_the_letter_says_that_it_is_a_digest_and_bulk():
    message = told(USUAL)
    mail = letter(notification("d", reason=Reason.DIGEST, message=message), "w@practice.example", "m@practice.example")

    assert b"\r\nX-Wellheard-Reason: digest\r\n" in mail
    assert b"\r\nPrecedence: bulk\r\n" in mail
    assert message.headers["X-Wellheard-Level"] == "info"


# Any size, any name


NASTY = "Clínica <b>&\"'</b> Niño Jesús de la Santísima Trinidad 👩‍⚕️🏥 &&&&&&&&&&&&&&&&&&&&&&"


@cache
def large() -> digest.Digest:
    risks = ("threat_to_staff", "legal_regulatory_threat", "review_integrity", "self_harm_crisis")
    found = [
        said(
            n, risks[n % 4], source=f"{NASTY[:40]} {n % 60}", labels={"location": f"{n % 40} {NASTY}"}, stars=1 + n % 5,
            mood=list(MOODS)[n % 4], lang=f"x{n % 50}" if n % 4 == 3 else "en", themes=(f"{NASTY} {n % 30}",),
            url="https://maps.practice.example/" + "r" * 460 + str(n),
        )
        for n in range(1200)
    ]  # fmt: skip
    troubled = [source(f"{n} {NASTY}", failing_since=WEEK.since, error="<&> " * 200) for n in range(60)]
    incidents = [incident(n, group=f"{NASTY} {n}", rule=f"{NASTY} {n}", risk=None) for n in range(1, 60)]
    return counted(*found, incidents=incidents, sources=troubled)


def test_forty_locations_and_sixty_sources_fit_into_a_mail_and_a_webhook():
    message = told(large())

    assert len(message.html.encode()) < 100_000
    assert len(json.dumps(message.data, ensure_ascii=False).encode()) < 20_000
    assert len(message.subject) <= 200


def test_what_is_too_many_is_summed_up_so_that_the_sums_stay():
    week = large()
    table = rows(week.by_location, 25, "locations")

    assert len(table) == 25
    assert table[-1].name == "16 other locations"
    assert sum(one.mentions for one in table) == week.whole.mentions
    data = told(week).data["data"]
    for part in ("locations", "sources"):
        listed = data[part]
        for name in ("mentions", "positive", "neutral", "negative", "unread", "stars"):
            assert sum(one[name] for one in listed) == data[name]


def test_forty_usual_locations_are_cut_at_twenty_five():
    week = counted(*(said(n, labels={"location": f"Clinic {n % 40:02}"}) for n in range(80)))
    listed = tables(told(week))["Locations"]

    assert len(listed) == 25
    assert listed["16 other locations"][0] == "32"
    assert sum(int(cells[0]) for cells in listed.values()) == 80
    assert "16 other locations" in shown(told(week))


@pytest.mark.parametrize("week", [USUAL, QUIET, large()], ids=["usual", "quiet", "large"])
def test_the_page_is_well_formed_and_loads_nothing(week):
    message = told(week)
    tags = {node.tag for node in LexborHTMLParser(message.html).css("*")}

    assert Balanced(message.html).open == []
    assert not {"script", "img", "link", "iframe", "form", "svg", "b"} & tags
    assert "prefers-color-scheme: dark" in message.html


@pytest.mark.parametrize("week", [USUAL, QUIET, large()], ids=["usual", "quiet", "large"])
def test_plain_text_fits_a_narrow_window(week):
    long = [
        line
        for line in told(week).text.splitlines()
        if len(line.rstrip()) > WIDTH and not line.strip().startswith("https:")
    ]

    assert long == []


def test_columns_stand_under_one_another_whatever_letters_they_have():
    table = columns([("Name", "n"), ("Clínica", "1"), ("Dental 🦷", "22"), ("歯科", "333"), ("e\u0301", "4")])

    assert {width(line) for line in table.splitlines()} == {len("Dental 🦷") + 1 + 2 + 3}


def test_a_name_that_is_cut_says_so():
    assert columns([("x" * 90, "1")]).startswith("x" * 35 + "…")


TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from("\ud800\u202e\x00\r\n<>&\"'`🏥ñ"), max_size=80)


@given(TEXTS, TEXTS)
def test_no_name_in_the_configuration_breaks_a_digest(one, other):
    found = [
        said(1, "threat_to_staff", one or "x", source=one, labels={"location": other}, themes=(other,)),
        said(2, source=other, labels={"location": one}, mood="unread", lang=other),
    ]
    failing = source(one, failing_since=WEEK.since, error=other)
    week = counted(*found, incidents=[incident(1, rule=one, risk=other, group=one)], sources=[failing])
    message = told(week, organisation=one, inbox=other)

    assert whole(message).encode()
    assert Balanced(message.html).open == []
    assert "\n" not in message.subject
    assert len(message.subject) <= 200


MENTIONS = st.lists(
    st.builds(
        said,
        n=st.integers(1, 99),
        mood=st.sampled_from(list(MOODS)),
        source=st.sampled_from([f"source {n}" for n in range(9)]),
        labels=st.sampled_from([{"location": f"Año {n} 🦷"} for n in range(9)]),
        stars=st.none() | st.sampled_from([1, 2.5, 4, 5]),
    ),
    min_size=1,
    max_size=40,
)


@given(MENTIONS, st.integers(1, 12))
def test_rows_add_up_to_the_whole_however_few_there_may_be(found, limit):
    week = counted(*found)
    every = row("all", [week.whole])

    for parts in (week.by_location, week.by_source):
        table = rows(parts, limit, "parts")
        assert len(table) <= limit
        for name in ("mentions", "positive", "neutral", "negative", "unread", "given"):
            assert sum(getattr(one, name) for one in table) == getattr(every, name)
        assert sum((one.mean or 0) * one.given for one in table) == pytest.approx((every.mean or 0) * every.given)
        assert all(sum(share for _, share in one.moods) == 100 for one in table)


@given(MENTIONS)
def test_the_tables_of_the_text_add_up_to_its_first_sentence(found):
    message = told(counted(*found))

    for table in ("Locations", "Sources"):
        listed = tables(message)[table].values()
        assert sum(int(cells[0]) for cells in listed) == len(found)
        assert all(int(cells[0]) == sum(map(int, cells[1:])) for cells in listed)
    assert f" {len(found)} mention" in first_line(message)


# Against the weeks before, ratings, charts


def with_weeks(*mentions: Stored, then: int = 4, **more: Any) -> digest.Digest:
    calm = digest.Alike("Main campus", ("Food",), "negative", 2.0, True, then)
    before = [(one, [calm]) for one in timing.weeks_before(WEEK, 4, CHICAGO)]
    return digest.build(
        WEEK, mentions=mentions, incidents=more.pop("incidents", ()), sources=[source()], notifications=(), before=before,
        **more,
    )  # fmt: skip


SOME = [
    said(n, stars=5, themes=("Parking",), labels={"location": ("Main campus", "Elm Street")[n % 2]})
    for n in range(1, 7)
]


def test_a_week_is_told_against_the_four_before():
    text = flat(told(with_weeks(*SOME)).text)

    assert (
        "The four weeks before had 4 mentions on average, 100 % of the readable ones negative, against 0 % now. More"
        in text
    )
    assert "W42 W43 W44 W45 W46 Mentions 4 4 4 4 6 Negative, % of the readable 100 100 100 100 0 Mean stars 2.0" in text
    assert "Rising: Parking (6, usually 0). Falling: Food (0, usually 4)." in text
    assert "nothing to compare it with" in flat(told(USUAL).text)


def test_a_rating_is_told_with_where_it_probably_lies():
    message = told(with_weeks(*SOME))

    for said_so in (flat(message.text), shown(message)):
        assert "All locations 6 5.0 3.4 to 5.0 2.0 (16)" in said_so
        assert "Elm Street 3 5.0 2.8 to 5.0" in said_so
    assert message.data["data"]["stars_likely"] == [3.44, 5.0]


def test_own_replies_and_unanswered_reviews_are_told():
    replies = [digest.Reply(WEEK.since + 3 * HOUR, WEEK.since)]
    reply = said(9, "own_reply_phi", kind=Kind.COMMENT, ours=True)
    text = flat(
        told(
            with_weeks(
                *SOME, reply, replies=replies, unanswered=[("Main campus", 1), ("Elm Street", 1)], answered=[("Elm Street", 3)]
            )
        ).text
    )  # fmt: skip

    assert "Our own replies 1 Median time to reply 3 h May reveal a patient 1: wellheard audit" in text
    assert (
        "Reviews answered 3 of 6, 50 % Not answered 2: Elm Street 1, Main campus 1; 1 was taken down unanswered" in text
    )


def test_deadlines_that_run_out_are_told_and_where_an_incident_still_stands():
    due = [WEEK.until - HOUR, WEEK.until + 60 * HOUR]
    week = digest.build(
        WEEK, mentions=(), sources=[source()], notifications=(), incidents=[incident(1), incident(2, risk="own_reply_phi")],
        clocks=lambda one: [("Correct by", due[one.id - 1])],
    )  # fmt: skip
    message = told(week)

    for said_so in (flat(message.text), shown(message)):
        assert (
            "Legal deadlines Correct by Sun 15 Nov, 23:00 CST, which is over (wellheard show 1); Correct by Wed 18 Nov, "
            "12:00 CST (wellheard show 2)"
        ) in said_so
        assert "not acknowledged; correct by Wed 18 Nov, 12:00 CST" in said_so
    assert message.data["data"]["deadlines"][0] == {
        "incident": 1,
        "name": "Correct by",
        "due_at": "2026-11-16T05:00:00Z",
    }


def test_what_was_held_back_and_what_contradicts_itself_is_told():
    week = with_weeks(said(1, stars=5, mood="negative"), withheld=[("risk", 2), ("marketing", 40)])

    for said_so in (flat(told(week).text), shown(told(week))):
        assert "Held back 42 messages, told together later: marketing 40, risk 2" in said_so
        assert "Stars against words 1 mention: praise with few stars, or anger with many" in said_so
    assert "Held back none: nobody got more than their inbox takes" in flat(told(QUIET).text)
    assert "Stars against words" not in told(QUIET).text


def beside_peers(*more: Stored) -> digest.Digest:
    theirs = {"source": "elm", "labels": {"peer": NASTY}, "mood": "neutral"}
    return digest.build(
        WEEK, mentions=[*SOME, *(said(100 + n, stars=2, **theirs) for n in range(3)), *more], incidents=(), notifications=(),
        sources=[source(), source("elm", polled_at=None), source("oak")], peers={"elm": NASTY, "oak": "Oak Clinic"},
    )  # fmt: skip


def test_competitors_are_told_beside_us_and_in_no_other_place():
    message = told(beside_peers())

    for said_so in (flat(message.text), shown(message)):
        assert "Practice Hospital 6 67 % " in said_so
        assert "Oak Clinic 0 0 % " in said_so
        assert "watched; in no other number. Not seen since" in said_so
    assert "3.4 to 5.0" in shown(message)
    assert "Week 46: 6 mentions" in first_line(message)
    assert "The only source was read as planned." in flat(message.text)
    assert "Competitors" not in told(USUAL).text
    assert [one["mentions"] for one in message.data["data"]["peers"]["others"]] == [3, 0]
    of = {(one["table"], one["figure"]): one["value"] for one in csv.DictReader(figures(beside_peers()).splitlines())}
    assert (of["beside peers", "mentions"], of["whole", "mentions"]) == ("6", "6")


@given(st.lists(st.integers(0, 10**6), max_size=60))
def test_shares_in_whole_percent_add_up_to_a_hundred(counts):
    made = hundred(counts)

    assert sum(made) == (100 if any(counts) else 0)
    assert all(abs(share - 100 * count / (sum(counts) or 1)) < 1 for share, count in zip(made, counts, strict=True))


def test_many_competitors_are_summed_up():
    many = {f"source {n}": f"Clinic {n}" for n in range(40)}
    found = [said(n, source=f"source {n}", labels={"peer": f"Clinic {n}"}) for n in range(40)]
    week = digest.build(
        WEEK, mentions=[*found, said(99)], incidents=(), notifications=(), peers=many, sources=[source(), *map(source, many)]
    )  # fmt: skip
    table = voices(week, "We", 6)

    assert [one.name for one in table][-1] == "36 others"
    assert len(table) == 6
    assert sum(one.mentions for one in table) == 41
    assert sum(one.share for one in table) == 100


def test_the_record_of_a_rule_names_a_score_and_never_a_key():
    cases = [
        incident(
            n, rule="unkind", risk=None, state=State.RESOLVED, likelihood=n / 20, resolved_at=WEEK.since + HOUR,
            outcome=Outcome.FALSE_ALARM if n < 4 else Outcome.RESPONDED,
        )
        for n in range(1, 10)
    ]  # fmt: skip
    text = flat(told(with_weeks(incidents=cases)).text)

    assert (
        "Unkind 3 false alarms of 9: right in 67 %, likely 35 to 88 %. From a score of 5 of 25 on it would have" in text
    )


def test_charts_are_attached_by_the_name_that_the_page_calls_them_by():
    week = with_weeks(*SOME)
    found = {one.name: one for one in messages.pictures(week)}
    message = told(week, drawn=dict.fromkeys([*found, "stray"], "UE5H"))
    images = LexborHTMLParser(message.html).css("img")
    mail = letter(notification("d", message=message), "w@practice.example", "m@practice.example")

    assert set(message.images) == {"trend@wellheard", "ratings@wellheard"}
    assert {f"cid:{name}" for name in message.images} == {node.attributes["src"] for node in images}
    assert {node.attributes["alt"] for node in images} == {one.alt for one in found.values()}
    assert "Elm Street: 0, 0, 0, 0, 3 mentions" in found["trend"].alt
    assert b"multipart/related" in mail
    assert b"Content-ID: <trend@wellheard>" in mail
    assert mail == letter(notification("d", message=message), "w@practice.example", "m@practice.example")


def test_without_charts_the_page_has_no_hole():
    message = told(with_weeks(*SOME))

    assert message.images == {}
    assert "<img" not in message.html
    assert messages.pictures(QUIET) == []


def test_an_excerpt_is_as_long_as_the_inbox_may_have_it():
    week = counted(said(1, "threat_to_staff", text="I will burn it down said Karen Doe", author="canary-author"))
    masked, whole_text = (told(week, detail=detail) for detail in (Detail.REDACTED, Detail.FULL))

    assert "> I will burn it down said [name]" in masked.text
    assert "burn it down said [name]" in shown(masked)
    assert "Karen Doe" in shown(whole_text)
    assert "canary-author" not in whole(masked)
    assert "burn" not in whole(told(week))


def test_marketing_reads_first_what_was_said_and_risk_what_is_to_be_done():
    marketing, risk = (
        told(with_weeks(*SOME, incidents=[incident()]), inbox=name).text for name in ("marketing", "risk")
    )

    assert marketing.index("Ratings") < marketing.index("\nIncidents")
    assert risk.index("\nIncidents") < risk.index("Ratings")


def test_what_other_inboxes_are_told_is_counted_for_this_one():
    mine = digest.cut(USUAL, inbox="marketing", sees={"brand_service_complaint"}.__contains__)
    message = told(mine)

    assert "other inboxes are told: 2 mentions, 2 new incidents, 2 still open." in flat(message.text)
    assert "Threat to staff" not in message.text + shown(message)
    assert message.data["data"]["elsewhere"] == {"at_risk": 2, "opened": 2, "unresolved": 2}


def test_every_number_is_a_line_of_the_csv_and_the_parts_add_up():
    lines = list(csv.DictReader(figures(USUAL).splitlines()))
    of = {(one["table"], one["row"], one["figure"]): float(one["value"]) for one in lines}

    assert of["whole", "all", "mentions"] == 7
    for table in ("source", "location"):
        assert sum(value for (name, _, figure), value in of.items() if (name, figure) == (table, "mentions")) == 7
    assert of["period", "all", "median seconds to acknowledge"] == 3600
    assert of["risk", "threat_to_staff", "mentions"] == 1


# The assessment of a quarter's risks


def assessed_quarter(**more: Any) -> digest.Register:
    found = [said(n, NASTY, likelihood=0.9) for n in range(3)]
    usual: dict[str, Any] = {
        "mentions": [*found, said(9, "threat_to_staff")], "incidents": [incident(1), incident(2, drill=True)],
        "drills": [digest.Held("Flood <b>", WEEK.since + 24 * HOUR, 3, (timedelta(minutes=1), timedelta(minutes=15)))],
        "owners": {"threat_to_staff": ("security", "risk"), "review_integrity": ("marketing",)}, "appetite": (6.0, 15.0),
        "begun": WEEK.until - timedelta(days=300),
    }  # fmt: skip
    return digest.register(WEEK.until, **(usual | more))


def assessed_message(found: digest.Register):
    return assessment(found, organisation="Practice Hospital", timezone=CHICAGO, now=MONDAY, inbox="risk")


def test_an_assessment_holds_the_register_the_map_and_what_was_not_seen():
    message = assessed_message(assessed_quarter())
    text = flat(message.text)

    assert "2 of 3 classes of risk were seen: 2 at or above the level of 15" in text
    assert "2. Threat to staff 1 0 15 (5 x 3) urgent security, risk" in text
    assert "Not seen: Review manipulation" in text or "Not seen: Fake" in text
    assert (
        "1 drill was held. Flood <b>, 10 November 2026: 2 of 3 told acknowledged it, median 8 min, slowest 15 min."
        in text
    )
    assert message.data["data"]["drills"][0]["median_seconds"] == 480
    assert "Seen once; 0 in the quarter before." in shown(message)
    assert "wellheard digest --assessment --week 2026-W46" in text
    assert Balanced(message.html).open == []
    assert "canary" not in whole(message)


def test_a_quarter_that_was_not_watched_has_no_trend_and_an_empty_one_says_so():
    young = assessed_quarter(begun=WEEK.since)
    empty = assessed_quarter(mentions=(), incidents=(), drills=())

    assert "the quarter before was not watched" in shown(assessed_message(young))
    assert "No class of risk was seen" in assessed_message(empty).text
    assert "No drill was held" in assessed_message(empty).text
    assert list(csv.DictReader(register_table(young).splitlines()))[-1]["appetite"] == "not seen"
    assert heat(assessed_quarter())["cells"] == {"5,4": [1], "5,3": [2]}
