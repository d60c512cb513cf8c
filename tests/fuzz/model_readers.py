"""Readers of models, stores, profiles and results, with sound files to begin from."""

from __future__ import annotations

import io
import json
import random
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from data_readers import FOLDER, _frame, as_file, bytewise
from mutations import forged, mutated

from lossmith import _tensor_file as tensor_file


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
