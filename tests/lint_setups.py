"""Keras set-ups for the lint: mistakes, planted by code.

Weights are drawn from explicit seeds, so that every set-up is the same in each run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from lossmith import losses

__all__ = [
    "PLANTED",
    "Given",
    "Subclassed",
    "dense",
    "ids",
    "network",
    "numbers",
    "one_hot",
    "positive",
    "rows",
    "signs",
]

Given = tuple[Any, Any, Any, dict[str, Any]]  # model, x, y, options of lint

L, M = keras.losses, keras.metrics


def dense(units: int, activation: str | None = None, *, seed: int = 1, **options: Any) -> Any:
    start = keras.initializers.HeUniform(seed=seed)
    return keras.layers.Dense(units, activation, kernel_initializer=options.pop("kernel", start), **options)


def network(*last: Any, inputs: tuple[int, ...] = (4,), hidden: int = 16) -> Any:
    return keras.Sequential([keras.Input(inputs), dense(hidden, "relu", seed=7), *last])


def rows(n: int = 120, width: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def ids(n: int = 120, classes: int = 3) -> np.ndarray:
    return np.arange(n) % classes


def one_hot(n: int = 120, classes: int = 3) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[ids(n, classes)]


def signs(n: int = 120) -> np.ndarray:
    return 2.0 * ids(n, 2) - 1


def numbers(n: int = 120, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def positive(n: int = 120, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 1.0, size=n)


class Subclassed(keras.Model):
    """A model whose graph Keras does not keep."""

    def __init__(self, units: int, activation: str | None = None) -> None:
        super().__init__()
        self.hidden, self.head = dense(8, "relu"), dense(units, activation, seed=3)

    def call(self, inputs: Any) -> Any:
        return self.head(self.hidden(inputs))


PLANTED: dict[str, tuple[str, Callable[[], Given]]] = {}  # name -> (code, set-up); names start with the table's row


def planted(name: str, code: str) -> Callable[[Callable[[], Given]], Callable[[], Given]]:
    def register(make: Callable[[], Given]) -> Callable[[], Given]:
        PLANTED[name] = (code, make)
        return make

    return register


def plant(name: str, code: str, head: Callable[[], tuple[Any, ...]], y: Callable[[], Any], **options: Any) -> None:
    PLANTED[name] = (code, lambda: (network(*head()), rows(), y(), dict(options)))


# --- planted: rows 3, 4 and 6 to 18 of the table of pitfalls ---------------------------------------------------------

plant("03 KL on logits", "LS203", lambda: (dense(3),), one_hot, loss="kl_divergence")
plant("03 KL on tanh", "LS203", lambda: (dense(3, "tanh"),), one_hot, loss=L.KLDivergence())
PLANTED["03 KL on the logits of a subclass"] = ("LS203", lambda: (Subclassed(3), rows(), one_hot(), {"loss": "kld"}))


@planted("04 KL over 1000 classes", "LS206")
def _() -> Given:
    model = keras.Sequential([keras.Input((4,)), dense(1000, "softmax", kernel="zeros")])
    return model, rows(), np.eye(1000, dtype=np.float32)[ids(120, 1000)], {"loss": "kl_divergence"}


@planted("04 KL below zero", "LS206")
def _() -> Given:
    # the output of the table, [0.5, 0.5, 1], for the target [0, 0, 1]
    head = keras.layers.Dense(3, "hard_sigmoid", kernel_initializer="zeros", bias_initializer=Fixed([0.0, 0.0, 9.0]))
    return network(head), rows(), np.tile(np.array([0.0, 0.0, 1.0], np.float32), (120, 1)), {"loss": "kl_divergence"}


class Fixed(keras.initializers.Initializer):
    def __init__(self, values: list[float]) -> None:
        self.values = values

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return keras.ops.broadcast_to(keras.ops.convert_to_tensor(self.values, dtype), shape)


@planted("06 float16 outputs", "LS225")
def _() -> Given:
    return network(dense(3, "softmax", dtype="float16")), rows(), one_hot(), {"loss": "categorical_crossentropy"}


@planted("06 KL in float16", "LS225")
def _() -> Given:
    return network(dense(3, "softmax")), rows(), one_hot(), {"loss": L.KLDivergence(dtype="float16")}


plant("07 CCE on logits", "LS201", lambda: (dense(3),), one_hot, loss="categorical_crossentropy")
plant("07 sparse CCE on logits", "LS201", lambda: (dense(3),), ids, loss="sparse_categorical_crossentropy")
plant("07 BCE on logits", "LS201", lambda: (dense(1),), lambda: ids(120, 2), loss="binary_crossentropy")
plant("07 BCE on tanh", "LS201", lambda: (dense(1, "tanh"),), lambda: ids(120, 2), loss="bce")
plant("07 focal on logits", "LS201", lambda: (dense(1),), lambda: ids(120, 2), loss=L.BinaryFocalCrossentropy())
plant("07 CCE on relu", "LS201", lambda: (dense(3, "relu"),), one_hot, loss=L.CategoricalCrossentropy())
plant("07 Dice on logits", "LS201", lambda: (dense(2),), lambda: one_hot(120, 2), loss=L.Dice())
PLANTED["07 BCE on the logits of a subclass"] = ("LS201", lambda: (Subclassed(1), rows(), ids(120, 2), {"loss": "bce"}))

plant("08 softmax and from_logits", "LS202", lambda: (dense(3, "softmax"),), ids,
      loss=L.SparseCategoricalCrossentropy(from_logits=True))  # fmt: skip
plant("08 sigmoid and from_logits", "LS202", lambda: (dense(1, "sigmoid"),), lambda: ids(120, 2),
      loss=L.BinaryCrossentropy(from_logits=True))  # fmt: skip
plant("08 two softmax layers", "LS202", lambda: (dense(3, "softmax"), keras.layers.Softmax()), one_hot,
      loss="categorical_crossentropy")  # fmt: skip
plant("08 softmax under a loss of lossmith", "LS202", lambda: (dense(3, "softmax"),), ids,
      loss=losses.get("categorical_crossentropy"))  # fmt: skip
PLANTED["08 softmax of a subclass"] = (
    "LS202",
    lambda: (Subclassed(3, "softmax"), rows(), one_hot(), {"loss": L.CategoricalCrossentropy(from_logits=True)}),
)

plant("09 hinge with 1 and 2", "LS208", lambda: (dense(1),), lambda: 1 + ids(120, 2), loss="hinge")
plant("09 hinge with three labels", "LS208", lambda: (dense(1),), lambda: ids() - 1, loss="squared_hinge")
plant("09 hinge of lossmith with 0 and 1", "LS208", lambda: (dense(1),), lambda: ids(120, 2), loss=losses.get("hinge"))


@planted("09 hinge of Optax with 0 and 1", "LS208")
def _() -> Given:
    import optax

    def margin(y_true: Any, y_pred: Any) -> Any:
        return optax.hinge_loss(y_pred, y_true)

    return network(dense(1)), rows(), ids(120, 2).astype(np.float32), {"loss": margin}


plant("10 hinge with accuracy", "LS210", lambda: (dense(1, "tanh"),), signs, loss="hinge", metrics=["accuracy"])
plant(
    "10 hinge on 0 and 1 with accuracy",
    "LS210",
    lambda: (dense(1),),
    lambda: ids(120, 2),
    loss="hinge",
    metrics=["accuracy"],
)
plant("10 mse of signs with accuracy", "LS210", lambda: (dense(1, "tanh"),), signs, loss="mse", metrics=["acc"])
plant("10 logits with binary accuracy", "LS210", lambda: (dense(1),), lambda: ids(120, 2),
      loss=L.BinaryCrossentropy(from_logits=True), metrics=["binary_accuracy"])  # fmt: skip
plant("10 logits with precision", "LS210", lambda: (dense(1),), lambda: ids(120, 2),
      loss=L.BinaryCrossentropy(from_logits=True), metrics=[M.Precision()])  # fmt: skip
plant("10 equality of probabilities", "LS210", lambda: (dense(1, "sigmoid"),), lambda: ids(120, 2),
      loss="binary_crossentropy", metrics=[M.Accuracy()])  # fmt: skip

plant("11 MSLE of negative targets", "LS212", lambda: (dense(1, "softplus"),), numbers, loss="msle")
plant("11 MSLE of negative outputs", "LS213", lambda: (dense(1),), positive, loss="mean_squared_logarithmic_error")

plant("12 one number against three outputs", "LS216", lambda: (dense(3),), lambda: numbers()[:, None], loss="mse")
plant("12 two numbers against one output", "LS216", lambda: (dense(1),), lambda: rows(120, 2), loss="mae")


@planted("12 a loss of the user that broadcasts", "LS216")
def _() -> Given:
    def squared(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.square(keras.ops.reshape(y_true, (-1,)) - y_pred)

    return network(dense(1)), rows(), numbers(), {"loss": squared}


plant(
    "13 ids from 1", "LS214", lambda: (dense(3, "softmax"),), lambda: 1 + ids(), loss="sparse_categorical_crossentropy"
)
plant(
    "13 id -1", "LS214", lambda: (dense(3),), lambda: ids() - 1, loss=L.SparseCategoricalCrossentropy(from_logits=True)
)
plant(
    "13 ids of lossmith", "LS214", lambda: (dense(3),), lambda: ids(120, 5), loss=losses.get("categorical_crossentropy")
)

SHARP = keras.initializers.RandomNormal(stddev=200.0, seed=4)
plant("14 GCE at p = 0", "LS220", lambda: (dense(3, "softmax", kernel=SHARP),), ids,
      loss="categorical_generalized_cross_entropy")  # fmt: skip

plant("15 Poisson of negative outputs", "LS213", lambda: (dense(1),), lambda: np.round(positive()), loss="poisson")
plant("15 Poisson of negative targets", "LS212", lambda: (dense(1, "softplus"),), numbers, loss="poisson")
plant(
    "15 gamma of lossmith with zeros",
    "LS212",
    lambda: (dense(1),),
    lambda: np.round(positive()),
    loss=losses.get("gamma"),
)

plant("16 weights of 3", "LS223", lambda: (dense(1),), numbers, loss="mse", sample_weight=np.full(120, 3.0))
plant(
    "16 class weights",
    "LS223",
    lambda: (dense(1, "sigmoid"),),
    lambda: ids(120, 2),
    loss="bce",
    class_weight={0: 1.0, 1: 9.0},
)
plant("16 forgotten class", "LS223", lambda: (dense(3, "softmax"),), ids, loss="sparse_categorical_crossentropy",
      class_weight={0: 1.0, 1: 1.0})  # fmt: skip
plant("16 negative weights", "LS223", lambda: (dense(1),), numbers, loss="mse",
      sample_weight=np.where(np.arange(120) % 4 == 0, -1.0, 5 / 3))  # fmt: skip

plant("17 the delta of Huber", "LS226", lambda: (dense(1),), numbers, loss=L.Huber(delta=3.0))
plant("18 alpha and beta of Tversky", "LS227", lambda: (dense(1, "sigmoid"),), lambda: ids(120, 2),
      loss=L.Tversky(alpha=0.9, beta=0.1))  # fmt: skip

# --- planted: what else the lint looks for ---------------------------------------------------------------------------

plant("KL of unnormalised targets", "LS204", lambda: (dense(3, "softmax"),), lambda: 2 * one_hot(), loss="kld")
plant("CCE of several labels", "LS204", lambda: (dense(3, "softmax"),), lambda: np.minimum(one_hot() + one_hot()[::-1], 1),
      loss="categorical_crossentropy")  # fmt: skip
plant("KL of sigmoids", "LS205", lambda: (dense(3, "sigmoid"),), one_hot, loss="kld")
plant("label smoothing of signs", "LS209", lambda: (dense(1),), lambda: 0.9 * signs(), loss="hinge")
plant("label smoothing of a focal loss", "LS209", lambda: (dense(1, "sigmoid"),), lambda: ids(120, 2),
      loss=L.BinaryFocalCrossentropy(label_smoothing=0.1))  # fmt: skip
plant("BCE of signs", "LS212", lambda: (dense(1, "sigmoid"),), signs, loss="binary_crossentropy")
plant("percentage error of zeros", "LS212", lambda: (dense(1),), lambda: np.round(positive()), loss="mape")
plant("AUC of logits", "LS211", lambda: (dense(1),), lambda: ids(120, 2), loss=L.BinaryCrossentropy(from_logits=True),
      metrics=[M.AUC()])  # fmt: skip
plant("accuracy of a regression", "LS211", lambda: (dense(1),), numbers, loss="mse", metrics=["accuracy"])
plant("categorical accuracy of ids", "LS211", lambda: (dense(3, "softmax"),), ids, loss="sparse_categorical_crossentropy",
      metrics=["categorical_accuracy"])  # fmt: skip
plant("ids for CCE", "LS215", lambda: (dense(3, "softmax"),), ids, loss="categorical_crossentropy")
plant("rows for sparse CCE", "LS215", lambda: (dense(3, "softmax"),), one_hot, loss="sparse_categorical_crossentropy")
plant("softmax of one unit", "LS217", lambda: (dense(1, "softmax"),), lambda: ids(120, 2), loss="binary_crossentropy")
plant("one unit for two classes", "LS217", lambda: (dense(1, "sigmoid"),), lambda: ids(120, 2),
      loss="sparse_categorical_crossentropy")  # fmt: skip
plant("two units under BCE", "LS217", lambda: (dense(2, "softmax"),), lambda: ids(120, 2), loss="binary_crossentropy")
plant("units of Gaussian likelihood", "LS217", lambda: (dense(1),), numbers, loss=losses.get("gaussian_nll"))
plant("sum of the batch", "LS222", lambda: (dense(1),), numbers, loss=L.MeanSquaredError(reduction="sum"))
plant("no reduction", "LS222", lambda: (dense(1),), numbers, loss=L.MeanSquaredError(reduction=None))
plant("rare class", "LS224", lambda: (dense(1, "sigmoid"),), lambda: (np.arange(120) < 6).astype(int), loss="bce",
      metrics=["accuracy"])  # fmt: skip
plant("one class", "LS229", lambda: (dense(1, "sigmoid"),), lambda: np.zeros(120), loss="bce")
plant("sigmoid for numbers", "LS230", lambda: (dense(1, "sigmoid"),), numbers, loss="mse")
plant(
    "NaN among the targets",
    "LS228",
    lambda: (dense(1),),
    lambda: np.where(np.arange(120) == 5, np.nan, numbers()),
    loss="mse",
)
plant("targets far away", "LS221", lambda: (dense(1),), lambda: 5000 + 10 * numbers(), loss="mse")


@planted("inputs far away", "LS221")
def _() -> Given:
    return network(dense(3)), 1000 * rows(), ids(), {"loss": L.SparseCategoricalCrossentropy(from_logits=True)}


@planted("a saturated sigmoid", "LS219")
def _() -> Given:
    return network(dense(1, "sigmoid")), 1000 * rows(), ids(120, 2), {"loss": "mse"}


@planted("a dead layer", "LS218")
def _() -> Given:
    shut = keras.layers.Dense(16, "relu", kernel_initializer="zeros", bias_initializer=Fixed([-1.0]))
    return network(shut, dense(1)), rows(), numbers(), {"loss": "mse"}


@planted("NaN among the inputs", "LS228")
def _() -> Given:
    x = rows()
    x[3, 1] = np.nan
    return network(dense(1)), x, numbers(), {"loss": "mse"}


@planted("prediction first, by name", "LS207")
def _() -> Given:
    def criterion(y_pred: Any, y_true: Any) -> Any:
        return keras.ops.mean(keras.ops.abs(y_pred - y_true), axis=-1)

    return network(dense(1)), rows(), numbers(), {"loss": criterion}


@planted("prediction first, by value", "LS207")
def _() -> Given:
    soft = np.random.default_rng(2).dirichlet(np.ones(3), size=120).astype(np.float32)
    return network(dense(3, "softmax")), rows(), soft, {"loss": lambda a, b: L.kl_divergence(b, a)}


@planted("a loss that raises", "LS231")
def _() -> Given:
    def broken(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.matmul(y_true, y_pred)

    return network(dense(1)), rows(), numbers(), {"loss": broken}
