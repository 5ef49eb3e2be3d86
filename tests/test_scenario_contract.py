"""The promises of a connector that hold for one without a platform behind it; nothing is asked over the network here."""

from __future__ import annotations

import json
from datetime import UTC, timedelta

import httpx
import pytest

from connectors.scenario import Scenario
from monitor.connector import Cursor, Page
from monitor.model import Mention
from monitor.testing import Traffic
from tests.clock import START, Clock

DAY = timedelta(days=1)
COUNT = 250
"""More than two pages at once."""


def written(count: int = COUNT) -> str:
    """Half of it before the start, an hour apart, and half of it after, a minute apart."""
    steps = []
    for n in range(count):
        at = f"-{count // 2 - n}h" if n < count // 2 else f"+{n - count // 2}m"
        steps.append(f'[[mention]]\nid = "m{n}"\nat = "{at}"\nkind = "post"\ntext = "Said as number {n}."\n')
    return "\n".join([*steps, '[[gone]]\nid = "m2"\nat = "+30m"\n'])


@pytest.fixture
def source(tmp_path, clock) -> Scenario:
    path = tmp_path / "many.toml"
    path.write_text(written())
    return Scenario(Scenario.Options(scenario=path, speed=1), silent(), now=clock.now)


def silent() -> httpx.AsyncClient:
    """A client that fails the test when it is used."""
    return Traffic().client()


async def polled(source: Scenario, cursor: Cursor, cut: int | None = None, floor: timedelta = 30 * DAY) -> list[Page]:
    """The pages of a poll, of which only the first `cut` arrive."""
    pages = []
    walk = source.poll(cursor, source.now() - floor)
    async for page in walk:
        pages.append(page)
        if len(pages) == cut:
            await walk.aclose()
            break
    return pages


def mentions(pages: list[Page]) -> dict[str, Mention]:
    return {one.external_id: one for page in pages for one in page.mentions}


def stored(pages: list[Page], before: Cursor) -> Cursor:
    """The cursor as the store would hand it back."""
    cursors = [page.cursor for page in pages if page.cursor is not None]
    return json.loads(json.dumps(cursors[-1] if cursors else before))


async def test_every_mention_is_read_with_a_time_in_utc(source, clock):
    clock.advance(DAY)
    found = mentions(await polled(source, {"start": START.isoformat(), "played": 0}))

    assert {one.text for one in found.values()} == {f"Said as number {n}." for n in range(COUNT)}
    assert all(one.published_at.tzinfo is UTC for one in found.values())


async def test_the_same_scenario_reads_the_same_twice(source):
    assert await polled(source, {}) == await polled(source, {})


@pytest.mark.parametrize("begun", [True, False])
async def test_nothing_is_lost_wherever_a_walk_is_cut(source, clock, begun):
    cursor: Cursor = {"start": START.isoformat(), "played": 0} if begun else {}
    if begun:
        clock.advance(DAY)
    whole = await polled(source, cursor)
    assert len(whole) == (3 if begun else 2)
    for cut in range(1, len(whole)):
        pages = await polled(source, cursor, cut=cut)
        clock.advance(timedelta(microseconds=1))  # no walk goes on at the very moment at which it was cut
        pages += await polled(source, stored(pages, cursor))
        assert mentions(pages).keys() >= mentions(whole).keys()
        assert {one for page in pages for one in page.gone} >= {one for page in whole for one in page.gone}


async def test_a_finished_walk_is_not_walked_again(source):
    pages = await polled(source, {})
    [again] = await polled(source, stored(pages, {}))

    assert (again.mentions, again.gone, again.cursor) == ([], [], stored(pages, {}))


async def test_polled_every_few_seconds_everything_comes_exactly_once(source, clock):
    cursor: Cursor = {}
    came: list[str] = []
    while clock.now() < START + timedelta(hours=3):
        pages = await polled(source, cursor)
        cursor = stored(pages, cursor)
        came += [one.text for page in pages for one in page.mentions]
        clock.advance(timedelta(seconds=47))

    assert came == [f"Said as number {n}." for n in range(COUNT)]


async def test_nothing_is_older_than_the_floor(source):
    found = mentions(await polled(source, {}, floor=timedelta(hours=10)))

    assert len(found) == 11  # ten hours back, and what is said at the start itself
    assert min(one.published_at for one in found.values()) == START - timedelta(hours=10)


async def test_nothing_is_dated_later_than_it_is_handed_over(source, clock):
    clock.advance(timedelta(minutes=33, seconds=20))
    found = mentions(await polled(source, {"start": START.isoformat(), "played": 0}))

    assert max(one.published_at for one in found.values()) == START + timedelta(minutes=33)


def test_options_refuse_what_they_do_not_know():
    with pytest.raises(ValueError, match="no_such_option"):
        Scenario.Options(scenario="practice-hospital", no_such_option=1)


async def test_without_a_clock_of_the_tests_it_reads_the_real_one(tmp_path):
    path = tmp_path / "many.toml"
    path.write_text(written(4))
    source = Scenario(Scenario.Options(scenario=path), silent())
    [page] = await polled(source, {})

    assert len(page.mentions) >= 3
    assert page.cursor is not None
    assert page.cursor["start"] > Clock().now().isoformat()[:4]
