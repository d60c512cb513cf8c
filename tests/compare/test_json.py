"""JSON: strict, complete, and back without losing a bit."""

from __future__ import annotations

import dataclasses
import json
import math
import struct
from typing import Any, get_args, get_origin

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lossmith._errors import InvalidInputError
from lossmith.compare import _json, _spec
from lossmith.compare._json import from_json, to_json

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(TEXT | st.sampled_from(["$number", "$tuple", "$", "$$x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.bool_]),
    hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4),
)
TABLES = st.builds(
    lambda loss, seed, rate, done: pl.DataFrame(
        {"loss": loss, "seed": seed, "learning_rate": rate, "chosen": done},
        schema={"loss": pl.String, "seed": pl.Int32, "learning_rate": pl.Float64, "chosen": pl.Boolean},
    ),
    *(
        st.lists(st.none() | kind, min_size=3, max_size=3)
        for kind in (TEXT, st.integers(-(2**31), 2**31 - 1), st.floats(), st.booleans())
    ),
)


def _values(kind: Any) -> st.SearchStrategy:
    """Return a strategy for any field type that occurs in the records."""
    kind, origin, inner = _json._resolved(kind)
    if kind is Any:
        return PLAIN
    if dataclasses.is_dataclass(kind):
        return _records(kind)
    if kind is np.ndarray:
        return ARRAYS
    if kind is pl.DataFrame:
        return TABLES
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return st.lists(_values(inner[0]), max_size=2).map(tuple)
        return st.tuples(*map(_values, inner))
    if origin is not None:
        return st.dictionaries(_values(inner[0]), _values(inner[1]), max_size=2)
    return {float: st.floats(), int: st.integers(-(2**53), 2**53), str: TEXT, bool: st.booleans()}[kind]


def _records(record: type) -> st.SearchStrategy:
    fields = {}
    for name, kind in _json._fields(record).items():
        strategy = _values(kind)
        if type(None) in get_args(kind) and get_origin(kind) is not None:
            strategy = st.none() | strategy
        fields[name] = strategy
    return st.builds(record, **fields)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float):
        return isinstance(b, float) and (
            (math.isnan(a) and math.isnan(b)) or struct.pack("d", a) == struct.pack("d", b)
        )
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and (a.dtype.kind != "f" or _bits(a) == _bits(b)) and (
            a.dtype.kind == "f" or bool((a == b).all())
        )  # fmt: skip
    if isinstance(a, pl.DataFrame):
        return a.schema == b.schema and a.equals(b, null_equal=True)
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(_same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        pairs = zip(a.items(), b.items(), strict=True)
        return len(a) == len(b) and all(_same(k, m) and _same(v, w) for (k, v), (m, w) in pairs)
    return type(a) is type(b) and a == b


def _bits(array: np.ndarray) -> bytes:
    return np.where(np.isnan(array), np.array(np.nan, array.dtype), array).tobytes()


@settings(max_examples=150)
@given(_records(_spec.Comparison))
def test_round_trip_is_exact(comparison):
    text = to_json(comparison)
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not strict JSON"))
    assert _same(from_json(text), comparison)


@given(PLAIN)
def test_free_form_values_come_back(value):
    assert _same(_json.from_plain(json.loads(json.dumps(_json.to_plain(value), allow_nan=False))), value)


def _small() -> _spec.Comparison:
    data = _spec.DataSummary("d", "binary", 4, 2, 2, "y", ("a", "b"), (2, 2), 2, 1, 1, "f" * 8, "arrays", ())
    chosen = _spec.Settings(("hinge",), "mlp", "sgd", 0.1, (0.1,), 1, 1, 1, "accuracy", 0.01)
    standing = _spec.Standing("hinge", 1, _spec.Estimate(0.5, -math.inf, math.inf, 0.95, 1, math.nan), None, 0.1,
                              {0.1: 1}, None, {}, 1, 0)  # fmt: skip
    curve = _spec.Curve("hinge", "train_loss", np.array([1, 2]), np.array([[0.5, np.nan]], dtype=np.float32))
    table = pl.DataFrame({"loss": ["hinge"], "accuracy": [math.nan]})
    return _spec.Comparison(data, chosen, "Use hinge", (standing,), (), (), (), table, (curve,))


def test_what_others_read():
    """The documented shapes, spelled out."""
    plain = json.loads(to_json(_small()))
    assert (plain["format"], plain["version"]) == ("lossmith comparison", 1)
    assert plain["standings"][0]["metric"]["low"] == "-inf" and plain["standings"][0]["metric"]["deviation"] == "nan"
    assert plain["standings"][0]["rates"] == [[0.1, 1]]
    assert plain["curves"][0]["values"] == {"dtype": "f4", "shape": [1, 2], "values": [[0.5, "nan"]]}
    assert plain["trials"]["columns"] == {"loss": ["hinge"], "accuracy": ["nan"]}
    assert plain["run"] is None


def _changed(change) -> str:
    plain = json.loads(to_json(_small()))
    change(plain)
    return json.dumps(plain)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no comparison"),
        ("[1]", "no comparison"),
        ('{"a": NaN}', "NaN is no JSON"),
        (_changed(lambda plain: plain.update(version=2)), "version 2"),
        (_changed(lambda plain: plain.pop("data")), "without"),
        (_changed(lambda plain: plain.update(surprise=1)), "surprise"),
        (_changed(lambda plain: plain.update(verdict=7)), "7 where a str belongs"),
        (_changed(lambda plain: plain.update(data=None)), "empty"),
        (_changed(lambda plain: plain.update(data=[])), r"\[\] where a DataSummary belongs"),
        (_changed(lambda plain: plain["standings"].append("x")), "'x' where a Standing belongs"),
        (_changed(lambda plain: plain["curves"][0]["values"].update(dtype="O")), "array"),
        (_changed(lambda plain: plain["curves"][0]["values"].update(shape=[3])), "reshape"),
        (_changed(lambda plain: plain["trials"]["types"].update(loss="read_csv")), "column of read_csv"),
        (_changed(lambda plain: plain["trials"]["types"].update(loss="DataFrame")), "column of DataFrame"),
        (_changed(lambda plain: plain["settings"].update(epochs=True)), "True where a int belongs"),
    ],
)
def test_other_text_is_refused_in_one_line(text, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        from_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", "ä", ""]),
        np.array([[True, False]]),
        np.arange(3, dtype=np.uint8),
        np.array([1.5, -np.inf], np.float32),
    ],
    ids=["text", "boolean", "integer", "float"],
)
def test_arrays_of_every_kind_come_back(array):
    plain = json.loads(json.dumps(_json._write_array(array), allow_nan=False))
    found = _json._read_array(plain)
    assert found.dtype == array.dtype and found.shape == array.shape and found.tolist() == array.tolist()


def test_what_json_cannot_hold_is_named():
    with pytest.raises(InvalidInputError, match="a set among settings"):
        _json.to_plain({"losses": {1}})
    with pytest.raises(InvalidInputError, match="array of complex128"):
        _json._write_array(np.zeros(2, complex))


@pytest.mark.parametrize("value", [{1: 2}, {"a": {None: 2}}, {"a"}, set()])
def test_mappings_have_text_for_keys_and_sets_are_none(value):
    with pytest.raises(
        InvalidInputError, match=r"a (dict|set) among settings; expected .* mappings with text for keys"
    ):
        _json.to_plain(value)


def test_results_of_earlier_releases_are_read():
    """They lack pictures, factors and levels, and have no value there."""
    plain = json.loads(to_json(_small()))
    del plain["pictures"], plain["factors"], plain["standings"][0]["levels"]
    assert _same(from_json(json.dumps(plain)), _small())
