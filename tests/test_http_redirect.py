"""Redirects: followed where nothing is given away, refused with a reason where it would be."""

from __future__ import annotations

import httpx
import pytest

from monitor.http import RedirectRefused
from monitor.http.redirect import onward, secret
from tests.hostile import by_path, redirect, redirect_loop, reply, serving, visitor

HERE = "https://clinic.example/feed"


def follow(location: str, *, start: str = HERE, method: str = "GET", status: int = 302, **headers: str):
    request = httpx.Request(method, start, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return onward(request, httpx.Response(status, headers={"Location": location}))


@pytest.mark.parametrize(
    ("location", "to"),
    [
        ("/new", "https://clinic.example/new"),
        ("new?page=2", "https://clinic.example/new?page=2"),
        ("//clinic.example/new", "https://clinic.example/new"),
        ("https://clinic.example:443/new", "https://clinic.example/new"),
        ("HTTPS://CLINIC.EXAMPLE/new", "https://clinic.example/new"),
        ("https://user:canary@clinic.example/new", "https://clinic.example/new"),
        ("", "https://clinic.example/feed"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_at_the_same_origin_it_is_the_same_request(location, to, method):
    request = follow(location, method=method, Authorization="Bearer canary", X_Api_Key="canary", If_None_Match='"a"')
    assert (str(request.url), request.method) == (to, method)
    assert (request.headers["authorization"], request.headers["if-none-match"]) == ("Bearer canary", '"a"')


@pytest.mark.parametrize(
    "to", ["https://www.clinic.example/", "https://clinic.example:8443/", "https://other.example/"]
)
def test_to_another_origin_go_only_three_headers(to):
    request = follow(to, Accept="text/xml", User_Agent="wellheard", If_None_Match='"a"', Referer=HERE, X_Trace="1")
    assert str(request.url) == to
    assert set(request.headers) == {"host", "accept", "user-agent"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_one(status):
    assert follow("/new", status=status) is not None


@pytest.mark.parametrize("status", [200, 201, 300, 304, 305, 306, 404])
def test_a_location_alone_is_no_redirect(status):
    assert follow("/new", status=status) is None
    assert onward(httpx.Request("GET", HERE), httpx.Response(302)) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_is_never_sent_on(method):
    assert follow("/new", method=method, status=307) is None


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://clinic.example/feed", "it leaves TLS"),
        ("http://other.example/", "it leaves TLS"),
        ("ftp://other.example/", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("javascript:alert(1)", "only http and https"),
        ("gopher://127.0.0.1:6379/_", "only http and https"),
        ("https://[::1", "cannot be read"),
        ("https://other.example:port/", "cannot be read"),
        ("https://a\x00b/", "cannot be read"),
    ],
)
def test_what_leads_out_of_http_or_tls_is_refused(location, reason):
    with pytest.raises(RedirectRefused, match=rf"^clinic\.example: redirects to .*{reason}"):
        follow(location)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-API-Token", "apikey", "X-Auth-Token",
        "Ocp-Apim-Subscription-Key", "X-Goog-Api-Key", "Private-Token", "X-Client-Secret", "X-Amz-Signature", "DPoP",
        "X-Session",
    ],
)  # fmt: skip
def test_a_credential_in_a_header_stays_where_it_was_meant_for(name):
    request = httpx.Request("GET", HERE, headers={name: "canary"})
    with pytest.raises(RedirectRefused, match="credential in its headers") as refused:
        onward(request, httpx.Response(302, headers={"Location": "https://other.example/private"}))
    assert not {"canary", "private"} & set(str(refused.value).replace("/", " ").split())


@pytest.mark.parametrize(
    "name",
    ["key", "token", "access_token", "sig", "api_key", "apiKey", "API_KEY", "signature", "client_secret", "password",
     "X-Amz-Signature", "oauth_token", "auth", "jwt", "sessionid"],
)  # fmt: skip
def test_so_does_one_in_the_query(name):
    with pytest.raises(RedirectRefused, match=r"^clinic\.example: redirects to other\.example, refused: .*its query"):
        follow("https://other.example/", start=f"{HERE}?q=hospital&{name}=canary")


@pytest.mark.parametrize(
    "name",
    ["q", "page", "author", "keyword", "keywords", "design", "country_code", "hl", "ceid", "since_id", "format",
     "accept", "accept-language", "user-agent", "if-none-match", "if-modified-since", "host", "range"],
)  # fmt: skip
def test_an_innocent_name_is_no_credential(name):
    assert not secret(name)


async def test_a_redirect_is_followed_and_the_answer_says_where_it_came_from():
    async with serving(reply(b"said")) as other:
        answers = by_path({"/feed": redirect("/moved", 301), "/moved": redirect(f"{other.url}/new", 308)})
        async with serving(answers) as server, visitor() as client:
            response = await client.get(f"{server.url}/feed", headers={"If-None-Match": '"a"'})
    assert (response.content, str(response.extensions["url"])) == (b"said", f"{other.url}/new")
    assert [asked.target for asked in server.asked] == ["/feed", "/moved"]
    assert server.asked[1].headers["if-none-match"] == '"a"'
    assert "if-none-match" not in other.asked[0].headers
    assert other.asked[0].headers["user-agent"].startswith("wellheard/")
    assert other.asked[0].headers["host"] == f"127.0.0.1:{other.port}"


async def test_a_credential_never_reaches_the_other_origin():
    async with serving(reply()) as other, serving(redirect(other.url)) as server, visitor() as client:
        for sent in ({"headers": {"X-Api-Key": "canary"}}, {"params": {"key": "canary"}}, {"auth": ("us", "canary")}):
            with pytest.raises(RedirectRefused) as refused:
                await client.get(server.url, **sent)
            assert "canary" not in str(refused.value)
    assert other.connections == 0


async def test_a_chain_of_five_is_followed_and_one_of_six_is_not():
    chain = {f"/{step}": redirect(f"/{step + 1}") for step in range(1, 7)} | {"/7": reply(b"said")}
    async with serving(by_path(chain)) as server, visitor() as client:
        assert (await client.get(f"{server.url}/2")).content == b"said"
        with pytest.raises(RedirectRefused, match=r"^127\.0\.0\.1: redirects more than 5 times$"):
            await client.get(f"{server.url}/1")


async def test_an_address_that_cannot_be_read_is_refused_where_it_would_be_followed():
    async with serving(redirect("https://[::1")) as server, visitor() as client:
        with pytest.raises(RedirectRefused, match=r"^127\.0\.0\.1: redirects to an address that cannot be read$"):
            await client.get(server.url)


async def test_an_endless_chain_ends():
    async with serving(redirect_loop()) as server, visitor() as client:
        with pytest.raises(RedirectRefused, match="more than 5 times"):
            await client.get(server.url)
    assert len(server.asked) == 6


@pytest.mark.parametrize("location", ["/elsewhere", "https://[::1", "https://x:port/", "\\\\", "http://\x7f/"])
async def test_a_redirected_post_comes_back_as_it_is(location):
    async with serving(redirect(location, 307)) as server, visitor() as client:
        response = await client.post(f"{server.url}/hook", json={"type": "test"})
    assert (response.status_code, response.content, len(server.asked)) == (307, b"moved", 1)
