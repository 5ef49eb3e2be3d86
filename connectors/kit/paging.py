"""Where the next page of a listing is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import httpx

from connectors.kit import answer
from monitor.model import Json


class Paging(Protocol):
    """How a platform's listings go on. What cannot be read raises; only a listing that says so has ended."""

    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:
        """Return the page after the one at `url`, None where the listing ends."""
        ...


@dataclass(frozen=True, slots=True)
class LinkHeader:
    """The platform links its pages in the Link header (RFC 8288)."""

    rel: str = "next"

    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:  # noqa: ARG002
        """Return the linked page, always at the origin of `url`: a credential travels nowhere else."""
        link = response.links.get(self.rel, {}).get("url")
        return url.copy_with(raw_path=url.join(link).raw_path) if link else None


@dataclass(frozen=True, slots=True)
class Token:
    """The platform names the next page in the answer under `key`, and wants it back as `parameter`.

    A short or an empty page may carry one: only its absence ends the listing."""

    key: str = "cursor"
    parameter: str = "cursor"

    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:  # noqa: ARG002
        """Return `url` with the token of the next page."""
        token = answer.read(response).get(self.key)
        return url.copy_set_param(self.parameter, token) if token else None


@dataclass(frozen=True, slots=True)
class Numbered:
    """The platform counts its pages from 1 in `parameter`. `more` is the key under which an answer says whether there is
    another page; without it only an empty page ends the listing, since a platform may give fewer than was asked for."""

    parameter: str = "page"
    more: str = ""

    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:
        """Return `url` with the next number."""
        if not (answer.read(response).get(self.more) if self.more else items):
            return None
        return url.copy_set_param(self.parameter, int(url.params.get(self.parameter, "1")) + 1)


@dataclass(frozen=True, slots=True)
class LinkIn:
    """The platform links the next page in the answer, such as under `links` and there `next` (JSON:API)."""

    keys: tuple[str, ...] = ("links", "next")

    def after(self, url: httpx.URL, response: httpx.Response, items: Sequence[Json]) -> httpx.URL | None:  # noqa: ARG002
        """Return the linked page, always at the origin of `url`: a credential travels nowhere else."""
        link = answer.read(response)
        for key in self.keys:
            link = (link or {}).get(key)
        return url.copy_with(raw_path=url.join(link).raw_path) if link else None
