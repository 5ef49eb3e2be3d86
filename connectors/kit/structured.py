"""The structured data of a web page - JSON-LD blocks and microdata - as one list of nodes in JSON-LD's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from connectors.kit import dirty_json
from connectors.kit.markup import tree
from monitor.model import Json

_OPENING = re.compile(r"<script\b[^<>]{0,500}?\btype\s*=\s*[\"']?\s*application/ld\+json[^<>]{0,500}>", re.IGNORECASE)
_CLOSING = re.compile("</script", re.IGNORECASE)
_MOST_BLOCKS = 200
_LONGEST = 1_000_000
_MOST_NODES = 50_000
_DEEPEST = 60
_VOCABULARY = re.compile(r"\A(?:https?://(?:www\.)?schema\.org/|schema:)", re.IGNORECASE)
_LINKED = {"a": "href", "area": "href", "link": "href", "img": "src", "audio": "src", "embed": "src", "iframe": "src",
           "source": "src", "track": "src", "video": "src", "object": "data", "data": "value", "meter": "value",
           "time": "datetime"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Data:
    """The nodes of a page, and how many blocks could not be read."""

    nodes: list[Json]
    skipped: int


def read(html: str) -> Data:
    """All that a page says in JSON-LD, and in microdata where it has some."""
    nodes, skipped = [], 0
    for block in _blocks(html):
        if not block.strip():
            continue
        try:
            nodes.append(dirty_json.loads(block))
        except ValueError:
            skipped += 1
    if "itemscope" in html.lower():
        try:
            nodes += _Microdata(html).items()
        except (ValueError, RecursionError):
            skipped += 1
    return Data([node for node in nodes if node], skipped)


def _blocks(html: str) -> Iterator[str]:
    at = 0
    for _ in range(_MOST_BLOCKS):
        opening = _OPENING.search(html, at)
        closing = _CLOSING.search(html, opening.end()) if opening else None
        if opening is None or closing is None:
            return
        at = closing.end()
        yield html[opening.end() : min(closing.start(), opening.end() + _LONGEST)]


def types(node: Json) -> set[str]:
    """What a node is, in schema.org's words without their address."""
    said = node.get("@type", node.get("type")) if isinstance(node, dict) else None
    return {_VOCABULARY.sub("", one) for one in listed(said) if isinstance(one, str)}


def listed(value: Json) -> list[Json]:
    """`value` as a list: of itself, of its members, of nothing."""
    if isinstance(value, dict) and "@list" in value:
        value = value["@list"]
    return value if isinstance(value, list) else [] if value is None else [value]


def walk(nodes: list[Json]) -> Iterator[tuple[dict[str, Json], dict[str, Json] | None]]:
    """Every object under `nodes` in the order of the page, each with the one it stands in; bounded."""
    todo: list[tuple[Json, dict[str, Json] | None, int]] = [(node, None, 0) for node in reversed(nodes)]
    for _ in range(_MOST_NODES):
        if not todo:
            return
        node, around, depth = todo.pop()
        if isinstance(node, dict) and isinstance(node.get("properties"), dict):  # microdata as its standard writes it
            node = {"@type": node.get("type"), **node["properties"]}
        if isinstance(node, dict):
            yield node, around
        if depth < _DEEPEST and isinstance(node, dict | list):
            inside = list(node.values()) if isinstance(node, dict) else node
            within = node if isinstance(node, dict) and types(node) else around
            todo += [(one, within, depth + 1) for one in reversed(inside) if isinstance(one, dict | list)]


class _Microdata:
    """The items of a page in microdata, in JSON-LD's words. Raises ValueError for a page built to hurt: every property
    of nested ones holds all that is in it."""

    def __init__(self, html: str) -> None:
        self._page = tree(html)
        self._left = 3 * _LONGEST

    def items(self) -> list[Json]:
        return [self._item(node) for node in self._page.css("[itemscope]") if "itemprop" not in node.attributes]

    def _item(self, node: LexborNode) -> dict[str, Json]:
        item: dict[str, Json] = {"@type": (node.attributes.get("itemtype") or "").split()}
        if node.attributes.get("itemid"):
            item["@id"] = node.attributes["itemid"]
        for names, value in self._properties(node):
            for name in names:
                item.setdefault(name, []).append(value)
        return item

    def _properties(self, node: LexborNode) -> Iterator[tuple[list[str], Json]]:
        for child in node.iter():
            scoped = "itemscope" in child.attributes
            if "itemprop" in child.attributes:
                yield (child.attributes["itemprop"] or "").split(), self._item(child) if scoped else self._value(child)
            if not scoped:
                yield from self._properties(child)

    def _value(self, node: LexborNode) -> str:
        for name in ("content", _LINKED.get(node.tag or "", "")):
            if (value := node.attributes.get(name)) is not None:
                return value.strip()
        html = node.html or ""
        self._left -= len(html)
        if self._left < 0:
            raise ValueError("a page is nested beyond all sense")
        return html
