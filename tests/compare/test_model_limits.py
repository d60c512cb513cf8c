"""What a model file may say of itself: at every limit, one beyond it, and on the way in."""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import lru_cache

import pytest

from lossmith import _tensor_file
from lossmith._errors import InvalidInputError, ModelFileError
from lossmith.compare import model_file
from lossmith.compare.trained import TrainedModel
from trained_runs import ended


@lru_cache(maxsize=1)
def small() -> TrainedModel:
    """Return a model whose file is small: two inputs, three hidden units, a margin loss."""
    return ended("circles", losses="hinge", model="mlp:hidden=3", epochs=1).model("hinge")


def test_what_has_no_name_or_is_too_large_is_refused_on_the_way_in(monkeypatch):
    built = replace(small(), model=replace(small().model, name="mine"))
    with pytest.raises(
        InvalidInputError, match=r"model 'mine' is built by a function of yours.*a family of the catalogue.*to_keras"
    ):
        model_file.to_bytes(built)
    unknown = replace(small().loss, name="mine")
    with pytest.raises(
        InvalidInputError,
        match=r"loss 'mine' is your own, which a file cannot hold; expected a loss of the catalogue; .*to_keras",
    ):
        model_file.to_bytes(replace(small(), loss=unknown))
    length = struct.unpack("<Q", model_file.to_bytes(small())[:8])[0]
    monkeypatch.setattr(_tensor_file, "MOST_HEADER", length)
    assert model_file.to_bytes(small())
    monkeypatch.setattr(_tensor_file, "MOST_HEADER", length - 1)
    with pytest.raises(
        InvalidInputError, match=rf"a configuration of {length:,} bytes; expected at most {length - 1:,}; drop columns"
    ):
        model_file.to_bytes(small())


def test_a_configuration_of_which_keras_makes_nothing(monkeypatch):
    """Keras raises what it likes; a process that cannot use Keras at all says that, and not that the file is damaged."""
    from lossmith._errors import BackendError
    from lossmith.compare import networks

    def fails(error: Exception):
        def shapes(*arguments: object) -> list:
            raise error

        return shapes

    data = model_file.to_bytes(small())
    monkeypatch.setattr(networks, "weight_shapes", fails(RuntimeError("no such\nlayer")))
    with pytest.raises(ModelFileError, match="mlp:hidden=3 makes no network: no such layer"):
        model_file.from_bytes(data)
    monkeypatch.setattr(networks, "weight_shapes", fails(BackendError("Keras runs on torch")))
    with pytest.raises(BackendError, match="Keras runs on torch"):
        model_file.from_bytes(data)


def test_what_the_checks_of_a_configuration_accept():
    """At every limit, and one beyond it."""
    from lossmith.compare import _model_schema as schema

    cases = (
        (schema.whole(1), [1, 2**53], [0, 2**53 + 1, True, 1.0, "1", None]),
        (schema.text, ["", "ä" * schema.LONGEST_TEXT], ["a" * (schema.LONGEST_TEXT + 1), "\ud800", 3, None]),
        (schema.flag, [True, False], [0, 1, "true", None]),
        (schema.finite, [0, -1.5, 10**300], [True, float("inf"), float("nan"), 10**400, "1"]),
        (schema.positive, [1e-300, 3], [0, -1.0, True]),
        (schema.nothing, [None], [0, "", False]),
        (schema.one_of("a", "b"), ["a", "b"], ["c", None]),
        (schema.many(schema.flag, least=1), [[True], [True, True]], [[], [1], (True,), None]),
        (schema.many(schema.text, different=True), [[], ["a", "b"]], [["a", "a"]]),
        (schema.named(schema.flag), [{}, {"a": True}], [{"a": 1}, {"\ud800": True}, {3: True}, []]),
        (schema.either(schema.flag, schema.nothing), [True, None], [1, "x"]),
        (schema.typed, [True, 0.5, "a.b-c+d_9", "x" * 10_000], ["", "a b", "x" * 10_001, None, float("nan"), []]),
        (schema.record({"a": schema.flag}), [{"a": True}], [{}, {"a": 1}, {"a": True, "b": 1}, None]),
    )  # fmt: skip
    for check, accepted, refused_ in cases:
        for value in accepted:
            check(value, "here")
        for value in refused_:
            with pytest.raises(schema.ConfigurationError, match=r"^here"):
                check(value, "here")
    assert (schema.LONGEST_TEXT, schema.MOST_ITEMS) == (100_000, 1_000_000)
