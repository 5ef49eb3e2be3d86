"""What no single value shows: names that nobody has, rules that can never hold, messages that would go nowhere."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from monitor.assess.lexicon import lexicon
from monitor.config.findings import Finding, Names, nobody, unknown
from monitor.config.inboxes import inbox_findings
from monitor.config.mistakes import Loc
from monitor.config.models import Config, Source
from monitor.config.rules import rule_findings
from monitor.config.smtp import smtp_findings
from monitor.config.voice import voice_findings
from monitor.connector import Access
from monitor.model import PEER

_SHORTEST = timedelta(seconds=30)
_WAYS = {
    "official": "by its official API",
    "licensed": "by a licensed service",
    "mailbox": "by reading a mailbox",
    "feed": "by a feed",
    "page": "by reading its public pages",
    "local": "on this machine",
}


def findings(config: Config, there: Names, access: Callable[[str], Access | None]) -> Iterator[Finding]:
    """Everything that is wrong between the values of `config`; `access` is that of a connector, by its name."""
    for name, topic in config.topics.items():
        if PEER in topic.labels:
            yield Finding(
                loc=("topics", name, "labels", PEER),
                wrong="names a competitor, which a label cannot",
                right=f'write peer = "{topic.labels[PEER]}" in the sources that watch it',
            )
    for source in config.sources.values():
        yield from _source(source, config, there, access(source.connector))
    yield from inbox_findings(config, there)
    yield from smtp_findings(config)
    yield from rule_findings(config, there)
    yield from voice_findings(config, there)
    yield from _appetite(config)
    yield from _risks(config, there)
    if "digest" in config.model_fields_set:  # by default it goes to the two inboxes that are missed anyway
        yield from nobody(("digest", "inboxes"), config.digest.inboxes, there)


def _source(source: Source, config: Config, there: Names, access: Access | None) -> Iterator[Finding]:
    loc: Loc = ("sources", source.name)
    yield from _peer(source, config)
    for index, topic in enumerate(source.topics):
        if topic not in there.topics:
            yield unknown((*loc, "topics", index), "topic", topic, there.topics)
    if access is not None and access.kind in config.network.refuse:
        yield Finding(
            loc=(*loc, "connector"),
            wrong=f"gets at its platform {_WAYS[access.kind]}, which network.refuse rules out",
            right=f'take the source out, or "{access.kind}" out of network.refuse',
            needs=(("network", "refuse"),),
        )
    # A platform is never asked more often than this; what stands on this machine may be.
    if source.every < _SHORTEST and (access is None or access.kind != "local"):
        yield Finding(loc=(*loc, "every"), wrong="is shorter than 30 seconds", right='write at least "30s"')
    if source.backfill > config.retention.mentions:
        yield Finding(
            loc=(*loc, "backfill"),
            wrong="reaches back further than retention.mentions keeps anything",
            right="shorten it, or keep mentions longer",
            needs=(("retention",),),
        )
    if source.quiet_after is not None and source.quiet_after <= source.every:
        yield Finding(
            loc=(*loc, "quiet_after"),
            wrong="is not longer than every, so that the source would always count as quiet",
            right='write for example "7d"',
            needs=((*loc, "every"),),
        )


def _peer(source: Source, config: Config) -> Iterator[Finding]:
    loc: Loc = ("sources", source.name)
    if PEER in source.labels:
        yield Finding(
            loc=(*loc, "labels", PEER),
            wrong="names a competitor, which a label cannot",
            right=f'write peer = "{source.labels[PEER]}" in the source itself',
        )
    if not source.peer:
        return
    if source.peer.casefold() in {name.casefold() for name in (config.organisation, *config.brands)}:
        yield Finding(
            loc=(*loc, PEER),
            wrong="is this organisation itself",
            right="name the competitor that this source watches, or leave it out",
            needs=(("organisation",), ("brands",)),
        )
    for rule in config.rules:
        if source.name in (rule.sources or ()):
            yield Finding(
                loc=("rules", rule.name, "sources"),
                wrong=f"{source.name!r} watches a competitor, of whom nobody is ever told",
                right="take it out of the rule",
            )


def _appetite(config: Config) -> Iterator[Finding]:
    if config.appetite.urgent < config.appetite.notify:
        yield Finding(
            loc=("appetite", "urgent"),
            wrong="is lower than notify, so that nothing would ever be told without hurry",
            right=f"write at least {config.appetite.notify:g}, at most 25",
            needs=(("appetite",),),
        )


def _risks(config: Config, there: Names) -> Iterator[Finding]:
    for risk, override in config.risks.items():
        yield from nobody(("risks", risk, "inboxes"), override.inboxes or (), there)
        if risk not in there.risks:
            yield unknown(("risks", risk), "risk class", risk, there.risks)
        ids = frozenset(rule.id for rule in lexicon().rules if rule.risk == risk)
        for index, rule in enumerate(override.without):
            if rule not in ids:
                yield unknown(("risks", risk, "without", index), "rule of this class", rule, ids)
