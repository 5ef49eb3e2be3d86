"""What pydantic found, as the two halves of a sentence: what is wrong, and what would be right."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from monitor.config.mistakes import Loc, known
from monitor.config.models import SECTIONS, keys
from monitor.config.options import connector
from monitor.config.surroundings import Surroundings
from monitor.log import masked

Found = tuple[Loc, str, str]
"""Where, what is wrong, what would be right."""

_SHAPES = {
    "string_type": ("must be text", 'write it in quotes, as in "text"'),
    "string_sub_type": ("must be text", 'write it in quotes, as in "text"'),
    "path_type": ("must be a path", "write it in quotes"),
    "int_type": ("must be a whole number", "write for example 5"),
    "int_from_float": ("must be a whole number", "write for example 5"),
    "float_type": ("must be a number", "write for example 2.5"),
    "finite_number": ("must be a number", "write for example 2.5"),
    "bool_type": ("must be yes or no", "write true or false, without quotes"),
    "tuple_type": ("must be a list", 'write for example ["one", "two"]'),
    "list_type": ("must be a list", 'write for example ["one", "two"]'),
    "dict_type": ("must be a table", "write it under a heading in [brackets]"),
    "mapping_type": ("must be a table", "write it under a heading in [brackets]"),
    "model_type": ("must be a table", "write it under a heading in [brackets], or as { key = value }"),
}


def sentences(error: ValidationError, raw: dict[str, Any], read: Surroundings) -> Iterator[Found]:
    """Every mistake in `error`, in the words of the configuration. Values are shown only where no secret can be."""
    for one in error.errors(include_url=False):
        loc = one["loc"]
        ctx = one.get("ctx", {})
        match one["type"]:
            case "mistake":
                yield loc, ctx["wrong"], ctx["right"]
            case "missing":
                yield loc, "is missing", "add it"
            case "extra_forbidden":
                yield loc, *_unknown(loc, raw, read)
            case "is_instance_of" if ctx.get("class") == "Secret":
                yield loc, "is a secret and may not stand in this file", 'write { env = "NAME" } or { file = "PATH" }'
            case "enum" | "literal_error":
                yield loc, _shown(one.get("input")) + "is not known", f"write one of {ctx['expected']}"
            case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
                yield loc, "is out of range", str(one["msg"]).removeprefix("Input ").replace("should", "must")
            case "value_error" | "assertion_error":  # a connector's own sentence, which says what to do
                yield loc, _plain(str(one["msg"]), read), ""
            case kind:
                words = _plain(str(one["msg"]), read).replace("should", "must")
                yield loc, *_SHAPES.get(kind, (words, "see docs/configure.md"))


def _shown(value: Any) -> str:
    return f"{value[:60]!r} " if isinstance(value, str) else ""


def _plain(message: str, read: Surroundings) -> str:
    """Somebody else's words, such as a connector's: without what they may repeat of a secret or an address."""
    for secret in read.revealed:
        message = message.replace(secret, "...")
    for opening in ("Value error, ", "Input "):
        message = message.removeprefix(opening)
    return masked(message)


def _unknown(loc: Loc, raw: dict[str, Any], read: Surroundings) -> tuple[str, str]:
    key = str(loc[-1])
    return f"{key[:60]!r} is not a key here", known(key, _known_keys(loc[:-1], raw, read))


def _known_keys(table: Loc, raw: dict[str, Any], read: Surroundings) -> list[str]:
    if len(table) == 3 and table[0] == "sources":
        # Options: the connector is known, or its own absence would be the mistake.
        model = connector(raw["sources"][table[1]]["connector"], read).Options
        if issubclass(model, BaseModel):
            return [field.alias or name for name, field in model.model_fields.items()]
        return [field["name"] for field in TypeAdapter(model).core_schema.get("fields", [])]
    for section, model in SECTIONS.items():
        pattern = section.split(".") if section else []
        parts = [part for part in table if not isinstance(part, int)]
        if len(parts) == len(pattern) and all(want in ("*", part) for want, part in zip(pattern, parts, strict=True)):
            return keys(model)
    return []
