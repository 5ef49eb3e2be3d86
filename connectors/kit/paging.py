"""Where the next page of a listing is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import httpx

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
        token = response.json().get(self.key)
        return url.copy_set_param(self.parameter, token) if token else None
