"""What can be wrong with a rule: a name that nobody has, and limits that can never hold."""

from collections.abc import Iterator, Mapping

from monitor.config.findings import Finding, Names, nobody, unknown
from monitor.config.mistakes import Loc
from monitor.config.models import Config
from monitor.model import Kind, Rule
from monitor.rules import SOURCE_FAILING, SOURCE_QUIET, of_group

_OWN_KINDS = {Kind.POST, Kind.COMMENT}


def rule_findings(config: Config, there: Names) -> Iterator[Finding]:
    """What is wrong with the rules of `config`."""
    for rule in config.rules:
        loc: Loc = ("rules", rule.name)
        yield from nobody((*loc, "inboxes"), rule.inboxes, there)
        yield from _names(rule, loc, there)
        for key, what, right, *beside in _never(rule, config):
            needs = tuple((*loc, other) for other in beside)
            yield Finding(loc=(*loc, key) if key else loc, wrong=what, right=right, needs=needs)


def _names(rule: Rule, loc: Loc, there: Names) -> Iterator[Finding]:
    if rule.name in there.risks | {SOURCE_FAILING, SOURCE_QUIET}:
        right = f"change that one under [risks.{rule.name}], or choose" if rule.name in there.risks else "choose"
        yield Finding(loc=loc, wrong=f"{rule.name!r} is the name of a built-in rule", right=f"{right} another name")
    if rule.risk is not None and rule.risk not in there.risks:
        yield unknown((*loc, "risk"), "risk class", rule.risk, there.risks)
    for name in sorted(rule.sources or ()):
        if name not in there.sources:
            yield unknown((*loc, "sources"), "source", name, there.sources)
    labels = there.labels | {"location", "source"}  # what every mention is grouped by where it has no label
    for index, label in enumerate(rule.group_by):
        if label not in labels:
            yield unknown((*loc, "group_by", index), "label of a source or topic", label, labels)


def _never(rule: Rule, config: Config) -> Iterator[tuple[str, ...]]:
    """The key, what is wrong, what would be right, and the other keys that it depends on."""
    if rule.stars_below is not None:
        yield from _never_stars(rule, rule.stars_below)
    if rule.sentiment_below is not None and rule.sentiment_below <= -1:
        yield "sentiment_below", "can never hold: sentiment runs from -1 to 1", "write for example -0.2"
    if rule.sentiment_below is not None and rule.sentiment_below > 1:
        yield "sentiment_below", "is no limit: sentiment runs from -1 to 1", "write for example -0.2"
    yield from _never_together(rule)
    yield from _never_rated(rule)
    if rule.count > 1 and rule.within is None and not of_group(rule):
        yield "within", f"is missing, and count is {rule.count}", 'write for example within = "7d"', "count"
    if rule.unanswered_for and rule.within and rule.unanswered_for >= rule.within:
        yield "unanswered_for", "can never hold: it is not shorter than within", "make within longer", "within"
    if rule.ours and rule.unanswered_for:
        yield "unanswered_for", "can never hold together with ours = true", "leave one of them out", "ours"
    if rule.ours and rule.kinds and not rule.kinds & _OWN_KINDS:
        yield "ours", "can never hold: what we say is a post or a comment", 'write kinds = ["post", "comment"]', "kinds"
    if rule.sources and all(name in config.sources and not config.sources[name].enabled for name in rule.sources):
        yield "sources", "can never hold: none of these sources is enabled", "enable one of them"
    if not _has_condition(rule):
        yield "", "has no condition: every mention would be an incident", "add for example stars_below = 3"


_BESIDE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "surge": ("finds its own counts and spans", ("count", "within", "unanswered_for")),
    "slump": ("weighs all stars of its window", ("stars_below", "unanswered_for")),
    "negative_share": ("weighs all moods of its window", ("sentiment_below", "unanswered_for")),
}
"""What is about a whole group, and the keys that would say the same in another way."""


def _never_together(rule: Rule) -> Iterator[tuple[str, ...]]:
    """A rule on a surge, a slump or a share: there is one of them in a rule, and it stands without certain keys."""
    there = [key for key in _BESIDE if getattr(rule, key) is not None]
    if len(there) > 1:
        yield there[1], f"stands beside {there[0]}: a rule asks for one of them", "make two rules of it", there[0]
    for key in there[:1]:
        does, others = _BESIDE[key]
        written = (one for one in others if getattr(rule, one) not in {None, 1})
        for other in list(written)[:1]:
            yield other, f"stands beside {key}, which {does}", f"leave {other} out", key


def _never_rated(rule: Rule) -> Iterator[tuple[str, ...]]:
    """What needs stars: only reviews have them, and nothing of ours."""
    for key, written in (("slump", rule.slump is not None), ("at_odds", rule.at_odds)):
        if written and rule.kinds is not None and Kind.REVIEW not in rule.kinds:
            yield key, "can never hold: only reviews have stars", 'add "review" to kinds', "kinds"
        if written and rule.ours:
            yield key, "can never hold: what we say ourselves has no stars", "leave ours out", "ours"


def _never_stars(rule: Rule, limit: float) -> Iterator[tuple[str, ...]]:
    if limit <= 1:
        yield "stars_below", "can never hold: stars run from 1 to 5", "write for example 3"
    if limit > 5:
        yield "stars_below", "is no limit: stars run from 1 to 5", "write for example 3"
    if rule.kinds is not None and Kind.REVIEW not in rule.kinds:
        yield "stars_below", "can never hold: only reviews have stars", 'add "review" to kinds', "kinds"
    if rule.ours:
        yield "stars_below", "can never hold: what we say ourselves has no stars", "leave ours out", "ours"


def _has_condition(rule: Rule) -> bool:
    limits = (
        rule.kinds,
        rule.risk,
        rule.sources,
        rule.ours,
        rule.stars_below,
        rule.sentiment_below,
        rule.unanswered_for,
        rule.surge,
        rule.slump,
        rule.negative_share,
    )
    return any(limit is not None for limit in limits) or rule.at_odds or rule.score_at_least > 0 or rule.count > 1
