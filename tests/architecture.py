"""The rules of the house, checked on the syntax tree: `violations(root)` lists every breach under a source tree.

`python tests/architecture.py` prints them and fails if there are any.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

LAYERS = {
    "_arrays": 0,
    "_callable": 0,
    "_catalogue": 0,
    "_checks": 0,
    "_cluster": 0,
    "_errors": 0,
    "_names": 0,
    "_spread": 0,
    "_tensor_file": 0,
    "_views": 0,
    "divergence": 1,
    "data": 1,
    "losses": 2,
    "training": 3,
    "models": 4,
    "compare": 5,
    "text": 5,
    "estimators": 5,
    "generative": 5,
    "lint": 5,
    "drift": 5,
    "report": 6,
    "studies": 7,
    "cli": 8,
    "__main__": 9,
    "__init__": 10,
}
SIBLINGS = {
    ("compare", "estimators"),
    ("generative", "compare"),
}  # baselines and the model axis; statistics of paired runs
LATE = {("_views", "report")}  # results find their views when first asked
APART = {("drift", "training"), ("drift", "models")}  # drift stands on divergence and data alone
FRONT_DOOR_USERS = {"__init__", "studies"}  # a study uses what everybody can use
PRINTING = {"cli", "report"}

LONGEST = 400
NAMELESS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}
GLOBAL_STATE = {
    "seed": {"random", "numpy.random", "np.random"},
    "set_random_seed": {"keras.utils", "utils"},
    "set_floatx": {"keras.config", "keras.backend", "backend", "config"},
    "set_image_data_format": {"keras.config", "keras.backend", "backend", "config"},
    "set_backend": {"keras.config", "config"},
    "set_global_policy": {"keras.mixed_precision", "mixed_precision"},
    "set_dtype_policy": {"keras.config", "config"},
    "seterr": {"numpy", "np"},
    "filterwarnings": {"warnings"},
    "simplefilter": {"warnings"},
}
UNSAFE_MODULES = {"pickle", "dill", "cloudpickle", "shelve", "marshal"}


def area(module: str) -> str:
    """Return the part of the house that a dotted name inside lossmith belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def module_name(path: Path, root: Path) -> str:
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def _package(path: Path, root: Path) -> list[str]:
    return list(path.relative_to(root).parts[:-1])


def imported(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import of lossmith, wherever it stands and however it is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "lossmith":
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                kept = package[: len(package) - node.level + 1]
                base = ".".join([*kept, base] if base else kept)
            if base == "lossmith":
                for alias in node.names:
                    yield node.lineno, f"lossmith.{alias.name}"
            elif base.startswith("lossmith."):
                yield node.lineno, base
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.args[0].value
            importing = _dotted(node.func).split(".")[-1] in {"import_module", "__import__"}
            if importing and isinstance(name, str) and name.startswith("lossmith"):
                yield node.lineno, name


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _forbidden(importer: str, imported_area: str) -> str:
    if importer == imported_area or (importer, imported_area) in SIBLINGS | LATE:
        return ""
    if importer not in LAYERS or imported_area not in LAYERS:
        unknown = imported_area if importer in LAYERS else importer
        return f"{unknown} is in no layer"
    if LAYERS[importer] == 0 == LAYERS[imported_area]:
        return ""
    if (importer, imported_area) in APART:
        return f"{importer} never trains: it imports {imported_area}"
    if LAYERS[importer] == LAYERS[imported_area]:
        return f"{importer} imports its sibling {imported_area}"
    if LAYERS[importer] < LAYERS[imported_area]:
        return f"{importer} (layer {LAYERS[importer]}) imports {imported_area} (layer {LAYERS[imported_area]})"
    return ""


def import_violations(path: Path, root: Path, tree: ast.AST) -> Iterator[str]:
    name = module_name(path, root)
    importer = area(name)
    for line, target in imported(tree, _package(path, root)):
        if target in {"lossmith", "lossmith.__version__"}:
            if target == "lossmith" and importer not in FRONT_DOOR_USERS:
                yield f"{name}:{line} imports the front door; import the part that is meant"
            continue
        problem = _forbidden(importer, area(target))
        if problem:
            yield f"{name}:{line} {problem}"


def style_violations(path: Path, root: Path, tree: ast.Module, text: str) -> Iterator[str]:
    name = module_name(path, root)
    for part in path.relative_to(root).with_suffix("").parts:
        if part.strip("_") in NAMELESS:
            yield f"{name} is named for nothing: {part}"
    lines = text.count("\n") + (not text.endswith("\n"))
    if lines > LONGEST:
        yield f"{name} has {lines} lines, more than {LONGEST}"
    if tree.body and not any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body):
        yield f"{name} lacks `from __future__ import annotations`"
    restored = _restored(tree)
    for node in ast.walk(tree):
        for problem in _node_problems(node, area(name), restored):
            yield f"{name}:{getattr(node, 'lineno', 0)} {problem}"


def _restored(tree: ast.AST) -> set[ast.AST]:
    """Return the nodes inside `with warnings.catch_warnings()`, which puts the filters back."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.With)
        for item in node.items
        if isinstance(item.context_expr, ast.Call) and _dotted(item.context_expr.func).endswith("catch_warnings")
        for inner in ast.walk(node)
    }


def _node_problems(node: ast.AST, where: str, restored: set[ast.AST]) -> Iterator[str]:
    if isinstance(node, ast.Assert):
        yield "asserts; raise an error of lossmith"
    elif isinstance(node, ast.ClassDef):
        for decorator in node.decorator_list:
            yield from _dataclass_problems(node.name, decorator)
    elif isinstance(node, ast.FunctionDef) and node.name.strip("_") in NAMELESS:
        yield f"function is named for nothing: {node.name}"
    elif isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] in UNSAFE_MODULES:
                yield f"imports {alias.name}: opening a file must not run code"
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE_MODULES:
        yield f"imports {node.module}: opening a file must not run code"
    elif isinstance(node, ast.Call):
        called = _dotted(node.func)
        owner, _, function = called.rpartition(".")
        if called == "print" and where not in PRINTING:
            yield "prints; only the command line and the report do"
        if owner in GLOBAL_STATE.get(function, set()) and node not in restored:
            yield f"changes global state: {called}"


def _dataclass_problems(name: str, decorator: ast.expr) -> Iterator[str]:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    if _dotted(call).split(".")[-1] != "dataclass":
        return
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    given = {keyword.arg for keyword in keywords if isinstance(keyword.value, ast.Constant) and keyword.value.value}
    if not {"frozen", "slots"} <= given:
        yield f"dataclass {name} is not frozen and slotted"


def violations(root: Path) -> list[str]:
    """Return every breach in the package under `root` (the folder that holds `lossmith/`)."""
    found: list[str] = []
    for path in sorted((root / "lossmith").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, filename=str(path))
        found += import_violations(path, root, tree)
        found += style_violations(path, root, tree, text)
    return found


def main() -> int:
    found = violations(Path(__file__).resolve().parents[1] / "src")
    print("\n".join(found) or "architecture: no violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
