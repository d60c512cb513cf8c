"""Functions that must be right at zero, at infinity and in both precisions; the references are mpmath and limits."""

from __future__ import annotations

import array_api_strict
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith import _arrays as arrays
from lossmith._errors import InvalidInputError

XP = arrays.namespace(np.zeros(1))
EXTREME = [-1e4, -745.0, -104.0, -50.0, -1.5, -1e-12, 0.0, 1e-12, 0.7, 30.0, 104.0, 710.0, 1e4]


def exact(function, value: float) -> float:
    with mpmath.workdps(60):
        return float(function(mpmath.mpf(value)))


@pytest.mark.parametrize("value", EXTREME)
@pytest.mark.parametrize(
    ("function", "reference"),
    [
        (arrays.softplus, lambda x: mpmath.log1p(mpmath.exp(x))),
        (arrays.log_sigmoid, lambda x: -mpmath.log1p(mpmath.exp(-x))),
        (arrays.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x))),
    ],
    ids=["softplus", "log_sigmoid", "sigmoid"],
)
def test_logistic_functions_equal_the_exact_value(function, reference, value):
    result = function(XP, np.asarray([value]))
    assert result[0] == pytest.approx(exact(reference, value), rel=1e-14, abs=1e-320)
    single = function(XP, np.asarray([value], dtype=np.float32))
    assert single.dtype == np.float32
    assert single[0] == pytest.approx(exact(reference, float(np.float32(value))), rel=5e-7, abs=1e-40)


@pytest.mark.parametrize("value", EXTREME)
def test_gradients_of_logistic_functions_are_the_sigmoid(value):
    # in single precision, the working precision of training
    xp = arrays.namespace(jnp.zeros(1))
    reference = exact(lambda x: 1 / (1 + mpmath.exp(-x)), value)
    slope = jax.grad(lambda x: arrays.softplus(xp, x))(jnp.float32(value))
    assert float(slope) == pytest.approx(reference, rel=1e-6, abs=1e-37)
    slope = jax.grad(lambda x: arrays.log_sigmoid(xp, x))(jnp.float32(value))
    assert float(slope) == pytest.approx(1 - reference, rel=1e-5, abs=1e-6)
    curve = jax.grad(lambda x: arrays.sigmoid(xp, x))(jnp.float32(value))
    assert float(curve) == pytest.approx(reference * (1 - reference), rel=1e-5, abs=1e-7)


def test_x_log_y_is_zero_at_zero_whatever_the_other_is():
    x = np.array([0.0, 0.0, 0.0, 0.25, 1.0, 0.5])
    y = np.array([0.0, np.inf, 0.3, 0.25, 1.0, np.inf])
    expected = [0.0, 0.0, 0.0, 0.25 * np.log(0.25), 0.0, np.inf]
    np.testing.assert_allclose(arrays.xlogy(XP, x, y), expected, rtol=1e-15)
    with np.errstate(divide="ignore"):
        assert arrays.xlogy(XP, np.array([0.5]), np.array([0.0]))[0] == -np.inf


def test_x_log_y_has_a_zero_gradient_at_zero():
    xp = arrays.namespace(jnp.zeros(1))
    assert float(jax.grad(lambda y: arrays.xlogy(xp, jnp.float32(0.0), y))(jnp.float32(0.0))) == 0.0
    assert float(jax.grad(lambda x: arrays.entropy_term(xp, x))(jnp.float32(0.0))) == 0.0
    assert float(jax.grad(lambda x: arrays.entropy_term(xp, x))(jnp.float32(0.5))) == pytest.approx(
        1 + np.log(0.5), rel=1e-6
    )


def test_relu_has_subgradient_zero_at_zero():
    xp = arrays.namespace(jnp.zeros(1))
    slope = jax.grad(lambda x: arrays.relu(xp, x))
    assert [float(slope(jnp.float32(x))) for x in (-1.0, 0.0, 1.0)] == [0.0, 0.0, 1.0]


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=6))
def test_log_sum_exp_equals_the_exact_value(values):
    with mpmath.workdps(400):
        expected = float(mpmath.log(sum(mpmath.exp(mpmath.mpf(value)) for value in values)))
    assert arrays.logsumexp(XP, np.asarray([values]))[0, 0] == pytest.approx(expected, rel=1e-13, abs=1e-13)


def test_log_sum_exp_of_infinities():
    with np.errstate(divide="ignore"):
        assert arrays.logsumexp(XP, np.array([[-np.inf, -np.inf]]))[0, 0] == -np.inf
    assert arrays.logsumexp(XP, np.array([[np.inf, 0.0]]))[0, 0] == np.inf
    assert arrays.logsumexp(XP, np.array([[-np.inf, 3.0]]))[0, 0] == 3.0


def test_log_softmax_does_not_overflow_and_sums_to_one():
    raw = np.array([[1e4, 0.0, -1e4], [0.0, 0.0, 0.0]])
    result = arrays.log_softmax(XP, raw)
    np.testing.assert_array_equal(result[0], [0.0, -1e4, -2e4])
    np.testing.assert_allclose(result[1], -np.log(3), rtol=1e-15)
    assert arrays.log_softmax(XP, raw[:, :1]).tolist() == [[0.0], [0.0]]


def test_only_one_library_at_a_time():
    with pytest.raises(InvalidInputError, match=r"arguments of type list.*convert lists with numpy\.asarray"):
        arrays.namespace([1.0, 2.0])
    with pytest.raises(InvalidInputError, match="arrays of one library"):
        arrays.namespace(np.zeros(1), array_api_strict.zeros(1))


def test_integers_and_booleans_are_integers():
    assert arrays.is_integer(XP, np.zeros(1, dtype=np.uint8))
    assert arrays.is_integer(XP, np.zeros(1, dtype=bool))
    assert not arrays.is_integer(XP, np.zeros(1, dtype=np.float32))


def test_tolerance_is_the_root_of_the_machine_epsilon():
    assert arrays.tolerance(XP, np.float64) == 2.0**-26
    assert arrays.tolerance(XP, np.float32) == pytest.approx(2.0**-11.5, rel=1e-15)


@pytest.mark.parametrize(
    "function", [arrays.softplus, arrays.sigmoid, arrays.relu, arrays.log_softmax, arrays.logsumexp]
)
def test_the_standard_alone_is_enough(function):
    raw = [[-2.0, 0.0, 3.0]]
    strict = function(array_api_strict, array_api_strict.asarray(raw))
    np.testing.assert_array_equal(np.asarray(strict), function(XP, np.asarray(raw)))
