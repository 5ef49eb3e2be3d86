"""The nouns: frozen values that every other module passes around; imports nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Literal

Json = Any
"""What ``json.loads`` returns."""

Labels = Mapping[str, str]
"""What the configuration says of a source or topic, such as ``{"location": "Main campus"}``."""

PEER = "peer"
"""The label of what was said about a competitor: its value is the competitor's name."""

CLEAR, HIGH, LOW = 0.5, 4, 2
"""From which sentiment on, and from how many stars on and down to how many, words and stars can strongly disagree."""

NEUTRAL = 0.2
"""A sentiment nearer to 0 than this is neither good nor bad, wherever it is given a name."""


class Kind(StrEnum):
    """What a mention is, whatever its platform calls it."""

    POST = "post"
    COMMENT = "comment"
    REVIEW = "review"
    ARTICLE = "article"


class Level(StrEnum):
    """How loudly an incident is told, quietest first."""

    INFO = "info"
    WARNING = "warning"
    URGENT = "urgent"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info to 3 for critical: levels compare by rank, never as text."""
        return _RANKS[self]


_RANKS = {level: rank for rank, level in enumerate(Level)}


DRILL = "drill"
"""The platform of what is said in a drill: it is judged and told like all else, marked, and counted nowhere."""
DRILL_GROUP = "DRILL: "
"""How a group begins in which a drill is judged, so that it joins nothing real and nothing real joins it."""


class State(StrEnum):
    """Where an incident stands. A resolved one is never opened again: a relapse is a new incident."""

    OPEN = "open"
    ACKED = "acked"
    RESOLVED = "resolved"


class Outcome(StrEnum):
    """Why an incident was resolved."""

    RESPONDED = "responded"
    REMOVED = "removed"
    NO_ACTION = "no-action"
    FALSE_ALARM = "false-alarm"
    OTHER = "other"
    DRILL = "drill"


class Reason(StrEnum):
    """Why a notification was written."""

    OPENED = "opened"
    GREW = "grew"
    WORSENED = "worsened"
    ESCALATED = "escalated"
    REMINDER = "reminder"
    RESOLVED = "resolved"
    DEADLINE = "deadline"
    DIGEST = "digest"
    DELIVERY_FAILED = "delivery_failed"
    BACKFILLED = "backfilled"
    WITHHELD = "withheld"
    LAPSED = "lapsed"
    TEST = "test"


class Detail(StrEnum):
    """How much of a mention a message may carry: the minimum necessary is the default."""

    NONE = "none"
    REDACTED = "redacted"
    FULL = "full"


def aware(moment: datetime, what: str = "time") -> datetime:
    """`moment` in UTC. Raises ValueError for a naive one: a time without a zone is a guess."""
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError(f"{what} has no time zone")
    return moment.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One thing said in public, on whatever platform, as its connector read it.

    `published_at` is the author's clock. `stars` run from 1 to 5 whatever the platform's scale. `ours` says that the
    organisation itself wrote it: our reply to a review is a COMMENT with `ours` and `parent_id`. `parent_id` is the
    `external_id` of what it answers, on the same platform. `engagement` counts reactions of any sort, `audience` the
    author's followers. Raises ValueError for an empty id, a naive time or stars outside 1 to 5.
    """

    external_id: str
    kind: Kind
    text: str
    published_at: datetime
    url: str | None = None
    author: str | None = None
    title: str = ""
    stars: float | None = None
    lang: str | None = None
    parent_id: str | None = None
    ours: bool = False
    engagement: int | None = None
    audience: int | None = None

    def __post_init__(self) -> None:
        if not self.external_id:
            raise ValueError("external_id is empty")
        if self.published_at.tzinfo is not UTC:
            object.__setattr__(self, "published_at", aware(self.published_at, "published_at"))
        if self.stars is not None and not 1 <= self.stars <= 5:
            raise ValueError("stars are not between 1 and 5")

    @property
    def fingerprint(self) -> str:
        """16 hex digits over title, text and stars: another fingerprint under the same id is an edit."""
        said = f"{self.title}\0{self.text}\0{self.stars}"
        return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One risk found in a mention. `start` and `end` are offsets into its text, or into its title where `field` says so:
    what cannot point at what it saw is no signal. `rule` is the id of the lexicon rule that fired."""

    risk: str
    impact: int
    likelihood: float
    start: int
    end: int
    rule: str
    field: Literal["text", "title"] = "text"

    @property
    def score(self) -> float:
        """Impact (1-5) times likelihood (0-1, as 0-5): 0 to 25, the scale of the appetite."""
        return self.impact * self.likelihood * 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What an assessor makes of a mention. `sentiment` is -1 to 1, or None where the text cannot be read; `assessor`
    is name and version, so that a better one can judge again."""

    lang: str | None
    sentiment: float | None
    signals: tuple[Signal, ...] = ()
    themes: tuple[str, ...] = ()
    assessor: str

    @property
    def risk_score(self) -> float:
        """The highest signal's score, 0 where there is none."""
        return max((signal.score for signal in self.signals), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A mention as the store has it, with our clock, our labels and its assessment.

    `history` marks what was said before we watched: it is kept and counted, and never opens an incident.
    `gone_at` is set when the platform no longer has it: text, title and author are then empty."""

    id: int
    platform: str
    source: str
    mention: Mention
    assessment: Assessment
    first_seen_at: datetime
    version: int = 1
    topics: tuple[str, ...] = ()
    labels: Labels = field(default_factory=dict)
    history: bool = False
    gone_at: datetime | None = None

    @property
    def peer(self) -> str:
        """The competitor that it is about; empty for all that is about us."""
        return self.labels.get(PEER, "")

    @property
    def mood(self) -> float | None:
        """How content its author is, -1 to 1: the mean of stars and words where there are both, else the one there is."""
        said = self.assessment.sentiment
        if self.mention.stars is None:
            return said
        rated = (self.mention.stars - 3) / 2
        return rated if said is None else (rated + said) / 2

    @property
    def at_odds(self) -> bool:
        """Whether stars and words strongly disagree: five stars with angry words, one star with praise."""
        stars, said = self.mention.stars, self.assessment.sentiment
        if stars is None or said is None:
            return False
        return (stars >= HIGH and said <= -CLEAR) or (stars <= LOW and said >= CLEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A threshold. Conditions are and-ed, and a limit never holds for what is unknown.

    `level` None means: from the signal's score against the appetite, no louder than `loudest`. `count` mentions `within` a span (None: ever)
    breach it. `group_by` names labels; a mention without any of them falls in the group of its source.
    `unanswered_for`: a mention nobody of ours has answered for that long. `at_odds`: stars and words strongly disagree.
    Three are about a group and not about its mentions one by one: `surge`, it is mentioned more than it usually is, and
    `slump`, its stars are lower than they used to be, by this sensitivity; `negative_share`, more than this share (0 to 1)
    of what is said is negative. `unsilenceable` rules ignore silences.
    """

    name: str
    inboxes: tuple[str, ...]
    level: Level | None = None
    group_by: tuple[str, ...] = ("location",)
    kinds: frozenset[Kind] | None = None
    risk: str | None = None
    sources: frozenset[str] | None = None
    ours: bool | None = None
    stars_below: float | None = None
    sentiment_below: float | None = None
    score_at_least: float = 0.0
    count: int = 1
    within: timedelta | None = None
    unanswered_for: timedelta | None = None
    at_odds: bool = False
    ack_within: timedelta | None = None
    ack_lasts: timedelta | None = None
    surge: Literal["low", "medium", "high"] | None = None
    slump: Literal["low", "medium", "high"] | None = None
    negative_share: float | None = None
    unsilenceable: bool = False
    loudest: Level | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an escalation chain: who is told when nobody has acknowledged `after` the opening."""

    after: timedelta
    inbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A rule in breach for one group. The chain is frozen at the opening: editing the configuration changes nothing
    that already runs. `step` counts what was said about it so far, `next_step_at` when it must be looked at again.
    `reach` is the highest step of reach (monitor/reach.py) that one of its mentions has come to.
    `report_due_at` is by when a device that may have hurt somebody must be reported, `reminded_at` when anybody was last
    reminded of a deadline."""

    id: int
    rule: str
    group: str
    risk: str | None
    level: Level
    impact: int
    likelihood: float
    state: State
    opened_at: datetime
    inboxes: tuple[str, ...]
    chain: tuple[Step, ...] = ()
    chain_step: int = 0
    step: int = 0
    next_step_at: datetime | None = None
    ack_due_at: datetime | None = None
    acked_at: datetime | None = None
    resolved_at: datetime | None = None
    outcome: Outcome | None = None
    assignee: str | None = None
    mentions: int = 0
    told_mentions: int = 0
    told_at: datetime | None = None
    note: str = ""
    drill: bool = False
    calm_since: datetime | None = None
    report_due_at: datetime | None = None
    reminded_at: datetime | None = None
    reach: int = 0


class Answer(StrEnum):
    """What came of asking a platform to take something down. Whether it is gone, only its platform shows."""

    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What a platform was asked to take down: when, by whom and on which ground; what it answered, as far as it did.
    `gone_at` is since when its platform no longer has it, `seen_at` when it was last known to be there: what is looked
    up says so, never the answer."""

    mention_id: int
    asked_at: datetime
    asked_by: str
    ground: str = ""
    answer: Answer | None = None
    answered_at: datetime | None = None
    answered_by: str | None = None
    gone_at: datetime | None = None
    seen_at: datetime | None = None

    @property
    def awaited(self) -> bool:
        """Whether it is to go and is not gone yet."""
        return self.gone_at is None and self.answer in {None, Answer.GRANTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent, rendered when it was decided: what is sent is what was decided. `data` is the webhook's body,
    `images` are PNG pictures in base64, by the name that `html` calls each: an `<img>` of "cid:NAME" shows it."""

    subject: str
    text: str
    html: str
    data: Mapping[str, Json]
    headers: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One outbox row: one message to one recipient over one channel, always under the same id.

    `level` None is subject to no limit. `mentions` is how many its incident had when it was written. `admitted_at` is
    when it was let through the limits of its recipient; `withheld` says why it was not (`ceiling` or `quiet`), `told_in`
    names the notification that tells of it in its place. `failing_since` is when its first attempt failed. One of a `drill`
    has limits of its own: it takes no room from what is real."""

    id: str
    key: str
    reason: Reason
    inbox: str
    channel: str
    recipient: str
    message: Message
    due_at: datetime
    created_at: datetime
    incident_id: int | None = None
    attempts: int = 0
    lease: str | None = None
    sent_at: datetime | None = None
    failed_at: datetime | None = None
    error: str | None = None
    level: Level | None = None
    mentions: int = 0
    admitted_at: datetime | None = None
    withheld: str | None = None
    told_in: str | None = None
    failing_since: datetime | None = None
    drill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """A source as the store has it: when it is due, where its walk stands, and since when and why it fails.

    `walked_at` is when its first walk was finished: until then what it brings is history. `cursor` is JSON that only
    its connector reads. `last_new_at` is when it last brought something new, `longest_gap` the longest it ever let us
    wait for it. `remedy` is the name of the PollError that it failed with. `warnings`: what the
    last whole walk could not see, or soon will not."""

    name: str
    platform: str
    created_at: datetime
    next_poll_at: datetime
    cursor: Json = field(default_factory=dict)
    walked_at: datetime | None = None
    polled_at: datetime | None = None
    last_new_at: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    error: str | None = None
    remedy: str | None = None
    mentions: int = 0
    skipped: int = 0
    longest_gap: timedelta = timedelta(0)
    warnings: tuple[str, ...] = ()
