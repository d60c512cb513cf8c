"""Files that mean harm are refused in one line, in little time and memory, and nothing in them runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import hostile_files
import pytest

from lossmith._errors import DataError
from lossmith.data._plain_pickle import read_plain_pickle

PROGRAM = Path(hostile_files.__file__)
# what any file may make lossmith load: its own parts, the libraries they stand on, and those of Python
KNOWN = {
    "lossmith",
    "keras",
    "jax",
    "jaxlib",
    "numpy",
    "polars",
    "scipy",
    "sklearn",
    "skops",
    "PIL",
    "h5py",
    "safetensors",
    "matplotlib",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, dict]:
    """Open all of them in one process whose memory is capped."""
    folder = tmp_path_factory.mktemp("hostile")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "POLARS_MAX_THREADS": "2"}
    environment.pop("LOSSMITH_DATA", None)
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


def test_there_are_enough_of_them():
    assert len(hostile_files.CASES) >= 24


@pytest.mark.slow
@pytest.mark.parametrize("name", hostile_files.CASES)
def test_refused_in_one_line(said, name):
    case, found = hostile_files.CASES[name], said[name]
    assert not found["harm"], "what the file holds was run, or written where it points"
    if found["code"] == 0:
        assert not case.words, found["out"]  # a strange table is still a table
    else:
        assert found["code"] == 2 and found["out"] == "", found
        assert found["err"].startswith("error: ") and found["err"].count("\n") == 1 and len(found["err"]) < 900
        assert case.words in found["err"], found["err"]
    assert found["seconds"] < hostile_files.SECONDS and found["memory"] < hostile_files.MEMORY
    foreign = set(found["modules"]) - KNOWN - set(sys.stdlib_module_names)
    assert not {"os.system", "evil"} & foreign


@pytest.mark.parametrize("name", hostile_files.BATCHES)
def test_batches_that_take_for_ever(name):
    """Sixty doublings: followed naively, longer than the age of the world."""
    with pytest.raises(DataError) as error:
        read_plain_pickle(hostile_files.BATCHES[name](), name="batch")
    assert len(str(error.value)) < 500 and "\n" not in str(error.value)
