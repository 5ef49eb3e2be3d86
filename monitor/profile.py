"""Profile: what our own posts are like, and what in a new one is unlike them. Somebody else may be writing. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from monitor.model import Assessment, Mention, Signal

RISK = "account_compromise"
RULE = "profile."
"""Rules of this kind are named after what they found: ``profile.domain+language``."""
LEAST = 10
"""Fewer posts than this are no profile."""
_LEAST_HOURS = 30
_BURST, _BURST_WITHIN = 5, timedelta(hours=1)
_IMPACT = 5
# Of 25, one of these alone scores 5.3 at most, below the usual appetite: a new partner's link or a Spanish flyer alone is
# no alarm, at no hour. Two of them are a warning (9), four urgent (15).
_WEIGHTS = {"domain": 0.21, "language": 0.21, "burst": 0.21, "scam": 0.21, "hour": 0.03}
MEANS = {
    "domain": "links to a domain that we never linked to",
    "language": "is in a language that we never write in",
    "burst": "is one of many within an hour, more than we ever posted",
    "scam": "has words of scams",
    "hour": "was posted at an hour at which we never post",
}
_LINK = re.compile(r"(?:https?://|\bwww\.)([^\s/?#<>\"')\]]{3,200})", re.IGNORECASE)
_SCAM = re.compile(
    r"\b(?:bitcoin|btc|ethereum|crypto\w{0,9}|usdt|airdrop|giveaway|wallet|forex|whatsapp|telegram|cash ?app|onlyfans"
    r"|gift cards?|double your|giving back|guaranteed returns?|act now|limited time|dm (?:me|us) (?:now|to)|claim your)\b",
    re.IGNORECASE,
)


class Post(NamedTuple):
    """A post of ours, as much of it as a profile needs: language, when it was published, and the domains it links to."""

    lang: str | None
    at: datetime
    domains: frozenset[str]


@dataclass(frozen=True, slots=True)
class Profile:
    """What our posts were like: how many, which languages and domains, at which hours, and how many within one hour."""

    posts: int
    languages: Counter[str]
    domains: frozenset[str]
    hours: Counter[int]
    most: int
    recent: tuple[datetime, ...]


class Link(NamedTuple):
    """A link's domain and its place in the text."""

    domain: str
    start: int
    end: int


def links(text: str) -> list[Link]:
    """The links in a text by their domain: the last two names of the host, or three below a short one ("co.uk")."""
    return [Link(_domain(found[1]), *found.span()) for found in _LINK.finditer(text)]


def _domain(host: str) -> str:
    names = host.rpartition("@")[2].partition(":")[0].strip(".").lower().split(".")
    short = len(names) > 2 and len(names[-1]) == 2 and len(names[-2]) <= 3
    return ".".join(names[-3 if short else -2 :])


def post(said: Mention, found: Assessment) -> Post:
    """A mention of ours as a profile reads it."""
    return Post(found.lang, said.published_at, frozenset(link.domain for link in links(said.text)))


def profile(past: Iterable[Post], zone: tzinfo) -> Profile:
    """The profile of posts; hours are those of the organisation's clocks."""
    posts = sorted(past, key=lambda one: one.at)
    times = [one.at for one in posts]
    return Profile(
        posts=len(posts),
        languages=Counter(one.lang for one in posts if one.lang),
        domains=frozenset(domain for one in posts for domain in one.domains),
        hours=Counter(time.astimezone(zone).hour for time in times),
        most=_most(times),
        recent=tuple(times[-_BURST * 4 :]),
    )


def _most(times: Sequence[datetime]) -> int:
    """The most posts that ever came within an hour."""
    most = first = 0
    for number, time in enumerate(times):
        while time - times[first] > _BURST_WITHIN:
            first += 1
        most = max(most, number - first + 1)
    return most


def unlike(said: Mention, found: Assessment, known: Profile, zone: tzinfo) -> Signal | None:
    """What in a post of ours is unlike all before, as one graded signal; None where nothing is, or too little is known."""
    if known.posts < LEAST or not (said.text or said.title):
        return None
    places = _places(said, found, known, zone)
    if not places:
        return None
    likely = 1.0
    for name in places:
        likely *= 1 - _WEIGHTS[name]
    start, end = next(iter(places.values()))
    field = "text" if said.text else "title"
    return Signal(
        risk=RISK, impact=_IMPACT, likelihood=round(1 - likely, 3), start=start, end=end,
        rule=RULE + "+".join(places), field="text" if field == "text" else "title",
    )  # fmt: skip


def _places(said: Mention, found: Assessment, known: Profile, zone: tzinfo) -> dict[str, tuple[int, int]]:
    """What is unlike, each with the place that shows it, the most telling first."""
    places: dict[str, tuple[int, int]] = {}
    whole = (0, len(said.text or said.title))
    strange = [link for link in links(said.text) if link.domain not in known.domains]
    if strange:
        places["domain"] = (strange[0].start, strange[0].end)
    if scam := _SCAM.search(said.text):
        places["scam"] = scam.span()
    if found.lang and known.languages.total() >= LEAST and found.lang not in known.languages:
        places["language"] = whole
    if _in_burst(said.published_at, known):
        places["burst"] = whole
    hour = said.published_at.astimezone(zone).hour
    if known.posts >= _LEAST_HOURS and not any(known.hours[(hour + step) % 24] for step in (-1, 0, 1)):
        places["hour"] = whole
    return places


def _in_burst(at: datetime, known: Profile) -> bool:
    within = sum(timedelta() <= at - time <= _BURST_WITHIN for time in known.recent) + 1
    return within >= _BURST and within > known.most


def means(rule: str) -> str:
    """What a rule of this kind found, in words."""
    return f"Unlike all our posts before: it {', '.join(MEANS.get(name, name) for name in rule.removeprefix(RULE).split('+'))}."
