"""Comparisons that a store may hold already."""

import numpy as np
import pytest

import lossmith
from lossmith.compare import compare_once, ending
from lossmith.compare.store import Store

OPTIONS = {"losses": "brier,hinge", "seeds": 2, "epochs": 2, "learning_rates": "0.01,0.1"}


@pytest.fixture
def store(tmp_path):
    return tmp_path / "runs.db"


def numbers(store):
    with Store.open(store) as opened:
        return [row.run for row in opened.runs()]


def test_the_same_choices_are_trained_once(store):
    first = compare_once("circles", store=store, **OPTIONS)
    second = compare_once("circles", store=store, **OPTIONS | {"losses": ["brier", "hinge"]})
    assert (first.run, second.run, numbers(store)) == (1, 1, [1])
    assert second.trials.equals(first.trials, null_equal=True)


@pytest.mark.parametrize("other", [{"seed": 3}, {"seeds": 3}, {"epochs": 3}, {"losses": "brier"}, {"optimizer": "sgd"}])
def test_another_choice_is_another_run(store, other):
    compare_once("circles", store=store, **OPTIONS)
    assert compare_once("circles", store=store, **OPTIONS | other).run == 2


def test_other_data_are_another_run(store):
    generator = np.random.default_rng(5)
    X, y = generator.normal(size=(80, 2)), np.arange(80) % 2
    assert compare_once((X, y), store=store, **OPTIONS).run == 1
    assert compare_once((X + 1, y), store=store, **OPTIONS).run == 2
    assert compare_once((X, y), store=store, **OPTIONS).run == 1


def test_an_interrupted_one_goes_on(store, monkeypatch):
    kept, saved = ending.StoredGroups.save, []

    def save(self, key, arrays):
        if saved:
            raise KeyboardInterrupt
        saved.append(key)
        kept(self, key, arrays)

    monkeypatch.setattr(ending.StoredGroups, "save", save)
    with pytest.raises(BaseException):  # noqa: B017 - however the interruption is reported
        compare_once("circles", store=store, **OPTIONS)
    monkeypatch.setattr(ending.StoredGroups, "save", kept)
    whole = lossmith.compare("circles", **OPTIONS)
    again = compare_once("circles", store=store, **OPTIONS)
    assert again.run == 1
    assert len(saved) == 1
    assert again.standings == whole.standings


def test_a_function_as_model_is_always_trained(store):
    import keras

    def narrow(input_shape):
        return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(3, "relu")])

    runs = [compare_once("circles", store=store, model=narrow, **OPTIONS).run for _ in range(2)]
    assert runs == [1, 2]
