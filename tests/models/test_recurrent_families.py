"""Recurrent families: counts by formula, stacking, engine against fit, windows of series."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith
from lossmith import losses, models
from lossmith._errors import DataError, InvalidInputError, LossmithError, ShapeError
from lossmith.data import windows
from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer
from lossmith.training.optimizers import make_optimizer

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("lstm:hidden=5", 4 * (5 * (3 + 5) + 5) + 6 * 2),
        ("simple_rnn:hidden=5", 5 * (3 + 5) + 5 + 6 * 2),
        ("gru:hidden=5", 3 * (5 * (3 + 5) + 2 * 5) + 6 * 2),
        ("lstm:hidden=5x4", 4 * (5 * (3 + 5) + 5) + 4 * (4 * (5 + 4) + 4) + 5 * 2),
        ("lstm:hidden=5,bidirectional=true", 2 * 4 * (5 * (3 + 5) + 5) + 11 * 2),
    ],
)
def test_weights_by_the_formula(name, weights):
    network = models.get(name).network((7, 3), 2)
    assert network.count_params() == weights and network.output_shape == (None, 2)


def test_tokens_are_embedded_or_one_hot():
    assert models.get("gru:hidden=4,tokens=9,embedding=5").network((6,), 1).layers[0].name.startswith("embedding")
    one_hot = models.get("gru:hidden=4,tokens=9,embedding=0").network((6,), 1)
    raw = np.asarray(one_hot(np.array([[0, 1, 2, 3, 4, 8]])))
    assert raw.shape == (1, 1) and np.isfinite(raw).all()
    np.testing.assert_array_equal(one_hot.layers[0](np.array([[2.0]])), [[np.eye(9)[2]]])
    assert len(one_hot.trainable_variables) == 5


@pytest.mark.parametrize(
    "name", ["lstm:hidden=0", "lstm:tokens=-1", "gru:dropout=1", "lstm:hiden=3", "gru:bidirectional=2"]
)
def test_configurations_that_make_no_sense_are_refused(name):
    with pytest.raises(LossmithError) as caught:
        models.get(name)
    assert "\n" not in str(caught.value)
    with pytest.raises(ShapeError, match="n_steps"):
        models.get("lstm").network((4, 4, 3), 1)
    with pytest.raises(ShapeError, match="tokens"):
        models.get("lstm:tokens=4").network((4, 3), 1)


@pytest.mark.parametrize(
    "name",
    [
        "gru",
        pytest.param("simple_rnn", marks=pytest.mark.slow),
        pytest.param("lstm:bidirectional=true", marks=pytest.mark.slow),
    ],
)
def test_stacked_runs_are_those_alone(name):
    x = RNG.normal(size=(2, 30, 5)).astype(np.float32)
    y = x[..., 0] - x[..., -1]

    def trained(seeds, part):
        network = models.get(f"{name},hidden=4" if ":" in name else f"{name}:hidden=4").network((5,), 1)
        procedure = GradientProcedure(network, make_optimizer("adam"), [losses.get("mse")], [0])
        trainer = Trainer(procedure, [0, 0], [0.02, 0.005], Schedule(2, 10))
        return trainer.train(GroupData(seeds, part, {"train": part}))

    both = trained((0, 1), Part(x, (y,)))
    alone = trained((1,), Part(x[1:], (y[1:],)))
    np.testing.assert_allclose(both.raw["train"][1], alone.raw["train"][0], atol=2e-5)


def test_windows_look_back_from_each_value():
    frame = windows([100, 110, 108, 120, 115], length=2, horizon=2)
    assert frame.columns == ["time", "back_3", "back_2", "value"]
    assert frame.rows() == [(3, 100.0, 110.0, 120.0), (4, 110.0, 108.0, 115.0)]
    for bad, error in (([1.0, 2.0], DataError), ([1.0, np.nan, 2, 3], DataError), ([[1.0]], ShapeError)):
        with pytest.raises(error):
            windows(bad, length=2)
    with pytest.raises(InvalidInputError):
        windows([1.0, 2, 3], length=0)


@pytest.mark.slow
def test_a_forecast_is_judged_on_the_last_values():
    t = np.arange(120)
    frame = windows(np.sin(t / 4), length=6)
    result = lossmith.compare(
        frame,
        target="value",
        order="time",
        losses="mse",
        model="gru:hidden=8",
        optimizer="adam",
        seeds=2,
        epochs=40,
        learning_rates="0.02",
    )
    assert result.data.n_inputs == 6  # time orders rows and is no feature
    assert result.standings[0].metric.mean < 0.25
