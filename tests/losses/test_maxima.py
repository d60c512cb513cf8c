"""Gradients through the largest of several numbers: none compares a maximum with numbers that may have been computed anew.

A library shares the gradient of a maximum among the entries that equal it. Compilers compute cheap entries again where they are
needed, rounded otherwise (a product and a sum in one step or in two); then no entry is equal, and the gradient is 0 / 0.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from loss_draws import N_CLASSES, draw_raw, draw_target
from lossmith import divergence, losses
from lossmith._arrays import constant, largest, logsumexp, namespace, peak_of

REDUCTIONS = {"reduce_max", "reduce_min"}
KEEPING = {"broadcast_in_dim", "reshape", "convert_element_type", "copy", "squeeze", "expand_dims", "select_n", "neg"}


def compared(function: Any, *arguments: Any) -> list[str]:
    """Return the comparisons for equality with a maximum in the gradient of a function."""
    found: list[str] = []

    def visit(jaxpr: Any, maxima: set[Any]) -> None:
        for equation in jaxpr.eqns:
            taken = [value for value in equation.invars if not hasattr(value, "val")]
            if equation.primitive.name == "eq" and any(value in maxima for value in taken):
                found.append(str(equation))
            if equation.primitive.name in REDUCTIONS or (
                equation.primitive.name in KEEPING and any(value in maxima for value in taken)
            ):
                maxima.update(equation.outvars)
            for parameter in equation.params.values():
                inner = getattr(parameter, "jaxpr", None)
                if inner is not None:
                    pairs = zip(inner.invars, equation.invars[-len(inner.invars) :], strict=True)
                    visit(inner, {own for own, given in pairs if not hasattr(given, "val") and given in maxima})

    visit(jax.make_jaxpr(jax.grad(lambda *given: function(*given).sum()))(*arguments).jaxpr, set())
    return found


@pytest.mark.parametrize("name", list(losses.EVERY))
def test_no_loss_compares_with_a_maximum(name: str) -> None:
    loss = losses.get(name)
    raw = jnp.asarray(np.asarray(draw_raw(loss, 12, 3)), jnp.float32)
    target = jnp.asarray(np.asarray(draw_target(loss, 12, 4)), jnp.float32)
    assert compared(lambda raw: loss.pointwise(raw, target, xp=jnp), raw) == []


@pytest.mark.parametrize("alpha", [0.5, 2.0, float("inf")])
def test_no_divergence_compares_with_a_maximum(alpha: float) -> None:
    p, q = jnp.asarray([[0.2, 0.3, 0.5]]), jnp.asarray([[0.3, 0.3, 0.4]])
    assert compared(lambda p: divergence.renyi_divergence(p, q, alpha=alpha, check=False), p) == []


def test_what_would_be_found() -> None:
    """The maximum itself, and a logarithm of a sum that subtracts it, are found; what the losses use is not."""
    x = jnp.asarray([[1.0, 2.0, 2.5], [0.5, 0.1, 0.2]])
    shifted = lambda x: jnp.log(jnp.exp(x - x.max(-1, keepdims=True)).sum(-1)) + x.max(-1)  # noqa: E731
    for function in (lambda x: x.max(-1), lambda x: -(-x).min(-1), jax.jit(lambda x: x.max(-1)), shifted):
        assert compared(function, x)
    for function in (lambda x: logsumexp(jnp, x), lambda x: largest(jnp, x), lambda x: x - peak_of(jnp, x)):
        assert compared(function, x) == []


def test_the_largest_and_its_gradient() -> None:
    x = np.array([[1.0, 3.0, 2.0], [5.0, 4.0, 5.0], [-np.inf, -1.0, -2.0]])
    for axis in (-1, 0, 1):
        assert np.array_equal(largest(namespace(x), x, axis=axis), x.max(axis))
    found = jax.grad(lambda x: (largest(jnp, x) * jnp.asarray([1.0, 2.0, 3.0])).sum())(jnp.asarray(x))
    assert found.tolist() == [[0.0, 1.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0]]  # of equal ones, the first
    assert np.isnan(largest(namespace(x), np.array([1.0, np.nan, 2.0])))
    assert largest(namespace(x), np.array([[-np.inf, np.inf]])).tolist() == [np.inf]


def test_a_constant_has_no_gradient() -> None:
    x = jnp.asarray([1.0, 2.0])
    assert jax.grad(lambda x: (x * constant(jnp, x)).sum())(x).tolist() == [1.0, 2.0]
    assert constant(np, np.ones(2)).tolist() == [1.0, 1.0]


def test_a_row_that_had_no_gradient() -> None:
    """Found in training, with little optimisation by the compiler: numbers like all others, and a gradient that was NaN."""
    raw = jnp.asarray([[-0.06391283124685287, -0.15818536281585693, 0.03658214211463928, 0.09914551675319672]] * 96)
    target = jnp.asarray([[0.12286302447319031, 0.6735392212867737, 0.14936482906341553, 0.05423291400074959]] * 96)
    loss = losses.get("ldr_kl")
    found = jax.jit(jax.grad(lambda raw, target: loss.pointwise(raw, target, xp=jnp).mean()))(raw, target)
    scores = np.asarray(raw, np.float64) + 0.1 * (1 - np.asarray(target, np.float64))
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    assert np.asarray(found) == pytest.approx((p - np.asarray(target) * p.sum(-1, keepdims=True)) / 96, abs=1e-8)
    assert raw.shape[-1] == N_CLASSES
