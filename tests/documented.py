"""What the documentation tells people to type: every block of shell and Python, and every command named in a sentence."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHELL, PYTHON = ("sh", "bash", "console"), ("python",)
# blocks of other kinds show output, or formulas
SHOWN = ("text", "json", "toml", "yaml", "")
_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```\s*$", re.MULTILINE | re.DOTALL
)
_INLINE = re.compile(r"(?<!`)`(lossmith [^`\n]+)`(?!`)")


def docs_script(name: str) -> Any:
    """Import a script of `docs`, which is no package."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(ROOT / "docs"))


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code of a page."""

    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """One line for a shell."""

    page: str
    line: int
    text: str

    @property
    def steps(self) -> list[list[str]]:
        """The words of each program of a pipeline; redirections stay as words of their own."""
        reader = shlex.shlex(self.text, posix=True, punctuation_chars="|>")
        reader.whitespace_split, reader.commenters = True, "#"
        steps: list[list[str]] = [[]]
        for word in reader:
            if word == "|":
                steps.append([])
            else:
                steps[-1].append(word)
        return steps


def pages(root: Path = ROOT) -> list[Path]:
    """Return every page that people read; pages of single losses hold code that has a test of its own."""
    found = [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]
    return [path for path in found if path.parent != root / "docs" / "losses"]


def blocks(path: Path, root: Path = ROOT) -> Iterator[Block]:
    """Yield the blocks of one page."""
    text = path.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        indent = found["indent"]
        inside = "\n".join(line.removeprefix(indent) for line in found["text"].splitlines()) + "\n"
        line = text.count("\n", 0, found.start()) + 1
        yield Block(path.relative_to(root).as_posix(), line, found["language"], inside)


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a block of shell; of a console those behind its prompt."""
    pending, start = "", 0
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if block.language == "console":
            if not line.startswith("$ "):
                continue
            line = line[2:]
        start = start if pending else number
        pending += line
        if pending.endswith("\\"):
            pending = pending[:-1]
            continue
        if shlex.split(pending, comments=True):
            yield Command(block.page, start, pending.strip())
        pending = ""


def named(path: Path, root: Path = ROOT) -> Iterator[Command]:
    """Yield the commands that sentences and tables name between backticks."""
    text = path.read_text(encoding="utf-8")
    bare = _BLOCK.sub(lambda found: "\n" * found[0].count("\n"), text)
    for found in _INLINE.finditer(bare):
        yield Command(path.relative_to(root).as_posix(), bare.count("\n", 0, found.start()) + 1, found[1])


@functools.cache
def _program() -> Any:
    from typer.main import get_command

    from lossmith.cli._app import application

    return get_command(application())


def parse(words: list[str]) -> None:
    """Let the program read its words, down to the last subcommand, without doing anything.

    Raises what the program raises where a command or an option does not exist or lacks a value.
    """
    command, parent, name, rest = _program(), None, "lossmith", words
    while True:
        context = command.make_context(name, list(rest), parent=parent)
        left = [*getattr(context, "_protected_args", ()), *context.args]
        if not hasattr(command, "resolve_command") or not left:
            return
        name, command, rest = command.resolve_command(context, left)
        parent = context


def misread(words: list[str], *, whole: bool) -> str:
    """Return what the program does not understand of its words, or an empty text.

    `whole` is for commands to be typed; a command that a sentence only mentions may lack arguments.
    """
    from typer.exceptions import Exit, TyperException

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            parse(words)
    except TyperException as error:
        message = error.format_message()
        lacking = not message or message.startswith("Missing argument") or message.endswith("requires an argument.")
        return "" if lacking and not whole else message or "it prints its help"
    except (SystemExit, Exit):  # --help and --version end the program
        return ""
    return ""
