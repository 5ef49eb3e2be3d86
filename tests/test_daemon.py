"""The daemon: what it looks at, how it shows that it lives, how it stops."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor import daemon
from monitor.connector import Page
from monitor.daemon import Engine
from monitor.model import Notification
from monitor.store import Busy, Database, outbox, sources
from monitor.systemd import Systemd
from tests.clock import Clock
from tests.line import CONFIG, Bench, Fake
from tests.store import notification, send
from tests.terms import Bound
from tests.test_pipeline import THREAT, said


class Manager:
    """A service manager's end of the notify socket."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path)
    yield manager
    manager.close()


@pytest.fixture
def bench(tmp_path: Path, clock: Clock) -> Iterator[Bench]:
    config = 'heartbeat = "https://watcher.example/ping/1"\n' + CONFIG
    bench = Bench(f"sqlite:///{tmp_path / 'x.db'}", tmp_path, clock, config=config)
    bench.fakes["one"] = Fake([Page(cursor={"at": 0})])
    yield bench
    bench.line.close()


class Watcher:
    """The outside watcher's server, at the seam of HTTP."""

    def __init__(self) -> None:
        self.pings = 0
        self.down = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("no route", request=request)
        self.pings += 1
        return httpx.Response(200)


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
async def engine(bench: Bench, manager: Manager, watcher: Watcher, clock: Clock) -> AsyncIterator[Engine]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(watcher)) as client:
        yield Engine(
            line=bench.line,
            client=client,
            systemd=Systemd({"NOTIFY_SOCKET": str(manager.path)}),
            watchdog=timedelta(seconds=3),
            monotonic=lambda: clock.now().timestamp(),
        )


async def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    """Waits for real work to be done, not for time to pass: a second is plenty, the limit is for a loaded machine."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for sets no event of its own
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(engine: Engine) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(daemon.serve(engine))
    try:
        yield task
    finally:
        if not task.done():
            signal.raise_signal(signal.SIGTERM)
        await task


async def test_it_polls_judges_delivers_and_says_that_it_is_ready(
    bench: Bench, engine: Engine, manager: Manager, clock: Clock
) -> None:
    heard: list[str] = []
    async with serving(engine):
        await until(lambda: bench.fakes["one"].asked)
        await until(lambda: _walked(bench))
        bench.fakes["one"].polls.append([Page(mentions=[said(clock, "1", THREAT)], cursor={"at": 1})])
        clock.advance(timedelta(minutes=15))
        await until(lambda: bench.channel.taken)
        heard = manager.heard()
    assert heard[0] == "READY=1"
    assert "WATCHDOG=1" in heard
    assert bench.reasons() == [("risk", "opened")]
    assert "STOPPING=1" in manager.heard()


def _walked(bench: Bench) -> bool:
    with bench.database.read() as tx:
        state = sources.one(tx, "one")
    return state is not None and state.walked_at is not None


async def test_a_stop_gives_back_what_is_polled_and_lets_what_is_sent_end(
    bench: Bench, engine: Engine, clock: Clock
) -> None:
    class Hanging(Fake):
        async def poll(self, cursor: Any, floor: Any) -> Any:
            self.asked.append((cursor, floor))
            await asyncio.Event().wait()
            yield Page()

    class Slow:
        def __init__(self) -> None:
            self.begun, self.may_end, self.ended = asyncio.Event(), asyncio.Event(), False

        async def send(self, _notification: Notification) -> None:
            self.begun.set()
            await self.may_end.wait()
            self.ended = True

    slow = Slow()
    bench.fakes["one"] = Hanging()
    bench.line.channels = {("risk", "email"): slow}
    send(bench.database, notification(due_at=clock.now(), created_at=clock.now()))
    async with serving(engine) as task:
        await until(lambda: bench.fakes["one"].asked)
        await slow.begun.wait()
        signal.raise_signal(signal.SIGTERM)
        await until(lambda: not engine.polling)
        assert not task.done()
        slow.may_end.set()
    assert slow.ended
    with bench.database.write() as tx:
        assert outbox.listed(tx, "sent")[0].id == "n1"
        assert sources.claim_one(tx, "one", clock.now(), lease="next", until=clock.now()) is not None


async def test_a_second_signal_does_not_wait_and_loses_nothing(bench: Bench, engine: Engine, clock: Clock) -> None:
    class Endless:
        begun = asyncio.Event()

        async def send(self, _notification: Notification) -> None:
            self.begun.set()
            await asyncio.Event().wait()

    bench.line.channels = {("risk", "email"): Endless()}
    send(bench.database, notification(due_at=clock.now(), created_at=clock.now()))
    async with serving(engine):
        await Endless.begun.wait()
        signal.raise_signal(signal.SIGTERM)
        await until(engine.stopping.is_set)
        signal.raise_signal(signal.SIGTERM)
    with bench.database.write() as tx:
        (left,) = outbox.claim(tx, clock.now(), lease="next", until=clock.now(), limit=5)
    assert (left.id, left.attempts) == ("n1", 0)


async def test_the_watchdog_is_fed_only_while_every_step_gets_through(
    engine: Engine, manager: Manager, clock: Clock
) -> None:
    engine.passed = dict.fromkeys(("poll", "deliver", "judge"), clock.now().timestamp())
    await daemon._watchdog(engine)
    assert "WATCHDOG=1" in manager.heard()
    clock.advance(timedelta(minutes=1))
    engine.passed |= dict.fromkeys(("poll", "deliver"), clock.now().timestamp())
    clock.advance(timedelta(minutes=1, seconds=30))
    engine.passed |= dict.fromkeys(("poll", "deliver"), clock.now().timestamp())
    await daemon._watchdog(engine)
    assert manager.heard() == []
    engine.passed["judge"] = clock.now().timestamp()
    await daemon._watchdog(engine)
    assert "WATCHDOG=1" in manager.heard()


async def test_a_channel_that_is_down_for_an_hour_does_not_starve_the_watchdog(
    bench: Bench, engine: Engine, manager: Manager, clock: Clock
) -> None:
    from tests.line import refusal

    bench.channel.errors = [refusal() for _ in range(100)]
    send(bench.database, notification(due_at=clock.now(), created_at=clock.now()))
    for _ in range(60):
        for name, look in (("poll", daemon._look_for_polls), ("deliver", daemon._look_for_deliveries),
                           ("judge", daemon._judge)):  # fmt: skip
            await daemon._guarded(engine, name, look)
        await until(lambda: not engine.line.sending and not engine.polling)
        await daemon._watchdog(engine)
        assert "WATCHDOG=1" in manager.heard()
        clock.advance(timedelta(minutes=1))


async def test_a_heartbeat_is_sent_while_all_is_well_and_withheld_while_work_is_stuck(
    bench: Bench, engine: Engine, watcher: Watcher, clock: Clock
) -> None:
    await daemon._heartbeat(engine)
    assert watcher.pings == 1
    send(bench.database, notification(due_at=clock.now(), created_at=clock.now()))
    clock.advance(timedelta(minutes=4))
    await daemon._heartbeat(engine)
    assert watcher.pings == 2
    clock.advance(timedelta(minutes=2))
    await daemon._heartbeat(engine)
    assert watcher.pings == 2
    assert daemon.stuck(bench.line) == "1 notifications overdue"
    watcher.down = True
    await daemon._look_for_deliveries(engine)
    await until(lambda: bench.channel.taken and not engine.line.sending)
    await daemon._heartbeat(engine)  # an unreachable watcher is logged, not raised
    watcher.down = False
    await daemon._heartbeat(engine)
    assert watcher.pings == 3


async def test_a_look_that_fails_is_logged_once_and_said_when_it_heals(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(_engine: Engine) -> None:
        raise RuntimeError("disk full")

    async def succeed(_engine: Engine) -> None:
        return

    for _ in range(3):
        await daemon._guarded(engine, "judge", fail)
    assert capsys.readouterr().out.count("look=judge") == 1
    assert "judge" not in engine.passed
    for _ in range(2):
        await daemon._guarded(engine, "judge", succeed)
    assert capsys.readouterr().out.count("look_recovered") == 1


async def test_rechecks_go_beside_the_polls_and_their_edits_are_judged(
    bench: Bench, engine: Engine, clock: Clock
) -> None:
    bench.fakes["one"] = bound = await _bound(bench, engine, clock)
    bound.there["1"] = said(clock, "1", THREAT)
    await daemon._look_for_rechecks(engine)
    await until(lambda: not engine.rechecking)
    await until(lambda: bench.channel.taken and not engine.line.sending)
    assert bound.looked_up == [["1"]]
    assert bench.reasons() == [("risk", "opened")]


async def test_a_stop_does_not_wait_for_a_recheck(bench: Bench, engine: Engine, clock: Clock) -> None:
    bound = await _bound(bench, engine, clock)

    class Hanging(Bound):
        async def recheck(self, ids: Any) -> Any:
            self.looked_up.append(list(ids))
            await asyncio.Event().wait()
            yield Page()

    bench.fakes["one"] = hanging = Hanging(recheck=timedelta(days=1))
    async with serving(engine):
        await until(lambda: hanging.looked_up)
        before = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - before < daemon._DRAIN
    assert not engine.rechecking
    assert bound.looked_up == []


async def _bound(bench: Bench, engine: Engine, clock: Clock) -> Bound:
    """A source whose only mention was not confirmed for longer than its terms want."""
    bound = Bound([Page(cursor={"at": 0})], recheck=timedelta(days=1))
    bench.fakes["one"] = bound
    daemon.begin(bench.line)
    await daemon._look_for_polls(engine)
    await until(lambda: not engine.polling)
    clock.advance(timedelta(minutes=15))
    bound.polls.append([Page(mentions=[said(clock, "1", "Everybody was kind.")], cursor={"at": 1})])
    await daemon._look_for_polls(engine)
    await until(lambda: not engine.polling)
    clock.advance(timedelta(hours=25))
    return bound


async def test_retention_is_looked_after_every_hour_and_rechecks_every_minute(engine: Engine) -> None:
    clock = daemon._clock(engine)
    spans = {job.id: job.trigger.interval for job in clock.get_jobs()}
    assert (spans["retain"], spans["recheck"]) == (timedelta(hours=1), timedelta(minutes=1))


def test_a_second_daemon_on_the_same_file_does_not_begin(bench: Bench, tmp_path: Path) -> None:
    daemon.begin(bench.line)
    bench.line.database.claim_daemon()
    other = Database(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(Busy):
        other.claim_daemon()
    other.close()


def test_many_new_sources_are_not_all_polled_in_the_same_second(tmp_path: Path, clock: Clock) -> None:
    more = "".join(f'[sources.s{n}]\nconnector = "fake"\nevery = "15m"\n' for n in range(300))
    bench = Bench(f"sqlite:///{tmp_path / 'x.db'}", tmp_path, clock, config=CONFIG + more)
    daemon.begin(bench.line)
    with bench.database.read() as tx:
        due = [one.next_poll_at for one in sources.every(tx)]
    assert len(due) == 301
    assert max(due) <= clock.now() + timedelta(minutes=1)
    assert len(set(due)) > 10
    bench.line.close()
