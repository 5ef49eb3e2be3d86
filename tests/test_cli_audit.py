"""audit: everything that we ever wrote is read again, and what gives a patient away is listed, worst first."""

from __future__ import annotations

import csv
import io
import stat
from datetime import UTC, datetime, timedelta

import pytest

from monitor.messages.advice import Severity, severity
from monitor.messages.remediation import safe_cell
from monitor.model import Kind
from monitor.store import mentions
from tests.cli import CONFIG, DISCLOSING, ago, terminal
from tests.store import add, fresh, said

THANKS = "Thank you for choosing us and for your kind words."
CARE = "Thank you for telling us about your recent visit."
COMPLIANCE = '\n[inboxes.compliance]\nfolder = "mail/compliance"\ndetail = "{}"\n'


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    with terminal(tmp_path, monkeypatch, capsys) as one:
        one.configure(CONFIG + COMPLIANCE.format("full"))
        yield one


def reply(key, text, parent="r1", **values):
    more = {"kind": Kind.COMMENT, "ours": True, "parent_id": parent, "url": f"https://reviews.example/{key}"}
    return fresh(said(key, text, **(more | values)))


REVIEW = fresh(said("r1", "Never again. Rude people.", author="Kim Fiction", stars=1.0))


def stored(typed, *rows, now=None):
    with typed.database() as database:
        add(database, *rows, now=now or ago(days=1), source="reviews", platform="file")


def test_what_is_said_in_a_drill_is_not_ours(typed):
    with typed.database() as database:
        add(database, REVIEW, reply("a3", DISCLOSING), source="drill:1", platform="drill")

    assert (typed("audit").code, typed("audit", "--json").out) == (0, "")


def gone(typed, *keys, at=None):
    with typed.database() as database, database.write() as tx:
        mentions.forget(tx, "file", keys, at or ago(hours=1))


def test_what_gives_a_patient_away_is_listed_worst_first_and_must_be_mended(typed):
    stored(
        typed, REVIEW, reply("a1", THANKS), reply("a2", CARE), reply("a3", DISCLOSING), reply("a4", "Dear all, hello.")
    )

    done = typed("audit", "--json")

    assert done.code == 1
    assert [row["url"] for row in done.rows] == ["https://reviews.example/a3", "https://reviews.example/a2"]
    first = done.rows[0]
    assert (first["severity"], first["risk"], first["still_up"]) == ("severe", "own_reply_phi", True)
    assert first["findings"][0]["says"] in DISCLOSING
    assert "April" in first["findings"][0]["adds"]
    assert "45 CFR" in first["findings"][0]["why"]
    assert done.rows[1]["severity"] == "look"


def test_it_finds_what_lint_finds(typed):
    stored(typed, REVIEW, reply("a3", DISCLOSING))
    (typed.folder / "draft.txt").write_text(DISCLOSING)
    (typed.folder / "review.txt").write_text(REVIEW.mention.text)

    listed = typed("audit", "--json").row["findings"]
    linted = typed("lint", "draft.txt", "--review", "review.txt", "--reviewer", "Kim Fiction", "--json").rows

    assert linted
    assert [{name: row[name] for name in listed[0]} for row in linted] == listed


def test_only_a_thank_you_is_nothing_to_mend(typed):
    stored(typed, REVIEW, reply("a1", THANKS), reply("a2", "Hello. Please call our office."))

    done = typed("audit")

    assert done.code == 0
    assert "nothing was found that must be looked at" in done.out
    assert "2 posts and replies of ours were read" in done.out


def test_what_others_say_is_not_ours_to_mend(typed):
    stored(typed, fresh(said("r2", DISCLOSING)))

    assert (typed("audit", "--json").code, typed("audit", "--json").out) == (0, "")


def test_what_is_gone_is_listed_and_needs_no_mending(typed):
    stored(typed, REVIEW, reply("a3", DISCLOSING))
    gone(typed, "a3", at=datetime(2026, 3, 4, 18, tzinfo=UTC))

    done, screen = typed("audit", "--json"), typed("audit")

    assert (done.code, screen.code) == (0, 0)
    assert done.row["still_up"] is False
    assert done.row["gone_at"].startswith("2026-03-04")
    assert "gone since 2026-03-04" in screen.out


def test_since_goes_by_when_it_was_published(typed):
    old, new = datetime(2014, 5, 1, tzinfo=UTC), datetime(2015, 5, 1, tzinfo=UTC)
    stored(typed, reply("a1", DISCLOSING, published_at=old), reply("a2", DISCLOSING, published_at=new))

    assert len(typed("audit", "--json").rows) == 2
    assert [row["url"][-2:] for row in typed("audit", "--since", "2015-01-01", "--json").rows] == ["a2"]
    assert typed("audit", "--since", "7d", "--json").rows == []
    assert typed("audit", "--since", "yesterday").code == 2


def test_our_own_posts_are_read_too(typed):
    story = "Meet Marge, 82, who came to us in March with a broken hip and walked out of our hospital last week."
    stored(typed, fresh(said("p1", story, kind=Kind.POST, ours=True)))

    assert typed("audit", "--json").row["risk"] == "own_post_phi"


def test_the_list_for_a_spreadsheet_holds_no_formula(typed):
    stored(typed, REVIEW, reply("a3", f"=HYPERLINK(1) {DISCLOSING}", url="https://reviews.example/a3"),
           reply("a4", f"@SUM(1+1) {DISCLOSING}"))  # fmt: skip

    done = typed("audit", "--out", "list.csv")

    raw = (typed.folder / "list.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert done.code == 1
    assert raw.startswith(b"\xef\xbb\xbf")
    assert {row["severity"] for row in rows} == {"severe"}
    assert {row["words"][:2] for row in rows} == {"'=", "'@"}
    assert {row["still up"] for row in rows} == {"yes"}
    assert stat.S_IMODE((typed.folder / "list.csv").stat().st_mode) == 0o600
    assert not list(typed.folder.glob(".list*"))


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\ta", "\ra", "\na", " =1", "\uff1d1"])
def test_a_cell_that_would_be_computed_is_not(text):
    assert safe_cell(text).startswith("'")


@pytest.mark.parametrize("text", ["", "a=1", "1-2", "https://reviews.example/?a=1", "'=1"])
def test_an_ordinary_cell_stays_as_it_is(text):
    assert safe_cell(text) == text


def test_the_page_needs_nothing_beside_it_and_escapes_what_was_written(typed):
    stored(typed, REVIEW, reply("a3", f"<script>alert(1)</script> {DISCLOSING}", url="javascript:alert(1)"))

    typed("audit", "--out", "list.html")

    page = (typed.folder / "list.html").read_text(encoding="utf-8-sig")
    assert page.startswith("<!DOCTYPE html>")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "javascript:" not in page
    assert 'name="viewport"' in page
    assert "src=" not in page
    assert "45 CFR 164.502" in page
    assert "still up" in page


@pytest.mark.parametrize(("detail", "shows", "hides"), [
    ("none", "(not shown: detail is none)", "April 9"),
    ("redacted", "insurance", "April 9"),
    ("full", "April 9", "(not shown"),
])  # fmt: skip
def test_the_words_are_shown_as_much_as_the_privacy_officer_may_see(typed, detail, shows, hides):
    typed.configure(CONFIG + COMPLIANCE.format(detail))
    stored(typed, REVIEW, reply("a3", DISCLOSING))

    typed("audit", "--out", "list.csv")

    listed = (typed.folder / "list.csv").read_text(encoding="utf-8-sig") + typed("audit", "--json").out
    assert shows in listed
    assert hides not in listed


def test_a_list_of_another_sort_is_refused(typed):
    assert typed("audit", "--out", "list.pdf").code == 2


def test_more_than_one_batch_is_walked_to_the_end(typed):
    begin = ago(days=900)
    stored(typed, REVIEW, *(reply(f"a{n}", DISCLOSING if n % 100 == 99 else THANKS,
                                  published_at=begin + timedelta(hours=n)) for n in range(1200)))  # fmt: skip

    done = typed("audit")

    assert "1,200 posts and replies of ours were read: 12 severe" in done.out
    assert "12 of them must be mended and are still up." in done.out


@pytest.mark.parametrize(("score", "notify", "expected"), [
    (20, 6, Severity.SEVERE), (15, 6, Severity.SEVERE), (14.9, 6, Severity.MEND), (6, 6, Severity.MEND),
    (6, 25, Severity.MEND), (5, 6, Severity.LOOK), (5, 5, Severity.MEND), (3.9, 6, Severity.INFORMATION),
    (0, 6, Severity.INFORMATION),
])  # fmt: skip
def test_an_appetite_can_only_make_it_stricter(score, notify, expected):
    assert severity(score, notify=notify) is expected


def test_an_excerpt_begins_and_ends_with_whole_words_and_marks_the_place():
    from monitor.messages.remediation import shown
    from monitor.model import Detail

    text = f"{'before ' * 40}the place {'after ' * 80}"
    at = text.index("the place")

    cut = shown(text, at, at + 9, detail=Detail.FULL)

    assert cut.startswith("…before ")
    assert cut.endswith(" after…")
    assert "before «the place» after" in cut
    assert len(cut) < 400
    assert shown("Our place.", 4, 9, detail=Detail.FULL) == "Our «place»."
