"""Text made safe, names masked, times as people read them."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.messages import clean, cut, lasting, line, local, redacted, stamp, until

NOW = datetime(2026, 11, 9, 20, 17, tzinfo=UTC)
CHICAGO = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\r\nb\rc\u2028d\u2029e\x85f\x0bg\x0ch", "a\nb\nc\nd\ne\nf\ng\nh"),
        ("nul\0 bell\a del\x7f", "nul bell del"),
        ("half \ud83d pair \udc4d", "half  pair "),
        ("\u202eturned\u202c \u2066isolated\u2069 \u200fmark", "turned isolated mark"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffmark", "softhyphen zerowidth mark"),
        ("tab\tstays", "tab\tstays"),
        ("👩\u200d⚕\ufe0f stays, é stays, שלום stays", "👩\u200d⚕\ufe0f stays, é stays, שלום stays"),
    ],
)
def test_what_could_break_a_message_is_taken_out(text, cleaned):
    assert clean(text) == cleaned


@given(st.text())
def test_clean_text_can_be_sent_and_is_not_cleaned_further(text):
    found = clean(text)

    found.encode()
    assert clean(found) == found
    assert {unicodedata.category(char) for char in found if char not in "\n\t"}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})


@given(st.text())
def test_a_line_is_one_line(text):
    assert len(line(text).splitlines()) <= 1


@given(st.text(), st.integers(1, 50))
def test_a_cut_text_is_never_longer_than_it_may_be_and_says_that_it_was_cut(text, limit):
    found = cut(text, limit)

    assert len(found) <= limit
    assert found == text or found.endswith("…")


def test_a_cut_leaves_no_half_emoji():
    assert cut("ab👩\u200d⚕\ufe0f", 5) == "ab👩…"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Karen Smith was rude", "[name] was rude"),
        ("karen smith was rude", "[name] was rude"),
        ("KAREN SMITH WAS RUDE AT THE ER", "[name] WAS RUDE AT THE ER"),
        ("the nurse, Marisol, left", "the nurse, [name], left"),
        ("dr. reyes left", "dr. [name] left"),
        ("Mrs. O\u2019Neill-Baker left", "Mrs. [name] left"),
        ("Karen's sister and Jean-Luc", "[name] sister and [name]"),
        ("we met Will, Grace and Sue", "we met [name] and [name]"),
        ("K\u200baren left", "[name] left"),
        ("Kar\uff45n left", "[name] left"),
        ("The doctor was kind. She listened.", "The doctor was kind. She listened."),
        ("call 555-0142 or (312) 555-0199 or +1 312 555 0199", "call [number] or [number] or [number]"),
        ("my MRN is 00482913, chart A-1234", "my MRN is [number], chart [number]"),
        ("mrn:A48B29 in room 308", "mrn:[number] in room [number]"),
        ("mail kim.doe@practice.example now", "mail [e-mail] now"),
        ("ask @kimdoe or u/kimdoe or kim_doe", "ask [handle] or [handle] or [handle]"),
        ("see https://x.example/kim?a=1 and www.x.example and bit.ly/abc", "see [link] and [link] and [link]"),
        ("on 3/14/2024, 2024-03-14, March 3rd and 4 May 2024", "on [date] and [date]"),
        ("born 12.05.1961 in 1961", "born [date] in 1961"),
        ("open 24/7, waited 3 hours, paid $900, 2nd time since 2019", None),
        ("she lives at 14 Fern Street, Karen says", "she lives at [address], [name] says"),
        ("send it to 9 Birchwood Lane, please", "send it to [address], please"),
        ("we live in Lakeview Rd 12.", "we live in [address]."),
        ("home: Musterweg 7\nKaren", "home: [address]\n[name]"),
        ("Karen de la Quinlan and Rosa Q. Quinlan came", "[name] and [name] came"),
        ("from New Quinlan on 2024-03-14 09:00:27", "from [name] on [date]"),
        (
            "Dr. Quinlan was 20 minutes late and 3 of 5 nurses knew",
            "Dr. [name] was 20 minutes late and 3 of 5 nurses knew",
        ),
        ("I gave Karen 5 stars, she saw 2 others at 10", "I gave [name] 5 stars, she saw 2 others at 10"),
        ("Unfortunately the ICU was full. Nobody Knew. Completely Unacceptable Service", None),
        ("thank Quinlan u are the best", "thank [name] u are the best"),
    ],
)
def test_what_could_identify_somebody_is_masked(text, masked):
    assert redacted(text) == (text if masked is None else masked)


def test_names_that_are_ours_stay():
    text = "Practice Hospital let Dr. Example Person down, says Harold"

    assert redacted(text, ["practice hospital", "Dr. Example Person"]).startswith(text.removesuffix("Harold"))
    assert "Harold" not in redacted(text, ["practice hospital"])


@pytest.mark.parametrize("text", ["我的医生很差", "طبيبي سيء", "私の先生は山田さん", "ok 王医生"])
def test_a_script_without_capitals_is_withheld(text):
    assert "withheld" in redacted(text)
    assert not set(text) - set("ok ") & set(redacted(text))


@given(st.text(), st.sampled_from(["Quillon", "quill@desk.example", "312-555-0199", "@quillon", "www.quillon.example"]))
def test_no_surrounding_uncovers_what_is_masked(text, told):
    found = redacted(f"{text} {told} {text}")

    assert told not in found or told in text


@pytest.mark.parametrize("unit", ["x", "1.", "a_", "@", "1 ", "a1", "[name] ", "Dr. ", "March 1 ", "-", "é"])
def test_a_hundred_thousand_characters_are_masked_at_once(unit):
    assert len(redacted(unit * (100_000 // len(unit)))) <= 20_000 * 8


def test_an_address_glued_to_others_is_masked():
    assert re.search("kim|555", redacted("x(kim@a.example)x,555-0142,555-0143")) is None


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(0), "0 s"), (timedelta(seconds=59.9), "59 s"), (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=90), "1 h 30 min"), (timedelta(hours=2), "2 h"), (timedelta(hours=47, minutes=59), "47 h 59 min"),
        (timedelta(hours=48), "2 days"), (-timedelta(minutes=5), "5 min"),
    ],
)  # fmt: skip
def test_a_span_is_said_in_the_units_that_matter(span, said):
    assert lasting(span) == said


def test_times_are_local_and_name_their_zone():
    assert local(NOW, CHICAGO, NOW) == "Mon 9 Nov, 14:17 CST"
    assert local(NOW - timedelta(days=10), CHICAGO, NOW) == "Fri 30 Oct, 15:17 CDT"
    assert local(NOW - timedelta(days=400), CHICAGO, NOW) == "Sun 5 Oct 2025, 15:17 CDT"


def test_a_deadline_on_another_day_names_the_day():
    assert until(NOW + timedelta(hours=1), CHICAGO, NOW) == "15:17 CST (in 1 h)"
    assert until(NOW + timedelta(hours=10), CHICAGO, NOW) == "Tue 10 Nov, 00:17 CST (in 10 h)"


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
@pytest.mark.parametrize("zone", ["America/Chicago", "Asia/Tokyo"])
def test_the_ends_of_the_calendar_can_be_told(moment, zone):
    assert re.match(r"\w{3} \d+ \w{3} \d+, \d\d:\d\d \w+", local(moment, ZoneInfo(zone), NOW))


def test_a_machine_reads_utc():
    assert stamp(NOW.astimezone(CHICAGO)) == "2026-11-09T20:17:00Z"
    assert stamp(None) is None
