"""The address guard: what is not public is never dialled, whatever it is called and whoever answers for it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network

import httpcore
import httpx
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from monitor.http import AddressRefused, refusal
from monitor.http.address import Guard
from tests.hostile import LOOPBACK, reply, serving, visitor

NOT_PUBLIC = {
    "0.0.0.0": "this host", "0.1.2.3": "this host", "10.0.0.1": "private", "10.255.255.255": "private",
    "100.64.0.1": "carrier", "100.127.255.255": "carrier", "127.0.0.1": "loopback", "127.255.255.254": "loopback",
    "168.63.129.16": "cloud host", "169.254.0.1": "link-local", "169.254.169.254": "link-local",
    "172.16.0.1": "private", "172.31.255.255": "private", "192.0.0.1": "protocol", "192.0.0.192": "protocol",
    "192.0.2.1": "documentation", "192.88.99.1": "6to4", "192.168.0.1": "private", "192.168.255.255": "private",
    "198.18.0.1": "benchmarking", "198.19.255.255": "benchmarking", "198.51.100.1": "documentation",
    "203.0.113.1": "documentation", "224.0.0.1": "multicast", "239.255.255.255": "multicast",
    "240.0.0.1": "reserved", "255.255.255.255": "reserved", "::": "this host", "::1": "loopback",
    "::127.0.0.1": "reserved", "::ffff:127.0.0.1": "loopback", "::ffff:10.0.0.1": "private",
    "::ffff:169.254.169.254": "link-local", "64:ff9b::7f00:1": "loopback", "64:ff9b::a9fe:a9fe": "link-local",
    "64:ff9b:1::1": "NAT64", "100::1": "reserved", "2001::1": "Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2": "Teredo",
    "2001:2::1": "protocol", "2001:10::1": "protocol", "2001:20::1": "protocol", "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4", "2002:808:808::1": "6to4", "3fff::1": "documentation", "5f00::1": "reserved",
    "fc00::1": "private", "fd00:ec2::254": "private", "fe80::1": "link-local", "fe80::1%2": "link-local",
    "fec0::1": "site-local", "ff02::1": "multicast", "ff0e::1": "multicast", "4000::1": "reserved",
}  # fmt: skip

PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "128.0.0.1",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111",
    "2a00:1450::1", "3ffe::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
)  # fmt: skip


class Spy(httpcore.AsyncNetworkBackend):
    """Notes what is dialled and lets nothing through."""

    def __init__(self) -> None:
        self.dialled: list[str] = []

    async def connect_tcp(self, host, port, *options):
        self.dialled.append(host)
        raise httpcore.ConnectError("a spy lets nothing through")


def answering(*answers: Sequence[str]):
    """A resolver that gives one of `answers` after the other, the last one for ever; `asked` counts."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        resolve.asked += 1
        return left.pop(0) if len(left) > 1 else left[0]

    resolve.asked = 0
    return resolve


async def by_libc(host: str, port: int) -> Sequence[str]:
    """Reads a literal as the system's resolver does: decimal, octal, hexadecimal, short."""
    return [socket.inet_ntoa(socket.inet_aton(host))]


@pytest.mark.parametrize(("address", "reason"), NOT_PUBLIC.items())
def test_an_address_that_is_not_public_is_refused_with_the_reason(address, reason):
    assert reason in (refusal(address) or "not refused")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_let_through_also_at_the_edge_of_a_special_range(address):
    assert refusal(address) is None


@given(st.ip_addresses(v=4))
def test_what_the_standard_library_calls_special_is_refused(address: IPv4Address):
    special = (
        not address.is_global or address.is_multicast or address.is_reserved or address.is_loopback
        or address.is_link_local or address.is_unspecified
    )  # fmt: skip
    assert refusal(str(address)) or not special


@given(st.ip_addresses(v=6))
def test_so_is_what_it_calls_special_among_the_long_addresses(address: IPv6Address):
    special = not address.is_global or address.is_multicast or address.is_site_local or address.is_link_local
    unwrapped = address.ipv4_mapped
    assert refusal(str(address)) or not special or (unwrapped is not None and refusal(str(unwrapped)) is None)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::"]))
def test_an_address_inside_an_address_is_judged_by_what_is_inside(inner: IPv4Address, outer: str):
    wrapped = IPv6Address(int(IPv6Address(outer)) + int(inner))
    assert refusal(str(wrapped)) == refusal(str(inner))


def test_only_the_networks_that_are_allowed_are_let_through():
    allow = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    assert refusal("10.1.2.3", allow) is None
    assert refusal("::ffff:10.1.2.3", allow) is None
    assert refusal("fd00::1", allow) is None
    assert refusal("10.2.0.1", allow)
    assert refusal("127.0.0.1", allow)


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_nothing_is_dialled_when_a_name_has_a_single_bad_address(address):
    spy = Spy()
    guard = Guard((), answering(["8.8.8.8", address, "1.1.1.1"]), spy)
    with pytest.raises(AddressRefused, match=r"^news\.example: refused, .*allow under \[network\]$"):
        await guard.connect_tcp("news.example", 443)
    assert spy.dialled == []


async def test_every_address_is_tried_until_one_answers():
    spy = Spy()
    with pytest.raises(httpcore.ConnectError):
        await Guard((), answering(["8.8.8.8", "1.1.1.1"]), spy).connect_tcp("news.example", 443)
    assert spy.dialled == ["8.8.8.8", "1.1.1.1"]
    async with (
        serving(reply(b"here")) as server,
        visitor(resolve=answering(["127.0.0.2", "127.0.0.1"])) as client,
    ):
        assert (await client.get(f"http://news.example:{server.port}/")).content == b"here"


async def test_a_name_that_changes_its_answer_is_dialled_where_it_was_judged():
    resolve, spy = answering(["8.8.8.8"], ["127.0.0.1"]), Spy()
    guard = Guard((), resolve, spy)
    with pytest.raises(httpcore.ConnectError):
        await guard.connect_tcp("rebind.example", 80)
    assert (spy.dialled, resolve.asked) == (["8.8.8.8"], 1)
    with pytest.raises(AddressRefused):
        await guard.connect_tcp("rebind.example", 80)
    assert spy.dialled == ["8.8.8.8"]


async def test_a_rebinding_name_never_reaches_a_listener_on_loopback():
    resolve = answering(*[["8.8.8.8"], ["127.0.0.1"]] * 5)
    async with serving(reply(b"secret")) as server, visitor(allow=(), resolve=resolve) as client:
        for _ in range(10):
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://rebind.example:{server.port}/")
    assert (resolve.asked, server.connections) == (10, 0)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "127.1", "127.0.1",
        "0", "0.0.0.0", "0x0", "169.254.169.254", "0xa9fea9fe", "news.example@127.0.0.1", "news.example:80@127.1",
    ],
)  # fmt: skip
async def test_an_address_is_refused_however_it_is_written(host):
    async with serving(reply(b"secret")) as server, visitor(allow=(), resolve=by_libc) as client:
        with pytest.raises(AddressRefused) as refused:
            await client.get(f"http://{host}:{server.port}/private?token=canary")
    assert server.connections == 0
    assert not {"private", "canary", "news.example"} & set(str(refused.value).replace("/", " ").split())


@pytest.mark.parametrize("host", ["localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
async def test_the_system_resolver_gets_nobody_past_the_guard(host):
    async with serving(reply(b"secret")) as server, visitor(allow=()) as client:
        with pytest.raises(AddressRefused):
            await client.get(f"http://{host}:{server.port}/")
    assert server.connections == 0


async def test_a_trailing_dot_octal_and_odd_digits_get_nobody_past_it_either():
    async with serving(reply(b"secret")) as server, visitor(allow=()) as client:
        for host in (
            "localhost.",
            "0177.0.0.1",
            "127.0.0.1.",
            "①②⑦.⓪.⓪.①",
            "news.example\\@127.0.0.1",
            "127.0.0.1 ",
            "127。0。0。1",
        ):
            with pytest.raises((httpx.ConnectError, httpx.InvalidURL)):
                await client.get(f"http://{host}:{server.port}/")
    assert server.connections == 0


async def test_a_redirect_gets_nobody_past_it():
    async with serving(reply(b"secret")) as inside:
        to = reply(b"", 302, {"Location": f"http://inside.example:{inside.port}/"})
        async with (
            serving(to, host="127.0.0.2") as outside,
            visitor(
                allow=[ip_network("127.0.0.2/32")],
                resolve=answering(["127.0.0.2"], ["127.0.0.1"]),
            ) as client,
        ):
            with pytest.raises(AddressRefused, match=r"^inside\.example: refused, 127\.0\.0\.1 is a loopback"):
                await client.get(f"http://news.example:{outside.port}/")
            assert (outside.connections, inside.connections) == (1, 0)


async def test_proxy_variables_and_a_netrc_are_ignored(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(reply(b"proxied")) as proxy, serving(reply(b"straight")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with visitor() as client:
            assert (await client.get(server.url)).content == b"straight"
        assert proxy.connections == 0
        assert "authorization" not in server.asked[0].headers


async def test_a_unix_socket_is_refused(tmp_path):
    with pytest.raises(AddressRefused, match=r"^docker\.sock: refused"):
        await Guard((), answering(["8.8.8.8"])).connect_unix_socket(str(tmp_path / "docker.sock"))


@pytest.mark.parametrize("answers", [OSError(-2, "Name or service not known"), UnicodeError("label too long"), []])
async def test_a_name_without_an_address_is_an_error_that_names_the_host_only(answers):
    async def resolve(host: str, port: int) -> Sequence[str]:
        if isinstance(answers, Exception):
            raise answers
        return answers

    async with visitor(resolve=resolve) as client:
        with pytest.raises(httpx.ConnectError, match=r"^gone\.example: cannot be reached") as failed:
            await client.get("https://gone.example/private?token=canary")
    assert "private" not in str(failed.value)
    assert "canary" not in str(failed.value)


def certified(*names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server that is called `names` shows, and a client's context that trusts its authority."""
    authority = trustme.CA()
    server, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(*names).configure_cert(server)
    authority.configure_trust(trusting)
    return server, trusting


async def test_tls_verifies_the_name_while_the_judged_address_is_dialled():
    shown, trusting = certified("clinic.example")
    indicated: list[str | None] = []
    shown.sni_callback = lambda connection, name, context: indicated.append(name)
    async with (
        serving(reply(b"here"), tls=shown) as server,
        visitor(tls=trusting, resolve=answering(["127.0.0.1"])) as client,
    ):
        assert (await client.get(f"https://clinic.example:{server.port}/")).content == b"here"
        with pytest.raises(httpx.ConnectError, match=r"^other\.example: cannot be reached \(Hostname mismatch"):
            await client.get(f"https://other.example:{server.port}/private")
    assert indicated == ["clinic.example", "other.example"]
    assert len(server.asked) == 1


async def test_an_authority_that_nobody_knows_is_not_trusted():
    shown, _ = certified("clinic.example")
    async with serving(reply(), tls=shown) as server, visitor(resolve=answering(["127.0.0.1"])) as client:
        with pytest.raises(httpx.ConnectError, match="unable to get local issuer"):
            await client.get(f"https://clinic.example:{server.port}/")


async def test_what_is_allowed_is_reached_also_by_name():
    async with serving(reply(b"here")) as server, visitor(allow=LOOPBACK) as client:
        assert (await client.get(f"http://localhost:{server.port}/")).content == b"here"
