"""The suite that every connector passes, ours like anybody's: subclass it, say how your platform speaks, run pytest.

    class TestForum(ConnectorContract):
        connector = Forum
        options = {"url": "https://forum.example", "token": Secret("not-to-be-seen")}

        def raw(self, said):
            return {"id": said.n, "date": said.published_at.isoformat(), "body": html.escape(said.text)}

        def serve(self, items):
            return Traffic(("https://forum.example/posts", {"posts": items}))

The suite decides what was said, `raw` puts it into the platform's words, `serve` is the platform: it lists what it is given
as the real one would, a few a page. So the suite can cut walks, add what came later, spoil one thing and refuse.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import re
import traceback
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx

from monitor.connector import Access, Connector, Cursor, Page, PollError, Secret, Throttled
from monitor.model import Mention
from monitor.testing.refusals import BODY, REFUSALS, Refusal
from monitor.testing.traffic import Traffic

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""When the suite's newest thing was said."""

FLOOR = NOW - timedelta(days=30)
"""How far back the suite's first polls go."""

_SAID = 'Waited 3 hours & nobody came: "Größe" 👍'
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:[a-z]+|#\d+);")
_QUIET = ("httpx", "httpcore", "asyncio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing said on the platform. `n` counts from 1 in the order of arrival: make the platform's id of it.

    `published_at` is the author's word for when it was said, `arrived_at` the platform's own."""

    n: int
    text: str
    published_at: datetime
    arrived_at: datetime


class ConnectorContract:
    """Subclass this in a test module under a name that begins with `Test`; see the module for the ten lines it takes.

    Nothing here needs a plug-in, a network or a clock."""

    connector: ClassVar[type[Connector]]
    options: ClassVar[Mapping[str, Any]]
    """What stands in the configuration; credentials as `Secret`. None of them may ever be shown."""

    secrets: ClassVar[Sequence[str]] = ()
    """Further words that must never be shown, such as tokens that the platform hands out."""

    refusals: ClassVar[Mapping[str, Refusal | None]] = {}
    """By name, refusals (see REFUSALS) that this platform means otherwise, further ones of its own, and None for one it
    cannot make. Give the reason in a comment."""

    def raw(self, said: Said) -> Any:
        """`said` as the platform hands it out: an item of its JSON, a piece of its XML."""
        raise NotImplementedError

    def serve(self, items: Sequence[Any]) -> Traffic:
        """The platform with these items in its listing, newest arrival first, two or three a page."""
        raise NotImplementedError

    def unreadable(self, raw: Any) -> Any:
        """`raw`, spoiled so that no connector could read it. JSON: only its id is left."""
        if not isinstance(raw, dict):
            raise NotImplementedError("say what an item that cannot be read looks like on this platform")
        return {key: value if key == "id" else None for key, value in raw.items()}

    # What is said

    def said(self, n: int, **changes: Any) -> Said:
        """The n-th thing said: one an hour, the tenth of them now."""
        at = NOW - timedelta(hours=10 - n)
        return replace(Said(n=n, text=f"{_SAID} ({n})", published_at=at, arrived_at=at), **changes)

    def platform(self, count: int, *changed: Said) -> Traffic:
        """The platform after `count` things were said, some of them `changed`."""
        by_n = {n: self.said(n) for n in range(1, count + 1)} | {said.n: said for said in changed}
        return self.serve([self.raw(by_n[n]) for n in sorted(by_n, reverse=True)])

    # How it is polled

    def polled(
        self, traffic: Traffic, cursor: Cursor | None = None, floor: datetime = FLOOR, cut: int = 0
    ) -> list[Page]:
        """The pages of one poll by a connector that was just started, cut off after `cut` pages where that is not 0."""
        return asyncio.run(self._poll(traffic, cursor or {}, floor, cut))

    def started(self, client: httpx.AsyncClient) -> Connector:
        """The connector as after a start; one that reads a clock is told that it is NOW."""
        options = self.connector.Options(**self.options)
        if "now" in inspect.signature(self.connector).parameters:
            return self.connector(options, client, now=lambda: NOW)  # type: ignore[call-arg]  # it may, see Connector
        return self.connector(options, client)

    async def _poll(self, traffic: Traffic, cursor: Cursor, floor: datetime, cut: int) -> list[Page]:
        pages: list[Page] = []
        async with traffic.client() as client:
            walk = self.started(client).poll(cursor, floor)
            try:
                async for page in walk:
                    pages.append(page)
                    if len(pages) == cut:
                        break
            except PollError as error:
                error.pages = pages  # type: ignore[attr-defined]  # what was handed over before is the test's matter too
                raise
            finally:
                if isinstance(walk, AsyncGenerator):
                    await walk.aclose()
        assert not traffic.unexpected, f"requests that the traffic has no answer for: {traffic.unexpected}"
        return pages

    def refused(self, traffic: Traffic) -> PollError:
        """The error of a poll that must fail; it carries the `pages` handed over before."""
        try:
            pages = self.polled(traffic)
        except PollError as error:
            return error
        raise AssertionError(f"no PollError was raised; {len(_mentions(pages))} mentions were read instead")

    # The promises

    def test_it_says_what_it_is(self) -> None:
        assert self.connector.platform, "platform is empty"
        access = self.connector.access
        assert isinstance(access, Access), "access is no Access"
        assert all([access.sees, access.blind_to, access.terms]), "access leaves something unsaid"
        looks = callable(getattr(self.connector, "recheck", None))
        assert looks or access.recheck is None, "access asks for a recheck that the connector does not have"

    def test_it_reads_mentions(self) -> None:
        found = _by_id(self.polled(self.platform(10)))
        assert len(found) == 10, f"10 things were said, {len(found)} mentions were read"
        texts = {self.said(n).text for n in range(1, 11)}
        for mention in found.values():
            whole = f"{mention.title}\n{mention.text}"
            assert any(text in whole for text in texts), "the text is not what was said: is it decoded to plain text?"
            assert not _MARKUP.search(whole), "the text carries markup"
            assert mention.url is None or mention.url.startswith("https://"), "the link is not https"
            assert mention.published_at.tzinfo is UTC, "published_at is not aware"
        dates = sorted(mention.published_at for mention in found.values())
        assert dates == [self.said(n).published_at for n in range(1, 11)], "published_at is not when it was said"

    def test_the_same_traffic_reads_the_same_twice(self) -> None:
        first, second = self.polled(self.platform(10)), self.polled(self.platform(10))
        assert first == second, "two first polls of the same platform differ"

    def test_a_walk_ends_with_a_cursor_that_is_json(self) -> None:
        pages = self.polled(self.platform(10))
        assert pages, "the poll brought no page"
        assert pages[-1].cursor is not None, "the page that ends the walk has no cursor"
        assert json.loads(json.dumps(pages[-1].cursor)) == pages[-1].cursor, "the cursor does not survive JSON"

    def test_nothing_is_lost_wherever_a_walk_is_cut(self) -> None:
        start = _cursor(self.polled(self.platform(4)), {})
        for cursor in ({}, start):
            whole = self.polled(self.platform(14), cursor)
            for cut in range(1, len(whole)):
                pages = self.polled(self.platform(14), cursor, cut=cut)
                pages += self.polled(self.platform(14), _cursor(pages, cursor))
                missing = _by_id(whole).keys() - _by_id(pages).keys()
                assert not missing, f"cut after page {cut} of {len(whole)}, {len(missing)} mentions were never read"

    def test_a_finished_walk_is_not_walked_again(self) -> None:
        first, second = self.platform(14), self.platform(14)
        pages = self.polled(first)
        again = self.polled(second, _cursor(pages, {}))
        assert _by_id(again).keys() <= _by_id(pages).keys(), "a second poll found what the first did not"
        asked, asked_again = len(first.requests), len(second.requests)
        assert asked_again < asked or asked_again == asked <= 2, (
            f"a first poll asked {asked} times, one with its cursor {asked_again}"
        )

    def test_what_comes_later_is_found(self) -> None:
        cursor = _cursor(self.polled(self.platform(6)), {})
        found = _by_id(self.polled(self.platform(14), cursor))
        self._brings(found, range(7, 15))

    def test_nothing_is_older_than_the_floor(self) -> None:
        floor = self.said(5).published_at
        found = _by_id(self.polled(self.platform(10), floor=floor))
        assert all(mention.published_at >= floor for mention in found.values()), "a mention is older than the floor"
        self._brings(found, range(5, 11))

    def test_an_old_date_on_top_does_not_end_the_walk(self) -> None:
        pinned = self.said(6, published_at=FLOOR - timedelta(days=365))
        pages = self.polled(self.platform(10, pinned))
        self._brings(_by_id(pages), [1, 2, 3, 4, 5, 7, 8, 9, 10])
        top = self.said(10, published_at=FLOOR - timedelta(days=365))
        pages = self.polled(self.platform(10, top))
        self._brings(_by_id(pages), range(1, 10))
        self._brings(_by_id(self.polled(self.platform(14, top), _cursor(pages, {}))), range(11, 15))

    def test_a_future_date_does_not_move_the_cursor(self) -> None:
        dreamer = self.said(6, published_at=NOW + timedelta(days=400))
        pages = self.polled(self.platform(6, dreamer))
        self._brings(_by_id(pages), range(1, 6))
        self._brings(_by_id(self.polled(self.platform(14, dreamer), _cursor(pages, {}))), range(7, 15))

    def test_one_unreadable_item_is_skipped_and_counted(self) -> None:
        for n in (1, 5, 10):
            items = [self.raw(self.said(m)) for m in range(10, 0, -1)]
            items[10 - n] = self.unreadable(items[10 - n])
            pages = self.polled(self.serve(items))
            self._brings(_by_id(pages), [m for m in range(1, 11) if m != n])
            assert sum(page.skipped for page in pages), "an unreadable item was not counted as skipped"

    def test_every_refusal_has_its_error(self) -> None:
        asked = len(self._asked())
        wrong = [
            f"{refusal.name} at request {number}: {problem}"
            for refusal in self._refusals()
            for number in range(asked)
            for problem in self._misread(refusal, number)
        ]
        assert not wrong, "\n".join(wrong)

    def test_nothing_is_lost_when_a_walk_is_refused(self) -> None:
        down = next(refusal for refusal in REFUSALS if refusal.name == "500")
        whole = _by_id(self.polled(self.platform(10)))
        for number in range(len(self._asked())):
            pages: list[Page] = self.refused(self._refusing(down, number)).pages  # type: ignore[attr-defined]
            pages += self.polled(self.platform(10), _cursor(pages, {}))
            missing = whole.keys() - _by_id(pages).keys()
            assert not missing, f"after a refusal at request {number}, {len(missing)} mentions were never read"

    def test_options_refuse_what_they_do_not_know(self) -> None:
        try:
            self.connector.Options(**{**self.options, "no_such_option": 1})
        except (ValueError, TypeError) as error:
            self._keeps_secrets("the error of Options", str(error))
        else:
            raise AssertionError("Options take any key: a misspelt one would be ignored")

    def test_no_secret_is_shown(self) -> None:
        options = self.connector.Options(**self.options)
        connector = self.started(self.platform(1).client())
        self._keeps_secrets("repr", f"{options!r} {options} {connector!r}")
        with _log() as lines:
            self.polled(self.platform(10))
            self.refused(self._refusing(REFUSALS[1], 0))
        self._keeps_secrets("the log", "\n".join(lines))
        assert _SAID not in "\n".join(lines), "the log tells what was said"

    # How a refusal is judged

    def _asked(self) -> list[httpx.Request]:
        traffic = self.platform(10)
        self.polled(traffic)
        return traffic.requests

    def _refusals(self) -> Iterable[Refusal]:
        known = {refusal.name: refusal for refusal in REFUSALS} | dict(self.refusals)
        return [refusal for refusal in known.values() if refusal is not None]

    def _refusing(self, refusal: Refusal, number: int) -> Traffic:
        """The platform, which refuses from its request `number` on."""
        traffic = self.platform(10)
        traffic.exchanges.insert(0, (lambda _: len(traffic.requests) > number, refusal.answer))
        return traffic

    def _misread(self, refusal: Refusal, number: int) -> Iterable[str]:
        traffic = self._refusing(refusal, number)
        try:
            error = self.refused(traffic)
        except Exception as bug:  # noqa: BLE001  # whatever flies here is what the suite is there to name
            yield f"{type(bug).__name__}: {bug}"
            return
        if not isinstance(error, refusal.raises):
            yield f"{type(error).__name__} was raised"
        if isinstance(error, Throttled) and error.wait != refusal.wait:
            yield f"the wait is {error.wait} where {refusal.wait} was asked for"
        yield from self._shown(error, traffic.requests)

    def _shown(self, error: PollError, requests: Sequence[httpx.Request]) -> Iterable[str]:
        sentence = str(error)
        told = "".join(traceback.format_exception(error))
        if not any(request.url.host in sentence for request in requests):
            yield "the error does not name the host"
        for url in {request.url for request in requests}:
            query = url.query.decode()
            if "://" in sentence or (len(url.path) > 1 and url.path in sentence) or (query and query in told):
                yield "the error shows a URL"
        for secret in (BODY, *self._secrets()):
            if secret in told:
                yield "the error shows a secret or what stood in the body"

    def _secrets(self) -> list[str]:
        return [*self.secrets, *(value.reveal() for value in self.options.values() if isinstance(value, Secret))]

    def _keeps_secrets(self, place: str, text: str) -> None:
        assert not any(secret in text for secret in self._secrets()), f"a secret stands in {place}"

    def _brings(self, found: Mapping[str, Mention], numbers: Iterable[int]) -> None:
        texts = "\n".join(f"{mention.title}\n{mention.text}" for mention in found.values())
        lost = [n for n in numbers if self.said(n).text not in texts]
        assert not lost, f"what was said as number {lost} was never read"


def _mentions(pages: Iterable[Page]) -> list[Mention]:
    return [mention for page in pages for mention in page.mentions]


def _by_id(pages: Iterable[Page]) -> dict[str, Mention]:
    return {mention.external_id: mention for mention in _mentions(pages)}


def _cursor(pages: Sequence[Page], before: Cursor) -> Cursor:
    """The cursor that would be stored: the last one handed over, through JSON as the store has it."""
    cursors = [page.cursor for page in pages if page.cursor is not None]
    stored: Cursor = json.loads(json.dumps(cursors[-1] if cursors else before))
    return stored


class _log(logging.Handler):  # noqa: N801  # read as a verb where it is used
    """Everything that is logged meanwhile, except by the HTTP client, whose lines the daemon drops."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(_QUIET):
            self.lines.append(f"{record.getMessage()} {record.exc_text or ''}")

    def __enter__(self) -> list[str]:
        self._level = logging.root.level
        logging.root.addHandler(self)
        logging.root.setLevel(logging.DEBUG)
        return self.lines

    def __exit__(self, *_: object) -> None:
        logging.root.removeHandler(self)
        logging.root.setLevel(self._level)
