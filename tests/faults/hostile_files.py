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
import struct
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostile_bytes import (
    POSTSCRIPT,
    TRIGGER,
    VIEW,
    Touch,
    arrays_to_lint,
    classical,
    file,
    footer_length,
    generated,
    growing_name,
    gzip_bomb,
    images,
    keras_file,
    last_layer,
    laughing_key,
    laughs,
    linked,
    loop,
    many_rows,
    model_header,
    npy_header,
    page_size,
    parquet,
    pickled_array,
    pictures,
    pipe,
    plain,
    png,
    predicted,
    profile,
    safetensors_of,
    store_of,
    tar_of,
    unsafe_skops,
    zipped,
)

MEMORY = 2**30  # bytes that opening any of them may take, where the smallest bomb asks for gigabytes
SECONDS = 20


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
