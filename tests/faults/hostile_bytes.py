"""Bytes that mean harm, and how each is opened: bombs, headers that lie, pickles with code, structures without end."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl


class Touch:
    """A pickle of this creates a file when it is opened the usual way."""

    def __reduce__(self) -> Any:
        return open, ("HARM", "w")


def compare(path: Path | str, *more: str) -> list[str]:
    return ["compare", str(path), "--target", "y", "--dry-run", "--model", "mlp:hidden=3", *more]


def written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def file(
    name: str, data: Callable[[], bytes], opened: Callable[[Path], list[str]] = compare
) -> Callable[[Path], list[str]]:
    return lambda folder: opened(written(folder / name, data()))


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return stream.getvalue()


def gzip_bomb() -> bytes:
    """A gigabyte of commas in a megabyte."""
    packer = zlib.compressobj(9, wbits=31)
    piece = b"1,2\n" * 2**18
    parts = [packer.compress(b"x,y\n")]
    parts += [packer.compress(piece) for _ in range(1024)]
    return b"".join([*parts, packer.flush()])


def tar_of(name: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as packed:
        entry = tarfile.TarInfo(name)
        entry.size = 3
        packed.addfile(entry, io.BytesIO(b"x,y"))
    return stream.getvalue()


def parquet(*, change: Callable[[bytearray], None] | None = None, rows: int = 40) -> bytes:
    stream = io.BytesIO()
    pl.DataFrame({"x": np.arange(float(rows)), "y": np.arange(rows) % 2}).write_parquet(stream, statistics=False)
    data = bytearray(stream.getvalue())
    if change is not None:
        change(data)
    return bytes(data)


def footer_length(data: bytearray) -> None:
    data[-8:-4] = struct.pack("<I", 2**32 - 1)


def many_rows(data: bytearray) -> None:
    """Say 2^40 rows, in the footer and in its row groups: zigzag of 40 is one byte, that of 2^40 six."""
    length = int.from_bytes(data[-8:-4], "little")
    footer = bytes(data[-8 - length : -8])
    number = 2 << 40
    varint = bytes([number >> 7 * place & 127 | 128 for place in range(5)] + [number >> 35])
    # field 3 of the footer and of a row group: a 64-bit number 40, after a field that is one or two before it
    for before in (b"\x16\x50", b"\x26\x50"):
        footer = footer.replace(before, before[:1] + varint)
    data[-8 - length :] = footer + struct.pack("<I", len(footer)) + b"PAR1"


def page_size(data: bytearray) -> None:
    """Say that the first page unpacks to two gigabytes."""
    number = 2 * (2**31 - 1)
    varint = bytes([number >> 7 * place & 127 | 128 for place in range(4)] + [number >> 28])
    place = data.index(b"\x15", 6)  # the second field of the first page's header
    end = place + 1
    while data[end] & 128:
        end += 1
    data[place : end + 1] = b"\x15" + varint


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = b"".join(chunk(*one) for one in chunks) or chunk(b"IDAT", zlib.compress(bytes(10**6), 9))
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")


def pictures(**named: bytes) -> Callable[[Path], list[str]]:
    from PIL import Image

    def make(folder: Path) -> list[str]:
        root = folder / "pictures"
        for label in ("cats", "dogs"):
            (root / label).mkdir(parents=True, exist_ok=True)
            for place in range(5):
                Image.new("RGB", (6, 6), (place, 0, 0)).save(root / label / f"{place}.png")
        for name, data in named.items():
            (root / "cats" / name.replace("_", ".")).write_bytes(data)
        return ["compare", str(root), "--dry-run"]

    return make


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(HARM) (w) file closefile\nshowpage\n"


def images(name: str, data: Callable[[], bytes], kind: str) -> Callable[[Path], list[str]]:
    """A file of a known set of images, in a folder that says it has the others too."""

    def make(folder: Path) -> list[str]:
        if kind == "cifar10":
            root = folder / "cifar-10-batches-py"
            names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
        else:
            root = folder / "mnist"
            names = [
                f"{part}-{what}" for part in ("train", "t10k") for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
            ]
        for one in names:
            written(root / one, data() if not name else b"x")
        return ["compare", kind, "--data-dir", str(folder), "--dry-run"]

    return make


def profile(change: Callable[[dict], Any] | None = None, text: str = "") -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        from lossmith import drift

        known = json.loads(drift.profile(pl.DataFrame({"x": np.arange(50.0)})).to_json())
        if change is not None:
            change(known)
        written(folder / "old.json", (text or json.dumps(known)).encode())
        written(folder / "new.csv", b"x\n" + b"".join(b"%d\n" % number for number in range(50)))
        return ["drift", "compare", str(folder / "old.json"), str(folder / "new.csv")]

    return make


def model_header(length: int, text: bytes = b"{") -> bytes:
    return struct.pack("<Q", length) + text


def safetensors_of(configuration: Any, form: str = "lossmith model 1") -> bytes:
    from lossmith import _tensor_file

    return _tensor_file.pack(configuration, {"a": np.zeros(2)}, format=form)


def predicted(path: Path) -> list[str]:
    return ["predict", str(path), "--info"]


def generated(path: Path) -> list[str]:
    return ["generate", str(path)]


def keras_file(change: Callable[[dict], Any], members: dict[str, bytes] | None = None) -> Callable[[Path], list[str]]:
    """A `.keras` file as Keras writes it, with its configuration changed."""

    def make(folder: Path) -> list[str]:
        import keras

        place = folder / "model.keras"
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="last")])
        model.compile(loss="mse")
        model.save(place)
        with zipfile.ZipFile(place) as packed:
            parts = {name: packed.read(name) for name in packed.namelist()}
        configuration = json.loads(parts["config.json"])
        change(configuration)
        place.write_bytes(zipped({**parts, "config.json": json.dumps(configuration).encode(), **(members or {})}))
        np.savez(folder / "data.npz", x=np.zeros((4, 2)), y=np.zeros(4))
        return ["lint", str(place), str(folder / "data.npz")]

    return make


def last_layer(**fields: Any) -> Callable[[dict], Any]:
    return lambda configuration: configuration["config"]["layers"][-1].update(fields)


def store_of(script: str) -> Callable[[Path], list[str]]:
    """A store in which a statement of SQL was run."""

    def make(folder: Path) -> list[str]:
        from lossmith.compare.store import Store

        with Store.open(folder / "runs.db") as store:
            store.create_run(kind="compare", name="c", settings={}, data={}, fingerprint="", versions={})
        connection = sqlite3.connect(folder / "runs.db")
        connection.executescript(script)
        connection.close()
        return ["runs", "list", "--store", str(folder / "runs.db")]

    return make


ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT"
VIEW = f"ALTER TABLE results RENAME TO old; CREATE VIEW results AS {ENDLESS} x AS run, '' AS result, '' AS result_digest, 1.0 AS seconds, '' AS summary, '' AS digest FROM n;"
TRIGGER = f"CREATE TRIGGER harm BEFORE UPDATE ON runs BEGIN INSERT INTO groups {ENDLESS} x, x, x'', '' FROM n; END;"


def pipe(folder: Path) -> list[str]:
    os.mkfifo(folder / "pipe.csv")
    return compare(folder / "pipe.csv")


def linked(target: str, name: str = "link.csv") -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / name).symlink_to(target)
        return compare(folder / name) if name.endswith(".csv") else predicted(folder / name)

    return make


def loop(folder: Path) -> list[str]:
    (folder / "a.csv").symlink_to("b.csv")
    (folder / "b.csv").symlink_to("a.csv")
    return compare(folder / "a.csv")


def laughs() -> bytes:
    """A tuple of itself twice, forty times over, as the key of a dictionary: hashing or writing it takes for ever."""
    return (
        b"(K\x01t"
        + b"q\x00h\x00h\x00\x86" * 1
        + b"".join(b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x86" for n in range(1, 60))
        + b"K\x01}q\xfe0."
    )


def laughing_key() -> bytes:
    double = b"".join(b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x86" for n in range(1, 60))
    return b"\x80\x02}K\x01\x85" + double + b"K\x01s."


def growing_name() -> bytes:
    """A dotted name that doubles with every step."""
    return b"\x80\x04\x8c\x01a" + b"".join(b"q" + bytes([n]) + b"h" + bytes([n]) + b"\x93" for n in range(1, 40)) + b"."


def unsafe_skops() -> bytes:
    import skops.io

    return skops.io.dumps({"x": Touch.__reduce__, "y": [print]})


def classical(content: Callable[[], bytes]) -> Callable[[Path], list[str]]:
    """A model file whose estimator is something else."""

    def make(folder: Path) -> list[str]:
        from lossmith import _tensor_file, data
        from lossmith.compare import classical_model

        dataset = data.load(written(folder / "t.csv", plain()), target="y")
        encoder = data.fit_encoder(dataset, np.arange(dataset.n_samples))
        configuration = {"kind": "skops", "task": "binary", "encoder": encoder.configuration(), "class_names": ["a", "b"], "model": "x", "loss": "x",
                         "metrics": {}, "data": {}, "versions": {}}  # fmt: skip
        tensors = {f"encoder/{name}": value for name, value in encoder.arrays().items()}
        tensors["estimator"] = np.frombuffer(content(), np.uint8)
        written(folder / "m.safetensors", _tensor_file.pack(configuration, tensors, format=classical_model.FORMAT))
        return predicted(folder / "m.safetensors")

    return make


def plain(*, header: str = "x,y", cell: str = "{}", rows: int = 60) -> bytes:
    return (header + "\n" + "".join(f"{cell.format(n)},{n % 2}\n" for n in range(rows))).encode()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def arrays_to_lint(data: Callable[[], bytes]) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        arguments = keras_file(lambda _: None)(folder)
        written(folder / "data.npz", data())
        return arguments

    return make


def npy_header(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)


def pickled_array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([Touch()], dtype=object), allow_pickle=True)
    return stream.getvalue()
