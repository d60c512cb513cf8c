"""Keras set-ups in which nothing is wrong: the lint must keep quiet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from sklearn.datasets import make_blobs, make_circles, make_regression

from lint_setups import Given, Subclassed, dense, ids, network, numbers, one_hot, positive, rows, signs
from lossmith import losses

__all__ = ["CORRECT"]

L, M = keras.losses, keras.metrics

CORRECT: dict[str, Callable[[], Given]] = {}


def correct(name: str, head: Callable[[], tuple[Any, ...]], y: Callable[[], Any], **options: Any) -> None:
    CORRECT[name] = lambda: (network(*head()), rows(), y(), dict(options))


ACC = ["accuracy"]
correct("MSE", lambda: (dense(1),), numbers, loss="mse", metrics=["mae"])
correct("MSE of a column", lambda: (dense(1),), lambda: numbers()[:, None], loss="mean_squared_error")
correct("MSE of several outputs", lambda: (dense(2),), lambda: rows(120, 2), loss="mse")
correct("MAE", lambda: (dense(1),), numbers, loss=L.MeanAbsoluteError(), metrics=["mse"])
correct("Huber at its default", lambda: (dense(1),), numbers, loss=L.Huber())
correct("LogCosh", lambda: (dense(1),), numbers, loss="log_cosh")
correct("cosine similarity", lambda: (dense(3),), lambda: rows(120, 3), loss=L.CosineSimilarity())
correct("percentage error", lambda: (dense(1, "softplus"),), lambda: 1 + positive(), loss="mape")
correct(
    "MSLE of positive targets",
    lambda: (dense(1, "softplus"),),
    positive,
    loss="mean_squared_logarithmic_error",
    metrics=["mse"],
)
correct("MSLE of lossmith", lambda: (dense(1),), positive, loss=losses.get("mean_squared_logarithmic_error"))
correct("Poisson", lambda: (dense(1, "softplus"),), lambda: np.round(positive()), loss="poisson")
correct("Poisson through exp", lambda: (dense(1, "exponential"),), lambda: np.round(positive()), loss=L.Poisson())
correct("gamma of lossmith", lambda: (dense(1),), positive, loss=losses.get("gamma"))
correct("BCE", lambda: (dense(1, "sigmoid"),), lambda: ids(120, 2), loss="binary_crossentropy", metrics=ACC)
correct(
    "BCE with AUC",
    lambda: (dense(1, "sigmoid"),),
    lambda: ids(120, 2),
    loss="bce",
    metrics=["accuracy", M.AUC(), M.Precision()],
)
correct("BCE of soft labels", lambda: (dense(1, "sigmoid"),), lambda: positive() / 20, loss="bce")
correct("BCE of logits", lambda: (dense(1),), lambda: ids(120, 2), loss=L.BinaryCrossentropy(from_logits=True),
        metrics=[M.BinaryAccuracy(threshold=0.0), M.AUC(from_logits=True)])  # fmt: skip
correct("BCE of several labels", lambda: (dense(3, "sigmoid"),), lambda: (rows(120, 3) > 0).astype(int), loss="bce",
        metrics=["binary_accuracy"])  # fmt: skip
correct(
    "BCE smoothed",
    lambda: (dense(1, "sigmoid"),),
    lambda: ids(120, 2),
    loss=L.BinaryCrossentropy(label_smoothing=0.1),
    metrics=ACC,
)
correct("focal", lambda: (dense(1, "sigmoid"),), lambda: ids(120, 2), loss=L.BinaryFocalCrossentropy(), metrics=ACC)
correct("CCE", lambda: (dense(3, "softmax"),), one_hot, loss="categorical_crossentropy", metrics=ACC)
correct("CCE of logits", lambda: (dense(3),), one_hot, loss=L.CategoricalCrossentropy(from_logits=True), metrics=ACC)
correct(
    "CCE, softmax as a layer",
    lambda: (dense(3), keras.layers.Softmax()),
    one_hot,
    loss="categorical_crossentropy",
    metrics=ACC,
)
correct("CCE, activation as a layer", lambda: (dense(3), keras.layers.Activation("softmax")), one_hot,
        loss="categorical_crossentropy", metrics=["categorical_accuracy"])  # fmt: skip
correct(
    "CCE smoothed",
    lambda: (dense(3, "softmax"),),
    one_hot,
    loss=L.CategoricalCrossentropy(label_smoothing=0.1),
    metrics=ACC,
)
correct(
    "categorical focal", lambda: (dense(3, "softmax"),), one_hot, loss=L.CategoricalFocalCrossentropy(), metrics=ACC
)
correct("sparse CCE", lambda: (dense(3, "softmax"),), ids, loss="sparse_categorical_crossentropy", metrics=ACC)
correct(
    "sparse CCE of logits",
    lambda: (dense(3),),
    ids,
    loss=L.SparseCategoricalCrossentropy(from_logits=True),
    metrics=ACC,
)
correct(
    "sparse CCE of a column",
    lambda: (dense(3, "softmax"),),
    lambda: ids()[:, None],
    loss="sparse_categorical_crossentropy",
    metrics=ACC,
)
correct("sparse CCE that ignores -1", lambda: (dense(3),), lambda: np.where(np.arange(120) % 10 == 0, -1, ids()),
        loss=L.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1))  # fmt: skip
correct("GCE", lambda: (dense(3, "softmax"),), ids, loss="categorical_generalized_cross_entropy", metrics=ACC)
correct("KL of one-hot rows", lambda: (dense(3, "softmax"),), one_hot, loss="kl_divergence", metrics=ACC)
correct("KL of soft labels", lambda: (dense(3, "softmax"),),
        lambda: np.random.default_rng(2).dirichlet(np.ones(3), size=120), loss=L.KLDivergence())  # fmt: skip
correct("KL of lossmith", lambda: (dense(3),), one_hot, loss=losses.get("kl_divergence").as_keras(), metrics=ACC)
correct("hinge on tanh", lambda: (dense(1, "tanh"),), signs, loss="hinge", metrics=[losses.sign_accuracy()])
correct("hinge of scores", lambda: (dense(1),), signs, loss=L.Hinge())
correct(
    "hinge on 0 and 1",
    lambda: (dense(1),),
    lambda: ids(120, 2),
    loss="hinge",
    metrics=[M.BinaryAccuracy(threshold=0.0)],
)
correct("squared hinge", lambda: (dense(1, "tanh"),), signs, loss="squared_hinge", metrics=[losses.sign_accuracy()])
correct(
    "hinge of lossmith", lambda: (dense(1),), signs, loss=losses.get("squared_hinge"), metrics=[losses.sign_accuracy()]
)
correct("categorical hinge", lambda: (dense(3),), one_hot, loss="categorical_hinge", metrics=ACC)
correct("CCE of lossmith", lambda: (dense(3),), ids, loss=losses.get("categorical_crossentropy"), metrics=ACC)
correct("quantile of lossmith", lambda: (dense(1),), numbers, loss=losses.get("quantile:quantile=0.9"))
correct("Huber of lossmith", lambda: (dense(1),), numbers, loss=losses.get("huber:delta=3"))
correct("Gaussian likelihood of lossmith", lambda: (dense(2),), numbers, loss=losses.get("gaussian_nll"))
correct("Dice", lambda: (dense(1, "sigmoid"),), lambda: ids(120, 2), loss=L.Dice())
correct(
    "Tversky with equal weights",
    lambda: (dense(1, "sigmoid"),),
    lambda: ids(120, 2),
    loss=L.Tversky(alpha=0.5, beta=0.5),
)
correct("weights around 1", lambda: (dense(1),), numbers, loss="mse", sample_weight=np.tile([0.5, 1.5], 60))
correct("balanced class weights", lambda: (dense(1, "sigmoid"),), lambda: (np.arange(120) % 4 == 0).astype(int), loss="bce",
        class_weight={0: 2 / 3, 1: 2.0})  # fmt: skip
correct("divided by the weights", lambda: (dense(1),), numbers, loss=L.MeanSquaredError(reduction="mean_with_sample_weight"),
        sample_weight=np.full(120, 3.0))  # fmt: skip
correct("a loss of the user", lambda: (dense(1),), numbers,
        loss=lambda y_true, y_pred: keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1))  # fmt: skip
correct("float32 head of a float16 body", lambda: (dense(8, "relu", dtype="float16"), dense(3, "softmax", dtype="float32")), one_hot,
        loss="categorical_crossentropy")  # fmt: skip


def example(name: str) -> Callable[[Callable[[], Given]], Callable[[], Given]]:
    def register(make: Callable[[], Given]) -> Callable[[], Given]:
        CORRECT[name] = make
        return make

    return register


@example("the tutorial's regression")
def _() -> Given:
    x, y = make_regression(n_samples=400, n_features=20, noise=0.1, random_state=1)
    model = keras.Sequential([keras.Input((20,)), dense(25, "relu"), dense(1, "linear")])
    return model, (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std(), {"loss": "mean_squared_error"}


@example("the tutorial's circles")
def _() -> Given:
    x, y = make_circles(n_samples=400, noise=0.1, random_state=1)
    model = keras.Sequential([keras.Input((2,)), dense(50, "relu"), dense(1, "sigmoid")])
    return model, x, y, {"loss": "binary_crossentropy", "metrics": ["accuracy"]}


@example("the tutorial's circles under hinge, judged by the sign")
def _() -> Given:
    x, y = make_circles(n_samples=400, noise=0.1, random_state=1)
    model = keras.Sequential([keras.Input((2,)), dense(50, "relu"), dense(1, "tanh")])
    return model, x, np.where(y == 0, -1, 1), {"loss": "hinge", "metrics": [losses.sign_accuracy()]}


@example("the tutorial's blobs")
def _() -> Given:
    x, y = make_blobs(n_samples=400, centers=3, n_features=2, cluster_std=2, random_state=2)
    model = keras.Sequential([keras.Input((2,)), dense(50, "relu", seed=2), dense(3, "softmax", seed=5)])
    return (
        model,
        x / x.std(),
        keras.utils.to_categorical(y),
        {"loss": "kl_divergence", "metrics": ["accuracy"]},
    )


@example("a convolutional classifier of images")
def _() -> Given:
    x = np.random.default_rng(0).random((60, 12, 12, 1)).astype(np.float32)
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((12, 12, 1)), layers.Conv2D(8, 3, activation="relu", kernel_initializer=keras.initializers.HeNormal(seed=1)),
         layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.5), dense(10, "softmax")]
    )  # fmt: skip
    return model, x, ids(60, 10), {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


@example("a recurrent classifier of words")
def _() -> Given:
    x = np.random.default_rng(0).integers(0, 50, size=(80, 7))
    start = keras.initializers.GlorotUniform(seed=3)
    model = keras.Sequential([keras.Input((7,), dtype="int32"), keras.layers.Embedding(50, 8), keras.layers.LSTM(8, kernel_initializer=start), dense(1, "sigmoid")])  # fmt: skip
    return model, x, ids(80, 2), {"loss": "binary_crossentropy", "metrics": ["accuracy"]}


@example("classes at every step of a sequence")
def _() -> Given:
    x = np.random.default_rng(0).normal(size=(40, 6, 3)).astype(np.float32)
    model = keras.Sequential([keras.Input((6, 3)), keras.layers.TimeDistributed(dense(4, "softmax"))])
    return model, x, ids(240, 4).reshape(40, 6), {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


@example("an autoencoder of images in [0, 1]")
def _() -> Given:
    x = np.random.default_rng(0).random((80, 16)).astype(np.float32)
    return (
        keras.Sequential([keras.Input((16,)), dense(4, "relu"), dense(16, "sigmoid")]),
        x,
        x,
        {"loss": "binary_crossentropy"},
    )


@example("segmentation with one map")
def _() -> Given:
    x = np.random.default_rng(0).random((20, 8, 8, 1)).astype(np.float32)
    y = (x > 0.5).astype(np.float32)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid", kernel_initializer=keras.initializers.GlorotUniform(seed=2))])  # fmt: skip
    return model, x, y, {"loss": "binary_crossentropy"}


@example("a subclass with a sigmoid")
def _() -> Given:
    return Subclassed(1, "sigmoid"), rows(), ids(120, 2), {"loss": "bce", "metrics": ["accuracy"]}


@example("a subclass with logits")
def _() -> Given:
    return (
        Subclassed(3),
        rows(),
        ids(),
        {"loss": L.SparseCategoricalCrossentropy(from_logits=True), "metrics": ["accuracy"]},
    )


@example("two outputs, two losses")
def _() -> Given:
    inputs = keras.Input((4,))
    body = dense(8, "relu")(inputs)
    outputs = {"price": dense(1, name="price")(body), "kind": dense(3, "softmax", name="kind")(body)}
    model = keras.Model(inputs, outputs)
    y = {"price": numbers(), "kind": ids()}
    return (
        model,
        rows(),
        y,
        {"loss": {"price": "mse", "kind": "sparse_categorical_crossentropy"}, "metrics": {"kind": ["accuracy"]}},
    )


@example("a head that starts at zero")
def _() -> Given:
    return network(dense(3, "softmax", kernel="zeros")), rows(), ids(), {"loss": "sparse_categorical_crossentropy"}


@example("a model within a model")
def _() -> Given:
    inner = keras.Sequential([keras.Input((4,)), dense(8, "relu"), dense(3, "softmax")])
    inputs = keras.Input((4,))
    return (
        keras.Model(inputs, inner(inputs)),
        rows(),
        one_hot(),
        {"loss": "categorical_crossentropy", "metrics": ["accuracy"]},
    )


@example("batch normalisation before the activation")
def _() -> Given:
    model = network(dense(8), keras.layers.BatchNormalization(), keras.layers.ReLU(), dense(1, "sigmoid"))
    return model, rows(), ids(120, 2), {"loss": "binary_crossentropy", "metrics": ["accuracy"]}
