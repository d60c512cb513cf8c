"""A few seconds of `run.py` with every test run: no reader answers a broken file with anything but a result or one line."""

from __future__ import annotations

import random

import pytest
import targets

from lossmith._errors import LossmithError

# each is quick and needs no training; the others run with `run.py`
QUICK = {"csv": 60, "csv.gz": 300, "parquet": 100, "arrow": 60, "idx": 300, "idx.gz": 100, "pickle": 300, "npy": 100, "npz": 100, "picture": 60, "tensors": 300,
         "estimator": 60, "kind": 100, "profile": 100, "profile.parquet": 50, "store": 60, "repair": 20, "archive": 40, "text": 200, "names": 60, "column": 30}  # fmt: skip


@pytest.mark.parametrize("name", QUICK)
def test_broken_files_are_read_or_refused(name):
    make, read = targets.TARGETS[name].prepare()
    accepted = refused = 0
    for number in range(QUICK[name]):
        try:
            read(make(random.Random(f"test/{name}/{number}")))
            accepted += 1
        except LossmithError as error:
            said = str(error)
            refused += 1
        else:
            said = ""
        assert "\n" not in said
    # a fuzzer of which everything is refused at the door finds nothing
    assert refused > QUICK[name] / 10 and accepted + refused == QUICK[name]


def test_every_reader_is_known():
    assert QUICK.keys() <= targets.TARGETS.keys() and len(targets.TARGETS) >= 25
    assert abs(sum(target.share for target in targets.TARGETS.values()) - 1) < 0.02
