"""The command that gets a person in: connect. It asks, runs the grant, looks what the credentials reach, keeps them."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tomllib
import webbrowser
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from monitor import connector, http
from monitor.cli import asking
from monitor.cli.asking import TOKENS
from monitor.cli.frame import DONE, Asked, command, now
from monitor.cli.grant import PASTED, Ways, grant, plain
from monitor.cli.keeping import Folder, append, named, sources_in, table
from monitor.cli.screen import Column, Screen, many, progress
from monitor.cli.typed import known
from monitor.config import Network
from monitor.connector import Answers, Connect, Connector, Found, PollError, Secret
from monitor.messages import line
from monitor.model import Json
from monitor.pipeline.work import NotPossible

_FOUND = (Column("name"), Column("location", least=60), Column("shown", "what it is", fills=True))
_TOKEN_FILE = "token_file"  # noqa: S105  # an option's name
_STEP = re.compile(r" (?=[1-9]\d?\. )")


@command("connect")
@click.argument("platform")
@click.option(
    "--set", "given", multiple=True, metavar="KEY=VALUE", help="An answer; a secret as KEY=@FILE or KEY=env:X."
)
@click.option("--secrets", type=click.Path(file_okay=False, path_type=Path), help="Folder; default: beside the config.")
@click.option("--name", default="", help="What files and source are called, where a platform is connected twice.")
@click.option("--paste", is_flag=True, help="Paste the address that the browser ends at, for a browser elsewhere.")
@click.option("--no-browser", is_flag=True, help="Only print the address of the consent page.")
@click.option("--port", type=click.IntRange(1, 65535), help="Where the browser comes back to on this machine.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Append the tables to this file.")
@click.option("--overwrite", is_flag=True, help="Replace secrets that are there without asking.")
@click.option("--print", "only_shown", is_flag=True, help="Write no file: say what must stand where.")
def connect(asked: Asked, platform: str, **how: Any) -> int:
    """Get into a platform: credentials, and what they reach.

    Says what to do at the platform, asks for what it gave, opens its consent page, and writes secrets to files and
    [sources.NAME] tables to standard output, everything else to standard error."""
    at = _known(platform)
    way, home = at.way, asked.place().parent
    prefix = named(how["name"], (), platform) if how["name"] else platform
    folder = Folder(path=how["secrets"] or home / "secrets", home=home, prefix=prefix)
    if how["only_shown"] and way.oauth:
        raise click.UsageError(f"the tokens that {platform} grants are shown nowhere, only kept: leave out --print")
    given = asking.given(how["given"], way)
    missing = asking.missing(way, given)
    if not how["only_shown"]:
        _may_replace(folder, _kept_secretly(way), overwrite=how["overwrite"])
    ways = _ways(way, paste=how["paste"], browser=not how["no_browser"], port=how["port"])
    _tell(_STEP.sub("\n", way.before))
    if way.oauth and way.oauth.loopback:
        _tell(f"The redirect address there: {_redirect(way, ways)}")
    answers: Answers = {**given, **{ask.key: asking.answer(ask) for ask in missing}}
    moment = now()
    answers, found = asyncio.run(_looked(_network(asked), way, answers, ways))
    sources = _sources(at, answers, found, folder, how["name"])
    if not how["only_shown"]:
        _keep(sources, folder, _tokens(answers, moment), _kept_secretly(way), overwrite=how["overwrite"])
    return _report(asked, sources, folder, how["out"], only_shown=how["only_shown"])


@dataclass(frozen=True, slots=True)
class _Platform:
    """A platform: the connector's name, its class, and how one gets in."""

    name: str
    kind: type[Connector]
    way: Connect


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A source as it will be written: its `options` name the files where its `secrets` are to be."""

    name: str
    platform: str
    found: Found
    options: Mapping[str, Json]
    secrets: Mapping[str, Secret]


# How one gets in


def _known(name: str) -> _Platform:
    """Raises NotPossible where the connector does not say how one gets in."""
    kind = connector.load(known(name, "connector", connector.names()))
    way = getattr(kind, "connect", None)
    if isinstance(way, Connect):
        return _Platform(name, kind, way)
    model = kind.Options
    options = [
        f"  {name}{'' if field.is_required() else ' (optional)'}"
        for name, field in (model.model_fields.items() if issubclass(model, BaseModel) else ())
    ]
    raise NotPossible(
        "\n".join([f"{name} has no way to connect: write a [sources.NAME] table with these options", *options])
    )


def _ways(way: Connect, *, paste: bool, browser: bool, port: int | None) -> Ways:
    pasted = paste or (way.oauth is not None and not way.oauth.loopback)
    return Ways(
        show=_show, paste=_paste if pasted else None, browse=webbrowser.open if browser else None, port=port or 0
    )


def _redirect(way: Connect, ways: Ways) -> str:
    assert way.oauth
    port = ways.port or way.oauth.port or (PASTED if ways.paste else 0)
    return f"http://127.0.0.1:{port}/" if port else "http://127.0.0.1/ on any port"


def _show(address: str) -> None:
    click.echo(f"\nOpen this address, log in as the organisation and grant access:\n\n{address}\n", err=True)


def _paste() -> str:
    return str(click.prompt("The address that the browser ends at, or the code in it", err=True))


def _tell(said: str) -> None:
    click.echo(said, err=True)


# What is found


def _network(asked: Asked) -> Network:
    """`[network]` of the configuration. The rest of it may be unfinished: that may be why somebody connects."""
    place = asked.place()
    if not place.is_file():
        return asked.config().network if asked.path else Network()  # one that was named must be there
    try:
        return Network.model_validate(tomllib.loads(place.read_text(encoding="utf-8-sig")).get("network", {}))
    except (OSError, ValueError, RecursionError):
        _tell(f"{place} cannot be read, or its [network] is wrong: it is left aside")
        return Network()


async def _looked(network: Network, way: Connect, answers: Answers, ways: Ways) -> tuple[Answers, list[Found] | None]:
    """All answers, and what they reach; None where the connector cannot look. Raises NotPossible."""
    async with http.client(contact=network.contact, allow=network.allow) as client:
        try:
            if way.oauth and not answers.keys() & set(TOKENS):
                answers = await grant(way.oauth, answers, client, ways)
            if way.find is None:
                return answers, None
            with progress("looking what there is") as step:
                found = []
                async for one in way.find(answers, client):
                    found.append(one)
                    step(1)
        except PollError as error:
            raise NotPossible(str(error)) from None
        except httpx.TransportError as error:
            raise NotPossible(f"{error}: try again later") from None
        except (LookupError, TypeError, ValueError, AttributeError):  # what a mapping of unknown shape raises
            raise NotPossible(
                "the platform's answer cannot be read: its API may have changed; please report it, and write the source"
                " by hand meanwhile (docs/connectors)"
            ) from None
    return answers, found


def _sources(at: _Platform, answers: Answers, found: list[Found] | None, folder: Folder, name: str) -> list[_Source]:
    """The sources that these credentials make. Raises NotPossible where there is none, or one would be refused."""
    if found == []:
        raise NotPossible(
            f"the credentials are good, but reach nothing that {at.name} could read: check their rights there"
        )
    _all_granted(at.way, answers)
    reached = found or [Found(name=name or at.name, shown=at.name, options={})]
    sources: list[_Source] = []
    for one in reached:
        wanted = name if name and len(reached) == 1 else one.name
        called = named(wanted, [source.name for source in sources], at.name)
        sources.append(_source(at, called, answers, one, folder))
    for source in sources:
        _check(at.kind, source, folder)
    return sources


def _all_granted(way: Connect, answers: Answers) -> None:
    for key in way.keeps:
        if key in TOKENS and not answers.get(key):
            raise NotPossible(
                f"the platform granted no {key}: take this app's access back in the account's settings there, and run this"
                " again"
            )


def _source(at: _Platform, name: str, answers: Answers, found: Found, folder: Folder) -> _Source:
    """Secrets of the answers are called after the platform: all its sources share them. Those of a source, after it."""
    options: dict[str, Json] = {}
    secrets: dict[str, Secret] = {}
    kept = {key: answers[key] for key in at.way.keeps if answers.get(key)}
    for key, value in {**kept, **found.options}.items():
        if isinstance(value, Secret):
            file = key if value is kept.get(key) else f"{name.removeprefix(f'{folder.prefix}-')}-{key}"
            secrets[file] = value
            options[key] = {"file": folder.written(file)}
        else:
            options[key] = value
    if _TOKEN_FILE in at.way.keeps:
        options[_TOKEN_FILE] = folder.written(_TOKEN_FILE)
    return _Source(name=name, platform=at.name, found=found, options=options, secrets=secrets)


def _check(kind: type[Connector], source: _Source, folder: Folder) -> None:
    """Raises NotPossible where the connector would refuse its options."""
    values = {folder.written(file): secret for file, secret in source.secrets.items()}
    options = {
        key: values[value["file"]] if isinstance(value, dict) and value.get("file") in values else value
        for key, value in source.options.items()
    }
    try:
        TypeAdapter(kind.Options).validate_python(options)
    except ValidationError as error:
        said = error.errors(include_url=False, include_input=False, include_context=False)
        wrong = [f"  {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in said]
        sentence = "\n".join([f"{source.platform} would refuse these options:", *wrong])
        for secret in source.secrets.values():
            sentence = sentence.replace(secret.reveal(), "...")
        raise NotPossible(sentence) from None


# What is kept


def _kept_secretly(way: Connect) -> list[str]:
    """The keys of secrets that will be kept, as far as they are known before anybody is asked."""
    secret = {ask.key for ask in way.asks if ask.secret} | {*TOKENS, _TOKEN_FILE}
    return [key for key in way.keeps if key in secret]


def _may_replace(folder: Folder, keys: Iterable[str], *, overwrite: bool) -> None:
    there = [folder.file(key) for key in keys if folder.differs(key)]
    if not there or overwrite:
        return
    files = ", ".join(map(str, there))
    if not sys.stdin.isatty():
        raise click.UsageError(f"{files}: there already; replace with --overwrite, or keep both with another --name")
    if not click.confirm(f"{files}: there already. Replace when this is done?", err=True):
        _stop("nothing was done; connect another account with another --name")


def _stop(sentence: str) -> NoReturn:
    raise NotPossible(sentence)


def _tokens(answers: Answers, moment: datetime) -> str:
    """What a token file has in it."""
    kept = {key: plain(answers[key]) for key in (*TOKENS, "expires_in") if answers.get(key)}
    return json.dumps({**kept, "obtained_at": moment.isoformat()})


def _keep(
    sources: Sequence[_Source], folder: Folder, tokens: str, asked_about: Sequence[str], *, overwrite: bool
) -> None:
    secrets = {key: secret.reveal() for source in sources for key, secret in source.secrets.items()}
    others = [key for key in secrets if key not in asked_about and folder.differs(key, secrets[key])]
    _may_replace(folder, others, overwrite=overwrite)
    for key, content in secrets.items():
        folder.keep(key, content)
    if any(_TOKEN_FILE in source.options for source in sources):
        folder.keep(_TOKEN_FILE, tokens, locked=True)
        secrets[_TOKEN_FILE] = tokens
    if secrets:
        _tell(
            f"Wrote {many(len(secrets), 'secret')}, which only you can read: {', '.join(map(folder.written, secrets))}"
        )


def _report(asked: Asked, sources: Sequence[_Source], folder: Folder, out: Path | None, *, only_shown: bool) -> int:
    if asked.json:
        asked.lines(map(_row, sources))
    else:
        with redirect_stdout(sys.stderr):  # standard output is for what can be pasted
            Screen.anywhere(now()).table(map(_row, sources), _FOUND)
            sys.stderr.write("\n")
    if only_shown:
        for file in sorted({file for source in sources for file in source.secrets}):
            _tell(f'Write the secret {file} to {folder.written(file)} (chmod 600), or name a variable: {{ env = "X" }}')
    if out is None and not asked.json:
        click.echo("\n".join(map(_table, sources)), nl=False)
    elif out is not None:
        _append(out, sources)
    return DONE


def _append(out: Path, sources: Sequence[_Source]) -> None:
    there = sources_in(out)
    fresh = [source for source in sources if source.name not in there]
    if fresh:
        append(out, map(_table, fresh))
        _tell(f"Added to {out}: {', '.join(source.name for source in fresh)}. Now run: wellheard check")
    for source in sources:
        if source.name in there:
            _tell(f"[sources.{source.name}] is in {out} already: it was left as it is")


def _row(source: _Source) -> dict[str, Json]:
    return {"name": source.name, "connector": source.platform, "shown": line(source.found.shown),
            "location": _location(source), "options": source.options}  # fmt: skip


def _table(source: _Source) -> str:
    return table(source.name, source.platform, source.options, shown=source.found.shown, location=_location(source))


def _location(source: _Source) -> str | None:
    """A label is one line."""
    return line(source.found.location) if source.found.location else None


COMMANDS = (connect,)
