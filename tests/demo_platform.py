"""Platforms that exist only in the tests of `connect`, installed as a third party's would be: by their entry points."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

ENTRY_POINTS = {
    "demo": "Demo",
    "demo_rotating": "Rotating",
    "demo_key": "Keyed",
    "demo_bare": "Bare",
    "demo_far": "Far",
}

CODE = """
import os
import httpx
from pydantic import BaseModel, field_validator
from pathlib import Path
from connectors.kit import answer
from connectors.kit.auth import Bearer, Stored
from connectors.kit.rest import STRICT
from connectors.kit.tokens import exchanged
from monitor.connector import Access, Ask, Connect, Found, OAuth, Page, Secret

URL = os.environ.get("DEMO_URL", "http://127.0.0.1:1")


class Bare:
    platform = "demo"
    access = Access(kind="official", sees="a", blind_to="b", own_replies=False, terms="c")

    class Options(BaseModel):
        model_config = STRICT
        url: str
        token: Secret | None = None

    def __init__(self, options, client):
        self.options, self.client = options, client


class Demo(Bare):
    class Options(BaseModel):
        model_config = STRICT
        account: str
        client_id: str
        client_secret: Secret
        refresh_token: Secret
        page_token: Secret | None = None

        @field_validator("client_id")
        @classmethod
        def _known(cls, value):
            if value == "wrong":
                raise ValueError("is no client id")
            return value


async def found(answers, client):
    auth = Bearer(answers["access_token"])
    listed = answer.read(await answer.ask(client, "GET", httpx.URL(URL + "/accounts"), auth=auth))
    for one in listed["accounts"]:
        page = {"page_token": Secret("canary-page-" + one["id"])} if one["id"] == "8" else {}
        yield Found(name="demo-" + one["name"], shown=one["name"], location=one["name"], options={"account": one["id"]} | page)


ASKS = (Ask(key="client_id", prompt="Client id"), Ask(key="client_secret", prompt="Client secret", secret=True))

Demo.connect = Connect(
    before="1. Make an app. 2. Note its id.", asks=ASKS, find=found,
    oauth=OAuth(authorize=URL + "/authorize", token=URL + "/token", scopes=("read", "more"), parameters={"prompt": "consent"}),
    keeps=("client_id", "client_secret", "refresh_token"),
)


class Rotating(Bare):
    class Options(BaseModel):
        model_config = STRICT
        client_id: str
        client_secret: Secret
        token_file: Path

    def __init__(self, options, client):
        super().__init__(options, client)
        self.auth = Stored(options.token_file, URL + "/token", platform="demo_rotating", client="basic",
                           client_id=options.client_id, client_secret=options.client_secret)

    async def poll(self, cursor, floor):
        await answer.ask(self.client, "GET", httpx.URL(URL + "/accounts"), auth=self.auth)
        yield Page(cursor={})


Rotating.connect = Connect(
    before="Make an app.", asks=ASKS, keeps=("client_id", "client_secret", "token_file"),
    oauth=OAuth(authorize=URL + "/authorize", token=URL + "/token", client="basic", port=int(os.environ.get("DEMO_PORT", "0"))),
)


class Keyed(Bare):
    class Options(Bare.Options):
        @field_validator("token")
        @classmethod
        def _careless(cls, value):
            if value.reveal().endswith("-of-another-form"):
                raise ValueError(f"{value.reveal()} is no key")
            return value


async def checked(answers, client):
    if answers["url"] == "https://nothing.example":
        return
    if answers["url"] == "https://changed.example":
        raise KeyError("canary-key")
    if answers["url"] == "https://down.example":
        await answer.ask(client, "GET", httpx.URL(URL + "/accounts"), auth=Bearer(answers["token"]))
    yield Found(name="Demo Site", shown="a site", options={"url": answers["url"]})


Keyed.connect = Connect(
    before="Copy the key.", keeps=("url", "token"), find=checked,
    asks=(Ask(key="url", prompt="Address", default="https://site.example"), Ask(key="token", prompt="Key", secret=True)),
)


class Far(Bare):
    class Options(BaseModel):
        model_config = STRICT
        token_file: Path


async def longer(answers, client):
    more = {"grant_type": "longer", "access_token": answers["access_token"]}
    return await exchanged(client, URL + "/longer", more, platform="demo_far")


Far.connect = Connect(
    before="Register the address.", asks=ASKS, keeps=("token_file",),
    oauth=OAuth(authorize=URL + "/authorize", token=URL + "/token", loopback=False, pkce=False, exchange=longer),
)
"""


def install(folder: Path) -> None:
    """Installs them in `folder`, which must be on the path."""
    (folder / "demo_installed.py").write_text(CODE)
    info = folder / "demo_installed-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: demo-installed\nVersion: 1.0\n")
    lines = [f"{name} = demo_installed:{kind}" for name, kind in ENTRY_POINTS.items()]
    (info / "entry_points.txt").write_text("\n".join(["[wellheard.connectors]", *lines, ""]))


async def all_of(pages: AsyncIterator[Any]) -> list[Any]:
    """Every page of a poll."""
    return [page async for page in pages]
