"""Webhook and chats: what is posted, what an answer means, and that nothing pings or is disguised."""

import asyncio
import base64
import json
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from monitor.channels import DeliveryError, Discord, Slack, Teams, Webhook
from monitor.channels.chat import fit, flowing
from monitor.connector import Secret
from monitor.http import client as polite
from monitor.testing.channel import SHORT, Ailment, ChannelContract, Taken, make_notification

SECRET = "whsec_" + base64.b64encode(b"not-to-be-seen, 24 bytes").decode()
OTHER = "whsec_" + base64.b64encode(b"the one that takes over..").decode()
PATH = "/hooks/path-canary?sig=query-canary"
SECRETS = ("path-canary", "query-canary", SECRET, SECRET.removeprefix("whsec_"))


TLS = ssl.create_default_context()  # made once: reading the certificate authorities takes longer than a test


def now():
    """The verifying library reads the clock itself, so these tests cannot give it another."""
    return datetime.now(UTC)


@dataclass
class Endpoint:
    """A real HTTP server: what it got, and what it answers; HANG and DROP are no status."""

    status: int | str = 200
    headers: dict = field(default_factory=dict)
    body: bytes = b"ok"
    got: list = field(default_factory=list)
    port: int = 0
    address: str | None = None

    @property
    def url(self):
        return Secret(f"http://127.0.0.1:{self.port}{PATH}" if self.address is None else self.address)

    async def serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
            content = await reader.readexactly(int(headers.get("content-length", 0)))
            if self.status == "hang":
                await reader.read()
                return
            if self.status == "drop":
                return
            if self.status < 300:
                self.got.append((lines[0], headers, content))
            extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
            reply = f"HTTP/1.1 {self.status} X\r\n{extra}Content-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
            writer.write(reply.encode() + self.body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # who hangs up on us is the test's matter
        finally:
            writer.close()


@asynccontextmanager
async def endpoint(**settings):
    found = Endpoint(**settings)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    # Refused answers make a host rest, as they should; here the next attempt is to come at once.
    loopback = [ip_network("127.0.0.0/8")]
    try:
        async with polite(
            contact="desk@practice.example", allow=loopback, gap=0, tls=TLS, sleep=lambda _: asyncio.sleep(0)
        ) as out:
            found.client = out
            yield found
    finally:
        server.close()
        await asyncio.sleep(0)


def webhook(there, *secrets, clock=now, within=SHORT * 5):
    return Webhook(there.url, [Secret(one) for one in secrets or (SECRET,)], there.client, now=clock, within=within)


MAKERS = {
    "webhook": lambda there: webhook(there, within=SHORT),
    "slack": lambda there: Slack(there.url, there.client, now=now, within=SHORT),
    "teams": lambda there: Teams(there.url, there.client, now=now, within=SHORT),
    "discord": lambda there: Discord(there.url, there.client, now=now, within=SHORT),
}


def words(value):
    """All strings in JSON, joined."""
    if isinstance(value, dict):
        return " ".join(words(one) for one in value.values())
    if isinstance(value, list):
        return " ".join(words(one) for one in value)
    return str(value)


@dataclass
class FarEndpoint:
    there: Endpoint
    channel: object
    secrets: tuple = SECRETS

    def taken(self):
        found = []
        for _, headers, content in self.there.got:
            whole = words(json.loads(content))
            at = headers.get("webhook-id") or whole.rsplit("notification ", 1)[1].split()[0]
            found.append(Taken(at, whole))
        return found

    def suffer(self, ailment):
        ill = {None: 200, Ailment.PASSING: 503, Ailment.LASTING: 404, Ailment.SILENT: "hang", Ailment.BROKEN: "drop"}
        self.there.status = ill[ailment]


class HttpContract(ChannelContract):
    make = None

    @asynccontextmanager
    async def far_end(self):
        async with endpoint() as there:
            yield FarEndpoint(there, MAKERS[self.make](there))


class TestWebhook(HttpContract):
    make = "webhook"


class TestSlack(HttpContract):
    make = "slack"


class TestTeams(HttpContract):
    make = "teams"


class TestDiscord(HttpContract):
    make = "discord"


async def failed(make, **answer):
    async with endpoint(**answer) as there:
        with pytest.raises(DeliveryError) as caught:
            await MAKERS[make](there).send(make_notification())
    return caught.value


async def test_a_signature_verifies_with_the_published_library():
    async with endpoint() as there:
        await webhook(there).send(make_notification(data={"type": "test", "data": {"text": "Größe 👍 \u2028"}}))
        ((request, headers, content),) = there.got

        assert Verifier(SECRET).verify(content, headers) == {"type": "test", "data": {"text": "Größe 👍 \u2028"}}
        assert headers["webhook-id"] == make_notification().id
        assert headers["content-type"] == "application/json"
        assert request == f"POST {PATH} HTTP/1.1"
        with pytest.raises(WebhookVerificationError):
            Verifier(SECRET).verify(content + b" ", headers)
        with pytest.raises(WebhookVerificationError):
            Verifier(OTHER).verify(content, headers)


async def test_in_rotation_either_secret_verifies():
    async with endpoint() as there:
        await webhook(there, SECRET, OTHER).send(make_notification())
        ((_, headers, content),) = there.got

        assert len(headers["webhook-signature"].split()) == 2
        assert Verifier(SECRET).verify(content, headers) == Verifier(OTHER).verify(content, headers)


async def test_over_retries_the_id_stays_and_the_timestamp_is_that_of_the_attempt(clock):
    async with endpoint() as there:
        channel = webhook(there, clock=clock.now)
        await channel.send(make_notification())
        clock.advance(timedelta(minutes=5))
        await channel.send(make_notification(attempts=1))
        (_, first, body), (_, second, again) = there.got

        assert body == again
        assert first["webhook-id"] == second["webhook-id"]
        assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 300
        assert first["webhook-signature"] != second["webhook-signature"]


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_whatever_is_in_the_data_the_bytes_sent_are_the_bytes_signed(data):
    got = []

    def answer(request):
        got.append(request)
        return httpx.Response(204)

    async def run():
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as out:
            there = Endpoint(port=80)
            await Webhook(there.url, [Secret(SECRET)], out, now=now).send(make_notification(data={"odd": data}))

    asyncio.run(run())

    assert "odd" in Verifier(SECRET).verify(got[0].content, dict(got[0].headers))


@pytest.mark.parametrize("secrets", [[], [""], ["whsec_"], ["whsec_é"]])
def test_a_secret_that_cannot_sign_is_refused_at_once_and_not_shown(secrets):
    with pytest.raises(ValueError, match="secret") as caught:
        Webhook(Secret("https://practice.example/x"), [Secret(one) for one in secrets], None, now=now)

    assert "é" not in str(caught.value)


@pytest.mark.parametrize("make", sorted(MAKERS))
@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_a_success(make, status):
    async with endpoint(status=status, body=b"") as there:
        await MAKERS[make](there).send(make_notification())

        assert len(there.got) == 1


@pytest.mark.parametrize("make", sorted(MAKERS))
@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        (300, True), (301, True), (302, True), (304, True), (307, True), (308, True), (400, True), (401, True),
        (403, True), (404, True), (405, True), (408, False), (410, True), (413, True), (422, True), (429, False),
        (500, False), (502, False), (503, False), (504, False),
    ],
)  # fmt: skip
async def test_a_status_means_what_the_table_says(make, status, permanent):
    error = await failed(make, status=status, body=b"")

    assert error.permanent is permanent
    assert str(status) in str(error)


async def test_a_redirect_is_not_followed():
    async with endpoint() as elsewhere, endpoint(status=307) as there:
        there.headers = {"Location": f"http://127.0.0.1:{elsewhere.port}/"}
        with pytest.raises(DeliveryError, match="not followed") as caught:
            await webhook(there).send(make_notification())

        assert caught.value.permanent
        assert not elsewhere.got


async def test_410_says_that_the_endpoint_is_gone():
    error = await failed("webhook", status=410)

    assert error.permanent
    assert "gone" in str(error)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120), ("0", 0), ("-5", 0), ("soon", None), ("172800", 172800), ("date", 90)],
)
async def test_retry_after_is_handed_on(status, value, seconds):
    there = datetime(2026, 3, 2, 8, tzinfo=UTC)  # a server whose clock is hours off
    headers = {"Retry-After": value}
    if value == "date":
        later = there + timedelta(seconds=90)
        headers = {"Retry-After": format_datetime(later, usegmt=True), "Date": format_datetime(there, usegmt=True)}
    error = await failed("webhook", status=status, headers=headers)

    assert not error.permanent
    assert error.wait == (None if seconds is None else timedelta(seconds=seconds))


async def test_a_refusal_for_good_asks_for_no_patience():
    assert (await failed("webhook", status=404, headers={"Retry-After": "5"})).wait is None


async def test_an_address_that_may_not_be_reached_is_told_with_the_remedy():
    async with endpoint() as there, polite(contact="", gap=0, tls=TLS) as guarded:
        there.client = guarded
        with pytest.raises(DeliveryError, match=r"\[network\]") as caught:
            await webhook(there).send(make_notification())

        assert not there.got
        assert "path-canary" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ftp://practice.example/path-canary",
        "https://practice.example:x/path-canary",
        "practice.example/path-canary",
    ],
)
@pytest.mark.parametrize("make", sorted(MAKERS))
async def test_an_address_that_is_none_is_refused_for_good_and_not_shown(make, address):
    async with polite(contact="", gap=0, tls=TLS) as out:
        there = Endpoint(address=address)
        there.client = out
        channel = MAKERS[make](there)
        with pytest.raises(DeliveryError) as caught:
            await channel.send(make_notification())

    assert caught.value.permanent
    assert "path-canary" not in str(caught.value) + repr(channel)


@pytest.mark.parametrize(
    ("body", "permanent"),
    [
        (
            b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x",
            False,
        ),
        (b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 404", True),
        (b'{"error": {"code": "WorkflowTriggerIsNotEnabled"}}', False),
        (b"Summary or Text is required: failed", False),
    ],
)
async def test_a_200_of_teams_with_an_error_in_its_body_is_a_failure(body, permanent):
    assert (await failed("teams", body=body)).permanent is permanent


@pytest.mark.parametrize("body", [b"", b"1", b"ok", b'{"status": "accepted"}'])
async def test_a_200_of_teams_without_one_is_a_success(body):
    async with endpoint(body=body) as there:
        await MAKERS["teams"](there).send(make_notification())

        assert len(there.got) == 1


HOSTILE = "<!channel> <@U1> @everyone [click](https://evil.example) <https://evil.example|here> & **bold**"


def posted(channel, **changes):
    return channel(Secret("https://chat.example/x"), None, now=now).body(make_notification(**changes))


def test_slack_pings_nobody_and_hides_no_link():
    text = posted(Slack, text=HOSTILE)["text"]

    assert "<" not in text
    assert "&lt;!channel&gt;" in text
    assert " &amp; " in text


def test_discord_pings_nobody_and_hides_no_link():
    body = posted(Discord, text=HOSTILE, subject=HOSTILE)

    assert body["allowed_mentions"] == {"parse": []}
    assert "[click](" not in body["embeds"][0]["description"] + body["content"]
    assert body["embeds"][0]["color"] == 0xC2410C


def test_discord_leaves_an_address_alone_so_that_it_opens():
    assert (
        "\n   https://x.example/@a/1#2\n"
        in posted(Discord, text="a\n   https://x.example/@a/1#2\nb")["embeds"][0]["description"]
    )


def test_teams_reads_no_markdown_and_opens_only_whole_addresses():
    card = posted(Teams, text=f"{HOSTILE}\n   https://x.example/1")["attachments"][0]["content"]
    runs = [run for block in card["body"] for run in block["inlines"]]

    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert [run["selectAction"]["url"] for run in runs if "selectAction" in run] == ["https://x.example/1"]


LONG = "paragraph & <b> 👩‍⚕️ \u202e שלום\n"


@pytest.mark.parametrize("length", [0, 3_999, 4_000, 4_001, 40_000])
@pytest.mark.parametrize("unit", ["x", "&", "👍", "\n", "a\n", LONG])
def test_what_is_posted_stays_within_the_limits_of_each_chat(length, unit):
    text = (unit * length)[:length]
    slack = posted(Slack, text=text)["text"]
    discord = posted(Discord, text=text, subject=text)
    teams = json.dumps(posted(Teams, text=text), ensure_ascii=False).encode()

    assert len(slack) <= 4000
    assert len(discord["content"]) <= 2000
    assert len(discord["embeds"][0]["description"]) <= 4096
    assert len(teams) < 28_000


@pytest.mark.parametrize("extra", [-1, 0, 1, 10, 900])
def test_text_is_cut_exactly_where_it_no_longer_fits_and_says_so(extra):
    found = fit("x" * (100 + extra), 100, str)

    assert len(found) <= 100
    assert ("cut" in found) is (extra > 0)


@given(st.text(alphabet="&<>a ", max_size=300), st.integers(60, 200))
def test_a_cut_never_falls_into_an_escape(text, limit):
    def escape(part):
        return part.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    found = fit(text, limit, escape)
    body = found.split("\n…")[0]

    assert len(found) <= limit
    assert text.startswith(body.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def test_wrapped_lines_are_joined_for_a_chat_which_wraps_itself():
    assert flowing("one \ntwo\n\n   > three \n   > four\nfive\n-- \nsix\n") == "one two\n\n   > three four\nfive\nsix"
