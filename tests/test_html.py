"""Every page that we send: valid HTML, in what mail programs can show, and small enough that none cuts it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from justhtml import JustHTML
from selectolax.lexbor import LexborHTMLParser, LexborNode

from monitor import digest, messages, timing
from monitor.digest import Alike
from monitor.messages.remediation import Finding, Severity, as_page
from monitor.model import Detail, Reason
from tests import test_messages, test_messages_digest
from tests.test_messages_digest import (
    CHICAGO,
    MONDAY,
    NASTY,
    QUIET,
    USUAL,
    WEEK,
    Balanced,
    assessed_quarter,
    assessment,
    said,
    source,
)

LARGEST = 100_000
"""Bytes: Gmail cuts a mail at 102 kB."""
LAID_OUT = re.compile(r"\b(?:display:\s*(?:flex|grid|inline-flex|inline-grid)|position:|float:|calc\(|var\()")
"""What Outlook, which lays a mail out as Word would, knows nothing of."""


def forty(name: str) -> digest.Digest:
    """A week of forty locations with four weeks before it."""
    calm = [Alike(f"{name} {n}", ("Food",), "positive", 5.0, True, n + 1) for n in range(40)]
    found = [
        said(n, *(["threat_to_staff"] if n < 9 else []), labels={"location": f"{name} {n % 40}"}, stars=1 + n % 5,
             themes=(f"Theme {n % 20}",), text="¡Qué vergüenza! 😡")
        for n in range(400)
    ]  # fmt: skip
    rivals = {f"rival {n}": f"{name} {n}" for n in range(9)}
    found += [said(900 + n, source=f"rival {n}", labels={"peer": f"{name} {n}"}, stars=2) for n in range(9)]
    return digest.build(
        WEEK, mentions=found, incidents=[test_messages_digest.incident(n) for n in range(1, 20)], notifications=(),
        sources=[source(), *map(source, rivals)], peers=rivals, withheld=[("risk", 9)],
        before=[(week, calm) for week in timing.weeks_before(WEEK, 4, CHICAGO)],
        clocks=lambda one: [("Correct by", WEEK.until + timedelta(days=one.id))], unanswered=[(f"{name} 1", 9)],
    )  # fmt: skip


def a_digest(week: digest.Digest, **more: Any) -> str:
    drawn = {one.name: "UE5H" for one in messages.pictures(week)}
    return test_messages_digest.told(week, drawn=drawn, detail=Detail.FULL, **more).html


def pages() -> Iterator[tuple[str, str]]:
    """Every sort of page that is sent or written, by name."""
    yield "digest", a_digest(USUAL)
    yield "digest of a quiet week", a_digest(QUIET)
    yield "digest of forty locations", a_digest(forty("Clinic on Elm Street"))
    yield "digest in Spanish and emoji", a_digest(forty("Clínica Ñandú 🏥"), organisation="Año Nuevo 🏥", inbox="risk")
    yield "digest of nasty names", a_digest(test_messages_digest.large(), organisation=NASTY)
    register = assessed_quarter()
    yield "assessment", assessment(register, organisation=NASTY, timezone=CHICAGO, now=MONDAY, inbox="risk").html
    for reason in (Reason.OPENED, Reason.GREW, Reason.ESCALATED, Reason.REMINDER, Reason.RESOLVED):
        seen = [test_messages.stored(n, text=NASTY, title=NASTY) for n in range(1, 30)]
        about = test_messages.incident(group=NASTY, note=NASTY, mentions=29, drill=reason is Reason.GREW)
        yield f"incident {reason.value}", test_messages.told(reason, seen, about=about, detail=Detail.FULL).html
    findings = [
        Finding(
            stored=test_messages.stored(n, ("own_reply_phi",), ours=True, text=NASTY), severity=severity, risk="own_reply_phi",
            score=9, means=NASTY, why=NASTY, do=NASTY, words=NASTY, answers=NASTY, others=[NASTY], last_seen_at=MONDAY,
        )
        for n, severity in enumerate(Severity)
    ]  # fmt: skip
    counted = Counter(one.severity for one in findings)
    yield (
        "remediation",
        "".join(as_page(findings, counted, read=9, more=3, organisation=NASTY, zone=CHICAGO, now=MONDAY)),
    )


PAGES = dict(pages())
MAILS = {name: html for name, html in PAGES.items() if name != "remediation"}


def mistakes(html: str) -> list[str]:
    """What a parser of the standard complains of or has to put elsewhere, and tags that are not closed in the order in
    which they were opened."""
    found = [f"{one.line}: {one.code}" for one in JustHTML(html, collect_errors=True, sanitize=False).errors]
    written = re.findall(r"<([a-z]\w*)", re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL))
    if [tag for tag in written if tag != "tbody"] != [one.tag for one in nodes(html) if one.tag != "tbody"]:
        found.append("something is not allowed where it stands")
    try:
        Balanced(html)
    except AssertionError as error:
        found.append(str(error))
    return found


def nodes(html: str, what: str = "*") -> list[LexborNode]:
    return LexborHTMLParser(html).css(what)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_mistake_that_a_parser_of_the_standard_would_have_to_mend(name):
    assert mistakes(PAGES[name]) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_its_language_and_title_and_no_id_stands_twice(name):
    (root,), (title,) = nodes(PAGES[name], "html"), nodes(PAGES[name], "title")
    ids = [node.attributes["id"] for node in nodes(PAGES[name], "[id]")]

    assert (root.attributes["lang"], PAGES[name].lower().startswith("<!doctype html>")) == ("en", True)
    assert title.text()
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_is_small_enough_and_laid_out_by_tables(name):
    html = MAILS[name]

    assert len(html.encode()) < LARGEST
    assert not LAID_OUT.search(html)
    assert not {node.tag for node in nodes(html)} & {"script", "svg", "form", "iframe", "link", "button", "video"}
    assert html.count("<!--[if mso]>") == html.count("<![endif]-->") >= 2
    for table in nodes(html, "table"):
        assert table.attributes.get("cellpadding") == "0"
        assert table.attributes.get("cellspacing") in {"0", "3"}
        assert table.attributes.get("border") == "0"


@pytest.mark.parametrize("name", MAILS)
def test_what_is_in_a_mail_can_be_heard(name):
    for image in nodes(MAILS[name], "img"):
        assert image.attributes["alt"]
        assert (image.attributes["width"] or "").isdigit()
        assert (image.attributes["src"] or "").startswith("cid:")
    laid_out = [table for table in nodes(MAILS[name], "table") if table.attributes.get("role") != "presentation"]
    assert all(table.css("th[scope]") for table in laid_out)


@pytest.mark.parametrize("name", MAILS)
def test_every_colour_of_a_mail_turns_in_the_dark(name):
    """What has a colour of its own that is light or dark by itself has a class that turns it."""
    turned = {"ground", "card", "strong", "plain", "quiet", "rule", "box", "code", "link"}
    for node in nodes(MAILS[name], "body [style*=color]"):
        own = re.findall(r"(?<!-)\bcolor:(#\w+)", node.attributes["style"] or "")
        if own and own[0] in {"#14191e", "#242b32", "#3b444d", "#66717c"} and node.attributes.get("bgcolor") is None:
            assert set((node.attributes.get("class") or "").split()) & turned


def test_the_checker_finds_a_mistake():
    for broken in (
        "<p><b>x</p>", "<table><tr><td>x</td><p>y</p></tr></table>", "<td>x</td>", "<p>x</div>", "<p id=a id=b>x</p>",
        "<p>a<div>b</div></p>",
    ):  # fmt: skip
        page = f"<!DOCTYPE html><html lang=en><head><title>x</title></head><body>{broken}</body></html>"
        assert mistakes(page), broken
    assert mistakes("<!DOCTYPE html><html lang=en><head><title>x</title></head><body><p>x</p></body></html>") == []
