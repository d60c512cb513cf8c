"""Names with parameters: what is written is read back, digit for digit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lossmith._errors import InvalidInputError
from lossmith._names import format_name, parse_name, split_names

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
words = st.text(LETTERS, min_size=1, max_size=12)


def looks_like_something_else(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.lower() in {"true", "false"}
    return True


values = st.one_of(
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False),
    st.text(LETTERS + "0123456789x.+-=/", min_size=1, max_size=12).filter(lambda t: not looks_like_something_else(t)),
)


@given(words, st.dictionaries(words, values, max_size=4))
@example("sgd", {"momentum": 0.1 + 0.2})
@example("sgd", {"learning_rate": 1 / 3, "decay": 5e-324, "clip": 1.7976931348623157e308, "rate": -0.0})
@example("mlp", {"hidden": "64x64", "scale": 2.0, "depth": 2, "limit": math.inf})
def test_what_is_written_is_read_back(name, parameters):
    read, back = parse_name(format_name(name, parameters))
    assert read == name
    assert back == parameters
    assert {key: type(value) for key, value in back.items()} == {key: type(v) for key, v in parameters.items()}
    assert list(back) == list(parameters)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_numpy_numbers_are_written_like_pythons(number):
    assert parse_name(format_name("a", {"b": np.float64(number)}))[1]["b"] == number


@given(st.lists(st.tuples(words, st.dictionaries(words, values, max_size=3)), min_size=1, max_size=4))
def test_a_comma_list_falls_into_its_names(entries):
    texts = [format_name(name, parameters) for name, parameters in entries]
    assert [parse_name(text) for text in split_names(",".join(texts))] == entries


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mse", ("mse", {})),
        ("  huber : delta = 2 ", ("huber", {"delta": 2})),
        ("a:b=TRUE,c=False", ("a", {"b": True, "c": False})),
        ("a:b=1e-3,c=-4,d=0x", ("a", {"b": 0.001, "c": -4, "d": "0x"})),
        ("a:b=c=d", ("a", {"b": "c=d"})),
        ("a:,b=1,,", ("a", {"b": 1})),
    ],
)
def test_names_are_read_as_typed(text, expected):
    name, parameters = parse_name(text)
    assert (name, parameters) == expected
    assert [type(value) for value in parameters.values()] == [type(value) for value in expected[1].values()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty name in ''; expected name or name:key=value,..."),
        (" :a=1", "an empty name"),
        (
            "sgd:momentum",
            "'momentum' in 'sgd:momentum'; expected key=value; for example sgd:momentum=0.9,nesterov=true",
        ),
        ("sgd:momentum=", "expected key=value"),
        ("sgd:=0.9", "expected key=value"),
        ("sgd:a=1,a=2", "a given twice in 'sgd:a=1,a=2'"),
    ],
)
def test_what_cannot_be_read_is_one_line(text, message):
    with pytest.raises(InvalidInputError) as caught:
        parse_name(text)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("a:b", {}),
        ("", {}),
        ("a", {"b,c": 1}),
        ("a", {"b=c": 1}),
        ("a", {"b": "c,d"}),
        ("a", {"b": ""}),
        ("a", {"b": "c:d"}),
    ],
)
def test_what_could_not_be_read_back_is_not_written(name, parameters):
    with pytest.raises(InvalidInputError, match="in the name"):
        format_name(name, parameters)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("mse", ["mse"]),
        ("mse , mae,", ["mse", "mae"]),
        ("huber:delta=2,quantile:quantile=0.9", ["huber:delta=2", "quantile:quantile=0.9"]),
        ("sgd:momentum=0.9,nesterov=true,adam", ["sgd:momentum=0.9,nesterov=true", "adam"]),
    ],
)
def test_comma_lists(text, names):
    assert split_names(text) == names
