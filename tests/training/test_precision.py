"""Networks that compute in half precision: the losses do not, and small gradients do not vanish."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from lossmith import losses, models
from lossmith.training import GradientProcedure
from lossmith.training._layers import compute_in
from lossmith.training._spec import Batch, Hyper
from lossmith.training.gradient import in_single
from lossmith.training.optimizers import make_optimizer

HALF = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16}


def made(precision, *, model="mlp:hidden=16", shape=(3,), scale=1.0, loss="mse"):
    network = models.get(model).network(shape, 1)
    if precision != "float32":
        compute_in(network, precision)
    return GradientProcedure(
        network, make_optimizer("sgd", learning_rate=1.0), [losses.get(loss)], [0], loss_scale=scale
    )


def rows(size=1.0, n=8):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(n, 3)).astype(np.float32)
    return Batch(inputs, ((size * rng.normal(size=n)).astype(np.float32),), np.ones(n, np.float32))


def products(function, *arguments):
    """Types of the operands of every matrix product of a function."""
    text = jax.make_jaxpr(function)(*arguments)
    found = []

    def look(jaxpr):
        for equation in jaxpr.eqns:
            if equation.primitive.name == "dot_general":
                found.append(tuple(str(one.aval.dtype) for one in equation.invars))
            for value in equation.params.values():
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    look(inner)

    look(text.jaxpr)
    return found


@pytest.mark.parametrize("precision", list(HALF))
def test_the_body_computes_in_half_the_head_and_all_variables_in_single(precision):
    procedure = made(precision)
    state = procedure.init(0)
    assert products(procedure.predict, state, rows().inputs) == [(precision, precision), ("float32", "float32")]
    assert products(made("float32").predict, state, rows().inputs) == [("float32", "float32")] * 2
    stepped, _ = procedure.step(state, rows(), Hyper(0, 0.1))
    for leaf in jax.tree.leaves(stepped):
        assert jnp.asarray(leaf).dtype not in (jnp.bfloat16, jnp.float16)
    assert procedure.predict(state, rows().inputs).dtype == jnp.float32


@pytest.mark.parametrize("precision", list(HALF))
def test_raw_outputs_are_those_of_rounding_by_hand(precision):
    procedure = made(precision)
    state = procedure.init(3)
    kernel, bias, head, offset = (np.asarray(value, np.float32) for value in state.trainable)
    half = HALF[precision]
    inputs = rows().inputs

    def rounded(value):
        return value.astype(half).astype(np.float32)

    hidden = np.maximum(rounded(rounded(rounded(inputs) @ rounded(kernel)) + rounded(bias)), 0)
    expected = hidden @ head + offset
    found = np.asarray(procedure.predict(state, inputs))
    step = float(ml_dtypes.finfo(half).eps)
    np.testing.assert_allclose(found, expected, rtol=4 * step, atol=4 * step)
    single = np.asarray(made("float32").predict(state, inputs))
    assert np.abs(found - single).max() > 0.01 * step


@pytest.mark.parametrize("precision", list(HALF))
def test_losses_see_single_precision(precision):
    seen = []
    procedure = made(precision)
    pointwise = procedure.pointwise

    def watched(which, raw, targets):
        seen.append(raw.dtype)
        return pointwise(which, raw, targets)

    procedure.pointwise = watched
    state = procedure.init(0)
    procedure.step(state, rows(), Hyper(0, 0.1))
    procedure.evaluate(state, rows(), Hyper(0, 0.1))
    assert seen == [jnp.float32, jnp.float32]


def test_a_model_that_ends_in_half_is_put_right():
    for dtype in (jnp.bfloat16, jnp.float16):
        assert in_single(jnp.ones(3, dtype)).dtype == jnp.float32
    assert in_single(jnp.ones(3, jnp.int32)).dtype == jnp.int32


def test_small_gradients_survive_float16_by_the_scale_of_the_loss():
    """Of targets around 1e-4 the gradients of the body are some 1e-9: zero in float16 (whose least number is 6e-8), but for a scale."""
    batch = rows(size=1.0)
    small = batch._replace(targets=(batch.targets[0] * 0 + 1e-4,))

    def gradient(precision, scale):
        procedure = made(precision, scale=scale)
        state = procedure.init(0)
        # a head so small that what it hands back to the body is smaller than float16 knows
        state.trainable[2] = np.asarray(state.trainable[2]) * np.float32(1e-4)
        after, values = procedure.step(state, small, Hyper(0, np.float32(1.0)))
        return np.asarray(state.trainable[0]) - np.asarray(after.trainable[0]), float(values[0])

    exact, loss = gradient("float32", 1.0)
    assert 0 < np.abs(exact).max() < 6e-8
    plain, _ = gradient("float16", 1.0)
    scaled, scaled_loss = gradient("float16", 2.0**20)
    assert np.abs(plain).max() < np.abs(exact).max() / 2 or np.abs(plain - exact).max() > 0.3 * np.abs(exact).max()
    np.testing.assert_allclose(scaled, exact, atol=0.05 * np.abs(exact).max())
    np.testing.assert_allclose(scaled_loss, loss, rtol=1e-2)
    # in single precision the scale changes nothing
    np.testing.assert_allclose(gradient("float32", 1024.0)[0], exact, rtol=1e-5, atol=1e-14)


def test_normalisation_keeps_its_moments_in_single_precision():
    procedure = made("bfloat16", model="mlp:hidden=8,batch_norm=true")
    state = procedure.init(0)
    stepped, _ = procedure.step(state, rows(), Hyper(0, 0.1))
    assert len(state.other) >= 2
    for before, after in zip(jax.tree.leaves(state.other), jax.tree.leaves(stepped.other), strict=True):
        assert jnp.asarray(before).dtype == jnp.asarray(after).dtype


@pytest.mark.slow
@pytest.mark.parametrize("precision", list(HALF))
def test_a_comparison_in_half_precision_says_so_and_comes_to_the_same(precision, tmp_path):
    import lossmith

    options = {"losses": "bce,hinge", "seeds": 4, "epochs": 40, "learning_rates": "configured"}
    single = lossmith.compare("circles", **options)
    half = lossmith.compare("circles", precision=precision, store=tmp_path / "x.db", **options)
    assert half.settings.extra["precision"] == precision
    assert "precision" not in single.settings.extra
    for one in single.standings:
        (other,) = (each for each in half.standings if each.loss == one.loss)
        assert abs(one.metric.mean - other.metric.mean) < 0.03
    assert not half.trials.equals(single.trials)
    assert lossmith.compare.repeat(1, store=tmp_path / "x.db").trials.equals(half.trials)
    assert f"--precision {precision}" in half._repr_html_()


def test_another_precision_is_refused():
    import lossmith

    with pytest.raises(ValueError, match="float32, bfloat16, float16"):
        lossmith.compare("circles", precision="float8", dry_run=True)
