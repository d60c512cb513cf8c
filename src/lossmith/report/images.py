"""Figures of comparisons of images: sample grid, confusion, mistakes with their saliency, kernels, feature maps."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lossmith.compare._spec import Comparison, Pictures
from lossmith.report import _wording as wording

__all__ = ["Picture", "confusion", "feature_maps", "kernels", "mistakes", "pictures", "samples"]

WIDTH = 8.0  # inches
DPI = 96
NAMED = 20  # classes whose counts are written into the confusion matrix


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure as PNG for a page.

    Attributes
    ----------
    key, title, caption, alternative : str
        `alternative` is what screen readers say.
    address : str
        `data:` address of the PNG.
    """

    key: str
    title: str
    caption: str
    alternative: str
    address: str


def pictures(comparison: Comparison) -> tuple[Picture, ...]:
    """Return the figures of a comparison of images; none where the data are no images."""
    shown = comparison.pictures
    if shown is None:
        return ()
    names = [wording.shortened(name, 18) for name in comparison.data.class_names]
    loss = wording.plain(shown.loss)
    right = int(np.trace(shown.confusion))
    said = f"{right:,} of {int(shown.confusion.sum()):,} test rows of all seeds are right."
    found = [
        _made("samples", "Samples", "The first images of each class.", f"images of {', '.join(names[:12])}", samples(shown, names)),
        _made("confusion", f"Confusion matrix of {loss}", "Rows: true class. Columns: predicted class. Over the test rows of all seeds.", said, confusion(shown, names)),
    ]  # fmt: skip
    if len(shown.mistakes):
        caption = "The wrong answers of the first seed with the highest probability. Below: saliency, where a change of the pixel moves the score of the answer most."
        worst = ", ".join(
            f"{names[t]} taken for {names[s]}" for t, s in zip(shown.true[:3], shown.said[:3], strict=True)
        )
        found.append(_made("mistakes", "Most confident mistakes", caption, worst, mistakes(shown, names)))
    if len(shown.kernels):
        caption = "Weights of the first layer after training, first seed, each scaled to its own range."
        found.append(_made("kernels", "Learned kernels", caption, f"{len(shown.kernels)} kernels", kernels(shown)))
    if shown.maps:
        caption = "One test image and what the first convolutions make of it, each map scaled to its own range."
        found.append(_made("maps", "Feature maps", caption, f"{len(shown.maps)} layers", feature_maps(shown)))
    return tuple(found)


def _made(key: str, title: str, caption: str, alternative: str, figure: Figure) -> Picture:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    text = base64.b64encode(stream.getvalue()).decode("ascii")
    return Picture(key, title, caption, f"{title}: {alternative}", f"data:image/png;base64,{text}")


def _grid(rows: int, columns: int, *, cell: float, titled: float = 0.0) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(WIDTH, max(1.0, rows * (cell + titled) + 0.2)), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.ravel():
        ax.set_axis_off()
    return figure, axes


def _draw(ax: Axes, image: np.ndarray, **options: Any) -> None:
    picture = image[..., 0] if image.ndim == 3 and image.shape[-1] in (1, 2) else image
    if picture.ndim == 3 and picture.shape[-1] > 3:
        picture = picture[..., :3]
    grey = {"cmap": "gray"} if picture.ndim == 2 else {}
    ax.imshow(picture, interpolation="nearest", **{**grey, **options})


def samples(shown: Pictures, names: Sequence[str]) -> Figure:
    """Return a row of sample images for each class."""
    labels = list(dict.fromkeys(shown.sample_labels.tolist()))
    across = max(int((shown.sample_labels == label).sum()) for label in labels)
    half = -(-len(labels) // 2)
    figure, axes = _grid(half, 2 * across, cell=0.62, titled=0.2)
    for place, label in enumerate(labels):
        row, first = place % half, across * (place // half)
        for column, image in enumerate(shown.samples[shown.sample_labels == label]):
            _draw(axes[row, first + column], image)
        axes[row, first].set_title(names[label], loc="left", fontsize=9)
    return figure


def confusion(shown: Pictures, names: Sequence[str]) -> Figure:
    """Return the confusion matrix, rows in shares of the true class, with counts."""
    counts = shown.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = min(7.0, 2.0 + 0.45 * len(counts))
    figure = Figure(figsize=(size, size * 0.9), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(counts) <= NAMED:
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if shares[row, column] > 0.55 else "#222222"
            ax.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=7, color=colour)
        ax.set_xticks(range(len(names)), names, rotation=45, ha="right", fontsize=8)
        ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.set_xlabel("predicted", fontsize=9)
    ax.set_ylabel("true", fontsize=9)
    return figure


def mistakes(shown: Pictures, names: Sequence[str]) -> Figure:
    """Return confident mistakes in pairs: the image, and its saliency below."""
    across = 6
    blocks = -(-len(shown.mistakes) // across)
    figure, axes = _grid(2 * blocks, across, cell=1.0, titled=0.2)
    for place, image in enumerate(shown.mistakes):
        row, column = 2 * (place // across), place % across
        _draw(axes[row, column], image)
        said, true = names[int(shown.said[place])], names[int(shown.true[place])]
        axes[row, column].set_title(f"{said} {shown.confidence[place]:.0%}\nis {true}", fontsize=7)
        axes[row + 1, column].imshow(shown.saliency[place], cmap="magma", vmin=0, vmax=255, interpolation="nearest")
    return figure


def kernels(shown: Pictures) -> Figure:
    """Return the kernels of the first layer as small images."""
    across = 16
    figure, axes = _grid(-(-len(shown.kernels) // across), across, cell=0.5)
    for ax, kernel in zip(axes.ravel(), shown.kernels, strict=False):
        low, high = float(kernel.min()), float(kernel.max())
        scaled = (kernel - low) / (high - low if high > low else 1.0)
        _draw(ax, scaled if scaled.shape[-1] == 3 else scaled[..., :1], vmin=0, vmax=1)
    return figure


def feature_maps(shown: Pictures) -> Figure:
    """Return one image and a row of feature maps for each convolution."""
    across = 1 + max(len(maps) for maps in shown.maps)
    figure, axes = _grid(len(shown.maps), across, cell=0.55)
    _draw(axes[0, 0], shown.example[0])
    for row, maps in enumerate(shown.maps):
        for column, one in enumerate(maps, start=1):
            axes[row, column].imshow(one, cmap="viridis", vmin=0, vmax=255, interpolation="nearest")
    return figure
