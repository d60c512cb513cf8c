"""Sums without an end against zeta functions and closed forms."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest

from lossmith.divergence._series import sum_outwards


@pytest.mark.parametrize("s", [1.02, 1.3, 2.0, 3.7])
def test_powers_sum_to_zeta(s: float) -> None:
    found = sum_outwards(lambda k: k**-s, 1.0, math.inf, 1, 0.0)
    assert found.value == pytest.approx(float(mp.zeta(s)), rel=1e-12)
    assert abs(found.value - float(mp.zeta(s))) <= found.error + 1e-13 * found.value


def test_logarithms_times_powers_downwards() -> None:
    found = sum_outwards(lambda k: np.log(-k) * (-k) ** -1.5, -1.0, -math.inf, -1, 0.0)
    assert found.value == pytest.approx(-float(mp.zeta(1.5, derivative=1)), rel=1e-11)


def test_what_has_no_sum_is_infinite() -> None:
    assert sum_outwards(lambda k: 1 / k, 1.0, math.inf, 1, 0.0).value == math.inf
    assert sum_outwards(lambda k: np.sqrt(k), 1.0, math.inf, 1, 0.0).value == math.inf


def test_a_sum_that_ends_far_out() -> None:
    """The harmonic number of 10^12 by Euler's expansion."""
    n = 1e12
    exact = math.log(n) + 0.57721566490153286 + 1 / (2 * n)
    found = sum_outwards(lambda k: 1 / k, 1.0, n, 1, 0.0)
    assert found.value == pytest.approx(exact, rel=1e-13) and abs(found.value - exact) <= found.error + 1e-12


def test_a_bump_far_from_the_start() -> None:
    """A bell of width 3e5 around 4e9 is narrow in its doubling; its places are named, as quantiles name them."""
    bell = lambda k: np.exp(-0.5 * ((k - 4e9) / 3e5) ** 2) / (3e5 * math.sqrt(2 * math.pi))  # noqa: E731
    places = [4e9 - 2e6, 4e9 - 3e5, 4e9, 4e9 + 3e5, 4e9 + 2e6]
    found = sum_outwards(bell, 0.0, math.inf, 1, 5e9, places)
    assert found.value == pytest.approx(1.0, rel=1e-9) and abs(found.value - 1) <= found.error + 1e-9


def test_values_that_are_no_numbers_are_said() -> None:
    found = sum_outwards(lambda k: np.where(k > 1e7, np.nan, k**-1.1), 1.0, math.inf, 1, 0.0)
    assert math.isinf(found.error) and found.note
