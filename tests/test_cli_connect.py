"""Getting in, end to end: a consent page on loopback, tokens that rotate, files that only their owner reads, TOML that loads."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import select
import socket
import stat
import subprocess
import sys
import tomllib
import webbrowser
from contextlib import closing
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cli.grant import NotGranted, Ways, grant
from monitor.cli.keeping import named, table, toml
from monitor.config import load
from monitor.connector import Connect, OAuth, Secret, names
from monitor.connector import load as connector
from monitor.http import client
from tests.cli import Result, terminal
from tests.demo_platform import all_of, install
from tests.oauth_provider import Provider, provider

MINIMAL = 'organisation = "Practice Hospital"\n[network]\nallow = ["127.0.0.1/32"]\n[inboxes.risk]\nfolder = "mail"\n[inboxes.marketing]\nfolder = "mail"\n'
SECRET = "canary-client-secret"


def browser(address: str) -> bool:
    """A person who follows where the consent page leads."""
    httpx.get(address, follow_redirects=True, trust_env=False)
    return True


class Desk:
    """A terminal in a folder with a configuration, a browser, and the platforms of tests/demo_platform.py."""

    def __init__(self, at: Any, one: Provider) -> None:
        self.at, self.provider, self.folder = at, one, at.folder
        (self.folder / "id").write_text("app-1\n")
        (self.folder / "secret").write_text(f"{SECRET}\n")

    def __call__(self, *typed: object) -> Result:
        """Runs `connect`; nothing that it says may hold a secret."""
        result = self.at("connect", *typed)
        told = result.out + result.err
        assert not any(word in told for word in (*self.provider.granted, "canary", "Traceback"))
        return result

    def granted(self, platform: str, *typed: object) -> Result:
        return self(platform, "--set", "client_id=app-1", "--set", f"client_secret=@{self.folder}/secret", *typed)

    def secrets(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted((self.folder / "secrets").iterdir())}

    def loaded(self, tables: str) -> Any:
        """The sources, as the real configuration has them."""
        path = self.folder / "config.toml"
        path.write_text(MINIMAL + tables)
        return load(path, environ={}).sources


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    install(plugins)
    home = tmp_path / "home"
    home.mkdir()
    with provider() as one, terminal(home, monkeypatch, capsys) as at:
        monkeypatch.syspath_prepend(str(plugins))
        monkeypatch.setenv("DEMO_URL", one.url)
        monkeypatch.setattr(webbrowser, "open", browser)
        monkeypatch.delitem(sys.modules, "demo_installed", raising=False)
        at.configure(MINIMAL)
        yield Desk(at, one)
        sys.modules.pop("demo_installed", None)


# End to end


def test_a_grant_becomes_secrets_and_sources_that_load(desk):
    result = desk.granted("demo")

    assert result.code == 0, result.err
    refresh = next(token for token in desk.provider.granted if "refresh" in token)
    assert desk.secrets() == {
        "demo-client_secret": SECRET, "demo-nord-sud-page_token": "canary-page-8", "demo-refresh_token": refresh,
    }  # fmt: skip
    first, second = desk.loaded(result.out).values()
    assert (first.name, first.connector, first.labels) == (
        "demo-practice-clinic",
        "demo",
        {"location": "Practice Clinic"},
    )
    assert first.options.account == "7"
    assert first.options.client_secret == Secret(SECRET)
    assert first.options.refresh_token == second.options.refresh_token == Secret(refresh)
    assert second.options.page_token == Secret("canary-page-8")
    assert "Practice Clinic" in result.err
    assert result.err.startswith("1. Make an app.\n2. Note its id.\n")


def test_the_consent_page_is_asked_as_the_rules_want_it(desk):
    desk.granted("demo")

    asked = next(query for _, path, _, query in desk.provider.asked if path == "/authorize")
    assert asked["scope"] == "read more"
    assert asked["prompt"] == "consent"
    assert asked["code_challenge_method"] == "S256"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", asked["redirect_uri"])
    assert len(asked["state"]) >= 32


def test_secrets_are_readable_by_their_owner_only(desk):
    before = os.umask(0)
    try:
        assert desk.granted("demo").code == 0
        desk.provider.basic = True
        assert desk.granted("demo_rotating").code == 0
    finally:
        os.umask(before)

    folder = desk.folder / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_rotating_token_is_kept_as_the_connector_reads_it(desk):
    desk.provider.basic = True
    result = desk.granted("demo_rotating")

    assert result.code == 0, result.err
    (source,) = desk.loaded(result.out).values()
    assert source.options.token_file == desk.folder / "secrets" / "demo_rotating-token_file"

    async def poll() -> Any:
        async with client(contact="", allow=[ip_network("127.0.0.1/32")], gap=0) as through:
            kind = connector("demo_rotating")
            return await all_of(kind(source.options, through).poll({}, datetime.now(UTC)))

    assert asyncio.run(poll())
    assert len(desk.provider.token_requests) == 1, "the access token of the grant is used first"
    desk.provider.revoke()
    assert asyncio.run(poll())
    desk.provider.revoke()
    assert asyncio.run(poll())
    assert [form["grant_type"] for form in desk.provider.token_requests] == ["authorization_code"] + [
        "refresh_token"
    ] * 2


def test_tables_are_appended_and_those_that_are_there_stay(desk):
    out = desk.folder / "config.toml"
    out.write_text(MINIMAL.rstrip())
    assert desk.granted("demo", "--out", out).code == 0
    before = out.read_text()

    again = desk.granted("demo", "--out", out, "--overwrite")

    assert again.code == 0
    assert again.out == ""
    assert "[sources.demo-practice-clinic] is in" in again.err
    assert out.read_text() == before
    assert len(load(out, environ={}).sources) == 2


def test_a_program_gets_json(desk):
    rows = desk.granted("demo", "--json").rows

    assert [row["name"] for row in rows] == ["demo-practice-clinic", "demo-nord-sud"]
    assert rows[0] == {
        "name": "demo-practice-clinic", "connector": "demo", "shown": "Practice Clinic", "location": "Practice Clinic",
        "options": {
            "client_id": "app-1", "client_secret": {"file": "secrets/demo-client_secret"},
            "refresh_token": {"file": "secrets/demo-refresh_token"}, "account": "7",
        },
    }  # fmt: skip


def test_a_second_account_goes_by_another_name(desk):
    desk.provider.basic = True
    assert desk.granted("demo_rotating").code == 0
    result = desk.granted("demo_rotating", "--name", "Clinic Two")

    assert (
        tomllib.loads(result.out)["sources"]["clinic-two"]["options"]["token_file"] == "secrets/clinic-two-token_file"
    )
    assert len([key for key in desk.secrets() if not key.endswith(".lock")]) == 4, "a secret and a token file each"


def test_what_is_there_is_not_replaced_unasked(desk):
    desk.granted("demo")
    before = desk.secrets()

    refused = desk.granted("demo")
    assert (refused.code, refused.out) == (2, "")
    assert "replace with --overwrite" in refused.err
    assert desk.secrets() == before
    assert len(desk.provider.token_requests) == 1, "nobody is sent to a consent page in vain"

    assert desk.granted("demo", "--overwrite").code == 0
    assert desk.secrets() != before


def test_secrets_elsewhere_are_named_in_full(desk, tmp_path):
    result = desk.granted("demo", "--secrets", tmp_path / "far" / "away")

    options = tomllib.loads(result.out)["sources"]["demo-practice-clinic"]["options"]
    assert options["client_secret"] == {"file": str(tmp_path / "far" / "away" / "demo-client_secret")}
    assert desk.loaded(result.out)


def test_it_works_without_a_configuration(desk):
    (desk.folder / "config.toml").unlink()
    result = desk("demo_key", "--set", f"token=@{desk.folder}/secret", "--set", "url=https://a.example")

    assert result.code == 0, result.err
    assert (desk.folder / "secrets" / "demo_key-token").read_text() == SECRET
    named_but_absent = desk(
        "demo_key", "--config", "nowhere.toml", "--set", "token=env:HOME", "--set", "url=x", "--overwrite"
    )
    assert named_but_absent.code == 78


def test_a_configuration_that_is_not_finished_is_no_obstacle(desk):
    desk.at.configure(MINIMAL + '[sources.x]\nconnector = "demo_bare"\noptions = { token = { file = "not-yet" } }\n')
    assert desk.granted("demo").code == 0

    desk.at.configure("[network")
    refused = desk.granted("demo", "--overwrite")
    assert "it is left aside" in refused.err
    assert refused.code == 1
    assert "127.0.0.1" in refused.err


# What goes wrong


@pytest.mark.parametrize(
    ("consent", "sentence"),
    [("no", "access was not granted"), ("forge", "answers another request (its state differs)")],
)
def test_a_consent_that_is_none_changes_nothing(desk, consent, sentence):
    desk.provider.consent = consent
    result = desk.granted("demo")

    assert (result.code, result.out) == (1, "")
    assert sentence in result.err
    assert desk.provider.token_requests == []
    assert not (desk.folder / "secrets").exists()


@pytest.mark.parametrize(
    ("fails", "sentence"),
    [
        ((400, b'{"error": "invalid_grant", "error_description": "canary"}', {}), "the code was used before"),
        ((401, b'{"error": "invalid_client"}', {}), "correct the client id or secret"),
        ((200, b"<html>canary", {}), "granted no tokens (200)"),
        ((200, b"[]", {}), "granted no tokens (200)"),
        ((503, b"canary", {}), "run this again later"),
        ((400, b'{"error": "canary"}', {}), "granted no tokens (400)"),
    ],
)
def test_a_code_that_gives_no_tokens_is_explained(desk, fails, sentence):
    desk.provider.fails.append(fails)
    result = desk.granted("demo")

    assert (result.code, result.out) == (1, "")
    assert sentence in result.err


def test_a_grant_without_the_token_that_is_kept_is_explained(desk):
    desk.provider.fails.append((200, json.dumps({"access_token": desk.provider.access_token()}).encode(), {}))
    result = desk.granted("demo")

    assert result.code == 1
    assert "granted no refresh_token: take this app's access back" in result.err


def test_credentials_that_reach_nothing_or_do_not_work_are_explained(desk):
    token = f"token=@{desk.folder}/secret"
    nothing = desk("demo_key", "--set", token, "--set", "url=https://nothing.example")
    assert (nothing.code, nothing.out) == (1, "")
    assert "reach nothing that demo_key could read" in nothing.err

    refused = desk("demo_key", "--set", token, "--set", "url=https://down.example")
    assert (refused.code, refused.out) == (1, "")
    assert "127.0.0.1 answered 401" in refused.err

    changed = desk("demo_key", "--set", token, "--set", "url=https://changed.example")
    assert (changed.code, changed.out) == (1, "")
    assert "the platform's answer cannot be read" in changed.err


def test_options_that_the_connector_refuses_are_never_written(desk):
    desk.provider.client = ("wrong", SECRET)
    result = desk("demo", "--set", "client_id=wrong", "--set", f"client_secret=@{desk.folder}/secret")

    assert (result.code, result.out) == (1, "")
    assert "client_id: Value error, is no client id" in result.err
    assert not (desk.folder / "secrets").exists()


def test_a_connector_that_repeats_a_secret_is_not_repeated(desk, monkeypatch):
    monkeypatch.setenv("DEMO_KEY", "canary-of-another-form")
    result = desk("demo_key", "--set", "token=env:DEMO_KEY")

    assert result.code == 1
    assert "token: Value error, ... is no key" in result.err


def test_a_connector_without_a_way_says_what_to_write(desk):
    result = desk("demo_bare")

    assert result.code == 1
    assert "demo_bare has no way to connect" in result.err
    assert "\n  url\n  token (optional)\n" in result.err


def test_a_connector_that_is_not_there_is_a_wrong_word(desk):
    result = desk("demmo")

    assert result.code == 2
    assert "'demo'" in result.err


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(desk):
    result = desk("demo_key", "--set", "token=canary-typed", "--set", "url=x")

    assert result.code == 2
    assert "write token=@FILE or token=env:NAME" in result.err


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["--set", "tokken=x"], "one of: url, token"),
        (["--set", "token"], "KEY=VALUE"),
        (["--set", "token=env:NOT_SET_ANYWHERE"], "is not set"),
        (["--set", "token=@/nowhere"], "cannot be read (No such file or directory)"),
        ([], "nobody is there to be asked, give the answers: --set token=@FILE\n"),
    ],
)
def test_answers_that_are_none_are_refused(desk, typed, sentence):
    result = desk("demo_key", *typed)

    assert result.code == 2
    assert sentence in result.err


def test_a_secret_may_come_from_the_environment_and_the_rest_has_its_default(desk, monkeypatch):
    monkeypatch.setenv("DEMO_KEY", "canary-from-environment")
    result = desk("demo_key", "--set", "token=env:DEMO_KEY")

    assert tomllib.loads(result.out)["sources"]["demo-site"]["options"]["url"] == "https://site.example"
    assert desk.secrets() == {"demo_key-token": "canary-from-environment"}


def test_it_may_only_say_what_must_stand_where(desk):
    result = desk("demo_key", "--print", "--set", f"token=@{desk.folder}/secret", "--set", "url=https://a.example")

    assert result.code == 0
    assert "Write the secret token to secrets/demo_key-token (chmod 600)" in result.err
    assert tomllib.loads(result.out)["sources"]["demo-site"]["options"]["token"] == {"file": "secrets/demo_key-token"}
    assert not (desk.folder / "secrets").exists()
    assert desk("demo", "--print").code == 2


def test_tokens_that_somebody_has_already_need_no_grant(desk):
    token = desk.provider.access_token()
    (desk.folder / "access").write_text(token)
    (desk.folder / "refresh").write_text("canary-refresh-of-old")
    more = ["--set", f"access_token=@{desk.folder}/access", "--set", f"refresh_token=@{desk.folder}/refresh"]

    assert desk.granted("demo", *more).code == 0
    assert desk.provider.token_requests == []
    assert desk.secrets()["demo-refresh_token"] == "canary-refresh-of-old"


def test_nothing_is_logged_of_it(desk, monkeypatch):
    monkeypatch.setenv("WELLHEARD_LOG", "DEBUG")
    assert desk.granted("demo").code == 0


# The redirect


async def granting(one: Provider, **how: Any) -> Any:
    """The grant alone: `how` are ways, or `oauth` in place of a usual one."""
    usual = OAuth(authorize=f"{one.url}/authorize", token=f"{one.url}/token", pkce=how.pop("pkce", True))
    ways = Ways(**{"show": lambda _: None, "browse": browser, "limit": 20.0} | how)
    answers = {"client_id": "app-1", "client_secret": Secret(SECRET)}
    async with client(contact="", allow=[ip_network("127.0.0.1/32")], gap=0) as through:
        return await grant(usual, answers, through, ways)


async def test_nobody_comes_back():
    with provider() as one, pytest.raises(NotGranted, match="nobody came back .* with --paste"):
        await granting(one, browse=None, limit=0.01)


async def test_the_port_is_taken():
    with closing(socket.create_server(("127.0.0.1", 0))) as taken, provider() as one:
        port = taken.getsockname()[1]
        with pytest.raises(NotGranted, match=f"port {port} of this machine .*--port, or use --paste"):
            await granting(one, port=port)


async def test_only_the_answer_ends_the_wait_and_every_page_is_plain():
    pages = []

    def restless(address: str) -> None:
        back = httpx.URL(address).params["redirect_uri"]
        port = httpx.URL(back).port
        assert port
        with closing(socket.create_connection(("127.0.0.1", port))):  # opened and not used, as browsers do
            with closing(socket.create_connection(("127.0.0.1", port))) as noise:
                noise.sendall(b"\x16\x03\x01\r\n\r\n")
                noise.recv(1000)
            pages.append(httpx.get(f"{back}favicon.ico", trust_env=False))
            pages.append(httpx.post(back, params={"code": "x"}, trust_env=False))
            pages.append(httpx.get(address, follow_redirects=True, trust_env=False))

    with provider() as one:
        assert "access_token" in await granting(one, browse=restless)

        assert [page.status_code for page in pages] == [404, 404, 200]
        assert "You can close this window" in pages[2].text
        assert pages[2].headers["cache-control"] == "no-store"
        assert not any(token in pages[2].text for token in one.granted)


async def test_the_page_after_a_refusal_says_so():
    pages = []
    with provider(consent="no") as one, pytest.raises(NotGranted):
        await granting(one, browse=lambda at: pages.append(httpx.get(at, follow_redirects=True, trust_env=False)))

    assert "Access was not granted" in pages[0].text


class Person:
    """One who opens the address by hand and pastes what it led to."""

    def __init__(self, paste: Any = lambda location: location) -> None:
        self.address = ""
        self._paste = paste

    def show(self, address: str) -> None:
        self.address = address

    def paste(self) -> str:
        return self._paste(httpx.get(self.address, trust_env=False).headers["location"])


@pytest.mark.parametrize(
    "paste",
    [str, lambda said: f" {said}#_ ", lambda said: httpx.URL(said).params["code"], lambda said: said.split("?")[1]],
)
async def test_an_address_or_its_code_may_be_pasted(paste):
    person = Person(paste)
    with provider() as one:
        answers = await granting(one, show=person.show, paste=person.paste, browse=None)

    assert isinstance(answers["access_token"], Secret)
    assert httpx.URL(person.address).params["redirect_uri"] == "http://127.0.0.1:8765/"


async def test_a_code_is_good_once():
    used = []

    def again(said: str) -> str:
        used.append(httpx.URL(said).params["code"])
        return str(httpx.URL(said).copy_set_param("code", used[0]))

    person = Person(again)
    with provider() as one:
        await granting(one, show=person.show, paste=person.paste, browse=None)
        with pytest.raises(NotGranted, match="the code was used before, or is too old: run this again") as caught:
            await granting(one, show=person.show, paste=person.paste, browse=None)

    assert used[0] not in str(caught.value)


async def test_a_code_stolen_from_another_run_is_worth_nothing():
    stolen = Person()
    with provider() as one:
        one.codes["theirs"] = {"redirect_uri": "http://127.0.0.1:8765/", "code_challenge": "of-another-verifier"}
        with pytest.raises(NotGranted, match="the code was used before"):
            await granting(one, show=stolen.show, paste=lambda: "theirs", browse=None)


@pytest.mark.parametrize(
    ("pkce", "said", "sentence"),
    [
        (True, "http://127.0.0.1:8765/?code=x&state=other", "state differs"),
        (True, "http://127.0.0.1:8765/?code=x", "paste|state|code was used"),
        (True, "", "paste the whole address"),
        (False, "bare-code", "paste the whole address"),
    ],
)
async def test_what_is_pasted_must_answer_this_request(pkce, said, sentence):
    with provider() as one, pytest.raises(NotGranted, match=sentence):
        await granting(one, pkce=pkce, paste=lambda: said, browse=None)


# A terminal


class Pty:
    """The command in a terminal of its own, with a person who reads and types."""

    def __init__(self, desk: Desk, *typed: object) -> None:
        self.seen = ""
        self._master, slave = pty.openpty()
        path = os.pathsep.join([str(desk.folder.parent / "plugins"), *sys.path])
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from monitor.cli import main; main()", "connect", *map(str, typed)],
            stdin=slave, stdout=subprocess.PIPE, stderr=slave, cwd=desk.folder, start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}, text=True,
        )  # fmt: skip
        os.close(slave)

    def until(self, words: str) -> str:
        """Reads until the terminal shows `words`; returns what came since the last time."""
        came = ""
        while words not in came:
            ready, _, _ = select.select([self._master], [], [], 60)
            assert ready, f"{words!r} never came, only {came!r}"
            came += os.read(self._master, 10_000).decode()
        self.seen += came
        return came

    def type(self, words: str) -> None:
        os.write(self._master, f"{words}\n".encode())

    def end(self) -> tuple[int, str]:
        """The exit code, and what was written to standard output."""
        while select.select([self._master], [], [], 60)[0]:
            try:
                self.seen += os.read(self._master, 10_000).decode()
            except OSError:
                break
        out, _ = self.process.communicate(timeout=60)
        os.close(self._master)
        return self.process.returncode, out


def test_a_person_types_secrets_unseen_and_pastes_the_address(desk):
    at = Pty(desk, "demo_far", "--no-browser")
    at.until("Client id: ")
    at.type("app-1")
    at.until("Client secret (hidden")
    at.type(SECRET)
    at.until("Redirect address")
    at.type("https://practice.example/back")
    address = re.search(r"http://127\S+", at.until("or the code in it: "))
    assert address
    at.type(httpx.get(address[0], trust_env=False).headers["location"])
    code, out = at.end()

    assert code == 0, at.seen
    assert SECRET not in at.seen + out
    said = json.loads(desk.secrets()["demo_far-token_file"])
    assert said["access_token"] == desk.provider.granted[-1], "the one that lasts"
    assert [form["grant_type"] for form in desk.provider.token_requests] == ["authorization_code", "longer"]
    assert datetime.fromisoformat(said["obtained_at"]).tzinfo
    assert desk.loaded(out)["demo_far"].options.token_file == desk.folder / "secrets" / "demo_far-token_file"


def test_a_person_may_change_their_mind_about_replacing(desk):
    desk("demo_key", "--set", f"token=@{desk.folder}/secret", "--set", "url=https://a.example")
    at = Pty(desk, "demo_key")
    at.until("Replace when this is done? [y/N]: ")
    at.type("n")

    assert at.end() == (1, "")
    assert "with another --name" in at.seen
    assert desk.secrets() == {"demo_key-token": SECRET}


# What the connectors say


def test_every_way_in_leads_to_options_that_there_are():
    """What is kept is an option, secret in both or in neither, and what the grant needs is asked."""
    ways = {name: kind for name in names() if isinstance(getattr(kind := connector(name), "connect", None), Connect)}
    assert ways
    for name, kind in ways.items():
        way: Any = kind.connect  # type: ignore[attr-defined]
        fields = kind.Options.model_fields
        assert way.before, f"{name} does not say what to do first"
        assert set(way.keeps) <= set(fields), f"{name} keeps what is no option"
        wrong = [ask.key for ask in way.asks if ask.key in fields and ask.secret != _is_secret(fields[ask.key])]
        assert wrong == [], f"{name} asks for these as what they are not"
        asked = {ask.key for ask in way.asks}
        assert way.oauth is None or "client_id" in asked, f"{name} grants to no client"
        granted = {"access_token", "refresh_token", "expires_in", "token_file"} if way.oauth else set()
        assert set(way.keeps) <= asked | granted, f"{name} keeps what it never gets"


def _is_secret(field: Any) -> bool:
    return field.annotation is Secret or Secret in get_args(field.annotation)


# TOML

JSON = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.text(), st.text())
def test_any_options_come_back_from_their_table(options, shown, location):
    said = table("a", "b", options, shown=shown, location=location or None)

    source = tomllib.loads(said)["sources"]["a"]
    assert source.get("options", {}) == options
    assert source.get("labels", {}).get("location", "") == location.encode("utf-8", "replace").decode()


def test_toml_has_no_null():
    with pytest.raises(TypeError):
        toml([None])
    assert tomllib.loads(f"x = {toml({'a': None, 'b': 1})}") == {"x": {"b": 1}}


@given(st.text(), st.lists(st.sampled_from(["x", "x-2", "demo"])))
def test_every_name_is_one_that_a_table_may_have(name, taken):
    found = named(name, taken, "demo")

    assert re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?", found)
    assert found not in taken


def test_files_of_root_are_handed_to_whom_the_folder_belongs(desk):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    folder = desk.folder / "secrets"
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    desk.provider.basic = True
    assert desk.granted("demo_rotating").code == 0

    assert {(path.stat().st_uid, path.stat().st_gid) for path in folder.iterdir()} == {(12345, 12345)}
    assert Path(folder / "demo_rotating-token_file.lock").exists()
