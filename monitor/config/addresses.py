"""Addresses: of people, hosts and networks, and what may be said of them without asking anybody."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator

from monitor.config.mistakes import wrong

_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_SENDER = re.compile(r'(?:"?[^"<>\x00-\x1f\x7f-\x9f\u2028\u2029]*"?\s*<(?P<inner>[^<>]*)>|(?P<bare>.*))', re.DOTALL)


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.")


def is_named(host: str) -> bool:
    """Whether `host` is a domain name of the world outside, not an address and not a bare machine name."""
    try:
        ip_address(host)
    except ValueError:
        return "." in host.strip(".")
    return False


def split(url: str) -> SplitResult | None:
    """The parts of `url`, or None where it is none; never raises."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and parts.hostname and not re.search(r"[\x00-\x20\x7f]", url) else None


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise wrong(f"{value[:60]!r} is not an e-mail address", 'write for example "risk@practice.example"')
    return value


def _sender(value: str) -> str:
    match = _SENDER.fullmatch(value)
    inner = (match["inner"] or match["bare"] or "") if match else ""
    if not _ADDRESS.fullmatch(inner.strip()):
        right = 'write for example "Wellheard <wellheard@practice.example>"'
        raise wrong(f"{value[:60]!r} is not a sender", right)
    return value


def _contact(value: str) -> str:
    parts = split(value)
    if value and not _ADDRESS.fullmatch(value) and not (parts and parts.scheme in ("https", "http")):
        right = 'write for example "webmaster@practice.example"'
        raise wrong(f"{value[:60]!r} is neither an e-mail address nor a web address", right)
    return value


def _network(value: Any) -> Any:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    right = 'write for example "192.168.1.0/24"'
    try:
        network = ip_network(value, strict=False) if isinstance(value, str) else None
    except ValueError:
        network = None
    if network is None:
        raise wrong(f"{str(value)[:60]!r} is not a network", right)
    if network.prefixlen == 0:
        raise wrong(f"{value!r} would let everything be reached", right)
    if isinstance(value, str) and "/" in value and ip_address(value.split("/")[0]) != network.network_address:
        raise wrong(f"{value!r} names an address inside a network", f'write "{network}"')
    return network


Address = Annotated[str, AfterValidator(_address)]
Sender = Annotated[str, AfterValidator(_sender)]
Contact = Annotated[str, AfterValidator(_contact)]
Reachable = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
