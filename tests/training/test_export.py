"""A trained run comes out as an ordinary Keras model, and comes back from a `.keras` file with the same predictions."""

from __future__ import annotations

import numpy as np
import pytest
from fit_reference import L, Work, circles, engine, keras

from lossmith import losses
from lossmith.training import to_keras

LOGISTIC = {
    "binary_crossentropy": lambda z: 1 / (1 + np.exp(-z)),
    "tanh_hinge": np.tanh,
    "hinge": lambda z: z,
    "mean_squared_error": lambda z: z,
    "poisson": np.exp,
    "mean_squared_logarithmic_error": np.expm1,
}


def body(units=1):
    return keras.Sequential(
        [
            keras.Input((2,)),
            L.Dense(8, use_bias=False),
            L.BatchNormalization(),
            L.Activation("relu"),
            L.Dropout(0.3),
            L.Dense(units),
        ]
    )


@pytest.mark.parametrize("name", LOGISTIC)
def test_the_head_of_the_loss_is_appended(name, tmp_path):
    network = body()
    rng = np.random.default_rng(0)
    weights = [rng.uniform(0.1, 1, variable.shape).astype(variable.dtype) for variable in network.variables]
    x = rng.normal(size=(17, 2)).astype(np.float32)
    raw = to_keras(network, weights)
    z = raw.predict(x, verbose=0)
    assert z.shape == (17, 1)
    with_head = to_keras(network, weights, loss=losses.get(name))
    np.testing.assert_allclose(with_head.predict(x, verbose=0), LOGISTIC[name](z), rtol=1e-4, atol=1e-5)
    with_head.save(tmp_path / "run.keras")
    loaded = keras.models.load_model(tmp_path / "run.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), with_head.predict(x, verbose=0))


def test_softmax_and_mean_heads():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, 2)).astype(np.float32)
    network = body(3)
    weights = [rng.uniform(0.1, 1, variable.shape).astype(variable.dtype) for variable in network.variables]
    probabilities = to_keras(network, weights, loss=losses.get("categorical_crossentropy")).predict(x, verbose=0)
    z = to_keras(network, weights).predict(x, verbose=0)
    np.testing.assert_allclose(probabilities, np.exp(z) / np.exp(z).sum(1, keepdims=True), rtol=1e-4)
    pair = body(2)
    weights = [rng.uniform(0.1, 1, variable.shape).astype(variable.dtype) for variable in pair.variables]
    mean = to_keras(pair, weights, loss=losses.get("gaussian_nll")).predict(x, verbose=0)
    np.testing.assert_allclose(mean, to_keras(pair, weights).predict(x, verbose=0)[:, :1], rtol=1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "adam:use_ema=true,ema_momentum=0.8"])
def test_a_trained_run_predicts_what_the_engine_saw(optimizer, tmp_path):
    work = Work(body, optimizer, "binary_crossentropy", lambda: None, epochs=4)
    train, test = circles(64, 1), circles(40, 2)
    result = engine(work, train, test)
    network = work.network()
    for place, at in ((0, 0), (1, 1)):
        model = to_keras(network, [value[place, at] for value in result.weights])
        np.testing.assert_allclose(
            model.predict(test[0], verbose=0), result.raw["test"][place, at], rtol=1e-5, atol=1e-6
        )
        model.save(tmp_path / "run.keras")
        loaded = keras.models.load_model(tmp_path / "run.keras")
        np.testing.assert_array_equal(loaded.predict(test[0], verbose=0), model.predict(test[0], verbose=0))
    # the network that was handed in is no part of what came out
    assert not {id(variable) for variable in model.variables} & {id(variable) for variable in network.variables}


def test_what_does_not_fit_is_refused():
    network = body()
    weights = [np.zeros(variable.shape) for variable in network.variables]
    with pytest.raises(ValueError, match=r"weights of shapes .* take the weights of one run"):
        to_keras(network, weights[:-1])
    with pytest.raises(ValueError, match="weights of shapes"):
        to_keras(network, [weights[0].T, *weights[1:]])
    with pytest.raises(ValueError, match="gaussian_nll for a model of 1 outputs; expected a model of 2 outputs"):
        to_keras(network, weights, loss=losses.get("gaussian_nll"))
