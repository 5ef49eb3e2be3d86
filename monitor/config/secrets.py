"""Secrets: named in the configuration, read from the environment or a file, and never repeated."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from monitor.config.addresses import is_loopback, split
from monitor.config.mistakes import wrong
from monitor.config.surroundings import Surroundings, around
from monitor.connector import Secret

_LIMIT = 64 * 1024
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,60}")
_REMEDY = 'write { env = "NAME" } or { file = "PATH" }'


def is_reference(value: Any) -> bool:
    """Whether `value` is how the file names a secret: ``{ env = "X" }`` or ``{ file = "X" }``."""
    return (
        isinstance(value, dict)
        and len(value) == 1
        and next(iter(value)) in ("env", "file")
        and isinstance(next(iter(value.values())), str)
    )


def secret(value: Any, info: ValidationInfo) -> Any:
    """The secret that `value` names. A secret that stands in the file itself is refused without being repeated."""
    read = around(info)
    if isinstance(value, Secret) or read is None:
        return value
    if not is_reference(value):
        what = "is a secret and may not stand in this file" if isinstance(value, str) else "does not name a secret"
        raise wrong(what, _REMEDY)
    found = _from_environment(value["env"], read) if "env" in value else _from_file(value["file"], read)
    read.revealed.append(found)
    return Secret(found)


def _from_environment(name: str, read: Surroundings) -> str:
    found = read.environ.get(name, "").strip()
    if not found:
        # Somebody may have written the secret itself where its name belongs.
        said = f" {name!r}" if _VARIABLE.fullmatch(name) else " of this name"
        raise wrong(f"the environment variable{said} is not set", "set it where the daemon starts")
    return found


def _from_file(written: str, read: Surroundings) -> str:
    path = read.beside(written.replace("\0", "?"))
    try:
        # A pipe or a device could hold the start up for ever.
        content = _start(path) if path.is_file() else None
    except OSError as error:
        raise wrong(f"{path} cannot be read ({error.strerror})", "let the daemon's user read it") from None
    if content is None:
        raise wrong(f"there is no file {path}", "write the secret there, or correct the path")
    if len(content) > _LIMIT:
        raise wrong(f"{path} is larger than 64 kB", "name the file that holds the secret and nothing else")
    found = content.decode("utf-8", "replace").strip()
    if not found or "\ufffd" in found:
        raise wrong(f"{path} is {'not text' if found else 'empty'}", "write the secret there, and nothing else")
    return found


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LIMIT + 1)


def _heartbeat(value: Any, info: ValidationInfo) -> Any:
    return Secret(value) if isinstance(value, str) else secret(value, info)


def _web(value: Secret) -> Secret:
    parts = split(value.reveal())
    if parts is None or parts.scheme not in ("https", "http"):
        raise wrong("does not hold a web address", "it must begin with https://")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise wrong("would send over an open line (http)", "use https://; http:// only to this machine")
    return value


def _signing(value: Secret) -> Secret:
    try:
        key = b64decode(value.reveal().removeprefix("whsec_"), validate=True)
    except (Base64Error, ValueError):
        key = b""
    if len(key) < 16:
        raise wrong("is no signing secret", "make one with: echo whsec_$(openssl rand -base64 32)")
    return value


Credential = Annotated[Secret, BeforeValidator(secret)]
WebSecret = Annotated[Credential, AfterValidator(_web)]
SigningSecret = Annotated[Credential, AfterValidator(_signing)]
Heartbeat = Annotated[Secret, BeforeValidator(_heartbeat), AfterValidator(_web)]
