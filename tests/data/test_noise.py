"""Label noise: an exact number of labels, the right distribution, nothing else changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith._errors import DomainError, InvalidInputError, ShapeError
from lossmith.data import replace_labels


@given(
    n_samples=st.integers(0, 300),
    n_classes=st.integers(2, 12),
    rate=st.floats(0, 1),
    kind=st.sampled_from(["symmetric", "asymmetric"]),
    seed=st.integers(0, 2**32),
)
def test_exact_rate(n_samples: int, n_classes: int, rate: float, kind: str, seed: int) -> None:
    clean = np.random.default_rng(seed + 1).integers(0, n_classes, size=n_samples)
    before = clean.copy()
    noisy = replace_labels(clean, n_classes=n_classes, rate=rate, kind=kind, rng=np.random.default_rng(seed))  # type: ignore[arg-type]
    assert np.array_equal(clean, before)
    assert noisy.dtype == clean.dtype
    changed = noisy != clean
    assert int(changed.sum()) == round(rate * n_samples)
    assert set(noisy.tolist()) <= set(range(n_classes))
    if kind == "asymmetric":
        assert np.array_equal(noisy[changed], (clean[changed] + 1) % n_classes)


def test_symmetric_noise_is_uniform_over_other_classes_and_rows() -> None:
    clean = np.full(100_000, 2, dtype=np.int64)
    noisy = replace_labels(clean, n_classes=5, rate=0.4, rng=np.random.default_rng(3))
    counts = np.bincount(noisy, minlength=5)
    assert counts[2] == 60_000
    # each other class is binomial(40,000, 1/4), standard deviation 87
    assert np.abs(counts[[0, 1, 3, 4]] - 10_000).max() < 5 * 87
    halves = (noisy != clean).reshape(2, -1).sum(axis=1)
    assert abs(int(halves[0]) - 20_000) < 5 * 78  # hypergeometric, standard deviation 77.5


def test_deterministic_in_the_generator() -> None:
    clean = np.arange(50) % 3
    one, two, other = (
        replace_labels(clean, n_classes=3, rate=0.5, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_uint8_labels_do_not_overflow() -> None:
    clean = np.full(1000, 255, dtype=np.uint8)
    noisy = replace_labels(clean, n_classes=256, rate=1, rng=np.random.default_rng(0))
    assert (noisy != 255).all()
    assert replace_labels(clean, n_classes=256, rate=1, kind="asymmetric", rng=np.random.default_rng(0)).max() == 0


@pytest.mark.parametrize(
    ("target", "options", "error", "words"),
    [
        ([0, 1], {"rate": 1.5}, DomainError, "noise rate 1.5"),
        ([0, 1], {"rate": float("nan")}, DomainError, "noise rate nan"),
        ([0, 2], {}, DomainError, "from 0 to 2"),
        ([-1, 1], {}, DomainError, "from -1 to 1"),
        ([0, 1], {"kind": "symetric"}, InvalidInputError, "did you mean 'symmetric'"),
        ([0, 0], {"n_classes": 1}, InvalidInputError, "at least 2"),
        ([0.0, 1.0], {}, InvalidInputError, "float64"),
        ([[0, 1]], {}, ShapeError, "shape (1, 2)"),
    ],
)
def test_bad_arguments(target: list[object], options: dict[str, object], error: type[Exception], words: str) -> None:
    arguments = {"n_classes": 2, "rate": 0.5, "rng": np.random.default_rng(0), **options}
    with pytest.raises(error) as raised:
        replace_labels(np.array(target), **arguments)  # type: ignore[arg-type]
    assert words in str(raised.value)
