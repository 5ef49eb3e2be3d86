"""The assessor as machine code (scripts/compile) judges as its sources do, and its wheel runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.wheels import ROOT, installed, run

_HEADERS = Path(sysconfig.get_path("include")) / "Python.h"
pytestmark = pytest.mark.skipif(
    not (_HEADERS.exists() and shutil.which("cc")), reason="no C compiler or no headers of Python"
)

JUDGE = """
import sys, hashlib
from pathlib import Path
from datetime import UTC, datetime
from monitor.assess import Assessor, phrases, signals, vader
from monitor.model import Kind, Mention

seen, count, at = hashlib.sha256(), 0, datetime(2026, 1, 1, tzinfo=UTC)
assessor = Assessor(organisation="Practice Hospital", phrases={"threat_to_staff": ["burn ...3 down"]})
for path in sorted(Path("benchmarks/accuracy").glob("*.txt")):
    lines = path.read_text(encoding="utf-8").splitlines()
    said = []
    for text in (*lines, *(" \\n".join(lines[i : i + 7]) for i in range(0, len(lines), 7))):
        for ours, kind in ((False, Kind.REVIEW), (True, Kind.COMMENT), (True, Kind.POST)):
            said.append((Mention(external_id="1", kind=kind, text=text, title=text[:20], published_at=at, ours=ours), None))
    seen.update(repr(assessor.assess_all(said)).encode())
    count += len(said)
kinds = {Path(one.__file__).suffix for one in (phrases, signals, vader)}
print(*kinds, count, seen.hexdigest())
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Path]:
    """The compiled tree, and its wheel."""
    place = tmp_path_factory.mktemp("compiled")
    done = subprocess.run(
        [ROOT / "scripts" / "compile", place / "tree", place / "dist"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "tree", next((place / "dist").glob("*.whl"))


def _judged(tree: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", JUDGE],
        cwd=tree,
        env={"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_it_judges_every_sentence_as_its_sources_do(made):
    suffix, count, seen = _judged(made[0])
    plain, as_many, same = _judged(ROOT)

    assert (suffix, plain) == (".so", ".py")
    assert int(count) > 8_000
    assert (count, seen) == (as_many, same)


def test_it_passes_the_assessors_own_tests(made):
    names = ("assess", "assess_phrases", "hunch", "language", "opinion", "risks", "vader")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *(f"tests/test_{name}.py" for name in names)],
        cwd=made[0], capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


def test_the_sources_stay_as_they_were(made):
    assert not list((ROOT / "monitor").rglob("*.so"))


def test_its_wheel_is_for_this_machine_and_runs(made, tmp_path):
    with zipfile.ZipFile(made[1]) as archive:
        names = archive.namelist()
    program = installed(tmp_path / "environment", made[1])
    shown = run(program / "python", tmp_path, "-c", "import monitor.assess.vader as v; print(v.__file__)")

    assert any(name.startswith("monitor/assess/vader.") and name.endswith(".so") for name in names)
    assert "none-any" not in made[1].name
    assert shown.stdout.strip().endswith(".so"), shown.stderr
    assert run(program / "wellheard", tmp_path, "--version").returncode == 0
