"""Files of mentions: every way a spreadsheet spoils them, and no row lost without being named."""

from __future__ import annotations

import codecs
import json
import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.file import File, Row, rows
from monitor.connector import Access, Malformed
from monitor.model import Kind

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MAP = {"text": "Review", "stars": "Rating", "published_at": "Date"}


@pytest.fixture
def read(tmp_path):
    """Reads what was written to a file, with these options."""

    def read(written: str | bytes, **options: Any) -> list[Row]:
        path = tmp_path / "export"
        path.write_bytes(written if isinstance(written, bytes) else written.encode())
        return list(rows(path, File.Options(**options), NOW))

    return read


def reasons(found: list[Row]) -> dict[int, str | None]:
    return {row.line: row.reason for row in found if row.mention is None}


def texts(found: list[Row]) -> list[str]:
    return [row.mention.text for row in found if row.mention]


# CSV


def test_mapped_columns_are_read_and_others_left(read):
    [row] = read("Rating,Review,Date,Device\n4,Clean rooms.,2026-05-30,phone\n", map=MAP, kind="review")

    assert row.mention is not None
    assert (row.line, row.reason) == (2, None)
    assert (row.mention.text, row.mention.stars, row.mention.kind) == ("Clean rooms.", 4, Kind.REVIEW)
    assert row.mention.published_at == datetime(2026, 5, 30, tzinfo=UTC)


def test_columns_that_carry_our_names_need_no_map(read):
    header = "external_id,kind,text,url,published_at,author,title,stars,lang,parent_id,ours,engagement,audience"
    cells = "r-1,comment,Thank you.,https://reviews.example/1,2026-05-30T10:00:00Z,Practice,Reply,,en,r-0,yes,3,40"
    [row] = read(f"{header}\n{cells}\n")

    assert row.mention is not None
    assert (row.mention.external_id, row.mention.parent_id) == ("r-1", "r-0")
    assert (row.mention.kind, row.mention.ours, row.mention.stars) == (Kind.COMMENT, True, None)
    assert (row.mention.url, row.mention.author, row.mention.title) == (
        "https://reviews.example/1",
        "Practice",
        "Reply",
    )
    assert (row.mention.lang, row.mention.engagement, row.mention.audience) == ("en", 3, 40)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(read, delimiter):
    written = "\n".join(delimiter.join(cells) for cells in (["Rating", "Review, in full", "x"], ["5", "Good", ""]))
    if delimiter == ",":
        written = written.replace("Review, in full", '"Review, in full"')

    assert texts(read(written, map={"text": "Review, in full"})) == ["Good"]


@pytest.mark.parametrize("first", ["sep=|", '"sep=|"', "SEP=|"])
def test_a_first_line_may_name_the_delimiter(read, first):
    found = read(f"{first}\r\nRating|Review\r\n5|Good; really, good\r\n", map={"text": "Review"})

    assert texts(found) == ["Good; really, good"]
    assert [row.line for row in found] == [3]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.encode("cp1252"),
    ],
    ids=["utf-8", "utf-8-bom", "utf-16-le", "utf-16-be", "windows-1252"],
)
@pytest.mark.parametrize("form", ["csv", "json lines"])
def test_every_encoding_is_read(read, encode, form):
    if form == "csv":
        written = 'Bewertung;Text\r\n"4,5";"Größe: 3 € „gut“"\r\n'
    else:
        written = '{"Bewertung": "4,5", "Text": "Größe: 3 € „gut“"}\n'
    [row] = read(encode(written), map={"text": "Text", "stars": "Bewertung"})

    assert row.mention is not None
    assert (row.mention.text, row.mention.stars) == ("Größe: 3 € „gut“", 4.5)


def test_a_byte_that_is_no_utf_8_far_down_the_file_is_seen(read):
    written = b"text\n" + b"plain\n" * 12_000 + "Größe\n".encode("cp1252")

    assert texts(read(written))[-1] == "Größe"


def test_quotes_may_hold_line_breaks_delimiters_and_quotes(read):
    found = read('text,stars\n"Two\nlines, ""quoted""",5\nNext,4\n')

    assert texts(found) == ['Two\nlines, "quoted"', "Next"]
    assert [row.line for row in found] == [2, 4]


def test_a_row_with_too_many_or_too_few_cells_is_rejected_by_its_line(read):
    found = read("text,stars\nGood,5\nBad, very bad,1\nHalf\n\n,\nFine,4\n")

    assert texts(found) == ["Good", "Fine"]
    assert reasons(found) == {3: "has 3 cells where the header has 2", 4: "has 1 cells where the header has 2"}


def test_a_quote_left_open_costs_no_more_than_a_cell_may_hold(read):
    found = read('text,stars\nGood,5\n"open,1\n' + "word word word,3\n" * 12_000)

    assert "quotation mark left open" in (reasons(found)[3] or "")
    assert len(texts(found)) > 3_000


@pytest.mark.parametrize(
    ("written", "options", "problem"),
    [
        ("", {}, "names no column"),
        ("a,b\n1,2\n", {}, "names no column"),
        ("Rating,Review\n5,Good\n", {"map": MAP}, "has no column 'Date'"),
        ("text,text\n1,2\n", {}, "names a column twice"),
    ],
)
def test_a_header_that_is_of_no_use_is_said_at_once(read, written, options, problem):
    with pytest.raises(Malformed, match=r"^export, line 1: .*" + problem):
        read(written, **options)


def test_names_of_columns_are_compared_without_regard_to_case_and_spaces(read):
    assert texts(read(" TEXT ,Stars\nGood,5\n")) == ["Good"]


# What a row must have


def test_stars_without_a_word_are_a_review(read):
    [row] = read("text,stars\n,2\n", kind="review")

    assert row.mention is not None
    assert (row.mention.text, row.mention.stars) == ("", 2)


def test_neither_text_nor_stars_is_nothing(read):
    assert reasons(read("text,title\n,Only a title\n")) == {2: "has neither text nor stars"}


def test_without_a_time_it_was_said_now(read):
    [row] = read("text\nGood\n")

    assert row.mention is not None
    assert (row.mention.published_at, row.mention.kind) == (NOW, Kind.POST)


def test_an_id_comes_from_the_content_whatever_the_file(read):
    [one] = read("text,stars,author\nGood,4,Maple\n")
    [other] = read('[{"author": "Maple", "stars": 4, "text": "Good"}]')
    [third] = read("text,stars,author\nGood,3,Maple\n")

    assert one.mention is not None
    assert other.mention is not None
    assert third.mention is not None
    assert one.mention.external_id == other.mention.external_id != third.mention.external_id


@pytest.mark.parametrize("column", ["external_id", "parent_id"])
@pytest.mark.parametrize("damaged", ["1.23E+17", "1,23E+17", "1E+17"])
def test_an_id_that_a_spreadsheet_has_rounded_is_rejected(read, column, damaged):
    found = read(f'text;{column}\nGood;"{damaged}"\n')

    assert "damaged by a spreadsheet" in (reasons(found)[2] or "")
    assert damaged not in (reasons(found)[2] or "")


@pytest.mark.parametrize("whole", ["12345678901234567", "1e5f", "12E4"])
def test_other_ids_are_kept(read, whole):
    [row] = read(f"text,external_id\nGood,{whole}\n")

    assert row.mention is not None
    assert row.mention.external_id == whole


@pytest.mark.parametrize(
    ("written", "scale", "stars"),
    [
        ("4", 5, 4), ("4.5", 5, 4.5), ("4,5", 5, 4.5), ("5/5", 5, 5), ("8", 10, 4), ("9/10", 5, 4.5), ("0", 10, 1),
        ("95", 100, 4.75), ("★★★☆☆", 5, 3), ("★★★★★", 5, 5),
    ],
)  # fmt: skip
def test_ratings_are_brought_to_five_stars(read, written, scale, stars):
    [row] = read(f'text;stars\nGood;"{written}"\n', scale=scale)

    assert row.mention is not None
    assert row.mention.stars == stars


@pytest.mark.parametrize("written", ["0", "6", "-1", "good", "5 of them", "nan", "1/0", "☆☆☆☆☆", "1e400"])
def test_what_is_no_rating_is_rejected(read, written):
    assert reasons(read(f"text,stars\nGood,{written}\n")) == {2: "stars are no rating out of 5"}


@pytest.mark.parametrize(
    ("written", "options", "at"),
    [
        ("2026-05-30", {}, datetime(2026, 5, 30, tzinfo=UTC)),
        ("2026-05-30 14:05", {}, datetime(2026, 5, 30, 14, 5, tzinfo=UTC)),
        ("2026-05-30 14:05:00 UTC", {"timezone": "America/Chicago"}, datetime(2026, 5, 30, 14, 5, tzinfo=UTC)),
        ("2026-05-30T14:05:00.123+02:00", {}, datetime(2026, 5, 30, 12, 5, 0, 123000, UTC)),
        ("2026-05-30 14:05", {"timezone": "America/Chicago"}, datetime(2026, 5, 30, 19, 5, tzinfo=UTC)),
        ("03/04/2026", {"date_format": "%d/%m/%Y"}, datetime(2026, 4, 3, tzinfo=UTC)),
        ("03/04/2026", {"date_format": "%m/%d/%Y"}, datetime(2026, 3, 4, tzinfo=UTC)),
        ("30 May 2026 +0200", {"date_format": "%d %b %Y %z"}, datetime(2026, 5, 29, 22, tzinfo=UTC)),
    ],
)
def test_dates_are_read_as_the_options_say(read, written, options, at):
    [row] = read(f"text,published_at\nGood,{written}\n", **options)

    assert row.mention is not None
    assert row.mention.published_at == at


@pytest.mark.parametrize(
    "written", ["03/04/2026", "31.05.2026", "May 31, 2026", "yesterday", "1780000000", "9999-12-31T23:59-23:00"]
)
def test_a_date_that_would_be_a_guess_is_rejected(read, written):
    found = reasons(read(f'text;published_at\nGood;"{written}"\n'))

    assert found == {2: "published_at is not written as 2026-05-31: set date_format in the source's options"}


def test_a_date_in_another_format_is_rejected(read):
    found = reasons(read("text,published_at\nGood,2026-05-30\n", date_format="%d/%m/%Y"))

    assert found == {2: "published_at is not written as date_format has it"}


@pytest.mark.parametrize(
    ("written", "kept"), [("https://x.example/1", True), ("javascript:alert(1)", False), ("n/a", False)]
)
def test_a_link_that_leads_nowhere_is_left_out(read, written, kept):
    [row] = read(f"text,url\nGood,{written}\n")

    assert row.mention is not None
    assert row.mention.url == (written if kept else None)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("kind", "rant", "kind is none of post, comment, review, article"),
        ("ours", "perhaps", "ours is neither true nor false"),
        ("engagement", "many", "engagement is no whole number"),
        ("audience", "-1", "audience is no whole number"),
        ("audience", "9" * 30, "audience is no whole number"),
    ],
)
def test_a_reason_names_the_column_and_never_the_cell(read, column, value, reason):
    assert reasons(read(f"text,{column}\nGood,{value}\n")) == {2: reason}


# JSON


def test_json_lines_need_no_map(read):
    one = {
        "external_id": 17,
        "text": "Good",
        "stars": 4.5,
        "kind": "review",
        "ours": False,
        "engagement": 3,
        "lang": None,
    }
    found = read(json.dumps(one) + "\n\n" + json.dumps({"text": "Bad"}) + "\n")

    assert texts(found) == ["Good", "Bad"]
    assert [row.line for row in found] == [1, 3]
    assert found[0].mention is not None
    assert (found[0].mention.external_id, found[0].mention.stars) == ("17", 4.5)


def test_a_json_array_is_read_however_it_is_laid_out(read):
    several = [{"text": f"{n}", "external_id": str(n)} for n in range(3)]

    assert texts(read(json.dumps(several))) == ["0", "1", "2"]
    assert [row.line for row in read("\n" + json.dumps(several, indent=1))] == [3, 7, 11]


def test_columns_of_json_can_be_mapped_too(read):
    assert texts(read('{"Review": "Good", "Device": "phone"}', map={"text": "Review"})) == ["Good"]


def test_a_key_that_is_not_known_is_named(read):
    assert reasons(read('{"text": "Good", "star": 5}')) == {1: "has a key that is not known: star"}


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ('{"text": "Good"', "is no JSON: a row must be one object on one line"),
        ('{"text": 5}', "text is no text"),
        ('{"text": "x", "stars": true}', "stars are no rating out of 5"),
        ('{"text": "x", "stars": NaN}', "stars are no rating out of 5"),
        ('{"text": "x", "published_at": 1780000000}', "published_at is not written as 2026-05-31: set date_format in the source's options"),
        ('{"text": "x", "ours": "no way"}', "ours is neither true nor false"),
        ('{"text": "x", "ours": 1}', "ours is neither true nor false"),
        ('{"text": "x", "kind": ["review"]}', "kind is no text"),
        ('{"text": ' + "[" * 100_000, "is no JSON: a row must be one object on one line"),
    ],
)  # fmt: skip
def test_a_bad_line_of_json_is_rejected_and_the_next_is_read(read, written, reason):
    found = read(f'{written}\n{{"text": "Good"}}\n')

    assert reasons(found) == {1: reason}
    assert texts(found) == ["Good"]


@pytest.mark.parametrize("written", ['[{"text": "Good"}, "word", 5, {"text": "Bad"}]'])
def test_what_is_no_object_in_an_array_is_rejected(read, written):
    found = read(written)

    assert texts(found) == ["Good", "Bad"]
    assert [row.reason for row in found if row.reason] == ["is no object", "is no object"]


@pytest.mark.parametrize("end", ["", "{", '{"text"', "}", "[" * 100_000])
def test_an_array_that_breaks_off_is_read_up_to_there(read, end):
    found = read('[{"text": "Good"},' + end)

    assert texts(found) == ["Good"]
    assert "nothing more was read" in str(found[-1].reason)


def test_half_a_surrogate_pair_and_a_nul_are_left_out(read):
    [row] = read('{"text": "a\\u0000b\\ud83d"}')

    assert texts([row]) == ["ab?"]


# The file as a whole


def large(form: str) -> str:
    several = [{"text": f"word {n} " + "x" * 900, "external_id": str(n)} for n in range(4_000)]
    if form == "csv":
        return "external_id,text\n" + "".join(f"{one['external_id']},{one['text']}\n" for one in several)
    if form == "lines":
        return "".join(json.dumps(one) + "\n" for one in several)
    return json.dumps(several, indent=1 if form == "indented" else None)


@pytest.mark.parametrize("form", ["csv", "lines", "array", "indented"])
def test_memory_does_not_grow_with_the_file(tmp_path, form):
    path = tmp_path / "large"
    path.write_text(large(form))
    count, seen, size = 0, [0], path.stat().st_size
    tracemalloc.start()
    for row in rows(path, File.Options(), NOW):
        count += row.mention is not None
        seen.append(row.bytes_read)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 4_000
    assert peak < 2_500_000 < size
    assert seen == sorted(seen)
    assert seen[-1] == size


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([b"", b"text,stars\n", b'{"text": ', b"[", codecs.BOM_UTF16_LE]))
def test_no_file_makes_it_crash(tmp_path, noise, start):
    path = tmp_path / "noise"
    path.write_bytes(start + noise)
    with suppress(Malformed):  # a header that is of no use
        for row in rows(path, File.Options(), NOW):
            assert (row.mention is None) == bool(row.reason)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=40), min_size=1, max_size=8
    )
)
def test_what_is_written_as_json_is_read_as_it_was(tmp_path, said):
    path = tmp_path / "said"
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in said), encoding="utf-8")

    assert texts(list(rows(path, File.Options(), NOW))) == said


# The connector


async def test_there_is_nothing_to_poll():
    async with httpx.AsyncClient() as client:
        pages = [page async for page in File(File.Options(), client).poll({"kept": 1}, NOW)]

    assert [(page.mentions, page.cursor, page.skipped) for page in pages] == [((), {"kept": 1}, 0)]


async def test_the_connector_reads_with_its_own_options(tmp_path):
    (tmp_path / "export.csv").write_text("Review\nGood\n")
    async with httpx.AsyncClient() as client:
        found = list(File(File.Options(map={"text": "Review"}), client).rows(tmp_path / "export.csv", NOW))

    assert texts(found) == ["Good"]
    assert isinstance(File.access, Access)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"map": {"txt": "Review"}}, "Input should be 'external_id'"),
        ({"date_format": "%Q"}, "is no date format"),
        ({"timezone": "Chicago"}, "is no time zone"),
        ({"timezone": "../etc/passwd"}, "is no time zone"),
        ({"scale": 1}, "greater than or equal to 2"),
        ({"delimiter": ";"}, "Extra inputs are not permitted"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, problem):
    with pytest.raises(ValueError, match=problem):
        File.Options(**options)
