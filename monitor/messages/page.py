"""The one page all messages share, filled in as plain text and as HTML from the templates beside this file."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from monitor.model import Level

WIDTH = 72

TONES = {
    Level.INFO: "#2f6fb0",
    Level.WARNING: "#8f6200",
    Level.URGENT: "#c2410c",
    Level.CRITICAL: "#b42318",
}
"""The colour of the bar and the badge by level; white text on it keeps a contrast of at least 4.5 to 1."""
GOOD = "#2e7d4f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What every message says, whatever it is about. All strings are plain text, already cleaned and cut.

    `badge` is the level in a word, `said` what has just happened, `deadline` by when somebody must act, `facts` are
    label and value, `commands` what to type, `preheader` the line a phone shows under the subject."""

    subject: str
    organisation: str
    inbox: str
    tone: str
    badge: str
    title: str
    where: str
    preheader: str
    said: str = ""
    deadline: str = ""
    facts: Sequence[tuple[str, str]] = ()
    commands: Sequence[str] = ()
    means: str = ""
    first: str = ""
    drill: bool = False
    about: str = ""


def rendered(template: str, page: Page, **more: Any) -> tuple[str, str]:
    """Text and HTML of `page` from `template`.txt and `template`.html; `more` is what only this template knows."""
    text = _environment(html=False).get_template(f"{template}.txt").render(page=page, **more)
    html = _environment(html=True).get_template(f"{template}.html").render(page=page, **more)
    return text.strip() + "\n", html


def _wrap(text: str, first: str = "", others: str | None = None) -> str:
    """`text` in lines of 72 columns, `first` before the first of them and `others` (or the same) before the rest.

    A line that goes on in the next ends with a space (RFC 3676, 4.2), so that a chat can join them again."""
    return " \n".join(
        textwrap.wrap(
            text,
            WIDTH,
            initial_indent=first,
            subsequent_indent=first if others is None else others,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Label and value in two columns, long values wrapped under themselves."""
    wide = max((len(label) for label, _ in pairs), default=0) + 2
    return "\n".join(_wrap(value, label.ljust(wide), " " * wide) for label, value in pairs)


def _code(text: str) -> Markup:
    """`text` escaped, with what stands between backticks set as a command."""
    style = "font-size:0.92em;white-space:nowrap"
    marked = re.sub(r"`([^`]+)`", rf'<code style="{style}">\1</code>', str(escape(text)))
    return Markup(marked)  # noqa: S704 (escaped first)


def template(name: str) -> Template:
    """The HTML template `name`, which escapes whatever it is given."""
    return _environment(html=True).get_template(name)


@cache
def _environment(*, html: bool) -> Environment:
    # Plain text must not be escaped; every HTML template is, without exception.
    environment = Environment(
        loader=PackageLoader("monitor.messages"),
        autoescape=html,  # noqa: S701 (see above)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["wrap"] = _wrap
    environment.filters["code"] = _code
    environment.filters["columns"] = _facts
    return environment
