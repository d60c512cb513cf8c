"""Augmentation: what it does to images in training, nothing otherwise, and inside a compiled step."""

from __future__ import annotations

import jax
import keras
import numpy as np
import pytest

from lossmith import models
from lossmith._errors import InvalidInputError
from lossmith.models.augmentation import KINDS, RandomSlice, augmentation


@pytest.mark.parametrize("mode", ["edge", "constant"])
def test_every_slice_is_a_window_of_the_padded_image(mode: str) -> None:
    images = np.random.default_rng(0).normal(size=(60, 8, 6, 2)).astype(np.float32)
    layer = RandomSlice(0.25, mode=mode, seed=5)
    moved = np.asarray(layer(images, training=True))
    seen = set()
    for image, result in zip(images, moved, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode=mode)  # a quarter of 8, and of 6 rounded
        places = [(i, j) for i in range(5) for j in range(5) if np.array_equal(padded[i : i + 8, j : j + 6], result)]
        assert places
        seen.add(places[0])
    assert len(seen) > 15  # of 25 places
    assert not np.array_equal(moved, layer(images, training=True))
    again = RandomSlice.from_config(layer.get_config())
    assert np.array_equal(again(images, training=True), moved)


@pytest.mark.parametrize("kind", list(KINDS))
def test_kinds_change_training_images_alone_and_keep_labels_possible(kind: str) -> None:
    (layer,) = augmentation((kind,))
    images = np.random.default_rng(1).uniform(size=(8, 12, 12, 1)).astype(np.float32)
    assert np.array_equal(layer(images, training=False), images)
    step = jax.jit(lambda x: keras.ops.convert_to_tensor(layer(x, training=True)))
    with keras.StatelessScope([(v, v.value) for v in layer.variables]):
        changed = np.asarray(jax.eval_shape(step, images).shape)
    assert tuple(changed) == images.shape
    result = np.asarray(layer(images, training=True))
    assert not np.array_equal(result, images) and result.min() >= 0 and result.max() <= 1.001
    if kind == "flip":
        for image, one in zip(images, result, strict=True):
            assert np.array_equal(one, image) or np.array_equal(one, image[:, ::-1])


@pytest.mark.parametrize(
    "name",
    [
        "cnn:augment=flip+crop,filters=3,hidden=0,padding=same",
        pytest.param("resnet:augment=shift+rotate,filters=4", marks=pytest.mark.slow),
    ],
)
def test_families_train_with_it_and_predict_without(name: str) -> None:
    network = models.get(name).network((10, 10, 3), 2)
    images = np.random.default_rng(2).uniform(size=(6, 10, 10, 3)).astype(np.float32)
    values = [v.value for v in network.trainable_variables], [v.value for v in network.non_trainable_variables]

    @jax.jit
    def outputs(x: np.ndarray) -> object:
        return [network.stateless_call(*values, x, training=flag) for flag in (True, False)]

    (trained, _), (plain, _) = outputs(images)
    assert not np.allclose(trained, plain)
    portable = models.get(name).network((10, 10, 3), 2, portable=True)
    by_path = [v for v in network.variables if not v.path.endswith("seed_generator_state")]
    kept = [v for v in portable.variables if not v.path.endswith("seed_generator_state")]
    for variable, source in zip(kept, by_path, strict=True):
        variable.assign(source.value)
    np.testing.assert_allclose(jax.jit(lambda x: portable(x))(images), plain, rtol=1e-4, atol=1e-5)
    assert any("seed_generator_state" in v.path for v in network.non_trainable_variables)


@pytest.mark.parametrize("text", ["flop", "flip+flip", "flip+", "rotate+zoom"])
def test_unknown_kinds(text: str) -> None:
    with pytest.raises(InvalidInputError):
        models.get(f"cnn:augment={text}")
    with pytest.raises(InvalidInputError, match="share"):
        RandomSlice(1.5)
