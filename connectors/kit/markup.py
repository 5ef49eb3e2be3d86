"""Pages as trees, for the few things that take one: without what makes an HTML parser work for hours."""

from __future__ import annotations

import re
from itertools import islice

from selectolax.lexbor import LexborHTMLParser

_MOST_TAGS = 15_000
_FORMATTING = re.compile(r"<(/?)(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE)
"""Elements that a parser opens again in every block until they are closed: 100 kB of them take it a minute."""
_TAG = re.compile("<[a-z]", re.IGNORECASE)


def tree(html: str) -> LexborHTMLParser:
    """`html` parsed, with plain spans for bold and the like, and no further than anybody's page goes: nesting costs its
    square."""
    html = _FORMATTING.sub(r"<\1span", html.replace("\0", ""))
    beyond = next(islice(_TAG.finditer(html), _MOST_TAGS, None), None)
    return LexborHTMLParser(html[: beyond.start()] if beyond else html)
