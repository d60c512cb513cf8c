"""Known sets of images and the labels of people: where they are looked for, what they must hold, and what is said where they do not."""

from __future__ import annotations

import gzip
import hashlib
import struct
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lossmith import data
from lossmith._errors import DataError, InvalidInputError
from lossmith.data import _downloads, _human_labels, _image_sets
from lossmith.data._image_sets import IMAGE_SETS


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def digits() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 256, (n, 28, 28), dtype=np.uint8) for n in (70, 30)]
    labels = [(np.arange(n) * 7 % 10).astype(np.uint8) for n in (70, 30)]
    return dict(zip(_image_sets.IDX_FILES, (images[0], labels[0], images[1], labels[1]), strict=True))


@pytest.fixture
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with packed files as MNIST's, of a hundred rows, whose sums are the published ones for this test."""
    folder, sums = tmp_path / "MNIST" / "raw", []
    folder.mkdir(parents=True)
    for name, array in digits().items():
        packed = gzip.compress(idx(array), mtime=0)
        (folder / f"{name}.gz").write_bytes(packed)
        sums.append(hashlib.md5(packed).hexdigest())
    small = replace(IMAGE_SETS["mnist"], n_train=70, n_test=30, read=_image_sets._read_idx("mnist", sums))
    monkeypatch.setitem(IMAGE_SETS._records, "mnist", small)
    return tmp_path


def test_files_as_they_are_published(small_mnist: Path) -> None:
    dataset = data.load("mnist", data_dir=small_mnist)
    given = digits()
    assert dataset.features.shape == (100, 28, 28, 1)
    images = np.concatenate([given["train-images-idx3-ubyte"], given["t10k-images-idx3-ubyte"]])
    labels = np.concatenate([given["train-labels-idx1-ubyte"], given["t10k-labels-idx1-ubyte"]])
    assert np.array_equal(dataset.features[..., 0], images) and np.array_equal(dataset.target, labels)
    assert dataset.decisions[0] == "Read from raw, checksums as published."
    published = data.published_split(dataset)
    assert published.train.tolist() == list(range(70)) and published.test.tolist() == list(range(70, 100))


def test_files_that_somebody_has_unpacked(small_mnist: Path) -> None:
    """The published sums are of the packed files; what is unpacked must still be whole."""
    before = data.load("mnist", data_dir=small_mnist).fingerprint
    folder = small_mnist / "MNIST" / "raw"
    for path in list(folder.iterdir()):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert data.load("mnist", data_dir=small_mnist).fingerprint == before
    path = folder / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="t10k-labels"):
        data.load("mnist", data_dir=small_mnist)


@pytest.mark.parametrize("name", _image_sets.IDX_FILES)
def test_a_packed_file_of_another_content(small_mnist: Path, name: str) -> None:
    path = small_mnist / "MNIST" / "raw" / f"{name}.gz"
    other = digits()[name].copy()
    other.flat[0] ^= 1
    path.write_bytes(gzip.compress(idx(other), mtime=0))
    with pytest.raises(DataError, match=rf"{name}\.gz'? .*checksum [0-9a-f]{{32}}; expected [0-9a-f]{{32}}"):
        data.load("mnist", data_dir=small_mnist)


@pytest.mark.parametrize("change", [{"n_train": 69, "n_test": 31}, {"n_test": 29}, {"shape": (28, 28, 3)}])
def test_a_set_of_other_sizes_is_refused(small_mnist: Path, monkeypatch: pytest.MonkeyPatch, change: dict) -> None:
    monkeypatch.setitem(IMAGE_SETS._records, "mnist", replace(IMAGE_SETS["mnist"], **change))
    with pytest.raises(
        DataError, match=r"mnist with images of shape \(100, 28, 28, 1\) and 100 labels; .*fetch it again"
    ):
        data.load("mnist", data_dir=small_mnist)


def test_labels_that_are_fewer_than_images_are_refused(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels, n_train = IMAGE_SETS["mnist"].read(small_mnist / "MNIST" / "raw")
    monkeypatch.setitem(
        IMAGE_SETS._records, "mnist", replace(IMAGE_SETS["mnist"], read=lambda folder: (images, labels[:-1], n_train))
    )
    with pytest.raises(DataError, match="and 99 labels"):
        data.load("mnist", data_dir=small_mnist)


def test_a_folder_counts_when_all_files_are_there(small_mnist: Path, tmp_path: Path) -> None:
    record = IMAGE_SETS["mnist"]
    found = small_mnist / "MNIST" / "raw"
    (tmp_path / "elsewhere" / "mnist").mkdir(parents=True)
    assert record.folder(()) is None and record.folder((tmp_path / "elsewhere",)) is None
    assert record.folder((tmp_path / "elsewhere", small_mnist)) == found
    (found / "t10k-images-idx3-ubyte.gz").rename(found / "other.gz")
    assert record.folder((small_mnist,)) is None
    assert data.load is not None and _image_sets.data_folders(None) == ()
    assert _image_sets.data_folders("~/sets") == (Path("~/sets").expanduser(),)


def test_names_of_known_sets() -> None:
    for name in ("mnist", "cifar10:n_samples=60", "fashion", "cifar10n:labels=worse", "cifar-10h"):
        assert _image_sets.is_image_set(name)
    assert not _image_sets.is_image_set("circles") and not _image_sets.is_image_set("mnist.csv")


def test_first_rows_of_digits(small_mnist: Path) -> None:
    """60 of 100 rows; there is no part to validate on among the published ones."""
    dataset = data.load("mnist:n_samples=60", data_dir=small_mnist)
    whole = data.load("mnist", data_dir=small_mnist)
    fair = data.split(whole, seed=0)
    own = data.split(dataset, seed=5)
    sizes = [len(rows) for rows in (own.train, own.validation, own.test)]
    assert sizes == [max(10, round(0.6 * len(rows))) for rows in (fair.train, fair.validation, fair.test)]
    assert np.array_equal(dataset.features[own.test], whole.features[70 : 70 + sizes[2]])
    assert np.array_equal(dataset.target[own.train], whole.target[: sizes[0]])
    published = data.published_split(dataset)
    assert np.array_equal(published.validation, published.test) and len(published.train) == sizes[0] + sizes[1]
    assert f"The first {sum(sizes)} rows, from every part in proportion." in dataset.decisions
    assert not any(said.startswith("The last") for said in dataset.decisions)
    assert data.load("mnist:n_samples=100", data_dir=small_mnist).n_samples == 100


def test_first_rows_of_a_set_without_parts() -> None:
    """Rows of people's own tables have no published parts to take shares of."""
    dataset = data.load("circles:n_samples=200")
    assert dataset.parts is None
    with pytest.raises(InvalidInputError, match=r"n_samples of circles.*; expected a set with published parts"):
        _image_sets.first_rows(dataset, 60)


# labels of people


@pytest.fixture
def truth(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """CIFAR-10 as 70 and 30 images that Keras would fetch; its true classes."""
    rng = np.random.default_rng(1)
    train, test = (rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8) for n in (70, 30))
    labels = [(np.arange(n) * 3 % 10).astype(np.uint8) for n in (70, 30)]
    loaded = ((train, labels[0][:, None]), (test, labels[1][:, None]))
    monkeypatch.delenv("LOSSMITH_DATA", raising=False)
    monkeypatch.setattr(_downloads._keras().datasets.cifar10, "load_data", lambda: loaded)
    small = replace(IMAGE_SETS["cifar10"], n_train=70, n_test=30, validation=20)
    monkeypatch.setitem(IMAGE_SETS._records, "cifar10", small)
    monkeypatch.setattr(_human_labels, "VALIDATION", 20)
    monkeypatch.setattr(_human_labels, "TEST_ROWS", 30)
    return np.concatenate(labels)


def test_photographs_from_keras(truth: np.ndarray) -> None:
    dataset = data.load("cifar10")
    assert np.array_equal(dataset.target, truth) and dataset.decisions[0] == "Fetched through keras.datasets."


def test_soft_labels_of_images_from_keras(truth: np.ndarray, tmp_path: Path) -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(10), 30)
    (tmp_path / "cifar-10h").mkdir()
    np.save(tmp_path / "cifar-10h" / "cifar10h-probs.npy", shares)
    dataset = data.load("cifar10h", data_dir=tmp_path)
    assert np.array_equal(dataset.target, truth[70:]) and np.array_equal(dataset.soft_target, shares)
    parts = data.split(dataset, seed=9)
    assert [rows.tolist() for rows in (parts.train, parts.validation, parts.test)] == [
        list(range(18)), list(range(18, 24)), list(range(24, 30)),
    ]  # fmt: skip
    assert not parts.redrawn and "Fetched through keras.datasets." in dataset.decisions


def test_soft_labels_are_fetched_where_they_are_not(truth: np.ndarray, tmp_path: Path, monkeypatch) -> None:
    place, asked = tmp_path / "cifar10h-probs.npy", {}
    np.save(place, np.full((30, 10), 0.1))

    def fetched(address: str, **options: object) -> Path:
        asked.update(options, address=address)
        return place

    monkeypatch.setattr(_downloads, "download", fetched)
    assert data.load("cifar10h").n_samples == 30
    assert (
        asked["file"] == "cifar10h-probs.npy"
        and asked["sha256"] == _human_labels.SHA_H
        and asked["address"].startswith("https://")
    )
    # a hair's breadth beside 1 is rounding, more is not
    for factor, good in ((1 + 5e-7, True), (1 + 2e-6, False), (1 - 2e-6, False)):
        np.save(place, np.full((30, 10), 0.1 * factor))
        if good:
            assert data.load("cifar10h").n_samples == 30
        else:
            with pytest.raises(DataError, match="do not sum to 1; expected shares; fetch it again"):
                data.load("cifar10h")


def test_noisy_labels(truth: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "cifar-10n").mkdir()
    place = tmp_path / "cifar-10n" / "cifar10n_labels_derived.npz"
    noisy = truth[:70].copy()
    noisy[:7] = (noisy[:7] + 1) % 10
    np.savez(place, worse_label=noisy, random_label3=truth[:70])
    dataset = data.load("cifar10n", data_dir=tmp_path)
    assert np.array_equal(dataset.training_target, np.concatenate([noisy, truth[70:]]))
    assert np.array_equal(dataset.target, truth)
    assert any("'worse' of people, 10.0% of them wrong" in said for said in dataset.decisions)
    parts = data.split(dataset, seed=2)
    assert [(rows[0], rows[-1]) for rows in (parts.train, parts.validation, parts.test)] == [
        (0, 49),
        (50, 69),
        (70, 99),
    ]
    assert not parts.redrawn
    assert any(
        "0.0% of them wrong" in said for said in data.load("cifar10n:labels=random3", data_dir=tmp_path).decisions
    )
    for wrong in (
        noisy[:69],
        noisy.astype(float),
        np.where(noisy == 3, 10, noisy),
        noisy.astype(int) - 1,
        noisy[:, None],
    ):
        np.savez(place, worse_label=wrong)
        with pytest.raises(
            DataError, match=r"cifar10n_labels_derived\.npz of shape .*; expected \(70,\) classes 0 to 9"
        ):
            data.load("cifar10n", data_dir=tmp_path)


def test_noisy_labels_that_are_nowhere(truth: np.ndarray, tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(
            DataError,
            match=r"cifar10n_labels_derived\.npz is not on this machine; .*--data-dir or in LOSSMITH_DATA.*pickle alone",
        ):
            data.load("cifar10n", data_dir=folder)


def test_an_archive_of_labels_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a.npz"
    np.savez_compressed(place, worse_label=np.zeros(100_000, np.uint8))
    assert _human_labels._load(place, "worse_label").shape == (100_000,)
    monkeypatch.setattr(_human_labels, "LARGEST", 100_000)  # the header of npy comes on top
    with pytest.raises(DataError, match="is damaged or no file of labels; expected the published file; fetch it again"):
        _human_labels._load(place, "worse_label")
    monkeypatch.setattr(_human_labels, "LARGEST", 100_128)
    assert _human_labels._load(place, "worse_label").shape == (100_000,)


# where files are fetched from


def test_where_keras_keeps_its_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert _downloads.keras_folder() == tmp_path / "datasets"
    monkeypatch.delenv("KERAS_HOME")
    assert _downloads.keras_folder() == Path.home() / ".keras" / "datasets"


def test_keras_is_loaded_with_its_backend_named_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who fetches a file before anything trained has not chosen a backend: it is JAX, and a choice that was made stays."""
    fake = SimpleNamespace()
    for chosen, wanted in ((None, "jax"), ("torch", "torch")):
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        if chosen:
            monkeypatch.setenv("KERAS_BACKEND", chosen)
        monkeypatch.delitem(_downloads.sys.modules, "keras", raising=False)
        monkeypatch.setattr(
            "builtins.__import__", lambda name, *rest, real=__import__: fake if name == "keras" else real(name, *rest)
        )
        assert _downloads._keras() is fake and _downloads.os.environ["KERAS_BACKEND"] == wanted


def test_a_download_into_the_folder_of_keras(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = {}

    def get_file(file: str, address: str, **options: object) -> str:
        asked.update(options, file=file, address=address)
        print("Downloading")
        return str(tmp_path / "a.npy")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(_downloads, "_keras", lambda: SimpleNamespace(utils=SimpleNamespace(get_file=get_file)))
    assert _downloads.download("https://a/b", file="a.npy", sha256="0" * 64, variable="a") == tmp_path / "a.npy"
    assert asked["cache_dir"] == tmp_path / "home" / "datasets" and asked["cache_dir"].is_dir()
    assert (asked["file_hash"], asked["hash_algorithm"], asked["cache_subdir"]) == ("0" * 64, "sha256", "lossmith")


@pytest.mark.parametrize(
    "name, n_train, n_test, shape, validation",
    [
        ("cifar10", 50_000, 10_000, (32, 32, 3), 10_000),
        ("mnist", 60_000, 10_000, (28, 28, 1), 0),
        ("fashion_mnist", 60_000, 10_000, (28, 28, 1), 0),
    ],
)
def test_sizes_as_they_are_published(name, n_train, n_test, shape, validation) -> None:
    record = IMAGE_SETS[name]
    assert (record.n_train, record.n_test, record.shape, record.validation) == (n_train, n_test, shape, validation)
    assert len(record.class_names) == 10 == len(set(record.class_names))
    assert (_human_labels.TEST_ROWS, _human_labels.VALIDATION) == (
        10_000,
        10_000,
    )  # those of CIFAR-10H and of CIFAR-10N


@pytest.mark.parametrize("zeros", [True, False])
def test_shares_of_nought_are_shares(truth: np.ndarray, tmp_path: Path, zeros: bool) -> None:
    """Of about fifty people many agree."""
    shares = np.eye(10)[truth[70:]] if zeros else np.full((30, 10), 0.1)
    (tmp_path / "cifar-10h").mkdir()
    np.save(tmp_path / "cifar-10h" / "cifar10h-probs.npy", shares)
    assert np.array_equal(data.load("cifar10h", data_dir=tmp_path).soft_target, shares)


def test_a_record_stays_as_it_was_published() -> None:
    """Who gets it from the catalogue cannot change it for others, nor write beside its fields."""
    record = IMAGE_SETS["mnist"]
    with pytest.raises(FrozenInstanceError):
        record.n_train = 1  # type: ignore[misc]
    assert not hasattr(record, "__dict__")


@pytest.mark.parametrize("change", [lambda sums: sums[:-1], lambda sums: [*sums, sums[-1]]])
def test_a_sum_for_each_file(small_mnist: Path, change) -> None:
    """A file without a sum would be taken as it comes."""
    folder = small_mnist / "MNIST" / "raw"
    sums = [hashlib.md5((folder / f"{name}.gz").read_bytes()).hexdigest() for name in _image_sets.IDX_FILES]
    assert _image_sets._read_idx("mnist", sums)(folder)[2] == 70
    with pytest.raises(ValueError, match="zip"):
        _image_sets._read_idx("mnist", change(sums))(folder)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (71, 71, r"mnist with images of shape \(100, 28, 28, 1\) and 100 labels"),
        (71, 70, r"train-labels-idx1-ubyte holds 70 labels; expected 71, one for each image"),
        (70, 69, r"train-labels-idx1-ubyte holds 69 labels; expected 70, one for each image"),
    ],
)
def test_rows_of_each_part_are_counted(small_mnist: Path, images: int, labels: int, words: str) -> None:
    """One too many for training and one too few for testing: together a hundred of each."""
    folder = small_mnist / "MNIST" / "raw"
    for path in list(folder.iterdir()):
        path.unlink()
    for place, cut in ((0, images), (1, labels)):
        names = _image_sets.IDX_FILES[place::2]
        rows = np.concatenate([digits()[name] for name in names])
        for name, part in zip(names, (rows[:cut], rows[cut:]), strict=True):
            (folder / name).write_bytes(idx(part))
    with pytest.raises(DataError, match=words):
        data.load("mnist", data_dir=small_mnist)


def test_first_rows_are_never_drawn_anew(small_mnist: Path, truth: np.ndarray) -> None:
    for dataset in (data.load("mnist:n_samples=60", data_dir=small_mnist), data.load("cifar10:n_samples=60")):
        for parts in (data.split(dataset, seed=1), data.split(dataset, seed=2), data.published_split(dataset)):
            assert not parts.redrawn and parts.train[0] == 0
            assert parts.test[-1] == dataset.n_samples - 1


def test_a_set_is_called_as_it_is_told(small_mnist: Path) -> None:
    """By its own name and parameters where nothing is said; where it came from is kept either way."""
    source = "mnist:n_samples=60"
    for given, name in ({}, source), ({"name": "digits"}, "digits"):
        dataset = _image_sets.load_image_set(source, data_dir=small_mnist, **given)
        assert (dataset.name, dataset.source) == (name, source)
    assert _image_sets.load_image_set("mnist", data_dir=small_mnist).name == "mnist"
