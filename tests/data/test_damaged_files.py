"""Whatever is in a file, the answer is a data set or one clear line; never another exception."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lossmith import data
from lossmith._errors import DataError, LossmithError

BASE = (
    "size,city,loan,when,y\n"
    + "\n".join(
        f'{i * 0.5},"{["New York", "Köln"][i % 2]}",{["yes", "no"][i % 3 == 0]},2024-01-{i + 1:02d},{i // 3 % 2}'
        for i in range(25)
    )
).encode()
PIECES = [
    b",",
    b";",
    b'"',
    b"\n",
    b"\r",
    b"\t",
    b" ",
    b"NA",
    b"inf",
    b"-",
    b"1e999",
    b"\x00",
    b"\xff",
    b"9" * 30,
    b"\xef\xbb\xbf",
]


def attempt(path: Path) -> None:
    try:
        dataset = data.load(path, target="y")
        split = data.split(dataset, seed=0)
    except LossmithError as error:
        text = str(error)
    else:
        text = ""
    if text:
        assert "\n" not in text
        return
    encoder = data.fit_encoder(dataset, split.train)
    inputs = encoder.transform(dataset.features)
    assert inputs.shape == (dataset.n_samples, encoder.n_inputs)
    assert np.isfinite(inputs).all()
    again = encoder.transform(data.read_features(path, encoder.configuration()))
    assert np.array_equal(again, inputs)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, len(BASE)), st.integers(0, 40), st.sampled_from(PIECES)), max_size=4))
def test_edited_text(tmp_path: Path, changes: list[tuple[int, int, bytes]]) -> None:
    content = BASE
    for place, cut, piece in changes:
        content = content[:place] + piece + content[place + cut :]
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    attempt(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
def test_anything(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    attempt(path)


@pytest.mark.parametrize("share", [k / 20 for k in range(20)])
def test_parquet_cut_short(tmp_path: Path, share: float) -> None:
    # bytes that are changed inside a page can make Polars allocate without bound, which no caller can catch
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": [f"text {i}" for i in range(50)], "b": np.arange(50) * 0.5, "y": [0, 1] * 25}).write_parquet(
        path
    )
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"is damaged|is empty"):
        data.load(path, target="y")
