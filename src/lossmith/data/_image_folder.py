"""A folder of pictures, one folder below it for each class."""

from __future__ import annotations

import os
import statistics
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lossmith._errors import DataError
from lossmith.data._images import image_dataset
from lossmith.data._spec import Dataset
from lossmith.data._split import MINIMUM_PER_CLASS, MINIMUM_ROWS
from lossmith.data._values import quoted, shown

__all__ = ["holds_classes", "holds_images", "holds_loose_images", "load_image_folder", "load_pictures"]

SUFFIXES = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG")
LARGEST_SIDE = 64  # pixels to which pictures of different sizes are scaled, at most
PIXELS = 50_000_000  # of one picture: a larger one is refused before it is unpacked
ROOM = 2 << 30  # bytes of all pictures together
STRIP = 64  # rows of a picture that are taken from Pillow at once


def holds_images(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is a folder with pictures in folders below it."""
    root = Path(path).expanduser()
    return root.is_dir() and any(_pictures(folder) for folder in _folders(root))


def holds_classes(path: str | os.PathLike[str]) -> bool:
    """Return whether the folders below `path` can be classes: two or more, none with fewer pictures than a class needs."""
    root = Path(path).expanduser()
    counts = [len(_pictures(folder)) for folder in _folders(root)] if root.is_dir() else []
    filled = [count for count in counts if count]
    return len(filled) > 1 and min(filled) >= MINIMUM_PER_CLASS and sum(filled) >= MINIMUM_ROWS


def holds_loose_images(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is a folder with pictures in itself and in no folder below it."""
    root = Path(path).expanduser()
    return (
        root.is_dir()
        and not holds_images(root)
        and any(item.suffix.lower() in SUFFIXES for item in root.iterdir() if item.is_file())
    )


def _folders(root: Path) -> list[Path]:
    return sorted(item for item in root.iterdir() if item.is_dir() and not item.name.startswith("."))


def _pictures(folder: Path) -> list[Path]:
    return sorted(item for item in folder.rglob("*") if item.suffix.lower() in SUFFIXES and item.is_file())


def load_image_folder(
    path: str | os.PathLike[str], *, name: str | None = None, size: tuple[int, int] | None = None
) -> Dataset:
    """Return the pictures in a folder; the folders below it are the classes.

    Pictures of one size keep it; others are scaled to the median size, with sides of at most 64 pixels. Where every
    picture is grey there is one channel, otherwise three; what shines through is laid on white.

    Parameters
    ----------
    path : path
    name : str, optional
    size : (height, width), optional
        Scale to this size.

    Raises
    ------
    DataError
        A file that is no picture, or is cut off; fewer than two classes with three pictures; too large.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for label, grey in (("dark", 10), ("light", 240)):
    ...         (Path(folder) / label).mkdir()
    ...         for place in range(5):
    ...             Image.new("L", (8, 6), grey + place).save(Path(folder) / label / f"{place}.png")
    ...     dataset = load_image_folder(folder, name="greys")
    >>> dataset.class_names, dataset.features.shape
    (('dark', 'light'), (10, 6, 8, 1))
    """
    root = Path(path).expanduser()
    found = {folder.name: _pictures(folder) for folder in _folders(root)}
    found = {label: files for label, files in found.items() if files}
    if len(found) < 2:
        raise DataError(
            f"{str(root)!r} holds pictures in {len(found)} folder{'s' if len(found) != 1 else ''}",
            expected="at least two, one for each class",
            advice="sort the pictures into folders named for their classes",
        )
    files = [file for label in found for file in found[label]]
    decisions = [f"{len(files):,} pictures in {len(found)} folders, which are the classes."]
    outside = sum(item.suffix.lower() in SUFFIXES for item in root.iterdir() if item.is_file())
    if outside:
        decisions.append(f"{outside:,} pictures beside the folders have no class and are left out.")
    images, said = _read(files, size)
    decisions += said
    labels = np.repeat(np.arange(len(found)), [len(files) for files in found.values()])
    return image_dataset(
        images,
        labels,
        name=name or shown(root.resolve().name),
        class_names=tuple(map(shown, found)),
        source=shown(root),
        decisions=decisions,
    )


def load_pictures(path: str | os.PathLike[str], *, size: tuple[int, int] | None = None) -> tuple[np.ndarray, list[str]]:
    """Return all pictures in a folder and below it, without classes, `(n_samples, height, width, channels)`; and what was decided.

    Raises
    ------
    DataError
        No picture; otherwise as `load_image_folder`.
    """
    files = _pictures(Path(path).expanduser())
    if not files:
        raise DataError(f"{str(path)!r} holds no pictures", expected="files that end in " + ", ".join(SUFFIXES))
    return _read(files, size)


def _read(files: list[Path], size: tuple[int, int] | None) -> tuple[np.ndarray, list[str]]:
    """Return pictures as bytes of one size, and what was decided about them."""
    sizes, grey, transparent = _survey(files)
    decisions = []
    height, width = size or _common_size(sizes)
    if len(sizes) > 1 or (height, width) not in sizes:
        decisions.append(f"Pictures of {len(sizes)} sizes are scaled to {height} x {width} pixels.")
    if transparent:
        decisions.append(f"{transparent:,} pictures shine through somewhere and are laid on white.")
    channels = 1 if grey == len(files) else 3
    if 0 < grey < len(files):
        decisions.append(f"{grey:,} grey pictures have three equal channels.")
    if len(files) * height * width * channels > ROOM:
        raise DataError(
            f"{len(files):,} pictures of {height} x {width} pixels",
            expected=f"at most {ROOM >> 30} GiB together",
            advice="give a smaller size",
        )
    images = np.empty((len(files), height, width, channels), np.uint8)
    for place, file in enumerate(files):
        _unpack(file, images[place])
    return images, decisions


def _common_size(sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    if len(sizes) == 1:
        return next(iter(sizes))
    height, width = (statistics.median_low([side[axis] for side in sizes.elements()]) for axis in (0, 1))
    shrink = min(1.0, LARGEST_SIDE / max(height, width))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def _survey(files: list[Path]) -> tuple[Counter[tuple[int, int]], int, int]:
    """Return how often each size occurs, how many pictures are grey and how many have transparent places."""
    sizes: Counter[tuple[int, int]] = Counter()
    grey = transparent = 0
    for file in files:
        picture = _opened(file)
        sizes[picture.height, picture.width] += 1
        grey += picture.mode in ("1", "L", "LA") or _deep(picture)
        if picture.has_transparency_data:
            alphas = (strip.convert("RGBA").getchannel("A") for _, strip in _strips(picture))
            transparent += min(alpha.getextrema()[0] for alpha in alphas) < 255
    return sizes, grey, transparent


def _opened(file: Path) -> Any:
    """Return a picture with its pixels unpacked and turned as its camera noted."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large pictures are refused below, with words of our own
            # other formats are not asked to read it: that of PostScript starts a program
            with Image.open(file, formats=FORMATS) as picture:
                if picture.width * picture.height > PIXELS:
                    raise DataError(
                        f"{quoted(file.name)} has {picture.width} x {picture.height} pixels",
                        expected=f"at most {PIXELS:,} pixels",
                        advice="scale it down",
                    )
                picture.load()
                ImageOps.exif_transpose(picture, in_place=True)  # a copy would take as much again
                return picture
    except DataError:
        raise
    # Pillow's readers raise what the bytes make them stumble over
    except Exception as error:
        raise DataError(
            f"{quoted(f'{file.parent.name}/{file.name}')} is no picture that can be read, or is cut off",
            expected="a PNG or JPEG file",
            advice="remove it, or save it again",
        ) from error


def _unpack(file: Path, pixels: np.ndarray) -> None:
    """Write a picture to the place of its pixels, `(height, width, channels)`, to which it is scaled."""
    from PIL import Image

    height, width, channels = pixels.shape
    mode = "L" if channels == 1 else "RGB"
    picture = _opened(file)
    highest = picture.getextrema()[1] if _deep(picture) else 0
    size = (width, height)
    if picture.size != size and picture.mode == mode and not picture.has_transparency_data:
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    elif picture.size != size:  # channel by channel: Pillow takes four bytes for a pixel of three
        bands = []
        for band in range(channels):
            whole = Image.new("L", picture.size)
            for top, strip in _strips(picture):
                whole.paste(_plain(strip, mode, highest).getchannel(band), (0, top))
            bands.append(whole.resize(size, Image.Resampling.BILINEAR))
        picture = Image.merge(mode, bands)
    for top, strip in _strips(picture):
        values = np.asarray(_plain(strip, mode, highest), dtype=np.uint8)
        pixels[top : top + STRIP] = values.reshape(-1, width, channels)


def _strips(picture: Any) -> Iterator[tuple[int, Any]]:
    """Give the rows of a picture with the number of the first: every step on a whole picture makes a copy of it."""
    for top in range(0, picture.height, STRIP):
        yield top, picture.crop((0, top, picture.width, min(top + STRIP, picture.height)))


def _deep(picture: Any) -> bool:
    """Return whether a picture is grey in 16 bits or in floats."""
    return bool(picture.mode.startswith("I") or picture.mode == "F")


def _plain(strip: Any, mode: str, highest: float) -> Any:
    """Return rows of a picture as grey or RGB; `highest` is the largest value of a deep one: above 255 white is 65,535."""
    from PIL import Image

    if _deep(strip):
        scale = 1.0 if highest <= 255 else 257.0
        strip = Image.fromarray(np.clip(np.asarray(strip, dtype=np.float64) / scale, 0, 255).astype(np.uint8))
    if strip.has_transparency_data:
        strip = strip.convert("RGBA")
        strip = Image.alpha_composite(Image.new("RGBA", strip.size, (255, 255, 255, 255)), strip)
    return strip if strip.mode == mode else strip.convert(mode)
