"""What the elements of feeds are called, and which of them say the same, as feedparser has it."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

_NAMESPACES = {
    "http://www.w3.org/2005/atom": "",
    "http://purl.org/atom/ns#": "",
    "http://purl.org/rss/1.0/": "",
    "http://my.netscape.com/rdf/simple/0.9/": "",
    "http://purl.org/rss/1.0/modules/content/": "content:",
    "http://purl.org/dc/elements/1.1/": "dc:",
    "http://purl.org/dc/terms/": "dcterms:",
    "http://purl.org/rss/1.0/modules/slash/": "slash:",
    "http://search.yahoo.com/mrss/": "media:",
    "http://search.yahoo.com/mrss": "media:",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes:",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner:",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf:",
    "http://www.w3.org/1999/xhtml": "xhtml:",
}
_SAME = {
    "root": "rss feed rdf:rdf channel",
    "entry": "item entry",
    "title": "title",
    "address": "guid id link",
    "published": "published pubdate issued dcterms:issued",
    "updated": "updated modified lastbuilddate dc:date dcterms:modified",
    "created": "created dcterms:created",
    "text": "description summary content content:encoded itunes:summary",
    "author": "author managingeditor dc:creator dc:author itunes:author",
    "source": "source",
    "language": "language dc:language",
    "comments": "slash:comments",
    "origlink": "feedburner:origlink",
    "media": "media:group media:content media:title media:description media:community",
    "likes": "media:starrating",
    "owner": "itunes:owner",
    "perilous": "xhtml:body dc:title dc:description rdf:about image textinput body fullitem abstract svg math authors links"
    " title_detail summary_detail slash_comments media_starrating feedburner_origlink published_parsed updated_parsed"
    " created_parsed",
}
"""What an entry says, and the elements that say it. Perilous ones change what feedparser reads in ways not copied."""
_FIELDS = {name: field for field, names in _SAME.items() for name in names.split()}
_SENSITIVE = {name.rpartition(":")[2] for name in _FIELDS}
_PREFIXES = frozenset(prefix.encode() for prefix in _NAMESPACES.values() if prefix)
_BASED = re.compile(rb"base\s*=")
_DECLARED = re.compile(rb"xmlns(?::([\w.-]+))?\s*=\s*[\"']([^\"']*)[\"']")


class _Names(dict[str, str | None]):
    """Element tag -> what it says of an entry, None for what does not matter here."""

    def __missing__(self, tag: str) -> str | None:
        space, _, local = tag.lower().rpartition("}")
        space = space[1:]
        prefix = "" if not space or "backend.userland.com/rss" in space else _NAMESPACES.get(space)
        strange = "parent" if local == "in-reply-to" else None
        field = strange if prefix is None else _FIELDS.get(prefix + local)
        if len(self) < _MOST_NAMES:
            self[tag] = field
        return field


_MOST_NAMES = 10_000
NAMES = _Names()
"""By tag: what an element says of an entry, None for what does not matter here."""


def familiar(root: Element, document: bytes) -> bool:
    """Whether no element of a strange namespace goes by a usual prefix or by none: feedparser would mistake it; and
    whether there is no xml:base: feedparser lets it leak out of its element."""
    if _BASED.search(document) and any(key.endswith("base") for element in root.iter() for key in element.attrib):
        return False
    for prefix, uri in _declared(document):
        space = uri.decode("utf-8", "replace").lower()
        strange = space not in _NAMESPACES and "backend.userland.com/rss" not in space
        if strange and (not prefix or prefix + b":" in _PREFIXES):
            tags = {element.tag.lower() for element in root.iter()}
            if any(tag.startswith(f"{{{space}}}") and tag.rpartition("}")[2] in _SENSITIVE for tag in tags):
                return False
    return True


def _declared(document: bytes) -> set[tuple[bytes, bytes]]:
    """Prefixes and the namespaces they are declared for, anywhere in `document`."""
    found = set()
    at = document.find(b"xmlns")
    while at >= 0:
        if declaration := _DECLARED.match(document, at):
            found.add((declaration[1] or b"", declaration[2]))
        at = document.find(b"xmlns", at + 5)
    return found
