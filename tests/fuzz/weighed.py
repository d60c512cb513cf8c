"""Readers of sizes that files declare: sound files of any size, and files that declare far more than they hold."""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SIZES = (1, 8, 32)  # MiB


@dataclass(frozen=True, slots=True)
class Weighed:
    """A reader of sizes that files declare.

    Attributes
    ----------
    what : str
    write : callable
        `write(path, size)` writes a sound file that declares about `size` bytes, and returns how many it declares.
    read : callable
    forge : callable or None
        `forge(path)` writes a file that declares far more than it holds.
    suffix : str
    why : str
        Why it takes more than twice what is declared, where it does.
    most : float
        MiB of the largest file.
    """

    what: str
    write: Callable[[Path, int], int]
    read: Callable[[Path], Any]
    forge: Callable[[Path], None] | None
    suffix: str = ""
    why: str = ""
    most: float = SIZES[-1]


def numbers(size: int, kind: Any = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, size // np.dtype(kind).itemsize).astype(kind)


# tables


def frame(size: int) -> Any:
    import polars as pl

    rng = np.random.default_rng(0)
    rows = size // 32
    return pl.DataFrame({name: rng.normal(size=rows) for name in ("a", "b", "c")} | {"y": np.arange(rows) % 2})


def texts(data: bytes) -> int:
    """Return what the cells of a table take as the texts that they are read as; their file says nothing about it."""
    import polars as pl

    cells = pl.read_csv(io.BytesIO(data), infer_schema=False)
    long = sum(int(column.str.len_bytes().filter(column.str.len_bytes() > 12).sum()) for column in cells)
    return 16 * cells.height * cells.width + long  # of up to 12 bytes: within the 16 that every text has


def csv(path: Path, size: int) -> int:
    frame(size // 4).write_csv(path)
    return texts(path.read_bytes())


def packed_csv(path: Path, size: int) -> int:
    stream = io.BytesIO()
    frame(size // 4).write_csv(stream)
    path.write_bytes(gzip.compress(stream.getvalue(), 1))
    return texts(stream.getvalue())


def short_csv(path: Path, size: int) -> int:
    """Cells of one character, of which a table holds sixteen bytes each."""
    cells = np.random.default_rng(0).integers(0, 10, (size // 16 // 8, 8))
    path.write_bytes(b"a,b,c,d,e,f,g,y\n" + b"".join(b",".join(b"%d" % cell for cell in row) + b"\n" for row in cells))
    return texts(path.read_bytes())


def read_table(path: Path) -> Any:
    from lossmith.data import _files

    return _files.read_table(path)


def long_cell(path: Path) -> None:
    path.write_bytes(b"a,y\n" + b"1,0\n" * 1000 + b'"' + b"1,1\n" * 500_000)


def bomb(path: Path) -> None:
    from hostile_bytes import gzip_bomb

    path.write_bytes(gzip_bomb())


def packed(path: Path, size: int) -> int:
    path.write_bytes(gzip.compress(numbers(size).tobytes(), 1))
    return size


def unpack(path: Path) -> Any:
    from lossmith.data import _bounded

    return _bounded.read_unpacked(path)


def columnar(kind: str, compression: str) -> Callable[[Path, int], int]:
    def write(path: Path, size: int) -> int:
        made = frame(size)
        getattr(made, f"write_{kind}")(path, compression=compression)
        return int(made.estimated_size())

    return write


def read_columnar(path: Path) -> Any:
    from lossmith.data import _files

    return _files.read_columnar(path)


def large_page(path: Path) -> None:
    from hostile_bytes import page_size, parquet

    path.write_bytes(parquet(change=page_size))


def large_buffer(path: Path) -> None:
    """Every length that the metadata of an Arrow file say is 2^40: it is the only number of eight bytes in there with its value."""
    columnar("ipc", "uncompressed")(path, 2**16)
    data = bytearray(path.read_bytes())
    for found in re.finditer(re.escape(struct.pack("<q", 2**16 // 32 * 8)), bytes(data)):
        data[found.start() : found.end()] = struct.pack("<q", 2**40)
    path.write_bytes(data)


# images


def idx(path: Path, size: int) -> int:
    rows = size // 784
    path.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", rows, 28, 28) + numbers(rows * 784).tobytes())
    return rows * 784


def packed_idx(path: Path, size: int) -> int:
    declared = idx(path, size)
    path.write_bytes(gzip.compress(path.read_bytes(), 1))
    return declared


def read_idx(path: Path) -> Any:
    from lossmith.data import _image_files

    data, _ = _image_files.read_member(path.parent, path.name.partition(".")[0])
    return _image_files.read_idx(data, name="t")


def terabyte_idx(path: Path) -> None:
    path.write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 10**4, 10**4, 10**4) + bytes(99))


def batch(path: Path, size: int) -> int:
    import pickle

    rows = size // 3072
    path.write_bytes(
        pickle.dumps(
            {"data": numbers(rows * 3072).reshape(rows, 3072), "labels": [place % 10 for place in range(rows)]}, 2
        )
    )
    return rows * 3072


def old_batch(path: Path, size: int) -> int:
    rows = size // 3072
    pixels = numbers(rows * 3072).tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    shape = b"J" + struct.pack("<i", rows) + b"M\x00\x0c\x86"
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    labels = b"U\x06labels](" + b"".join(b"K" + bytes([place % 10]) for place in range(rows)) + b"e"
    state = b"(K\x01" + shape + kind + b"\x89T" + struct.pack("<I", len(pixels)) + pixels + b"tb"
    path.write_bytes(b"\x80\x02}(U\x04data" + array + state + labels + b"u.")
    return rows * 3072


def read_batch(path: Path) -> Any:
    from lossmith.data import _image_files

    data, _ = _image_files.read_member(path.parent, path.name)
    return _image_files.read_batch(data, name="t")


def terabyte_batch(path: Path) -> None:
    batch(path, 2**16)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"K\x15M\x00\x0c\x86", b"J\xff\xff\xff\x7fM\x00\x0c\x86"))


def pictures(mode: str, form: str) -> Callable[[Path, int], int]:
    """Two pictures of one size, the fewest that a folder with classes can hold."""

    def write(path: Path, size: int) -> int:
        from PIL import Image

        deep = np.uint16 if mode == "I;16" else np.uint8
        channels = {"RGBA": 4, "RGB": 3}.get(mode, 1)
        side = int((size / 2 / channels / np.dtype(deep).itemsize) ** 0.5)
        values = numbers(side * side * channels * np.dtype(deep).itemsize, deep)
        made = Image.fromarray(values.reshape((side, side, channels) if channels > 1 else (side, side)))
        path.mkdir()
        for place in range(2):
            made.save(path / f"{place}.{form.lower()}", form)
        return 2 * values.nbytes

    return write


def read_pictures(path: Path) -> Any:
    from lossmith.data import _image_folder

    return _image_folder.load_pictures(path)


def large_png(path: Path) -> None:
    from hostile_bytes import png

    path.mkdir()
    (path / "0.png").write_bytes(png(10_000, 6_000))


# arrays


def npy(path: Path, size: int) -> int:
    np.save(path, numbers(size, np.int64))
    return size


def read_labels(path: Path) -> Any:
    from lossmith.data import _human_labels

    return _human_labels._load(path)


def npz(path: Path, size: int) -> int:
    np.savez_compressed(path, x=numbers(size, np.float32), y=np.zeros(4))
    return size


def read_npz(path: Path) -> Any:
    from lossmith.cli import _set_up

    return _set_up._arrays(path)


def header_of_npy(shape: str) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def terabyte_npy(path: Path) -> None:
    path.write_bytes(header_of_npy("(99999999, 99999)") + bytes(99))


def terabyte_npz(path: Path) -> None:
    from hostile_bytes import zipped

    path.write_bytes(zipped({"x.npy": header_of_npy("(99999999, 99999)"), "y.npy": header_of_npy("(2,)") + bytes(16)}))


# models


def tensors(path: Path, size: int) -> int:
    from lossmith import _tensor_file

    path.write_bytes(_tensor_file.pack({}, {"a": numbers(size, np.float32)}, format="f"))
    return size


def read_tensors(path: Path) -> Any:
    from lossmith import _tensor_file

    return _tensor_file.read(path, format="f")


def larger_tensor(path: Path) -> None:
    """The header says of every array that it is larger by far, and where it ends."""
    tensors(path, 2**16)
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    for name in header.keys() - {"__metadata__"}:
        header[name] |= {"shape": [2**38], "data_offsets": [0, 2**40]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def network(path: Path, size: int) -> int:
    """A network as a file of lossmith declares it: one hidden layer, as wide as its size wants it."""
    from dataclasses import replace

    from lossmith.compare import model_file
    from trained_runs import ended

    small = ended("circles", losses="hinge", model="mlp:hidden=3", epochs=1).model("hinge")
    width = int((size / 4) ** 0.5)
    model = small.model.configured(hidden=f"{width}x{width}")
    shapes = [(2, width), (width,), (width, width), (width,), (width, 1), (1,)]
    weights = tuple(np.random.default_rng(0).normal(size=shape).astype(np.float32) for shape in shapes)
    path.write_bytes(model_file.to_bytes(replace(small, model=model, weights=weights)))
    return sum(value.nbytes for value in weights)


def read_network(path: Path) -> Any:
    from lossmith.compare import model_file

    return model_file.load(path)


def wide_network(path: Path) -> None:
    """Layers of a million by a million units, declared by a file with the weights of three."""
    from lossmith import _tensor_file
    from lossmith.compare import model_file

    network(path, 2**12)
    configuration, arrays = _tensor_file.read(path, format=model_file.FORMAT)
    configuration["model"]["values"]["hidden"] = "1000000x1000000"
    path.write_bytes(_tensor_file.pack(configuration, arrays, format=model_file.FORMAT))


READERS: dict[str, Weighed] = {
    "csv": Weighed("CSV, numbers of 18 digits", csv, read_table, long_cell, ".csv"),
    "short.csv": Weighed("CSV, cells of a digit", short_csv, read_table, long_cell, ".csv"),
    "csv.gz": Weighed("CSV, packed by gzip", packed_csv, read_table, bomb, ".csv.gz"),
    "gzip": Weighed("gzip, unpacked alone", packed, unpack, bomb, ".gz"),
    "parquet": Weighed("Parquet, zstd", columnar("parquet", "zstd"), read_columnar, large_page, ".parquet"),
    "plain.parquet": Weighed("Parquet, not packed", columnar("parquet", "uncompressed"), read_columnar, large_page, ".parquet"),
    "arrow": Weighed("Arrow IPC", columnar("ipc", "uncompressed"), read_columnar, large_buffer, ".arrow", why="the file and the table: twice, and some pages"),
    "zstd.arrow": Weighed("Arrow IPC, zstd", columnar("ipc", "zstd"), read_columnar, large_buffer, ".arrow"),
    "idx": Weighed("IDX", idx, read_idx, terabyte_idx),
    "idx.gz": Weighed("IDX, packed", packed_idx, read_idx, bomb, ".gz"),
    "batch": Weighed("pickle batches (CIFAR), of Python 3", batch, read_batch, terabyte_batch),
    "old.batch": Weighed("pickle batches (CIFAR), of Python 2, as published", old_batch, read_batch, terabyte_batch),
    "npy": Weighed("npy of labels", npy, read_labels, terabyte_npy, ".npy", most=8),
    "npz": Weighed("npz to lint", npz, read_npz, terabyte_npz, ".npz"),
    "png": Weighed("two pictures, PNG", pictures("RGB", "PNG"), read_pictures, large_png),
    "rgba.png": Weighed("two pictures that shine through, PNG", pictures("RGBA", "PNG"), read_pictures, large_png),
    "deep.png": Weighed("two grey pictures of 16 bits, PNG", pictures("I;16", "PNG"), read_pictures, large_png),
    "jpeg": Weighed("two pictures, JPEG", pictures("RGB", "JPEG"), read_pictures, None),
    "tensors": Weighed("model file: its arrays", tensors, read_tensors, larger_tensor, why="the file and its arrays: twice, and some pages"),
    "network": Weighed("model file of a network", network, read_network, wide_network, why="the file and its arrays: twice, and some pages"),
}  # fmt: skip
