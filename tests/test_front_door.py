"""The front door: what it opens, that it is documented, light and silent, and that it changes nothing."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import lossmith

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"


def public_modules() -> list[str]:
    names = ["lossmith"]
    for module in pkgutil.walk_packages([str(SOURCE / "lossmith")], "lossmith."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            names.append(module.name)
    return names


# need what the examples do without: PyTorch, fairlearn, skops, the files of a known set
WITHOUT_EXAMPLE = {"as_torch", "fairness", "load_classical", "load_image_set", "save_classical"}


@pytest.mark.parametrize("name", public_modules())
def test_public_names_are_listed_and_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__ and module.__doc__.strip(), f"{name} has no docstring"
    assert hasattr(module, "__all__"), f"{name} does not list its public names"
    problems = []
    for public in module.__all__:
        value = getattr(module, public)
        documented = inspect.isfunction(value) or inspect.isclass(value)
        if not documented:
            continue
        text = inspect.getdoc(value) or ""
        # a generated dataclass docstring is only its signature
        if not text or text.startswith(f"{public}("):
            problems.append(f"{name}.{public} has no docstring")
        elif inspect.isfunction(value) and name.count(".") < 2 and public not in WITHOUT_EXAMPLE and ">>>" not in text:
            problems.append(f"{name}.{public} has no example")
    assert problems == []


def run(code: str, **environment: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("KERAS_", "JAX_", "MPL"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=clean | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


HEAVY = {
    "jax",
    "jaxlib",
    "keras",
    "matplotlib",
    "optax",
    "scipy.stats",
    "sklearn",
    "tensorflow",
    "torch",
    "polars",
    "pandas",
}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import lossmith", HEAVY | {"numpy", "scipy", "typer", "rich"}),
        ("import lossmith.divergence", HEAVY),
        ("import lossmith.losses", HEAVY),
        ("import lossmith.cli", HEAVY | {"numpy", "scipy"}),
    ],
)
def test_importing_is_light_and_silent(statement, heavy):
    out = run(f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))")
    lines = out.splitlines()
    assert len(lines) == 1, "something was printed on import"
    assert heavy & set(json.loads(lines[0])) == set()


def test_importing_changes_no_global_state():
    modules = [name for name in public_modules() if not name.startswith("lossmith.cli")]
    out = run(
        "import os, warnings, random, json\n"
        "import jax, keras, matplotlib, polars, sklearn, numpy as np\n"  # what these set themselves is theirs
        "def state():\n"
        "    return [dict(os.environ), keras.config.floatx(), keras.config.image_data_format(), keras.config.backend(),\n"
        "            str(keras.config.dtype_policy().name), {k: repr(v) for k, v in jax.config.values.items()},\n"
        "            repr(np.geterr()), repr(np.random.get_state()[1].tolist()), repr(random.getstate()),\n"
        "            repr(warnings.filters), repr(np.get_printoptions())]\n"
        "before = state()\n"
        "import importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "after = state()\n"
        "print([i for i, (a, b) in enumerate(zip(before, after)) if a != b])",
        KERAS_BACKEND="jax",
    )
    assert out.strip() == "[]"


def test_the_front_door_lists_what_it_opens():
    assert dir(lossmith) == sorted(lossmith.__all__)
    for name in lossmith.__all__:
        assert getattr(lossmith, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        lossmith.nonsense  # noqa: B018


def test_the_type_checker_sees_the_same_front_door():
    tree = ast.parse((SOURCE / "lossmith" / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen | {"__version__"} == set(lossmith.__all__)


def test_a_comparison_is_called_by_the_name_of_its_package(monkeypatch):
    import lossmith.compare.api

    called: dict[str, object] = {}
    monkeypatch.setattr(
        lossmith.compare.api, "compare", lambda source, **options: called.update(options, source=source)
    )
    lossmith.compare("circles", seeds=3)
    assert called == {"source": "circles", "seeds": 3}
    assert lossmith.compare.Comparison.__name__ == "Comparison"


def test_a_mistyped_name_is_answered_as_python_does():
    from lossmith import losses

    with pytest.raises(ImportError, match="cannot import name 'loses'"):
        from lossmith import loses  # noqa: F401
    with pytest.raises(AttributeError):
        losses.gett  # noqa: B018
