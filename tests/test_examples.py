"""Every command and every block of Python of the README and the guides is executed, or listed with the reason why not."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import documented
import stand_ins
from documented import PYTHON, ROOT, SHELL, SHOWN, Block, Command

PAGES = documented.pages()
BLOCKS = [block for path in PAGES for block in documented.blocks(path)]
# written by the program itself: usage with its places in brackets
USAGE = "docs/command-line.md"
# pages whose second part, the steps in the catalogue, tests/test_extending.py follows in a copy of the project
STEPS = {f"docs/extend-{name}.md": "## In the catalogue" for name in ("loss", "model", "detector")}
FIRST_STEP = {
    page: (ROOT / page).read_text(encoding="utf-8").split(heading)[0].count("\n") for page, heading in STEPS.items()
}


def followed(one: Block | Command) -> bool:
    """Return whether this is part of steps that another test follows."""
    return one.line > FIRST_STEP.get(one.page, one.line)


COMMANDS = [command for block in BLOCKS if block.language in SHELL for command in documented.commands(block)]
TYPED = [command for command in COMMANDS if command.page != USAGE and not followed(command)]
# read, counted or computed, not trained: these run with every change, the others are marked slow
QUICK = re.compile(
    r"lossmith (losses --|divergence (worms|\.2)|data (list|show people)|study list|drift (old\.parquet|profile))"
)
QUICK_PAGES = {"docs/divergence/index.md", "docs/drift/index.md"}


def _frame() -> Any:
    return stand_ins.people(120).select("customer", "age", "hours", "city", "y")


def _networks(space: dict[str, Any]) -> None:
    import keras

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2)).astype("float32")
    space |= {"x": x, "y": (x[:, 0] > 0).astype(int), "keras": keras}

    def made(units: int) -> Any:
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
        model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
        return model

    space |= {"model": made(1), "make_model": lambda: made(1), "teacher": made(2), "student": made(2)}


def _existing_code(space: dict[str, Any]) -> None:
    import lossmith

    _networks(space)
    space |= {"lossmith": lossmith, "frame": _frame().rename({"y": "label"}).select("age", "hours", "label")}


def _vectors(space: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    space |= {
        "p": np.array([[0.5, 0.2], [0.5, 0.8]]),
        "q": np.array([[0.4, 0.3], [0.6, 0.7]]),
        "x": rng.normal(size=(200, 1)),
        "y": rng.normal(0.5, 1, (200, 1)),
        "counts": np.array([3, 4, 5]),
        "probabilities": np.full(3, 1 / 3),
        "names": ("red", "green", "blue"),
        "mixture": None,
    }


def _rows(space: dict[str, Any]) -> None:
    space["rows"] = stand_ins.people(600, 5)


# names that a page uses and leaves to its reader
READER = {
    "docs/existing-code.md": _existing_code,
    "docs/lint.md": _networks,
    "docs/divergence/index.md": _vectors,
    "docs/drift/index.md": _rows,
    "docs/model-files.md": lambda space: space.update(frame=_frame()),
}


def left_out() -> dict[tuple[str, str], str]:
    """Return the table of what is not executed: reasons by page and beginning."""
    text = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| (.+) \|$", text, re.MULTILINE)
    return {(page, start): reason for page, start, reason in rows}


LEFT_OUT = left_out()


def reason(page: str, text: str) -> str:
    """Return why something is not executed; an empty text if it is."""
    return next((why for (where, start), why in LEFT_OUT.items() if where == page and text.startswith(start)), "")


RUN = [command for command in TYPED if not reason(command.page, command.text)]
QUICK_RUN = [command for command in RUN if QUICK.match(command.text)]
SLOW_RUN = [command for command in RUN if not QUICK.match(command.text)]
PYTHON_PAGES = sorted(
    {block.page for block in BLOCKS if block.language in PYTHON and not followed(block) and not reason(block.page, block.text)}
)  # fmt: skip


def shown(command: Command) -> str:
    return f"{command.page}:{command.line}"


@pytest.fixture(scope="session")
def kept(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("stand-ins")


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in ("LOSSMITH_DATA", "LOSSMITH_STORE"):
        monkeypatch.delenv(name, raising=False)
    return folder


def call(words: list[str], given: bytes) -> tuple[int, bytes, str]:
    """Run the program on its words, in this process unless it reads a pipe; return exit code, output and messages."""
    from lossmith.cli import main

    if given:  # it reads the file that is standard input, which no object of Python replaces
        done = subprocess.run(
            [sys.executable, "-m", "lossmith", *words], input=given, capture_output=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr.decode()
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as end:
        main(words)
    out.flush()
    return int(end.value.code or 0), out.buffer.getvalue(), err.getvalue()


def execute(command: Command, folder: Path, kept: Path) -> None:
    """Type one line of a page into a shell."""
    text = command.text
    if text.startswith("lossmith runs"):
        name = "unfinished.db" if "resume" in text else "lossmith.db"
        stand_ins.provide(folder, name, kept)
        (folder / name).rename(folder / "lossmith.db")
    stand_ins.provide(folder, "test_suite.py" if text.startswith("pytest") else text, kept)
    given = b""
    for step in command.steps:
        program, *words = step
        place = None
        if ">" in words:
            place = folder / words[words.index(">") + 1]
            words = words[: words.index(">")]
        if program == "cat":
            given = (folder / words[0]).read_bytes()
        elif program == "pytest":
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
                cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTEST_ADDOPTS": ""},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
        else:
            assert program == "lossmith", f"nobody runs {program}: list it in docs/examples.md"
            code, given, messages = call(words, given)
            # 1 says that something was found, 3 that it is undecided
            assert code in (0, 1, 3) and not re.search(r"^error:", messages, re.MULTILINE), (
                f"exit code {code}: {messages[-2000:]}"
            )
            assert given.strip() or messages.strip() or "--quiet" in words
        if place is not None:
            place.write_bytes(given)
            assert given


@pytest.mark.parametrize("command", QUICK_RUN, ids=shown)
def test_a_quick_command_runs(command, place, kept) -> None:
    execute(command, place, kept)


@pytest.mark.slow
@pytest.mark.parametrize("command", SLOW_RUN, ids=shown)
def test_a_command_runs(command, place, kept) -> None:
    execute(command, place, kept)


@pytest.mark.parametrize(
    "page", [pytest.param(name, marks=() if name in QUICK_PAGES else pytest.mark.slow) for name in PYTHON_PAGES]
)
def test_the_python_of_a_page_runs(page, place, kept) -> None:
    space: dict[str, Any] = {"__name__": "page"}
    READER.get(page, lambda _: None)(space)
    for block in BLOCKS:
        if block.page == page and block.language in PYTHON and not followed(block) and not reason(page, block.text):
            stand_ins.provide(place, block.text, kept)
            exec(compile("\n" * block.line + block.text, page, "exec"), space)


def test_nothing_is_left_out_that_the_table_does_not_name() -> None:
    languages = {block.language for block in BLOCKS}
    assert languages <= {*SHELL, *PYTHON, *SHOWN}, "a kind of block that no test knows"
    found = [(one.page, one.text) for one in TYPED] + [(b.page, b.text) for b in BLOCKS if b.language in PYTHON]
    idle = [(page, start) for page, start in LEFT_OUT if not any(p == page and t.startswith(start) for p, t in found)]
    assert idle == [], "the table names what is not there"
    assert len(RUN) > 60 and len(PYTHON_PAGES) > 8


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_are_understood(path) -> None:
    """Every command, executed or not, and every one that a sentence names: its options exist, and its arguments fit."""
    page, wrong = path.relative_to(ROOT).as_posix(), []
    for command in documented.named(path):
        words = command.steps[0][1:]
        words = words[: words.index(">")] if ">" in words else words
        if message := documented.misread([word for word in words if word != "..."], whole=False):
            wrong.append(f"{shown(command)} {command.text}: {message}")
    for command in COMMANDS:
        for program, *words in command.steps if command.page == page else ():
            if program == "make":
                targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
                if not set(words[:1]) <= set(targets):
                    wrong.append(f"{shown(command)} {command.text}: no such target")
            elif program == "lossmith":
                usage = page == USAGE
                words = [word for word in words if not re.match(r"[\[{]", word)] if usage else words
                words = words[: words.index(">")] if ">" in words else words
                words = words[: words.index("COMMAND")] if "COMMAND" in words else words
                if message := documented.misread(words, whole=not usage):
                    wrong.append(f"{shown(command)} {command.text}: {message}")
    assert wrong == []


def test_python_that_is_not_executed_compiles() -> None:
    for block in BLOCKS:
        if block.language in PYTHON and not followed(block) and reason(block.page, block.text):
            compile(block.text, block.page, "exec")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lossmith compare circles --seeds 5", ""),
        ("lossmith compare circles --sedes 5", "No such option"),
        ("lossmith comparre circles", "No such command"),
        ("lossmith compare circles --seeds", "requires an argument"),
        ("lossmith compare", "Missing argument"),
        ("lossmith drift old.csv new.csv --level x", "Invalid value"),
        ("lossmith runs show seven", "Invalid value"),
        ("lossmith doctor", ""),
    ],
)
def test_what_is_wrong_is_noticed(text, expected) -> None:
    found = documented.misread(Command("page", 1, text).steps[0][1:], whole=True)
    assert expected in found and bool(found) == bool(expected)


def test_blocks_are_found_wherever_they_stand(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Use `lossmith doctor` or ``lossmith x``.\n\n```sh\na b   # c\nlong \\\n  line\n\n# nothing\n```\n\n1. step\n\n   ```python\n   x = 1\n"
        "   if x:\n       y = 2\n   ```\n\n```console\n$ c | d > e\noutput\n```\n"
    )
    found = list(documented.blocks(page, tmp_path))
    assert [(block.language, block.line) for block in found] == [("sh", 3), ("python", 13), ("console", 19)]
    assert found[1].text == "x = 1\nif x:\n    y = 2\n"
    lines = [command for block in found if block.language in SHELL for command in documented.commands(block)]
    assert [(command.line, command.steps) for command in lines] == [
        (4, [["a", "b"]]),
        (5, [["long", "line"]]),
        (20, [["c"], ["d", ">", "e"]]),
    ]
    assert [command.text for command in documented.named(page, tmp_path)] == ["lossmith doctor"]
