"""The configuration as frozen models: one class for every table of config.toml."""

from collections.abc import Mapping
from datetime import time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)

from monitor.assess.lexicon import readable
from monitor.config.addresses import Address, Contact, Reachable, Sender
from monitor.config.database import Database
from monitor.config.mistakes import wrong
from monitor.config.options import chosen, installed
from monitor.config.secrets import Credential, Heartbeat, SigningSecret, WebSecret
from monitor.config.surroundings import ConfigPath, Name, around, keyed
from monitor.config.values import (
    AtLeastOne,
    Day,
    Duration,
    KindName,
    LevelName,
    LocalPath,
    Several,
    Span,
    TableName,
    Text,
    TimeOfDay,
    Weekly,
    WeeklyAt,
    Zone,
)
from monitor.model import PEER, Detail, Kind, Labels, Level, Rule, Step
from monitor.topics import Query, QueryError, parse
from monitor.voice import Policy, phrases

FALLBACK = {"compliance": "risk", "security": "risk"}
"""Who is told in place of an inbox that is not configured."""


class Table(BaseModel):
    """A table of the configuration: nothing in it is converted silently, and a key that nobody knows is a mistake."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        validate_by_name=True,
        hide_input_in_errors=True,
    )


class Network(Table):
    """`[network]`: how other hosts see us, which non-public ones may be reached, and which ways in are refused."""

    contact: Contact = ""
    allow: Several[Reachable] = ()
    refuse: Several[Literal["official", "licensed", "feed", "mailbox", "page"]] = ()


class Smtp(Table):
    """`[smtp]`: the mail server that takes our messages."""

    host: Text
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: Sender = Field(alias="from")
    username: Text | None = None
    password: Credential | None = None
    ca_file: LocalPath | None = None


def _parsed(text: str) -> str:
    try:
        parse(text)
    except QueryError as error:
        raise wrong(f"the query does not parse ({error})", "see The language of topics in docs/configure.md") from None
    return text


class Topic(Table):
    """`[topics.NAME]`: a boolean query that says what is about us. `text` is the query as it was written."""

    text: str = Field(alias="query")
    labels: Mapping[Text, Text] = {}

    @field_validator("text")
    @classmethod
    def _parses(cls, text: str) -> str:
        return _parsed(text)

    @cached_property
    def query(self) -> Query:
        """The query, ready to match."""
        return parse(self.text)


class Source(Table):
    """`[sources.NAME]`: a connector with its options, and how often it is asked. `peer` names the competitor that it
    watches."""

    name: Name
    connector: str
    every: Duration = timedelta(minutes=15)
    backfill: Span = timedelta(days=30)
    labels: Mapping[Text, Text] = {}
    topics: AtLeastOne[str] = ()
    options: Any = Field(default={}, validate_default=True)
    enabled: bool = True
    quiet_after: Duration | None = None
    peer: Text = ""

    @field_validator("connector")
    @classmethod
    def _installed(cls, name: str, info: ValidationInfo) -> str:
        return installed(name, info)

    @field_validator("options", mode="plain")
    @classmethod
    def _chosen(cls, written: Any, info: ValidationInfo) -> Any:
        return chosen(info.data.get("connector"), written, info)

    @property
    def marks(self) -> Labels:
        """What its mentions are labelled with: `labels`, and the competitor that they are about."""
        return {**self.labels, PEER: self.peer} if self.peer else self.labels


class Webhook(Table):
    """`webhook` of an inbox: where signed JSON is posted, and the secret that signs it."""

    url: WebSecret
    secret: SigningSecret


class Chat(Table):
    """`slack`, `teams` or `discord` of an inbox: the incoming-webhook address, which is a secret itself."""

    url: WebSecret


class Extra(Table):
    """`apprise` of an inbox: an address in Apprise's own notation, which is a secret itself."""

    url: Credential


class Escalation(Table):
    """One entry of `escalate`: who is told when nobody has acknowledged in time."""

    after: Duration
    to: str


class Quiet(Table):
    """`quiet` of an inbox: when it hears only what cannot wait; the rest is told at the end, once."""

    begin: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")
    level: LevelName = Level.URGENT
    risks: Several[str] = ()


_ESCALATIONS: TypeAdapter[list[Escalation]] = TypeAdapter(list[Escalation])


class Inbox(Table):
    """`[inboxes.NAME]`: who is told, how, how much of it, and who is told next."""

    name: Name
    email: AtLeastOne[Address] = ()
    webhook: Webhook | None = None
    slack: Chat | None = None
    teams: Chat | None = None
    discord: Chat | None = None
    apprise: Extra | None = None
    folder: LocalPath | None = None
    escalate: tuple[Step, ...] = ()
    standby: Several[Literal["email", "webhook", "slack", "teams", "discord", "apprise", "folder"]] = ()
    quiet: Quiet | None = None
    at_most: int = Field(default=10, ge=1, le=10_000)
    detail: Annotated[Detail, Field(strict=False)] = Detail.NONE

    @field_validator("escalate", mode="before")
    @classmethod
    def _steps(cls, written: Any, info: ValidationInfo) -> Any:
        if around(info) is None:
            return written
        steps = _ESCALATIONS.validate_python(written, context=info.context)
        return tuple(Step(after=step.after, inbox=step.to) for step in steps)


class Appetite(Table):
    """`[appetite]`: from which score (impact x likelihood, 0 to 25) a signal is told, and from which at once."""

    notify: float = Field(default=6.0, ge=0, le=25)
    urgent: float = Field(default=15.0, ge=0, le=25)


def _risk_phrase(written: str) -> str:
    try:
        readable(written)
    except ValueError:
        what = f"{written[:60]!r} is no phrase of 1 to 12 words with a word to look for"
        raise wrong(what, 'write words such as "lost my chart" or "walk* out"') from None
    return written


RiskPhrase = Annotated[Text, AfterValidator(_risk_phrase)]


class RiskOverride(Table):
    """`[risks.CLASS]`: what differs from the built-in rule of a risk class; None leaves it as it is."""

    inboxes: AtLeastOne[str] | None = None
    ack_within: Duration | None = None
    ack_lasts: Duration | None = None
    enabled: bool = True
    level: LevelName | None = None
    phrases: Several[RiskPhrase] = ()
    unless: Several[RiskPhrase] = ()
    without: Several[str] = ()


class RuleTable(Table):
    """`[rules.NAME]`: a threshold beyond the built-in rules; its conditions are and-ed."""

    name: Name
    inboxes: AtLeastOne[str]
    level: LevelName | None = None
    group_by: Several[str] = ("location",)
    kinds: AtLeastOne[KindName] | None = None
    risk: str | None = None
    sources: AtLeastOne[str] | None = None
    ours: bool | None = None
    stars_below: float | None = None
    sentiment_below: float | None = None
    risk_at_least: float = Field(default=0.0, ge=0, le=25)
    count: int = Field(default=1, ge=1)
    within: Duration | None = None
    unanswered_for: Duration | None = None
    at_odds: bool = False
    surge: Literal["low", "medium", "high"] | None = None
    slump: Literal["low", "medium", "high"] | None = None
    negative_share: float | None = Field(default=None, gt=0, lt=1)
    ack_within: Duration | None = None
    ack_lasts: Duration | None = None

    def rule(self) -> Rule:
        """What is written here, as the rule that is judged."""
        return Rule(
            name=self.name,
            inboxes=self.inboxes,
            level=self.level,
            group_by=self.group_by,
            kinds=frozenset(self.kinds) if self.kinds else None,
            risk=self.risk,
            sources=frozenset(self.sources) if self.sources else None,
            ours=self.ours,
            stars_below=self.stars_below,
            sentiment_below=self.sentiment_below,
            score_at_least=self.risk_at_least,
            count=self.count,
            within=self.within,
            unanswered_for=self.unanswered_for,
            at_odds=self.at_odds,
            surge=self.surge,
            slump=self.slump,
            negative_share=self.negative_share,
            ack_within=self.ack_within,
            ack_lasts=self.ack_lasts,
        )


_RULES: TypeAdapter[dict[TableName, RuleTable]] = TypeAdapter(dict[TableName, RuleTable])


def _phrase(written: str) -> str:
    try:
        phrases([written])
    except QueryError:
        raise wrong(f"{written[:60]!r} has no word to look for", "write words without quotes, such as for*") from None
    return written


Phrase = Annotated[Text, AfterValidator(_phrase)]


def _numbered(written: str) -> str:
    if not {"#", "@"} & set(written):
        raise wrong("has no place for a number", 'write # for a digit and @ for a letter, such as "MLR-####"')
    return written


class VoicePolicy(Table):
    """`[voice.NAME]`: one rule of the organisation's own social media policy."""

    name: Name
    kinds: AtLeastOne[KindName] = (Kind.POST, Kind.COMMENT)
    about: str | None = None
    topic: str | None = None
    avoid: AtLeastOne[Phrase] = ()
    say: Text | None = None
    needs: Phrase | None = None
    approval: Annotated[Text, AfterValidator(_numbered)] | None = None
    level: Literal["info", "warning"] = "warning"

    @field_validator("about")
    @classmethod
    def _parses(cls, text: str | None) -> str | None:
        return text if text is None else _parsed(text)

    def policy(self, topics: Mapping[str, Topic]) -> Policy:
        """What is written here, as the policy that is applied."""
        about = parse(self.about) if self.about else topics[self.topic].query if self.topic else None
        return Policy(
            name=self.name,
            kinds=frozenset(self.kinds),
            about=about,
            avoid=self.avoid,
            say=self.say or "",
            needs=self.needs or "",
            approval=self.approval or "",
            level=Level(self.level),
        )


class DigestConfig(Table):
    """`[digest]`: when the week in numbers is sent, and to whom; to nobody with ``inboxes = []``.

    `first`: how long after the first start one is sent ahead of time, so that people see what they will get."""

    at: WeeklyAt = Weekly(weekday=0, time=time(7))
    inboxes: Several[str] = ("marketing", "risk")
    first: Duration | None = None


class Retention(Table):
    """`[retention]`: how long what was said is kept. What a platform's terms cut shorter is cut shorter."""

    mentions: Duration = timedelta(days=3 * 366)
    own_replies: Duration = timedelta(days=6 * 366)


class Config(Table):
    """A whole configuration without a mistake in it. Secrets show themselves only when asked."""

    path: ConfigPath = Path("config.toml")
    organisation: Text
    timezone: Zone = Field(default="UTC", validate_default=True)
    holidays: Several[Day] = ()
    database: Database = Field(default="sqlite:///wellheard.db", validate_default=True, repr=False)
    brands: Several[Text] = ()
    people: Several[Text] = ()
    network: Network = Network()
    smtp: Smtp | None = None
    topics: Mapping[TableName, Topic] = {}
    sources: Annotated[Mapping[TableName, Source], BeforeValidator(keyed)] = {}
    inboxes: Annotated[Mapping[TableName, Inbox], BeforeValidator(keyed)] = {}
    appetite: Appetite = Appetite()
    risks: Mapping[str, RiskOverride] = {}
    rules: tuple[Rule, ...] = ()
    voice: Annotated[Mapping[TableName, VoicePolicy], BeforeValidator(keyed)] = {}
    digest: DigestConfig = DigestConfig()
    retention: Retention = Retention()
    heartbeat: Heartbeat | None = None
    administrator: str | None = None

    @field_validator("rules", mode="before")
    @classmethod
    def _judged(cls, written: Any, info: ValidationInfo) -> Any:
        if around(info) is None:
            return written
        return tuple(
            table.rule() for table in _RULES.validate_python(keyed(written, info), context=info.context).values()
        )

    def inbox(self, name: str) -> Inbox:
        """The inbox called `name`; compliance and security fall back to risk where they are not configured."""
        return self.inboxes[name if name in self.inboxes else FALLBACK.get(name, name)]


SECTIONS: Mapping[str, type[Table]] = {
    "": Config,
    "network": Network,
    "smtp": Smtp,
    "topics.*": Topic,
    "sources.*": Source,
    "inboxes.*": Inbox,
    "inboxes.*.webhook": Webhook,
    "inboxes.*.slack": Chat,
    "inboxes.*.teams": Chat,
    "inboxes.*.discord": Chat,
    "inboxes.*.apprise": Extra,
    "inboxes.*.escalate": Escalation,
    "inboxes.*.quiet": Quiet,
    "appetite": Appetite,
    "risks.*": RiskOverride,
    "rules.*": RuleTable,
    "voice.*": VoicePolicy,
    "digest": DigestConfig,
    "retention": Retention,
}
"""Every table of config.toml, by the keys that lead to it; ``*`` stands for a name that the organisation chooses."""

_NOT_WRITTEN = {"name", "path"}


def keys(table: type[Table]) -> list[str]:
    """The keys that may be written in `table`, in the order of the documentation."""
    fields = table.model_fields.items()
    return [field.alias or name for name, field in fields if name not in _NOT_WRITTEN]
