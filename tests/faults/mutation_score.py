"""How many small faults in a module its tests notice: `python tests/faults/mutation_score.py --sample 200`.

A mutant is the module with one thing changed: a comparison, an arithmetic or logical operator, a number, a text, a truth value, a
condition, a statement left out. Modules are changed in memory, in a fork of one process that has loaded the libraries, so that
no file is touched and a mutant costs its tests alone. A mutant that no test fails on has survived; what survives is printed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.abc
import importlib.util
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# module -> tests that are about it
TESTS: dict[str, tuple[str, ...]] = {
    "compare.store": ("compare/test_store.py", "compare/test_store_damage.py", "compare/test_archive.py", "compare/test_repair.py"),
    "compare._sqlite": ("compare/test_store.py", "compare/test_store_damage.py", "compare/test_repair.py", "faults/test_store_limits.py"),
    "compare._rows": ("compare/test_store.py", "compare/test_store_damage.py", "compare/test_archive.py", "compare/test_repair.py"),
    "compare.ownership": ("compare/test_store.py",),
    "compare._carving": ("compare/test_repair.py",),
    "compare.repair": ("compare/test_repair.py", "compare/test_store_damage.py"),
    "compare.archive": ("compare/test_archive.py",),
    "_tensor_file": ("estimators/test_estimator_files.py", "faults/test_tensor_file.py"),
    "data._bounded": ("data/test_bounded.py",),
    "data._parquet_check": ("data/test_parquet_check.py",),
    "data._plain_pickle": ("data/test_plain_pickle.py", "data/test_image_sets.py"),
    "data._image_files": ("data/test_image_sets.py",),
    "data._image_folder": ("data/test_image_folder.py",),
    "data._files": ("data/test_read_files.py", "data/test_bad_input.py", "data/test_bounded.py"),
    "data._delimited": ("data/test_read_files.py", "data/test_bad_input.py"),
    "lint._keras_file": ("lint/test_keras_file.py",),
}  # fmt: skip
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


def survives(module: str, text: str, seconds: float) -> bool:
    """Return whether the tests of a module pass with another text of it, in a fork of this process."""
    number = os.fork()
    if not number:
        os.setsid()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.alarm(int(seconds))
        import pytest

        path = ROOT / "src" / "lossmith" / Path(*module.split(".")).with_suffix(".py")
        sys.meta_path.insert(0, Changed(f"lossmith.{module}", path, text))
        tests = [str(ROOT / "tests" / name) for name in TESTS[module] if (ROOT / "tests" / name).exists()]
        code = pytest.main(
            [
                "-q",
                "-x",
                "-p",
                "no:xdist",
                "-p",
                "no:cacheprovider",
                "--assert=plain",
                "--no-header",
                "-W",
                "ignore",
                *tests,
            ]
        )
        os._exit(int(code))
    status = os.waitpid(number, 0)[1]
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="modules, separated by commas")
    parser.add_argument("--sample", type=int, default=10**9, help="mutants of each module, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10**9, help="begin no further mutant after this time")
    parser.add_argument("--record", type=Path, default=None)
    asked = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    for name in (
        "pytest",
        "numpy",
        "polars",
        "safetensors.numpy",
        "hypothesis",
        "typer",
        "rich",
        "scipy.stats",
        "PIL.Image",
        "h5py",
        "narwhals",
    ):
        importlib.import_module(name)
    until = time.monotonic() + asked.seconds
    record = json.loads(asked.record.read_text()) if asked.record and asked.record.exists() else {}
    for module in [name for name in asked.only.split(",") if name] or list(TESTS):
        path = ROOT / "src" / "lossmith" / Path(*module.split(".")).with_suffix(".py")
        every = mutants(path.read_text())
        chosen = random.Random(asked.seed).sample(every, min(asked.sample, len(every)))
        began = time.monotonic()
        if not survives(module, path.read_text(), 300):
            print(f"{module}: its tests fail without any change")
            continue
        usual = time.monotonic() - began
        lived = []
        done = 0
        for words, text in chosen:
            if time.monotonic() > until:
                break
            done += 1
            if survives(module, text, 20 + 5 * usual):
                lived.append(words)
        record[module] = {"mutants": len(every), "tried": done, "killed": done - len(lived), "lived": lived}
        print(
            f"{module}: {done - len(lived)} of {done} noticed ({len(every)} in all), tests take {usual:.1f} s",
            flush=True,
        )
        for words in lived:
            print("    lived", words)
        if asked.record:
            asked.record.write_text(json.dumps(record, indent=1))
    tried, killed = (sum(one[key] for one in record.values()) for key in ("tried", "killed"))
    print(f"together: {killed} of {tried}, {killed / max(tried, 1):.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
