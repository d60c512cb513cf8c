"""Published image files: read exactly, and refused when they are damaged or ask for anything else."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import lzma
import pickle
import struct
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lossmith import data
from lossmith._errors import DataError, InvalidInputError
from lossmith.data import _downloads, _human_labels, _image_files, _image_sets
from lossmith.data._plain_pickle import read_plain_pickle

ROWS = 12


def batch(seed: int, *, rows: int = ROWS) -> tuple[np.ndarray, list[int]]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (rows, 3072), dtype=np.uint8), [int(k) for k in np.arange(rows) % 10]


def python_two(pixels: np.ndarray, labels: list[int]) -> bytes:
    """Return the bytes that Python 2 and NumPy 1 wrote, instruction by instruction as in the published files."""
    raw = pixels.tobytes()
    text = lambda word: b"U" + bytes([len(word)]) + word  # noqa: E731
    parts = [b"\x80\x02}q\x01(", text(b"batch_label"), text(b"testing batch 1 of 1"), text(b"labels"), b"]q\x05("]
    parts += [b"K" + bytes([label]) for label in labels]
    parts += [b"e", text(b"data"), b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\nndarray\nK\x00\x85", text(b"b")]
    parts += [b"\x87R(K\x01M", struct.pack("<H", len(pixels)), b"M", struct.pack("<H", 3072), b"\x86"]
    parts += [b"cnumpy\ndtype\n", text(b"u1"), b"K\x00K\x01\x87R(K\x03", text(b"|"), b"NNN"]
    parts += [b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T", struct.pack("<i", len(raw)), raw, b"tbu."]
    return b"".join(parts)


def test_file_of_python_two_is_read_as_pickle_reads_it() -> None:
    pixels, labels = batch(1)
    written = python_two(pixels, labels)
    oracle = pickle.loads(written, encoding="latin-1")
    assert np.array_equal(oracle["data"], pixels) and oracle["labels"] == labels  # the writer above is right
    images, read = _image_files.read_batch(written, name="test_batch")
    assert read.tolist() == labels
    assert images.shape == (ROWS, 32, 32, 3)
    # red, green and blue planes, row by row
    assert images[3, 5, 7].tolist() == [pixels[3, plane * 1024 + 5 * 32 + 7] for plane in range(3)]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_python_three(protocol: int) -> None:
    pixels, labels = batch(2)
    record = {"labels": labels, "batch_label": "training", "note": None, "ok": True, "share": 0.5}
    written = pickle.dumps(record, protocol=protocol)
    assert read_plain_pickle(written, name="x") == record
    if protocol < 5:  # protocol 5 keeps arrays in buffers, which no published file does
        images, _ = _image_files.read_batch(
            pickle.dumps({"data": pixels, "labels": labels}, protocol=protocol), name="x"
        )
        assert np.array_equal(images.transpose(0, 3, 1, 2).reshape(ROWS, -1), pixels)


class Runs:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.place), "w"))


def test_nothing_in_a_pickle_is_run(tmp_path: Path) -> None:
    place = tmp_path / "ran"
    for protocol in range(6):
        with pytest.raises(DataError, match="no plain data"):
            read_plain_pickle(pickle.dumps({"labels": [1], "data": Runs(place)}, protocol=protocol), name="hostile")
    assert not place.exists()
    pickle.loads(pickle.dumps(Runs(place))).close()
    assert place.exists()  # the same bytes do run where they are unpickled


@pytest.mark.parametrize(
    "written",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x02]q\x00h\x05.",  # a reference to nothing
        b"\x80\x02e.",  # fills a list that is not there
        b"\x80\x02K\x01.",  # a number
        b"\x80\x02(K\x01K\x02e.",
        b"",
        b"not a pickle",
        b"\x80\x02}(U\x04dataK\x01U\x06labelsu.",  # one key without a value
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".",
        b"\x80\x02}r\xff\xff\xff\xff0.",
        b"P1\n.",
        b"\x82\x01.",
    ],
)
def test_hostile_pickles_are_refused(written: bytes) -> None:
    with pytest.raises(DataError):
        _image_files.read_batch(written, name="hostile")


def test_batches_cut_off_anywhere_are_refused() -> None:
    pixels, labels = batch(3, rows=2)
    written = python_two(pixels, labels)
    for length in [*range(260), *range(260, len(written), 97)]:
        with pytest.raises(DataError):
            _image_files.read_batch(written[:length], name="cut")


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, "1 labels"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, 10]}, "labels other than"),
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1, True]}, "labels other than"),
        ({"data": np.zeros((2, 3071), np.uint8), "labels": [1, 1]}, "shape"),
        ({"data": np.zeros((2, 3072), np.int64), "labels": [1, 1]}, "'data' of bytes"),
        ({"labels": [1, 1]}, "'data' of bytes"),
        ({"data": [1, 2], "labels": [1, 1]}, "'data' of bytes"),
    ],
)
def test_batches_of_something_else(record: dict[str, object], says: str) -> None:
    with pytest.raises(DataError, match=says):
        _image_files.read_batch(pickle.dumps(record, protocol=2), name="other")


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_idx_files_and_what_is_none() -> None:
    array = np.random.default_rng(4).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    assert np.array_equal(_image_files.read_idx(idx(array), name="x"), array)
    whole = idx(array)
    for length in range(len(whole)):
        with pytest.raises(DataError):
            _image_files.read_idx(whole[:length], name="cut")
    for broken in (whole + b"x", b"\0\0\x0d\x01" + whole[4:], b"\1" + whole[1:], b"\0\0\x08\x09" + b"\xff" * 60):
        with pytest.raises(DataError):
            _image_files.read_idx(broken, name="broken")


def test_packed_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"0123456789" * 100
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "zipped.gz").write_bytes(gzip.compress(content))
    (tmp_path / "packed.xz").write_bytes(lzma.compress(content))
    for name in ("plain", "zipped", "packed"):
        assert _image_files.read_member(tmp_path, name)[0] == content
    for name in ("zipped.gz", "packed.xz"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:-9])
        with pytest.raises(DataError, match="cut off"):
            _image_files.read_member(tmp_path, name.partition(".")[0])
        (tmp_path / name).write_bytes(whole[:20] + b"????" + whole[24:])
        with pytest.raises(DataError, match="damaged"):
            _image_files.read_member(tmp_path, name.partition(".")[0])
    with pytest.raises(DataError, match="no 'absent'"):
        _image_files.read_member(tmp_path, "absent")
    monkeypatch.setattr(_image_files, "LIMIT", 10_000)
    (tmp_path / "bomb.xz").write_bytes(lzma.compress(bytes(1_000_000)))
    with pytest.raises(DataError, match="unpacks to more"):
        _image_files.read_member(tmp_path, "bomb")
    (tmp_path / "hidden.gz").mkdir()
    with pytest.raises(DataError, match="no 'hidden'"):
        _image_files.read_member(tmp_path, "hidden")


@pytest.fixture
def small_cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files as CIFAR-10's, of a few rows, whose checksums are the published ones for this test."""
    folder = tmp_path / "sets" / "cifar-10" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    sums = {}
    for seed, name in enumerate(_image_sets.CIFAR_FILES):
        written = python_two(*batch(seed, rows=40))
        sums[name] = hashlib.md5(written).hexdigest()
        (folder / f"{name}.xz").write_bytes(lzma.compress(written))
    monkeypatch.setattr(_image_sets, "CIFAR_FILES", sums)
    small = replace(_image_sets.IMAGE_SETS["cifar10"], n_train=200, n_test=40, validation=40)
    monkeypatch.setitem(_image_sets.IMAGE_SETS._records, "cifar10", small)
    return tmp_path / "sets"


def test_a_set_is_found_and_split_as_published(small_cifar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = data.load("cifar10", data_dir=small_cifar)
    assert dataset.features.shape == (240, 32, 32, 3) and dataset.task == "multiclass"
    assert np.array_equal(dataset.features[200:].transpose(0, 3, 1, 2).reshape(40, -1), batch(5, rows=40)[0])
    for parts in (data.split(dataset, seed=7), data.published_split(dataset)):
        assert (parts.train[-1], parts.validation[0], parts.test[0], len(parts.test)) == (159, 160, 200, 40)
        assert not parts.redrawn
    monkeypatch.setenv("LOSSMITH_DATA", str(small_cifar))
    assert data.load("cifar-10").fingerprint == dataset.fingerprint
    encoder = data.fit_encoder(dataset, data.split(dataset, seed=0).train)
    assert encoder.transform(dataset.features[:2]).max() == np.float32(dataset.features[:2].max() / 255)


def test_first_rows_keep_the_shares_of_the_parts(small_cifar: Path) -> None:
    dataset = data.load("cifar10:n_samples=120", data_dir=small_cifar)
    parts = data.split(dataset, seed=0)
    assert [len(rows) for rows in (parts.train, parts.validation, parts.test)] == [80, 20, 20]
    whole = data.load("cifar10", data_dir=small_cifar)
    assert np.array_equal(dataset.features[parts.test], whole.features[200:220])
    assert np.array_equal(dataset.features[parts.validation], whole.features[160:180])
    assert dataset.fingerprint != whole.fingerprint
    for bad in ("n_samples=3", "n_samples=241", "n_samples=1.5", "n_samples=true", "rows=3"):
        with pytest.raises(InvalidInputError):
            data.load(f"cifar10:{bad}", data_dir=small_cifar)
    with pytest.raises(InvalidInputError, match="target="):
        data.load("cifar10", target="y", data_dir=small_cifar)


def test_another_checksum_is_an_error(small_cifar: Path) -> None:
    path = small_cifar / "cifar-10" / "cifar-10-batches-py" / "test_batch.xz"
    pixels, labels = batch(5, rows=40)
    pixels[0, 0] ^= 1
    path.write_bytes(lzma.compress(python_two(pixels, labels)))
    with pytest.raises(DataError, match=r"checksum [0-9a-f]{32}; expected [0-9a-f]{32}"):
        data.load("cifar10", data_dir=small_cifar)


def test_human_labels(small_cifar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (small_cifar / "cifar-10n").mkdir()
    place = small_cifar / "cifar-10n" / "cifar10n_labels_derived.npz"
    truth = data.load("cifar10", data_dir=small_cifar).target[:200]
    noisy = truth.copy()
    noisy[:50] = (noisy[:50] + 1) % 10
    np.savez(place, aggre_label=noisy.astype(np.uint8), worse_label=truth.astype(np.uint8))
    # a validation part of 40 rows stands for the 10,000 of the published set
    monkeypatch.setattr(_human_labels, "VALIDATION", 40)
    dataset = data.load("cifar10n:labels=aggregate", data_dir=small_cifar)
    assert np.array_equal(dataset.target[:200], truth)
    assert dataset.training_target is not None and np.array_equal(dataset.training_target[:200], noisy)
    assert any("25.0% of them wrong" in said for said in dataset.decisions)
    with pytest.raises(InvalidInputError, match="did you mean 'worse'"):
        data.load("cifar10n:labels=worst", data_dir=small_cifar)
    with pytest.raises(DataError, match="damaged or no file of labels"):
        data.load("cifar10n:labels=random1", data_dir=small_cifar)
    place.write_bytes(place.read_bytes()[:-30])
    with pytest.raises(DataError, match="damaged or no file of labels"):
        data.load("cifar10n", data_dir=small_cifar)
    np.save(place.with_suffix(".npy"), np.array([{}], dtype=object), allow_pickle=True)
    place.with_suffix(".npy").rename(place)
    with pytest.raises(DataError, match="damaged or no file of labels"):
        data.load("cifar10n", data_dir=small_cifar)


def test_soft_labels_must_be_shares(small_cifar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_human_labels, "TEST_ROWS", 40)
    shares = np.random.default_rng(0).dirichlet(np.ones(10), 40)
    (small_cifar / "cifar-10h").mkdir()
    np.save(small_cifar / "cifar-10h" / "cifar10h-probs.npy", shares)
    dataset = data.load("cifar10h", data_dir=small_cifar)
    assert dataset.soft_target is not None and np.array_equal(dataset.soft_target, shares)
    assert dataset.n_samples == 40
    for bad in (shares * 2, shares[:39], -shares, shares.astype(int), np.where(shares < 0.1, np.nan, shares)):
        np.save(small_cifar / "cifar-10h" / "cifar10h-probs.npy", bad)
        with pytest.raises(DataError, match=r"cifar10h-probs\.npy"):
            data.load("cifar10h", data_dir=small_cifar)


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_downloads_are_checked_against_a_server_of_our_own(tmp_path: Path) -> None:
    content = b"labels of people"
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "labels.npy").write_bytes(content)
    handler = lambda *arguments: _Handler(*arguments, directory=str(tmp_path / "served"))  # noqa: E731
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/labels.npy"
        right = hashlib.sha256(content).hexdigest()
        options = {"file": "labels.npy", "variable": "labels.npy"}
        place = _downloads.download(address, sha256=right, folder=tmp_path / "kept", **options)
        assert place.read_bytes() == content
        with pytest.raises(DataError, match="cannot be fetched"):
            _downloads.download(address, sha256="0" * 64, folder=tmp_path / "other", **options)
        with pytest.raises(DataError, match="cannot be fetched"):
            _downloads.download(address + "x", sha256=right, folder=tmp_path / "third", **options)
        server.shutdown()


def test_a_set_that_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline() -> None:
        raise Exception("URL fetch failure on mnist.npz")

    monkeypatch.delenv("LOSSMITH_DATA", raising=False)
    monkeypatch.setattr(_downloads._keras().datasets.mnist, "load_data", offline)
    with pytest.raises(DataError, match=r"not on this machine and cannot be fetched .*LOSSMITH_DATA"):
        data.load("mnist")


def test_a_set_from_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    train, test = (rng.integers(0, 256, (n, 28, 28), dtype=np.uint8) for n in (60, 30))
    labels = [(np.arange(n) % 10).astype(np.uint8) for n in (60, 30)]
    monkeypatch.delenv("LOSSMITH_DATA", raising=False)
    monkeypatch.setattr(
        _downloads._keras().datasets.mnist, "load_data", lambda: ((train, labels[0]), (test, labels[1]))
    )
    small = replace(_image_sets.IMAGE_SETS["mnist"], n_train=60, n_test=30)
    monkeypatch.setitem(_image_sets.IMAGE_SETS._records, "mnist", small)
    dataset = data.load("mnist")
    assert np.array_equal(dataset.features[..., 0], np.concatenate([train, test]))
    published = data.published_split(dataset)
    assert len(published.train) == 60 and np.array_equal(published.validation, published.test)
    fair = data.split(dataset, seed=3)
    assert [len(rows) for rows in (fair.train, fair.validation, fair.test)] == [50, 10, 30]
