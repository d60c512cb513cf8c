"""Known sets of images: from a folder of the user, or fetched from where they are published."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lossmith._catalogue import Catalogue
from lossmith._errors import DataError, InvalidInputError, did_you_mean
from lossmith._names import parse_name
from lossmith.data import _downloads, _image_files
from lossmith.data._images import image_dataset
from lossmith.data._spec import Dataset, Split

__all__ = ["IMAGE_SETS", "ImageSet", "is_image_set", "load_image_set"]

Folders = tuple[Path, ...]
Arrays = tuple[np.ndarray, np.ndarray, int]  # images, labels, and how many rows come before the test rows


@dataclass(frozen=True, slots=True)
class ImageSet:
    """A set of images that is published somewhere.

    Attributes
    ----------
    name, description : str
    n_train, n_test : int
        Published rows.
    shape : tuple of int
        Height, width and channels.
    class_names : tuple of str
    places : tuple of str
        Folders below `LOSSMITH_DATA` (or `--data-dir`) in which its files are looked for.
    files : tuple of str
        Names of the files that must be there, without `.gz` or `.xz`.
    read : callable
        `read(folder) -> images, labels, n_train` from files; `folder` is None where they come from the network.
    reference, licence : str
    aliases : tuple of str
    validation : int
        Rows of the training part that the published experiment validates on; 0 where it uses the test rows.
    """

    name: str
    description: str
    n_train: int
    n_test: int
    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    places: tuple[str, ...]
    files: tuple[str, ...]
    read: Callable[[Path | None], Arrays]
    reference: str
    licence: str
    aliases: tuple[str, ...] = ()
    validation: int = 0

    def folder(self, folders: Folders) -> Path | None:
        """Return the first folder that holds all of its files, or None."""
        for root in folders:
            for place in self.places:
                found = root / place
                if all(any((found / f"{name}{end}").is_file() for end in _image_files.PACKINGS) for name in self.files):
                    return found
        return None


def is_image_set(name: str) -> bool:
    """Return whether `name`, with parameters after a colon or without, is a known set of images."""
    from lossmith.data._human_labels import HUMAN_LABELS

    base = name.partition(":")[0]
    return base in IMAGE_SETS or base in HUMAN_LABELS


def data_folders(data_dir: str | os.PathLike[str] | None) -> Folders:
    """Return the folders in which files of known sets are looked for."""
    named = data_dir or os.environ.get("LOSSMITH_DATA")
    return (Path(named).expanduser(),) if named else ()


def load_image_set(source: str, *, name: str | None = None, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
    """Return a known set of images; `cifar10:n_samples=6000` takes the first rows of its training and test part.

    Use it for the images of CIFAR-10 and MNIST; `load` calls it for their names. `source` is the name of a set with its parameters, `name` what the
    data set is to be called, `data_dir` the folder below which its files are looked for, by default LOSSMITH_DATA.

    Raises
    ------
    DataError
        Its files are neither in a folder nor to be fetched, or they are damaged.
    InvalidInputError
        A parameter it does not have.

    Examples
    --------
    With the files of CIFAR-10 in the folder that LOSSMITH_DATA names, `load_image_set("cifar10:n_samples=6000")` gives 6,000 rows; what a set
    does not have is refused before any file is looked for:

    >>> load_image_set("cifar10:rows=6000")
    Traceback (most recent call last):
    ...
    lossmith._errors.InvalidInputError: cifar10 has no parameter 'rows'; one of: 'n_samples'
    """
    from lossmith.data import _human_labels

    base, given = parse_name(source)
    known = ("n_samples", *(("labels",) if base == "cifar10n" else ()))
    for parameter in given:
        if parameter not in known:
            raise InvalidInputError(f"{base} has no parameter {parameter!r}", advice=did_you_mean(parameter, known))
    folders = data_folders(data_dir)
    if base in _human_labels.HUMAN_LABELS:
        dataset = _human_labels.load_human_labels(base, folders, labels=str(given.get("labels", "worse")))
    else:
        dataset = _load(IMAGE_SETS[base], folders)
    if "n_samples" in given:
        dataset = first_rows(dataset, given["n_samples"])
    label = dataset.name + (":" + ",".join(f"{key}={value}" for key, value in given.items()) if given else "")
    return replace(dataset, name=name or label, source=label)


def _load(record: ImageSet, folders: Folders) -> Dataset:
    images, labels, n_train, where = read_images(record, folders)
    every = np.arange(len(images), dtype=np.int64)
    test = every[n_train:]
    held_out = record.validation or n_train // 6
    validating = Split(every[: n_train - held_out], every[n_train - held_out : n_train], test, redrawn=False)
    published = validating if record.validation else Split(every[:n_train], test, test, redrawn=False)
    return image_dataset(
        images, labels, name=record.name, class_names=record.class_names, source=record.name,
        decisions=(where, f"The last {len(test):,} rows are the published test part."),
        parts=validating, published=published,
    )  # fmt: skip


def read_images(record: ImageSet, folders: Folders) -> tuple[np.ndarray, np.ndarray, int, str]:
    """Return images, labels, the number of training rows, and where they came from in words.

    Raises
    ------
    DataError
        See `load_image_set`.
    """
    folder = record.folder(folders)
    images, labels, n_train = record.read(folder)
    wanted = (record.n_train + record.n_test, *record.shape)
    if images.shape != wanted or labels.shape != wanted[:1] or n_train != record.n_train:
        raise DataError(
            f"{record.name} with images of shape {images.shape} and {len(labels):,} labels",
            expected=f"shape {wanted}",
            advice="fetch it again",
        )
    where = "Fetched through keras.datasets." if folder is None else f"Read from {folder.name}, checksums as published."
    return images, labels, n_train, where


def first_rows(dataset: Dataset, n_samples: object) -> Dataset:
    """Return the first rows of every part, in the shares of the whole.

    Raises
    ------
    InvalidInputError
        Not a whole number between 60 and all rows.
    """
    if isinstance(n_samples, bool) or not isinstance(n_samples, int) or not 60 <= n_samples <= dataset.n_samples:
        raise InvalidInputError(
            f"n_samples={n_samples} of {dataset.name}", expected=f"a whole number from 60 to {dataset.n_samples}"
        )
    parts, published = dataset.parts, dataset.published or dataset.parts
    if parts is None or published is None:
        raise InvalidInputError(f"n_samples of {dataset.name}", expected="a set with published parts")
    share = n_samples / dataset.n_samples

    def few(rows: np.ndarray) -> np.ndarray:
        return rows[: max(10, round(share * len(rows)))]

    train, validation, test = few(parts.train), few(parts.validation), few(parts.test)
    rows = np.concatenate([train, validation, test])
    ends = np.cumsum([len(train), len(validation), len(test)])
    every = np.arange(len(rows), dtype=np.int64)
    own = Split(every[: ends[0]], every[ends[0] : ends[1]], every[ends[1] :], redrawn=False)
    whole = Split(every[: ends[1]], own.test, own.test, redrawn=False)
    keeps_validation = len(np.intersect1d(published.validation, published.test)) == 0
    return image_dataset(
        dataset.features[rows],  # type: ignore[arg-type]
        dataset.target[rows], name=dataset.name, class_names=dataset.class_names, source=dataset.source,
        decisions=(*(said for said in dataset.decisions[:-3] if not said.startswith("The last")),
                   f"The first {len(rows):,} rows, from every part in proportion."),
        parts=own, published=own if keeps_validation else whole,
        soft_target=None if dataset.soft_target is None else dataset.soft_target[rows],
        training_target=None if dataset.training_target is None else dataset.training_target[rows],
    )  # fmt: skip


def _checked(folder: Path, name: str, md5: str) -> bytes:
    data, path = _image_files.read_member(folder, name)
    _image_files.check_md5(data, md5, path=path)
    return data


def read_cifar_file(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels of one of CIFAR-10's files, its checksum verified."""
    return _image_files.read_batch(_checked(folder, name, CIFAR_FILES[name]), name=name)


def _read_cifar(folder: Path | None) -> Arrays:
    if folder is None:
        train, test = _downloads.keras_arrays("cifar10", variable="cifar-10-batches-py")
        return np.concatenate([train[0], test[0]]), np.concatenate([train[1], test[1]]).ravel(), len(train[0])
    with ThreadPoolExecutor() as pool:  # unpacking takes most of the time and leaves Python's lock alone
        pieces = list(pool.map(lambda name: read_cifar_file(folder, name), CIFAR_FILES))
    images = np.ascontiguousarray(np.concatenate([images for images, _ in pieces]))
    return images, np.concatenate([labels for _, labels in pieces]), sum(len(labels) for _, labels in pieces[:-1])


def _read_idx(name: str, sums: Sequence[str]) -> Callable[[Path | None], Arrays]:
    def read(folder: Path | None) -> Arrays:
        if folder is None:
            train, test = _downloads.keras_arrays(name, variable=f"the IDX files of {name}")
        else:
            # the sums are of the packed files, as they are published
            arrays = [_idx_file(folder, file, md5) for file, md5 in zip(IDX_FILES, sums, strict=True)]
            train, test = (arrays[0], arrays[1]), (arrays[2], arrays[3])
            for (images, labels), file in ((train, IDX_FILES[1]), (test, IDX_FILES[3])):
                if len(images) != len(labels):
                    raise DataError(
                        f"{file} holds {len(labels):,} labels",
                        expected=f"{len(images):,}, one for each image",
                        advice="fetch the files again",
                    )
        return np.concatenate([train[0], test[0]])[..., None], np.concatenate([train[1], test[1]]), len(train[0])

    return read


def _idx_file(folder: Path, name: str, md5: str) -> np.ndarray:
    data, path = _image_files.read_member(folder, name)
    if path.suffix == ".gz":
        _image_files.check_md5(path.read_bytes(), md5, path=path)
    return _image_files.read_idx(data, name=path.name)


CIFAR_FILES = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
MNIST_SUMS = (
    "f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432",
    "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c",
)  # fmt: skip
FASHION_SUMS = (
    "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe",
    "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310",
)  # fmt: skip
CIFAR_PLACES = ("cifar-10-batches-py", "cifar-10/cifar-10-batches-py", "cifar10/cifar-10-batches-py", "cifar-10", ".")
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

IMAGE_SETS: Catalogue[ImageSet] = Catalogue(
    "set of images",
    [
        ImageSet(
            "cifar10", "photographs of ten kinds of things, 32 x 32 pixels", 50_000, 10_000, (32, 32, 3),
            CIFAR_CLASSES, CIFAR_PLACES, tuple(CIFAR_FILES), _read_cifar,
            "A. Krizhevsky, Learning multiple layers of features from tiny images, 2009", "none declared",
            ("cifar-10",), validation=10_000,
        ),
        ImageSet(
            "mnist", "handwritten digits, 28 x 28 pixels", 60_000, 10_000, (28, 28, 1),
            tuple(str(digit) for digit in range(10)), ("mnist", "MNIST/raw"), IDX_FILES, _read_idx("mnist", MNIST_SUMS),
            "Y. LeCun, C. Cortes, C. Burges, The MNIST database, 1998", "CC BY-SA 3.0",
        ),
        ImageSet(
            "fashion_mnist", "pieces of clothing, 28 x 28 pixels", 60_000, 10_000, (28, 28, 1),
            ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
            ("fashion-mnist", "fashion_mnist", "FashionMNIST/raw"), IDX_FILES,
            _read_idx("fashion_mnist", FASHION_SUMS),
            "H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST, 2017", "MIT", ("fashion-mnist", "fashion"),
        ),
    ],
)  # fmt: skip
