"""The commands. Only they and the daemon read the clock and the environment."""

from monitor.cli.main import main, wellheard

__all__ = ["main", "wellheard"]
