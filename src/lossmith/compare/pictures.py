"""What a comparison of images shows: samples, confusion, confident mistakes with their saliency, kernels, feature maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith.compare._spec import Pictures
from lossmith.compare.plan import Plan
from lossmith.compare.trials import Judged, Seats, fitted_encoding

if TYPE_CHECKING:
    from lossmith.compare.summary import Runs

__all__ = ["pictures"]

SAMPLES = 6  # of each class
CLASSES = 12
MISTAKES = 12
KERNELS = 32
MAPS = 16  # of each layer
LAYERS = 3
LARGEST_SIDE = 96  # of what is kept: larger images are thinned out


def pictures(plan: Plan, runs: Mapping[str, Runs], seats: Seats, *, loss: str) -> Pictures | None:
    """Return what is shown of one loss, the first seed where one network is looked into; None unless samples are images."""
    dataset = plan.dataset
    images = dataset.features
    if not dataset.pixels or not isinstance(images, np.ndarray) or images.ndim != 4 or loss not in runs:
        return None
    one, seat = runs[loss], seats[0]
    confusion = np.zeros((dataset.n_classes, dataset.n_classes), np.int64)
    first: tuple[np.ndarray, np.ndarray] | None = None
    for trial in range(len(one.chosen)):
        if one.at_chosen("diverged")[trial]:
            continue
        rows = seats[trial].split.test
        said, confidence = _said(plan, one, seats, trial)
        np.add.at(confusion, (dataset.target[rows], said), 1)
        if trial == 0:
            first = said, confidence
    said, confidence = first or (np.zeros(0, np.int64), np.zeros(0))
    rows = seat.split.test[: len(said)]
    wrong = np.flatnonzero(said != dataset.target[rows])
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    network = _network(plan, one)
    shown = images[rows[wrong]]
    samples = [np.flatnonzero(dataset.target == label)[:SAMPLES] for label in range(min(dataset.n_classes, CLASSES))]
    return Pictures(
        loss=loss,
        samples=_thinned(images[np.concatenate(samples)]),
        sample_labels=dataset.target[np.concatenate(samples)],
        confusion=confusion,
        mistakes=_thinned(shown),
        true=dataset.target[rows[wrong]],
        said=said[wrong],
        confidence=confidence[wrong],
        saliency=_thinned(_saliency(network, shown, said[wrong])),
        kernels=_kernels(network, images.shape[1:]),
        example=_thinned(images[seat.split.test[:1]]),
        maps=_maps(network, images[seat.split.test[:1]]),
    )


def _thinned(images: np.ndarray) -> np.ndarray:
    step = max(1, -(-max(images.shape[1:3]) // LARGEST_SIDE))
    return images[:, ::step, ::step]


def _said(plan: Plan, one: Runs, seats: Seats, trial: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the predicted class of each test row and its probability."""
    judged = Judged(plan, one.loss, fitted_encoding(plan, seats[trial], one.loss.encoding))
    raw, platt = one.of_chosen("raw_test")[trial][None], one.of_chosen("platt")[trial][None]
    probability = judged.predictions(raw, None, platt=platt)["probability"][0]
    if probability.ndim == 1:
        probability = np.stack([1 - probability, probability], axis=1)
    return probability.argmax(axis=1), probability.max(axis=1)


def _network(plan: Plan, one: Runs) -> Any:
    """Return the network of the first seed with its weights."""
    network = plan.model.network(plan.dataset.features.shape[1:], one.program.units)
    names = sorted(name for name in one.arrays if name.startswith("weight/"))
    for variable, name in zip(network.variables, names, strict=True):
        variable.assign(one.of_chosen(name)[0])
    return network


def _values(network: Any) -> tuple[list[Any], list[Any]]:
    return [v.value for v in network.trainable_variables], [v.value for v in network.non_trainable_variables]


def _saliency(network: Any, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return how much each place of an image moves the score of the predicted class, as bytes (n, height, width).

    The size of the gradient, the largest over the channels, each image scaled to its own maximum.
    Source: K. Simonyan, A. Vedaldi, A. Zisserman, Deep inside convolutional networks, 2014.
    """
    import jax

    if not len(images):
        return np.zeros(images.shape[:3], np.uint8)
    trainable, other = _values(network)

    @jax.jit
    def gradients(pixels: Any, chosen: Any) -> Any:
        def score(inputs: Any) -> Any:
            raw = network.stateless_call(trainable, other, inputs, training=False)[0]
            # one output says both classes: less of it speaks for the first
            sign = 2 * chosen - 1 if raw.shape[-1] == 1 else 1
            place = 0 * chosen if raw.shape[-1] == 1 else chosen
            return (sign * raw[jax.numpy.arange(len(raw)), place]).sum()

        return abs(jax.grad(score)(pixels)).max(axis=-1)

    found = np.asarray(gradients(images.astype(np.float32) / 255, classes))
    most = found.max(axis=(1, 2), keepdims=True)
    return np.rint(255 * found / np.where(most > 0, most, 1)).astype(np.uint8)


def _kernels(network: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return the first kernels as small images (n, height, width, channels): of a convolution, or of a dense layer."""
    for variable in network.trainable_variables:
        values = np.asarray(variable.value)
        if values.ndim == 4:
            return values.transpose(3, 0, 1, 2)[:KERNELS]
        if values.ndim == 2 and len(values) == np.prod(shape):
            return values.T.reshape(-1, *shape)[:KERNELS]
        if values.ndim > 1:
            break
    return np.zeros((0, 1, 1, 1), np.float32)


def _maps(network: Any, example: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return what the first convolutions make of one image, as bytes (maps, height, width), scaled map by map."""
    from lossmith.training import load_keras

    keras = load_keras()
    layers = [layer for layer in network.layers if any("Conv" in kind.__name__ for kind in type(layer).__mro__)]
    if not layers:
        return ()
    inner = keras.Model(network.inputs[0], [layer.output for layer in layers[:LAYERS]])
    found = []
    for values in keras.tree.flatten(inner(example.astype(np.float32) / 255, training=False)):
        maps = np.moveaxis(np.asarray(values)[0], -1, 0)[:MAPS]
        if maps.ndim != 3:
            continue
        low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
        found.append(np.rint(255 * (maps - low) / np.where(high > low, high - low, 1)).astype(np.uint8))
    return tuple(found)
