"""How many small faults in a module its tests notice: `python tests/faults/mutation_score.py --sample 200`.

A mutant is the module with one thing changed: a comparison, an arithmetic or logical operator, a number, a truth value, a
condition, a result, a statement left out. Modules are changed in memory, in a fork of one process that has loaded the libraries,
so that no file is touched. First come the tests that reach the line, the quickest of them first, and where they notice nothing
all tests of the module. A mutant that no test fails on has survived; what survives is printed, and is judged in
`equivalent_mutants.py` where it changes nothing that anybody could see.
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import copy
import datetime
import importlib
import importlib.abc
import importlib.util
import json
import os
import platform
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest
from equivalent_mutants import EQUIVALENT
from subjects import ROOT, SUBJECTS, path_of

LEAST = 0.9  # of the mutants that have an effect
# loaded once, before any fork; lossmith itself is loaded in the forks
LIBRARIES = ("numpy", "polars", "safetensors.numpy", "hypothesis", "typer", "rich", "scipy.stats", "PIL.Image", "h5py", "narwhals", "sklearn.ensemble",
             "skops.io", "jax.numpy", "keras")  # fmt: skip
COMPARE = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn,
           ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}  # fmt: skip
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.LShift: ast.RShift,
              ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd}  # fmt: skip
# what tests cannot and need not tell from another: words of messages, annotations, names that are exported
WORDS = {"expected", "advice", "doc"}


def changes(tree: ast.Module) -> Iterator[tuple[str, ast.AST, ast.AST | None]]:
    """Yield a description, a node and what takes its place (None: the statement is left out)."""
    for parent in ast.walk(tree):
        for node in ast.iter_child_nodes(parent):
            node.parent = parent  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if _is_out(node):
            continue
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Compare):
            for place, operator in enumerate(node.ops):
                if type(operator) in COMPARE:
                    other = copy.deepcopy(node)
                    other.ops[place] = COMPARE[type(operator)]()
                    yield f"{line}: {ast.unparse(node)} -> {ast.unparse(other)}", node, other
        elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            other = copy.deepcopy(node)
            other.op = ARITHMETIC[type(node.op)]()
            yield f"{line}: {ast.unparse(node)} -> {ast.unparse(other)}", node, other
        elif isinstance(node, ast.BoolOp):
            other = copy.deepcopy(node)
            other.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
            yield f"{line}: {ast.unparse(node)[:80]} -> and/or exchanged", node, other
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield f"{line}: {ast.unparse(node)[:80]} -> without not", node, node.operand
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield f"{line}: {node.value} -> {not node.value}", node, ast.Constant(not node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            yield f"{line}: {node.value} -> {node.value + 1}", node, ast.Constant(node.value + 1)
        elif isinstance(node, ast.If | ast.While):
            if isinstance(node, ast.If):
                other = copy.deepcopy(node)
                other.test = ast.UnaryOp(ast.Not(), other.test)
                yield f"{line}: if {ast.unparse(node.test)[:80]} -> if not", node, other
        elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
            yield f"{line}: {ast.unparse(node)[:80]} -> return None", node, ast.Return(ast.Constant(None))
        elif isinstance(node, ast.Raise | ast.AugAssign) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        ):
            yield f"{line}: {ast.unparse(node)[:80]} -> left out", node, None


def _is_out(node: ast.AST) -> bool:
    """Return whether a node lies in words, annotations or a declaration."""
    while (parent := getattr(node, "parent", None)) is not None:
        if isinstance(parent, ast.keyword) and parent.arg in WORDS:
            return True
        if isinstance(parent, ast.FormattedValue | ast.JoinedStr):
            return True
        if isinstance(parent, ast.AnnAssign) and node is parent.annotation:
            return True
        if isinstance(parent, ast.FunctionDef) and (node is parent.returns or node in parent.decorator_list):
            return True
        if isinstance(parent, ast.arg) or (isinstance(parent, ast.If) and "TYPE_CHECKING" in ast.unparse(parent.test)):
            return True
        node = parent
    return False


def mutants(source: str) -> list[tuple[str, str]]:
    """Return description and source of every mutant."""
    found = []
    tree = ast.parse(source)
    for words, node, other in list(changes(tree)):
        parent = node.parent  # type: ignore[attr-defined]
        for field, value in ast.iter_fields(parent):
            if value is node:
                setattr(parent, field, other)
                found.append((words, ast.unparse(ast.fix_missing_locations(tree))))
                setattr(parent, field, node)
            elif isinstance(value, list) and any(one is node for one in value):
                place = next(k for k, one in enumerate(value) if one is node)
                value[place] = ast.Pass() if other is None else other
                found.append((words, ast.unparse(ast.fix_missing_locations(tree))))
                value[place] = node
    return found


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from another text."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self.name, self.path, self.text = name, path, text

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def create_module(self, spec):
        return None

    def exec_module(self, module) -> None:
        exec(compile(self.text, str(self.path), "exec"), module.__dict__)


class Chosen:
    """Runs some of the tests, the quickest first."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    def pytest_collection_modifyitems(self, items) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.seconds), key=lambda i: self.seconds[i.nodeid])


class Reached:
    """Notes which tests reach which lines of a module, and how long each takes."""

    def __init__(self, cover: coverage.Coverage) -> None:
        self.cover, self.seconds = cover, {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item):
        self.cover.switch_context(item.nodeid)
        began = time.monotonic()
        yield
        self.seconds[item.nodeid] = time.monotonic() - began


def run_tests(module: str, *plugins: object) -> int:
    """Run the tests of a module in this process, and return pytest's code."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    tests = [str(ROOT / "tests" / name) for name in SUBJECTS[module]]
    options = ("-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider", "--assert=plain", "--no-header")
    options += ("--rootdir", str(ROOT))
    return int(pytest.main([*options, *tests], plugins=list(plugins)))


def in_fork(work: Callable[[], int], seconds: float) -> int:
    """Return the exit code of a piece of work in a fork of this process; -1 where a signal or the time ended it."""
    number = os.fork()
    if not number:
        os.setsid()
        signal.alarm(max(1, int(seconds)))
        code = 1
        try:
            code = work()
        finally:
            os._exit(code)
    status = os.waitpid(number, 0)[1]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(number, signal.SIGKILL)  # what its tests have left
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1


def reached(module: str) -> tuple[dict[int, list[str]], dict[str, float]] | None:
    """Return the tests that reach each line, and the seconds that each test takes; None where one fails."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "reached"

        def work() -> int:
            cover = coverage.Coverage(data_file=None, include=[str(path_of(module))], config_file=False)
            noted = Reached(cover)
            cover.start()
            code = run_tests(module, noted)
            cover.stop()
            lines = cover.get_data().contexts_by_lineno(str(path_of(module)))
            note.write_text(
                json.dumps(
                    [
                        {line: [one for one in tests if one] for line, tests in lines.items() if "" not in tests},
                        noted.seconds,
                    ]
                )
            )
            return code

        if in_fork(work, 600):
            return None
        lines, seconds = json.loads(note.read_text())
    return {int(line): tests for line, tests in lines.items()}, seconds


def survives(module: str, text: str, seconds: dict[str, float]) -> bool:
    """Return whether some tests of a module pass with another text of it, in a fork of this process."""

    def work() -> int:
        sys.meta_path.insert(0, Changed(f"lossmith.{module}", path_of(module), text))
        return run_tests(module, Chosen(seconds))

    return not in_fork(work, 8 + 4 * sum(seconds.values()))


def of_line(words: str) -> str:
    """Return what was changed, without the number of its line."""
    return words.partition(": ")[2]


def once_more(every: list[tuple[str, str]], lived: list[str]) -> list[tuple[int, list[tuple[str, str]]]]:
    """Return how many mutants of some words lived, and all that have these words now; where the line has moved, all of that change."""
    found = []
    for words, most in collections.Counter(lived).items():
        alike = [one for one in every if one[0] == words] or [one for one in every if of_line(one[0]) == of_line(words)]
        if alike:
            found.append((most, alike))
    return found


def measured(module: str, sample: int, seed: int, before: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """Return what became of the mutants of a module; None where its tests fail without any change.

    With what was found `before`, only the mutants that lived are tried again: tests that were added meanwhile cannot make up
    for one that was noticed. Of several mutants of the same words as many may live as lived before. A mutant of a line that is
    written otherwise now counts no more.
    """
    source = path_of(module).read_text()
    every = mutants(source)
    if before is None:
        chosen = [(1, [one]) for one in random.Random(seed).sample(every, min(sample, len(every)))]
    else:
        chosen = once_more(every, before["lived"])
    found = reached(module)
    if found is None:
        return None
    lines, seconds = found
    lived = []
    for most, alike in chosen:
        alive = []
        for words, text in alike:
            # a line that is run when the module is loaded concerns all tests, and so does what other processes run
            near = {name: seconds[name] for name in lines.get(int(words.partition(":")[0]), ())}
            if (not near or survives(module, text, near)) and survives(module, text, seconds):
                alive.append(words)
            if len(alive) == most:
                break
        lived += alive
    tried = sum(most for most, _ in chosen) + (0 if before is None else before["tried"] - len(before["lived"]))
    first = [tried - len(lived), tried]
    if before is not None:
        first = before.get("first", [before["tried"] - len(before["lived"]), before["tried"]])
    return {"mutants": len(every), "tried": tried, "lived": lived, "first": first, "seed": seed,
            "chosen": [words for _, alike in chosen for words, _ in alike], "seconds": sum(seconds.values()),
            "day": datetime.datetime.now(datetime.UTC).date().isoformat()}  # fmt: skip


def judged(module: str, lived: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the survivors that change nothing anybody could see, with reasons, and the others."""
    known = EQUIVALENT.get(module, {})
    same = {words: known[of_line(words)] for words in lived if of_line(words) in known}
    return same, [words for words in lived if words not in same]


def afresh(unseen: dict[str, Any], record: dict[str, Any]) -> list[str]:
    """Return the paragraph about a draw for which no test was written: of its faults, those that the first draw did not have."""
    tried, noticed, same = 0, 0, 0
    for module, one in unseen.items():
        every, before = mutants(path_of(module).read_text()), record[module]
        known = {words for words, _ in random.Random(before["seed"]).sample(every, min(before["first"][1], len(every)))}
        new = set(one["chosen"]) - known
        lived = [words for words in one["lived"] if words in new]
        tried, noticed, same = tried + len(new), noticed + len(new) - len(lived), same + len(judged(module, lived)[0])
    return [
        f"**Another draw**, once all those tests were there: of {sum(one['tried'] for one in unseen.values())} faults {tried} had not been in the first, and no test was written for them. {noticed} were noticed, {same} of the others",
        f"have no effect: **{noticed / (tried - same):.1%}** of those with effect.", "",
    ]  # fmt: skip


def page(record: dict[str, Any], unseen: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    rows, lists, totals = [], [], collections.Counter()
    for module in SUBJECTS:
        if module not in record:
            continue
        one = record[module]
        same, _ = judged(module, one["lived"])
        noticed = one["tried"] - len(one["lived"])
        totals.update({"mutants": one["mutants"], "tried": one["tried"], "noticed": noticed, "same": len(same)})
        first = one["first"]
        totals.update({"first": first[0], "first of": first[1]})
        rows.append(
            f"| `{module}` | {one['mutants']} | {first[0]} of {first[1]} | {noticed} of {one['tried']} | {len(same)} | {noticed / (one['tried'] - len(same)):.0%} |"
        )
        lists += [
            f"| `{module}` | `{words.replace('|', chr(92) + '|')}` | {same.get(words, 'not noticed')} |"
            for words in one["lived"]
        ]
    fair = totals["noticed"] / (totals["tried"] - totals["same"])
    rows.append(
        f"| **together** | **{totals['mutants']:,}** | **{totals['first']:,} of {totals['first of']:,}** | **{totals['noticed']:,} of {totals['tried']:,}** | **{totals['same']}** | **{fair:.1%}** |"
    )
    days = sorted({one["day"] for one in record.values()})
    return "\n".join([
        "# Planted faults", "",
        "Tests are worth what they notice. Into the store and into every reader of files one small fault at a time was planted: a comparison turned, an operator exchanged, a",
        "number moved by one, a condition reversed, a statement left out, a result forgotten. What no test fails on has survived. Written by",
        "`python tests/faults/mutation_score.py --sample 60 --record record.json --report docs/planted-faults.md` (`--again` tries survivors once more); which tests are about which module stands in `tests/faults/subjects.py`.", "",
        f"Measured from {days[0]} to {days[-1]} with Python {platform.python_version()}." if days[0] != days[-1] else f"Measured on {days[0]} with Python {platform.python_version()}.",
        "Where a module has more faults than were planted, those planted were drawn at random. Those that nobody noticed were tried once more after tests had been added for them: what",
        "the tests notice of faults that were never drawn lies between the first try and the last.", "",
        *(afresh(unseen, record) if unseen else []),
        *([f"Not measured yet: {', '.join(f'`{module}`' for module in SUBJECTS if module not in record)}.", ""] if SUBJECTS.keys() - record else []),
        "| module | possible | noticed at the first try | noticed | of the others, without effect | noticed of those with effect |", "| --- | ---: | ---: | ---: | ---: | ---: |",
        *rows, "",
        "## What was not noticed", "",
        "Without effect is a fault after which every input still gets the same answer, or a limit of some thousands or millions that moves by one. The lines are those of the day of measurement.", "",
        "| module | line and fault | why |", "| --- | --- | --- |", *lists, "",
    ])  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="modules, separated by commas")
    parser.add_argument("--sample", type=int, default=10**9, help="mutants of each module, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10**9, help="begin no further module after this time")
    parser.add_argument("--record", type=Path, default=None, help="JSON file that keeps what was found of each module")
    parser.add_argument("--again", action="store_true", help="try those of the record that lived once more")
    parser.add_argument("--report", type=Path, default=None, help="write the page from the record, and from this run")
    parser.add_argument("--unseen", type=Path, default=None, help="record of another draw, for the page")
    asked = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    for name in LIBRARIES:
        importlib.import_module(name)
    until = time.monotonic() + asked.seconds
    record = json.loads(asked.record.read_text()) if asked.record and asked.record.exists() else {}
    bad = 0
    for module in [] if asked.sample <= 0 else [name for name in asked.only.split(",") if name] or list(SUBJECTS):
        if time.monotonic() > until:
            break
        if asked.again and not record.get(module, {}).get("lived"):
            continue
        began = time.monotonic()
        found = measured(module, asked.sample, asked.seed, record[module] if asked.again else None)
        if found is None:
            bad += 1
            print(f"{module}: its tests fail without any change", flush=True)
            continue
        record[module] = found
        same, open_ = judged(module, found["lived"])
        noticed = found["tried"] - len(found["lived"])
        score = noticed / max(1, found["tried"] - len(same))
        bad += score < LEAST
        print(f"{module}: {noticed} of {found['tried']} noticed, {len(same)} without effect, {score:.0%} of the others ({found['mutants']} in all); "
              f"tests take {found['seconds']:.1f} s, this took {time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        for words in open_:
            print("    lived", words, flush=True)
        if asked.record:
            asked.record.write_text(json.dumps(record, indent=1))
    if asked.report:
        asked.report.write_text(page(record, json.loads(asked.unseen.read_text()) if asked.unseen else {}))
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
