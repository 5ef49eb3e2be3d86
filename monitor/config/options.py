"""A source's options: found by its connector's name, checked by the connector's own model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from monitor.config.mistakes import Loc, known, wrong
from monitor.config.secrets import is_reference, secret
from monitor.config.surroundings import Surroundings, around
from monitor.connector import Connector, Secret, names


def installed(name: str, info: ValidationInfo) -> str:
    """`name`, where a connector is installed under it and can be loaded."""
    if read := around(info):
        connector(name, read)
    return name


def connector(name: str, read: Surroundings) -> type[Connector]:
    """The connector class. Raises what a validator raises where there is none, or where its own module is broken."""
    try:
        return read.connectors(name)
    except LookupError:
        what = f"no connector is called {name[:60]!r}"
        raise wrong(what, known(name, names())) from None
    except Exception as error:  # noqa: BLE001 - a third party's module may fail to import in any way
        raise wrong(
            f"the connector {name[:60]!r} cannot be loaded ({type(error).__name__})", "install it again, or its extra"
        ) from None


def chosen(name: str | None, written: Any, info: ValidationInfo) -> Any:
    """The connector's own Options, made from what is written; secrets are read and relative paths completed.

    Raises pydantic's ValidationError with places inside the options."""
    read = around(info)
    if read is None or name is None or read.options_checked:
        return written
    if not isinstance(written, dict):
        raise wrong("must be a table", 'write for example options = { url = "https://..." }')
    model = connector(name, read).Options
    # A model that says nothing of unknown keys would drop a misspelt one silently.
    open_ended = issubclass(model, BaseModel) and model.model_config.get("extra") == "allow"
    mistakes: list[InitErrorDetails] = []
    revealed = _revealed(written, info, (), mistakes)
    try:
        options = TypeAdapter(model).validate_python(revealed, extra=None if open_ended else "forbid")
    except ValidationError as error:
        mistakes += _told(error, revealed)
    if mistakes:
        raise ValidationError.from_exception_data("options", mistakes)
    return _beside(options, read)


def _told(error: ValidationError, written: dict[str, Any]) -> Iterator[InitErrorDetails]:
    """What is wrong with the options, one mistake for each place: a value that may be of several types has one for each."""
    places: set[Loc] = set()
    for one in error.errors(include_url=False, include_input=False):
        absent = one["type"] == "missing"
        loc = _place(one["loc"][:-1] if absent else one["loc"], written) + (one["loc"][-1:] if absent else ())
        if loc not in places or not loc:
            places.add(loc)
            ctx = {**one.get("ctx", {}), "message": one["msg"]}
            yield InitErrorDetails(type=PydanticCustomError(one["type"], "{message}", ctx), loc=loc, input=None)


def _place(loc: Loc, written: Any) -> Loc:
    """The part of `loc` that leads through `written`; behind it pydantic names the type that it tried."""
    for length, part in enumerate(loc):
        there = written if isinstance(written, dict) else dict(enumerate(written)) if isinstance(written, list) else {}
        if part not in there:
            return loc[:length]
        written = there[part]
    return loc


def _revealed(written: Any, info: ValidationInfo, loc: Loc, mistakes: list[InitErrorDetails]) -> Any:
    """`written` with every secret in place of its name; one that cannot be read is a mistake, and a secret all the
    same, so that it is not reported twice."""
    if is_reference(written):
        try:
            return secret(written, info)
        except PydanticCustomError as error:
            mistakes.append(InitErrorDetails(type=error, loc=loc, input=None))
            return Secret("")
    if isinstance(written, dict):
        return {key: _revealed(value, info, (*loc, key), mistakes) for key, value in written.items()}
    if isinstance(written, list):
        return [_revealed(value, info, (*loc, index), mistakes) for index, value in enumerate(written)]
    return written


def _beside(options: Any, read: Surroundings) -> Any:
    """`options` with every relative path made one that starts at the configuration's directory."""
    if not isinstance(options, BaseModel):
        return options
    found = {key: value for key, value in options if isinstance(value, Path) and not value.is_absolute()}
    return options.model_copy(update={key: read.beside(value) for key, value in found.items()}) if found else options
