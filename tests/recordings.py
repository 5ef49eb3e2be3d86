"""Where the real recorded payloads lie, if they are there at all: they are read by tests and never committed."""

import os
from pathlib import Path

_DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "platforms" / "samples"
SAMPLES = Path(os.environ.get("WELLHEARD_RECORDINGS", _DEFAULT))


def recorded(platform: str, *patterns: str) -> list[Path]:
    """All recordings of `platform` whose name matches one of `patterns`, sorted; none where the folder is not found."""
    folder = SAMPLES / platform
    return sorted({path for pattern in patterns for path in folder.glob(pattern) if path.name != "SOURCES.md"})
