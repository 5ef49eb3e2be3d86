"""What can be wrong with the organisation's own policy: a rule that asks for nothing, or for two things, or never holds."""

from collections.abc import Iterator

from monitor.config.findings import Finding, Names, unknown
from monitor.config.mistakes import Loc
from monitor.config.models import Config, VoicePolicy
from monitor.model import Kind

_ASKS = ("avoid", "needs", "approval")
_OURS = {Kind.POST, Kind.COMMENT}


def voice_findings(config: Config, there: Names) -> Iterator[Finding]:
    """What is wrong with the policies of `config`."""
    for name, one in config.voice.items():
        loc: Loc = ("voice", name)
        if one.topic is not None and one.topic not in there.topics:
            yield unknown((*loc, "topic"), "topic", one.topic, there.topics)
        for key, what, right, *beside in _faults(one):
            needs = tuple((*loc, other) for other in beside)
            yield Finding(loc=(*loc, key) if key else loc, wrong=what, right=right, needs=needs)


def _faults(one: VoicePolicy) -> Iterator[tuple[str, ...]]:
    """The key, what is wrong, what would be right, and the other keys that it depends on."""
    asked = [key for key in _ASKS if getattr(one, key)]
    if not asked:
        yield "", "asks for nothing", "write avoid, needs or approval", *_ASKS
    for more in asked[1:]:
        yield more, f"stands beside {asked[0]}: a rule asks for one thing", "make two rules of it", asked[0]
    if one.say and asked and not one.avoid:
        yield "say", "says what to write instead of nothing", "name the words under avoid", "avoid"
    if one.about is not None and one.topic is not None:
        yield "topic", "stands beside about", "keep one of them", "about"
    if not set(one.kinds) <= _OURS:
        yield "kinds", "can never hold: what we say is a post or a comment", 'write kinds = ["post", "comment"]'
