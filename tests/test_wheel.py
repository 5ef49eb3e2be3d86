"""What an administrator installs: the wheel has everything, and works far away from the checkout."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.wheels import ROOT, built, installed, run

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
    """The wheel of this checkout."""
    return built(ROOT, tmp_path_factory.mktemp("dist"))


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
def programs(wheel, tmp_path_factory) -> Path:
    """The programs of an environment that has the wheel."""
    return installed(tmp_path_factory.mktemp("opt") / "wellheard", wheel)


def test_an_installed_wheel_runs_from_its_own_place(programs, tmp_path):
    done = subprocess.run(
        [programs / "python", "-c", "import monitor, connectors; print(monitor.__file__, connectors.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert all(str(programs.parent) in where for where in done.stdout.split())


def test_an_installed_wheel_finds_every_connector(programs, tmp_path):
    code = "from monitor.connector import load, names; print(len([load(name) for name in names()]))"
    done = subprocess.run([programs / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5


def test_an_installed_wheel_says_its_version(programs, tmp_path):
    done = run(programs / "wellheard", tmp_path, "--version")

    assert done.returncode == 0, done.stderr
    assert "0.1.0" in done.stdout


def test_an_installed_wheel_makes_its_database_anywhere(programs, tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)

    made = run(programs / "wellheard", tmp_path, "db", "upgrade")
    checked = run(programs / "wellheard", tmp_path, "db", "check")

    assert made.returncode == 0, made.stderr
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert (tmp_path / "wellheard.db").exists()
