"""Adding a loss, a model and a detector as their pages tell it: the steps are followed to the letter in a copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import documented
import stand_ins

ROOT = Path(__file__).resolve().parents[1]
LOSS = "mean_fourth_power_error"
HEADING = "## In the catalogue"
# what a step says before its code: where it goes
STEP = re.compile(
    r"(?:In\s+`(?P<file>[^`]+)`,\s+(?P<where>above|below|at\s+the\s+end\s+of)\s+`(?P<what>[^`]+)`|New\s+file\s+`(?P<new>[^`]+)`):\n\n"
    r"(?P<code> *```python\n.*?```)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Step:
    """Code, and where a page says that it goes."""

    file: str
    where: str
    what: str
    code: str


def catalogue_part(page: str) -> str:
    text = (ROOT / "docs" / f"extend-{page}.md").read_text(encoding="utf-8")
    return text[text.index(HEADING) :]


def steps(page: str) -> list[Step]:
    """Return every step of a page that shows code."""
    text, found = catalogue_part(page), []
    for step in STEP.finditer(text):
        # the block is indented as part of a numbered step
        block = "\n".join(line.removeprefix("   ") for line in step["code"].splitlines()[1:-1]).rstrip()
        where = " ".join((step["where"] or "new").split())
        found.append(Step(step["file"] or step["new"], where, step["what"] or "", block))
    assert text.count("```python") == len(found), "a block of code without a place"
    return found


def follow(step: Step, folder: Path) -> None:
    path, code = folder / step.file, step.code
    if step.where == "new":
        assert not path.exists()
        path.write_text(code + "\n", encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    if step.where == "below":
        assert text.count(f"{step.what}\n") == 1, f"{step.what} in {step.file}"
        place, code = text.index(f"{step.what}\n") + len(step.what) + 1, f"{code}\n"
    else:
        start = re.search(rf"^{step.what}\b[^\n]*[({{]$", text, re.MULTILINE)
        assert start, f"{step.what} in {step.file}"
        place = start.start()
        if step.where == "above":
            code = f"{textwrap.dedent(code)}\n\n\n"
        else:
            place = re.compile(r"^[)}]", re.MULTILINE).search(text, start.end()).start()
            code += "\n"
    path.write_text(text[:place] + code + text[place:], encoding="utf-8")


def call(folder: Path, *arguments: str, where: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTEST_ADDOPTS": "-p no:cacheprovider -p no:xdist"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=where or folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Callable[[str], Path]:
    """Return copies of the project in which the steps of a page have been followed."""
    made: dict[str, Path] = {}

    def copied(page: str) -> Path:
        if page not in made:
            folder = made[page] = tmp_path_factory.mktemp("project")
            for part in ("src", "tests", "docs"):
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            for file in (*ROOT.glob("*.md"), ROOT / "pyproject.toml", ROOT / "CITATION.cff", ROOT / "LICENSE"):
                shutil.copy(file, folder / file.name)
            for step in steps(page):
                follow(step, folder)
        return made[page]

    return copied


@pytest.fixture
def typed(copy, tmp_path) -> Callable[[str], list[subprocess.CompletedProcess[str]]]:
    """Return what the commands at the end of a page do in its copy, in an empty folder."""

    def done(page: str) -> list[subprocess.CompletedProcess[str]]:
        path = ROOT / "docs" / f"extend-{page}.md"
        first = path.read_text(encoding="utf-8").split(HEADING)[0].count("\n")
        blocks = [one for one in documented.blocks(path) if one.line > first and one.language == "sh"]
        found = []
        for command in (one for block in blocks for one in documented.commands(block)):
            program, *words = command.steps[0]
            assert program == "lossmith"
            stand_ins.provide(tmp_path, re.sub(r"\S*winner\S*", "", command.text), tmp_path / "kept")
            found.append(call(copy(page), "-m", "lossmith", *words, where=tmp_path))
        assert found
        return found

    return done


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            "loss",
            [
                ("src/lossmith/losses/_regression.py", "above", "RECORDS"),
                ("src/lossmith/losses/_regression.py", "at the end of", "RECORDS"),
                ("tests/loss_oracles_wide.py", "at the end of", "WIDE"),
            ],
        ),
        (
            "model",
            [
                ("src/lossmith/models/wide_and_deep.py", "new", ""),
                (
                    "src/lossmith/models/__init__.py",
                    "below",
                    "from lossmith.models.whole import from_factory, takes_nothing",
                ),
                ("src/lossmith/models/__init__.py", "at the end of", "FAMILIES"),
            ],
        ),
        (
            "detector",
            [
                ("src/lossmith/drift/_detectors.py", "above", "RECORDS"),
                ("src/lossmith/drift/_detectors.py", "at the end of", "RECORDS"),
            ],
        ),
    ],
)
def test_the_pages_have_their_steps(page, expected) -> None:
    assert [(step.file, step.where, step.what) for step in steps(page)] == expected


@pytest.mark.slow
def test_the_new_loss_passes_everything(copy) -> None:
    files = [f"tests/{name}" for name in ("contracts/test_losses.py", "losses", "report/test_loss_cards.py")]
    done = call(copy("loss"), "-m", "pytest", "-q", *files, "-k", "fourth_power")
    assert done.returncode == 0, done.stdout[-3000:]
    # contract and flags at two configurations, elicitation, definition, adapters, code, card
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 40


@pytest.mark.slow
def test_a_wrong_loss_does_not(copy) -> None:
    file = copy("loss") / "src/lossmith/losses/_regression.py"
    right = file.read_text(encoding="utf-8")
    wrong = right.replace("((raw - target) / scale) ** 4", "((raw - target) / scale) ** 2")
    assert wrong != right
    file.write_text(wrong, encoding="utf-8")
    try:
        done = call(copy("loss"), "-m", "pytest", "-q", "tests/losses/test_oracles.py", "-k", "fourth_power")
        assert done.returncode == 1 and "failed" in done.stdout
    finally:
        file.write_text(right, encoding="utf-8")


@pytest.mark.slow
def test_pages_list_and_program_know_the_loss(copy, typed) -> None:
    folder = copy("loss")
    done = call(folder, "docs/build.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The largest error is what counts." in (folder / f"docs/losses/{LOSS}.md").read_text(encoding="utf-8")
    listed = json.loads(call(folder, "-m", "lossmith", "losses", "--task", "regression", "--json").stdout)
    assert LOSS in [record["name"] for record in listed]
    card, compared, linted = typed("loss")
    # four times as far off: (10 / 1)^3 as hard
    assert "pulls 1e+03 times as hard" in card.stdout and f"{LOSS}:scale=2" in card.stdout
    assert compared.returncode == 0 and LOSS in compared.stdout, compared.stderr
    assert linted.returncode in (0, 1) and LOSS in linted.stdout, linted.stdout + linted.stderr


@pytest.mark.slow
def test_the_new_model_is_known(copy, typed) -> None:
    folder = copy("model")
    done = call(folder, "-m", "pytest", "-q", "tests/models/test_families.py", "-k", "wide_and_deep")
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout[-3000:]
    for result in (found := typed("model")):
        assert result.returncode == 0, result.stderr
        assert "wide_and_deep" in result.stdout
    assert "wide_and_deep:hidden=16" in found[-1].stdout
    assert call(folder, "docs/build.py").returncode == 0
    assert "## wide_and_deep" in (folder / "docs/models.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_new_detector_is_known(copy, typed) -> None:
    done = call(copy("detector"), "-m", "pytest", "-q", "tests/drift/test_detector_contract.py", "-k", "largest_share")
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout[-3000:]
    (found,) = typed("detector")
    assert found.returncode in (0, 1) and "age" in found.stdout, found.stderr
