"""Mails by which a platform tells of a review: stars, who wrote, about which place, and as much of it as the mail has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.kit.mail.letter import Letter
from connectors.kit.markup import tree
from connectors.kit.text import https, plain

GOOGLE = "businessprofile-noreply@google.com"
SENDERS = (GOOGLE, "no-reply@yelp.com", "noreply.invitations@trustpilotmail.com", "notification@facebookmail.com")
"""Google's layout is known. Of the others no mail was seen: their text is kept whole, and stars are looked for."""

_UNIT = r"stars?|sterne?n?|étoiles?|estrellas?|stelle|stella|sterren|ster|estrelas?"
_RATINGS = (
    re.compile(r"(?<![\d.,/])([1-5](?:[.,]\d)?)[\s-]?(?:out of|von|sur|de|su|van|/)\s?5(?![\d.,]*\d)", re.IGNORECASE),
    re.compile(rf"(?<![\d.,/])([1-5](?:[.,]\d)?)[\s-]?(?:{_UNIT})\b", re.IGNORECASE),
)
_DRAWN = re.compile(r"(?<![★☆⭐])(?:[★☆]{5}|⭐{1,5})(?![★☆⭐])")
_ONE = re.compile(r"(?P<who>.{1,200}?) left a review for (?P<where>.{1,200})", re.IGNORECASE)
_SEVERAL = re.compile(r"(?P<where>.{1,200}?), you (?:got|have) \d{1,6} new reviews?", re.IGNORECASE)
_LINK = re.compile(r"<(https?://[^<>\s]{1,2000})>")
_FORWARD = re.compile(r"^(?:(?:fwd?|wg|tr|rv|i|enc):\s*)+", re.IGNORECASE)
_ABOUT = re.compile(r"\b(?:reviews?|rezension|bewertung|avis|reseña|recensione|recensie|avaliação)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a mail says of a review. `where` is the place reviewed; `stars` None where the mail does not say them."""

    text: str
    stars: float | None
    author: str | None
    where: str | None
    url: str | None


def review(letter: Letter, sender: str) -> Review:
    """The review that a mail from `sender` tells of. Raises ValueError for a mail about something else."""
    subject = _FORWARD.sub("", letter.subject)
    one, several = _ONE.fullmatch(subject), _SEVERAL.fullmatch(subject)
    lines = _lines(letter)
    at, stars = _rated([_LINK.sub("", line) for line in lines])
    if stars is None and not (one or several or _ABOUT.search(subject)):
        raise ValueError("a mail of a review platform tells of no review that can be read")
    google = sender == GOOGLE
    said, url = _said(lines[at:] if google else lines, google=google and several is None)
    name = one["who"] if one else None
    author = said[0] if one and said and said[0].startswith(one["who"].rstrip(". …")) else name
    found = one or several
    return Review(
        text="\n".join(said[1:] if said and said[0] == author else said),
        stars=stars,
        author=author,
        where=found["where"] if found else None,
        url=url,
    )


def stars(line: str) -> float | None:
    """The stars that a line names - "2-star review", "4,5 von 5", "★★☆☆☆" - None where it names none."""
    if drawn := _DRAWN.search(line):
        return float(drawn[0].count("★") + drawn[0].count("⭐")) or None
    found = next((found for rating in _RATINGS if (found := rating.search(line))), None)
    rating = float(found[1].replace(",", ".")) if found else 0.0
    return rating if 1 <= rating <= 5 else None


def _rated(lines: Sequence[str]) -> tuple[int, float | None]:
    """The line after the first that names stars, and the stars."""
    for at, line in enumerate(lines):
        if (rating := stars(line)) is not None:
            return at + 1, rating
    return 0, None


def _said(lines: Sequence[str], *, google: bool) -> tuple[list[str], str | None]:
    """The words of a mail without its buttons, which are lines with a link under them, and the first link.

    Between Google's first button and its second there is nothing but the review."""
    buttons = [at for at, line in enumerate(lines) if _LINK.fullmatch(line)]
    first = _LINK.fullmatch(lines[buttons[0]]) if buttons else None
    if google and len(buttons) > 1:
        lines, buttons = lines[buttons[0] + 1 : buttons[1] - 1], []
    labels = {at for button in buttons for at in (button, button - 1)}
    return [_LINK.sub("", line).strip() for at, line in enumerate(lines) if at not in labels], https(
        first[1]
    ) if first else None


def _lines(letter: Letter) -> list[str]:
    """The lines of a mail; where it has only a page, a link stands in brackets under its words, as in a text."""
    if _LINK.search(letter.text) or not letter.html:
        return letter.text.split("\n")
    page = tree(letter.html)
    for link in page.css("a[href]"):
        address = https(link.attributes.get("href"))
        link.replace_with(f"\n{plain(link.html or '')}\n<{address}>\n" if address else plain(link.html or ""))
    html = page.body.html if page.body else None
    return plain((html or "").replace("\n", "<br>")).split("\n")
