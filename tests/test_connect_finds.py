"""What `connect` finds with the credentials of feeds, Mastodon and Bluesky."""

from __future__ import annotations

import asyncio

import pytest

from connectors.bluesky import Bluesky
from connectors.mastodon import Mastodon
from connectors.rss import Rss
from monitor.connector import AuthRejected, Malformed, Secret
from monitor.testing import Traffic

_PROFILE = "https://social.example/xrpc/app.bsky.actor.getProfile"
_SESSION = "POST https://social.example/xrpc/com.atproto.server.createSession"


def found(connector, traffic, **answers):
    """What is found with `answers`."""

    async def run():
        async with traffic.client() as client:
            return [one async for one in connector.connect.find(answers, client)]

    return asyncio.run(run())


def test_a_mastodon_token_finds_its_account():
    traffic = Traffic(
        ("https://social.example/api/v1/accounts/verify_credentials", {"id": "1", "acct": "practicehosp"})
    )

    (one,) = found(Mastodon, traffic, instance="social.example", token=Secret("let-me-in"))

    assert one.options == {"accounts": ["practicehosp"], "mentions": True}
    assert traffic.requests[0].headers["authorization"] == "Bearer let-me-in"


def test_a_wrong_mastodon_token_finds_nothing():
    with pytest.raises(AuthRejected):
        found(
            Mastodon,
            Traffic(("/api/v1/accounts/verify_credentials", 401)),
            instance="social.example",
            token=Secret("x"),
        )


def test_a_bluesky_app_password_finds_its_account():
    opened = {"did": "did:plc:practice", "accessJwt": "access", "refreshJwt": "refresh", "handle": "practice.example"}
    traffic = Traffic((_SESSION, opened), (_PROFILE, {"did": "did:plc:practice", "handle": "practice.example"}))

    (one,) = found(
        Bluesky, traffic, handle="@practice.example", app_password=Secret("let-me-in"), service="social.example"
    )

    assert one.options == {"actors": ["practice.example"], "notifications": True}


def test_a_feed_is_read_before_it_is_offered():
    traffic = Traffic(("https://news.example/feed", "<rss version='2.0'><channel><title>News</title></channel></rss>"))

    (one,) = found(Rss, traffic, url=Secret("https://news.example/feed?token=hidden"))

    assert one.shown == "a feed of news.example"
    assert "hidden" not in f"{one}"


def test_what_is_no_feed_is_not_offered():
    with pytest.raises(Malformed):
        found(Rss, Traffic(("/feed", "<!DOCTYPE html><p>Welcome</p>")), url=Secret("https://news.example/feed"))
