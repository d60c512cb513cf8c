"""Paths of optimisers by closed forms and by hand; losses around a network against evaluating each point alone."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from lossmith import losses, models
from lossmith._errors import InvalidInputError, LossmithError, ShapeError
from lossmith.training import gradient_norms, loss_line, loss_surface, optimizer_path

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.float32)
BCE = losses.get("binary_crossentropy")


def square(point):
    return (point**2).sum()


def test_gradient_descent_on_a_bowl_is_a_geometric_series():
    path = optimizer_path(square, [5.0, -1.0], learning_rate=0.1, steps=6)
    np.testing.assert_allclose(path, np.array([5.0, -1.0]) * 0.8 ** np.arange(7)[:, None], rtol=1e-5)


def test_momentum_and_adam_by_hand():
    x, v = 5.0, 0.0
    for _ in range(20):
        v = 0.9 * v + 0.1 * 2 * x
        x -= v
    assert optimizer_path(square, [5.0], optimizer="momentum", learning_rate=0.1, steps=20)[-1, 0] == pytest.approx(
        x, rel=1e-4
    )
    x, m, s = 1.0, 0.0, 0.0
    for t in range(1, 101):
        g = 2 * x
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g
        x -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    found = optimizer_path(square, [1.0], optimizer="adam:epsilon=1e-8", learning_rate=0.1, steps=100)[-1, 0]
    assert found == pytest.approx(x, abs=2e-5)


def test_a_scheduled_path_and_a_quasi_newton_one():
    path = optimizer_path(square, [1.0], learning_rate=0.1, steps=4, schedule="linear")
    expected = np.cumprod([1.0, *(1 - 0.2 * np.array([1.0, 0.75, 0.5, 0.25]))])
    np.testing.assert_allclose(path[:, 0], expected, rtol=1e-5)
    valley = optimizer_path(
        lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2, [-1.2, 1.0], optimizer="lbfgs", steps=60
    )
    np.testing.assert_allclose(valley[-1], [1, 1], atol=1e-2)


@pytest.mark.parametrize("bad", [{"steps": 0}, {"learning_rate": 0.0}, {"optimizer": "adamm"}, {"schedule": "x"}])
def test_paths_that_lead_nowhere_are_refused(bad):
    with pytest.raises(LossmithError):
        optimizer_path(square, [1.0], **bad)
    with pytest.raises(ShapeError):
        optimizer_path(square, [[1.0]])


def network(hidden="4", seed=0):
    made = models.get(f"mlp:hidden={hidden},activation=tanh").network((3,), 1)
    rng = np.random.default_rng(seed)
    made.set_weights([rng.normal(0, 0.7, v.shape).astype(np.float32) for v in made.variables])
    return made


def at(made, weights):
    made.set_weights(weights)
    raw = np.asarray(made(X), np.float64)[:, 0]
    return float(np.mean(np.logaddexp(0, raw) - Y * raw))


def test_a_line_between_two_networks_is_the_loss_of_each_mixture():
    one, other = network(seed=0), network(seed=1)
    ends = [[np.asarray(v.value) for v in made.trainable_variables] for made in (one, other)]
    found = loss_line(one, BCE, X, Y, to=ends[1], n_points=5, span=1.0)
    for step, value in zip(found.first, found.values, strict=True):
        mixed = [a + step * (b - a) for a, b in zip(*ends, strict=True)]
        assert value == pytest.approx(at(other, mixed), rel=1e-5)
    assert found.here == pytest.approx(at(other, ends[0]), rel=1e-5)


def test_directions_are_as_long_as_the_filters_and_leave_biases():
    made = network()
    from lossmith.training.landscape import _direction

    weights = [np.asarray(v.value) for v in made.trainable_variables]
    drawn = _direction(weights, np.random.default_rng(0))
    for weight, direction in zip(weights, drawn, strict=True):
        if weight.ndim == 1:
            assert not direction.any()
        else:
            np.testing.assert_allclose(np.linalg.norm(direction, axis=0), np.linalg.norm(weight, axis=0), rtol=1e-5)


def test_a_surface_holds_the_line_and_scale_does_not_matter():
    made = network()
    found = loss_surface(made, BCE, X, Y, n_points=5, span=0.5, seed=3)
    line = loss_line(made, BCE, X, Y, n_points=5, span=0.5, seed=3)
    np.testing.assert_allclose(found.values[:, 2], line.values, rtol=1e-5)
    assert found.values[2, 2] == pytest.approx(found.here, rel=1e-5) and found.table().height == 25
    assert found.sharpness == pytest.approx(np.max(found.values[1:4, 1:4]) - found.here, rel=1e-4)


def test_every_view_of_a_landscape(tmp_path):
    found = loss_surface(network(), BCE, X, Y, n_points=5)
    assert "binary_crossentropy" in str(found) and json.loads(found.to_json())["here"] == pytest.approx(found.here)
    page = found.report(tmp_path / "l.html").read_text(encoding="utf-8")
    assert "<svg" in page and "<iframe" in found._repr_html_()
    assert "first direction" in found.plot().get_xlabel()
    assert loss_line(network(), BCE, X, Y, n_points=7).plot().get_ylabel().startswith("mean")


def test_losses_that_overflow_are_missing_not_wrong():
    made = network()
    found = loss_line(made, losses.get("mean_squared_error"), X, Y, n_points=5, span=1e30)
    assert np.isnan(found.values[[0, -1]]).any() and np.isfinite(found.here)
    assert None in json.loads(found.to_json())["values"]


def test_gradients_by_layer_against_differences():
    made = network("4x4")
    table = gradient_norms(made, BCE, X, Y)
    assert table.height == 6 and isinstance(table, pl.DataFrame)
    weights = [np.asarray(v.value) for v in made.trainable_variables]
    for place, norm in enumerate(table["gradient"]):
        slope = np.zeros(weights[place].size)
        for entry in range(slope.size):
            ends = []
            for h in (1e-2, -1e-2):
                moved = [w.copy() for w in weights]
                moved[place].flat[entry] += h
                ends.append(at(network("4x4"), moved))
            slope[entry] = (ends[0] - ends[1]) / 2e-2
        assert norm == pytest.approx(np.linalg.norm(slope), rel=2e-3, abs=1e-5)


def test_gradients_vanish_on_their_way_back_through_sigmoids():
    deep = models.get("mlp:hidden=8x8x8x8x8,activation=sigmoid").network((3,), 1)
    rng = np.random.default_rng(0)  # uniform as Glorot has it, but the same in every run
    deep.set_weights(
        [
            rng.uniform(-1, 1, v.shape).astype(np.float32) * np.sqrt(6 / sum(v.shape))
            if len(v.shape) == 2
            else np.zeros(v.shape, np.float32)
            for v in deep.variables
        ]
    )
    kernels = gradient_norms(deep, BCE, X, Y).filter(pl.col("variable").str.ends_with("kernel"))["gradient"].to_numpy()
    assert kernels[0] < 1e-2 * kernels[-1] and kernels[2] < kernels[4] < kernels[5]


def test_what_does_not_fit_is_refused():
    made = network()
    with pytest.raises(InvalidInputError, match="outputs"):
        loss_line(models.get("mlp").network((3,), 2), BCE, X, Y)
    with pytest.raises(ShapeError, match="as many"):
        loss_surface(made, BCE, X, Y[:3])
    with pytest.raises(ShapeError, match="architecture"):
        loss_line(made, BCE, X, Y, to=[np.zeros(3)])
    with pytest.raises(InvalidInputError, match="points"):
        loss_surface(made, BCE, X, Y, n_points=2)
    with pytest.raises(InvalidInputError, match="at most"):
        loss_surface(made, BCE, X, Y, n_points=600)
