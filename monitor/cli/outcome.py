"""The command `wellheard`: all commands by what they are for, and what each sort of failure exits with."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import click

from monitor import log
from monitor.cli import (
    catalogue,
    check,
    connecting,
    data,
    digests,
    drafts,
    drilling,
    explain,
    find,
    holds,
    removals,
    run,
    sources,
    work,
)
from monitor.cli.frame import DONE, FAILED, MISCONFIGURED, TRY_LATER
from monitor.config import ConfigError
from monitor.pipeline.work import NotPossible
from monitor.store import Busy, StoreError

SECTIONS: Mapping[str, Sequence[str]] = {
    "The daemon": ("run", "check"),
    "Incidents": (
        "incidents",
        "show",
        "explain",
        "ack",
        "assign",
        "note",
        "resolve",
        "removal",
        "removals",
        "silence",
        "silences",
        "unsilence",
    ),
    "Mentions": ("mentions", "topics", "import", "rescore"),
    "Messages": ("deliveries", "replay", "digest", "drill", "drills"),
    "Drafts": ("lint", "audit"),
    "Sources": ("connect", "sources", "poll", "connectors"),
    "Keeping": ("retention", "hold", "holds", "release", "verify-log", "db"),
}
"""The commands in the order of `wellheard --help` and of docs/operate.md."""


class Commands(click.Group):
    """All commands, listed by what they are for. One that stands in no section is listed last."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        placed = [name for names in SECTIONS.values() for name in names]
        others = {"Others": [name for name in self.list_commands(ctx) if name not in placed]}
        widest = max(map(len, self.commands))
        for title, names in {**SECTIONS, **others}.items():
            here = [(name.ljust(widest), self.commands[name]) for name in names if name in self.commands]
            room = formatter.width - widest - 6
            if here:
                with formatter.section(title):
                    formatter.write_dl([(name, command.get_short_help_str(room)) for name, command in here])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("wellheard"), prog_name="wellheard")
def wellheard() -> None:
    """Wellheard hears what is said in public about a healthcare organisation, and tells the right people in time."""


for _module in (
    run,
    check,
    find,
    explain,
    work,
    removals,
    digests,
    drafts,
    catalogue,
    connecting,
    sources,
    holds,
    drilling,
    data,
):
    for _command in _module.COMMANDS:
        wellheard.add_command(_command)


def outcome() -> int:
    """Runs what `sys.argv` says and returns the exit code. What went wrong is one sentence on stderr, never a traceback;
    of a fault of ours, where it happened, but no value that it happened with."""
    try:
        code = wellheard.main(standalone_mode=False, prog_name="wellheard")
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return _failed("stopped; what was done so far is kept")
    except tuple(_CODES) as error:
        return _failed(str(error), next(code for kind, code in _CODES.items() if isinstance(error, kind)))
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _failed(f"{name}{error.strerror or type(error).__name__}")
    except Exception as error:  # noqa: BLE001  # the last place that can keep a value out of a traceback
        return _failed(f"a fault of wellheard, please report it:\n{log.told(error)}")
    return code if isinstance(code, int) else DONE


def _failed(sentence: str, code: int = FAILED) -> int:
    sys.stderr.write(f"{sentence}\n")
    return code


# The first kind that fits decides: Busy is a StoreError too.
_CODES: dict[type[Exception], int] = {
    ConfigError: MISCONFIGURED,
    Busy: TRY_LATER,
    StoreError: FAILED,
    NotPossible: FAILED,
}
