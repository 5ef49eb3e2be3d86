"""The quick reader: ordinary well-formed RSS, Atom and RDF, read exactly as feedparser would, some eight times as fast.

What it is not sure to read the same way - markup inside texts, xml:base, unusual dates, repeated fields - it leaves to
feedparser by raising Unsure. Its rules are feedparser's (6.0), not those of the specifications.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError, XMLParser

from connectors.kit.feed.entry import Entry, Feed, Unreadable, Unsure, moment
from connectors.kit.feed.loose import person
from connectors.kit.feed.vocabulary import NAMES, familiar

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_REFERRING = frozenset({_BASE, "base", "lang", "href", "lastmod"})
_TEXT_ATTRIBUTES = frozenset({"type", "mode", _LANG})  # feedparser lets an xml:base leak
_LINK_ATTRIBUTE = re.compile(
    r"href|rel|type|title|hreflang|length|\{http://purl\.org/syndication/thread/1\.0\}(count|updated)"
)
_HTML = {"html": True, "text/html": True, "text": False, "plain": False, "text/plain": False}
_EXTRA_SLASHES = re.compile(r"^([A-Za-z][A-Za-z0-9+-.]*://)/*")
_AND = re.compile(r"&([A-Za-z0-9_]+);")
_RSS_1 = re.compile(rb"purl\.org/rss/1\.0/[\"']|my\.netscape\.com/rdf", re.IGNORECASE)
_CONTROLS = re.compile("[\x80-\x9f]")
_NO_LETTERS = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
_WINDOWS = {code: bytes([code]).decode("cp1252") for code in range(0x80, 0xA0) if code not in _NO_LETTERS}
_MANY = frozenset({"text", "address", "author", "media"})
_STRANGE = frozenset({"root", "entry", "owner", "perilous"})
_DEEPEST = 100
_PIECE = 262_144
_MOST_TAGS = 400_000
"""A tree of so many elements takes some 70 MB."""
_LONG = 2_000
_PEOPLE = ("author", "creator", "editor", "master", "publisher", "owner", "name", "email")


def read(document: bytes) -> Feed:
    """The feed in `document`, UTF-8 that starts at its root element. Raises Unsure and Unreadable."""
    if document.count(b"<") > _MOST_TAGS:
        raise Unsure
    parser = XMLParser()  # noqa: S314 - the document starts at its root: no DTD, hence no entities
    try:
        for at in range(0, len(document), _PIECE):  # in pieces, so that other threads have their turn
            parser.feed(memoryview(document)[at : at + _PIECE])
        root: Element = parser.close()
    except ParseError:
        raise Unsure from None
    try:
        return _feed(root, document)
    except Unsure:
        raise Unsure(tame=_tame(root)) from None


def _tame(root: Element) -> bool:
    """Whether no author is so long that feedparser's search for an address in it takes its time's square."""
    return not any(
        element.text and len(element.text) > _LONG and element.tag.lower().endswith(_PEOPLE) for element in root.iter()
    )


def _feed(root: Element, document: bytes) -> Feed:
    start = document[: document.find(b">")]
    kind = root.tag.rpartition("}")[2].lower()
    rss_1 = _RSS_1.search(start) is not None
    if (
        NAMES[root.tag] != "root"
        or kind == "channel"
        or root.attrib.keys() & _REFERRING
        or not familiar(root, document)
    ):
        raise Unsure
    if (kind == "feed" and rss_1) or (
        kind == "rdf" and (not rss_1 or b"2005/atom" in start.lower() or _LANG in root.attrib)
    ):
        raise Unsure
    return _Reader(atom=kind == "feed").feed(root)


class _Reader:
    """Reads one document, Atom or one of the RSS family."""

    def __init__(self, *, atom: bool) -> None:
        self.atom = atom

    def feed(self, root: Element) -> Feed:
        channel, entries = root, [child for child in root if NAMES[child.tag] == "entry"]
        if not self.atom:
            channels = [child for child in root if NAMES[child.tag] == "root"]
            if len(channels) != 1 or channels[0].attrib.keys() & (_REFERRING | {_LANG}):
                raise Unsure
            channel = channels[0]
            _harmless(
                [child for child in root if NAMES[child.tag] not in ("root", "entry")], "entry", "language", "root"
            )
            entries = [child for child in channel if NAMES[child.tag] == "entry"] + entries
        title, lang, author = self._described(channel)
        root_lang = root.get(_LANG, "")
        if not entries or (root_lang and lang):
            raise Unsure
        return Feed(title, [self.entry(entry) for entry in entries], lang or root_lang, author, "quick")

    def _described(self, channel: Element) -> tuple[str, str, str]:
        """Title, language and author of a feed."""
        got: dict[str | None, Element] = {}
        authors: list[Element] = []
        for child in channel:
            name = NAMES[child.tag]
            if name == "root" or (name == "owner" and self.atom):
                raise Unsure
            if name == "author" and self.atom:
                authors.append(child)
            elif name in ("title", "language"):
                got[name] = child
            elif name != "entry" and len(child):
                _harmless([child], "entry", "language", "root")
        return _text(got.get("title")), _text(got.get("language")), self._authors(authors)

    def entry(self, item: Element) -> Entry:
        about = lang = ""
        if item.attrib:
            if item.attrib.keys() & _REFERRING:
                raise Unsure
            about, lang = item.get(_ABOUT, ""), item.get(_LANG, "")
        one, many = _children(item)
        ident, link = _address(many.get("address", ()), about)
        title = one.get("title")
        text, html, text_lang = self._said(many.get("text", ()))
        likes = parent = ""
        if "media" in many:
            media = _Media(many["media"])
            text, html = self._with_media(media, one, many.get("text", ())) or (text, html)
            likes = media.likes
        if not text and title is not None:
            text_lang = title.get(_LANG, "")
        if "parent" in one:
            parent = one["parent"].get("ref", "")
        return Entry(
            ident,
            _value(one, "origlink") or link,
            _text(title),
            self._html(title, default=False),
            text,
            html,
            self._authors(many["author"]) if "author" in many else "",
            _moment(_value(one, "published")),
            _moment(_value(one, "updated")) or _moment(_value(one, "created")),
            _value(one, "language") or text_lang or lang,
            _value(one, "comments"),
            likes,
            parent,
            _value(one, "source"),
        )

    def _said(self, elements: Sequence[Element]) -> tuple[str, bool, str]:
        """The text of an entry: its content where that is not empty, else its summary; and its language."""
        for element in elements if len(elements) < 2 else self._ranked(elements):
            if text := _text(element):
                default = element.tag.endswith(("description", "encoded"))
                return text, self._html(element, default=default), element.get(_LANG, "")
        return "", True, ""

    def _ranked(self, elements: Sequence[Element]) -> list[Element]:
        """Contents first, then the summary. A second summary counts as content while there is none, else it takes
        the first one's place."""
        contents: list[Element] = []
        summary: Element | None = None
        for element in elements:
            if element.tag.endswith(_CONTENT):
                contents.append(element)
            elif summary is not None and not contents:
                if self.atom:
                    raise Unsure
                contents.append(element)
            else:
                summary = element
        return contents if summary is None else [*contents, summary]

    def _with_media(self, media: _Media, one: dict[str, Element], texts: Sequence[Element]) -> tuple[str, bool] | None:
        """The text where Media RSS gives it, None where the entry does. A title there counts only without another."""
        if media.titled and ("source" in one or not _value(one, "title")):
            raise Unsure
        if not media.said:
            return None
        if len(media.said) > 1:
            raise Unsure
        if not texts:
            return _text(media.said[0]), self._html(media.said[0], default=True)
        if len(texts) > 1 or not texts[0].tag.endswith(_CONTENT) or not _text(texts[0]):
            raise Unsure
        return None

    def _html(self, element: Element | None, *, default: bool) -> bool:
        """Whether `element` holds HTML: what its type says in Atom; anything may be HTML in RSS."""
        if element is None or not element.attrib:
            return default or not self.atom
        if not element.attrib.keys() <= _TEXT_ATTRIBUTES or element.get("mode") == "base64":
            raise Unsure
        kind = element.get("type")
        html = default if kind is None else _HTML.get(kind.lower())
        if html is None:
            raise Unsure
        return html or not self.atom

    def _authors(self, elements: Sequence[Element]) -> str:
        if len(elements) == 1:
            return self._author(elements[0])
        authors = [self._author(element) for element in elements]
        # feedparser mixes up authors of different shapes, and addresses among several.
        mixed = len({len(element) > 0 for element in elements}) > 1
        if mixed or any("@" in "".join(element.itertext()) for element in elements):
            raise Unsure
        return next(filter(None, authors), "")

    def _author(self, element: Element) -> str:
        if not len(element):
            return person(_text(element))
        said = {"name": "", "email": ""}
        for child in element:
            if len(child) or NAMES[child.tag] is not None:
                raise Unsure
            said[child.tag.rpartition("}")[2].lower()] = (child.text or "").strip()
        return person(said["name"] or said["email"])


class _Media:
    """What the Media RSS elements of one entry say."""

    def __init__(self, elements: Sequence[Element]) -> None:
        self.titled = False
        self.said: list[Element] = []
        self.likes = ""
        for depth in range(_DEEPEST + 1):
            if not elements:
                return
            if depth == _DEEPEST:
                raise Unreadable(_TOO_DEEP)
            for element in elements:
                self._note(element)
            elements = [child for element in elements for child in element]

    def _note(self, element: Element) -> None:
        name = NAMES[element.tag]
        if name == "likes":
            self.likes = element.get("count", "")
        elif element.tag.endswith("title"):
            self.titled = True
        elif element.tag.endswith("description"):
            self.said.append(element)
        elif name not in (None, "media") or _LANG in element.attrib or _BASE in element.attrib:
            raise Unsure


_TOO_DEEP = f"elements are nested more than {_DEEPEST} deep"
_CONTENT = ("}content", "encoded", "content")


def _children(item: Element) -> tuple[dict[str, Element], dict[str, list[Element]]]:
    """The elements of an entry by what they say: those of which there is one, and those of which there may be more."""
    one: dict[str, Element] = {}
    many: dict[str, list[Element]] = {}
    for child in item:
        name = NAMES[child.tag]
        if name is None:
            if len(child):
                _harmless([child])
        elif name in _MANY:
            many.setdefault(name, []).append(child)
        elif name in one or name in _STRANGE:
            raise Unsure
        else:
            one[name] = child
    return one, many


def _harmless(elements: Iterable[Element], *names: str) -> None:
    """Raise Unsure if something inside `elements` says one of `names`, or anything where none is given."""
    for _ in range(_DEEPEST):
        elements = [child for element in elements for child in element]
        if not elements:
            return
        for child in elements:
            name = NAMES[child.tag]
            if name is not None and (not names or name in names):
                raise Unsure
    raise Unreadable(_TOO_DEEP)


def _text(element: Element | None) -> str:
    """The text of an element, repaired as feedparser repairs it. Raises Unsure where there is markup inside."""
    if element is None:
        return ""
    if len(element):
        raise Unsure
    text = (element.text or "").strip()
    return text if text.isascii() else _repaired(text)


def _repaired(text: str) -> str:
    """`text` without the two everyday accidents: UTF-8 taken for Latin-1, and Windows' punctuation as C1 controls."""
    with suppress(UnicodeError):
        text = text.encode("iso-8859-1").decode()
    return text.translate(_WINDOWS) if _CONTROLS.search(text) else text


def _value(one: dict[str, Element], name: str) -> str:
    return _text(one[name]) if name in one else ""


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    if at := moment(text):
        return at
    raise Unsure


def _address(elements: Sequence[Element], ident: str) -> tuple[str, str]:
    """The id and the link of an entry, by feedparser's order of precedence: the last link wins, and an Atom id or a
    guid that is a permalink stands in where there was none before it."""
    link: str | None = None
    known = False
    for element in elements:
        if element.tag.endswith("link"):
            href = _href(element)
            link = link if href is None else href
            continue
        if known or (element.attrib and element.attrib.keys() & _REFERRING):
            raise Unsure
        known, ident = True, _text(element)
        if _is_permalink(element):
            ident = _slashed(ident)
            link = ident if link is None else link
    return ident, link or ""


def _is_permalink(guid: Element) -> bool:
    if not guid.attrib:
        return True
    said = guid.get("isPermaLink")
    if said is None:  # feedparser reads attributes in any case
        said = {name.lower(): value for name, value in guid.items()}.get("ispermalink", "true")
    return said == "true"


def _href(link: Element) -> str | None:
    """Where a link leads if it is the one to the entry itself."""
    if not link.attrib:
        url = _slashed(_text(link))
        return _AND.sub(r"&\1", url.replace("&amp;", "&")) if "&" in url else url
    if "href" not in link.attrib or not all(_LINK_ATTRIBUTE.fullmatch(name) for name in link.attrib):
        raise Unsure
    rel, kind = link.get("rel", "alternate").lower(), link.get("type", "text/html").lower()
    if rel == "alternate" and kind in ("text/html", "html", "application/xhtml+xml", "xhtml"):
        return _slashed(link.attrib["href"])
    return None


def _slashed(url: str) -> str:
    return _EXTRA_SLASHES.sub(r"\1", url) if "///" in url else url
