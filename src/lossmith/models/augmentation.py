"""Augmentation of images inside a network: flipped, shifted, cropped, turned at random while it trains, untouched otherwise.

Flips and rotations are Keras's layers. Crops and shifts are a slice of a padded image of our own: Keras's `RandomCrop` asks for
numbers while it is traced, so that no compiled program can hold it.
"""

from __future__ import annotations

from typing import Any

from lossmith._errors import InvalidInputError, did_you_mean
from lossmith._names import Value
from lossmith.training import load_keras

load_keras()
import keras  # noqa: E402

__all__ = ["KINDS", "RandomSlice", "augmentation", "read_augmentation"]

# name -> what it does; written as flip+shift
KINDS = {
    "flip": "left and right exchanged, for one image in two",
    "shift": "moved by up to an eighth of each side, the edge repeated",
    "crop": "padded by an eighth of each side with zeros and cut at a random place",
    "rotate": "turned by up to 15 degrees",
}
TURN = 15 / 360


def read_augmentation(value: Value) -> tuple[str, ...]:
    """Return kinds of augmentation typed as `flip+shift`; `none` for none.

    Examples
    --------
    >>> read_augmentation("flip+crop"), read_augmentation("none")
    (('flip', 'crop'), ())
    """
    names = () if value in ("none", "") else tuple(str(value).split("+"))
    for name in names:
        if name not in KINDS:
            raise ValueError(f"none, or some of {', '.join(KINDS)} joined by +; {did_you_mean(name, KINDS)}")
    if len(set(names)) < len(names):
        raise ValueError("every kind of augmentation once")
    return names


@keras.saving.register_keras_serializable(package="lossmith")
class RandomSlice(keras.layers.Layer):
    """Pad images and cut each at its own random place, in training; images stay as they are otherwise.

    Parameters
    ----------
    share : float
        Of each side, the most an image moves.
    mode : {"edge", "constant"}
        What is padded: the edge repeated (a shift), or zeros (a crop).
    seed : int, optional

    Examples
    --------
    >>> import numpy as np
    >>> layer = RandomSlice(0.25, seed=1)
    >>> images = np.arange(64.0).reshape(1, 8, 8, 1)
    >>> np.array_equal(layer(images), images), layer(images, training=True).shape
    (True, (1, 8, 8, 1))
    """

    def __init__(self, share: float, *, mode: str = "edge", seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not 0 < share < 1 or mode not in ("edge", "constant"):
            raise InvalidInputError(
                f"share={share}, mode={mode!r}", expected="a share in (0, 1) and edge or constant", advice="use 0.125"
            )
        self.share, self.mode, self.seed = share, mode, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_jit = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the batch, each image moved in training."""
        if not training:
            return inputs
        import jax
        import jax.numpy as jnp

        images = keras.ops.convert_to_tensor(inputs)
        n_rows, height, width, channels = images.shape
        down, across = (max(1, round(self.share * side)) for side in (height, width))
        padded = jnp.pad(images, ((0, 0), (down, down), (across, across), (0, 0)), mode=self.mode)
        key = jax.random.wrap_key_data(jnp.asarray(self.seed_generator.next(), "uint32"), impl="threefry2x32")
        moves = jax.random.randint(key, (n_rows, 2), 0, jnp.array([2 * down + 1, 2 * across + 1]))

        def cut(image: Any, move: Any) -> Any:
            return jax.lax.dynamic_slice(image, (move[0], move[1], 0), (height, width, channels))

        return jax.vmap(cut)(padded, moves)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the configuration."""
        return {**super().get_config(), "share": self.share, "mode": self.mode, "seed": self.seed}


def augmentation(kinds: tuple[str, ...]) -> list[Any]:
    """Return the layers of some kinds of augmentation, in the order they are named, for channels-last images.

    Examples
    --------
    >>> [type(layer).__name__ for layer in augmentation(("flip", "shift"))]
    ['RandomFlip', 'RandomSlice']
    """
    makers = {
        "flip": lambda: keras.layers.RandomFlip("horizontal", data_format="channels_last"),
        "shift": lambda: RandomSlice(0.125),
        "crop": lambda: RandomSlice(0.125, mode="constant"),
        "rotate": lambda: keras.layers.RandomRotation(TURN, fill_mode="nearest", data_format="channels_last"),
    }
    return [makers[kind]() for kind in kinds]
