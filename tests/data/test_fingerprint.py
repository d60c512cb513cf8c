"""The fingerprint follows content: any change of content changes it, a change of form does not."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from lossmith import data


def frame() -> pl.DataFrame:
    return pl.DataFrame({
        "n": [0.5 * (i % 7) for i in range(40)],
        "w": [["a", "b", None][i % 3] for i in range(40)],
        "b": [i % 3 == 0 for i in range(40)],
        "y": [["u", "v"][i // 4 % 2] for i in range(40)],
    })  # fmt: skip


BASE = data.load(frame(), target="y").fingerprint


def changed(column: str, row: int, value: object) -> pl.DataFrame:
    table = frame()
    cells = table[column].to_list()
    cells[row] = value
    return table.with_columns(pl.Series(column, cells))


@pytest.mark.parametrize(
    "table",
    [
        changed("n", 3, 0.25),
        changed("n", 3, None),
        changed("w", 3, "b"),
        changed("w", 3, None),
        changed("b", 3, False),
        changed("y", 3, "v"),
        frame().rename({"n": "m"}),
        frame().rename({"y": "z"}),
        frame().select("w", "n", "b", "y"),
        frame().reverse(),
        frame().with_columns(pl.col("y").replace({"u": "x"})),
        frame().with_columns(pl.col("w").replace({"a": "c"})),
        frame().with_columns(pl.col("w").replace({"a": "aa"})),
        frame().drop("b"),
        frame().head(39),
    ],
)
def test_content_changes_it(table: pl.DataFrame) -> None:
    target = "z" if "z" in table.columns else "y"
    assert data.load(table, target=target).fingerprint != BASE


@pytest.mark.parametrize(
    "table",
    [
        frame(),
        frame().with_columns(pl.col("n").cast(pl.Float32)),
        frame().with_columns(pl.col("n").cast(pl.String)),
        frame().with_columns(pl.col("w").cast(pl.Categorical)),
        frame().with_columns(pl.col("w").fill_null("NA")),
        frame().with_columns(pl.when("b").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("b")),
        frame().with_columns(pl.when(pl.col("n") == 0).then(-0.0).otherwise("n").alias("n")),
        frame().with_columns(constant=pl.lit(1)),
        pl.concat([frame().head(10), frame().tail(30)]),
    ],
)
def test_form_does_not(table: pl.DataFrame) -> None:
    assert data.load(table, target="y").fingerprint == BASE


def test_groups_and_order_count() -> None:
    table = frame().with_columns(pl.Series("g", [i // 5 for i in range(40)]))
    prints = {
        data.load(table, target="y", drop="g").fingerprint,
        data.load(table, target="y", group="g").fingerprint,
        data.load(table, target="y", order="g").fingerprint,
        data.load(table.with_columns(pl.col("g") // 2), target="y", group="g").fingerprint,
    }
    assert len(prints) == 4
    assert BASE in prints
    text = table.with_columns(pl.col("g").cast(pl.String))
    assert data.load(text, target="y", group="g").fingerprint in prints


def test_arrays_of_any_type_and_layout() -> None:
    x, y = np.arange(80).reshape(20, 4) % 13, np.arange(20) % 2
    base = data.load((x, y)).fingerprint
    for same in (x.astype(np.float32), x.astype(np.uint8), np.asfortranarray(x), x.astype(">i4"), x.astype(np.float16)):
        assert data.load((same, y)).fingerprint == base
        assert data.load((same, y.astype(">f8")), task="binary").fingerprint == base
    names = [f"x{i}" for i in range(1, 5)]
    assert data.load((pl.DataFrame(x, schema=names), y)).fingerprint == base
    assert data.load((x + 1, y)).fingerprint != base
    images = np.arange(20 * 4 * 4).reshape(20, 4, 4)
    assert data.load((images, y)).fingerprint != data.load((images.transpose(0, 2, 1), y)).fingerprint
    assert data.load((images, y)).fingerprint == data.load((images.astype(np.float64), y)).fingerprint


def test_another_process_agrees() -> None:
    code = "from lossmith import data; print(data.load('circles').fingerprint)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert run.stdout.strip() == data.load("circles").fingerprint
