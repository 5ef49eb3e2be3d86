"""What of LinkedIn's answers is public, wherever it is found: definitions and organisations, and no post or comment."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.linkedin import LinkedIn
from monitor.connector import Malformed, Secret
from monitor.testing import Traffic
from tests.recordings import recorded

EVER = datetime.min.replace(tzinfo=UTC)
DEFINITIONS = recorded("linkedin", "*.postman_collection.json")  # requests, whose answers are empty
ANSWERS = [path for path in recorded("linkedin", "*.json") if path not in DEFINITIONS]


def holds_what_is_read(said: Any) -> bool:
    """Whether an answer has notifications, comments or posts in it. Organisations, of which we read only names, are none."""
    elements = said.get("elements") if isinstance(said, dict) else None
    known = {"action", "message", "commentUrn", "commentary"}
    return isinstance(elements, list) and any(known & one.keys() for one in elements if isinstance(one, dict))


async def connector() -> LinkedIn:
    async with Traffic().client() as client:
        return LinkedIn(LinkedIn.Options(organization="1", access_token=Secret("t")), client)


def requested(folder: Any) -> list[str]:
    """The paths of every request in a collection."""
    found = []
    for one in folder.get("item", ()):
        found += requested(one) if "item" in one else ["/".join(one["request"]["url"]["path"])]
    return found


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.name)
async def test_a_recorded_answer_is_read_or_is_no_listing(path):
    linkedin = await connector()
    said = json.loads(path.read_text(encoding="utf-8"))
    response = httpx.Response(200, json=said, request=httpx.Request("GET", "https://api.linkedin.com/rest/posts"))
    if not (isinstance(said, dict) and isinstance(said.get("elements"), list)):
        with pytest.raises(Malformed):
            linkedin.listed(response)
        return
    page = linkedin.page(linkedin.listed(response), EVER)
    if holds_what_is_read(said):
        assert page.skipped == 0
    else:
        assert (len(page.mentions), page.skipped) == (0, len(said["elements"])), "organisations were taken for posts"


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.name)
def test_a_definition_names_what_is_asked_for_under_notifications(path: Path):
    assert requested(json.loads(path.read_text(encoding="utf-8")))
