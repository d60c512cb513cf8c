"""Every reader of files, with sound files to begin from: what it does not refuse in words of its own is a finding."""

from __future__ import annotations

import atexit
import gzip
import io
import json
import os
import pickle
import random
import shutil
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from mutations import forged, mutated

from lossmith import _tensor_file as tensor_file

# files of the tests lie in memory where there is such a folder, and go with the process
_GIVEN = os.environ.get("LOSSMITH_FUZZ_FOLDER")
FOLDER = Path(_GIVEN or tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
if _GIVEN is None:
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Target:
    """A reader.

    Attributes
    ----------
    what : str
        In words, for the report.
    prepare : callable
        `prepare() -> make, read`: `make(rng)` gives the bytes of one input, `read(data)` reads them.
    share : float
        Of all inputs.
    """

    what: str
    prepare: Callable[[], tuple[Callable[[random.Random], bytes], Callable[[bytes], Any]]]
    share: float


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

    return make, lambda data: _bounded.unpacked(data, name="t.csv.gz")


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
        _image_folder._pixels(path, 4, 4, 3)

    return bytewise(seeds), as_file(read, ".png")


def raw_model_file() -> Any:
    seeds = [
        tensor_file.pack(
            {"kind": "x", "values": [1, 2.5, "a"]},
            {"a": np.arange(6.0), "b/c": np.zeros((2, 2), np.float32)},
            format="f",
        )
    ]
    seeds.append(tensor_file.pack({}, {}, format="f"))

    def read(data: bytes) -> None:
        tensor_file.unpack(data, format="f")

    return bytewise(seeds), read


def _forging(data: bytes, form: str, read: Callable[[bytes], Any]) -> tuple[Any, Any]:
    """Return inputs whose checksum is right, and whose content is not."""
    configuration, tensors = tensor_file.unpack(data, format=form)

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.15:
            return mutated(rng, data, [data])
        changed, arrays = configuration, dict(tensors)
        if rng.random() < 0.8:
            changed = forged(rng, configuration)
        if rng.random() < 0.4 and arrays:
            name = rng.choice(sorted(arrays))
            kind = rng.randrange(6)
            if kind == 0:
                del arrays[name]
            elif kind == 1:
                arrays["x"] = arrays[name]
            elif kind == 2:
                arrays[name] = np.asarray(arrays[name]).astype(
                    rng.choice((np.float64, np.float32, np.int64, np.uint8, bool))
                )
            elif kind == 3:
                arrays[name] = np.zeros(rng.choice(((), (0,), (1,), (3, 3), (2, 0), (1, 1, 1))), arrays[name].dtype)
            elif kind == 4 and arrays[name].dtype.kind == "f" and arrays[name].size:
                value = arrays[name].copy()
                value.flat[rng.randrange(value.size)] = rng.choice((np.nan, np.inf, -1, 0, 1e300))
                arrays[name] = value
            else:
                arrays[name] = arrays[name].reshape(-1)
        try:
            return tensor_file.pack(changed, arrays, format=form)
        except (ValueError, TypeError, RecursionError, AttributeError):
            return data  # no file can say this

    return make, read


def network_file() -> Any:
    from lossmith.compare import model_file
    from trained_runs import ended

    data = model_file.to_bytes(ended("circles", losses="hinge", model="mlp:hidden=3", epochs=1).model("hinge"))
    return _forging(data, model_file.FORMAT, model_file.from_bytes)


def estimator_file() -> Any:
    from lossmith.estimators import RBFNetworkClassifier, _files

    rng = np.random.default_rng(0)
    model = RBFNetworkClassifier(n_centers=3, random_state=0).fit(rng.normal(size=(30, 2)), np.arange(30) % 2)
    data = _files.to_bytes(model)
    return _forging(
        data, _files.FORMAT, lambda one: _files.restored(*tensor_file.unpack(one, format=_files.FORMAT), name="t")
    )


def map_file() -> Any:
    from lossmith.estimators import SelfOrganizingMap, _files

    data = _files.to_bytes(
        SelfOrganizingMap(random_state=0, rows=3, columns=2).fit(np.random.default_rng(0).normal(size=(30, 2)))
    )
    return _forging(
        data, _files.FORMAT, lambda one: _files.restored(*tensor_file.unpack(one, format=_files.FORMAT), name="t")
    )


def language_model_file() -> Any:
    from lossmith.text import LanguageModel, _model, train_text

    data = train_text("to be or not to be, " * 40, hidden=(3,), epochs=1, batch_size=4, window=10).model.to_bytes()
    return _forging(data, _model.FORMAT, as_file(LanguageModel.load, ".safetensors"))


def generative_file() -> Any:
    from lossmith.generative import VariationalAutoencoder, _files

    model = VariationalAutoencoder(latent=1, network="dense:hidden=3", epochs=1, random_state=0)
    data = _files.to_bytes(model.fit(np.random.default_rng(0).normal(size=(40, 2))))
    return _forging(data, _files.FORMAT, as_file(_files.load, ".safetensors"))


def kind_of_file() -> Any:
    from lossmith.cli import _generate

    seeds = [tensor_file.pack({"kind": "vae"}, {"a": np.zeros(2)}, format="lossmith generative 1")]
    return bytewise(seeds), as_file(_generate.kind_of, ".safetensors")


def _profile() -> Any:
    from lossmith import drift

    return drift.profile(_frame(60))


def profile_json() -> Any:
    from lossmith.drift import _profile_file

    text = _profile_file.as_json(_profile()).encode()
    plain = json.loads(text)

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.4:
            return mutated(rng, text, [text])
        return json.dumps(forged(rng, plain)).encode()

    return make, as_file(_profile_file.read, ".json")


def profile_parquet() -> Any:
    from lossmith.drift import _profile_file

    place = FOLDER / "profile.parquet"
    _profile_file.write(_profile(), place)
    return bytewise([place.read_bytes()]), as_file(_profile_file.read, ".parquet")


def _database(path: Path) -> bytes:
    data = path.read_bytes()
    for side in ("-wal", "-shm"):
        path.with_name(path.name + side).unlink(missing_ok=True)
    return data


def _clear(path: Path) -> None:
    for side in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + side).unlink(missing_ok=True)


def monitor_store() -> Any:
    from lossmith import drift

    place = FOLDER / "monitor-seed.db"
    watching = drift.Monitor(_frame(200), window=20, store=place)
    watching.update(_frame(50))
    connection = sqlite3.connect(place)
    connection.execute("PRAGMA journal_mode = DELETE")
    rows = dict(connection.execute("SELECT key, value FROM monitor"))
    windows = [json.loads(text) for (text,) in connection.execute("SELECT record FROM windows")]
    connection.close()
    seed = _database(place)

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.5:
            return mutated(rng, seed, [seed])
        changed = dict(rows)
        which = rng.choice([*changed, "windows"])
        if which in ("state", "past"):
            changed[which] = json.dumps(forged(rng, json.loads(changed[which])))
        elif which != "windows":
            changed[which] = mutated(rng, changed[which] or b"x", [seed])
        other = FOLDER / "monitor-forged.db"
        other.write_bytes(seed)
        made = sqlite3.connect(other)
        made.execute("PRAGMA synchronous = OFF")
        made.executemany("UPDATE monitor SET value = ? WHERE key = ?", [(value, key) for key, value in changed.items()])
        if which == "windows":
            made.execute("UPDATE windows SET record = ?", (json.dumps(forged(rng, windows[0])),))
        made.commit()
        made.close()
        return _database(other)

    def read(path: Path) -> None:
        try:
            drift.Monitor.open(path)
        finally:
            _clear(path)

    return make, as_file(read, ".db")


def _small_store() -> bytes:
    from lossmith.compare.store import Store

    place = FOLDER / "store-seed.db"
    if not place.exists():
        with Store.open(place) as store:
            run = store.create_run(
                kind="compare",
                name="c",
                settings={"a": (1, float("inf"))},
                data={},
                fingerprint="f",
                versions={},
                clock=lambda: 1.5,
            )
            for key in ("a", "b"):
                store.save_group(run, key, {"accuracy": np.arange(4.0)})
            store.finish(run, '{"x": 1}', 2.0, summary="s")
    return _database(place)


def store_file() -> Any:
    from lossmith.compare.store import Store

    seed = _small_store()

    def read(path: Path) -> None:
        _clear(path)
        with Store.open(path, create=False, read_only=True) as store:
            for row in store.runs():
                assert row.name == "c" and row.created == 1.5 and row.seconds in (None, 2.0)
                assert store.result(row.run) in (None, '{"x": 1}')
                for found in store.groups(row.run).values():
                    assert found["accuracy"].tolist() == [0, 1, 2, 3]

    return bytewise([seed]), as_file(read, ".db")


def damaged_store() -> Any:
    from lossmith.compare.repair import repair

    seed = _small_store()
    target = FOLDER / "repaired.db"

    def read(path: Path) -> None:
        _clear(path)
        for side in ("", "-wal", "-shm"):
            target.with_name(target.name + side).unlink(missing_ok=True)
        repair(path, to=target)

    return bytewise([seed]), as_file(read, ".db")


def archive_file() -> Any:
    from lossmith.compare import archive
    from lossmith.compare.store import Store

    _small_store()
    with Store.open(FOLDER / "store-seed.db", read_only=True) as store:
        seed = archive.to_bytes(store, 1)
    rows = pl.read_parquet(io.BytesIO(seed)).rows()

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.6:
            return mutated(rng, seed, [seed])
        from lossmith.compare._rows import digest

        made = []
        for table, run, key, facts, payload, known in rows:
            if rng.random() < 0.5:
                plain = forged(rng, json.loads(facts)) if table != "groups" else json.loads(facts)
                facts = json.dumps(plain)
                if table == "groups":
                    payload = mutated(rng, payload, [payload])
                    known = digest(run, key, payload)
                elif isinstance(plain, list):
                    known = digest(run, *(plain[1:] if table == "results" else plain))
            made.append((table, run, key, facts, payload, known))
        stream = io.BytesIO()
        pl.DataFrame(made, schema=archive.SCHEMA, orient="row").write_parquet(stream)
        return stream.getvalue()

    return make, as_file(archive._read, ".parquet")


def comparison_json() -> Any:
    import lossmith
    from lossmith.compare import _json

    options: dict[str, Any] = {"losses": "hinge,brier", "seeds": 2, "epochs": 1, "learning_rates": "configured"}
    text = _json.to_json(lossmith.compare("circles", model="mlp:hidden=3", **options))
    plain = json.loads(text)

    def make(rng: random.Random) -> bytes:
        return (
            mutated(rng, text.encode(), [text.encode()])
            if rng.random() < 0.3
            else json.dumps(forged(rng, plain)).encode()
        )

    return make, lambda data: _json.from_json(data.decode("utf-8", "replace"))


def models_json() -> Any:
    import lossmith
    from lossmith.compare import _model_store

    rng = np.random.default_rng(0)
    pair = (rng.normal(size=(60, 2)), np.arange(60) % 2)
    plain = lossmith.compare.compare_models(pair, models="logistic,naive_bayes").described()
    plain = json.loads(json.dumps(plain))

    def make(rng: random.Random) -> bytes:
        text = json.dumps(forged(rng, plain)).encode()
        return mutated(rng, text, [text]) if rng.random() < 0.3 else text

    return make, lambda data: _model_store.from_text(data.decode("utf-8", "replace"))


def keras_file() -> Any:
    import keras

    from lossmith.lint._keras_file import check_keras_file

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer="adam")
    place = FOLDER / "seed.keras"
    model.save(place)
    seed = place.read_bytes()
    with zipfile.ZipFile(place) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    configuration = json.loads(parts["config.json"])

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.4:
            return mutated(rng, seed, [seed])
        changed = dict(parts)
        if rng.random() < 0.6:
            changed["config.json"] = json.dumps(forged(rng, configuration)).encode()
        else:
            changed["model.weights.h5"] = mutated(rng, parts["model.weights.h5"], [seed])
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as packed:
            for name, content in changed.items():
                packed.writestr(name, content)
        return stream.getvalue()

    return make, as_file(lambda path: check_keras_file(path, keras), ".keras")


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


TARGETS: dict[str, Target] = {
    "csv": Target("CSV and other delimited text, as a table", table_of_text, 0.012),
    "data": Target("CSV, to a data set that is split and encoded", data_set, 0.003),
    "csv.gz": Target("gzip", packed_text, 0.14),
    "parquet": Target("Parquet", parquet, 0.02),
    "arrow": Target("Arrow IPC", arrow, 0.02),
    "idx": Target("IDX (MNIST)", idx, 0.17),
    "idx.gz": Target("IDX, packed", packed_idx, 0.05),
    "pickle": Target("pickle batches (CIFAR)", pickles, 0.14),
    "npy": Target("npy and npz of labels", labels_files, 0.03),
    "npz": Target("npz of arrays to lint", arrays_to_lint, 0.02),
    "picture": Target("PNG and JPEG", pictures, 0.012),
    "tensors": Target("model file, byte by byte", raw_model_file, 0.12),
    "network": Target("model file of a network, content forged", network_file, 0.008),
    "estimator": Target("model file of an RBF network, forged", estimator_file, 0.012),
    "map": Target("model file of a self-organizing map, forged", map_file, 0.012),
    "language": Target("model file of a language model, forged", language_model_file, 0.012),
    "generative": Target("model file of a generative model, forged", generative_file, 0.0008),
    "kind": Target("kind of a model file", kind_of_file, 0.05),
    "profile": Target("drift profile, JSON", profile_json, 0.03),
    "profile.parquet": Target("drift profile, Parquet", profile_parquet, 0.02),
    "monitor": Target("state of a drift monitor", monitor_store, 0.004),
    "store": Target("store of runs", store_file, 0.006),
    "repair": Target("store of runs, repaired", damaged_store, 0.003),
    "archive": Target("run as Parquet", archive_file, 0.008),
    "comparison": Target("comparison, JSON", comparison_json, 0.0005),
    "models": Target("comparison of models, JSON", models_json, 0.004),
    "keras": Target(".keras files before Keras opens them", keras_file, 0.004),
    "text": Target("text to learn from", text_file, 0.06),
    "names": Target("losses by name or JSON", names_with_parameters, 0.015),
    "column": Target("column of a file, for divergences", column_of_file, 0.008),
}  # fmt: skip
