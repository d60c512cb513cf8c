"""A Keras layer that shows a discriminator rows at several scales; loaded when a network with it is built."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossmith.training import load_keras

load_keras()  # on JAX, if nobody has chosen
import keras  # noqa: E402

__all__ = ["Waves"]


@keras.saving.register_keras_serializable(package="lossmith")
class Waves(keras.layers.Layer):
    r"""Rows, and sines of them: $\sqrt 2 \sin(w_k \cdot x + b_k)$ in random directions, from slow to fast.

    A blur b, which is not trained and set from outside, dims each by $e^{-|w_k|^2 b^2 / 2}$: what a Gaussian blur leaves of it.

    Dense networks learn coarse shapes first and fine ones hardly ever; a discriminator that sees waves can tell narrow modes
    from what lies between them.

    Parameters
    ----------
    count : int
    slowest, fastest : float
        Lengths of the directions, in steps of equal ratio; for rows of deviation 1.
    draw : int
        Seed of directions and phases, which are not trained.

    Source: Tancik and others, Fourier features let networks learn high frequency functions in low dimensional domains, 2020.

    Examples
    --------
    >>> Waves(8)(np.zeros((3, 2), "float32")).shape
    (3, 10)
    """

    def __init__(
        self, count: int, *, slowest: float = 1.0, fastest: float = 20.0, draw: int = 0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.count, self.slowest, self.fastest, self.draw = count, slowest, fastest, draw
        self.blur = self.add_weight(shape=(), initializer="zeros", trainable=False, name="waves_blur")

    def call(self, inputs: Any) -> Any:
        """Return rows with their waves beside them."""
        rng = np.random.default_rng(self.draw)
        directions = rng.normal(size=(int(inputs.shape[-1]), self.count))
        lengths = np.geomspace(self.slowest, self.fastest, self.count)
        directions *= lengths / np.linalg.norm(directions, axis=0)
        phases = rng.uniform(0, 2 * np.pi, self.count)
        turned = keras.ops.matmul(inputs, directions.astype("float32")) + phases.astype("float32")
        # what a Gaussian blur of this deviation leaves of a wave of this length
        left = keras.ops.exp(-0.5 * (self.blur * lengths.astype("float32")) ** 2)
        return keras.ops.concatenate([inputs, 2**0.5 * left * keras.ops.sin(turned)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return the shape of the output for that of the input."""
        return (*input_shape[:-1], input_shape[-1] + self.count)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration."""
        return {
            **super().get_config(),
            "count": self.count,
            "slowest": self.slowest,
            "fastest": self.fastest,
            "draw": self.draw,
        }
