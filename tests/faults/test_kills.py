"""Killed at every single write: the work goes on, nothing is lost, and only what was in flight is trained again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCENARIO = Path(__file__).with_name("store_scenario.py")
COMPARISON = Path(__file__).with_name("kill_comparison.py")


def _scenario(folder: Path, torn: str) -> int:
    done = subprocess.run(
        [sys.executable, str(SCENARIO), str(folder), torn], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_killed_at_every_write(tmp_path):
    # a new store, a run, three groups, a result: each takes several writes
    assert _scenario(tmp_path, "whole") > 40


@pytest.mark.slow
def test_killed_in_the_middle_of_every_write(tmp_path):
    assert _scenario(tmp_path, "torn") > 40


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["random", "write"])
def test_a_comparison_killed_again_and_again(tmp_path, mode):
    """The whole of it, with its training: the final table is identical, and one group at most is trained twice."""
    command = [sys.executable, str(COMPARISON), str(tmp_path), "--mode", mode, "--kills", "4", "--step", "23"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "0 differ, 0 trained twice beyond the group in flight" in done.stdout, done.stdout
