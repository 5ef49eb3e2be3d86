"""Configurations for tests: a small one without a mistake, changes to it, and connectors to name in it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, field_validator

from monitor.config import Config, load
from monitor.connector import Access, Connector, Secret

ROOT = Path(__file__).resolve().parents[1]
SIGNING = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
ENVIRON = {
    "HOOK_URL": "https://hooks.example/T0000/canary-hook",
    "HOOK_SECRET": SIGNING,
    "OPEN_URL": "http://hooks.example/in",
    "BARE_URL": "https://192.0.2.7/in",
    "NO_URL": "hooks.example",
    "SMTP_PASSWORD": "canary-smtp-password",
    "NEWS_TOKEN": "canary-news-token",
    "BLANK": "  ",
}

SMALL: Mapping[str, Mapping[str, str]] = {
    "": {
        "organisation": '"Practice Hospital"',
        "timezone": '"America/Chicago"',
        "database": '"sqlite:///wellheard.db"',
    },
    "smtp": {"host": '"mail.practice.example"', "from": '"Wellheard <wellheard@practice.example>"'},
    "topics.main": {"query": "'\"Practice Hospital\" OR practicehosp'", "labels": '{ location = "Main campus" }'},
    "sources.news": {
        "connector": '"gazette"',
        "every": '"15m"',
        "topics": '["main"]',
        "options": '{ url = "https://news.example/feed" }',
    },
    "inboxes.marketing": {"email": '["marketing@practice.example"]'},
    "inboxes.risk": {"email": '["risk@practice.example"]'},
}


class Gazette:
    """A platform of newspapers, as a third party might write it: its model says nothing of unknown keys."""

    platform = "gazette"
    access = Access(kind="feed", sees="articles", blind_to="the rest", own_replies=False, terms="free")

    class Options(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        url: str
        token: Secret | None = None
        pages: int = 3
        archive: Path | None = None
        edition: str | Secret = "morning"

        @field_validator("url")
        @classmethod
        def _web(cls, url: str) -> str:
            if not url.startswith("https://"):
                raise ValueError(f"{url} should be an https address")
            return url


class Diary:
    """What stands on this machine and may be asked at any time."""

    platform = "diary"
    access = Access(kind="local", sees="its own lines", blind_to="the rest", own_replies=False, terms="free")

    class Options(BaseModel):
        model_config = ConfigDict(extra="allow")


def connectors(name: str) -> type[Connector]:
    """The connectors of a machine on which one is broken."""
    if name == "broken":
        raise ImportError("no module named canary")
    there: dict[str, type[Any]] = {"gazette": Gazette, "diary": Diary}
    return cast("type[Connector]", there[name])


def declared(name: str) -> type[Connector]:
    """The connector that pyproject.toml declares under `name`, whether or not the package is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, attribute = project["entry-points"]["wellheard.connectors"][name].partition(":")
    return cast("type[Connector]", getattr(import_module(module), attribute))


def written(changes: Mapping[str, str] | None = None) -> str:
    """The small configuration with `changes`: lines for each section, which replace the key that they begin with.

    ``-key`` takes a key out, ``-`` alone the whole section."""
    sections = {section: dict(keys) for section, keys in SMALL.items()}
    for section, text in (changes or {}).items():
        if text == "-":
            del sections[section]
            continue
        keys = sections.setdefault(section, {})
        for line in text.splitlines():
            key, _, value = line.partition(" = ")
            if line.startswith("-"):
                del keys[line[1:]]
            else:
                keys[key] = value
    return "\n".join(_section(name, keys) for name, keys in sections.items())


def _section(name: str, keys: Mapping[str, str]) -> str:
    lines = [f"{key} = {value}" for key, value in keys.items()]
    return "\n".join([f"[{name}]", *lines, ""] if name else [*lines, ""])


def read(
    folder: Path,
    changes: Mapping[str, str] | None = None,
    *,
    environ: Mapping[str, str] = ENVIRON,
    finds: Callable[[str], type[Connector]] = connectors,
) -> Config:
    """The small configuration with `changes`, written to `folder` and loaded from there."""
    path = folder / "config.toml"
    path.write_text(written(changes), encoding="utf-8")
    return load(path, environ=environ, connectors=finds)
