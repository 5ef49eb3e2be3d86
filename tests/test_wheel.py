"""What an administrator installs: the wheel has everything, and works far away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

CONFIG = """
organisation = "Practice Hospital"
timezone = "America/Chicago"
database = "sqlite:///wellheard.db"
brands = ["Practice Hospital"]

[network]
contact = "webmaster@practice.example"

[inboxes.marketing]
folder = "mail"
[inboxes.risk]
folder = "mail"
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built without a network and without a build environment of its own."""
    place = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return next(place.glob("*.whl"))


@pytest.fixture(scope="module")
def inside(wheel) -> dict[str, bytes]:
    """Every file in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("package", ["monitor", "connectors"])
def test_it_holds_every_file_of_a_package_data_included(inside, package):
    ours = [path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts]

    assert ours
    assert [path for path in ours if inside.get(str(path.relative_to(ROOT))) != path.read_bytes()] == []


def test_it_holds_the_migrations_and_the_example(inside):
    steps = [path for path in (ROOT / "alembic").rglob("*") if path.suffix in {".py", ".mako"}]

    assert steps
    for path in steps:
        assert inside[f"monitor/migrations/{path.relative_to(ROOT / 'alembic')}"] == path.read_bytes()
    assert inside["monitor/config.example.toml"] == (ROOT / "config.example.toml").read_bytes()


def test_it_names_the_command_and_every_connector(inside):
    points = next(text for name, text in inside.items() if name.endswith("entry_points.txt")).decode()
    project = (ROOT / "pyproject.toml").read_text()
    table = project.partition('[project.entry-points."wellheard.connectors"]\n')[2].partition("\n\n")[0]

    assert "wellheard = monitor.cli:main" in points
    for line in table.splitlines():
        assert line.replace('"', "") in points


def test_it_holds_nothing_that_is_only_for_us(inside):
    assert {name.split("/")[0].partition("-")[0] for name in inside} == {"monitor", "connectors", "wellheard"}
    assert [name for name in inside if name.endswith((".pyc", ".db", ".eml"))] == []


def test_it_carries_the_licence(inside):
    assert (ROOT / "LICENSE").read_bytes() in inside.values()


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A virtual environment that has the wheel, and of this one only the libraries: not our checkout."""
    place = tmp_path_factory.mktemp("opt") / "wellheard"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    libraries = sysconfig.get_path("purelib")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install",
         "-qq", "--no-deps", "--no-index", "--disable-pip-version-check", wheel],
        check=True,
    )  # fmt: skip
    target = next((place / "lib").glob("python3*/site-packages"))
    # A path in a .pth is added after the environment's own, and the .pth files of that other place are not read: the
    # editable install of the checkout, which is one, stays outside.
    (target / "libraries.pth").write_text(f"{libraries}\n")
    return place / "bin"


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    surroundings = {"PATH": os.defpath, "HOME": str(folder)}
    return subprocess.run(
        [installed / "wellheard", *arguments], cwd=folder, env=surroundings, capture_output=True, text=True, check=False
    )


def test_an_installed_wheel_runs_from_its_own_place(installed, tmp_path):
    done = subprocess.run(
        [installed / "python", "-c", "import monitor, connectors; print(monitor.__file__, connectors.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert all(str(installed.parent) in where for where in done.stdout.split())


def test_an_installed_wheel_finds_every_connector(installed, tmp_path):
    code = "from monitor.connector import load, names; print(len([load(name) for name in names()]))"
    done = subprocess.run([installed / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5


def test_an_installed_wheel_says_its_version(installed, tmp_path):
    done = run(installed, tmp_path, "--version")

    assert done.returncode == 0, done.stderr
    assert "0.1.0" in done.stdout


def test_an_installed_wheel_makes_its_database_anywhere(installed, tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)

    made = run(installed, tmp_path, "db", "upgrade")
    checked = run(installed, tmp_path, "db", "check")

    assert made.returncode == 0, made.stderr
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert (tmp_path / "wellheard.db").exists()
