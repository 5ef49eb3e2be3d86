"""A daemon as a real process between a real platform and real inboxes: started, killed, stopped, and waited for."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select, text, update

from monitor.schema import mentions, notifications, sources
from monitor.store import Database
from tests.crash.outside import outside
from tests.crash.platform import Platform
from tests.crash.process import Daemon, until
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


_COMMON = """\
organisation = "Cedar Practice"
database = "{url}"

[network]
contact = "webmaster@practice.example"
allow = ["127.0.0.0/8"]

[smtp]
host = "127.0.0.1"
port = {port}
security = "none"
from = "Wellheard <wellheard@practice.example>"

[digest]
inboxes = []

# Nobody answers here, and no test is about that.
[risks.threat_to_staff]
ack_within = "30d"
"""


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

    def start(self, fail: str = "", *, quick: bool | None = None) -> Daemon:
        """Starts a daemon; with `fail`, one that dies at that point."""
        environ = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(ROOT),
            "WELLHEARD_FAIL": fail,
            "HOOK_SECRET": _SIGNING,
            **{f"HOOK_{name.upper()}": f"http://127.0.0.1:{self.sinks.hook_port}/{name}" for name in HOOKS},
        }
        daemon = Daemon(self.folder, environ, quick=self.quick if quick is None else quick)
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

    def wait(self, done: Callable[[], bool], what: str, within: float = 60) -> None:
        """Gives the daemon work and waits until `done`."""

        def looked() -> bool:
            self.nudge()
            return done()

        until(looked, within, what, says=self.left)

    def settle(self, within: float = 60) -> None:
        """Waits until all that was said is stored, judged and told."""
        until(self._settled, within, "everything to be stored, judged and told", says=self.left)

    def die(self, daemon: Daemon, within: float = 60) -> int:
        """Waits for a daemon that is to die by itself, gives it work meanwhile, and returns its exit code."""
        self.wait(lambda: daemon.code is not None, "the daemon to reach its fail point", within)
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
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            return not tx.execute(text(f"SELECT count(*) FROM pg_stat_activity WHERE {others}")).scalar_one()

    def _config(self) -> str:
        clinics = [
            f"[topics.{name}]\nquery = '{name}'\nlabels = {{ location = '{name}' }}\n" for name in self.platform.clinics
        ]
        inboxes = [_inbox(name, addresses) for name, addresses in PEOPLE.items()]
        towns = [self._source(name) for name in self.platform.towns]
        return "\n".join([_COMMON.format(url=self.url, port=self.sinks.mail_port), *inboxes, *clinics, *towns])

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
    lines = [f"[inboxes.{name}]", "at_most = 10000", f"email = [{', '.join(f'{one!r}' for one in addresses)}]"]
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


def storm(stage: Scene, kills: int, dice: random.Random, *, posts: int, threats: int) -> Iterator[int]:
    """Kills daemons at random moments while people speak, `posts` and `threats` in all; yields the kills so far."""
    for number in range(kills):
        _speak(stage, dice, _share(posts, number, kills), _share(threats, number, kills))
        stage.nudge()
        if dice.random() < _DURING_START:
            daemon = stage.start(quick=False)
            time.sleep(dice.uniform(0, 1))
        else:
            daemon = stage.start()
            daemon.ready()
            time.sleep(dice.uniform(0.02, 1.5))
        stage.kill(daemon)
        yield number + 1


_DURING_START = 0.15
"""How many of the kills hit a daemon that is not up yet."""


def _share(total: int, number: int, parts: int) -> int:
    return total * (number + 1) // parts - total * number // parts


def _speak(stage: Scene, dice: random.Random, posts: int, threats: int) -> None:
    """Says so much in a few towns, so that some have more to tell than fits on one page."""
    towns = dice.sample(list(stage.platform.towns), min(len(stage.platform.towns), 3))
    for number, town in enumerate(towns, 1):
        here = posts if number == len(towns) else dice.randint(0, posts)
        dangerous = min(threats, here)
        stage.platform.publish(town, here, threats=dangerous)
        posts, threats = posts - here, threats - dangerous
