"""An RBF network trained by gradient descent under a loss of the catalogue, from where least squares left it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.estimators._rbf_network import Network
from lossmith.losses import Loss

__all__ = ["refined"]


def refined(
    network: Network,
    inputs: np.ndarray,
    encoded: np.ndarray,
    loss: Loss,
    *,
    units: int,
    watched: np.ndarray,
    trained: str,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    optimizer: str,
    seed: int,
) -> Network:
    """Return the network with the weights of the epoch that was best on the watched rows.

    Parameters
    ----------
    encoded : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Targets as the loss reads them.
    units : int
        Width of the head.
    watched : ndarray of bool, shape (n_samples,)
        Rows that are not trained on.
    trained : {"all", "weights"}
        Centres and widths as well, or the output weights alone.

    Raises
    ------
    InvalidInputError
        Training diverged.
    """
    from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer
    from lossmith.training.optimizers import batches_of, make_optimizer

    model = _keras_model(network, units, trained=trained)
    n_rows = int((~watched).sum())
    batch_size, length = batches_of(optimizer, batch_size=batch_size, n_rows=n_rows, epochs=epochs)
    procedure = GradientProcedure(model, make_optimizer(optimizer, length=length), [loss], [0])
    rows = network.scaled(inputs).astype(np.float32)
    targets = encoded.astype(np.float32)
    parts = [Part(rows[chosen][None], (targets[chosen][None],)) for chosen in (~watched, watched)]
    if not watched.any():
        parts[1] = parts[0]
    trainer = Trainer(procedure, [0], [learning_rate], Schedule(epochs, batch_size, restore_best=True))
    result = trainer.train(GroupData((seed,), parts[0], {"validation": parts[1]}))
    if result.diverged.any() or not result.best_epoch.all():
        raise InvalidInputError(
            f"training under {loss} diverged at learning rate {learning_rate:g}",
            expected="a finite loss",
            advice="take a smaller learning_rate",
        )
    values = {
        variable.path.rsplit("/", 1)[-1]: np.asarray(value[0, 0], dtype=np.float64)
        for variable, value in zip(model.variables, result.weights, strict=True)
    }
    n_inputs = inputs.shape[1]
    return replace(
        network,
        centers=values["centers"],
        gamma=np.exp(values["log_gamma"]),
        tail=np.vstack([values["bias"][None], values["kernel"][:n_inputs]]),
        units=values["kernel"][n_inputs:],
    )


def _keras_model(network: Network, units: int, *, trained: str) -> Any:
    """Return the network as a Keras model on scaled inputs, with its present weights."""
    from lossmith.training import load_keras

    keras = load_keras()
    ops = keras.ops
    initializer: Any = keras.initializers.Initializer
    layer: Any = keras.layers.Layer

    class Given(initializer):
        """Starts a variable with given numbers, whatever the seed."""

        def __init__(self, value: np.ndarray) -> None:
            self.value = value

        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return ops.reshape(ops.convert_to_tensor(self.value, dtype=dtype), shape)

        def get_config(self) -> dict[str, Any]:
            return {}

    class GaussianUnits(layer):
        """Gaussian units on relevant inputs; the logarithm of gamma is what is trained, so that it stays positive."""

        def build(self, input_shape: Any) -> None:  # noqa: ARG002
            self.centers_initializer = Given(network.centers)
            self.log_gamma_initializer = Given(np.log(network.gamma))
            self.centers = self.add_weight(
                shape=network.centers.shape, initializer=self.centers_initializer, name="centers"
            )
            self.log_gamma = self.add_weight(
                shape=network.gamma.shape, initializer=self.log_gamma_initializer, name="log_gamma"
            )

        def call(self, inputs: Any) -> Any:
            apart = (inputs * network.relevance.astype(np.float32))[:, None, :] - self.centers[None]
            return ops.exp(-ops.exp(self.log_gamma) * ops.sum(ops.square(apart), axis=-1))

    x = keras.Input((len(network.shift),))
    phi = GaussianUnits(trainable=trained == "all", name="units")(x)
    kernel = np.zeros((len(network.shift) + len(network.centers), units))
    bias = np.zeros(units)
    given = min(units, network.tail.shape[1])
    kernel[:, :given] = np.vstack([network.tail[1:], network.units])[:, :given]
    bias[:given] = network.tail[0, :given]
    head = keras.layers.Dense(units, kernel_initializer=Given(kernel), bias_initializer=Given(bias), name="head")
    return keras.Model(x, head(keras.layers.Concatenate()([x, phi])))
