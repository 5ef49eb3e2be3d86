"""Credentials against a provider that rotates and expires for real: renewed in time, once, kept before they are used."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import traceback
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from ipaddress import ip_network
from threading import Event, Thread
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connectors.kit import answer
from connectors.kit.auth import (
    ApiKey,
    Bearer,
    ClientCredentials,
    Es256,
    LongLived,
    Refreshing,
    ServiceAccount,
    Stored,
)
from connectors.kit.tokens import TokenFile, Tokens, exchanged
from monitor.connector import AuthRejected, Malformed, NotPermitted, Secret, Throttled, Unavailable
from monitor.http import client
from monitor.testing import Traffic
from tests.oauth_provider import Provider, provider

CLIENT = {"client_id": "app-1", "client_secret": Secret("canary-client-secret")}


@asynccontextmanager
async def online():
    async with client(contact="", allow=[ip_network("127.0.0.1/32")], gap=0) as one:
        yield one


async def ask(one: Provider, auth: httpx.Auth, through: httpx.AsyncClient | None = None) -> httpx.Response:
    url = httpx.URL(f"{one.url}/accounts")
    if through is not None:
        return await answer.ask(through, "GET", url, auth=auth)
    async with online() as own:
        return await answer.ask(own, "GET", url, auth=auth)


@pytest.fixture
def server(clock):
    with provider(now=clock.now) as one:
        yield one


def refreshing(one: Provider, clock: Any, **how: Any) -> Refreshing:
    token = Secret(one.refresh_token())
    url = f"{one.url}/token"
    return Refreshing(url, platform="demo", refresh_token=token, now=clock.now, **CLIENT | how)


def stored(path: Any, one: Provider, clock: Any, **how: Any) -> Stored:
    return Stored(path, f"{one.url}/token", platform="demo", client="body", now=clock.now, **CLIENT | how)


def kept(path: Any, **said: Any) -> Any:
    path.write_text(json.dumps(said))
    path.chmod(0o600)
    return path


# Static


async def test_a_bearer_and_a_key_stand_where_the_platform_wants_them():
    traffic = Traffic(("/", {}))
    async with traffic.client() as through:
        await through.get("https://forum.example/", auth=Bearer(Secret("t")))
        await through.get("https://forum.example/", auth=ApiKey("X-Api-Key", Secret("k")))

    first, second = (request.headers for request in traffic.requests)
    assert first["authorization"] == "Bearer t"
    assert second["x-api-key"] == "k"
    assert "authorization" not in second


# Renewed in time, once


async def test_an_access_token_is_used_until_shortly_before_its_end(server, clock):
    server.rotates = False
    auth = refreshing(server, clock)
    await ask(server, auth)
    clock.advance(timedelta(minutes=117))
    await ask(server, auth)
    assert len(server.token_requests) == 1

    clock.advance(timedelta(minutes=2))
    await ask(server, auth)

    assert len(server.token_requests) == 2
    assert [path for _, path, _, _ in server.asked] == ["/token", "/accounts", "/accounts", "/token", "/accounts"]


async def test_a_token_of_seconds_is_not_renewed_for_every_request(server, clock):
    server.rotates, server.lasts = False, 60
    auth = refreshing(server, clock)
    for _ in range(3):
        await ask(server, auth)
        clock.advance(timedelta(seconds=9))

    assert len(server.token_requests) == 1


async def test_a_refused_token_is_renewed_once_and_the_request_repeated_once(server, clock):
    server.rotates = False
    auth = refreshing(server, clock)
    await ask(server, auth)
    server.revoke()

    assert (await ask(server, auth)).status_code == 200
    assert len(server.token_requests) == 2


async def test_a_platform_that_refuses_a_fresh_token_too_is_not_asked_for_ever(server, clock):
    server.rotates, server.lasts = False, -1
    auth = refreshing(server, clock)

    with pytest.raises(AuthRejected, match="answered 401"):
        await ask(server, auth)

    assert [path for _, path, _, _ in server.asked] == ["/token", "/accounts"] * 2


async def test_a_platform_may_say_in_its_own_way_that_a_token_is_over(clock):
    tokens = iter(("old", "new"))
    traffic = Traffic(
        ("POST /token", lambda _: {"access_token": next(tokens), "expires_in": 3600}),
        (lambda request: request.headers["authorization"] == "Bearer old", httpx.Response(400, json={"code": 190})),
        ("/", {}),
    )
    auth = ClientCredentials(
        "https://a.example/token", platform="demo", now=clock.now, expired=lambda said: b"190" in said.content, **CLIENT
    )
    async with traffic.client() as through:
        assert (await through.get("https://a.example/", auth=auth)).status_code == 200


async def test_many_requests_at_once_ask_for_one_token(server, clock):
    auth = refreshing(server, clock)
    async with online() as through:
        await asyncio.gather(*(ask(server, auth, through) for _ in range(8)))
        assert len(server.token_requests) == 1

        server.revoke()
        await asyncio.gather(*(ask(server, auth, through) for _ in range(8)))

    assert len(server.token_requests) == 2


async def test_who_was_refused_late_takes_what_another_renewed_meanwhile(clock):
    renewed = asyncio.Event()
    names = iter(("first", "second", "third"))

    async def platform(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": next(names), "expires_in": 3600})
        old = request.headers["authorization"] == "Bearer first"
        if old and request.url.path == "/late":
            await renewed.wait()
        if request.url.path == "/early" and not old:
            renewed.set()
        return httpx.Response(401 if old else 200)

    auth = ClientCredentials("https://a.example/token", platform="demo", now=clock.now, **CLIENT)
    async with httpx.AsyncClient(transport=httpx.MockTransport(platform)) as through:
        both = [through.get(f"https://a.example/{path}", auth=auth) for path in ("late", "early")]
        assert [answered.status_code for answered in await asyncio.gather(*both)] == [200, 200]

    assert next(names) == "third", "the late one renewed again"


async def test_a_request_that_is_given_up_lets_the_next_one_renew(server, clock):
    server.holds, server.rotates = Event(), False
    auth = refreshing(server, clock)
    given_up = asyncio.ensure_future(ask(server, auth))
    await asyncio.to_thread(server.arrived.wait, 30)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    server.holds.set()

    assert (await ask(server, auth)).status_code == 200


async def test_a_refresh_token_that_changes_after_all_is_followed(server, clock):
    auth = refreshing(server, clock)
    for _ in range(3):
        await ask(server, auth)
        clock.advance(timedelta(hours=3))

    assert len({form["refresh_token"] for form in server.token_requests}) == 3


@pytest.mark.parametrize("lasts", ["7200", None])
async def test_expires_in_may_be_text_or_missing(server, clock, lasts):
    server.rotates, server.lasts = False, lasts
    auth = refreshing(server, clock)
    await ask(server, auth)
    clock.advance(timedelta(hours=3))
    await ask(server, auth)

    assert len(server.token_requests) == (1 if lasts is None else 2)


async def test_credentials_of_the_client_stand_in_the_header_where_they_belong_there(server, clock):
    server.basic = True
    await ask(server, refreshing(server, clock, client="basic"))

    assert "client_secret" not in server.token_requests[0]


async def test_the_token_request_carries_our_name_and_nothing_else_of_the_request(server, clock):
    auth = refreshing(server, clock)
    async with online() as through:
        await through.get(f"{server.url}/accounts", auth=auth, headers={"x-private": "of the api"})

    headers = server.asked[0][2]
    assert headers["user-agent"].startswith("wellheard/")
    assert "x-private" not in headers
    assert "authorization" not in headers


async def test_a_client_asks_for_itself_with_its_scope_and_what_else_the_platform_wants(server, clock):
    server.basic = True
    more = {"apikey": Secret("k"), "audience": "reviews"}
    auth = ClientCredentials(
        f"{server.url}/token", platform="demo", scope="read", parameters=more, now=clock.now, **CLIENT
    )
    await ask(server, auth)

    form = {"grant_type": "client_credentials", "scope": "read", "apikey": "k", "audience": "reviews"}
    assert server.token_requests == [form]


# What a refusal means


def said(error: Any, code: int = 400, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    return code, json.dumps({"error": error, "error_description": "canary-description"}).encode(), headers


@pytest.mark.parametrize(
    ("fails", "kind", "sentence"),
    [
        (said("invalid_grant"), AuthRejected, "run `wellheard connect demo` again"),
        (said("invalid_grant", 200), AuthRejected, "run `wellheard connect demo` again"),
        (said("invalid_request"), AuthRejected, "run `wellheard connect demo` again"),
        (said("invalid_client", 401), AuthRejected, "does not know this client"),
        (said("invalid_scope"), NotPermitted, "does not allow this app"),
        (said("canary-own-word", 403), NotPermitted, "scopes"),
        (said("rate", 429, **{"Retry-After": "7"}), Throttled, "patience"),
        (said("server_error", 200), Unavailable, "tried again"),
        (said("x", 502), Unavailable, "tried again"),
        ((200, b"<html>canary-page</html>", {"Content-Type": "text/html"}), Malformed, "granted no token"),
        ((200, b"{}", {}), Malformed, "granted no token"),
        ((200, b"[1]", {}), Malformed, "granted no token"),
        ((200, b'{"access_token": 5}', {}), Malformed, "granted no token"),
    ],
)
async def test_the_token_endpoint_is_understood(server, clock, fails, kind, sentence):
    server.fails.append(fails)
    auth = refreshing(server, clock)

    with pytest.raises(kind, match=sentence) as caught:
        await ask(server, auth)

    told = "".join(traceback.format_exception(caught.value))
    assert "127.0.0.1" in str(caught.value)
    assert "/token" not in str(caught.value)
    assert not any(
        word in told for word in (*server.granted, "canary-client-secret", "canary-d", "canary-own", "canary-p")
    )
    if kind is Throttled:
        assert caught.value.wait == timedelta(seconds=7)


async def test_a_token_endpoint_that_is_down_is_named_without_its_address(clock):
    traffic = Traffic(("POST /token", httpx.ConnectError("https://a.example/token?k=canary")))
    auth = ClientCredentials("https://a.example/token", platform="demo", now=clock.now, **CLIENT)
    async with traffic.client() as through:
        with pytest.raises(Unavailable, match="^a.example cannot be reached"):
            await answer.ask(through, "GET", httpx.URL("https://b.example/"), auth=auth)


async def test_while_the_token_is_good_a_renewal_can_wait(server, clock):
    server.rotates = False
    auth = refreshing(server, clock)
    await ask(server, auth)
    clock.advance(timedelta(minutes=119))
    server.fails += [said("x", 503), said("x", 503)]

    assert (await ask(server, auth)).status_code == 200
    assert (await ask(server, auth)).status_code == 200, "it is not asked again at once"
    assert len(server.token_requests) == 2
    clock.advance(timedelta(minutes=2))
    with pytest.raises(Unavailable):
        await ask(server, auth)


# Kept in a file


async def test_tokens_are_kept_before_they_are_used(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    seen = []

    def api(request: httpx.Request) -> Any:
        seen.append((request.headers["authorization"], json.loads(path.read_text())["access_token"]))
        return {}

    tokens = iter(("one", "two"))
    traffic = Traffic(
        ("POST /token", lambda _: {"access_token": next(tokens), "refresh_token": "next", "expires_in": 60}), ("/", api)
    )
    auth = Stored(path, "https://a.example/token", platform="demo", now=clock.now, **CLIENT)
    async with traffic.client() as through:
        await through.get("https://a.example/", auth=auth)
        clock.advance(timedelta(minutes=2))
        await through.get("https://a.example/", auth=auth)

    assert seen == [("Bearer one", "one"), ("Bearer two", "two")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_each_answer_brings_the_next_refresh_token(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    for _ in range(3):
        await ask(server, stored(path, server, clock))  # as after a restart
        clock.advance(timedelta(hours=3))

    assert len({form["refresh_token"] for form in server.token_requests}) == 3
    assert sorted(each.name for each in tmp_path.iterdir()) == ["tokens", "tokens.lock"]


async def test_a_platform_that_sends_no_new_refresh_token_means_the_old_one(server, clock, tmp_path):
    server.rotates = False
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    for _ in range(3):
        await ask(server, stored(path, server, clock))
        clock.advance(timedelta(hours=3))

    assert len(server.token_requests) == 3


async def test_a_restart_goes_on_with_the_token_that_is_there(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    await ask(server, stored(path, server, clock))
    await ask(server, stored(path, server, clock))

    assert len(server.token_requests) == 1


async def test_two_sources_with_one_file_spend_one_refresh_token(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    several = [stored(path, server, clock) for _ in range(4)]
    async with online() as through:
        await asyncio.gather(*(ask(server, auth, through) for auth in several))
        assert len(server.token_requests) == 1

        server.revoke()
        await asyncio.gather(*(ask(server, auth, through) for auth in several))

    assert len(server.token_requests) == 2


async def test_a_token_that_is_refused_is_not_taken_from_the_file_again(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token(), access_token="canary-no-more")
    auth = stored(path, server, clock)

    assert (await ask(server, auth)).status_code == 200
    assert len(server.token_requests) == 1


async def test_what_connect_wrote_meanwhile_is_taken(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token="canary-revoked")
    auth = stored(path, server, clock)
    with pytest.raises(AuthRejected, match="connect demo"):
        await ask(server, auth)

    kept(path, refresh_token=server.refresh_token())

    assert (await ask(server, auth)).status_code == 200


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
async def test_a_file_that_others_may_read_is_refused(server, clock, tmp_path, mode):
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    path.chmod(mode)

    with pytest.raises(AuthRejected, match=r"can be read by others: .*chmod 600"):
        await ask(server, stored(path, server, clock))

    assert server.asked == []


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"\xff", b'{"refresh_token": 5}', b'{"obtained_at": "x"}', b"[" * 10**6]
)
async def test_a_file_that_is_none_is_refused(server, clock, tmp_path, content):
    path = kept(tmp_path / "tokens")
    path.write_bytes(content)

    with pytest.raises(AuthRejected, match="is no token file: run `wellheard connect demo` again"):
        await ask(server, stored(path, server, clock))


async def test_a_file_that_is_not_there_or_empty_of_tokens_is_explained(server, clock, tmp_path):
    with pytest.raises(AuthRejected, match="there is no .*tokens: run `wellheard connect demo` again"):
        await ask(server, stored(tmp_path / "tokens", server, clock))
    with pytest.raises(AuthRejected, match="has no refresh token: run `wellheard connect demo` again"):
        await ask(server, stored(kept(tmp_path / "tokens"), server, clock))
    with pytest.raises(AuthRejected, match="tokens cannot be kept in .*No such file"):
        await ask(server, stored(tmp_path / "nowhere" / "tokens", server, clock))


@contextmanager
def full_disk():
    """No file may grow: what a full disk says, to root too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_where_nothing_can_be_written_no_token_is_spent(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    auth = stored(path, server, clock)
    with full_disk(), pytest.raises(AuthRejected, match="cannot be kept .* let the daemon's user write there"):
        await ask(server, auth)

    assert server.asked == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["tokens", "tokens.lock"]
    assert (await ask(server, auth)).status_code == 200


async def test_tokens_that_could_not_be_stored_are_stored_later(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    auth = stored(path, server, clock)
    away = tmp_path.with_name(f"{tmp_path.name}-away")

    def gone(_: httpx.Request) -> Any:
        tmp_path.rename(away)  # as when a disk is lost between the request and its answer
        return {"access_token": server.access_token(), "refresh_token": "canary-next", "expires_in": 60}

    traffic = Traffic(("POST /token", gone))
    async with traffic.client() as through:
        with pytest.raises(AuthRejected, match="cannot be kept"):
            await through.get(f"{server.url}/accounts", auth=auth)
    away.rename(tmp_path)

    assert (await ask(server, auth)).status_code == 200
    assert json.loads(path.read_text())["refresh_token"] == "canary-next"
    assert server.token_requests == []


async def test_a_link_stays_a_link(server, clock, tmp_path):
    (tmp_path / "state").mkdir()
    real = kept(tmp_path / "state" / "tokens", refresh_token=server.refresh_token())
    (tmp_path / "link").symlink_to(real)
    await ask(server, stored(tmp_path / "link", server, clock))

    assert (tmp_path / "link").is_symlink()
    assert "access_token" in json.loads(real.read_text())


async def test_what_root_renews_still_belongs_to_the_daemon(server, clock, tmp_path):
    """`sudo wellheard poll` must not lock the daemon out of its own token file."""
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for each in (tmp_path, path):
        os.chown(each, 12345, 12345)
    await ask(server, stored(path, server, clock))

    assert {(each.name, each.stat().st_uid) for each in tmp_path.iterdir()} == {
        ("tokens", 12345),
        ("tokens.lock", 12345),
    }


async def test_who_waits_for_the_lock_gives_up_in_time(clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token="x")
    async with TokenFile(path, "demo").locked():
        with pytest.raises(Unavailable, match="holds .*lock for too long"):
            async with TokenFile(path, "demo", sleep=clock.sleep).locked():
                pass

    assert 59 < sum(clock.slept) < 61


def test_a_reader_never_sees_half_a_file(tmp_path):
    file = TokenFile(kept(tmp_path / "tokens", refresh_token="0"), "demo")
    over = Event()
    seen: list[Tokens] = []

    def look() -> None:
        while not over.is_set():
            seen.append(file.read())

    reader = Thread(target=look)
    reader.start()
    for n in range(200):
        file.write(Tokens(refresh=Secret(str(n % 10) * 1000 * (n % 7 + 1))))
    over.set()
    reader.join()

    assert len(seen) > 10
    whole = [tokens.refresh.reveal() for tokens in seen if tokens.refresh]
    assert len(whole) == len(seen)
    assert all(len(set(token)) == 1 and len(token) % 1000 in (0, 1) for token in whole)


# Killed between the request and its answer

_KILLED = """
import asyncio, sys, httpx
from pathlib import Path
from connectors.kit.auth import Stored
from monitor.connector import Secret
async def main(url, path):
    auth = Stored(Path(path), url + "/token", platform="demo", client_id="app-1",
                  client_secret=Secret("canary-client-secret"), client="body")
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.get(url + "/accounts", auth=auth)
asyncio.run(main(*sys.argv[1:]))
"""


def killed(one: Provider, path: Any) -> None:
    """Runs a renewal in a process that is killed once the provider has spent the token and before it has answered."""
    one.holds = Event()
    process = subprocess.Popen([sys.executable, "-c", _KILLED, one.url, str(path)])
    assert one.arrived.wait(60)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    one.holds.set()


async def test_killed_before_the_answer_was_stored_and_the_platform_has_a_grace(server, clock, tmp_path):
    server.grace = 1
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    await asyncio.to_thread(killed, server, path)
    assert "asked_at" in json.loads(path.read_text())

    assert (await ask(server, stored(path, server, clock))).status_code == 200

    first, second = server.token_requests
    assert first["refresh_token"] == second["refresh_token"]
    assert "asked_at" not in json.loads(path.read_text())


async def test_killed_before_the_answer_was_stored_and_the_platform_has_no_grace(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    await asyncio.to_thread(killed, server, path)
    since = json.loads(path.read_text())["asked_at"]

    for _ in range(2):  # it says so for as long as nobody has done anything about it
        with pytest.raises(
            AuthRejected, match="ended before it stored the new one: run `wellheard connect demo` again"
        ) as e:
            await ask(server, stored(path, server, clock))
        assert since[:16].replace("T", " ") in str(e.value)
        assert not any(token in str(e.value) for token in server.granted)


async def test_a_process_that_was_killed_holds_no_lock(server, clock, tmp_path):
    server.grace = 1
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    await asyncio.to_thread(killed, server, path)
    async with TokenFile(path, "demo", sleep=clock.sleep).locked():
        assert clock.slept == []


async def test_a_plain_refusal_leaves_no_trace_of_a_crash(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token="canary-revoked")
    for _ in range(2):
        with pytest.raises(AuthRejected, match="expired or was withdrawn"):
            await ask(server, stored(path, server, clock))


async def test_an_answer_that_may_have_spent_the_token_leaves_its_trace(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    server.fails.append(said("x", 500))
    with pytest.raises(Unavailable):
        await ask(server, stored(path, server, clock))
    since = clock.now()
    clock.advance(timedelta(days=1))
    server.refreshes.clear()

    with pytest.raises(AuthRejected, match=f"spent at {since:%Y-%m-%d %H:%M} UTC"):
        await ask(server, stored(path, server, clock))


# Long-lived


def long_lived(path: Any, one: Provider, clock: Any) -> LongLived:
    more = {"grant_type": "th_refresh_token"}
    return LongLived(path, f"{one.url}/longer", platform="demo", parameters=more, now=clock.now)


async def test_a_long_lived_token_is_exchanged_in_the_second_half_of_its_life(server, clock, tmp_path):
    server.lasts = 60 * 86400
    first = server.access_token(server.lasts)
    path = kept(tmp_path / "t", access_token=first, expires_in=server.lasts, obtained_at=clock.now().isoformat())
    auth = long_lived(path, server, clock)
    clock.advance(timedelta(days=29))
    await ask(server, auth)
    assert server.token_requests == []

    clock.advance(timedelta(days=2))
    await ask(server, auth)

    assert server.token_requests == [{"grant_type": "th_refresh_token", "access_token": first}]
    assert json.loads(path.read_text())["access_token"] == server.granted[-1]
    clock.advance(timedelta(days=31))
    await ask(server, long_lived(path, server, clock))
    assert server.token_requests[1]["access_token"] == server.granted[1]


async def test_a_long_lived_token_that_is_refused_asks_for_a_person(server, clock, tmp_path):
    path = kept(tmp_path / "t", access_token="canary-gone")
    with pytest.raises(AuthRejected, match="is not accepted any more: run `wellheard connect demo` again"):
        await ask(server, long_lived(path, server, clock))


async def test_a_short_token_is_exchanged_for_one_that_lasts(server):
    server.lasts = 5183944
    first = server.access_token()
    async with online() as through:
        more = {"grant_type": "th_exchange_token", "access_token": Secret(first)}
        found = await exchanged(through, f"{server.url}/longer", more, platform="demo")
        assert found == {"access_token": Secret(server.granted[-1]), "expires_in": "5183944"}

        server.fails.append(said({"code": 190}))
        with pytest.raises(Malformed, match="127.0.0.1 answered 400"):
            await exchanged(through, f"{server.url}/longer", more, platform="demo")


# Signed with a key of our own


def pem(key: Any) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


async def test_a_service_account_asserts_itself_to_the_token_uri_of_its_key(server, clock):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    server.assertion_key = key.public_key()
    whole = {
        "client_email": "r@p.example",
        "private_key": pem(key),
        "private_key_id": "k1",
        "token_uri": f"{server.url}/token",
    }
    auth = ServiceAccount(Secret(json.dumps(whole)), ("read", "more"), platform="demo", now=clock.now)
    await ask(server, auth)
    await ask(server, auth)

    (form,) = server.token_requests
    claims = jwt.decode(form["assertion"], options={"verify_signature": False})
    now = int(clock.now().timestamp())
    assert claims == {
        "iss": "r@p.example",
        "scope": "read more",
        "aud": f"{server.url}/token",
        "iat": now,
        "exp": now + 3600,
    }
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "k1"


@pytest.mark.parametrize(
    "changes", [{"private_key": "canary-key"}, {"token_uri": "http://token.example/"}, {"client_email": ...}]
)
async def test_a_key_file_that_cannot_be_used_is_refused_before_anything_is_sent(clock, changes):
    key = pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    whole = {"client_email": "r@p.example", "private_key": key, "token_uri": "https://token.example/"} | changes
    whole = {name: value for name, value in whole.items() if value is not ...}
    auth = ServiceAccount(Secret(json.dumps(whole)), platform="demo", now=clock.now)
    traffic = Traffic()
    async with traffic.client() as through:
        with pytest.raises(AuthRejected, match="key cannot be read") as caught:
            await through.get("https://a.example/", auth=auth)

    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert traffic.requests == []


async def test_app_store_connect_gets_a_token_of_under_twenty_minutes(clock):
    key = ec.generate_private_key(ec.SECP256R1())
    traffic = Traffic(("/", {}))
    on_one_line = Secret(pem(key).replace("\n", "\\n"))
    auth = Es256(key_id="K1", issuer="I1", private_key=on_one_line, platform="app_store", now=clock.now)
    async with traffic.client() as through:
        for minutes in (0, 15, 4):
            clock.advance(timedelta(minutes=minutes))
            await through.get("https://store.example/", auth=auth)

    first, second, third = (request.headers["authorization"].removeprefix("Bearer ") for request in traffic.requests)
    options = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(third, key.public_key(), ["ES256"], audience="appstoreconnect-v1", options=options)
    assert first == second != third
    assert claims["iss"] == "I1"
    assert 0 < claims["exp"] - claims["iat"] < 1200
    assert claims["iat"] == clock.now().timestamp()
    assert jwt.get_unverified_header(third)["kid"] == "K1"


async def test_a_private_key_that_is_none_is_refused(clock):
    auth = Es256(key_id="K1", issuer=None, private_key=Secret("canary-key"), platform="app_store", now=clock.now)
    async with Traffic(("/", {})).client() as through:
        with pytest.raises(AuthRejected, match=r"app_store cannot be read: set the whole text of the \.p8") as caught:
            await through.get("https://store.example/", auth=auth)

    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_daemon_that_signs_nothing_carries_no_cryptography():
    code = "import sys, connectors.kit.auth; assert 'jwt' not in sys.modules and 'cryptography' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_no_credential_shows_itself(server, clock, tmp_path):
    path = kept(tmp_path / "tokens", refresh_token=server.refresh_token())
    auths = [refreshing(server, clock), stored(path, server, clock), ApiKey("X-Key", Secret("canary-key"))]
    await ask(server, auths[0])
    await ask(server, auths[1])

    shown = repr([auths, [vars(auth) for auth in auths]])
    assert not any(word in shown for word in (*server.granted, "canary"))
