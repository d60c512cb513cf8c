"""CSV files that are read piece by piece give the profile of those that are read whole, or one clear error."""

from __future__ import annotations

import gzip

import numpy as np
import polars as pl
import pytest

from lossmith import drift
from lossmith._errors import DataError
from lossmith.drift import _source, _text


@pytest.fixture
def pieces(monkeypatch):
    """Read every file piece by piece, a hundred rows at a time, its header from the first kilobytes."""

    def choose(*, streamed: bool) -> None:
        monkeypatch.setattr(_text, "LARGE", 0 if streamed else 2**40)
        monkeypatch.setattr(_text, "_HEAD", 4096)
        monkeypatch.setattr(_source, "_CELLS", 8192)

    return choose


def table(n: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "x": [
                None if missing else value
                for value, missing in zip(rng.normal(size=n), rng.random(n) < 0.1, strict=True)
            ],
            "level": rng.choice(["a", "b, c", 'd "e"', "f\ng", "ü"], n),
            "count": rng.integers(0, 9, n),
            "day": [f"2024-{1 + place % 12:02d}-03" for place in range(n)],
        }
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_pieces_give_the_same_profile(tmp_path, pieces, separator):
    place = tmp_path / "rows.csv"
    table(20_000).write_csv(place, separator=separator)
    found = []
    for streamed in (False, True):
        pieces(streamed=streamed)
        found.append(drift.profile(place))
    whole, streamed = found
    assert streamed.n_rows == 20_000 and "piece by piece" in streamed.notes[0]
    for name, column in whole.columns.items():
        other = streamed[name]
        assert (other.kind, other.missing, other.low, other.high) == (
            column.kind,
            column.missing,
            column.low,
            column.high,
        )
        assert np.array_equal(other.edges, column.edges) and np.array_equal(other.cells, column.cells)
        assert dict(other.levels) == dict(column.levels)
        assert other.mean == pytest.approx(column.mean, rel=1e-12)


def test_a_sample_is_of_rows_from_all_over(tmp_path, pieces):
    place = tmp_path / "rows.csv"
    pl.DataFrame({"row": np.arange(50_000), "other": 1}).write_csv(place)
    pieces(streamed=True)
    source = _source.open_source(place)
    rows = source.sample(["row"], 320)["row"].cast(pl.Int64).to_numpy()
    starts = np.linspace(0, 50_000 - 10, 32).astype(int)
    assert np.array_equal(rows, (starts[:, None] + np.arange(10)).ravel())


def test_what_is_wrong_far_down_is_one_line(tmp_path, pieces):
    pieces(streamed=True)
    lines = ["a,b", *["1,2"] * 5000]
    for number, (line, message) in enumerate([(b"1,2,3", "cells in each line"), (b"1,\xff\xfe", "UTF-8")]):
        place = tmp_path / f"{number}.csv"
        place.write_bytes("\n".join(lines).encode() + b"\n" + line + b"\n")
        with pytest.raises(DataError, match=message) as error:
            drift.profile(place)
        assert "\n" not in str(error.value)


def test_other_files_are_read_whole(tmp_path, pieces):
    pieces(streamed=True)
    packed, wide, empty = (tmp_path / name for name in ("packed.csv", "wide.csv", "empty.csv"))
    text = table(500).write_csv()
    packed.write_bytes(gzip.compress(text.encode()))
    wide.write_bytes(text.encode("utf-16"))
    for place in (packed, wide):
        assert drift.profile(place).n_rows == 500 and "piece" not in drift.profile(place).notes[0]
    empty.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        drift.profile(empty)
    (tmp_path / "blanks.csv").write_text("a b\n1 2\n3 4\n5 6\n")
    assert drift.profile(tmp_path / "blanks.csv").n_rows == 3
