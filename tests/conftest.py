"""What every test shares: the backend, the compile cache, Hypothesis's profile, the folder of real data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("MPLBACKEND", "agg")
# what a test changes about drawing is to be seen in what it draws
os.environ.setdefault("LOSSMITH_KEEP_FIGURES", "0")
# the workers take all cores: threads of OpenMP within each would only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")
# most of a first run is compiling, and programs this small run no slower for it; an empty XLA_FLAGS gives what users get
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# a second run of the suite compiles nothing
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

settings.register_profile("lossmith", derandomize=True, deadline=None, database=None)
settings.load_profile("lossmith")

# examples that train networks, and tests whose programs take longest to compile: the default run has shorter ones of each
LONG = (
    "_diagnosis.py::lossmith.generative._diagnosis.diagnose",
    "_autoencoders.py::lossmith.generative._autoencoders.Autoencoder",
    "_autoencoders.py::lossmith.generative._autoencoders.VariationalAutoencoder",
    "_feature_network.py::lossmith.generative._feature_network.train_feature_network",
    "_objective_comparison.py::lossmith.generative._objective_comparison.compare_objectives",
    "_model.py::lossmith.text._model.LanguageModel",
    "test_images.py::test_a_killed_comparison_goes_on_within_its_run",
    "test_resume.py::test_kill_from_outside_at_any_time",
    "test_recurrent_families.py::test_stacked_runs_are_those_alone[gru]",
    "test_equals_fit.py::test_a_head_of_two_units_equals_fit",
    "test_equals_fit.py::test_a_stacked_run_equals_the_same_run_alone[batch-norm]",
    "test_adversarial.py::test_penalties_of_a_linear_discriminator[r1]",
    "test_tracking.py::test_seeds_are_runs_where_asked",
    "test_approximate.py::test_reverse_direction",
)


def pytest_configure(config: pytest.Config) -> None:
    """Test on the CPU, whose numbers the tests state; tests of accelerators are asked for by `-m gpu`."""
    if config.option.markexpr != "gpu":
        os.environ.setdefault("JAX_PLATFORMS", "cpu")


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.endswith(LONG):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data sets; asking for it without naming one is an error, never a silent skip."""
    folder = os.environ.get("LOSSMITH_DATA")
    if not folder:
        pytest.fail("tests marked realdata need LOSSMITH_DATA=<folder of data sets>")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"LOSSMITH_DATA={folder} is not a folder")
    return path
