"""A person grants access in a browser: the consent page, the redirect to this machine, a code changed for tokens.

RFC 6749 (the code), RFC 7636 (PKCE: only who asked can change it), RFC 8252 (a native program's loopback redirect)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import webbrowser
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import httpx

from monitor.connector import Answers, OAuth, Secret
from monitor.pipeline.work import NotPossible

LIMIT = 300.0
"""Seconds in which the person must have decided."""

PASTED = 8765
"""The port in the redirect where nobody listens because its address will be pasted."""

_LONGEST = 16_384
_SLOW = 10.0
_PAGE = (
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Wellheard</title>"
    "<p style='font: 1.2em sans-serif; margin: 3em'>{}</p></html>"
)
_HEAD = (
    "HTTP/1.1 {}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n"
    "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\r\n"
)
_REFUSED = {
    "invalid_grant": "the code was used before, or is too old: run this again",
    "invalid_client": "it does not know this client: correct the client id or secret",
    "unauthorized_client": "this app may not be used so: look at its settings there",
    "redirect_uri_mismatch": "the redirect address is not the one that is registered there",
    "invalid_request": "it does not take the code, the redirect address or the client: compare them with the app there",
}


class NotGranted(NotPossible):
    """There are no tokens; the sentence says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How a person is reached. `show` tells them the address of the consent page; `paste` asks them for what it led to,
    None where we listen for it on `port` (0: any free one) of this machine, for `limit` seconds."""

    show: Callable[[str], object]
    paste: Callable[[], str] | None = None
    browse: Callable[[str], object] | None = webbrowser.open
    port: int = 0
    limit: float = LIMIT


@dataclass(frozen=True, slots=True)
class _Proof:
    """What shows that the answer belongs to this request (`state`), and the code to this program (`verifier`)."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def grant(oauth: OAuth, answers: Answers, client: httpx.AsyncClient, ways: Ways) -> Answers:
    """The answers with `access_token`, and `refresh_token` and `expires_in` where there are any. Raises NotGranted."""
    proof = _Proof()
    if ways.paste or not oauth.loopback:
        redirect = plain(answers.get("redirect_uri") or f"http://127.0.0.1:{ways.port or oauth.port or PASTED}/")
        _send(oauth, answers, proof, redirect, ways)
        assert ways.paste, "an address elsewhere can only be pasted"
        code = _code(_pasted(ways.paste(), whole=not oauth.pkce), proof)
    else:
        async with _listening(ways.port or oauth.port, proof) as (redirect, returned):
            _send(oauth, answers, proof, redirect, ways)
            code = _code(await _in_time(returned, ways.limit), proof)
    tokens = await _exchanged(oauth, answers, client, _form(oauth, proof, code, redirect))
    if oauth.exchange:
        tokens = {**tokens, **await oauth.exchange({**answers, **tokens}, client)}
    return {**answers, **tokens}


def _send(oauth: OAuth, answers: Answers, proof: _Proof, redirect: str, ways: Ways) -> None:
    """Sends the person to the consent page. Its address holds no secret."""
    asked = {
        "response_type": "code",
        "client_id": plain(answers["client_id"]),
        "redirect_uri": redirect,
        "scope": " ".join(oauth.scopes),
        "state": proof.state,
        **({"code_challenge": proof.challenge(), "code_challenge_method": "S256"} if oauth.pkce else {}),
        **oauth.parameters,
    }
    address = str(httpx.URL(oauth.authorize).copy_merge_params({name: value for name, value in asked.items() if value}))
    ways.show(address)
    if ways.browse:
        # A text browser returns when it is left: nobody waits for it.
        Thread(target=_browsed, args=(ways.browse, address), daemon=True).start()


def _browsed(browse: Callable[[str], object], address: str) -> None:
    with suppress(Exception):
        browse(address)


# What comes back


async def _in_time(returned: asyncio.Future[Mapping[str, str]], limit: float) -> Mapping[str, str]:
    try:
        async with asyncio.timeout(limit):
            return await returned
    except TimeoutError:
        raise NotGranted(
            f"nobody came back from the consent page within {limit / 60:.0f} minutes: run this again, with --paste where"
            " the browser is on another machine"
        ) from None


def _pasted(said: str, *, whole: bool) -> Mapping[str, str]:
    """What an address, or a bare code, has in its query."""
    said = said.strip()
    if "=" in said:
        query = said.partition("?")[2] or said
        return dict(httpx.QueryParams(query.partition("#")[0]))  # Meta adds #_ to the code
    if whole or not said:
        raise NotGranted("paste the whole address that the browser shows: it says which request it answers")
    return {"code": said}


def _code(returned: Mapping[str, str], proof: _Proof) -> str:
    # A bare code that was pasted has no state: there PKCE alone ties it to this request.
    if returned.get("state", proof.state if returned.keys() == {"code"} else "") != proof.state:
        raise NotGranted("what came back answers another request (its state differs), nothing was done: run this again")
    if returned.get("error") == "access_denied":
        raise NotGranted("access was not granted at the consent page: run this again to decide otherwise")
    if not returned.get("code"):
        raise NotGranted(
            "the platform refused at its consent page: compare client id, redirect address and scopes there"
        )
    return returned["code"]


@asynccontextmanager
async def _listening(port: int, proof: _Proof) -> AsyncIterator[tuple[str, asyncio.Future[Mapping[str, str]]]]:
    """Listens on this machine for the one request that has the answer; gives where, and what it had."""
    returned: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
    running: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_answer(reader, writer, returned, proof))
        running.add(task)
        task.add_done_callback(running.discard)

    try:
        server = await asyncio.start_server(accept, "127.0.0.1", port, limit=_LONGEST)
    except OSError as error:
        what = f"port {port} of this machine cannot be listened on ({error.strerror or 'in use'})"
        raise NotGranted(f"{what}: end what uses it, choose another with --port, or use --paste") from None
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", returned
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _answer(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    returned: asyncio.Future[Mapping[str, str]],
    proof: _Proof,
) -> None:
    """Answers one request. A browser also asks for an icon, and opens connections that it does not use."""
    try:
        async with asyncio.timeout(_SLOW):
            head = await reader.readuntil(b"\r\n\r\n")
        method, _, target = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        path, _, query = target.partition(" ")[0].partition("?")
        found = dict(httpx.QueryParams(query))
        ours = method == "GET" and path == "/" and ("code" in found or "error" in found) and not returned.done()
        status, sentence = ("200 OK", _sentence(found, proof)) if ours else ("404 Not Found", "There is nothing here.")
        page = _PAGE.format(sentence).encode()
        writer.write(_HEAD.format(status, len(page)).encode() + page)
        await writer.drain()
        if ours and not returned.done():
            returned.set_result(found)
    except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # it was not the answer
    finally:
        writer.close()


def _sentence(found: Mapping[str, str], proof: _Proof) -> str:
    try:
        _code({"state": "", **found}, proof)
    except NotGranted:
        return "Access was not granted. Go back to the terminal: it says what to do."
    return "Access was granted. You can close this window and go back to the terminal."


# A code for tokens


def _form(oauth: OAuth, proof: _Proof, code: str, redirect: str) -> dict[str, str]:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
    return form | ({"code_verifier": proof.verifier} if oauth.pkce else {})


async def _exchanged(oauth: OAuth, answers: Answers, client: httpx.AsyncClient, form: dict[str, str]) -> Answers:
    name, secret = plain(answers["client_id"]), answers.get("client_secret")
    headers = {"accept": "application/json"}
    if oauth.client == "basic" and secret:
        headers["authorization"] = f"Basic {base64.b64encode(f'{name}:{plain(secret)}'.encode()).decode()}"
    else:
        form |= {"client_id": name, **({"client_secret": plain(secret)} if secret else {})}
    try:
        return _tokens(await client.post(oauth.token, data=form, headers=headers))
    except httpx.HTTPError as error:
        raise NotGranted(f"{error}; the code is not good any more: run this again") from None


def _tokens(response: httpx.Response) -> Answers:
    host = response.request.url.host
    said = _object(response)
    if response.is_success and isinstance(access := said.get("access_token"), str) and access:
        tokens: dict[str, str | Secret] = {"access_token": Secret(access)}
        if isinstance(refresh := said.get("refresh_token"), str) and refresh:
            tokens["refresh_token"] = Secret(refresh)
        if isinstance(lasts := said.get("expires_in"), int | float | str):
            tokens["expires_in"] = str(lasts)
        return tokens
    error = said.get("error")
    why = _REFUSED.get(error if isinstance(error, str) else "")
    if why is None and (response.status_code == 429 or response.status_code >= 500):
        why = "it cannot answer now: run this again later"
    raise NotGranted(
        f"{host} granted no tokens ({response.status_code}): {why or 'compare the app there with what was asked'}"
    )


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        said = response.json()
        said = said["data"][0] if isinstance(said, dict) and isinstance(said.get("data"), list) else said  # Instagram
    except (ValueError, LookupError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def plain(value: str | Secret) -> str:
    """The value of an answer, for where it is sent or kept."""
    return value.reveal() if isinstance(value, Secret) else value
