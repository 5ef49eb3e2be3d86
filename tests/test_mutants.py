"""The tests of every connector notice the faults that connectors have: a suite that cannot fail proves nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import mutants
from tests.mutants import TESTS, platforms


@pytest.mark.parametrize("platform", platforms())
def test_every_fault_is_noticed(platform):
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", platform],
        cwd=TESTS.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{platform}: every fault is noticed\n"


def test_what_has_no_fault_passes(monkeypatch):
    def none(poll):
        return poll

    monkeypatch.setattr(mutants, "FAULTS", (none,))
    assert mutants.unnoticed("discourse") == ["none"]
