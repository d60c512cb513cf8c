"""Losses as objects of Keras, Optax and PyTorch: equal values, checked shapes, and files that keep every parameter."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from loss_draws import (
    N_CLASSES,
    differences,
    draw_raw,
    draw_target,
    one_of_each_kind_first,
    some_configurations,
    values,
)
from lossmith import losses
from lossmith._errors import InvalidInputError, ShapeError
from lossmith.losses import as_keras, as_optax, as_torch


@pytest.mark.parametrize("loss", one_of_each_kind_first(some_configurations()))
def test_keras_object_equals_the_loss(loss) -> None:
    raw, target = draw_raw(loss, 12, 0), draw_target(loss, 12, 1)
    column = raw[:, None] if loss.head.units == 1 else raw
    expected = values(loss, raw, target)
    for given in (target, target[:, None]) if target.ndim == 1 else (target,):
        theirs = np.asarray(as_keras(loss, reduction=None)(given, column)).ravel()
        np.testing.assert_allclose(theirs, expected, rtol=5e-5, atol=1e-5)
    assert float(as_keras(loss)(target, column)) == pytest.approx(float(expected.mean()), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("loss", some_configurations(), ids=str)
def test_keras_object_survives_serialisation(loss) -> None:
    own = as_keras(loss, reduction="sum")
    again = keras.losses.deserialize(keras.losses.serialize(own))
    assert again.loss == loss
    assert (again.reduction, again.name) == ("sum", loss.name)


def test_parameters_survive_a_keras_file(tmp_path) -> None:
    loss = losses.get("huber:delta=3")
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss=loss.as_keras())
    x, y = np.ones((8, 2), dtype=np.float32), np.full(8, 9.0, dtype=np.float32)
    before = model.evaluate(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(before, rel=1e-6)
    assert loaded.loss.loss == loss


def test_class_ids_one_hot_and_soft_rows_are_one_loss_in_keras() -> None:
    loss = losses.get("categorical_crossentropy")
    raw, ids = draw_raw(loss, 6, 2), np.array([0, 1, 2, 3, 0, 1])
    rows = np.eye(N_CLASSES)[ids]
    own = as_keras(loss, reduction=None)
    for target in (ids, ids[:, None], rows):
        np.testing.assert_allclose(np.asarray(own(target, raw)), loss(raw, ids), rtol=1e-5)


@pytest.mark.parametrize(
    "name, target",
    [("cce", np.array([0, N_CLASSES])), ("poisson", np.array([1.0, -1.0])), ("hinge", np.array([1.0, 0.0]))],
)
def test_targets_outside_become_nan_in_keras(name, target) -> None:
    loss = losses.get(name)
    raw = np.zeros((2, loss.units(N_CLASSES)))
    value = np.asarray(as_keras(loss, reduction=None)(target, raw)).ravel()
    assert np.isfinite(value[0]) and np.isnan(value[1])


def test_keras_object_refuses_shapes_that_would_broadcast() -> None:
    with pytest.raises(ShapeError):
        as_keras(losses.get("mse"), reduction=None)(np.zeros((4, 1)), np.zeros((4, 3)))
    with pytest.raises(ShapeError):
        as_keras(losses.get("cce"), reduction=None)(np.full((4, 2), 0.5), np.zeros((4, 3)))


def _differences(loss, raw: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return finite differences of the sum over rows, in NumPy."""
    if not loss.batchwise:
        return differences(loss, raw, target, step=1e-5)
    found = np.empty_like(raw)
    for place in np.ndindex(*raw.shape):
        shift = np.zeros_like(raw)
        shift[place] = 1e-5
        found[place] = np.sum(values(loss, raw + shift, target) - values(loss, raw - shift, target)) / 2e-5
    return found


@pytest.mark.parametrize("loss", one_of_each_kind_first(some_configurations()))
def test_optax_function_equals_the_loss_and_compiles(loss) -> None:
    raw, target = draw_raw(loss, 12, 3), draw_target(loss, 12, 4)
    function = as_optax(loss)
    assert function.__name__ == loss.name
    with jax.enable_x64(True):
        value, slope = jax.jit(jax.value_and_grad(lambda z: jnp.sum(function(z, jnp.asarray(target)))))(
            jnp.asarray(raw)
        )
    assert float(value) == pytest.approx(float(values(loss, raw, target).sum()), rel=1e-9)
    np.testing.assert_allclose(slope, _differences(loss, raw, target), rtol=1e-6, atol=1e-8)
    with pytest.raises(ShapeError):
        function(jnp.asarray(raw), jnp.asarray(target)[:, None])


def test_optax_function_takes_class_ids() -> None:
    loss = losses.get("gce:q=0.7")
    raw, ids = draw_raw(loss, 5, 5), np.array([0, 3, 1, 2, 2])
    np.testing.assert_allclose(as_optax(loss)(raw, ids), loss(raw, ids), rtol=1e-5)


@pytest.mark.peers
@pytest.mark.parametrize("loss", some_configurations(), ids=str)
def test_torch_module_equals_the_loss(loss) -> None:
    import torch

    raw, target = draw_raw(loss, 12, 6), draw_target(loss, 12, 7)
    module = as_torch(loss, reduction="none")
    tensor = torch.tensor(raw, requires_grad=True)
    value = module(tensor, torch.tensor(target))
    np.testing.assert_allclose(value.detach().numpy(), values(loss, raw, target), rtol=1e-9, atol=1e-12)
    value.sum().backward()
    np.testing.assert_allclose(tensor.grad.numpy(), _differences(loss, raw, target), rtol=1e-6, atol=1e-8)
    assert as_torch(loss)(tensor, torch.tensor(target)).ndim == 0
    assert str(loss) in repr(module)


@pytest.mark.peers
def test_torch_reduction_is_checked() -> None:
    with pytest.raises(InvalidInputError, match="batchmean"):
        as_torch(losses.get("kl_divergence"), reduction="batchmean")
