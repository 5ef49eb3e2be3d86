"""The gate: how many at once, how soon again, in which order, and who is left alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from monitor.http.gate import Gate
from tests.clock import Clock


def gate(clock: Clock, *, gap: float = 0.0, per_host: int = 2, total: int = 50) -> Gate:
    return Gate(gap=gap, per_host=per_host, total=total, monotonic=lambda: clock.now().timestamp(), sleep=clock.sleep)


class Visits:
    """Requests that stay inside until they are let go; `order` is who came in when, `most` how many at once."""

    def __init__(self, gate: Gate) -> None:
        self.gate, self.order, self.most, self.inside = gate, [], 0, 0
        self.go = asyncio.Event()

    async def visit(self, host: str, who: object = None) -> float:
        async with self.gate.turn(host) as pause:
            if not pause:
                self.order.append(who)
                self.inside += 1
                self.most = max(self.most, self.inside)
                await self.go.wait()
                self.inside -= 1
            return pause


async def settle() -> None:
    """Lets every task go as far as it can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_requests_to_one_host_start_a_gap_apart_and_in_order(clock):
    visits, starts = Visits(gate(clock, gap=0.5)), []
    visits.go.set()

    async def one(number: int) -> None:
        await visits.visit("clinic.example", number)
        starts.append(clock.now())

    await asyncio.gather(*(one(number) for number in range(5)))
    assert visits.order == [0, 1, 2, 3, 4]
    assert [(after - before).total_seconds() for before, after in pairwise(starts)] == [0.5] * 4


async def test_the_gap_of_one_host_is_no_gap_of_another(clock):
    visits = Visits(gate(clock, gap=0.5))
    visits.go.set()
    await asyncio.gather(*(visits.visit(f"{name}.example") for name in "abcde"))
    assert clock.slept == []


async def test_a_host_that_was_left_alone_long_enough_is_asked_at_once(clock):
    visits = Visits(gate(clock, gap=0.5))
    visits.go.set()
    await visits.visit("clinic.example")
    clock.advance(timedelta(seconds=0.5))
    await visits.visit("clinic.example")
    assert clock.slept == []


async def test_no_more_than_so_many_requests_are_at_one_host(clock):
    visits = Visits(gate(clock, per_host=2))
    async with asyncio.TaskGroup() as tasks:
        for number in range(6):
            tasks.create_task(visits.visit("clinic.example", number))
        await settle()
        assert visits.order == [0, 1]
        visits.go.set()
    assert (visits.order, visits.most) == ([0, 1, 2, 3, 4, 5], 2)


async def test_no_more_than_so_many_requests_run_in_all(clock):
    visits = Visits(gate(clock, total=3))
    async with asyncio.TaskGroup() as tasks:
        for number in range(9):
            tasks.create_task(visits.visit(f"{number}.example", number))
        await settle()
        assert visits.order == [0, 1, 2]
        visits.go.set()
    assert (visits.order, visits.most) == (list(range(9)), 3)


async def test_those_who_wait_for_a_slow_host_take_no_place_from_others(clock):
    shared = gate(clock, per_host=1, total=2)
    slow, quick = Visits(shared), Visits(shared)
    quick.go.set()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(slow.visit("slow.example"))
        await settle()
        for number in range(5):
            await asyncio.wait_for(quick.visit("quick.example", number), 5)
        assert (quick.order, slow.inside) == ([0, 1, 2, 3, 4], 1)
        slow.go.set()
    assert len(slow.order) == 20


async def test_a_paused_host_is_left_alone_until_its_time_has_come(clock):
    shared = gate(clock)
    visits = Visits(shared)
    visits.go.set()
    shared.pause("clinic.example", 60)
    assert await visits.visit("clinic.example") == 60
    assert await visits.visit("other.example") == 0
    clock.advance(timedelta(seconds=59))
    assert await visits.visit("clinic.example") == 1
    clock.advance(timedelta(seconds=1))
    assert await visits.visit("clinic.example") == 0


async def test_a_shorter_wish_does_not_undo_a_longer_one(clock):
    shared = gate(clock)
    shared.pause("clinic.example", 172800)
    shared.pause("clinic.example", 1)
    assert await Visits(shared).visit("clinic.example") == 172800


async def test_who_is_already_waiting_hears_of_the_pause_as_well(clock):
    shared = gate(clock, gap=0.5, per_host=1)
    visits = Visits(shared)
    waiting = [asyncio.ensure_future(visits.visit("clinic.example", number)) for number in range(4)]
    await settle()
    shared.pause("clinic.example", 60)
    visits.go.set()
    assert await asyncio.gather(*waiting) == [0, 60, 60, 60]
    assert visits.order == [0]


async def test_a_pause_that_comes_during_the_gap_or_the_wait_for_a_place_counts(clock):
    shared = gate(clock, gap=0.5, total=1)
    visits = Visits(shared)
    elsewhere = asyncio.ensure_future(visits.visit("other.example"))
    await settle()
    waiting = asyncio.ensure_future(visits.visit("clinic.example"))
    await settle()
    shared.pause("clinic.example", 60)
    visits.go.set()
    assert (await elsewhere, await waiting) == (0, 60)
    assert await visits.visit("third.example") == 0  # the place was given back


@pytest.mark.parametrize("cancelled", range(4))
async def test_who_gives_up_leaves_nothing_locked(clock, cancelled):
    visits = Visits(gate(clock, gap=0.5, per_host=1, total=1))
    waiting = [asyncio.ensure_future(visits.visit("clinic.example", number)) for number in range(4)]
    await settle()
    waiting[cancelled].cancel()
    visits.go.set()
    await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert [task.cancelled() for task in waiting] == [number == cancelled for number in range(4)]
    assert await asyncio.wait_for(visits.visit("clinic.example"), 5) == 0


async def test_an_error_inside_gives_the_turn_back(clock):
    shared = gate(clock, per_host=1, total=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with asyncio.timeout(5), shared.turn("clinic.example"):
                raise ZeroDivisionError
    async with asyncio.timeout(5), shared.turn("clinic.example") as pause:
        assert pause == 0


async def test_hosts_are_forgotten_when_nobody_needs_them(clock):
    shared = gate(clock, gap=0.5)
    visits = Visits(shared)
    visits.go.set()
    shared.pause("paused.example", 86400)
    for number in range(5000):
        clock.advance(timedelta(seconds=1))
        await visits.visit(f"{number}.example")
    assert len(shared._hosts) <= 1024
    assert await visits.visit("paused.example") > 0
