"""The rooms of the house: who may import whom, and who may look at the clock."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("monitor", "connectors")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter over the packages in `folder`, which come first on the path."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--config", ROOT / ".importlinter", "--no-cache"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_every_module_keeps_to_its_floor():
    done = lint(ROOT)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path):
    """A copy of both packages that a test may spoil."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("monitor/model.py", "import monitor.connector", "The rooms of the monitor"),
        ("monitor/model.py", "import connectors", "The monitor imports no connector"),
        ("connectors/canary.py", "import monitor.systemd", "A connector knows of the monitor only the promise"),
        ("connectors/canary.py", "import connectors.second_canary", "A connector knows no other"),
        ("monitor/systemd.py", "import sqlalchemy", "Only the store and the schema speak SQL"),
        ("monitor/systemd.py", "import feedparser", "Only connectors parse feeds"),
        ("monitor/canary.py", "", "The rooms of the monitor"),
    ],
    ids=["upwards", "to-a-connector", "past-the-promise", "to-a-neighbour", "sql", "feeds", "a-module-without-a-place"],
)
def test_a_forbidden_import_is_found(copy, module, line, broken):
    (copy / "connectors" / "second_canary.py").touch()
    with (copy / module).open("a") as file:
        file.write(f"\n{line}\n")

    done = lint(copy)

    assert done.returncode == 1
    verdict = next(text for text in done.stdout.splitlines() if text.startswith(broken))
    assert "BROKEN" in verdict


_CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
_ENVIRONMENT = {"os.environ", "os.getenv"}
_MAY = ("monitor/cli", "monitor/daemon", "monitor/cluster")


def test_only_the_commands_and_the_engines_read_the_clock_and_the_environment():
    found = [path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    pure = [path for path in sorted(found) if not str(path).startswith(_MAY)]

    assert pure
    assert [where for path in pure for where in _reads(path)] == [], "take `now` and the environment as arguments"


def _reads(path: Path) -> list[str]:
    """Where a module reads them. The default of an argument is no such place: whoever calls can set another."""
    tree = ast.parse((ROOT / path).read_text())
    defaults = {node for call in ast.walk(tree) if isinstance(call, ast.arguments) for node in ast.walk(call)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node not in defaults]
    return [
        f"{path}:{node.lineno} {ast.unparse(node)}"
        for node in names
        if ".".join(ast.unparse(node).split(".")[-2:]) in _CLOCKS | _ENVIRONMENT
    ]
