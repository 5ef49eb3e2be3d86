"""Late comments: whatever happens, each is found, and no poll reads more than it may."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.late import Late

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LATE = Late(window=30 * DAY, reads=3, rounds=1, most=5)


def read_all(late: Late, kept: Any, now: datetime = NOW) -> Any:
    while any(post[3] for post in kept.values()):
        for id_ in late.due(kept):
            kept = late.read(kept, id_, now)
    return kept


def quiet(*ages: int) -> Any:
    """Posts `p<age in days>`, each read as many minutes ago as it is days old, with one comment."""
    kept = None
    for age in sorted(ages, reverse=True):
        posts = {f"p{age}": (NOW - age * DAY, 1)}
        kept = read_all(LATE, LATE.seen(kept, posts, NOW), NOW - timedelta(minutes=age))
    return kept


def test_a_post_with_comments_is_due_and_is_not_once_it_was_read():
    kept = LATE.seen(None, {"p1": (NOW - DAY, 4), "p2": (NOW - 2 * DAY, 4)}, NOW)
    assert LATE.due(kept) == ["p1", "p2"]

    kept = LATE.read(kept, "p1", NOW)
    kept = LATE.read(kept, "p2", NOW + DAY)
    assert LATE.due(kept) == ["p1"]  # the longest unread has its round


@pytest.mark.parametrize(("count", "due"), [(2, True), (0, True), (1, False), (None, False)])
def test_another_count_makes_it_due(count, due):
    kept = LATE.seen(quiet(3, 2, 1), {"p1": (NOW - DAY, count)}, NOW)

    assert ("p1" in LATE.due(kept)) is due


def test_another_count_is_remembered_until_it_was_read():
    kept = LATE.seen(quiet(2, 1), {"p1": (NOW - DAY, 2)}, NOW)
    kept = LATE.seen(kept, {"p1": (NOW - DAY, 2)}, NOW)

    assert "p1" in LATE.due(kept)


def test_what_does_not_fit_stays_due():
    kept = LATE.seen(None, {f"p{n}": (NOW - n * DAY, 1) for n in range(1, 6)}, NOW)
    first = LATE.due(kept)
    for id_ in first:
        kept = LATE.read(kept, id_, NOW)

    assert first == ["p1", "p2", "p3"]
    assert {"p4", "p5"} <= set(LATE.due(kept))


def test_the_longest_unread_has_its_place_whatever_else_is_due():
    kept = LATE.seen(quiet(9, 3, 2, 1), {f"p{n}": (NOW - n * DAY, 7) for n in (1, 2, 3)}, NOW)

    assert LATE.due(kept) == ["p9", "p3", "p2"]


def test_what_is_said_to_have_no_comments_waits_for_its_turn():
    kept = LATE.seen(None, {"p1": (NOW - DAY, 0)}, NOW)

    assert LATE.due(kept, now=NOW + timedelta(hours=5)) == []
    assert LATE.due(kept, now=NOW + timedelta(hours=6)) == ["p1"]
    assert LATE.due(LATE.seen(kept, {"p1": (NOW - DAY, 1)}, NOW), now=NOW) == ["p1"]


def test_a_turn_does_not_come_again_at_once():
    kept = quiet(1)

    assert LATE.due(kept, now=NOW + timedelta(hours=5)) == []
    assert LATE.due(kept, now=NOW + timedelta(hours=6)) == ["p1"]
    assert LATE.due(kept, now=NOW - DAY) == ["p1"]  # a clock that was put back hides nothing
    assert LATE.due(LATE.seen(kept, {"p1": (NOW - DAY, 2)}, NOW), now=NOW) == ["p1"]


def test_a_platform_without_counts_reads_in_turn():
    late = Late(reads=2, rounds=2)
    kept = late.seen(None, {f"p{n}": (NOW - n * DAY, None) for n in (1, 2, 3, 4)}, NOW)
    turns = []
    for n in range(4):
        turns += (due := late.due(kept))
        for id_ in due:
            kept = late.read(kept, id_, NOW + timedelta(minutes=n))

    assert turns == ["p1", "p2", "p3", "p4"] * 2


def test_a_post_is_read_once_more_when_its_window_is_over_and_then_forgotten():
    kept, later = quiet(29), NOW + 2 * DAY
    assert LATE.due(LATE.seen(kept, {}, later)) == ["p29"]
    assert LATE.read(kept, "p29", later) == {}


def test_an_old_post_is_not_taken_up_again():
    assert LATE.seen(None, {"pinned": (NOW - 31 * DAY, 5)}, NOW) == {}


def test_a_deleted_post_is_forgotten():
    assert list(LATE.gone(quiet(2, 1), "p2")) == ["p1"]


def test_the_newest_posts_are_remembered_and_people_are_told_of_the_rest():
    kept = LATE.seen(quiet(1, 2, 3, 4), {}, NOW)
    assert LATE.warning(kept, NOW) is None

    kept = LATE.seen(kept, {"p20": (NOW - 20 * DAY, 1), "p10": (NOW - 10 * DAY, 1)}, NOW)
    assert sorted(kept) == ["p1", "p10", "p2", "p3", "p4"]
    assert "only 5 posts" in str(LATE.warning(kept, NOW))
    assert "10 days" in str(LATE.warning(kept, NOW))


def test_what_is_over_goes_before_what_is_not():
    later = NOW + 28 * DAY
    kept = LATE.seen(quiet(29, 1, 2, 3, 4), {"new": (NOW, 1)}, later)

    assert "p29" not in kept
    assert len(kept) == 5


def test_it_says_how_far_back_a_reading_went():
    kept = LATE.seen(quiet(2, 3), {"new": (NOW, 1), "p3": (NOW - 3 * DAY, 2)}, NOW)

    assert LATE.since(kept, "p3") == NOW - timedelta(minutes=3)
    assert LATE.since(kept, "p2") is None  # only its turn: read to the end
    assert LATE.since(kept, "new") is None


def test_a_first_walk_reads_all_that_have_comments():
    kept = LATE.seen(None, {f"p{n}": (NOW - n * DAY, n % 2) for n in range(1, 6)}, NOW)

    assert LATE.due(kept, first=True) == ["p1", "p3", "p5"]


def test_what_is_kept_is_small():
    late = Late(most=300)
    posts = {f"{10**16 + n}_{10**16 + n}": (NOW - n * timedelta(hours=1), 10_000) for n in range(400)}
    kept = read_all(late, late.seen(None, posts, NOW))

    assert len(json.dumps(kept)) < 25_000


# Whatever happens


@dataclass
class Platform:
    """Posts with comments. Some posts say their number of comments, some lie, some say nothing."""

    now: datetime = NOW
    posts: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    comments: list[tuple[str, int, datetime]] = field(default_factory=list)

    def post(self, says: str) -> None:
        self.posts[f"p{len(self.posts)}"] = (self.now, says)

    def comment(self, n: int) -> None:
        if self.posts:
            self.comments.append((list(self.posts)[n % len(self.posts)], len(self.comments), self.now))

    def under(self, id_: str) -> set[tuple[str, int, datetime]]:
        return {comment for comment in self.comments if comment[0] == id_}

    def listed(self) -> dict[str, tuple[datetime, int | None]]:
        counts = {
            "the truth": lambda id_: len(self.under(id_)), "a lie": lambda _: 1, "none": lambda _: 0, "nothing": lambda _: None,
        }  # fmt: skip
        return {id_: (at, counts[says](id_)) for id_, (at, says) in self.posts.items()}


@dataclass
class Monitor:
    """What is stored: comments, and the cursor that was handed over with them."""

    late: Late
    kept: Any = None
    found: set[tuple[str, int, datetime]] = field(default_factory=set)
    asked: int = 0

    def poll(self, platform: Platform, cut: int | None = None) -> None:
        """A poll; `cut`: it ends after so many steps, of which each post takes two - its comments, then the cursor."""
        kept = self.late.seen(self.kept, platform.listed(), platform.now)
        due = self.late.due(kept, now=platform.now)
        assert len(due) == len(set(due)) <= self.late.reads
        self.kept = json.loads(json.dumps(kept, sort_keys=True))  # as a database may give it back
        for step, id_ in enumerate(due):
            if cut is not None and cut <= 2 * step:
                return
            self.found |= platform.under(id_)
            if cut == 2 * step + 1:
                return
            kept = self.late.read(kept, id_, platform.now)
            self.kept = json.loads(json.dumps(kept, sort_keys=True))


LATES = st.builds(
    lambda reads, rounds: Late(window=10 * DAY, reads=reads, rounds=min(rounds, reads), most=50),
    st.integers(1, 4),
    st.integers(1, 4),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.sampled_from(["the truth", "a lie", "none", "nothing"])),
        st.tuples(st.just("comment"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.integers(1, 80)),  # hours
        st.tuples(st.just("poll"), st.none() | st.integers(0, 6)),
    ),
    max_size=40,
)


@given(LATES, STEPS)
def test_every_comment_within_the_window_is_found_whatever_happens(late, steps):
    platform, monitor = Platform(), Monitor(late)
    for what, value in steps:
        if what == "post" and len(platform.posts) < 10:
            platform.post(value)
            monitor.poll(platform, cut=0)  # it was listed at least once
        elif what == "comment":
            platform.comment(value)
        elif what == "wait":
            platform.now += timedelta(hours=value)
        elif what == "poll":
            monitor.poll(platform, value)
    for _ in range(25):
        platform.now += timedelta(hours=7)
        monitor.poll(platform)

    within = {one for one in platform.comments if one[2] < platform.posts[one[0]][0] + late.window}
    assert within <= monitor.found


@given(LATES, STEPS)
def test_in_the_end_nothing_is_remembered(late, steps):
    platform, monitor = Platform(), Monitor(late)
    for what, value in steps:
        if what == "post":
            platform.post(value)
        elif what == "poll":
            monitor.poll(platform, value)
    for _ in range(45):
        platform.now += DAY
        monitor.poll(platform)

    assert not monitor.kept
