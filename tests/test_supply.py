"""What is released: wheels that come out the same twice, and an audit that never takes silence for good news."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def audit():
    loader = importlib.machinery.SourceFileLoader("audit", str(ROOT / ".ci" / "audit"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("audit", loader))
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
    return module


def package(name, *weak, skipped=None):
    return {"name": name, "skip_reason": skipped} if skipped else {
        "name": name, "version": "1.0", "vulns": [{"id": one} for one in weak],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("dependencies", "words", "code"),
    [
        ([package("a"), package("B_c")], "clean: 2 packages", 0),
        ([package("a"), package("b-c", "PYSEC-2026-1", "CVE-2026-2")], "b-c 1.0: PYSEC-2026-1, CVE-2026-2", 1),
        ([package("a"), package("b-c", skipped="not found")], "not audited: 1 of 2 (b-c)", 3),
        ([package("a", skipped="x"), package("b-c", skipped="x")], "not audited: 2 of 2 (a, b-c)", 3),
        ([package("a")], "not audited: 1 of 2 (b-c)", 3),
        ([], "not audited: 2 of 2 (a, b-c)", 3),
        ([package("a", "CVE-1")], "a 1.0: CVE-1\nnot audited: 1 of 2 (b-c)", 1),
    ],
)
def test_what_was_not_answered_is_not_audited(dependencies, words, code):
    assert audit().verdict({"dependencies": dependencies}, {"a", "b-c"}) == (words, code)


def test_an_audit_that_cannot_run_is_none(monkeypatch, capsys, tmp_path):
    broken = tmp_path / "pip-audit"
    broken.write_text("#!/bin/sh\necho 'ERROR: cannot connect'\nexit 1\n")
    broken.chmod(0o755)
    for program in ("no-such-program", str(broken)):
        monkeypatch.setattr(sys, "argv", ["audit", program])
        assert audit().main() == 3
        assert capsys.readouterr().out.startswith("not audited: ")


def test_every_lower_bound_is_at_most_what_is_pinned():
    """Bounds that `.ci/versions` installs have to be ones that the pinned environment satisfies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pins = dict(
        re.findall(r"^([\w.-]+)==([\d.]+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    number = lambda text: [int(part) for part in re.findall(r"\d+", text)]  # noqa: E731
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["test"]]
    for one in wanted:
        name, _, lowest = one.partition(">=")
        assert number(lowest) <= number(pins[name]), one


@pytest.mark.slow
def test_a_wheel_comes_out_the_same_twice(tmp_path):
    digests = []
    for name, hours in (("one", 0), ("other folder", 30)):
        copy = tmp_path / name
        copy.mkdir()
        for part in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / part, copy / part)
        shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
        for path in sorted(copy.rglob("*"), reverse=bool(hours)):
            os.utime(path, (1_700_000_000 + 3600 * hours,) * 2)
        environment = {
            **os.environ,
            "SOURCE_DATE_EPOCH": "1700000000",
            "TZ": f"UTC-{hours % 12}",
            "PYTHONHASHSEED": str(hours + 1),
        }
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "out"],
            cwd=copy, env=environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        (wheel,) = (copy / "out").glob("*.whl")
        digests.append(hashlib.sha256(wheel.read_bytes()).hexdigest())
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
        assert "lossmith/__init__.py" in names
        assert not [inside for inside in names if inside.startswith("tests") or inside.endswith(".pyc")]
    assert digests[0] == digests[1]
