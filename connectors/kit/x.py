"""X's answers: posts with their authors and versions, ids that are times, and what a problem means."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape

import httpx

from connectors.kit import answer
from connectors.kit.budget import Budget
from connectors.kit.rest import UNREADABLE, text, text_or_none, total, when
from connectors.kit.text import tidy
from monitor.connector import AuthRejected, Malformed, NotPermitted, PollError
from monitor.model import Json, Kind, Mention

_EPOCH = 1288834974657
"""Milliseconds since 1970 at which ids begin (Snowflake)."""
_EVERYWHERE = {"XX", "XY"}
_GONE = ("resource-not-found", "not-authorized-for-resource")
_REMEDIES: dict[tuple[int, str], tuple[type[PollError], str]] = {
    (402, ""): (NotPermitted, "out of credits: buy some in the Developer Console"),
    (429, "usagecap"): (NotPermitted, "out of credits: the spending limit or the monthly cap there is reached"),
    (401, ""): (AuthRejected, "the token is not accepted: run `wellheard connect x` again"),
    (403, "clientforbidden"): (NotPermitted, "the app may not use this API: enrol it in the Developer Console"),
    (403, "unsupportedauthentication"): (NotPermitted, "this needs a person's access: run `wellheard connect x`"),
}


class Renamed(Malformed):
    """The parameter that says which fields are wanted has another name."""


def instant(id_: str) -> datetime:
    """When the post with this id was made. Raises ValueError or OverflowError."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=(int(id_) >> 22) + _EPOCH)


def id_at(at: datetime) -> str:
    """The first id of that moment."""
    return str(max(int(at.timestamp() * 1000) - _EPOCH, 0) << 22 or 1)


def explain(response: httpx.Response, fields: str) -> PollError | None:
    """Tell money from patience, and a wrong query from a wrong request; `fields` is what that parameter is called."""
    code, said = response.status_code, _problem(response)
    kind = f"{said.get('type')} {said.get('title')}".lower().replace("-", "")
    for (status, word), (error, remedy) in _REMEDIES.items():
        if code == status and word in kind:
            return answer.refusal(response, error, remedy)
    wrong = _parameters(said) if code == 400 else set()
    if fields in wrong:
        return answer.refusal(response, Renamed)
    if "query" in wrong:
        return answer.refusal(response, Malformed, "it cannot read a query: correct queries in the source's options")
    return None


def _problem(response: httpx.Response) -> dict[str, Json]:
    with suppress(PollError):
        return said if isinstance(said := answer.read(response), dict) else {}
    return {}


def _parameters(problem: Json) -> set[str]:
    """The parameters that a request is refused for."""
    with suppress(*UNREADABLE):
        return {str(name) for error in problem["errors"] for name in error.get("parameters") or ()}
    return set()


def posts(response: httpx.Response) -> list[Json]:
    """The posts of an answer, each with its `author`; of several versions the newest. Raises PollError.

    An answer without any has no `data`; one with errors only, and a 200, is no empty one."""
    said, host = answer.read(response), response.request.url.host
    try:
        found, meta, errors = said.get("data"), said.get("meta") or {}, said.get("errors")
        if found is None and meta.get("result_count") == 0:
            return []
        if found is None and errors:
            raise NotPermitted(f"{host} does not show what is asked for: is the account protected, or gone?")
        users = {one.get("id"): one for one in (said.get("includes") or {}).get("users") or () if isinstance(one, dict)}
        posts = [one | {"author": users.get(one.get("author_id"))} if isinstance(one, dict) else one for one in found]
    except UNREADABLE:
        raise Malformed(f"{host} sent no posts where some were known to be: its API has changed") from None
    return _newest(posts)


def _newest(posts: Sequence[Json]) -> list[Json]:
    """Without the versions of a post of which a newer one is there, too."""
    there = {one.get("id") for one in posts if isinstance(one, dict)}
    return [one for one in posts if not there.intersection(_later(one))]


def _later(post: Json) -> list[Json]:
    with suppress(*UNREADABLE):
        versions = post["edit_history_tweet_ids"]
        return list(versions[versions.index(post["id"]) + 1 :])
    return []


def edited(post: Json) -> str | None:
    """The id of the newest version of a post, None where that is the post itself."""
    later = _later(post)
    return str(later[-1]) if later else None


def first(post: Json) -> str:
    """The id by which a post is known however often it is edited: each edit is a new id. Raises one of UNREADABLE."""
    versions = post.get("edit_history_tweet_ids") or [text(post, "id")]
    return text(versions, 0)


def gone(said: Json) -> list[str]:
    """The ids that a lookup says are deleted, or are shown to nobody any more. Raises one of UNREADABLE."""
    errors = said.get("errors") or ()
    return [str(one.get("resource_id") or one.get("value")) for one in errors if str(one.get("type")).endswith(_GONE)]


def withheld(post: Json) -> bool:
    """Whether a post is withheld from everybody. Raises one of UNREADABLE."""
    said = post.get("withheld") or {}
    return bool(said.get("copyright")) or not _EVERYWHERE.isdisjoint(said.get("country_codes") or ())


def hidden(posts: Sequence[Json]) -> list[str]:
    """The ids of the posts that are withheld from everybody."""
    ids = []
    for post in posts:
        with suppress(*UNREADABLE):
            ids += [first(post)] if withheld(post) else []
    return ids


def mention(post: Json, own: set[str]) -> Mention | None:
    """Read a post; `own` are ids and names of ours, in lower case. Raises one of UNREADABLE."""
    refers = {text(one, "type"): text(one, "id") for one in post.get("referenced_tweets") or ()}
    if "retweeted" in refers or withheld(post):
        return None
    author, lang = post.get("author") or {}, text_or_none(post, "lang")
    name = text_or_none(author, "username")
    return Mention(
        external_id=first(post),
        kind=Kind.COMMENT if "replied_to" in refers else Kind.POST,
        text=tidy(unescape(text(post.get("note_tweet") or post, "text"))),  # a long post is cut elsewhere
        url=f"https://x.com/{name or 'i'}/status/{text(post, 'id')}",
        published_at=_published(post),
        author=name,
        lang=None if lang in ("und", "zxx", "art") or (lang or "").startswith("q") else lang,
        parent_id=refers.get("replied_to"),
        ours=not own.isdisjoint({text_or_none(post, "author_id"), (name or "").lower()}),
        engagement=total(post.get("public_metrics") or {}, "reply_count", "retweet_count", "like_count", "quote_count"),
        audience=total(author.get("public_metrics") or {}, "followers_count"),
    )


def _published(post: Json) -> datetime:
    """When a post was made, not its newest version."""
    if text_or_none(post, "created_at") and first(post) == text(post, "id"):
        return when(post["created_at"])
    return instant(first(post))


def passed(state: dict[str, str], meta: Json, posts: Sequence[Json]) -> dict[str, str]:
    """How far a walk is after a page: `top` is its newest id, which the first page has, `until` its oldest."""
    said = [meta.get("newest_id"), meta.get("oldest_id")] + [one.get("id") for one in posts if isinstance(one, dict)]
    ids = sorted(int(id_) for id_ in said if isinstance(id_, str) and id_.isdecimal())
    if not ids:
        return state
    return state | {"top": str(max(ids[-1], int(state.get("top", "0")))), "until": str(ids[0])}


class Month(Budget):
    """A budget of a calendar month."""

    def _day_of(self, now: datetime) -> tuple[datetime, datetime]:
        begun = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return begun, (begun + timedelta(days=32)).replace(day=1)

    def _day(self, now: datetime) -> str:
        return now.astimezone(UTC).strftime("%Y-%m")


@dataclass(frozen=True, slots=True)
class Money:
    """What may be spent in a day and in a month, in thousandths of a dollar. Pure: what is spent is kept in a cursor."""

    day: int
    month: int

    @property
    def _budgets(self) -> dict[str, Budget]:
        return {"day": Budget(name="today", limit=self.day), "month": Month(name="this month", limit=self.month)}

    def left(self, spent: Json, now: datetime) -> int:
        """What is left, whichever ends first."""
        return min(budget.left((spent or {}).get(name), now) for name, budget in self._budgets.items())

    def spend(self, spent: Json, now: datetime, amount: int) -> Json:
        """What is to be kept once `amount` is spent; less than nothing is given back."""
        return {name: budget.spend((spent or {}).get(name), now, amount) for name, budget in self._budgets.items()}

    def warnings(self, spent: Json, now: datetime, least: int) -> list[str]:
        """The sentences for people where it is gone or nearly so, or less than the `least` that is of use."""
        near = [
            (budget, budget.left((spent or {}).get(name), now))
            for name, budget in self._budgets.items()
            if budget.warning((spent or {}).get(name), now) or budget.left((spent or {}).get(name), now) < least
        ]
        return [
            f"{left / 1000:.2f} of {budget.limit / 1000:.2f} USD are left for {budget.name}: where they do not do, raise"
            f" the budget in the source's options; what is not read now is read when there is money again"
            for budget, left in near
        ]
