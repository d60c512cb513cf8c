"""What people said about the images of CIFAR-10: shares of their answers (10H), and one noisy label each (10N)."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lossmith._catalogue import Catalogue
from lossmith._errors import DataError, InvalidInputError, did_you_mean
from lossmith.data import _downloads
from lossmith.data._image_sets import CIFAR_CLASSES, IMAGE_SETS, Folders, read_cifar_file, read_images
from lossmith.data._images import image_dataset
from lossmith.data._spec import Dataset, Split

__all__ = ["HUMAN_LABELS", "HumanLabels", "load_human_labels"]

TEST_ROWS = 10_000
VALIDATION = 10_000
LARGEST = 1 << 24  # bytes of a file of labels
TENTH_H = "https://raw.githubusercontent.com/jcpeterson/cifar-10h/master/data/cifar10h-probs.npy"
SHA_H = "436ae98620e00073f9d08585ac870573b588853e7af9f54eb1647408114af77d"
KINDS = {
    "aggregate": "aggre_label",
    "random1": "random_label1",
    "random2": "random_label2",
    "random3": "random_label3",
    "worse": "worse_label",
}


@dataclass(frozen=True, slots=True)
class HumanLabels:
    """Labels that people gave to images of another set.

    Attributes
    ----------
    name, description : str
    file : str
        Name of the file with the labels.
    places : tuple of str
        Folders below `LOSSMITH_DATA` (or `--data-dir`) in which it is looked for.
    reference, licence : str
    aliases : tuple of str
    """

    name: str
    description: str
    file: str
    places: tuple[str, ...]
    reference: str
    licence: str
    aliases: tuple[str, ...] = ()

    def path(self, folders: Folders) -> Path | None:
        """Return where its file lies, or None."""
        found = (root / place / self.file for root in folders for place in self.places)
        return next((path for path in found if path.is_file()), None)


HUMAN_LABELS: Catalogue[HumanLabels] = Catalogue(
    "set of human labels",
    [
        HumanLabels(
            "cifar10h",
            "the 10,000 test images of CIFAR-10 with the shares of about 51 human answers each",
            "cifar10h-probs.npy",
            ("cifar-10h", "cifar10h", "."),
            "J. Peterson et al., Human uncertainty makes classification more robust, 2019",
            "CC BY-NC-SA 4.0",
            ("cifar-10h",),
        ),
        HumanLabels(
            "cifar10n",
            "CIFAR-10 with noisy human labels to train on: labels=aggregate, random1, random2, random3 or worse",
            "cifar10n_labels_derived.npz",
            ("cifar-10n", "cifar10n", "."),
            "J. Wei et al., Learning with noisy labels revisited, 2022",
            "CC BY-NC 4.0",
            ("cifar-10n",),
        ),
    ],
)


def load_human_labels(name: str, folders: Folders, *, labels: str = "worse") -> Dataset:
    """Return CIFAR-10 with the labels of people.

    Raises
    ------
    DataError
        A file is missing or damaged.
    InvalidInputError
        No such kind of labels.
    """
    record = HUMAN_LABELS[name]
    return _soft(record, folders) if record.name == "cifar10h" else _noisy(record, folders, labels)


def _soft(record: HumanLabels, folders: Folders) -> Dataset:
    path = record.path(folders) or _downloads.download(
        TENTH_H, file=record.file, sha256=SHA_H, variable=f"cifar-10h/{record.file}"
    )
    shares = _load(path)
    if shares.shape != (TEST_ROWS, 10) or shares.dtype.kind != "f" or not np.isfinite(shares).all() or shares.min() < 0:
        raise DataError(
            f"{path.name} of shape {shares.shape}", expected=f"({TEST_ROWS}, 10) shares", advice="fetch it again"
        )
    if np.abs(shares.sum(axis=1) - 1).max() > 1e-6:
        raise DataError(f"rows of {path.name} that do not sum to 1", expected="shares", advice="fetch it again")
    images, truth, where = _test_images(folders)
    # 6,000 to train, 2,000 to validate, 2,000 to test: the published rows are in random order
    train, validation, test = np.split(np.arange(TEST_ROWS, dtype=np.int64), [6 * TEST_ROWS // 10, 8 * TEST_ROWS // 10])
    parts = Split(train, validation, test, redrawn=False)
    return image_dataset(
        images, truth,
        name=record.name, class_names=CIFAR_CLASSES, source=record.name, parts=parts,
        soft_target=shares.astype(np.float64),
        decisions=(where, "Losses see the shares of human answers; metrics judge by the true class."),
    )  # fmt: skip


def _test_images(folders: Folders) -> tuple[np.ndarray, np.ndarray, str]:
    folder = IMAGE_SETS["cifar10"].folder(folders)
    if folder is not None:
        images, truth = read_cifar_file(folder, "test_batch")
        where = f"Read from {folder.name}, checksums as published."
    else:
        images, truth, n_train, where = read_images(IMAGE_SETS["cifar10"], folders)
        images, truth = images[n_train:], truth[n_train:]
    return np.ascontiguousarray(images), truth, where


def _noisy(record: HumanLabels, folders: Folders, kind: str) -> Dataset:
    if kind not in KINDS:
        raise InvalidInputError(f"labels={kind} of {record.name}", advice=did_you_mean(kind, KINDS))
    path = record.path(folders)
    if path is None:
        raise DataError(
            f"{record.file} is not on this machine",
            expected=f"cifar-10n/{record.file} in the folder of data sets",
            advice="name the folder with --data-dir or in LOSSMITH_DATA; its publishers offer a pickle alone, "
            "which is not opened",
        )
    given = _load(path, KINDS[kind])
    images, truth, n_train, where = read_images(IMAGE_SETS["cifar10"], folders)
    if given.shape != (n_train,) or given.dtype.kind not in "iu" or given.min() < 0 or given.max() > 9:
        raise DataError(f"{path.name} of shape {given.shape}", expected=f"({n_train},) classes 0 to 9", advice="check")
    training = truth.astype(np.int64).copy()
    training[:n_train] = given
    rows = np.arange(len(images), dtype=np.int64)
    cut = n_train - VALIDATION
    wrong = float((given != truth[:n_train]).mean())
    return image_dataset(
        images, truth, name=record.name, class_names=CIFAR_CLASSES, source=record.name, training_target=training,
        parts=Split(rows[:cut], rows[cut:n_train], rows[n_train:], redrawn=False),
        decisions=(where, f"Trained and validated on the labels {kind!r} of people, {wrong:.1%} of them wrong; "
                   "tested on the true class."),
    )  # fmt: skip


def _load(path: Path, member: str = "") -> np.ndarray:
    try:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size > LARGEST:
                raise ValueError("it is larger than a file of labels")
            if zipfile.is_zipfile(stream):
                with zipfile.ZipFile(stream) as packed:
                    if sum(entry.file_size for entry in packed.infolist()) > LARGEST:
                        raise ValueError("it unpacks to more than a file of labels")
            stream.seek(0)
            loaded = np.load(stream, allow_pickle=False)
            return np.asarray(loaded[member] if member else loaded)
    # NumPy passes on what zipfile, its own parser of headers and its allocator raise
    except Exception as error:
        raise DataError(
            f"{str(path)!r} is damaged or no file of labels", expected="the published file", advice="fetch it again"
        ) from error
