"""The scenario connector: what stands in the file is said when its time comes, and mistakes are told with their line."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.kit.script import Change, Gone, Said, read
from connectors.scenario import Scenario, shipped
from monitor.connector import Cursor, Malformed, Page
from monitor.model import Kind, Mention
from tests.clock import START, Clock
from tests.configured import ROOT
from tests.configured import read as configured

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

PAGE = (ROOT / "docs" / "practice.md").read_text(encoding="utf-8")
EXAMPLE = next(block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[[mention]]" in block)

SMALL = """
[[mention]]
id = "old"
at = "-3d"
kind = "review"
stars = 5
author = "Nobody"
text = "Kind people."

[[mention]]
id = "answer"
at = "+10m"
kind = "comment"
ours = true
reply_to = "old"
text = "Thank you."

[[change]]
id = "old"
at = "+1h30m"
stars = 1
text = "I take it back."

[[gone]]
id = "answer"
at = "+2h"
"""


@pytest.fixture
def play(tmp_path, clock):
    """Makes a source of a scenario's text."""

    def play(text: str = SMALL, speed: float = 1, name: str = "small.toml") -> Scenario:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return scenario(path, clock, speed=speed)

    return play


def scenario(path: Path | str, clock: Clock, speed: float = 1) -> Scenario:
    return Scenario(Scenario.Options(scenario=path, speed=speed), None, now=clock.now)


async def polled(source: Scenario, cursor: Cursor, backfill: timedelta = 30 * DAY) -> list[Page]:
    return [page async for page in source.poll(cursor, source.now() - backfill)]


async def one(source: Scenario, cursor: Cursor) -> tuple[list[Mention], list[str], Cursor]:
    [page] = await polled(source, cursor)
    return list(page.mentions), list(page.gone), page.cursor


def wrong(text: str) -> str:
    """What is said of a file in which something is wrong."""
    with pytest.raises(Malformed) as caught:
        read(text.encode(), "own.toml")
    return str(caught.value)


def with_mention(*lines: str) -> str:
    """A scenario whose second mention, which begins in line 6, has these lines."""
    first = '[[mention]]\nid = "a"\nat = "+1m"\nkind = "post"\ntext = "canary"'
    return "\n".join([first, "[[mention]]", *lines])


# What is played, and when


async def test_what_lies_before_the_start_is_there_at_once_and_as_old_as_it_says(play):
    [old], gone, cursor = await one(play(speed=60), {})

    assert (old.kind, old.stars, old.author, old.text) == (Kind.REVIEW, 5, "Nobody", "Kind people.")
    assert old.published_at == START - 3 * DAY
    assert gone == []
    assert cursor == {"start": START.isoformat(), "played": 1}


async def test_the_rest_comes_when_its_time_has_come(play, clock):
    source = play()
    [old], _, cursor = await one(source, {})

    clock.set(START + 10 * MINUTE - timedelta(microseconds=1))
    assert await one(source, cursor) == ([], [], cursor)

    clock.set(START + 10 * MINUTE)
    [answer], _, _ = await one(source, cursor)
    assert (answer.kind, answer.ours, answer.parent_id) == (Kind.COMMENT, True, old.external_id)
    assert answer.published_at == START + 10 * MINUTE


async def test_an_edit_is_the_same_mention_with_other_words(play, clock):
    source = play()
    [old], _, _ = await one(source, {})
    clock.set(START + 90 * MINUTE)
    [edited], _, _ = await one(source, {"start": START.isoformat(), "played": 2})

    assert (edited.external_id, edited.published_at) == (old.external_id, old.published_at)
    assert (edited.stars, edited.text, edited.author) == (1, "I take it back.", "Nobody")
    assert edited.fingerprint != old.fingerprint


async def test_what_goes_is_told_by_its_id(play, clock):
    source = play()
    clock.advance(2 * HOUR)
    mentions, gone, cursor = await one(source, {"start": START.isoformat(), "played": 3})

    assert mentions == []
    assert [id_.rpartition("/")[2] for id_ in gone] == ["answer"]
    assert cursor == {"start": START.isoformat(), "played": 4}


async def test_after_a_long_sleep_a_mention_comes_as_it_is_by_then(play, clock):
    clock.advance(2 * HOUR)
    [old, answer], gone, _ = await one(play(), {"start": START.isoformat(), "played": 0})

    assert old.stars == 1
    assert gone == [answer.external_id]


async def test_sixty_times_as_fast_an_hour_takes_a_minute(play, clock):
    source = play(speed=60)
    clock.set(START + timedelta(seconds=9))
    assert (await one(source, {"start": START.isoformat(), "played": 1}))[0] == []

    clock.set(START + timedelta(seconds=10))
    [answer], _, _ = await one(source, {"start": START.isoformat(), "played": 1})
    assert answer.published_at == START + timedelta(seconds=10)


async def test_a_scenario_that_is_over_brings_nothing_more(play, clock):
    source = play()
    cursor = {"start": START.isoformat(), "played": 4}
    for _ in range(3):
        clock.advance(300 * DAY)
        assert await one(source, cursor) == ([], [], cursor)


async def test_a_clock_that_is_set_back_plays_nothing_twice(play, clock):
    clock.set(START - DAY)
    cursor = {"start": START.isoformat(), "played": 2}

    assert await one(play(), cursor) == ([], [], cursor)


async def test_a_scenario_played_again_has_other_ids(play, clock):
    source = play()
    [first], _, _ = await one(source, {})
    clock.advance(timedelta(microseconds=1))
    [second], _, _ = await one(source, {})

    assert first.external_id != second.external_id
    assert first.text == second.text


async def test_two_scenarios_never_share_an_id(play):
    [first], _, _ = await one(play(), {})
    [second], _, _ = await one(play(name="other.toml"), {})

    assert first.external_id != second.external_id


async def test_a_file_that_was_shortened_meanwhile_plays_no_further(play, clock):
    clock.advance(3 * HOUR)
    cursor = {"start": START.isoformat(), "played": 9}

    assert await one(play(), cursor) == ([], [], cursor)


async def test_a_file_is_read_again_after_it_was_mended(play, tmp_path):
    source = play("[[mention]")
    with pytest.raises(Malformed):
        await polled(source, {})
    (tmp_path / "small.toml").write_text(SMALL)

    [old], _, _ = await one(source, {})
    assert old.stars == 5


# Where it is found


def test_a_name_that_is_not_shipped_is_refused_with_those_that_are():
    with pytest.raises(ValidationError, match="is no scenario: write practice-hospital, or the path of a .toml file"):
        Scenario.Options(scenario="practice-clinic")


@pytest.mark.parametrize("speed", [0, -1, 0.01, 1e9, float("nan"), float("inf")])
def test_a_speed_at_which_nothing_could_be_seen_is_refused(speed):
    with pytest.raises(ValidationError, match="speed"):
        Scenario.Options(scenario="practice-hospital", speed=speed)


def test_a_relative_path_starts_at_the_configuration(tmp_path):
    source = 'connector = "scenario"\noptions = { scenario = "plays/own.toml" }'
    config = configured(tmp_path, {"sources.news": source}, finds=lambda _: Scenario)

    assert config.sources["news"].options.scenario == tmp_path / "plays" / "own.toml"


@pytest.mark.parametrize(("name", "why"), [("own.toml", "FileNotFoundError"), ("\0.toml", "ValueError")])
async def test_a_file_that_cannot_be_read_is_told_by_its_name_alone(tmp_path, clock, name, why):
    with pytest.raises(Malformed) as caught:
        await polled(scenario(tmp_path / name, clock), {})

    assert str(caught.value) == f"{name} cannot be read ({why}): check scenario in the options"


@pytest.mark.parametrize("name", sorted(shipped()))
def test_what_is_shipped_can_be_played(name):
    assert len(read(shipped()[name].read_bytes(), name).steps) > 50


# What docs/practice.md says of it


def test_the_example_in_the_documentation_can_be_played():
    mention, change, reply, gone = read(EXAMPLE.encode(), "flood.toml").steps

    assert [step.at for step in (mention, change, reply, gone)] == [-2 * DAY, 10 * MINUTE, 90 * MINUTE, 2 * HOUR]


@pytest.mark.parametrize(("table", "step"), [("mention", Said), ("change", Change), ("gone", Gone)])
def test_every_key_of_a_table_is_documented(table, step):
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `[[{table}]]` |"))

    assert sorted(re.findall(r"`(\w+)`", row)) == sorted(step.model_fields)


def test_a_mistake_is_told_as_the_documentation_says():
    text = EXAMPLE.replace('at = "+10m"', 'at = "10m"')
    with pytest.raises(Malformed) as caught:
        read(text.encode(), "flood.toml")

    assert str(caught.value) in PAGE


# Mistakes in a file


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "own.toml: it has no [[mention]]"),
        ("[[mention]", "own.toml is no TOML: Expected"),
        ("x = " + "1" * 5_000, "own.toml is no TOML: "),
        ("x = " + "[" * 100_000, "own.toml is no TOML: "),
        ("mention = 1", "own.toml: mention is written [[mention]]"),
        ("[mention]\nid = 1", "own.toml: mention is written [[mention]]"),
        ("[[mentions]]\n" + with_mention(), "own.toml: 'mentions' is no table here; there are mention, change, gone"),
        (with_mention('id = "b"'), "own.toml: line 6: [[mention]] 'b': at is missing; "),
        (with_mention('text = "b"'), "own.toml: line 6: [[mention]]: id is missing; "),
    ],
)
def test_what_is_no_scenario_is_told(text, sentence):
    assert wrong(text).startswith(sentence)


GOOD = ('id = "b"', 'at = "+1m"', 'kind = "review"', 'text = "canary"')


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('at = "10m"', 'at is no time from the start on: write for example "-3d", "+10m" or "+1h30m"'),
        ('at = "+"', "at is no time"),
        ('at = "+1m1h"', "at is no time"),
        ('at = "+12345d"', "at is no time"),
        ("at = 10", "at is no time"),
        ("at = 07:32:00", "at is no time"),
        ('id = ""', "id should match pattern"),
        ('id = "b\\u0000"', "id should match pattern"),
        ('kind = "tweet"', "kind should be 'post', 'comment', 'review' or 'article'"),
        ("text = 5", "text should be a valid string"),
        ("stars = 6", "stars should be less than or equal to 5"),
        ("stars = 0", "stars should be greater than or equal to 1"),
        ("stars = nan", "stars should be"),
        ('stars = "5"', "stars should be a valid number"),
        ("ours = 1", "ours should be a valid boolean"),
        ("audience = -1", "audience should be greater than or equal to 0"),
        ('url = "http://reviews.practice.example/1"', "url is no https address"),
        ('url = "https://"', "url is no https address"),
        ('location = "Main"', "'location' is no key here; there are id, at, kind, text, title, author, stars, url,"),
        ('id = "a"', "another mention has this id"),
        ('reply_to = "nobody"', "reply_to names no mention that was said before"),
        ('reply_to = "b"', "reply_to names no mention that was said before"),
    ],
)
def test_a_mistake_is_told_where_it_stands_and_without_what_was_said(line, sentence):
    key = line.partition(" = ")[0]
    told = wrong(with_mention(*(one for one in GOOD if not one.startswith(f"{key} = ")), line))

    assert sentence in told
    assert told.startswith("own.toml: ")
    assert "canary" not in told


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ('[[change]]\nid = "x"\nat = "+2m"\nstars = 1', "'x': no such mention is there at that time"),
        ('[[change]]\nid = "a"\nat = "+30s"\nstars = 1', "'a': no such mention is there at that time"),
        ('[[gone]]\nid = "a"\nat = "-1m"', "'a': no such mention is there at that time"),
        (
            '[[gone]]\nid = "a"\nat = "+2m"\n[[gone]]\nid = "a"\nat = "+3m"',
            "'a': no such mention is there at that time",
        ),
        ('[[change]]\nid = "a"\nat = "+2m"', "'a': changes nothing"),
        ('[[change]]\nid = "a"\nat = "+2m"\nauthor = "x"', "[[change]] 'a': 'author' is no key here"),
    ],
)
def test_nothing_changes_or_goes_that_is_not_there(steps, sentence):
    text = '[[mention]]\nid = "a"\nat = "+1m"\nkind = "post"\ntext = "canary"\n' + steps

    assert sentence in wrong(text)


def test_all_mistakes_are_told_at_once_up_to_a_few():
    told = wrong(with_mention('id = "b"\nspeed = 1\nstars = 9\naudience = -5\nengagement = -5'))

    assert told.count("line 6: ") == 5
    assert told.endswith("; and 2 more")


def test_no_line_is_named_where_it_could_be_the_wrong_one():
    text = with_mention('id = "b"', 'at = "+1m"', 'kind = "post"', 'text = """\n[[mention]]\n"""', "stars = 9")

    assert wrong(text) == "own.toml: [[mention]] 'b': stars should be less than or equal to 5"


def test_what_is_no_utf_8_is_told():
    with pytest.raises(Malformed, match=r"^own\.toml is no UTF-8: save it as such$"):
        read("text = 'Größe'".encode("latin-1"), "own.toml")


VALUES = st.sampled_from(
    ['""', '"a"', "1", "nan", "true", "[]", "[[]]", "{}", '"+1m"', '"-9999w"', "1979-05-27", '"\\u0000"', '"old"']
)


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """The small scenario with a few lines lost, doubled, cut or with another value."""
    lines = SMALL.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, len(lines) - 1))
        line = lines[number]
        cut = line[: draw(st.integers(0, len(line)))]
        other = f"{line.partition(' = ')[0]} = {draw(VALUES)}"
        lines[number : number + 1] = draw(st.sampled_from([[], [line, line], [cut], [other]]))
    return "\n".join(lines)


@given(spoilt())
def test_whatever_is_wrong_is_told_and_what_is_read_can_be_played(text):
    script, told = None, ""
    try:
        script = read(text.encode(), "own.toml")
    except Malformed as error:
        told = str(error)
    assert script.page(0, len(script.steps), START, 0.1)[0] if script else told.startswith("own.toml")


def test_steps_are_in_the_order_of_their_times_and_else_as_written():
    text = with_mention('id = "b"', 'at = "-1w"', 'kind = "post"', 'text = ""', '[[gone]]\nid = "a"\nat = "+60s"')
    steps = read(text.encode(), "own.toml").steps

    assert [(step.id, step.at) for step in steps] == [("b", -7 * DAY), ("a", MINUTE), ("a", MINUTE)]
    assert isinstance(steps[-1], Gone)
