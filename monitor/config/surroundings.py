"""Where a configuration is read: its file, the environment, and what is installed beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo
from pydantic_core import PydanticKnownError

from monitor.connector import Connector


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a configuration is read: its file, the environment around it, and the connectors and risk classes there are.

    `revealed` collects the secrets that were read, so that no sentence about a mistake can repeat one. Where
    `options_checked`, what is wrong with the options of sources is known already, and the rest of them is looked at."""

    path: Path
    environ: Mapping[str, str]
    connectors: Callable[[str], type[Connector]]
    risks: frozenset[str] = frozenset()
    revealed: list[str] = field(default_factory=list)
    options_checked: bool = False

    def beside(self, written: str | Path) -> Path:
        """A path that is written in the file: relative ones start at the file's own directory."""
        return (self.path.parent / written).absolute()


class Heading(str):
    """The name of a table, as its heading has it; nobody can write one inside the table."""

    __slots__ = ()


def around(info: ValidationInfo) -> Surroundings | None:
    """Where the configuration is read from, or None where a model is made by hand."""
    return info.context if isinstance(info.context, Surroundings) else None


def keyed(tables: Any, info: ValidationInfo) -> Any:
    """`[sources.news]` tells its table that its name is ``news``."""
    if around(info) is None or not isinstance(tables, dict):
        return tables
    return {
        name: {"name": Heading(name), **table} if isinstance(table, dict) else table for name, table in tables.items()
    }


def _heading(value: Any, info: ValidationInfo) -> Any:
    if around(info) and not isinstance(value, Heading):
        raise PydanticKnownError("extra_forbidden")
    return str(value)


def _file(value: Any, info: ValidationInfo) -> Any:
    read = around(info)
    if read and value is not read.path:
        raise PydanticKnownError("extra_forbidden")
    return value


Name = Annotated[str, BeforeValidator(_heading)]
ConfigPath = Annotated[Path, BeforeValidator(_file)]
