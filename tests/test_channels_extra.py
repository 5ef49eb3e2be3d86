"""Apprise as a channel: it keeps the promises of a channel, pings nobody, shows nothing, and is not needed."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest

from monitor.channels import DeliveryError, Extra
from monitor.channels.extra import _harmless, unusable
from monitor.connector import Secret
from monitor.testing.channel import SHORT, Ailment, ChannelContract, Taken, make_notification
from tests.test_channels_http import FarEndpoint, endpoint

pytest.importorskip("apprise")

unusable(
    Secret("json://127.0.0.1/")
)  # as `check` and the start do: loading its plug-ins takes longer than a delivery may
HIDDEN = ("path-canary", "user-canary", "password-canary")


def extra(port, within=SHORT):
    return Extra(Secret(f"json://user-canary:password-canary@127.0.0.1:{port}/path-canary?rto=1"), within=within)


class Behind(FarEndpoint):
    """The service behind Apprise: what it got says the id at its end."""

    def taken(self):
        found = []
        for _, _, content in self.there.got:
            body = json.loads(content)
            said = f"{body['title']}\n{body['message']}"
            found.append(Taken(said.rsplit("notification ", 1)[1].split(maxsplit=1)[0], said))
        return found


class TestExtra(ChannelContract):
    # Apprise says that it failed, and never whether for good.
    ailments = frozenset(Ailment) - {Ailment.LASTING}

    @asynccontextmanager
    async def far_end(self):
        async with endpoint() as there:
            yield Behind(there, extra(there.port), HIDDEN)


@pytest.mark.parametrize("status", [301, 307, 400, 403, 404, 410, 429, 500, 503])
async def test_what_is_not_taken_is_tried_again(status):
    async with endpoint(status=status, headers={"Location": "http://127.0.0.1:1/"}) as there:
        with pytest.raises(DeliveryError) as caught:
            await extra(there.port).send(make_notification())
    assert not caught.value.permanent


@pytest.mark.parametrize("length", [0, 32_000, 32_768, 33_000, 330_000])
@pytest.mark.parametrize("unit", ["x", "👍", "paragraph & <b> שלום\n"])
async def test_what_is_too_long_is_cut_and_keeps_its_id(length, unit):
    async with endpoint() as there:
        await extra(there.port, within=SHORT * 5).send(make_notification(text=(unit * length)[:length]))
        (request,) = there.got
    body = json.loads(request[2])["message"]
    assert len(body) <= 32_768
    assert body.endswith(f"notification {make_notification().id}")


def test_nothing_in_it_pings_anybody_or_dresses_up_a_link():
    said = _harmless("<!channel> <@U1> @everyone @here [click](https://evil.example) <https://evil.example|here> **b**")
    assert not {"<", ">"} & set(said)
    assert "@everyone" not in said
    assert "@here" not in said
    assert "](" not in said
    assert "**" not in said
    assert _harmless("see:\n   https://x.example/@a_b/1\n") == "see:\n   https://x.example/@a_b/1\n"


def test_an_address_is_judged_without_being_shown():
    assert unusable(Secret("json://127.0.0.1/path-canary")) is None
    fault = unusable(Secret("nosuch://path-canary"))
    assert fault is not None
    assert "canary" not in " ".join(fault)


def test_without_the_library_everything_else_works():
    program = """
import sys
sys.modules["apprise"] = None
import monitor.cli
from monitor.channels.extra import unusable
from monitor.connector import Secret
print(unusable(Secret("json://127.0.0.1/"))[1])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "install it with: pip install 'wellheard[apprise]'"
