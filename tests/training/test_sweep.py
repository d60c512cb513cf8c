"""The benchmark runs, counts its work right and trains what it says."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "sweep.py"


@pytest.fixture
def sweep(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return importlib.import_module("sweep")


def test_the_work_is_counted_right(sweep):
    size = sweep.Size()
    # forward 2-50-1: 2*(100+50); kernels' gradients the same; gradient of the hidden layer 2*50; test rows forward
    by_hand = 90 * 200 * 500 * ((300 + 300 + 100) + 300)
    assert (size.trainings, size.flops) == (90, by_hand)


def test_ratios_are_those_of_the_seconds(sweep):
    lines = [
        sweep.Line("lossmith, next call", 1.0, (1.0,), 90, 10.0),
        sweep.Line("Keras fit on JAX", 250.0, (2.5,), 90, 10.0),
        sweep.Line("PyTorch loop", 60.0, (0.6,), 90, 10.0),
    ]
    cells = sweep.table(lines, sweep.Size(), gflops=90.0)
    assert cells[1][1:6] == ["1.00 s", "11.1 ms", "250 x", "60 x", "10.0%"]
    page = sweep.markdown(lines, sweep.Size(), 90.0, {"cpu": "one"})
    assert "| lossmith, next call | 1.00 s | 11.1 ms | 250 x | 60 x | 10.0% | 10 MB |" in page
    assert "9.0 billion" in page


@pytest.mark.bench
def test_it_runs(tmp_path):
    target = tmp_path / "sweep.json"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--without-peers", "--json", str(target)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(target.read_text())
    names = [line["name"] for line in found["lines"]]
    assert names == ["lossmith, next call", "lossmith, new process", "lossmith, cold"]
    assert all(line["seconds"] > 0 and line["trainings"] == 12 for line in found["lines"])
    assert "lossmith, cold" in done.stdout
