"""From a feed's entries to mentions: the flavours of Google, Reddit, YouTube and others, dates, and what is ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

import httpx

from connectors.kit.feed.entry import Entry, Feed, moment
from connectors.kit.feed.identity import Known, Owners, distinct, host, identity
from connectors.kit.text import https, plain, tidy
from monitor.connector import Page
from monitor.model import Kind, Mention

_LONGEST_TEXT = 100_000
_LONGEST_TITLE = 1_000
_LONGEST_NAME = 300
_GOOGLE = re.compile(r"(?:www\.)?google\.[a-z]{2,3}(?:\.[a-z]{2})?")
_REDDIT_TRAILER = re.compile(r"\s*submitted by\s+/?u/\S+(?:\s+to\s+/?r/\S+)?\s+\[link\]\s+\[comments\]$")
_TAGGED = re.compile(
    r"</(?:a|b|blockquote|div|em|h[1-6]|i|li|ol|p|script|span|strong|style|ul)>|<br\s*/?>", re.IGNORECASE
)
_POSTING = (".bsky.app", ".reddit.com", ".youtube.com")


class Reading:
    """Reads the entries of one answer. `url` is where it came from and `date` its Date header: what is undated is taken
    to be of then, and what claims to be of the future too. `floor`: nothing older is handed over."""

    def __init__(
        self,
        found: Feed,
        *,
        url: httpx.URL,
        date: str,
        floor: datetime,
        own_domains: Iterable[str] = (),
        own_authors: Iterable[str] = (),
    ) -> None:
        self.found = found
        self.floor = floor
        # Without its query: a link such as `#top` would carry a token along.
        self.base = str(url.copy_with(query=None, fragment=None))
        self.site = url.host
        self.now = moment(date)
        self.own_domains = tuple(domain.lower().removeprefix("www.") for domain in own_domains)
        self.own_authors = {_account(author) for author in own_authors}

    def distinct(self, owners: Owners) -> tuple[list[Known], Owners]:
        """The entries with the ids that tell them apart."""
        return distinct([self._known(entry) for entry in self.found.entries], owners)

    def page(self, entries: Sequence[Known]) -> Page:
        mentions, skipped = [], 0
        for known in entries:
            try:
                if mention := self._mention(known):
                    mentions.append(mention)
            except (LookupError, TypeError, ValueError, OverflowError):
                skipped += 1
        return Page(mentions=mentions, skipped=skipped)

    def _known(self, entry: Entry) -> Known:
        link = https(entry.link, self.base)
        real = _unwrapped(link)
        if real is not None:
            # Two alerts give the same article two ids; its own address is one.
            return Known(entry, real, identity(real, real, self.site))
        return Known(entry, link, identity(entry.id, link, self.site, entry.title, entry.text))

    def _mention(self, known: Known) -> Mention | None:
        """None for what is older than the floor. Raises ValueError for an entry that says nothing."""
        entry, link, external_id = known
        at = entry.published or entry.updated
        if at is None or (self.now and at > self.now + timedelta(days=1)):
            at = self.now or self.floor  # of an undated entry the first reading counts: the store keeps that
        elif at < self.floor:
            return None
        site = host(link)
        reddit = f".{site}".endswith(".reddit.com")
        title = _title(entry)
        text = self._text(entry, reddit=reddit)
        if not title and not text:
            raise ValueError("an entry says nothing")
        author = tidy(entry.author or self.found.author)[:_LONGEST_NAME] or None
        parent = identity(entry.parent, None, site or self.site) if entry.parent else None
        return Mention(
            external_id=external_id,
            kind=_kind(site, title, comment=bool(parent) or (reddit and external_id.startswith("t1_"))),
            text=text,
            published_at=at,
            url=link,
            author=author,
            title=title,
            lang=_language(entry.lang or self.found.lang),
            parent_id=parent,
            ours=self._ours(site, author),
            engagement=_count(entry.comments or entry.likes),
        )

    def _text(self, entry: Entry, *, reddit: bool) -> str:
        # YouTube's descriptions are plain text, whatever their element is.
        html = entry.html and not entry.id.startswith("yt:video:")
        # Texts are often declared plain, or not declared at all, and are HTML.
        text = plain(entry.text) if html or _TAGGED.search(entry.text) else tidy(entry.text)
        if reddit:
            text = _REDDIT_TRAILER.sub("", text)
        return text[:_LONGEST_TEXT]

    def _ours(self, site: str, author: str | None) -> bool:
        if author and self.own_authors and _account(author) in self.own_authors:
            return True
        return any(site == domain or site.endswith(f".{domain}") for domain in self.own_domains)


def _title(entry: Entry) -> str:
    title = plain(entry.title) if entry.title_html else tidy(entry.title)
    if entry.source:  # Google News: `Title - Outlet`
        title = title.removesuffix(f" - {tidy(entry.source)}")
    return title.replace("\n", " ")[:_LONGEST_TITLE]


def _kind(site: str, title: str, *, comment: bool) -> Kind:
    if comment:
        return Kind.COMMENT
    # Mastodon and other short messages have no title.
    return Kind.ARTICLE if title and not f".{site}".endswith(_POSTING) else Kind.POST


def _unwrapped(link: str | None) -> str | None:
    """Where a Google redirector leads; None for any other link."""
    if link is None or "google." not in link or not _GOOGLE.fullmatch(host(link)):
        return None
    parts = urlsplit(link)
    return https(parse_qs(parts.query).get("url", [""])[0]) if parts.path == "/url" else None


def _account(name: str) -> str:
    return name.strip().lower().removeprefix("/").removeprefix("u/").removeprefix("@")


@lru_cache(maxsize=256)
def _language(tag: str) -> str | None:
    """The language of a tag such as `en-US`, None for what is none."""
    primary = re.split(r"[-_]", tag.strip(), maxsplit=1)[0].lower()
    return primary if 2 <= len(primary) <= 3 and primary.isascii() and primary.isalpha() else None


def _count(number: str) -> int | None:
    number = number.strip()
    return int(number) if number.isdecimal() and len(number) < 12 else None
