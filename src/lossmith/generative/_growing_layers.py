"""Keras layers of networks that grow and of networks with styles; loaded when such a network is built."""

from __future__ import annotations

from typing import Any

from lossmith.training import load_keras

load_keras()  # on JAX, if nobody has chosen
import keras  # noqa: E402

__all__ = ["FADE", "AdaptiveNormalization", "Fade", "LearnedConstant", "PixelNormalization"]

PACKAGE = "lossmith"
FADE = "fade_share"  # how the path of a fade's variable ends
TINY = 1e-6  # added to variances, so that a constant channel stays finite


@keras.saving.register_keras_serializable(package=PACKAGE)
class Fade(keras.layers.Layer):
    """A share of the first input and the rest of the second; the share is not trained and set from outside, 1 at first.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Fade()
    >>> _ = layer.share.assign(0.25)
    >>> layer([np.full((1, 2), 8.0, "float32"), np.zeros((1, 2), "float32")]).tolist()
    [[2.0, 2.0]]
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.share = self.add_weight(shape=(), initializer="ones", trainable=False, name=FADE)

    def call(self, inputs: Any) -> Any:
        """Return the blend of two inputs."""
        fresh, old = inputs
        return old + self.share * (fresh - old)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of either input."""
        return input_shape[0]


@keras.saving.register_keras_serializable(package=PACKAGE)
class PixelNormalization(keras.layers.Layer):
    """Each place scaled to a mean square of 1 over its channels.

    Source: Karras and others, Progressive growing of GANs, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> np.asarray(PixelNormalization()(np.array([[3.0, 4.0]], "float32"))).round(3)
    array([[0.849, 1.131]], dtype=float32)
    """

    def call(self, inputs: Any) -> Any:
        """Return inputs over their root mean square."""
        return inputs * keras.ops.rsqrt(keras.ops.mean(inputs**2, axis=-1, keepdims=True) + TINY)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape


@keras.saving.register_keras_serializable(package=PACKAGE)
class AdaptiveNormalization(keras.layers.Layer):
    r"""Each channel of each image with the mean and deviation that a style says: $(1 + s) (x - \mu) / \sigma + b$.

    Inputs are images and styles, `(n_rows, 2 * channels)`: first s, then b.

    Source: Huang, Belongie, Arbitrary style transfer in real-time with adaptive instance normalization, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.arange(4.0, dtype="float32").reshape(1, 2, 2, 1)
    >>> np.asarray(AdaptiveNormalization()([images, np.array([[1.0, 5.0]], "float32")])).mean().round(3)
    np.float32(5.0)
    """

    def call(self, inputs: Any) -> Any:
        """Return styled images."""
        images, styles = inputs
        scale, shift = keras.ops.split(styles[:, None, None], 2, axis=-1)
        centered = images - keras.ops.mean(images, axis=(1, 2), keepdims=True)
        normed = centered * keras.ops.rsqrt(keras.ops.mean(centered**2, axis=(1, 2), keepdims=True) + TINY)
        return (1.0 + scale) * normed + shift

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the images."""
        return input_shape[0]


@keras.saving.register_keras_serializable(package=PACKAGE)
class LearnedConstant(keras.layers.Layer):
    """One image that is learned, once for each row of the input, of which only the number of rows counts.

    Parameters
    ----------
    shape : sequence of int

    Examples
    --------
    >>> import numpy as np
    >>> LearnedConstant((4, 4, 8))(np.zeros((3, 2), "float32")).shape
    (3, 4, 4, 8)
    """

    def __init__(self, shape: Any, **options: Any) -> None:
        super().__init__(**options)
        self.constant_shape = tuple(int(side) for side in shape)
        self.constant_initializer = keras.initializers.RandomNormal()
        self.constant = self.add_weight(
            shape=self.constant_shape, initializer=self.constant_initializer, trainable=True, name="constant"
        )

    def call(self, inputs: Any) -> Any:
        """Return the image for each row."""
        return keras.ops.broadcast_to(self.constant, (keras.ops.shape(inputs)[0], *self.constant_shape))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return the shape of the images."""
        return (input_shape[0], *self.constant_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration."""
        return {**super().get_config(), "shape": list(self.constant_shape)}
