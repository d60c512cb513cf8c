"""Readers take at most twice what a file declares; all of them are weighed by `python tests/fuzz/memory.py`."""

from __future__ import annotations

from pathlib import Path

import memory
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("name", ["csv", "gzip", "batch", "old.batch", "png", "rgba.png", "tensors"])
def test_a_file_of_eight_megabytes(name, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "faults")  # bytes that mean harm
    monkeypatch.setattr(memory, "SIZES", (8,))
    found = memory.measured(name, tmp_path)
    assert found["8"]["ratio"] <= memory.MOST + 0.1
    # what never ends is followed as far as the limits of the reader go
    assert found["forged"]["grown"] <= {"gzip": 128, "csv": 64}.get(name, 8) * 2**20
