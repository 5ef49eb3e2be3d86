"""The command `wellheard`: its groups, its options, and what each sort of failure exits with."""

from __future__ import annotations

import sys
from importlib.metadata import version

import click

from monitor.cli.frame import DONE, FAILED, MISCONFIGURED, TRY_LATER
from monitor.config import ConfigError
from monitor.pipeline.work import NotPossible
from monitor.store import Busy, StoreError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("wellheard"), prog_name="wellheard")
def wellheard() -> None:
    """Wellheard hears what is said in public about a healthcare organisation, and tells the right people in time."""


def main() -> None:
    """Runs the command line and exits: 0 done, 1 findings or some part failed, 2 usage, 75 try later, 78 configuration."""
    from monitor.cli import data, find, run, work

    for module in (run, find, work, data):
        for command in module.COMMANDS:
            wellheard.add_command(command)
    sys.exit(_outcome())


def _outcome() -> int:
    try:
        code = wellheard.main(standalone_mode=False, prog_name="wellheard")
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except tuple(_CODES) as error:
        click.echo(str(error) or "stopped", err=True)
        return next(code for kind, code in _CODES.items() if isinstance(error, kind))
    return code if isinstance(code, int) else DONE


# The first kind that fits decides: Busy is a StoreError too.
_CODES: dict[type[Exception], int] = {
    ConfigError: MISCONFIGURED,
    Busy: TRY_LATER,
    StoreError: FAILED,
    NotPossible: FAILED,
    click.Abort: FAILED,
}
