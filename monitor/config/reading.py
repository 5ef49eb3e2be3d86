"""From the text of config.toml to a Config, or to every mistake in it."""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor import connector
from monitor.config.checks import findings
from monitor.config.findings import Names, names
from monitor.config.lines import lines, nearest
from monitor.config.mistakes import ConfigError, Loc, Mistake, key_path
from monitor.config.models import Config, Inbox
from monitor.config.sentences import Found, sentences
from monitor.config.surroundings import Surroundings
from monitor.connector import Access, Connector
from monitor.model import Step
from monitor.rules import builtin

RISKS = frozenset(builtin())
"""The risk classes that a configuration may name."""


def load(
    path: Path,
    *,
    environ: Mapping[str, str],
    connectors: Callable[[str], type[Connector]] = connector.load,
    risks: frozenset[str] = RISKS,
) -> Config:
    """The configuration in `path`, its secrets read from `environ` and from the files that it names.

    Relative paths start at the directory of `path`. Raises ConfigError with all mistakes at once."""
    text = _text(path)
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        mistake = _syntax(path, text, error)
    else:
        read = Surroundings(path=path, environ=environ, connectors=connectors, risks=risks)
        config, found = _checked(raw, read)
        if config and not found:
            return _told(config)
        raise ConfigError(_mistakes(found, text, read))
    raise ConfigError([mistake])


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            what = f"is not a file ({path.absolute()})" if path.exists() else f"there is no file {path.absolute()}"
            right = "start with: cp config.example.toml config.toml, or name another with --config"
        else:
            return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        what, right = f"is not UTF-8 text (byte {error.start})", "save it as UTF-8"
    except (OSError, ValueError) as error:
        what = f"cannot be read ({getattr(error, 'strerror', None) or 'no valid path'})"
        right = "let the daemon's user read it"
    raise ConfigError([Mistake(file=str(path), line=None, key="", wrong=what, right=right)])


def _syntax(path: Path, text: str, error: Exception) -> Mistake:
    """The sentence of tomllib ends with the place, and is the only thing that has it."""
    what, _, place = str(error).rpartition(" (at ")
    line = place.removeprefix("line ").partition(",")[0]
    if place.startswith("end"):
        line = str(max(1, len(text.splitlines())))
    if not isinstance(error, tomllib.TOMLDecodeError):
        what = "lists or tables are nested too deeply" if isinstance(error, RecursionError) else "a number is too large"
    return Mistake(
        file=str(path),
        line=int(line) if line.isdigit() else None,
        key="",
        wrong=f"this is not TOML ({what[:1].lower()}{what[1:200]})",
        right="correct this line; text stands in quotes, and a list in [brackets]",
    )


def _checked(raw: dict[str, Any], read: Surroundings) -> tuple[Config | None, list[Found]]:
    """The configuration, as far as it can be made, and everything that is wrong with it."""
    found: list[Found] = []
    config: Config | None = None
    rest = deepcopy(raw)
    # What is wrong is taken out until a configuration remains: only that can be checked for what no value shows alone.
    while config is None:
        try:
            config = Config.model_validate({"path": read.path, **rest}, by_alias=True, by_name=False, context=read)
        except ValidationError as error:
            found = found or list(sentences(error, raw, read))
            locs = [one["loc"] for one in error.errors(include_url=False, include_input=False, include_context=False)]
            if not _cut(rest, locs) and "organisation" in rest:
                break
            rest.setdefault("organisation", "?")
            read = replace(read, options_checked=True)
    if config is not None:
        found += _between(config, names(raw, read.risks), read, found)
    return config, found


def _told(config: Config) -> Config:
    """`config` in which every inbox that is named is configured: the fallback stands in where one is not."""

    def there(inboxes: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(config.inbox(name).name for name in inboxes))

    def steps(inbox: Inbox) -> tuple[Step, ...]:
        return tuple(replace(step, inbox=config.inbox(step.inbox).name) for step in inbox.escalate)

    return config.model_copy(
        update={
            "inboxes": {
                name: inbox.model_copy(update={"escalate": steps(inbox)}) for name, inbox in config.inboxes.items()
            },
            "risks": {
                name: risk.model_copy(update={"inboxes": there(risk.inboxes) if risk.inboxes else None})
                for name, risk in config.risks.items()
            },
            "rules": tuple(replace(rule, inboxes=there(rule.inboxes)) for rule in config.rules),
            "digest": config.digest.model_copy(update={"inboxes": there(config.digest.inboxes)}),
        }
    )


def _cut(rest: dict[str, Any], locs: Iterable[Loc]) -> bool:
    """Takes out what stands at `locs`, or around them where nothing does; whether there was anything to take."""
    # All are found before any is taken: two mistakes in one table must not take what stands around it.
    found = [at for loc in locs if (at := _innermost(rest, loc))]
    for table, key in found:
        table.pop(key, None)
    return bool(found)


def _innermost(rest: dict[str, Any], loc: Loc) -> tuple[dict[str, Any], str] | None:
    """The table and the key in it that lead furthest towards `loc`."""
    inside: Any = rest
    furthest: tuple[dict[str, Any], str] | None = None
    for part in loc:
        if not isinstance(inside, dict) or part not in inside:
            break
        furthest, inside = (inside, str(part)), inside[part]
    return furthest


def _between(config: Config, there: Names, read: Surroundings, found: list[Found]) -> Iterator[Found]:
    places = [loc for loc, _, _ in found]

    def access(name: str) -> Access | None:
        return getattr(read.connectors(name), "access", None)

    for finding in findings(config, there, access):
        if not any(_touch(place, loc) for place in places for loc in (finding.loc, *finding.needs)):
            yield finding.loc, finding.wrong, finding.right


def _touch(one: Loc, other: Loc) -> bool:
    """Whether one of the two places lies in the other."""
    return all(left == right for left, right in zip(one, other, strict=False))


def _mistakes(found: Iterable[Found], text: str, read: Surroundings) -> Iterator[Mistake]:
    places = lines(text)
    for loc, what, right in found:
        line = nearest(places, tuple(str(part) for part in loc))
        yield Mistake(file=str(read.path), line=line, key=key_path(loc), wrong=what, right=right)
