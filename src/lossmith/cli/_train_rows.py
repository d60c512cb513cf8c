"""Rows for generators: from any source, parted into rows to train on and rows held out; and what is written about them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith._errors import InvalidInputError

if TYPE_CHECKING:
    from lossmith.generative import FeatureNetwork, PlanarMixture

__all__ = [
    "Rows",
    "as_table",
    "every_row",
    "export",
    "features",
    "latent_pictures",
    "loss_plot",
    "pictures",
    "read",
    "write_table",
]

HELD_OUT = 0.1
DRAWN = 50_000  # rows of a mixture that are trained on


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows to train on and to judge by; `labels` are class names of the training rows, or None."""

    train: np.ndarray
    held_out: np.ndarray
    labels: np.ndarray | None
    held_out_labels: np.ndarray | None
    mixture: PlanarMixture | None
    pixels: bool
    words: str


def read(
    source: str, *, target: str | None, data_dir: Path | None, seed: int, size: int | None = None, classes: bool = True
) -> Rows:
    """Return the rows of a mixture, a set of images, a folder of pictures or a table; images are scaled to `size` if given.

    Folders below a folder of pictures are classes where each holds enough pictures, and `classes` are asked for.
    """
    from lossmith.generative._mixtures import mixture_named

    rng = np.random.default_rng(seed)
    mixture = mixture_named(source) if not os.path.exists(source) else None
    if mixture is not None:
        drawn = mixture.sample(DRAWN + DRAWN // 10, rng=rng)
        words = f"{source}: {len(mixture.centers)} Gaussians, {DRAWN:,} rows drawn, {DRAWN // 10:,} held out"
        return Rows(drawn[:DRAWN], drawn[DRAWN:], None, None, mixture, False, words)
    from lossmith.data import fit_encoder, load

    loose = _loose(source, data_dir, size, classes=classes)
    if loose is not None:
        order = rng.permutation(len(loose))
        cut = max(1, round(HELD_OUT * len(loose)))
        train, held_out = loose[np.sort(order[cut:])], loose[np.sort(order[:cut])]
        if not len(train):
            raise InvalidInputError(f"one picture in {source!r}", expected="two or more")
        words = f"{source}: {len(train):,} pictures to train on, {len(held_out):,} held out, without classes"
        return Rows(train, held_out, None, None, None, True, words)
    dataset = _images(source, data_dir, size) or load(source, target=target, data_dir=data_dir)
    if dataset.parts is not None:
        chosen = np.concatenate([dataset.parts.train, dataset.parts.validation]), dataset.parts.test
    else:
        order = rng.permutation(dataset.n_samples)
        cut = max(1, round(HELD_OUT * dataset.n_samples))
        chosen = np.sort(order[cut:]), np.sort(order[:cut])
    if isinstance(dataset.features, np.ndarray):
        rows = dataset.features if size is None else _scaled(dataset.features, size)
        train, held_out = rows[chosen[0]], rows[chosen[1]]
    else:
        encoder = fit_encoder(dataset, chosen[0])
        whole = np.asarray(encoder.transform(dataset.features), dtype=np.float64)
        train, held_out = whole[chosen[0]], whole[chosen[1]]
    names = np.array(dataset.class_names) if dataset.class_names else None
    labels = [None if names is None else names[dataset.target[part]] for part in chosen]
    words = f"{dataset.name}: {len(train):,} rows to train on, {len(held_out):,} held out"
    return Rows(train, held_out, labels[0], labels[1], None, dataset.pixels, words)


def every_row(source: str, *, target: str | None, data_dir: Path | None, size: int | None = None) -> np.ndarray:
    """Return all rows of a source, those that `read` trains on before those that it holds out."""
    rows = read(source, target=target, data_dir=data_dir, seed=0, size=size, classes=False)
    return np.concatenate([rows.train, rows.held_out])


def _images(source: str, data_dir: Path | None, size: int | None) -> Any:
    """Return a folder of pictures scaled to `size`, or None where the source is something else."""
    from lossmith.data import load_image_folder
    from lossmith.data._image_folder import holds_images

    places = [Path(source), *([data_dir / source] if data_dir is not None else [])]
    for place in places:
        if place.is_dir() and holds_images(place):
            return load_image_folder(place, size=None if size is None else (size, size))
    return None


def _loose(source: str, data_dir: Path | None, size: int | None, *, classes: bool) -> np.ndarray | None:
    """Return the pictures of a folder whose folders are no classes, or None where the source is something else."""
    from lossmith.data._image_folder import holds_classes, holds_images, holds_loose_images, load_pictures

    for place in (Path(source), *([data_dir / source] if data_dir is not None else [])):
        if holds_loose_images(place) or (holds_images(place) and not (classes and holds_classes(place))):
            return load_pictures(place, size=None if size is None else (size, size))[0]
    return None


def _scaled(images: np.ndarray, size: int) -> np.ndarray:
    if images.ndim != 4 or images.dtype != np.uint8:
        raise InvalidInputError(
            f"rows of shape {images.shape[1:]}", expected="images", advice="use lossmith train gan for tables"
        )
    if images.shape[1:3] == (size, size):
        return images
    from PIL import Image

    made = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for place, image in enumerate(images):
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        made[place] = np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)).reshape(made.shape[1:])
    return made


def features(rows: Rows, seed: int) -> FeatureNetwork | None:
    """Return a classifier of the rows for distances between samples, where they are images of known classes."""
    from lossmith.generative import train_feature_network

    if not rows.pixels or rows.labels is None or rows.train.ndim != 4:
        return None
    most = 20_000  # enough for features, and quick
    return train_feature_network(rows.train[:most], rows.labels[:most], seed=seed)


def pictures(folder: Path, known: Mapping[str, np.ndarray], train: np.ndarray) -> list[tuple[str, Path]]:
    """Write rows as pictures, or as tables where they are neither images nor points; return names and paths."""
    from lossmith.report.sample_grids import write_grid

    written = []
    for name, rows in known.items():
        if rows.ndim == 4 or rows.shape[1:] == (2,):
            real = train[:2000] if rows.ndim == 2 else None
            written.append(write_grid(rows, folder / f"{name}.png", real=real))
        else:
            written.append(write_table(rows, folder / f"{name}.csv"))
    return [("samples", place) for place in written[-1:]] if len(written) == 1 else [("samples", folder)]


def as_table(rows: np.ndarray) -> str:
    """Return rows as the text of a CSV file."""
    import polars as pl

    flat = np.asarray(rows).reshape(len(rows), -1)
    return pl.DataFrame({f"x{place}": flat[:, place] for place in range(flat.shape[1])}).write_csv()


def write_table(rows: np.ndarray, path: Path) -> Path:
    """Write rows as a CSV file."""
    from lossmith.report._files import write

    return write(path, as_table(rows))


def latent_pictures(folder: Path, model: Any, rows: Rows) -> list[tuple[str, Path]]:
    """Write the map of a code of two dimensions, and an interpolation between two held-out images."""
    from lossmith.report.latent_maps import write_map
    from lossmith.report.sample_grids import write_grid

    written = []
    if int(model.latent) == 2:
        some = rows.held_out[:5000]
        labels = None if rows.held_out_labels is None else rows.held_out_labels[:5000]
        written.append(("map", write_map({"codes": model.transform(some)}, labels, folder / "map.png")))
    if rows.held_out.ndim == 4 and len(rows.held_out) > 1:
        strip = model.interpolate(rows.held_out[0], rows.held_out[1], n=8)
        written.append(("interpolation", write_grid(strip, folder / "interpolation.png")))
    return written


def loss_plot(folder: Path, result: Any) -> Path:
    """Write both losses over the steps as a picture."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from lossmith.report._canvas import figure_of
    from lossmith.report._files import write

    figure = figure_of(result.plot())
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return write(folder / "losses.png", stream.getvalue())


def export(model: Any, place: Path) -> Path:
    """Write a Keras model to a `.keras` file."""
    import tempfile

    from lossmith.report._files import write

    if place.suffix != ".keras":
        raise InvalidInputError(
            f"--export {str(place)!r}", expected="a name that ends in .keras", advice="add the ending"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        model.save(file)
        return write(place, file.read_bytes())
