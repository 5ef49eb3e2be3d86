"""Mentions a second and core, from the bytes of a response to committed rows, stage by stage, against a naive pipeline.

    python benchmarks/line.py [--quick] [--case NAME] [--data DIR] [--profile CASE] [--seed 7]

The whole line is the product's own: a connector walks pages that an in-memory transport hands it, `poll` ingests each into
SQLite (WAL, synchronous=FULL) in one transaction. Then each stage is measured alone over the same input, in the same round:

fetch   httpx around the canned answer, and the connector's walk          assess  language, sentiment, themes, signals
parse   bytes to JSON, or to a feed's entries                             store   known, add, orphans, cursor, commit
read    items or entries to mentions                                      rest    the whole less all of these
topics  200 boolean queries over 1,000 phrases

Texts are made from the seed: posts of 14 words in pages of 100 (Bluesky) or 40 (Mastodon), entries of 100 words in documents
of 100 (RSS). `--data` takes the `text` of JSONL files instead. With topics, each text names one of 200 clinics, so that
all are kept; "2 %" is what a newspaper's feed is like: read and matched, mostly not kept. The naive line is feedparser's
defaults or json, stock vaderSentiment, one regular expression a phrase and a rule, and an INSERT a row.

Stock vaderSentiment scores short posts in every round, too: how many mentions go down the line while it scores one is a
figure that a busy machine, or one of another speed, changes least. "Scaled" is that times 29,401, the posts a second that
it scored on the machine for which the floors and goals were set.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import html
import json
import pstats
import re
import shutil
import sqlite3
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import feedparser
import httpx
from pydantic_core import from_json
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

import monitor.assess
from benchmarks import texts
from benchmarks.measure import Spent, cpu, in_turns, machine, options, ratio, spent, table
from benchmarks.texts import NOW, Texts
from connectors.kit import feed
from connectors.kit.feed.reading import Reading
from monitor import log
from monitor.config import load
from monitor.connector import Page
from monitor.model import Kind, Mention, SourceState
from monitor.pipeline import Line, poll
from monitor.pipeline.line import assemble
from monitor.store import Database, mentions, sources
from monitor.store.mentions import Fresh

FLOOR = NOW - timedelta(days=30)
SIZES = {"bluesky": (100, 14), "mastodon": (40, 14), "rss": (100, 100)}
"""Mentions in a page and words in a mention, by platform."""
STOCK_POSTS = 29_401
GOALS = {"bluesky": "15,000 / 30,000", "mastodon": "15,000 / 30,000", "rss": "3,000 / 5,000"}


@dataclass(slots=True)
class Case:
    """One platform's answers, and the sources that read them."""

    name: str
    platform: str
    bodies: list[bytes]
    topics: bool
    sources: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many mentions the answers hold."""
        return len(self.bodies) * SIZES[self.platform][0]


def cases(made: Texts, names: list[str], pages: int, data: Path | None) -> list[Case]:
    """Each platform without topics, with topics of which all match, and with topics of which few do."""
    found = []
    for platform, (a_page, words) in SIZES.items():
        count = pages * 100 // (2 if platform == "rss" else 1) // a_page
        for title, topics, share in (("", False, 1.0), (", 200 topics", True, 1.0), (", 200 topics, 2 %", True, 0.02)):
            said = texts.corpus(made, count * a_page, words, names=names, share=share, data=data)
            some = [said[at : at + a_page] for at in range(0, len(said), a_page)]
            found.append(Case(f"{platform}{title}", platform, _bodies(platform, some), topics))
    return found


def _bodies(platform: str, pages: list[list[str]]) -> list[bytes]:
    if platform == "bluesky":
        last = len(pages) - 1
        return [texts.bluesky(said, at, None if at == last else str(at + 1)) for at, said in enumerate(pages)]
    write = texts.mastodon if platform == "mastodon" else texts.rss
    return [write(said, at) for at, said in enumerate(pages)]


OUTSIDE = """
organisation = "Practice Hospital"
brands = ["Practice Hospital", "practicehosp"]
[inboxes.marketing]
folder = "mail"
[inboxes.risk]
folder = "mail"
"""


class Canned(httpx.AsyncBaseTransport):
    """Answers from memory: each host has its bodies, and a request names the number of one or means the first."""

    def __init__(self) -> None:
        self.hosts: dict[str, tuple[str, list[bytes]]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        platform, bodies = self.hosts[request.url.host]
        if request.method == "POST":
            return httpx.Response(200, json={"did": "did:plc:us", "accessJwt": "a", "refreshJwt": "r"})
        at = int(request.url.params.get("cursor") or request.url.params.get("max_id") or 0)
        headers = {"content-type": "application/rss+xml" if platform == "rss" else "application/json"}
        if platform == "mastodon" and at + 1 < len(bodies):
            headers["link"] = f'<{request.url.copy_set_param("max_id", at + 1)}>; rel="next"'
        return httpx.Response(200, headers=headers, content=bodies[at])


def configuration(all_cases: Sequence[Case], topics: dict[str, str], canned: Canned) -> str:
    """A config.toml with a source for each walk of each case."""
    parts = [OUTSIDE]
    parts += [
        f"[topics.{name}]\nquery = '{query}'\nlabels = {{ location = '{name}' }}\n" for name, query in topics.items()
    ]
    for number, case in enumerate(all_cases):
        walks = [[body] for body in case.bodies] if case.platform == "rss" else [case.bodies]
        for at, bodies in enumerate(walks):
            name, host = f"case{number}-{at}", f"case{number}-{at}.example"
            case.sources.append(name)
            canned.hosts[host] = case.platform, bodies
            kept = f"topics = {json.dumps(list(topics))}\n" if case.topics else ""
            parts.append(
                f'[sources.{name}]\nconnector = "{case.platform}"\n{kept}options = {_options(case.platform, host)}\n'
            )
    return "\n".join(parts)


def _options(platform: str, host: str) -> str:
    return {
        "bluesky": f'{{ handle = "us.example", app_password = {{ env = "WORD" }}, service = "https://{host}", queries = ["x"] }}',
        "mastodon": f'{{ instance = "https://{host}", hashtags = ["care"] }}',
        "rss": f'{{ url = "https://{host}/rss" }}',
    }[platform]


class Stand:
    """The line with its fresh databases, and each stage of it alone."""

    def __init__(self, line: Line, folder: Path, loop: asyncio.Runner) -> None:
        self.line, self.folder, self.loop = line, folder, loop
        line.assessor.name  # noqa: B018  # read now, and put aside as the daemon does
        gc.collect()
        gc.freeze()
        self.template = folder / "template.db"
        first = Database(f"sqlite:///{self.template}")
        first.upgrade()
        first.close()
        self.number = 0

    def fresh(self, case: Case) -> list[SourceState]:
        """An empty database in the line, and the case's sources claimed in it."""
        self.line.database.close()
        for old in self.folder.glob("round-*"):
            old.unlink()
        self.number += 1
        file = self.folder / f"round-{self.number}.db"
        shutil.copy(self.template, file)
        self.line.database = Database(f"sqlite:///{file}")
        states = []
        with self.line.database.write() as tx:
            for name in case.sources:
                sources.ensure(tx, name, case.platform, NOW - timedelta(days=1))
                state = sources.claim_one(tx, name, NOW, lease=self.line.lease, until=NOW + timedelta(minutes=5))
                assert state is not None
                states.append(state)
        return states

    def whole(self, case: Case) -> Spent:
        """Bytes to committed rows."""
        states = self.fresh(case)

        async def walk() -> int:
            done = [await poll(self.line, state) for state in states]
            assert not any(one.error for one in done), [one.error for one in done if one.error]
            return sum(one.new for one in done)

        with spent() as found:
            new = self.loop.run(walk())
        assert new == case.size or (case.topics and new), f"{new} of {case.size} were stored"
        return found

    def walked(self, case: Case) -> tuple[Spent, list[tuple[str, list[Page]]]]:
        """Bytes to mentions, and the pages."""
        pages: list[tuple[str, list[Page]]] = []

        async def walk() -> None:
            for name in case.sources:
                async with aclosing(self.line.connectors(name).poll({}, FLOOR)) as some:
                    pages.append((name, [page async for page in some]))

        with spent() as found:
            self.loop.run(walk())
        return found, pages

    def stages(self, case: Case) -> dict[str, Spent]:
        """Each stage alone, over the whole case."""
        found: dict[str, Spent] = {}
        found["walk"], pages = self.walked(case)
        with spent() as found["parse"]:
            parsed = [_parse(case.platform, body) for body in case.bodies]
        with spent() as found["read"]:
            self._read(case, parsed)
        said = [(name, mention) for name, some in pages for page in some for mention in page.mentions]
        about: dict[str, Any] = {}
        if case.topics:
            with spent() as found["topics"]:
                about = {one.external_id: self._hits(name, one) for name, one in said}
            said = [(name, one) for name, one in said if about[one.external_id]]
        with spent() as found["assess"]:
            found_of = self.line.assessor.assess_all([(one, None) for _, one in said])
            assessed = {one.external_id: assessment for (_, one), assessment in zip(said, found_of, strict=True)}
        ready = [
            (name, page, [_fresh(one, about, assessed) for one in page.mentions if one.external_id in assessed])
            for name, some in pages
            for page in some
        ]
        self.fresh(case)
        with spent() as found["store"]:
            for name, page, rows in ready:
                self._store(case.platform, name, page, rows)
        return found

    def _read(self, case: Case, parsed: list[Any]) -> None:
        connector: Any = self.line.connectors(case.sources[0])
        for found in parsed:
            if case.platform == "rss":
                reading = Reading(found, url=httpx.URL("https://case.example/rss"), date="", floor=FLOOR)
                reading.page(reading.distinct({})[0])
            else:
                items = found["posts"] if case.platform == "bluesky" else found
                connector.arrivals(items)
                connector.page(items, FLOOR)

    def _hits(self, name: str, one: Mention) -> Any:
        source = self.line.config.sources[name]
        return self.line.topics.match(one, source=name, labels=source.labels, only=source.topics)

    def _store(self, platform: str, name: str, page: Page, rows: list[Fresh]) -> None:
        keys = [one.external_id for one in page.mentions]
        with self.line.database.write() as tx:
            mentions.known(tx, platform, keys)
            mentions.add(tx, platform, name, rows, NOW)
            mentions.orphans(tx, platform, keys)
            until = NOW + timedelta(minutes=5)
            sources.move(tx, name, self.line.lease, page.cursor, new=len(rows), skipped=0, now=NOW, until=until)


def _parse(platform: str, body: bytes) -> Any:
    if platform == "rss":
        return feed.read(body, {"content-type": "application/rss+xml"}, "https://case.example/rss")
    return from_json(body, cache_strings="keys")


def _fresh(one: Mention, about: dict[str, Any], assessed: dict[str, Any]) -> Fresh:
    topics = tuple(about.get(one.external_id) or ())
    labels = {"location": topics[-1]} if topics else {}
    found = assessed[one.external_id]
    return Fresh(mention=one, assessment=found, topics=topics, labels=labels, history=False, judged=False)


class Naive:
    """The line as one would write it first."""

    def __init__(self, topics: Iterable[str], folder: Path) -> None:
        phrases = [phrase for query in topics for phrase in re.findall(r'"([^"]+)"|(\b[a-z]{5,}\b)', query)]
        self.phrases = [re.compile(rf"\b{re.escape(a or b)}\b", re.IGNORECASE) for a, b in phrases]
        self.rules = [re.compile(rf"\b{word}\b", re.IGNORECASE) for word in _rule_words()]
        self.sentiment = SentimentIntensityAnalyzer()
        self.file = folder / "naive.db"

    def run(self, case: Case, bodies: list[bytes]) -> Spent:
        """Bytes to committed rows, one page a transaction."""
        self.file.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.file)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE mentions (id INTEGER PRIMARY KEY, key TEXT UNIQUE, said TEXT, found TEXT)")
            with spent() as found:
                for body in bodies:
                    for key, text in _naively(case.platform, body):
                        hits = [number for number, phrase in enumerate(self.phrases) if phrase.search(text)]
                        risks = [number for number, rule in enumerate(self.rules) if rule.search(text)]
                        row = key, text, json.dumps([hits, risks, self.sentiment.polarity_scores(text)])
                        with suppress(sqlite3.IntegrityError):
                            database.execute("INSERT INTO mentions (key, said, found) VALUES (?, ?, ?)", row)
                    database.commit()
        return found


def _rule_words() -> list[str]:
    """Three hundred words that our own risk rules look for."""
    files = sorted(Path(monitor.assess.__file__).with_name("risks").glob("*.toml"))
    rules = [rule for file in files for rule in tomllib.loads(file.read_text())["rules"]]
    words = {word for rule in rules for find in rule["find"] for word in re.findall(r"[a-z]{4,}", find)}
    return sorted(words)[:300]


def _naively(platform: str, body: bytes) -> Iterator[tuple[str, str]]:
    if platform == "rss":
        for entry in feedparser.parse(body).entries:
            yield entry.id, f"{entry.title} {html.unescape(re.sub('<[^>]+>', ' ', entry.summary))}"
    elif platform == "bluesky":
        for post in json.loads(body)["posts"]:
            yield post["uri"], post["record"]["text"]
    else:
        for status in json.loads(body):
            yield status["uri"], html.unescape(re.sub("<[^>]+>", " ", status["content"]))


STAGES = ("fetch", "parse", "read", "topics", "assess", "store", "rest")


def measured(
    stand: Stand, naive: Naive, posts: list[str], case: Case, rounds: int
) -> tuple[list[object], list[object]]:
    """A case's rows in the two tables; `posts` are what the stock package scores beside it."""
    alone: dict[str, list[Spent]] = {}

    def stages() -> Spent:
        for name, one in stand.stages(case).items():
            alone.setdefault(name, []).append(one)
        return Spent()

    few = case.bodies[: 1 if case.platform == "rss" else 3]
    ways: dict[str, Callable[[], Spent]] = {"whole": lambda: stand.whole(case), "stages": stages}
    ways["naive"] = lambda: naive.run(case, few)
    ways["stock"] = lambda: stock(naive.sentiment, posts)
    found = in_turns(ways, rounds)
    each = {name: cpu(some[1:]) / case.size * 1e6 for name, some in alone.items()}
    total, slow = cpu(found["whole"]) / case.size * 1e6, cpu(found["naive"]) / len(few) / SIZES[case.platform][0] * 1e6
    each["fetch"] = each.pop("walk") - each["parse"] - each["read"]
    each["rest"] = total - sum(each.values())
    factor = len(case.bodies) / len(few) * 1 / ratio(found["whole"], found["naive"])
    speeds = [case.size / one.cpu for one in found["whole"]]
    beside = case.size / len(posts) / ratio(found["whole"], found["stock"])
    speed = [case.name, 1e6 / total, f"{min(speeds):,.0f}-{max(speeds):,.0f}", len(posts) / cpu(found["stock"]), beside]
    speed += [beside * STOCK_POSTS, GOALS[case.platform], 1e6 / slow, factor]
    return speed, [case.name, *(each.get(name, 0.0) for name in STAGES), total]


def stock(sentiment: SentimentIntensityAnalyzer, posts: list[str]) -> Spent:
    """The stock package over short posts."""
    with spent() as found:
        for post in posts:
            sentiment.polarity_scores(post)
    return found


def worst(line: Line, emoji: int) -> list[list[object]]:
    """Texts that keep the stock package busy, and what they cost here: milliseconds, by the wall."""
    stock = SentimentIntensityAnalyzer()
    rows: list[list[object]] = []
    for name, text in (
        (f"a comment of {emoji:,} emoji", "😂" * emoji),
        ("5,000 words, two in five of them opinions", "not so good , terribly awful but " * 833),
    ):
        one = Mention(external_id="1", kind=Kind.COMMENT, text=text, published_at=NOW)
        took = []
        for way in (
            lambda: stock.polarity_scores(text),  # noqa: B023  # called before the next text
            lambda: line.assessor.assess(one, None),  # noqa: B023
            lambda: line.topics.match(one, source="x", labels={}),  # noqa: B023
        ):
            start = perf_counter()
            way()
            took.append((perf_counter() - start) * 1000)
        rows.append([name, len(text), *took])
    return rows


def profile(stand: Stand, case: Case) -> None:
    """Prints where the whole line's time goes, function by function."""
    stand.whole(case)
    profiler = cProfile.Profile(thread_time)
    run, stand.line.executor = stand.line.executor, _Here()  # type: ignore[assignment]
    profiler.runcall(stand.whole, case)
    stand.line.executor = run
    pstats.Stats(profiler).sort_stats("tottime").print_stats(35)


class _Here:
    """An executor that works in the caller's thread, where the profiler sees it."""

    def submit(self, work: Callable[[], Any]) -> Any:
        import concurrent.futures

        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        done.set_result(work())
        return done


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--data", type=Path, help="a folder of JSONL files; the text of each line is used")
    parser.add_argument("--case", help="measure only the case of this name")
    parser.add_argument("--profile", help="profile the case of this name instead, such as rss or 'rss, 200 topics'")
    chosen = parser.parse_args()
    log.configure(json=False, stream=sys.stderr, level="WARNING")
    made, canned = Texts(chosen.seed), Canned()
    topics, names = texts.queries(made)
    every = cases(made, names, 4 if chosen.quick else 20, chosen.data)
    with tempfile.TemporaryDirectory() as place, asyncio.Runner() as loop:
        folder = Path(place)
        (folder / "config.toml").write_text(configuration(every, topics, canned))
        config = load(folder / "config.toml", environ={"WORD": "word"})
        client = httpx.AsyncClient(transport=canned)
        line = assemble(config, client, now=lambda: NOW, lease="bench")
        stand = Stand(line, folder, loop)
        if chosen.profile:
            profile(stand, next(case for case in every if case.name == chosen.profile))
        else:
            posts = [made.text(14) for _ in range(1000)]
            some = [case for case in every if chosen.case in (None, case.name)]
            show(stand, Naive(topics.values(), folder), posts, some, 2 if chosen.quick else 5)
        loop.run(client.aclose())
        line.close()


def show(stand: Stand, naive: Naive, posts: list[str], every: Sequence[Case], rounds: int) -> None:
    """Prints the three tables."""
    rows = [measured(stand, naive, posts, case, rounds) for case in every]
    print(machine())
    head = ["case", "mentions/CPU s", "min-max", "stock VADER/CPU s", "times stock", "scaled", "floor / goal", "naive",
            "times naive"]  # fmt: skip
    table("From bytes to committed rows", head, [speed for speed, _ in rows])
    table("Microseconds of CPU a mention, by stage", ["case", *STAGES, "whole"], [by_stage for _, by_stage in rows])
    head = ["text", "characters", "stock vaderSentiment", "assess", "200 topics"]
    table("The worst texts, milliseconds", head, worst(stand.line, 2000 if rounds > 2 else 500))


if __name__ == "__main__":
    main()
