"""Initial weights: reproducible, different from seed to seed, drawn from the layers' own laws."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from fit_reference import L, keras
from scipy import stats

from lossmith.training._initial import draw_seed, initial_values


def network():
    return keras.Sequential(
        [
            keras.Input((20,)),
            L.Dense(50, kernel_initializer="he_uniform"),
            L.BatchNormalization(),
            L.Dropout(0.3),
            L.Dense(30, kernel_initializer="glorot_normal", bias_initializer=keras.initializers.RandomUniform(2, 3)),
            L.Dense(1),
        ]
    )


def test_one_seed_gives_one_start_whatever_the_model_object():
    one, other = initial_values(network(), 7), initial_values(network(), 7)
    for value, twin in zip(one, other, strict=True):
        np.testing.assert_array_equal(value, twin)


def test_seeds_and_layers_start_differently():
    one, other = initial_values(network(), 7), initial_values(network(), 8)
    names = [variable.path for variable in network().variables]
    same = [np.array_equal(value, twin) for value, twin in zip(one, other, strict=True)]
    assert [equal for name, equal in zip(names, same, strict=True) if "kernel" in name or "seed" in name] == [False] * 4
    twins = keras.Sequential([keras.Input((9,)), L.Dense(9, name="a"), L.Dense(9, name="b")])
    first, _, second, _ = initial_values(twins, 1)
    assert not np.array_equal(first, second)
    assert draw_seed(1, "a") != draw_seed(1, "b") and 0 <= draw_seed(2**62, "a") < 2**31


def test_a_new_process_gives_the_same_start():
    code = (
        "from lossmith import models; from lossmith.training._initial import initial_values; import json\n"
        "print(json.dumps([v.tolist() for v in initial_values(models.get('mlp:hidden=4').network((2,), 1), 5)]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    from lossmith import models

    here = initial_values(models.get("mlp:hidden=4").network((2,), 1), 5)
    for value, twin in zip(here, json.loads(out), strict=True):
        np.testing.assert_array_equal(value, np.asarray(twin, np.float32))


def test_draws_follow_the_laws_of_the_initialisers():
    draws = [initial_values(network(), seed) for seed in range(8)]
    uniform = np.concatenate([draw[0].ravel() for draw in draws])
    bound = np.sqrt(6 / 20)  # He et al. 2015: fan-in 20
    assert np.abs(uniform).max() <= bound
    assert stats.kstest(uniform, stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3
    normal = np.concatenate([draw[-4].ravel() for draw in draws])
    assert normal.std() == pytest.approx(np.sqrt(2 / (50 + 30)), rel=0.02)  # Glorot and Bengio 2010
    biases = np.concatenate([draw[-3] for draw in draws])
    assert biases.min() >= 2 and biases.max() <= 3 and len(set(biases.tolist())) == len(biases)


def test_what_is_not_random_keeps_its_value():
    values = dict(zip([variable.path for variable in network().variables], initial_values(network(), 3), strict=True))
    for path, value in values.items():
        if path.endswith(("gamma", "moving_variance")):
            np.testing.assert_array_equal(value, 1)
        if path.endswith(("beta", "moving_mean")):
            np.testing.assert_array_equal(value, 0)


def test_the_model_is_left_alone():
    model = network()
    before = [np.array(variable.value) for variable in model.variables]
    initial_values(model, 3)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable.value), value)


def test_frozen_layers_keep_what_they_have_learned():
    frozen = L.Dense(4)
    model = keras.Sequential([keras.Input((3,)), frozen, L.Dense(1)])
    frozen.set_weights([np.arange(12.0).reshape(3, 4), np.ones(4)])
    frozen.trainable = False
    drawn = dict(zip([variable.path for variable in model.variables], initial_values(model, 3), strict=True))
    np.testing.assert_array_equal(drawn[frozen.kernel.path], np.arange(12.0).reshape(3, 4))


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((4, 2), lambda: L.LSTM(3)),
        ((4, 2), lambda: L.GRU(3)),
        ((4, 2), lambda: L.Bidirectional(L.LSTM(3))),
        ((8, 8, 2), lambda: L.DepthwiseConv2D(3)),
        ((8, 8, 2), lambda: L.SeparableConv2D(4, 3)),
        ((8, 8, 2), lambda: L.Conv2DTranspose(4, 3)),
        ((4, 2), lambda: L.EinsumDense("abc,cd->abd", (None, 3))),
        ((4,), lambda: L.Embedding(5, 2)),
        ((4,), lambda: L.SpectralNormalization(L.Dense(3))),
    ],
)
def test_every_random_kernel_is_drawn_anew(shape, layer):
    model = keras.Sequential([keras.Input(shape), layer()])
    one, other = initial_values(model, 1), initial_values(model, 2)
    trainable = {id(variable) for variable in model.trainable_variables}
    for variable, value, twin in zip(model.variables, one, other, strict=True):
        kernel = any(word in variable.name for word in ("kernel", "embeddings")) and id(variable) in trainable
        anew = kernel or variable.name == "seed_generator_state"
        assert np.array_equal(value, twin) != anew, variable.path
        assert value.shape == tuple(variable.shape)


def test_the_forget_gate_of_an_lstm_starts_open():
    model = keras.Sequential([keras.Input((4, 2)), L.LSTM(3)])
    bias = next(
        value
        for variable, value in zip(model.variables, initial_values(model, 1), strict=True)
        if variable.name == "bias"
    )
    np.testing.assert_array_equal(bias, [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0])


class Hidden(keras.layers.Layer):
    def build(self, shape):
        self.mystery = self.add_weight(shape=(shape[-1],), initializer="uniform", name="mystery")

    def call(self, inputs):
        return inputs * self.mystery


def test_numbers_that_nothing_explains_are_an_error():
    model = keras.Sequential([keras.Input((3,)), Hidden()])
    with pytest.raises(ValueError, match=r"mystery' starts with values.*mystery_initializer on the layer") as caught:
        initial_values(model, 1)
    assert "\n" not in str(caught.value)
