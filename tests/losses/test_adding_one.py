"""Adding a loss as CONTRIBUTING tells it: the steps are followed to the letter in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAME = "mean_fourth_power_error"
STEP = re.compile(
    r"In\s+`(?P<file>[^`]+)`,\s+(?P<where>above|at\s+the\s+end\s+of)\s+`(?P<what>\w+)`:\n\n(?P<code> *```python\n.*?```)",
    re.DOTALL,
)


def steps() -> list[tuple[str, str, str, str]]:
    """Return file, place, name and code of every step of the page that shows code."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    page = text[text.index("## Add a loss") : text.index("Metrics, checks, built-in data sets")]
    found = []
    for step in STEP.finditer(page):
        # the block is indented as part of a numbered step
        block = "\n".join(line.removeprefix("   ") for line in step["code"].splitlines()[1:-1])
        found.append((step["file"], " ".join(step["where"].split()), step["what"], block.rstrip()))
    assert page.count("```python") == len(found)
    return found


def insert(path: Path, where: str, name: str, code: str) -> None:
    text = path.read_text(encoding="utf-8")
    start = re.search(rf"^{name}\b[^\n]*[({{]$", text, re.MULTILINE)
    assert start, f"{name} in {path}"
    if where == "above":
        place = start.start()
        code = f"{textwrap.dedent(code)}\n\n\n"
    else:
        place = re.compile(r"^[)}]", re.MULTILINE).search(text, start.end()).start()
        code += "\n"
    path.write_text(text[:place] + code + text[place:], encoding="utf-8")


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTEST_ADDOPTS": "-p no:cacheprovider -p no:xdist"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for part in ("src", "tests", "docs"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (
        "pyproject.toml",
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "CITATION.cff",
        "LICENSE",
    ):
        shutil.copy(ROOT / file, folder / file)
    for step in steps():
        insert(folder / step[0], *step[1:])
    return folder


def test_the_page_has_its_steps() -> None:
    assert [(file, where, name) for file, where, name, _ in steps()] == [
        ("src/lossmith/losses/_regression.py", "above", "RECORDS"),
        ("src/lossmith/losses/_regression.py", "at the end of", "RECORDS"),
        ("tests/loss_oracles_wide.py", "at the end of", "WIDE"),
    ]


@pytest.mark.slow
def test_the_new_loss_passes_everything(copy) -> None:
    files = [f"tests/{name}" for name in ("contracts/test_losses.py", "losses", "report/test_loss_cards.py")]
    done = call(copy, "-m", "pytest", "-q", *files, "-k", "fourth_power")
    assert done.returncode == 0, done.stdout[-3000:]
    # contract and flags at two configurations, elicitation, definition, adapters, code, card
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 40


@pytest.mark.slow
def test_a_wrong_one_does_not(copy) -> None:
    file = copy / "src/lossmith/losses/_regression.py"
    right = file.read_text(encoding="utf-8")
    wrong = right.replace("((raw - target) / scale) ** 4", "((raw - target) / scale) ** 2")
    assert wrong != right
    file.write_text(wrong, encoding="utf-8")
    try:
        done = call(copy, "-m", "pytest", "-q", "tests/losses/test_oracles.py", "-k", "fourth_power")
        assert done.returncode == 1 and "failed" in done.stdout
    finally:
        file.write_text(right, encoding="utf-8")


@pytest.mark.slow
def test_pages_list_and_program_know_it(copy) -> None:
    done = call(copy, "docs/build.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The largest error is what counts." in (copy / f"docs/losses/{NAME}.md").read_text(encoding="utf-8")
    listed = json.loads(call(copy, "-m", "lossmith", "losses", "--task", "regression", "--json").stdout)
    assert NAME in [record["name"] for record in listed]
    card = call(copy, "-m", "lossmith", "losses", "fourth_power:scale=2").stdout
    # four times as far off: (10 / 1)^3 as hard
    assert "pulls 1e+03 times as hard" in card and "mean_fourth_power_error:scale=2" in card
    plan = call(copy, "-m", "lossmith", "compare", "regression", "--losses", "fourth_power,mse", "--dry-run")
    assert plan.returncode == 0 and NAME in plan.stdout, plan.stderr
