"""A daemon as a real process between a real platform and real inboxes: started, killed, stopped, and waited for."""

from __future__ import annotations

import multiprocessing.context
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, func, select, text, update

from monitor.cli import main
from monitor.schema import mentions, notifications, sources
from monitor.store import Database
from tests.crash.outside import outside
from tests.crash.platform import Platform
from tests.crash.sinks import Sinks

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = {
    "security": ("guard@practice.example", "desk@practice.example"),
    "risk": ("risk@practice.example",),
    "marketing": ("marketing@practice.example",),
}
"""Who has which inbox by mail; security and risk have a webhook, too."""
HOOKS = ("security", "risk")
FAILED_POINT = 9
"""What a daemon exits with that died at the point named in WELLHEARD_FAIL."""
_SIGNING = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
_LOOK_AGAIN = 0.03
"""Seconds between two looks at whether real work is done."""
_numbers = count(1)


class Daemon:
    """One process of `wellheard run`: a Python of its own, or, `quick`, a fork of one that has its imports behind it."""

    def __init__(self, folder: Path, environ: dict[str, str], *, quick: bool) -> None:
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"wellheard-crash-{os.getpid()}-{next(_numbers)}"
        self._ear.bind(f"\0{name}")
        self._ear.setblocking(False)
        self._said = b""
        environ = environ | {"NOTIFY_SOCKET": f"@{name}"}
        self._process = _Fork(folder, environ) if quick else _python(folder, environ)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """What it exited with, None while it runs."""
        return self._process.poll()

    def ready(self, within: float = 60) -> bool:
        """Waits until it says that it is ready; False where it ended before."""
        until(lambda: self._says(b"READY=1") or self.code is not None, within, "the daemon to start")
        return self.code is None

    def hears(self, number: int) -> None:
        """Sends it a signal to stop and waits until it has understood: two that come at once would be one."""
        self.signal(number)
        until(lambda: self._says(b"STOPPING=1"), 30, "the daemon to begin to stop")

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills it, wherever it is."""
        self.signal(signal.SIGKILL)
        self.end()

    def stop(self) -> int:
        """Asks it to stop and returns what it exits with."""
        self.signal(signal.SIGTERM)
        return self.end()

    def end(self, within: float = 60) -> int:
        """Waits for its end and returns what it exited with."""
        self._ear.close()
        return self._process.wait(within)

    def _says(self, word: bytes) -> bool:
        with suppress(BlockingIOError):
            while True:
                self._said += self._ear.recv(4096)
        return word in self._said


_ARGUMENTS = ["run", "--config", "config.toml"]


def _python(folder: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from monitor.cli import main; main()", *_ARGUMENTS]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)


class _Fork:
    """A fork of a process that only imports, with the face of a Popen: a start costs a tenth of a second, not one."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._process = _nursery().Process(target=_run, args=(str(folder), environ), daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, within: float) -> int:
        self._process.join(within)
        if self._process.exitcode is None:
            raise TimeoutError(f"the daemon did not end within {within:g} s")
        return self._process.exitcode


@cache
def _nursery() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    # pytest, because a child imports the module that the test process was started from.
    context.set_forkserver_preload(["monitor.cli.outcome", "connectors.mastodon", "connectors.rss", "pytest", __name__])
    return context


def _run(folder: str, environ: dict[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    with open("log", "ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.argv = ["wellheard", *_ARGUMENTS]
    main()


class Scene:
    """One platform, one database, the inboxes, and the daemons that come and go between them."""

    def __init__(self, folder: Path, url: str, platform: Platform, sinks: Sinks, *, quick: bool) -> None:
        self.quick = quick
        self.folder, self.url, self.platform, self.sinks = folder, url, platform, sinks
        self.database = Database(url)
        self.daemons: list[Daemon] = []
        self.kills = 0
        self.in_doubt: Counter[str] = Counter()
        """How many kills found each notification claimed and not marked: only then may one more copy arrive."""
        (folder / "config.toml").write_text(self._config(), encoding="utf-8")

    def start(self, fail: str = "") -> Daemon:
        """Starts a daemon; with `fail`, one that dies at that point."""
        environ = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(ROOT),
            "WELLHEARD_FAIL": fail,
            "HOOK_SECRET": _SIGNING,
            **{f"HOOK_{name.upper()}": f"http://127.0.0.1:{self.sinks.hook_port}/{name}" for name in HOOKS},
        }
        daemon = Daemon(self.folder, environ, quick=self.quick)
        self.daemons.append(daemon)
        return daemon

    def kill(self, daemon: Daemon) -> None:
        """Kills a daemon and notes what it had in hand."""
        daemon.kill()
        self.bury(daemon)

    def bury(self, daemon: Daemon) -> None:
        """After a sudden end: notes what was in hand, and lets so much time pass that its leases have run out."""
        daemon.end()
        self.kills += 1
        if not self.database.sqlite:
            until(self._alone, 10, "the server to give up the connections of the killed daemon")
        with self.database.read() as tx:
            open_ = notifications.c.sent_at.is_(None) & notifications.c.failed_at.is_(None)
            held = select(notifications.c.id).where(notifications.c.lease.like(_leases(daemon)), open_)
            self.in_doubt.update(tx.execute(held).scalars())
        if not self.database.sqlite:  # on SQLite the next daemon frees them itself
            self.expire(daemon)

    def expire(self, daemon: Daemon) -> None:
        """Lets so much time pass for a daemon's leases that they have run out."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        with self.database.write() as tx:
            for table in (notifications, sources):
                tx.execute(update(table).where(table.c.lease.like(_leases(daemon))).values(leased_until=past))

    def nudge(self) -> None:
        """Makes every source due that has more to tell than is stored: the shortest interval that can be configured is
        longer than a test should take."""
        with self.database.read() as tx:
            behind = self._behind(tx)
        if behind:
            with self.database.write() as tx:
                now = datetime.now(UTC)
                tx.execute(update(sources).where(sources.c.name.in_(behind)).values(next_poll_at=now))

    def due(self) -> datetime:
        """Makes every source due and returns the time."""
        now = datetime.now(UTC)
        with self.database.write() as tx:
            tx.execute(update(sources).values(next_poll_at=now))
        return now

    def settle(self, within: float = 60) -> None:
        """Waits until all that was said is stored, judged and told."""
        until(self._settled, within, "everything to be stored, judged and told", says=self.left)

    def die(self, daemon: Daemon, within: float = 30) -> int:
        """Waits for a daemon that is to die by itself, gives it work meanwhile, and returns its exit code."""

        def ended() -> bool:
            self.nudge()
            return daemon.code is not None

        until(ended, within, "the daemon to reach its fail point")
        self.bury(daemon)
        return daemon.code or 0

    def left(self) -> str:
        """What is still to be done, in words; empty where nothing is."""
        with self.database.read() as tx:
            behind = self._behind(tx)
            unjudged = tx.execute(select(func.count()).where(~mentions.c.judged)).scalar_one()
            open_ = notifications.c.sent_at.is_(None) & notifications.c.failed_at.is_(None)
            unsent = tx.execute(select(func.count()).where(open_)).scalar_one()
            walked = tx.execute(select(func.count()).where(sources.c.walked_at.is_not(None))).scalar_one()
            held = self._held(tx)
        new = len(self.platform.towns) - walked
        counts = {"behind": behind, "unjudged": unjudged, "unsent": unsent, "not walked": new, "held": held}
        return ", ".join(f"{name} {number}" for name, number in counts.items() if number)

    def held(self) -> int:
        """How many leases there are."""
        with self.database.read() as tx:
            return self._held(tx)

    def log(self) -> str:
        """What the daemons said."""
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def close(self) -> None:
        """Ends what still runs."""
        for daemon in self.daemons:
            if daemon.code is None:
                daemon.kill()
            daemon.end()
        self.database.close()

    def _settled(self) -> bool:
        if all(daemon.code is not None for daemon in self.daemons):
            raise RuntimeError(f"no daemon is left to do it: {self.log()[-2000:]}")
        left = self.left()
        if left.startswith("behind"):
            self.nudge()
        return not left

    def _held(self, tx: Connection) -> int:
        tables = (sources, notifications)
        return sum(tx.execute(select(func.count()).where(one.c.lease.is_not(None))).scalar_one() for one in tables)

    def _behind(self, tx: Connection) -> list[str]:
        """The towns in which more was said than is stored."""
        query = select(mentions.c.source, func.count()).group_by(mentions.c.source)
        stored = {row[0]: row[1] for row in tx.execute(query)}
        return [town.name for town in self.platform.towns.values() if stored.get(town.name, 0) < len(town.said())]

    def _alone(self) -> bool:
        with self.database.read() as tx:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            return tx.execute(text(query)).scalar_one() == 0

    def _config(self) -> str:
        sections = [
            f'organisation = "Cedar Practice"\ndatabase = "{self.url}"\n',
            '[network]\ncontact = "webmaster@practice.example"\nallow = ["127.0.0.0/8"]\n',
            f'[smtp]\nhost = "127.0.0.1"\nport = {self.sinks.mail_port}\nsecurity = "none"\n'
            'from = "Wellheard <wellheard@practice.example>"\n',
            "[digest]\ninboxes = []\n",
            '[risks.threat_to_staff]\nack_within = "30d"\n',  # nobody answers here, and no test is about that
            *(_inbox(name, addresses) for name, addresses in PEOPLE.items()),
            *(f"[topics.{name}]\nquery = '{name}'\nlabels = {{ location = \"{name}\" }}\n"
              for name in self.platform.clinics),
            *(self._source(name) for name in self.platform.towns),
        ]  # fmt: skip
        return "\n".join(sections)

    def _source(self, name: str) -> str:
        town = self.platform.towns[name]
        here = f"http://127.0.0.1:{town.port}"
        options = f'url = "{here}/feed"' if town.connector == "rss" else f'instance = "{here}", hashtags = ["cedar"]'
        topics = ", ".join(f'"{clinic}"' for clinic in self.platform.clinics)
        return (
            f'[sources.{name}]\nconnector = "{town.connector}"\nevery = "1h"\n'
            f"topics = [{topics}]\noptions = {{ {options} }}\n"
        )


def _leases(daemon: Daemon) -> str:
    return f"%:{daemon.pid}:%"


def _inbox(name: str, addresses: tuple[str, ...]) -> str:
    lines = [f"[inboxes.{name}]", f"email = [{', '.join(f'{one!r}' for one in addresses)}]"]
    if name in HOOKS:
        hook = f'{{ url = {{ env = "HOOK_{name.upper()}" }}, secret = {{ env = "HOOK_SECRET" }} }}'
        lines.append(f"webhook = {hook}")
    return "\n".join([*lines, ""])


@contextmanager
def scene(
    folder: Path,
    url: str,
    *,
    seed: int = 1,
    timelines: int = 1,
    feeds: int = 1,
    clinics: int = 2,
    slow: float = 0.03,
    quick: bool = True,
) -> Iterator[Scene]:
    """A scene in `folder` on the empty database at `url`; what runs in it ends with the block."""
    with outside() as world:
        platform = Platform(world, seed, timelines=timelines, feeds=feeds, clinics=clinics)
        stage = Scene(folder, url, platform, Sinks(world, seed, slow=slow), quick=quick)
        try:
            stage.database.upgrade()
            yield stage
        finally:
            stage.close()


def until(done: Callable[[], bool], within: float, what: str, *, says: Callable[[], str] = str) -> bool:
    """Waits for real work of other processes: looks until `done`. Raises TimeoutError that says `what` was waited for."""
    deadline = time.monotonic() + within
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {within:g} s for {what}; {says()}")
        time.sleep(_LOOK_AGAIN)
    return True


def storm(stage: Scene, kills: int, dice: random.Random, *, posts: int, threats: int) -> Iterator[int]:
    """Kills daemons at random moments while people speak, `posts` and `threats` in all; yields the kills so far."""
    towns = list(stage.platform.towns)
    for number in range(kills):
        _speak(stage, dice, towns, _share(posts, number, kills), _share(threats, number, kills))
        stage.nudge()
        daemon = stage.start()
        if dice.random() < _DURING_START:
            time.sleep(dice.uniform(0, 1))
        else:
            daemon.ready()
            time.sleep(dice.uniform(0.02, 1.5))
        stage.kill(daemon)
        yield number + 1


_DURING_START = 0.15
"""How many of the kills hit a daemon that is not up yet."""


def _share(total: int, number: int, parts: int) -> int:
    return total * (number + 1) // parts - total * number // parts


def _speak(stage: Scene, dice: random.Random, towns: list[str], posts: int, threats: int) -> None:
    """Spreads posts over a few towns, so that some have more to tell than fits on one page."""
    for town in dice.sample(towns, min(len(towns), 3)):
        here = posts if town == towns[-1] else min(posts, dice.randint(1, max(1, posts)))
        dangerous = min(threats, here)
        if here:
            stage.platform.publish(town, here, threats=dangerous)
        posts, threats = posts - here, threats - dangerous
    if posts:
        stage.platform.publish(dice.choice(towns), posts, threats=threats)
