"""One tree of errors, one form of message."""

from __future__ import annotations

import builtins
import inspect
import pickle

import pytest

from lossmith import _errors
from lossmith._errors import LossmithError, did_you_mean


def test_every_error_belongs_to_the_tree_and_says_three_things():
    classes = [value for value in vars(_errors).values() if inspect.isclass(value) and issubclass(value, Exception)]
    assert len(classes) >= 9
    for error in classes:
        assert issubclass(error, LossmithError)
        raised = error("5 rows", expected="10 rows", advice="add 5")
        assert (raised.received, raised.expected, raised.advice) == ("5 rows", "10 rows", "add 5")
        assert str(raised) == "5 rows; expected 10 rows; add 5"
        assert inspect.getdoc(error)


@pytest.mark.parametrize(
    ("name", "also"),
    [
        ("InvalidInputError", "ValueError"),
        ("ShapeError", "ValueError"),
        ("DomainError", "ValueError"),
        ("DataError", "ValueError"),
        ("UnknownNameError", "LookupError"),
        ("StoreError", "OSError"),
        ("ModelFileError", "ValueError"),
        ("BackendError", "RuntimeError"),
        ("MissingExtraError", "ImportError"),
    ],
)
def test_errors_are_also_what_python_calls_them(name, also):
    assert issubclass(getattr(_errors, name), getattr(builtins, also))


def test_parts_that_are_missing_leave_no_trace():
    assert str(LossmithError("empty file")) == "empty file"
    assert str(LossmithError("empty file", advice="write something into it")) == "empty file; write something into it"


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("huberr", ["huber", "hinge"], "did you mean 'huber'?"),
        ("HUBER", ["huber", "hinge"], "did you mean 'huber'?"),
        ("zzz", ["huber", "hinge"], "one of: 'huber', 'hinge'"),
        ("zzz", [], "nothing is registered under any name"),
        ("mlp1", ["mlp2", "mlp3"], "did you mean 'mlp2' or 'mlp3'?"),
    ],
)
def test_hints(name, candidates, expected):
    hint = did_you_mean(name, candidates)
    assert sorted(hint) == sorted(expected) if " or " in expected else hint == expected


def test_an_error_survives_the_way_to_another_process():
    error = pickle.loads(pickle.dumps(_errors.DataError("5 rows", expected="10", advice="add 5")))
    assert str(error) == "5 rows; expected 10; add 5" and error.advice == "add 5"
