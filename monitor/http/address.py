"""The address guard: a name is resolved, every address it has is judged, and what was judged is what is dialled."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore
import httpx

Network = IPv4Network | IPv6Network

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port in, its addresses out, best first. Raises OSError where the name has none."""

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

PER_ADDRESS = 5.0
"""Seconds to wait for one address before the next is tried; the last one may use all the time that is left."""

# The registries of special addresses, https://www.iana.org/assignments/iana-ipv4-special-registry and
# iana-ipv6-special-registry. Our own table, because `is_global` of the standard library differs between the Python
# versions we run on and calls multicast, site-local and NAT64 of a loopback address global.
_SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "an address of this host"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "an address behind a carrier's NAT"),
        ("127.0.0.0/8", "a loopback address"),
        ("168.63.129.16/32", "a cloud host's own address"),  # Azure's, which looks like any public one
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a protocol's address"),
        ("192.0.2.0/24", "a documentation address"),
        ("192.88.99.0/24", "a 6to4 relay's address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "a benchmarking address"),
        ("198.51.100.0/24", "a documentation address"),
        ("203.0.113.0/24", "a documentation address"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::/128", "an address of this host"),
        ("::1/128", "a loopback address"),
        ("2001::/32", "a Teredo address"),
        ("2001::/23", "a protocol's address"),
        ("2001:db8::/32", "a documentation address"),
        ("2002::/16", "a 6to4 address"),
        ("3fff::/20", "a documentation address"),
        ("64:ff9b:1::/48", "a local NAT64 address"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
    )
)
_UNICAST = IPv6Network("2000::/3")
_MAPPED = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
"""IPv4 in IPv6 clothes: written by software, and by DNS64 for every public IPv4 host. Judged by what is inside."""


class AddressRefused(httpx.ConnectError):
    """The host has an address that is not public and not in `[network] allow`: nothing was dialled."""


def refusal(address: str, allow: Sequence[Network] = ()) -> str | None:
    """Why `address` must not be dialled, in words such as "a loopback address"; None where it may be.

    Raises ValueError for what is no address."""
    outer = ip_address(address)
    inner = _inside(outer)
    if any(candidate in network for network in allow for candidate in (outer, inner)):
        return None
    for network, what in _SPECIAL:
        if inner in network:
            return what
    if isinstance(inner, IPv6Address) and inner not in _UNICAST:
        return "a reserved address"
    return None


def _inside(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address) and any(address in network for network in _MAPPED):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


class Resolver:
    """The system's resolver in threads of its own: a dead name server must not hold up the threads that store."""

    def __init__(self, threads: int = 8) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> list[str]:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Lets go of the threads, without waiting for answers that nobody needs any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int) -> list[str]:
    return [str(sockaddr[0]) for *_, sockaddr in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Guard(httpcore.AsyncNetworkBackend):
    """Dials only addresses that were judged, at the moment of dialling: between the look-up that is judged and the
    connection there is no second look-up that could answer something else. TLS still verifies the name."""

    def __init__(
        self, allow: Sequence[Network], resolve: Resolve, dial: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._allow = tuple(allow)
        self._resolve = resolve
        self._dial = httpcore.AnyIOBackend() if dial is None else dial

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first judged address that answers.

        Raises AddressRefused, httpcore.ConnectError, httpcore.ConnectTimeout."""
        *others, last = await self.judged(host, port)
        for address in others:
            patience = PER_ADDRESS if timeout is None else min(timeout, PER_ADDRESS)
            try:
                return await self._dial.connect_tcp(address, port, patience, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._dial.connect_tcp(last, port, timeout, local_address, socket_options)

    async def judged(self, host: str, port: int) -> Sequence[str]:
        """All addresses of `host`, each of them allowed. Raises AddressRefused if a single one is not: a name that
        is half public is an attempt, or a mistake that would show itself at random."""
        try:
            addresses = await self._resolve(host, port)
        except (OSError, ValueError) as error:  # UnicodeError (a label too long) is a ValueError
            raise httpcore.ConnectError("the name does not resolve") from error
        if not addresses:
            raise httpcore.ConnectError("the name has no address")
        for address in addresses:
            what = refusal(address, self._allow)
            if what is not None:
                raise AddressRefused(
                    f"{host}: refused, {address} is {what}; if it is meant, add it to allow under [network]"
                )
        return addresses

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 (httpcore's signature)
        socket_options: Iterable[SocketOption] | None = None,  # noqa: ARG002 (httpcore's signature)
    ) -> httpcore.AsyncNetworkStream:
        """Raises AddressRefused, always."""
        raise AddressRefused(f"{path.rsplit('/', 1)[-1]}: refused, a socket in the file system is no public address")

    async def sleep(self, seconds: float) -> None:
        """Waits between attempts to connect, of which we make one."""
        await self._dial.sleep(seconds)
