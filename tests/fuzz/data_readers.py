"""Readers of data, with sound files to begin from."""

from __future__ import annotations

import atexit
import gzip
import io
import os
import pickle
import random
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from mutations import mutated

# files of the tests lie in memory where there is such a folder, and go with the process
_GIVEN = os.environ.get("LOSSMITH_FUZZ_FOLDER")
FOLDER = Path(_GIVEN or tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
if _GIVEN is None:
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def bytewise(seeds: list[bytes], *, most: int = 4) -> Callable[[random.Random], bytes]:
    return lambda rng: mutated(rng, rng.choice(seeds), seeds, most=most)


def as_file(read: Callable[[Path], Any], suffix: str) -> Callable[[bytes], Any]:
    place = FOLDER / f"input{suffix}"

    def reading(data: bytes) -> Any:
        place.write_bytes(data)
        return read(place)

    return reading


def _frame(rows: int = 24) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "size": [place * 0.5 for place in range(rows)],
            "city": [["New York", "Köln"][place % 2] for place in range(rows)],
            "count": list(range(rows)),
            "when": [f"2024-01-{place % 28 + 1:02d}" for place in range(rows)],
            "y": [place // 3 % 2 for place in range(rows)],
        }
    )


def _texts() -> list[bytes]:
    comma = _frame().write_csv().encode()
    semicolon = _frame().write_csv(separator=";").replace(".", ",").encode()
    quoted = _frame().write_csv(quote_style="always").encode()
    return [comma, semicolon, quoted, comma.decode().encode("utf-16"), comma.decode().encode("cp1252"), comma.replace(b",", b"\t"),
            b"\xef\xbb\xbf" + comma, comma.replace(b"\n", b"\r\n"), comma.replace(b",", b" ")]  # fmt: skip


def table_of_text() -> Any:
    from lossmith.data import _files

    return bytewise(_texts()), as_file(lambda path: _files.read_table(path, known=("y",)), ".csv")


def data_set() -> Any:
    from lossmith import data

    def read(path: Path) -> None:
        dataset = data.load(path, target="y")
        encoder = data.fit_encoder(dataset, data.split(dataset, seed=0).train)
        assert np.isfinite(encoder.transform(dataset.features)).all()

    return bytewise(_texts(), most=2), as_file(read, ".csv")


def packed_text() -> Any:
    from lossmith.data import _bounded

    seeds = [gzip.compress(text, mtime=0) for text in _texts()]
    seeds.append(seeds[0] + seeds[1] + b"\0" * 20)

    def make(rng: random.Random) -> bytes:
        return mutated(rng, rng.choice(seeds), seeds)

    return make, lambda data: _bounded.unpacked(io.BytesIO(data), name="t.csv.gz")


def _columnar(kind: str) -> list[bytes]:
    found = []
    for options in (
        ({"compression": "zstd"}, {"compression": "uncompressed"}, {"compression": "snappy", "statistics": False})
        if kind == "parquet"
        else ({}, {"compression": "zstd"})
    ):
        stream = io.BytesIO()
        getattr(_frame(), "write_parquet" if kind == "parquet" else "write_ipc")(stream, **options)
        found.append(stream.getvalue())
    return found


def parquet() -> Any:
    from lossmith.data import _files

    return bytewise(_columnar("parquet")), as_file(lambda path: _files.read_table(path), ".parquet")


def arrow() -> Any:
    from lossmith.data import _files

    return bytewise(_columnar("arrow")), as_file(lambda path: _files.read_table(path), ".arrow")


def _idx(array: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


def idx() -> Any:
    from lossmith.data import _image_files

    rng = np.random.default_rng(0)
    seeds = [_idx(rng.integers(0, 256, shape)) for shape in ((3, 4, 4), (7,), (2, 3), (1, 2, 2, 2))]
    return bytewise(seeds), lambda data: _image_files.read_idx(data, name="t")


def packed_idx() -> Any:
    from lossmith.data import _image_files

    seeds = [gzip.compress(_idx(np.zeros((3, 4, 4))), mtime=0)]
    folder = FOLDER / "idx"
    folder.mkdir(exist_ok=True)

    def read(data: bytes) -> None:
        (folder / "t.gz").write_bytes(data)
        unpacked, _ = _image_files.read_member(folder, "t")
        _image_files.read_idx(unpacked, name="t")

    return bytewise(seeds), read


def pickles() -> Any:
    from lossmith.data import _image_files

    record = {b"data": np.zeros((2, 3072), np.uint8), b"labels": [1, 2], b"batch_label": b"x"}
    small = {"data": np.zeros((2, 3), np.uint8), "labels": [1, 2, 3], "names": ["a"], "n": 1.5, "none": None}
    seeds = [pickle.dumps(small, protocol) for protocol in range(5)] + [pickle.dumps(record, 2)]
    code = [
        b"cos\nsystem\n(S'true'\ntR.",
        b"c__builtin__\neval\n(S'1'\ntR.",
        pickle.dumps(print, 4),
        pickle.dumps(Path("x"), 2),
    ]
    everything = seeds + code

    def make(rng: random.Random) -> bytes:
        return mutated(rng, rng.choice(everything if rng.random() < 0.3 else seeds[:5]), everything)

    return make, lambda data: _image_files.read_batch(data, name="t")


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=array.dtype == object)
    return stream.getvalue()


def _npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def labels_files() -> Any:
    from lossmith.data import _human_labels

    seeds = [
        _npy(np.zeros((3, 2))),
        _npy(np.array([{}], dtype=object)),
        _npz(worse_label=np.arange(5), aggre_label=np.arange(5)),
    ]
    return bytewise(seeds), as_file(
        lambda path: _human_labels._load(path, "worse_label" if path.read_bytes()[:2] == b"PK" else ""), ".npy"
    )


def arrays_to_lint() -> Any:
    from lossmith.cli import _set_up

    seeds = [_npz(x=np.zeros((4, 2)), y=np.arange(4)), _npz(x=np.zeros((4, 2), np.float32), y=np.array(list("abcd")))]
    return bytewise(seeds), as_file(_set_up._arrays, ".npz")


def pictures() -> Any:
    from PIL import Image

    from lossmith.data import _image_folder

    rng, seeds = np.random.default_rng(0), []
    for mode, form in (
        ("RGB", "PNG"),
        ("L", "PNG"),
        ("RGBA", "PNG"),
        ("P", "PNG"),
        ("1", "PNG"),
        ("I;16", "PNG"),
        ("RGB", "JPEG"),
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
    ):
        picture = (
            Image.fromarray(rng.integers(0, 256, (9, 7, 3), np.uint8))
            if mode != "I;16"
            else Image.fromarray(rng.integers(0, 2**16, (9, 7), np.uint16))
        )
        stream = io.BytesIO()
        (picture.convert(mode) if mode != "I;16" else picture).save(stream, form)
        seeds.append(stream.getvalue())
    stream = io.BytesIO()
    Image.new("RGB", (5, 5)).save(stream, "GIF")
    seeds.append(stream.getvalue())

    def read(path: Path) -> None:
        _image_folder._survey([path])
        for size in ((4, 4), (9, 7)):
            _image_folder._unpack(path, np.empty((*size, 3), np.uint8))

    return bytewise(seeds), as_file(read, ".png")


def text_file() -> Any:
    from lossmith.text._corpus import clean, read_text

    seeds = [("To be, or not to be: that is the question.\n" * 5).encode(), "Köln\r\nÅ\n".encode("utf-16")]
    return bytewise(seeds), as_file(lambda path: clean(read_text(path)), ".txt")


def names_with_parameters() -> Any:
    from lossmith import losses

    seeds = [
        str(record).encode()
        for record in (losses.get("huber:delta=2"), losses.get("focal"), losses.get("quantile:quantile=0.9"))
    ]
    seeds += [losses.get("huber:delta=2").to_json().encode()]
    return bytewise(seeds), lambda data: losses.get(data.decode("utf-8", "replace"))


def column_of_file() -> Any:
    from lossmith.cli import divergence

    return bytewise(_texts()), as_file(lambda path: divergence._column(path, "count"), ".csv")
