"""What `connect` asks a person, and what stands for an answer where nobody is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from monitor.connector import Answers, Ask, Connect, Secret

TOKENS = ("access_token", "refresh_token")
"""What a grant gives; who has them already may answer with them."""

_LARGEST = 64 * 1024


def _asks(way: Connect) -> tuple[Ask, ...]:
    if way.oauth is None or way.oauth.loopback or any(ask.key == "redirect_uri" for ask in way.asks):
        return way.asks
    return (*way.asks, Ask(key="redirect_uri", prompt="Redirect address that is registered there (https://...)"))


def given(pairs: Sequence[str], way: Connect) -> dict[str, str | Secret]:
    """What --set says, and without a terminal the defaults. A secret must come from a file or the environment: a
    command line is seen by others, and kept. Raises click.UsageError."""
    asks = _asks(way)
    secret = {ask.key: ask.secret for ask in asks} | (dict.fromkeys(TOKENS, True) if way.oauth else {})
    found: dict[str, str | Secret] = {} if sys.stdin.isatty() else _defaults(asks)
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if key not in secret or not equals:
            raise click.UsageError(
                f"--set takes KEY=VALUE with one of: {', '.join(secret) or 'none, nothing is asked'}"
            )
        found[key] = _from_elsewhere(key, value) if secret[key] else value
    return found


def _from_elsewhere(key: str, value: str) -> Secret:
    if value.startswith("env:"):
        found = os.environ.get(value[4:], "").strip()
        if not found:
            raise click.UsageError(f"--set {key}: this environment variable is not set")
        return Secret(found)
    if value.startswith("@"):
        return _from_file(key, Path(value[1:]))
    raise click.UsageError(
        f"--set {key}: a secret on a command line stays in the shell's history; write {key}=@FILE or {key}=env:NAME"
    )


def _from_file(key: str, path: Path) -> Secret:
    try:
        with path.open("rb") as file:
            found = file.read(_LARGEST).decode().strip()
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not text"
        raise click.UsageError(f"{key}: {path} cannot be read ({what})") from None
    if not found:
        raise click.UsageError(f"{key}: {path} is empty")
    return Secret(found)


def _defaults(asks: Sequence[Ask]) -> dict[str, str | Secret]:
    return {ask.key: Secret(ask.default) if ask.secret else ask.default for ask in asks if ask.default is not None}


def missing(way: Connect, answers: Answers) -> list[Ask]:
    """What must still be asked. Raises click.UsageError where nobody is there to be asked."""
    left = [ask for ask in _asks(way) if ask.key not in answers]
    if left and not sys.stdin.isatty():
        wanted = " ".join(f"--set {ask.key}={'@FILE' if ask.secret else 'VALUE'}" for ask in left)
        raise click.UsageError(f"nobody is there to be asked, give the answers: {wanted}")
    return left


def answer(ask: Ask) -> str | Secret:
    """What the person says. A secret of several lines, such as a key file, is answered with @FILE."""
    prompt = f"{ask.prompt} (hidden; @FILE reads a file)" if ask.secret else ask.prompt
    said = str(click.prompt(prompt, default=ask.default, hide_input=ask.secret, show_default=not ask.secret, err=True))
    if not ask.secret:
        return said.strip()
    return _from_file(ask.key, Path(said[1:]).expanduser()) if said.startswith("@") else Secret(said.strip())
