"""What people and the daemon ask of a store of 1,000,000 mentions: lists, a judge's page, a digest, the outbox, the rest.

    python benchmarks/million.py [--quick] [--rows 1000000] [--postgresql] [--keep FILE] [--seed 7]

The store is filled through `mentions.add` with ten weeks, a tenth of the mentions a week: posts, comments and reviews of 14 to 60
words from 40 sources, 1 % with signals, 3 % our own replies. With them come an incident for every tenth of the risky ones
and a notification, sent long ago, for every tenth mention. Then each question is asked in turns, 5 rounds, on the store as
the daemon opens it. Commands are whole processes: their start is in the figures, and in a row of its own.
`--keep` leaves the SQLite file there, and takes it as it is the next time.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import httpx
import psutil
from sqlalchemy import insert

from benchmarks.measure import Spent, cpu, in_turns, machine, options, spent, table, wall
from benchmarks.texts import Texts
from monitor import digest, log, schema
from monitor.assess import Assessor
from monitor.config import load
from monitor.model import Incident, Kind, Level, Mention, State
from monitor.pipeline import Line, judge
from monitor.pipeline.line import assemble
from monitor.pipeline.report import numbers, render
from monitor.store import Database, incidents, mentions, outbox, sources
from monitor.store.incidents import Match
from monitor.store.mentions import Fresh
from monitor.timing import Period
from tests.postgres import postgres

WEEKS = 10
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
"""The commands read the real clock, so the ten weeks end now."""
_CONFIG = """
organisation = "Practice Hospital"
brands = ["Practice Hospital"]
database = "{url}"
[inboxes.marketing]
folder = "mail/marketing"
[inboxes.risk]
folder = "mail/risk"
[rules.unanswered]
kinds = ["review"]
stars_below = 3
unanswered_for = "48h"
inboxes = ["marketing"]
[sources.site-0]
connector = "rss"
options = {{ url = "https://site0.example/feed" }}
"""
_COMMAND = "import sys; from monitor.cli import main; sys.exit(main())"


class Said:
    """A store's worth of assessed mentions: some thousand texts, under ever new ids."""

    def __init__(self, seed: int, distinct: int) -> None:
        made, self.random, assessor = Texts(seed), random.Random(seed), Assessor(brands=["Practice Hospital"])
        some = [_said(made.text(self.random.choice((14, 14, 30, 60)))) for _ in range(distinct)]
        found = [(one, assessor.assess(one)) for one in some]
        self.risky = [pair for pair in found if pair[1].signals]
        self.calm = [pair for pair in found if not pair[1].signals]
        self.numbers = count(1)

    def some(self, how_many: int, at: datetime, *, judged: bool = True) -> list[Fresh]:
        """New mentions, published shortly before `at`."""
        return [self._one(next(self.numbers), at, judged=judged) for _ in range(how_many)]

    def _one(self, number: int, at: datetime, *, judged: bool) -> Fresh:
        pick = self.random
        one, assessment = pick.choice(self.risky if pick.random() < 0.01 else self.calm)
        ours = number % 33 == 0
        kind = Kind.COMMENT if ours else (Kind.POST, Kind.REVIEW, Kind.COMMENT)[number % 3]
        one = Mention(
            external_id=f"at://did:plc:writer{number % 977:018}/app.bsky.feed.post/3k{number:011}",
            kind=kind,
            text=one.text,
            published_at=at - timedelta(seconds=pick.randrange(3600)),
            author=f"writer{number % 977}",
            url=f"https://social.example/{number}",
            stars=pick.choice((1, 2, 4, 5, 5, 5)) if kind is Kind.REVIEW else None,
            parent_id=f"at://did:plc:writer{(number - 2) % 977:018}/app.bsky.feed.post/3k{number - 2:011}"
            if ours
            else None,
            ours=ours,
            engagement=number % 90,
            audience=number % 5000,
        )
        labels = {"location": f"Campus {number % 12}"}
        return Fresh(mention=one, assessment=assessment, topics=("main",), labels=labels, history=False, judged=judged)


def _said(words: str) -> Mention:
    return Mention(external_id="1", kind=Kind.POST, text=words, published_at=NOW)


def fill(database: Database, said: Said, rows: int) -> None:
    """Ten weeks of mentions, what became of them, and the old notifications."""
    start, begun, batch = process_time(), perf_counter(), min(5_000, rows // 200)
    with database.write() as tx:
        names = {f"site-{number}": "rss" for number in range(40)}
        sources.sync(tx, names, dict.fromkeys(names, NOW), NOW - timedelta(weeks=WEEKS))
    for done in range(0, rows, batch):
        at = NOW - timedelta(weeks=WEEKS) * (1 - done / rows)
        source = f"site-{done // batch % 40}"
        with database.write() as tx:
            mentions.add(tx, "rss", source, said.some(min(batch, rows - done), at), at)
        _progress(done + batch, rows)
    with database.write() as tx:
        _incidents(tx)
        _notifications(tx, rows // 10)
    print(f"\rfilled with {rows:,} mentions in {process_time() - start:.0f} s of CPU, {perf_counter() - begun:.0f} s")


def _progress(done: int, rows: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done / rows:.0%} filled", end="", file=sys.stderr, flush=True)


def _incidents(tx: Any) -> None:
    """An incident, resolved unless it is a new one, for every ten risky mentions."""
    risky = list(mentions.listed(tx, order="risk"))
    for at in range(0, len(risky), 10):
        some = sorted(risky[at : at + 10], key=lambda one: one.id)
        first = some[0]
        seen, signal = first.first_seen_at, first.assessment.signals[0]
        state = State.RESOLVED if at % 200 or seen < NOW - timedelta(weeks=1) else State.OPEN
        one = Incident(
            id=0, rule=signal.risk, group=f"Group {at}", risk=signal.risk, level=Level.WARNING, impact=signal.impact,
            likelihood=signal.likelihood, state=state, opened_at=seen, inboxes=("risk",), mentions=len(some), told_at=seen,
            told_mentions=len(some), resolved_at=seen + timedelta(hours=9) if state is State.RESOLVED else None,
        )  # fmt: skip
        one = incidents.save(tx, one)
        found = [
            Match(rule=one.rule, group=one.group, mention_id=mention.id, at=seen, impact=2, likelihood=0.5)
            for mention in some
        ]
        incidents.match(tx, found)
        incidents.attach(tx, one.id, one.rule, [mention.id for mention in some])


def _notifications(tx: Any, many: int) -> None:
    said = {
        "subject": "s" * 60,
        "text": "t" * 600,
        "html": "h" * 1200,
        "data": {"type": "incident.opened"},
        "headers": {},
    }
    rows = (
        {
            "id": f"old-{number}", "key": f"incident/old/{number}", "reason": "opened", "inbox": "risk",
            "channel": "folder", "recipient": "folder", "message": said, "attempts": 1,
            "created_at": NOW - timedelta(weeks=WEEKS) * (1 - number / many),
            "due_at": NOW - timedelta(weeks=WEEKS) * (1 - number / many), "sent_at": NOW - timedelta(hours=1),
        }
        for number in range(many)
    )  # fmt: skip
    while some := list(islice(rows, 5_000)):
        tx.execute(insert(schema.notifications), some)


class Stand:
    """The filled store, and the questions."""

    def __init__(self, line: Line, said: Said, config: Path) -> None:
        self.line, self.said, self.config = line, said, config
        self.numbers = count(1)
        self.week = Period(name="2026-W09", since=NOW - timedelta(weeks=1), until=NOW + timedelta(hours=1))

    def page(self, *, rule: bool) -> Spent:
        """Judges 500 new mentions; with the rule for the unanswered only where `rule` holds."""
        with self.line.database.write() as tx:
            mentions.add(tx, "rss", "site-0", self.said.some(500, NOW, judged=False), NOW)
        rules = self.line.rules
        self.line.rules = {name: one for name, one in rules.items() if rule or one.unanswered_for is None}
        with spent() as found:
            judge(self.line)
        self.line.rules = rules
        return found

    def nothing(self) -> Spent:
        """Judges when nothing is new: what the daemon does every five seconds."""
        with spent() as found:
            judge(self.line)
        return found

    def digest(self) -> Spent:
        with spent() as found, self.line.database.read() as tx:
            render(self.line, numbers(tx, self.week, NOW), "marketing", NOW)
        return found

    def tallied(self) -> Spent:
        """The digest's own work without the store's: counting what was read."""
        with self.line.database.read() as tx:
            week = list(mentions.listed(tx, since=self.week.since, until=self.week.until))
        with spent() as found:
            digest.build(self.week, mentions=week, incidents=(), sources=(), notifications=(), now=NOW)
        return found

    def claim(self) -> Spent:
        with self.line.database.write() as tx:
            outbox.replay(tx, f"old-{next(self.numbers)}", NOW)
        with spent() as found, self.line.database.write() as tx:
            claimed = outbox.claim(tx, NOW, lease="bench", until=NOW + timedelta(minutes=2), limit=4)
        with self.line.database.write() as tx:
            for one in claimed:
                outbox.sent(tx, one, NOW)
        assert claimed
        return found

    def ask(self, question: Callable[[Any], object]) -> Callable[[], Spent]:
        """A question to the store alone."""

        def asked() -> Spent:
            with spent() as found, self.line.database.read() as tx:
                question(tx)
            return found

        return asked

    def command(self, *words: str) -> Callable[[], Spent]:
        """A whole process."""

        def run() -> Spent:
            before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _COMMAND, *words, "--config", self.config], cwd=self.config.parent,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, check=False,
            )  # fmt: skip
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert done.returncode in {0, 1}, done.stderr.decode()[-500:]
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            return Spent(used, perf_counter() - begun)

        return run

    def questions(self) -> dict[str, Callable[[], Spent]]:
        """Everything that is asked, by what it is."""
        week = NOW - timedelta(weeks=1)
        return {
            "`mentions --since 7d` (200 shown)": self.command("mentions", "--since", "7d"),
            "`mentions QUERY --since 7d`, few match": self.command("mentions", "needles AND dog", "--since", "7d"),
            "`mentions --risk threat_to_staff`": self.command("mentions", "--risk", "threat_to_staff"),
            "`mentions --sort reach`": self.command("mentions", "--sort", "reach"),
            "`incidents`": self.command("incidents"),
            "`connectors` (what a start costs)": self.command("connectors"),
            "judge, nothing new": self.nothing,
            "judge 500 new mentions, without `unanswered_for`": lambda: self.page(rule=False),
            "judge 500 new mentions": lambda: self.page(rule=True),
            "digest of the last week, rendered": self.digest,
            "- of it counting": self.tallied,
            "claim a due notification among the old": self.claim,
            "count the week's mentions": self.ask(lambda tx: mentions.count(tx, since=week)),
            "what a source held before we watched": self.ask(lambda tx: list(mentions.history_of(tx, "site-7"))),
        }


def measured(line: Line, said: Said, config: Path, rounds: int, name: str) -> None:
    """Prints the table of one store."""
    stand = Stand(line, said, config)
    with line.database.read() as tx:
        total, last = mentions.count(tx), mentions.count(tx, since=stand.week.since)
    before = psutil.Process().memory_info().rss
    digest_peak = _peak(stand.digest)
    found = in_turns(stand.questions(), rounds)
    rows = [[question, cpu(some) * 1000, wall(some) * 1000] for question, some in found.items()]
    files = line.database.file.parent.glob(f"{line.database.file.name}*") if line.database.sqlite else ()
    file = f", {sum(one.stat().st_size for one in files) / 1e6:,.0f} MB" if line.database.sqlite else ""
    note = (
        f"{total:,} mentions{file}, {last:,} of them in the last week. This process held {before / 1e6:.0f} MB with the store"
        f" open, {digest_peak / 1e6:.0f} MB at the most while it made a digest, {psutil.Process().memory_info().rss / 1e6:.0f}"
        " MB at the end (the benchmark's own texts are some 60 MB of it)."
    )
    table(f"{name}: milliseconds", ["what", "CPU", "wall"], rows, note=note)


def _peak(work: Callable[[], object]) -> int:
    """The memory of this process at its highest so far, after `work`."""
    work()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _lines(folder: Path, url: str) -> tuple[Line, Path]:
    config = folder / "config.toml"
    config.write_text(_CONFIG.format(url=url))
    loaded = load(config, environ={})
    line = assemble(loaded, httpx.AsyncClient(), now=lambda: NOW, lease="bench")
    return line, config


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--rows", type=int, default=0, help="1,000,000; 20,000 with --quick")
    parser.add_argument("--postgresql", action="store_true", help="a throw-away PostgreSQL, too")
    parser.add_argument("--keep", type=Path, help="an SQLite file to leave there, or to use")
    chosen = parser.parse_args()
    log.configure(json=False, stream=sys.stderr, level="ERROR")
    rows, rounds = chosen.rows or (20_000 if chosen.quick else 1_000_000), 2 if chosen.quick else 5
    said = Said(chosen.seed, 2_000)
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        file = (chosen.keep or folder / "wellheard.db").resolve()
        urls = {"SQLite": f"sqlite:///{file}"}
        if chosen.postgresql:
            server = stack.enter_context(postgres())
            urls["PostgreSQL"] = server.url(server.create())
        for name, url in urls.items():
            line, config = _lines(folder, url)
            filled = name == "SQLite" and file.exists()
            line.database.upgrade()
            if filled:
                said.numbers = count(10 * rows + int(perf_counter()))
            else:
                fill(line.database, said, rows)
            measured(line, said, config, rounds, name)
            line.close()
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
