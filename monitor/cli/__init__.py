"""The commands. Only they and the daemon read the clock and the environment."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and exits: 0 done, 1 findings or some part failed, 2 usage, 75 try later, 78 configuration."""
    try:
        from monitor.cli.outcome import outcome  # takes a while, in which Ctrl-C deserves no traceback either

        code = outcome()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        code = 1
    sys.exit(code)


__all__ = ["main"]
