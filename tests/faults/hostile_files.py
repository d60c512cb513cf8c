"""Files that mean harm, made here and now, each with what opens it and a word of the line that must refuse it.

`python hostile_files.py FOLDER` opens them one after the other in this process, whose memory is capped, as a user would on the
command line, and prints for each what was said, how long it took and how much memory. No file is kept in the repository.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import pickle
import resource
import signal
import sqlite3
import struct
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

MEMORY = 2**30  # bytes that opening any of them may take, where the smallest bomb asks for gigabytes
SECONDS = 20


class Touch:
    """A pickle of this creates a file when it is opened the usual way."""

    def __reduce__(self) -> Any:
        return open, ("HARM", "w")


@dataclass(frozen=True, slots=True)
class Case:
    """A file and how it is opened.

    Attributes
    ----------
    make : callable
        `make(folder)` writes it and returns what is typed after `lossmith`.
    words : str
        A part of what must be said; empty where the file is harmless if it is handled well.
    code : int
    """

    make: Callable[[Path], list[str]]
    words: str
    code: int = 2


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


CASES: dict[str, Case] = {
    # data
    "gzip bomb": Case(file("bomb.csv.gz", gzip_bomb), "unpacks to more than"),
    "zip with a way out of its folder": Case(file("t.csv", lambda: zipped({"../../HARM": b"x,y"})), "a zip archive"),
    "tar with a way out of its folder": Case(file("t.csv", lambda: tar_of("../../HARM")), "binary data"),
    "pickle with code": Case(file("t.pkl", lambda: pickle.dumps(Touch(), 4)), "pickle"),
    "old pickle with code": Case(file("t.csv", lambda: b"c__builtin__\nopen\n(S'HARM'\nS'w'\ntR."), ""),
    "npy with a pickle": Case(file("t.npy", pickled_array), "a NumPy file"),
    "parquet, endless footer": Case(file("t.parquet", lambda: parquet(change=footer_length)), "its ends are missing"),
    "parquet, a trillion rows": Case(file("t.parquet", lambda: parquet(change=many_rows)), "rows in"),
    "parquet, a page of gigabytes": Case(file("t.parquet", lambda: parquet(change=page_size)), "damaged"),
    "arrow, endless": Case(file("t.arrow", lambda: b"ARROW1\0\0" + b"\xff" * 400 + b"\xff\xff\xff\x7fARROW1"), "damaged"),
    "mixed encodings": Case(file("t.csv", lambda: plain() + "Köln,1\n".encode("utf-16") + "Köln,0\n".encode("cp1252")), ""),
    "a quote that never ends": Case(file("t.csv", lambda: plain() + b'"' + b"1,1\n" * 200_000), ""),
    "a line of a million cells": Case(file("t.csv", lambda: b"1," * 10**6 + b"\n" + plain()), ""),
    "zero bytes": Case(file("t.csv", lambda: plain().replace(b"1", b"\0\0")), "binary data"),
    "numbers beyond all": Case(file("t.csv", lambda: plain(cell="9" * 400 + "{}")), ""),
    "a pipe": Case(pipe, "a pipe or a device"),
    "a device without end": Case(linked("/dev/zero"), "a pipe or a device"),
    "a model that is a device": Case(linked("/dev/zero", "m.safetensors"), "a pipe or a device"),
    "links in a circle": Case(loop, ""),
    # pictures
    "PNG of 3.6 gigapixels": Case(pictures(big_png=png(60_000, 60_000)), "no picture that can be read"),
    "PNG of 60 megapixels": Case(pictures(big_png=png(10_000, 6_000)), "at most 50,000,000 pixels"),
    "PNG with a text bomb": Case(pictures(text_png=png(4, 4, (b"zTXt", b"a\0\0" + zlib.compress(bytes(2**28), 9)))), "no picture that can be read"),
    "PostScript called PNG": Case(pictures(script_png=POSTSCRIPT), "no picture that can be read"),
    "pickle called JPEG": Case(pictures(code_jpg=pickle.dumps(Touch(), 4)), "no picture that can be read"),
    # known sets
    "CIFAR batches with code": Case(images("", lambda: pickle.dumps({"data": Touch(), "labels": [1]}, 2), "cifar10"), "checksum"),
    "IDX of a terabyte": Case(images("", lambda: bytes([0, 0, 8, 3]) + struct.pack(">3I", 10**4, 10**4, 10**4) + bytes(99), "mnist"), "holds 99 values"),
    "IDX that unpacks for ever": Case(images("", lambda: gzip.compress(bytes(2**29), 1), "mnist"), "unpacks to more than"),
    # arrays
    "npz that unpacks to gigabytes": Case(arrays_to_lint(lambda: zipped({"x.npy": npy_header("(2,)") + bytes(2**28), "y.npy": npy_header("(2,)")})), "unpacks to"),
    "npz with a pickle": Case(arrays_to_lint(lambda: zipped({"x.npy": pickled_array(), "y.npy": pickled_array()})), "cannot be read"),
    "npz of an endless shape": Case(arrays_to_lint(lambda: zipped({"x.npy": npy_header("(99999999, 99999999)"), "y.npy": npy_header("(2,)")})), "cannot be read"),
    # drift
    "profile with numbers that are none": Case(profile(lambda known: known["columns"][0].update(mean=float("nan"))), "no profile"),
    "profile with NaN in its bytes": Case(
        profile(lambda known: known["columns"][0].update(edges64="AAAAAAAA+H8BAAAAAAD4fw==", edges=[])), "no profile"),
    "profile of brackets": Case(profile(text="[" * 10**6), ""),
    "profile of a giant number": Case(profile(lambda known: known.update(rows=10**400)), "no profile"),
    # model files
    "model with an endless header": Case(file("m.safetensors", lambda: model_header(2**62), predicted), "no safetensors file"),
    "model with a deep header": Case(file("m.safetensors", lambda: model_header(10**6, b"[" * 10**6), predicted), ""),
    "pickle called a model": Case(file("m.safetensors", lambda: pickle.dumps(Touch(), 4), predicted), "no safetensors file"),
    "model that names a module": Case(
        file("m.safetensors", lambda: safetensors_of({"model": {"name": "os.system", "values": {}}}), predicted), "damaged"),
    "generator that names a module": Case(
        file("g.safetensors", lambda: safetensors_of({"kind": "os", "parameters": {}, "learned": {}}, "lossmith generative 1"), generated), "of kind 'os'"),
    "generator with parameters of its own": Case(
        file("g.safetensors", lambda: safetensors_of({"kind": "vae", "parameters": {"network": "dense:hidden=99999999x99999999"}, "learned": {}},
                                                      "lossmith generative 1"), generated), "damaged"),
    "estimator with a function": Case(classical(unsafe_skops), "not trusted"),
    "estimator that is a zip bomb": Case(classical(lambda: zipped({"schema.json": bytes(2**28)})), "unpacks from"),
    "estimator that is a pickle": Case(classical(lambda: pickle.dumps(Touch(), 4)), "damaged"),
    # Keras
    "Keras file with a lambda": Case(
        keras_file(last_layer(class_name="Lambda", config={"function": {"class_name": "__lambda__", "config": {"value": "x"}}})), "runs code"),
    "Keras file that names a module": Case(keras_file(last_layer(class_name="system", module="os", registered_name=None)), "'os.system'"),
    "Keras file that fetches": Case(
        keras_file(last_layer(class_name="function", module="keras.utils", config="get_file", registered_name="get_file")), "'keras.utils.get_file'"),
    "Keras file that evaluates": Case(
        keras_file(lambda c: c["config"]["layers"][-1]["config"].update(
            activation={"class_name": "function", "module": "builtins", "config": "eval", "registered_name": "function"})), "'builtins.eval'"),
    "Keras file that reads files": Case(
        keras_file(last_layer(class_name="StringLookup", config={"vocabulary": "/etc/passwd"})), "runs code or reads files"),
    "Keras file with a way out of its folder": Case(keras_file(lambda c: None, {"../../HARM": b"x"}), "it holds the file"),
    "Keras file that is a bomb": Case(keras_file(lambda c: None, {"model.weights.h5": bytes(2**28)}), "it unpacks from"),
    # stores
    "store with an endless view": Case(store_of(VIEW), "is damaged"),
    "store with a trigger": Case(store_of(TRIGGER), "is damaged"),
    "store that is a pickle": Case(file("runs.db", lambda: pickle.dumps(Touch(), 4), lambda path: ["runs", "list", "--store", str(path)]), "not a SQLite file"),
    "run as Parquet that is none": Case(
        file("run.parquet", parquet, lambda path: ["runs", "import", str(path), "--store", str(path.with_name("new.db"))]), "holds no run"),
    # text
    "text that is a device": Case(lambda folder: ["train", "lstm-text", "/dev/zero"], "a pipe or a device"),
}  # fmt: skip

BATCHES = {"tuples of tuples as a key": laughing_key, "tuples of tuples": laughs, "a name that doubles": growing_name}


def forgotten() -> None:
    """Let the system forget the largest memory that this process has had."""
    Path("/proc/self/clear_refs").write_text("5")


def memory(what: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return 1024 * int(line.split()[1])
    return 0


def run(arguments: list[str]) -> tuple[int, str, str]:
    from lossmith.cli import main

    out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    out.seek(0)
    return code, out.read(), err.getvalue()


def late(*_: Any) -> None:
    raise TimeoutError("it took too long")


def opened(name: str, case: Case, folder: Path) -> dict[str, Any]:
    """Make a file, open it, and say what happened."""
    folder.mkdir()
    os.chdir(folder)
    arguments = case.make(folder)
    harm = [path for path in (folder / "HARM", folder.parent / "HARM", folder.parent.parent / "HARM") if path.exists()]
    assert not harm, "making it did the harm"
    before = set(sys.modules)
    forgotten()
    base, began = memory("VmRSS"), time.monotonic()
    signal.alarm(SECONDS)
    try:
        code, out, err = run(arguments)
    finally:
        signal.alarm(0)
    harm = [path for path in (folder / "HARM", folder.parent / "HARM", folder.parent.parent / "HARM") if path.exists()]
    foreign = sorted({module.partition(".")[0] for module in set(sys.modules) - before})
    return {"name": name, "code": code, "out": out[:300], "err": err[-2000:], "seconds": time.monotonic() - began,
            "memory": memory("VmHWM") - base, "harm": bool(harm), "modules": foreign}  # fmt: skip


def main(folder: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras  # noqa: F401 - what the first call loads is no memory of a file

    for number, (name, arguments) in enumerate(
        {"warm": ["compare", "circles", "--dry-run", "--epochs", "1"], "list": ["losses"]}.items()
    ):
        os.chdir(folder)
        run(arguments)
        assert name or number
    used = memory("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * MEMORY, used + 2 * MEMORY))
    signal.signal(signal.SIGALRM, late)
    for number, (name, case) in enumerate(CASES.items()):
        print(
            json.dumps(
                opened(
                    name, case, folder / f"deep/er/{number}" if (folder / "deep/er").is_dir() else folder / str(number)
                )
            ),
            flush=True,
        )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    place = Path(sys.argv[1]) / "deep" / "er"
    place.mkdir(parents=True)
    main(Path(sys.argv[1]))
