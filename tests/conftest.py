"""What every test may ask for: a clock, and a fresh database of each kind."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from monitor.assess import Assessor
from monitor.pipeline import line
from tests.clock import Clock
from tests.postgres import Postgres, PostgresMissing, postgres

# The same examples in every run, and no limit on time: a shared machine may be slow, and that is no finding.
settings.register_profile(
    "house", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")


def _stay_at_home(name: str, arguments: tuple[object, ...]) -> None:
    """The tests see a machine without a network: what is not loopback is unreachable, and its name unknown."""
    if name == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not _local(str(address[0])):
            raise OSError(errno.ENETUNREACH, "tests reach nothing but this machine")
    elif name == "socket.getaddrinfo" and not _resolvable(arguments[0]):
        raise socket.gaierror(socket.EAI_NONAME, "tests resolve no names but localhost")


def _local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in {"", "localhost"}


def _resolvable(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "", "localhost", socket.gethostname()}:
        return True
    try:
        ipaddress.ip_address(str(name).partition("%")[0])
    except ValueError:
        return False
    return True  # a literal address needs no name server


sys.addaudithook(_stay_at_home)


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    # pytest-asyncio warns at its start where pyproject leaves this option unset, and warnings are errors here.
    warnings.filterwarnings("ignore", message="(?s).*asyncio_default_fixture_loop_scope")


@pytest.fixture(scope="session", autouse=True)
def _assessors() -> Iterator[None]:
    """One assessor for all lines that would make an equal one: they share nothing but what it knows, and most of a second
    goes into each. One with a voice is made anew."""
    made: dict[str, Assessor] = {}

    def assessor(**values: Any) -> Assessor:
        if values["voice"] is not None:
            return Assessor(**values)
        key = repr(sorted(values.items()))
        if key not in made:
            made[key] = Assessor(**values)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line, "Assessor", assessor)
        yield


@pytest.fixture
def clock() -> Clock:
    """A clock at noon of Monday, 2 March 2026 UTC, that only the test moves."""
    return Clock()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """The run's own PostgreSQL (one per xdist worker), started when the first test asks for it.

    Without its programs the tests that need it are skipped, except in CI, where that is a failure."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres())
        except PostgresMissing as missing:
            if os.environ.get("CI"):
                pytest.fail(f"CI must test PostgreSQL: {missing}")
            pytest.skip(f"NOT TESTED ON POSTGRESQL: {missing}")
        yield server


@pytest.fixture
def postgresql_url(postgres_server: Postgres) -> Iterator[str]:
    """The URL of a fresh empty PostgreSQL database, for the few tests that concern no other."""
    with _fresh(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh empty database; the test runs once for each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'wellheard.db'}"
        return
    with _fresh(request.getfixturevalue("postgres_server")) as url:
        yield url


@contextmanager
def _fresh(server: Postgres) -> Iterator[str]:
    name = server.create()
    try:
        yield server.url(name)
    finally:
        server.drop(name)
