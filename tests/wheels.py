"""Wheels and where they are installed: virtual environments that have them, and of ours only the libraries."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]


def built(project: Path, place: Path) -> Path:
    """The wheel of `project`, built without a network and without a build environment of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return next(place.glob("*.whl"))


def installed(place: Path, *wheels: Path) -> Path:
    """The folder of programs of a new environment at `place` that has `wheels` and our libraries, not our checkout."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    libraries = sysconfig.get_path("purelib")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install",
         "-qq", "--no-deps", "--no-index", "--disable-pip-version-check", *wheels],
        check=True,
    )  # fmt: skip
    target = next((place / "lib").glob("python3*/site-packages"))
    # A path in a .pth is added after the environment's own, and the .pth files of that other place are not read: the
    # editable install of the checkout, which is one, stays outside.
    (target / "libraries.pth").write_text(f"{libraries}\n")
    return place / "bin"


def run(program: Path, folder: Path, *arguments: str, **surroundings: str) -> subprocess.CompletedProcess[str]:
    """What `program` does in `folder` with nothing but these surroundings."""
    return subprocess.run(
        [program, *arguments],
        cwd=folder, env={"PATH": os.defpath, "HOME": str(folder)} | surroundings,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
