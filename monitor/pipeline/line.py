"""What every step of the line is given: the configuration made into working parts, and the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import Lock
from typing import ParamSpec, TypeVar

import httpx

from monitor import rules as rulebook
from monitor import voice
from monitor.assess import Assessor
from monitor.channels import Channel, Discord, Email, Extra, Folder, Slack, Smtp, Teams, Webhook
from monitor.config import Config
from monitor.connector import Access, Connector, load
from monitor.model import Rule
from monitor.store import Database
from monitor.topics import Topics
from monitor.voice import Voice

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _nothing(_point: str) -> None:
    """Nobody wants to die here."""


@dataclass(slots=True, kw_only=True)
class Line:
    """One process's line. `lease` is this worker's name on what it holds. `reach` is called at the named points
    between two effects: the crash tests die there. `enrolled`: platforms of all whose mentions it is known when they were
    last confirmed."""

    config: Config
    database: Database
    now: Callable[[], datetime]
    assessors: Callable[[], Assessor]
    topics: Topics
    rules: Mapping[str, Rule]
    connectors: Callable[[str], Connector]
    channels: Mapping[tuple[str, str], Channel]
    lease: str
    reach: Callable[[str], None] = _nothing
    executor: ThreadPoolExecutor = field(init=False)
    storing: asyncio.Semaphore = field(init=False)
    enrolled: set[str] = field(default_factory=set)
    _assessor: Assessor | None = None
    sending: dict[asyncio.Task[None], tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # One thread is the single writer of SQLite; PostgreSQL takes what its pool has.
        hands = 1 if self.database.sqlite else 4
        self.executor = ThreadPoolExecutor(hands, thread_name_prefix="store")
        # So many pages are stored at once: where all that are read waited in line, what is to be told would wait behind them.
        self.storing = asyncio.Semaphore(max(2, hands - 1))

    async def run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Runs plain work off the loop. A cancelled caller does not stop it half-way: it ends, and is waited for."""
        done = asyncio.get_running_loop().run_in_executor(self.executor, lambda: work(*args, **kwargs))
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait([done])
            raise

    @property
    def assessor(self) -> Assessor:
        """The assessor, made when it is first needed: a command that only lists has no use for its lexicons."""
        if self._assessor is None:
            self._assessor = self.assessors()
        return self._assessor

    def access(self, source: str) -> Access:
        """How a configured source gets at its platform, and what the terms ask for it."""
        return self.connectors(source).access

    @property
    def appetite(self) -> rulebook.Appetite:
        """From which score this organisation wants to be told."""
        return rulebook.Appetite(self.config.appetite.notify, self.config.appetite.urgent)

    def close(self) -> None:
        """Lets the work in hand end and closes the database."""
        self.executor.shutdown(wait=True)
        self.database.close()


def all_rules(config: Config) -> dict[str, Rule]:
    """The built-in rules with the configuration's changes, its own rules, and those for sources, by name."""
    found: dict[str, Rule] = {}
    for risk, rule in rulebook.builtin(notify=config.appetite.notify).items():
        changes = config.risks.get(risk)
        if changes is None or changes.enabled:
            found[risk] = rulebook.changed(
                rule,
                inboxes=changes.inboxes if changes else None,
                ack_within=changes.ack_within if changes else None,
                ack_lasts=changes.ack_lasts if changes else None,
                level=changes.level if changes else None,
            )
    found.update({rule.name: rule for rule in config.rules})
    found.update(rulebook.source_rules(("marketing", "risk")))
    return {name: rulebook.reachable(rule, config.inboxes) for name, rule in found.items()}


def assemble(
    config: Config,
    client: httpx.AsyncClient,
    *,
    now: Callable[[], datetime],
    lease: str,
    reach: Callable[[str], None] = _nothing,
) -> Line:
    """A line for this configuration, its database opened but not migrated. Raises StoreError."""
    return Line(
        config=config,
        database=Database(config.database),
        now=now,
        assessors=partial(assessor, config),
        topics=Topics({name: topic.query for name, topic in config.topics.items()}),
        rules=all_rules(config),
        connectors=source_connector(config, client),
        channels=channels(config, client, now),
        lease=lease,
        reach=reach,
    )


def assessor(config: Config) -> Assessor:
    """The assessor that knows this organisation's names; classes that are switched off are not looked for."""
    off = {risk for risk, changes in config.risks.items() if not changes.enabled}
    policies = [] if voice.RISK in off else [one.policy(config.topics) for one in config.voice.values()]
    return Assessor(
        organisation=config.organisation,
        brands=config.brands,
        people=config.people,
        disabled=sorted((off - {voice.RISK}).union(*(one.without for one in config.risks.values()))),
        phrases={risk: one.phrases for risk, one in config.risks.items() if one.phrases},
        unless={risk: one.unless for risk, one in config.risks.items() if one.unless},
        voice=Voice(policies) if policies else None,
    )


def source_connector(config: Config, client: httpx.AsyncClient) -> Callable[[str], Connector]:
    """Makes each source's connector when it is first needed, and keeps it: one only, though several threads ask, for it
    may hold a session or a token that is good for one use."""
    made: dict[str, Connector] = {}
    one_by_one = Lock()

    def connector(name: str) -> Connector:
        with one_by_one:
            if name not in made:
                source = config.sources[name]
                made[name] = load(source.connector)(source.options, client)
            return made[name]

    return connector


_CHATS: Mapping[str, type[Slack | Teams | Discord]] = {"slack": Slack, "teams": Teams, "discord": Discord}


def channels(config: Config, client: httpx.AsyncClient, now: Callable[[], datetime]) -> dict[tuple[str, str], Channel]:
    """Every way to every inbox, by inbox and channel."""
    found: dict[tuple[str, str], Channel] = {}
    mail = _email(config)
    for name, inbox in config.inboxes.items():
        if inbox.email and mail is not None:
            found[name, "email"] = mail
        if inbox.folder is not None:
            found[name, "folder"] = Folder(inbox.folder)
        if inbox.apprise is not None:
            found[name, "apprise"] = Extra(inbox.apprise.url)
        if inbox.webhook is not None:
            found[name, "webhook"] = Webhook(inbox.webhook.url, [inbox.webhook.secret], client, now=now)
        for chat, kind in _CHATS.items():
            address = getattr(inbox, chat)
            if address is not None:
                found[name, chat] = kind(address.url, client, now=now)
    return found


def _email(config: Config) -> Email | None:
    smtp = config.smtp
    if smtp is None:
        return None
    return Email(
        Smtp(
            host=smtp.host,
            sender=smtp.sender,
            port=smtp.port,
            security=smtp.security,
            username=smtp.username,
            password=smtp.password,
            ca_file=smtp.ca_file,
        )
    )
