"""The house is built as its plan says, and the test that says so can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

import architecture

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"


def test_the_source_keeps_every_rule():
    assert architecture.violations(SOURCE) == []


def plant(root: Path, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        path = root / "lossmith" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("from __future__ import annotations\n" + text, encoding="utf-8")
    return architecture.violations(root)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"losses/bad.py": "import lossmith.training.loop\n"}, "losses (layer 2) imports training", id="import"),
        pytest.param({"losses/bad.py": "from lossmith import compare\n"}, "losses (layer 2) imports compare", id="from-front"),
        pytest.param({"losses/bad.py": "from lossmith.report import html\n"}, "imports report (layer 6)", id="from"),
        pytest.param({"losses/bad.py": "from ..compare import table\n"}, "imports compare (layer 5)", id="relative"),
        pytest.param({"losses/bad.py": "from .. import compare\n"}, "imports compare (layer 5)", id="relative-package"),
        pytest.param({"losses/__init__.py": "from ..cli import main\n"}, "imports cli (layer 8)", id="relative-init"),
        pytest.param(
            {"data/bad.py": "def late():\n    from lossmith.cli import main\n    return main\n"},
            "data (layer 1) imports cli",
            id="inside-a-function",
        ),
        pytest.param(
            {"data/bad.py": "import importlib\nm = importlib.import_module('lossmith.report')\n"},
            "data (layer 1) imports report",
            id="import_module",
        ),
        pytest.param({"data/bad.py": "from lossmith import divergence\n"}, "data imports its sibling divergence", id="sibling"),
        pytest.param({"estimators/bad.py": "from lossmith import compare\n"}, "imports its sibling compare", id="one-way"),
        pytest.param({"drift/bad.py": "from lossmith.training import loop\n"}, "drift never trains", id="drift"),
        pytest.param({"data/bad.py": "import lossmith\n"}, "imports the front door", id="front-door"),
        pytest.param({"plumbing/bad.py": "from lossmith import data\n"}, "plumbing is in no layer", id="unknown-area"),
        pytest.param({"data/utils.py": ""}, "named for nothing: utils", id="drawer"),
        pytest.param({"data/bad.py": "def helper():\n    return 1\n"}, "named for nothing: helper", id="drawer-function"),
        pytest.param({"data/bad.py": "#\n" * 400}, "has 401 lines", id="long"),
        pytest.param({"data/bad.py": "assert True\n"}, "asserts", id="assert"),
        pytest.param({"data/bad.py": "print('hello')\n"}, "prints", id="print"),
        pytest.param({"data/bad.py": "import numpy as np\nnp.random.seed(0)\n"}, "global state: np.random.seed", id="seed"),
        pytest.param(
            {"data/bad.py": "import keras\nkeras.utils.set_random_seed(0)\n"}, "global state: keras.utils", id="keras-seed"
        ),
        pytest.param(
            {"data/bad.py": "import warnings\nwarnings.simplefilter('ignore')\n"}, "global state: warnings", id="warnings"
        ),
        pytest.param({"data/bad.py": "import pickle\n"}, "imports pickle", id="pickle"),
        pytest.param({"data/bad.py": "def f():\n    from pickle import loads\n"}, "imports pickle", id="pickle-from"),
        pytest.param(
            {"data/bad.py": "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass A:\n    a: int\n"},
            "dataclass A is not frozen and slotted",
            id="dataclass",
        ),
        pytest.param(
            {"data/bad.py": "import dataclasses\n@dataclasses.dataclass\nclass A:\n    a: int\n"},
            "dataclass A is not frozen and slotted",
            id="bare-dataclass",
        ),
    ],
)  # fmt: skip
def test_a_planted_violation_is_found(tmp_path, files, expected):
    found = plant(tmp_path, files)
    assert len(found) == 1 and expected in found[0], found


def test_a_missing_future_import_is_found(tmp_path):
    (tmp_path / "lossmith").mkdir()
    (tmp_path / "lossmith" / "_errors.py").write_text("x = 1\n")
    assert architecture.violations(tmp_path) == ["lossmith._errors lacks `from __future__ import annotations`"]


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"compare/good.py": "from lossmith.estimators import mlp\n"}, id="compare-uses-estimators"),
        pytest.param(
            {"_views.py": "import importlib\nimportlib.import_module('lossmith.report')\n"}, id="late-binding"
        ),
        pytest.param(
            {"losses/good.py": "from lossmith import divergence, __version__\nfrom . import _spec\n"}, id="downward"
        ),
        pytest.param(
            {"data/good.py": "import warnings\nwith warnings.catch_warnings():\n    warnings.simplefilter('ignore')\n"},
            id="restored-warnings",
        ),
        pytest.param({"cli/good.py": "print('shown')\n"}, id="the-command-line-prints"),
        pytest.param({"data/good.py": "#\n" * 399}, id="just-short-enough"),
    ],
)
def test_what_is_allowed_is_not_reported(tmp_path, files):
    assert plant(tmp_path, files) == []


def test_every_part_of_the_source_has_a_layer():
    parts = {path.stem if path.is_file() else path.name for path in (SOURCE / "lossmith").iterdir()}
    parts -= {"py", "__pycache__"}  # py.typed
    assert parts - set(architecture.LAYERS) == set()


def test_no_python_file_of_the_project_is_too_long():
    long = []
    for folder in ("src", "tests", "benchmarks", "docs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > architecture.LONGEST:
                long.append(f"{path.relative_to(ROOT)}: {lines}")
    assert long == []
