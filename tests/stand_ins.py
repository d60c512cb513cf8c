"""Small stand-ins for the files that the documentation names, made when a command or a block asks for them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def people(n: int, seed: int = 0) -> Any:
    """Return a table in which everything is found that pages ask of one."""
    import polars as pl

    rng = np.random.default_rng(seed)
    age = rng.normal(45, 12, n).round(1)
    signal = (age - 45) / 12 + rng.logistic(0, 0.5, n)
    return pl.DataFrame(
        {
            "customer": np.arange(n) + 1000 * seed,
            "when": pl.datetime_range(
                pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 1) + pl.duration(hours=n - 1), "1h", eager=True
            ),
            "age": age,
            "hours": rng.normal(38, 6, n).round(1),
            "city": rng.choice(["Bern", "Oslo", "Turin"], n),
            "income": np.exp(3 + 0.3 * signal + rng.normal(0, 0.3, n)).round(2),
            "visits": rng.poisson(np.exp(0.4 * signal)),
            "grade": np.array(list("abc"))[np.digitize(signal, [-0.7, 0.7])],
            "rare": np.where(signal > np.quantile(signal, 0.85), "yes", "no"),
            "y": np.where(signal > 0, "yes", "no"),
        }
    )


def _csv(seed: int, n: int = 120) -> Callable[[Path], None]:
    return lambda path: people(n, seed).write_csv(path)


def _parquet(seed: int, n: int = 120) -> Callable[[Path], None]:
    return lambda path: people(n, seed).write_parquet(path)


def _waits(path: Path) -> None:
    minutes = np.random.default_rng(3).gamma(2.0, 3.0, 150).round(3)
    path.write_text("minutes\n" + "\n".join(map(str, minutes)) + "\n")


def _book(path: Path) -> None:
    rng = np.random.default_rng(4)
    words = [
        "the",
        "a",
        "old",
        "man",
        "sea",
        "boat",
        "went",
        "home",
        "To",
        "be",
        "or",
        "not",
        "to",
        "be",
        "that",
        "is",
        "question",
        "and",
        "wind",
        "of",
        "night",
    ]
    path.write_text("\n".join(" ".join(rng.choice(words, 8)) + "." for _ in range(60)) + "\n")


def _pictures(path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(5)
    for shade, name in ((60, "cats"), (180, "dogs")):
        (path / name).mkdir(parents=True)
        for number in range(24):
            pixels = np.clip(rng.normal(shade, 20, (10, 10)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path / name / f"{number}.png")


def _season(path: Path) -> None:
    """Pictures of one kind, green or grey."""
    from PIL import Image

    path.mkdir(parents=True)
    rng = np.random.default_rng(7)
    for number in range(24):
        pixels = np.full((10, 12, 3), (60, 160, 60) if path.name == "summer" else (150, 150, 160))
        Image.fromarray(np.clip(pixels + rng.normal(0, 20, pixels.shape), 0, 255).astype(np.uint8)).save(
            path / f"{number}.png"
        )


def _seasons(path: Path) -> None:
    for name in ("summer", "winter"):
        _season(path / name)


def _translator(path: Path) -> None:
    from lossmith.generative import CycleGAN, StarGAN

    rows = np.random.default_rng(8).random((24, 32, 32, 3)).astype(np.float32)
    small = {"network": "conv:base=2,blocks=1", "steps": 2, "batch_size": 4, "random_state": 0}
    if path.name.startswith("cyclegan"):
        CycleGAN(**small).fit(rows[:12], rows[12:]).save(path)
    else:
        StarGAN(**small).fit(rows, np.repeat(["summer", "winter"], 12)).save(path)


def _profile(path: Path) -> None:
    from lossmith import drift

    drift.profile(people(120, 1)).save(path)


def _arrays(path: Path) -> None:
    rng = np.random.default_rng(6)
    np.savez(path, x=rng.normal(size=(60, 2)), y=np.arange(60) % 2)


def _keras_model(path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1)])
    model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
    model.save(path)


def _script(path: Path) -> None:
    # eleven inputs: three numbers, their time, two categories of three levels and the rest
    path.write_text(
        "import keras\nimport numpy as np\n\n\n"
        "def make(width=None):\n"
        "    model = keras.Sequential([keras.layers.Dense(4, 'relu'), keras.layers.Dense(1, 'sigmoid')])\n"
        "    model.compile(loss='binary_crossentropy')\n    return model\n\n\n"
        "def set_up():\n"
        "    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, 'sigmoid')])\n"
        "    model.compile(loss='binary_crossentropy')\n"
        "    return model, np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2\n"
    )


def _winner(path: Path) -> None:
    import lossmith

    path.parent.mkdir(exist_ok=True)
    data = people(120).select("customer", "age", "hours", "city", "y")
    lossmith.compare(data, target="y", losses="bce,hinge", seeds=2, epochs=2, save_model=path)


def _images_model(path: Path) -> None:
    from sklearn.datasets import load_digits

    from lossmith.generative import VariationalAutoencoder

    images = load_digits().images[:100, ..., None] / 16
    VariationalAutoencoder(latent=2, network="dense:hidden=8", epochs=1, random_state=0).fit(images).save(path)


def _language_model(path: Path) -> None:
    from lossmith.text import train_text

    _book(text := path.with_suffix(".learned.txt"))
    train_text(text.read_text(), hidden=(8,), epochs=1, batch_size=4, window=16).model.save(path)
    text.unlink()


def _store(path: Path) -> None:
    import lossmith

    for number in range(7):
        lossmith.compare("circles", losses="bce,hinge", seeds=2, epochs=2, seed=number, store=path)


def _unfinished(path: Path) -> None:
    import lossmith

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    _store(path)
    with contextlib.suppress(KeyboardInterrupt):
        lossmith.compare("circles", losses="bce,hinge", seeds=2, epochs=2, seed=8, store=path, progress=interrupted)


def _suite(path: Path) -> None:
    path.write_text(
        "import keras\nimport numpy as np\n\n\ndef test_it_learns():\n"
        "    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
        "    model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))\n"
        "    x = np.random.default_rng(0).normal(size=(60, 2)).astype('float32')\n"
        "    model.fit(x, (x[:, 0] > 0).astype('float32'), verbose=0)\n"
    )


MAKERS: dict[str, Callable[[Path], None]] = {
    "people.csv": _csv(0),
    "new.csv": _csv(2),
    "new.parquet": _parquet(2),
    "old.csv": _csv(1),
    "old.parquet": _parquet(1),
    "today.csv": _csv(3),
    "stream.csv": _csv(3),
    "train.parquet": _parquet(1),
    "old.profile.json": _profile,
    "waits.csv": _waits,
    "book.txt": _book,
    "pictures": _pictures,
    "summer": _season,
    "winter": _season,
    "seasons": _seasons,
    "cyclegan.safetensors": _translator,
    "stargan.safetensors": _translator,
    "data.npz": _arrays,
    "model.keras": _keras_model,
    "train.py": _script,
    "winner.safetensors": _winner,
    "results/winner.safetensors": _winner,
    "vae.safetensors": _images_model,
    "book.safetensors": _language_model,
    "lossmith.db": _store,
    "unfinished.db": _unfinished,
    "test_suite.py": _suite,
}


def provide(folder: Path, text: str, kept: Path) -> None:
    """Put into `folder` every file that `text` names; what has been made once is kept in `kept`."""
    import shutil

    for name, make in MAKERS.items():
        if name not in text:
            continue
        source = kept / name
        if not source.exists():
            source.parent.mkdir(parents=True, exist_ok=True)
            before = Path.cwd()
            os.chdir(source.parent)
            try:
                make(source)
            finally:
                os.chdir(before)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
