"""JSON as it stands in web pages: wrapped in comments, escaped for HTML, with commas and line breaks where none may be."""

from __future__ import annotations

import json
import re
from html import unescape

from monitor.model import Json

_WRAPPER = re.compile(r"\A(?:\s|<!--[^<>{\[]*-->|<!--|//\s*<!\[CDATA\[|<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/)+")
_ENDINGS = ("-->", "//]]>", "// ]]>", "/*]]>*/", "/* ]]> */", "]]>")
_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*+")|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+")|,(?=\s*+[\]}])', re.DOTALL)
_BAD_ESCAPE = re.compile(r"\\(u(?![0-9a-fA-F]{4})|[^\"\\/bfnrtu])", re.DOTALL)


def loads(text: str) -> Json:
    """The JSON in `text`, from strict to lenient. Raises ValueError where there is none to be had."""
    for dirty in (text, unescape(text)) if "&" in text else (text,):
        inner = _unwrapped(dirty)
        for candidate in (dirty, inner, _COMMA.sub(_cleaned, _COMMENT.sub(_cleaned, inner))):
            try:
                return json.loads(candidate, strict=False)
            except RecursionError:
                raise ValueError("is nested beyond all sense") from None
            except ValueError:
                continue
    raise ValueError("is no JSON")


def _unwrapped(text: str) -> str:
    text = _WRAPPER.sub("", text)
    for _ in range(4):
        text = text.rstrip().rstrip(";")
        for ending in _ENDINGS:
            text = text.removesuffix(ending)
    return text


def _cleaned(found: re.Match[str]) -> str:
    """A string with its escapes mended; nothing for what may not stand between strings."""
    return _BAD_ESCAPE.sub(r"\1", found[1]) if found[1] else ""
