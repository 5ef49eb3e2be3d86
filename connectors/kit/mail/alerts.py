"""The mails of Google Alerts: each result is an article, at its own address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from selectolax.lexbor import LexborNode

from connectors.kit.mail.letter import Letter
from connectors.kit.markup import tree
from connectors.kit.text import https, plain, tidy

SENDER = "googlealerts-noreply@google.com"

_SECTION = re.compile(r"===.{1,200}\[.{0,300}\] ===")
_GOOGLE = re.compile(r"(?:www\.)?google\.[a-z]{2,3}(?:\.[a-z]{2})?")
_MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was found: `url` is the article's own, not Google's."""

    url: str
    title: str
    text: str
    publisher: str | None = None


def results(letter: Letter) -> list[Result]:
    """The results in a mail, each once: by the marks of the page, else by the layout of its text, else by its links -
    a mail that was forwarded has lost the marks. Raises ValueError where there is none at all."""
    for read in (_marked, _written, _linked):
        found = {result.url: result for result in reversed([*read(letter)][:_MOST])}
        if found:
            return [*reversed(found.values())]
    raise ValueError("a mail of Google Alerts has no result that can be read")


def _marked(letter: Letter) -> Iterator[Result]:
    """The rows that are marked as articles. Each has three more links with the same target, to share and to complain."""
    for row in tree(letter.html).css('tr[itemtype$="schema.org/Article"]'):
        link = row.css_first('a[itemprop="url"]')
        url = target(link.attributes.get("href")) if link else None
        if link is not None and url is not None:
            yield Result(
                url=url,
                title=_text(link),
                text=_text(row.css_first('[itemprop="description"]')),
                publisher=_text(row.css_first('[itemprop="publisher"] [itemprop="name"]')) or None,
            )


def _written(letter: Letter) -> Iterator[Result]:
    """The paragraphs of the text: a title, a publisher where it is news, an excerpt, and the link in brackets."""
    said: list[str] = []
    for line in letter.text.split("\n"):
        if line.startswith("<") and line.endswith(">"):
            url = target(line[1:-1])
            if url is not None and said:
                yield _paragraph(url, said)
            said = []
        elif _SECTION.fullmatch(line):
            said = []
        else:
            said.append(line)


def _paragraph(url: str, said: list[str]) -> Result:
    publisher = said[1] if len(said) > 2 else None
    return Result(url=url, title=said[0], text="\n".join(said[2 if publisher else 1 :]), publisher=publisher)


def _linked(letter: Letter) -> Iterator[Result]:
    """The links that lead through Google to somewhere else and have words."""
    for link in tree(letter.html).css("a[href]"):
        url, title = target(link.attributes.get("href")), _text(link)
        if url is not None and title:
            yield Result(url=url, title=title, text="")


def target(link: str | None) -> str | None:
    """Where a link of Google's redirector leads; None for any other."""
    try:
        parts = urlsplit((link or "").strip())
        leads = parts.path == "/url" and _GOOGLE.fullmatch(parts.hostname or "")
        return https(parse_qs(parts.query).get("url", [""])[0]) if leads else None
    except ValueError:
        return None


def _text(node: LexborNode | None) -> str:
    return tidy(plain(node.html or "")).replace("\n", " ") if node is not None else ""
