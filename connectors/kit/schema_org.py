"""Reviews as schema.org has them (https://schema.org/Review), in a page's structured data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import urldefrag

from connectors.kit import ratings, structured
from connectors.kit.structured import Data, listed, types
from connectors.kit.text import https, plain, tidy
from monitor.model import Json, Kind, Mention, aware

Node = Mapping[str, Json]

REVIEWS = {"Review", "UserReview", "CriticReview", "EmployerReview", "Recommendation"}
"""Of schema.org's kinds of Review those that judge a place or a service; a ClaimReview checks what somebody said."""

_COUNTED = re.compile(r"\d{1,9}")
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_].*)?", re.IGNORECASE)
_LONGEST = 100_000
_BEGINNING = 80
_MOST_IDS = 200


class _Review(NamedTuple):
    """A review as it stands in the page, and the ids it may go by, best first."""

    node: Node
    around: Node
    ids: tuple[str, ...]


class Reading:
    """Reads the reviews in `data`, found at `page`. `own` are names that are ours, in lower case. What has no date was
    said `now`: of the readings of one review the first counts."""

    def __init__(self, data: Data, *, page: str, now: datetime, own: Iterable[str] = ()) -> None:
        self.page, self.now = urldefrag(page)[0], now
        self.own = {name.casefold() for name in own}
        walked = list(structured.walk(data.nodes))
        self.by_id = {
            node["@id"]: node for node, _ in reversed(walked) if isinstance(node.get("@id"), str) and len(node) > 1
        }
        self.found = list(self._reviews(walked))
        self.count = max((count for node, _ in walked if (count := _counted(node)) is not None), default=None)

    def mentions(self) -> tuple[list[Mention], int]:
        """The reviews and our answers to them, and how many reviews could not be read."""
        mentions: dict[str, Mention] = {}
        skipped = 0
        usual = Counter(one for review in self.found for one in review.ids)
        for review in self.found:
            external_id = next((one for one in review.ids if usual[one] == 1), review.ids[-1])
            try:
                for mention in self._read(review, external_id):
                    mentions.setdefault(mention.external_id, mention)
            except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
                skipped += 1
        return list(mentions.values()), skipped

    def shows(self, mentions: Iterable[Mention], before: Mapping[str, Json]) -> tuple[dict[str, Json], int]:
        """What to keep of which reviews the page shows and how many it counts, and how many of those that it counts
        since `before`, what was kept the last time, it does not show."""
        ids = [_hash(mention.external_id) for mention in mentions if mention.parent_id is None]
        kept: dict[str, Json] = {"ids": ids[:_MOST_IDS]} | ({} if self.count is None else {"count": self.count})
        fresh = len(set(ids) - set(before.get("ids", ids)))
        more = (self.count or 0) - before.get("count", self.count or 0)
        return kept, max(more - fresh, 0)

    def _reviews(self, walked: Iterable[tuple[Node, Node | None]]) -> Iterator[_Review]:
        """Each review once, however often the page repeats it."""
        seen: set[str] = set()
        for node, around in walked:
            if types(node) & REVIEWS and (len(node) > 2 or "@id" not in node):
                ids = self._ids(node)
                if ids[-1] not in seen:
                    seen.add(ids[-1])
                    yield _Review(node, around or {}, ids)

    def _ids(self, node: Node) -> tuple[str, ...]:
        """Its own id, its own address, who wrote it when, and last its words: what is unique in the page is its name."""
        own = [self._address(node.get("@id")), self._address(node.get("url"))]
        who, when = self._name(node.get("author")), _said(node.get("datePublished") or node.get("dateCreated"))
        written = [_hash(self.page, who, when)] if who and when else []
        words = _hash(self.page, who, when, self._words(node)[:_BEGINNING])
        return (*(one for one in own if one), *written, words)

    def _address(self, value: Json) -> str | None:
        """An address that is not the page's own."""
        said = next((one for one in listed(value) if isinstance(one, str)), "").strip()
        said = said.encode("utf-8", "replace").decode()
        address = https(said, self.page) if said and not said.startswith("_:") else None
        return address if address and address.rstrip("/#") != self.page.rstrip("/") else None

    def _read(self, review: _Review, external_id: str) -> Iterator[Mention]:
        node = review.node
        rating = self._rating(node)
        text, title, who = (
            self._words(node),
            _said(node.get("name") or node.get("headline")),
            self._name(node.get("author")),
        )
        if not text and not title and rating is None:
            raise ValueError("a review says nothing")
        at = moment(node.get("datePublished") or node.get("dateCreated") or node.get("dateModified"))
        place = self._name(node.get("itemReviewed")) or self._name(review.around)
        said = Mention(
            external_id=external_id,
            kind=Kind.REVIEW,
            text=text[:_LONGEST],
            title=title or place,
            url=self._address(node.get("url")) or self.page,
            published_at=at or self.now,
            author=who or None,
            stars=rating,
            lang=self._language(node),
            ours=who.casefold() in self.own,
        )
        yield said
        for number, answer in enumerate(listed(node.get("comment"))):
            if isinstance(answer, dict) and (words := self._words(answer)):
                yield self._answer(answer, words[:_LONGEST], said, f"{external_id}#comment-{number}", place)

    def _answer(self, answer: Node, words: str, review: Mention, usual: str, place: str) -> Mention:
        author = self._node(answer.get("author") or answer.get("creator"))
        who = self._name(author)
        organisation = any("Organization" in one or one in _PLACES for one in types(author))
        at = moment(answer.get("datePublished") or answer.get("dateCreated"))
        return Mention(
            external_id=self._address(answer.get("@id")) or usual,
            kind=Kind.COMMENT,
            text=words,
            url=self.page,
            published_at=at or review.published_at,
            author=who or None,
            parent_id=review.external_id,
            ours=who.casefold() in {*self.own, place.casefold()} - {""} or organisation,
        )

    def _rating(self, node: Node) -> float | None:
        for rating in listed(node.get("reviewRating") or node.get("rating")):
            said = self._node(rating)
            if isinstance(said, dict):
                value, best, worst = (_plainly(said.get(key)) for key in ("ratingValue", "bestRating", "worstRating"))
                found = ratings.stars(value, best, worst)
            else:
                found = ratings.stars(_plainly(said))
            if found is not None:
                return found
        return None

    def _words(self, node: Node) -> str:
        for key in ("reviewBody", "text", "description"):
            if words := _said(node.get(key), lines=True):
                return words
        notes = [self._name(one) for key in ("positiveNotes", "negativeNotes") for one in _members(node.get(key))]
        return "\n".join(note for note in notes if note)

    def _language(self, node: Node) -> str | None:
        said = node.get("inLanguage") or next(
            (one.get("@language") for one in listed(node.get("reviewBody")) if isinstance(one, dict)), None
        )
        for one in listed(said):
            name = (one.get("alternateName") or one.get("name")) if isinstance(one, dict) else one
            found = _LANGUAGE.fullmatch(plain(name)) if isinstance(name, str) else None
            if found:
                return found[1].lower()
        return None

    def _node(self, value: Json) -> Json:
        """The first of several, and what stands elsewhere in the page under its id."""
        first = next(iter(listed(value)), None)
        if isinstance(first, dict) and isinstance(first.get("@id"), str) and len(first) == 1:
            return self.by_id.get(first["@id"], first)
        return first

    def _name(self, value: Json) -> str:
        """What somebody or something is called, "" where it has no name."""
        first = self._node(value)
        if isinstance(first, dict) and "@value" not in first:
            first = first.get("name") or first.get("headline") or first.get("alternateName")
        said = _said(first)
        return "" if said.startswith(("http://", "https://")) else said[:300]


_PLACES = {"LocalBusiness", "Hospital", "MedicalClinic", "MedicalBusiness", "Dentist", "Physician", "Pharmacy"}


def moment(value: Json) -> datetime | None:
    """A date or time of ISO 8601, None for any other; without a zone it is taken for UTC, a day for its first minute."""
    said = _said(value)
    try:
        at = datetime.fromisoformat(said)
        return aware(at.replace(tzinfo=at.tzinfo or UTC))
    except (ValueError, OverflowError):
        return None


def _counted(node: Node) -> int | None:
    """How many reviews an AggregateRating counts."""
    if "AggregateRating" not in types(node):
        return None
    found = _COUNTED.fullmatch(re.sub(r"[.,\s]", "", str(_plainly(node.get("reviewCount")))))
    return int(found[0]) if found else None


def _members(value: Json) -> list[Json]:
    """The entries of an ItemList, or of a plain list."""
    entries = [one.get("itemListElement", one) if isinstance(one, dict) else one for one in listed(value)]
    return [one for entry in entries for one in listed(entry)]


def _said(value: Json, *, lines: bool = False) -> str:
    """A text without markup: of a literal, of one with a language, of the first of several."""
    first = next(iter(listed(value)), None)
    if isinstance(first, dict):
        first = first.get("@value")
    if not isinstance(first, str):
        return ""
    text = tidy(plain(first.encode("utf-8", "replace").decode()))
    return text if lines else text.replace("\n", " ")


def _plainly(value: Json) -> Json:
    first = next(iter(listed(value)), None)
    if isinstance(first, dict):
        first = first.get("@value")
    return plain(first) if isinstance(first, str) else first


def _hash(*said: str) -> str:
    return blake2b("\0".join(said).encode("utf-8", "replace"), digest_size=12).hexdigest()
