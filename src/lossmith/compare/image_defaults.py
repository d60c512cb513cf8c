"""What is chosen for images where the user says nothing, and what makes their comparisons fit into memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossmith.data import Dataset
from lossmith.training import GroupData, Part

__all__ = ["ImageDefaults", "defaults_for", "is_image", "published_for", "rows_of", "shortened", "table_of"]

# baselines see images as tables: at most this many places along each axis, and this many rows
THUMBNAIL = 8
BASELINE_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class ImageDefaults:
    """Model and how it is trained.

    Attributes
    ----------
    model, optimizer : str
    learning_rate : float
    epochs, batch_size : int
    """

    model: str
    optimizer: str
    learning_rate: float
    epochs: int
    batch_size: int


IMAGES = ImageDefaults("cnn", "adam", 0.001, 15, 250)
# small sets of pictures need more steps
FEW = ImageDefaults("cnn", "adam", 0.001, 40, 32)
FEW_ROWS = 5_000
SMALL = 10
# the settings of published experiments, by data set
PUBLISHED = {
    "cifar10": ImageDefaults("cnn", "adam", 0.001, 25, 250),
    "fashion_mnist": ImageDefaults("lenet:initializer=pytorch", "sgd:momentum=0.9", 0.001, 10, 64),
    "mnist": ImageDefaults("mlp:hidden=16x16,activation=sigmoid,initializer=glorot_uniform", "adam", 0.003, 30, 100),
}


def is_image(dataset: Dataset) -> bool:
    """Return whether samples are images of bytes."""
    return dataset.pixels


def defaults_for(dataset: Dataset, *, n_train: int, published: bool) -> ImageDefaults | None:
    """Return what is chosen for images, None for everything else."""
    if not is_image(dataset):
        return None
    if published:
        return published_for(dataset) or IMAGES
    chosen = IMAGES if n_train >= FEW_ROWS else FEW
    # two convolutions and two poolings leave nothing of a smaller image, unless it is padded
    small = min(np.shape(dataset.features)[1:3]) < SMALL
    return replace(chosen, model="cnn:padding=same") if small else chosen


def published_for(dataset: Dataset) -> ImageDefaults | None:
    """Return the settings of a published experiment on this data set, or None."""
    return PUBLISHED.get(dataset.source.partition(":")[0])


def rows_of(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return rows of an array; neighbouring ones as a view, which needs no memory.

    Examples
    --------
    >>> import numpy as np
    >>> numbers = np.arange(10)
    >>> rows_of(numbers, np.array([3, 4, 5])).base is numbers, rows_of(numbers, np.array([5, 3])).tolist()
    (True, [5, 3])
    """
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows) and bool((np.diff(rows) == 1).all()):
        return array[int(rows[0]) : int(rows[-1]) + 1]
    return array[rows]


def shortened(data: GroupData, *, batch_size: int, batches: int = 4) -> tuple[GroupData, float]:
    """Return the first batches of a group, and how many times as long an epoch of the whole group takes.

    A row that is only evaluated costs a third of one that is trained on.
    """
    rows = min(data.train.n_rows, batch_size * batches)

    def first(part: Part, count: int) -> Part:
        return Part(part.inputs[:, :count], tuple(target[:, :count] for target in part.targets))

    few = {name: first(part, min(part.n_rows, 50)) for name, part in data.evaluate.items()}
    costs = [
        train.n_rows + sum(part.n_rows for part in parts.values()) / 3
        for train, parts in ((data.train, data.evaluate), (first(data.train, rows), few))
    ]
    return GroupData(data.seeds, first(data.train, rows), few), costs[0] / costs[1]


def table_of(inputs: np.ndarray) -> np.ndarray:
    """Return samples as rows of a table, images averaged over a grid of at most 8 x 8 places; float32.

    Parameters
    ----------
    inputs : ndarray of shape (n_samples, ...)
        Bytes are divided by 255.

    Examples
    --------
    >>> import numpy as np
    >>> table_of(np.full((2, 28, 28, 1), 51, np.uint8)).shape
    (2, 49)
    """
    scale = 255.0 if inputs.dtype == np.uint8 else 1.0
    values = inputs
    if inputs.ndim == 4:
        for axis in (1, 2):
            values = _averaged(values, axis)
    return (values.reshape(len(values), -1) / scale).astype(np.float32)


def _averaged(values: Any, axis: int) -> Any:
    length = values.shape[axis]
    block = -(-length // THUMBNAIL)
    starts = np.arange(0, length, block)
    sums = np.add.reduceat(values.astype(np.float32), starts, axis=axis)
    counts = np.diff(np.append(starts, length)).astype(np.float32)
    return sums / counts.reshape([-1 if place == axis else 1 for place in range(values.ndim)])
