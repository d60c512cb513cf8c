"""Keras layers that convolve by matrix products on a CPU and as Keras does elsewhere; loaded when a family builds.

Names, variables and results are those of the Keras layers that they extend, so that weights fit either. What the fast way
does not cover (dilation, groups, an output padding, another device) goes Keras's way.
"""

from __future__ import annotations

import math
from typing import Any

from lossmith.models._patches import convolve, convolve_transposed, geometry, geometry_transposed
from lossmith.models._pooled import convolve_pooled, max_pool
from lossmith.training import load_keras

load_keras()  # on JAX, if nobody has chosen
import keras  # noqa: E402

__all__ = [
    "Convolution1D",
    "Convolution2D",
    "MaxPooling2D",
    "PooledConvolution2D",
    "ThriftyDropout",
    "TransposedConvolution1D",
    "TransposedConvolution2D",
]

PACKAGE = "lossmith"


def _on_cpu() -> bool:
    import jax

    return bool(jax.default_backend() == "cpu")


def _last(inputs: Any, data_format: str) -> Any:
    """Return `inputs` with channels last and two dimensions; a single one becomes a height of 1."""
    moved = inputs if data_format == "channels_last" else keras.ops.moveaxis(inputs, 1, -1)
    return moved if len(moved.shape) == 4 else moved[:, None]


def _as_before(outputs: Any, data_format: str, rank: int) -> Any:
    flat = outputs if rank == 2 else outputs[:, 0]
    return flat if data_format == "channels_last" else keras.ops.moveaxis(flat, -1, 1)


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    return (values[0], values[1]) if len(values) == 2 else (1, values[0])


def _covered(layer: Any, inputs: Any) -> bool:
    plain = layer.padding in ("valid", "same") and set(layer.dilation_rate) == {1} and getattr(layer, "groups", 1) == 1
    return plain and getattr(layer, "output_padding", None) is None and None not in inputs.shape[1:] and _on_cpu()


def _room(layer: Any, input_shape: Any) -> int:
    """Return the numbers for each row that patches of a convolution take, for the estimate of memory."""
    shape = layer.compute_output_shape((1, *input_shape[1:]))
    places = [size for size in shape[1:] if size is not None]
    patch = math.prod(layer.kernel.shape[:-1])
    window = math.prod(getattr(layer, "pool_size", (1,)))
    return math.prod(places) * window * (patch + layer.filters) // max(layer.filters, 1)


def _finished(layer: Any, outputs: Any) -> Any:
    """Return outputs with bias and activation, as Keras's layers end."""
    if layer.use_bias:
        outputs = outputs + layer.bias
    return outputs


def _kernel(layer: Any) -> Any:
    kernel = keras.ops.convert_to_tensor(layer.kernel)
    return kernel if layer.rank == 2 else kernel[None]


def _cast(*arrays: Any) -> tuple[Any, ...]:
    return tuple(keras.ops.convert_to_tensor(array) for array in arrays)


def _convolved(layer: Any, inputs: Any) -> Any:
    images, kernel = _cast(_last(inputs, layer.data_format), _kernel(layer))
    kernel = keras.ops.cast(kernel, images.dtype)
    where = geometry(
        (images.shape[1], images.shape[2]), (kernel.shape[0], kernel.shape[1]), _pair(layer.strides), layer.padding
    )
    return _finished(layer, convolve(images, kernel, where))


def _transposed(layer: Any, inputs: Any) -> Any:
    images, kernel = _cast(_last(inputs, layer.data_format), _kernel(layer))
    kernel = keras.ops.cast(kernel, images.dtype)
    where = geometry_transposed(
        (images.shape[1], images.shape[2]), (kernel.shape[0], kernel.shape[1]), _pair(layer.strides), layer.padding
    )
    return _finished(layer, convolve_transposed(images, kernel, where))


def _activated(layer: Any, outputs: Any) -> Any:
    outputs = outputs if layer.activation is None else layer.activation(outputs)
    return _as_before(outputs, layer.data_format, layer.rank)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Convolution2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` by matrix products.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Convolution2D(2, 3, padding="same", strides=2)
    >>> layer(np.ones((1, 5, 5, 1), "float32")).shape
    (1, 3, 3, 2)
    """

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        super().build(input_shape)
        self.room = _room(self, input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the convolution of a batch."""
        return _activated(self, _convolved(self, inputs)) if _covered(self, inputs) else super().call(inputs)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Convolution1D(keras.layers.Conv1D):
    """`keras.layers.Conv1D` by matrix products.

    Examples
    --------
    >>> import numpy as np
    >>> Convolution1D(2, 3)(np.ones((1, 5, 4), "float32")).shape
    (1, 3, 2)
    """

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        super().build(input_shape)
        self.room = _room(self, input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the convolution of a batch."""
        return _activated(self, _convolved(self, inputs)) if _covered(self, inputs) else super().call(inputs)


@keras.saving.register_keras_serializable(package=PACKAGE)
class TransposedConvolution2D(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` by a matrix product whose rows are laid onto each other.

    Examples
    --------
    >>> import numpy as np
    >>> TransposedConvolution2D(3, 4, strides=2, padding="same")(np.ones((1, 7, 7, 5), "float32")).shape
    (1, 14, 14, 3)
    """

    def call(self, inputs: Any) -> Any:
        """Return the transposed convolution of a batch."""
        return _activated(self, _transposed(self, inputs)) if _covered(self, inputs) else super().call(inputs)


@keras.saving.register_keras_serializable(package=PACKAGE)
class TransposedConvolution1D(keras.layers.Conv1DTranspose):
    """`keras.layers.Conv1DTranspose` by a matrix product whose rows are laid onto each other.

    Examples
    --------
    >>> import numpy as np
    >>> TransposedConvolution1D(3, 4, strides=2)(np.ones((1, 7, 5), "float32")).shape
    (1, 16, 3)
    """

    def call(self, inputs: Any) -> Any:
        """Return the transposed convolution of a batch."""
        return _activated(self, _transposed(self, inputs)) if _covered(self, inputs) else super().call(inputs)


@keras.saving.register_keras_serializable(package=PACKAGE)
class MaxPooling2D(keras.layers.MaxPooling2D):
    """`keras.layers.MaxPooling2D` by comparing the places of each window, where windows do not overlap.

    Examples
    --------
    >>> import numpy as np
    >>> MaxPooling2D(2)(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]
    """

    def call(self, inputs: Any) -> Any:
        """Return the pooled batch."""
        apart = self.padding == "valid" and tuple(self.strides) == tuple(self.pool_size)
        if not apart or None in inputs.shape[1:] or not _on_cpu():
            return super().call(inputs)
        pooled = max_pool(keras.ops.convert_to_tensor(_last(inputs, self.data_format)), _pair(self.pool_size))
        return _as_before(pooled, self.data_format, 2)


@keras.saving.register_keras_serializable(package=PACKAGE)
class PooledConvolution2D(keras.layers.Conv2D):
    """A convolution with strides of 1, its bias and activation, and max pooling of windows that do not overlap.

    The same numbers as `Conv2D` followed by `MaxPooling2D`, with the same variables, in less time on a CPU: places that no
    window reaches are never computed. The activation must not decrease anywhere (`relu`, `tanh`, ... but not `gelu`).

    Parameters
    ----------
    filters, kernel_size : int
    pool_size : int or pair of int
    options
        Those of `Conv2D`.

    Examples
    --------
    >>> import numpy as np
    >>> PooledConvolution2D(8, 3, pool_size=2, activation="relu")(np.ones((1, 32, 32, 3), "float32")).shape
    (1, 15, 15, 8)
    """

    def __init__(self, filters: int, kernel_size: Any, *, pool_size: Any = 2, **options: Any) -> None:
        super().__init__(filters, kernel_size, **options)
        self.pool_size = (pool_size, pool_size) if isinstance(pool_size, int) else tuple(pool_size)

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        super().build(input_shape)
        self.room = _room(self, input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the convolved and pooled batch."""
        if not _covered(self, inputs) or tuple(self.strides) != (1, 1):
            return keras.ops.max_pool(
                super().call(inputs), self.pool_size, self.pool_size, data_format=self.data_format
            )
        images, kernel = _cast(_last(inputs, self.data_format), _kernel(self))
        size = (images.shape[1], images.shape[2])
        where = geometry(size, (kernel.shape[0], kernel.shape[1]), (1, 1), self.padding)
        pooled = convolve_pooled(images, keras.ops.cast(kernel, images.dtype), where, self.pool_size)
        return _activated(self, _finished(self, pooled))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape of the output for that of the input."""
        whole = list(super().compute_output_shape(input_shape))
        first = 1 if self.data_format == "channels_last" else 2
        for axis, window in enumerate(self.pool_size, start=first):
            whole[axis] = None if whole[axis] is None else whole[axis] // window
        return tuple(whole)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration."""
        return {**super().get_config(), "pool_size": self.pool_size}


@keras.saving.register_keras_serializable(package=PACKAGE)
class ThriftyDropout(keras.layers.Dropout):
    """`keras.layers.Dropout` that draws as few random bits as it needs: one for each number at a rate of 0.5.

    A rate that is no multiple of 1/256 is rounded to one of 1/65,536, and kept numbers are scaled by the rate in force.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ThriftyDropout(0.5, seed=1)
    >>> dropped = np.asarray(layer(np.ones((10, 100), "float32"), training=True))
    >>> sorted(set(dropped.ravel().tolist())), bool(400 < (dropped == 0).sum() < 600)
    ([0.0, 2.0], True)
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the batch, with numbers dropped in training."""
        if not training or not self.rate > 0 or self.noise_shape is not None or None in inputs.shape:
            return super().call(inputs, training=training)
        import jax
        import jax.numpy as jnp

        values = keras.ops.convert_to_tensor(inputs)
        key = jax.random.wrap_key_data(jnp.asarray(self.seed_generator.next(), "uint32"), impl="threefry2x32")
        if self.rate == 0.5:
            words = jax.random.bits(key, (-(-values.size // 32),), "uint32")
            bits = (words[:, None] >> jnp.arange(32, dtype="uint32")) & 1
            dropped, rate = bits.reshape(-1)[: values.size].reshape(values.shape) == 0, 0.5
        else:
            width = 8 if (self.rate * 256).is_integer() else 16
            limit = min(max(round(self.rate * 2**width), 1), 2**width - 1)
            drawn = jax.random.bits(key, values.shape, f"uint{width}")
            dropped, rate = drawn < limit, limit / 2**width
        return jnp.where(dropped, jnp.zeros((), values.dtype), values * jnp.asarray(1 / (1 - rate), values.dtype))
