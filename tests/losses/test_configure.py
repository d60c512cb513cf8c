"""The code that `configure` prints runs, trains, and computes the loss it claims to."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from loss_draws import one_of_each_kind_first, some_configurations
from lossmith import losses
from lossmith.losses import EVERY, configure
from lossmith.losses._configure import twin


def _data(loss, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 2)).astype(np.float32)
    if loss.full_support:
        y = np.exp(x @ rng.normal(size=(2, 3)))
        return x, (y / y.sum(axis=1, keepdims=True)).astype(np.float32)
    if loss.name == "cosine_similarity":
        return x, rng.normal(size=(64, 3)).astype(np.float32)
    if loss.task in ("multilabel", "ranking"):
        return x, rng.integers(0, 2, (64, 3)).astype(np.float32)
    if loss.encoding in ("distribution", "class_ids"):
        return x, (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)
    if loss.task == "binary":
        return x, (x[:, 0] + x[:, 1] > 0).astype(np.int64)
    return x, np.exp(0.5 * x[:, 0]).astype(np.float32)


@pytest.mark.parametrize(
    "loss", one_of_each_kind_first([*EVERY.values()], lambda loss: (loss.head.gives, bool(twin(loss, "keras"))))
)
def test_keras_code_runs(loss) -> None:
    x, y = _data(loss, 1)
    code = configure(loss, n_classes=3)["keras"].replace("model.fit(x, y)", "model.fit(x, y, epochs=1, verbose=0)")
    code = code.replace("model.predict(x)", "model.predict(x, verbose=0)")
    names = {"x": x, "y": y}
    exec(compile(code, loss.name, "exec"), names)
    raw = np.asarray(names["model"](x))
    assert np.all(np.isfinite(raw))
    assert np.asarray(names["prediction"]).shape[0] == 64
    compiled = float(names["model"].evaluate(x, names["y"], batch_size=64, verbose=0))
    target = np.asarray(names["y"])
    output = raw[:, 0] if loss.head.units == 1 else raw
    assert compiled == pytest.approx(float(np.mean(loss(output, target))), rel=1e-4)


@pytest.mark.parametrize("name", EVERY)
def test_scikit_learn_code_runs(name) -> None:
    loss = EVERY[name]
    code = configure(loss)["sklearn"]
    if not twin(loss, "sklearn"):
        assert code.startswith("# scikit-learn has no estimator")
        return
    x, y = _data(loss, 2)
    names = {"x": x, "y": y}
    with warnings.catch_warnings(), threadpool_limits(1):  # a thread for each core waits longer than it works
        warnings.simplefilter("ignore", ConvergenceWarning)  # few rows and default settings
        exec(compile(code, name, "exec"), names)
    assert np.all(np.isfinite(names["prediction"])) and len(names["prediction"]) == 64


@pytest.mark.peers
@pytest.mark.parametrize("name", EVERY)
def test_torch_code_runs(name) -> None:
    import torch

    torch.manual_seed(0)
    loss = EVERY[name]
    x, y = _data(loss, 3)
    names = {"x": x, "y": y}
    exec(compile(configure(loss, n_classes=3)["torch"], name, "exec"), names)
    assert all(torch.all(torch.isfinite(parameter.grad)) for parameter in names["model"].parameters())
    assert len(names["prediction"]) == 64


def test_parameters_reach_the_code() -> None:
    assert "keras.losses.Huber(delta=0.25)" in configure(losses.get("huber:delta=0.25"))["keras"]
    assert "label_smoothing=0.1" in configure(losses.get("cce:label_smoothing=0.1"), 5)["keras"]
    assert "one_hot(y, 5)" in configure(losses.get("cce:label_smoothing=0.1"), 5)["keras"]
    assert "Dense(5)" in configure(losses.get("cce"), 5)["keras"]
    assert (
        'losses.get("categorical_generalized_cross_entropy:q=0.7").as_keras()'
        in configure(losses.get("gce:q=0.7"), 5)["keras"]
    )
    # no estimator of scikit-learn smooths labels, and PyTorch's binary loss does not either
    assert configure(losses.get("bce:label_smoothing=0.1"))["sklearn"].startswith("# scikit-learn has no")
    assert "as_torch()" in configure(losses.get("bce:label_smoothing=0.1"))["torch"]


@pytest.mark.parametrize("loss", some_configurations(), ids=str)
def test_every_configuration_gives_code_that_compiles(loss) -> None:
    for code in configure(loss, n_classes=4).values():
        compile(code, str(loss), "exec")
        assert max(len(line) for line in code.splitlines()) <= 125


def test_keras_is_on_jax() -> None:
    assert keras.backend.backend() == "jax"
