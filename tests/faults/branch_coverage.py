"""Whether tests reach every branch of the store and of the readers of files: `python tests/faults/branch_coverage.py`.

The modules, and the tests that are about each, stand in `subjects.py`. Those tests are run once; for every module it says what
they reach, in percent of statements and branches, and which lines they do not. Exit code: 0 when that is all of each.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import coverage
import pytest
from subjects import ROOT, SUBJECTS, path_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="modules, separated by commas")
    asked = parser.parse_args()
    modules = [name for name in asked.only.split(",") if name] or list(SUBJECTS)
    files = list(dict.fromkeys(str(ROOT / "tests" / test) for module in modules for test in SUBJECTS[module]))
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with tempfile.TemporaryDirectory() as folder:
        include = [str(path_of(module)) for module in modules]
        cover = coverage.Coverage(
            branch=True, include=include, data_file=str(Path(folder) / "reached"), config_file=False
        )
        cover.start()
        code = pytest.main(["-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *files])
        cover.stop()
        if code:
            print("the tests fail")
            return 1
        lacking = 0
        for module in modules:
            found = cover._analyze(str(path_of(module)))
            numbers = found.numbers
            lacking += numbers.pc_covered < 100
            left = "" if numbers.pc_covered == 100 else f", not reached: {found.missing_formatted(branches=True)}"
            print(
                f"{module:28} {numbers.n_statements:>4} statements {numbers.n_branches:>4} branches {numbers.pc_covered:6.2f} %{left}"
            )
    print(f"{len(modules) - lacking} of {len(modules)} modules are reached in full")
    return int(lacking > 0)


if __name__ == "__main__":
    sys.exit(main())
