"""What each entry of a model file's configuration may be: the last value that is accepted, and the first that is not."""

from __future__ import annotations

import copy

import pytest

from lossmith.compare._model_schema import CONFIGURATION, ConfigurationError, checked

NUMBER = {"name": "size", "kind": "numeric", "role": "feature", "decision": "numbers", "n_missing": 0, "levels": [], "notation": "", "parts": []}  # fmt: skip
CITY = {**NUMBER, "name": "city", "kind": "category", "levels": ["Köln", "Ulm"]}
DAY = {**NUMBER, "name": "day", "kind": "date", "notation": "%Y-%m-%d", "parts": ["year", "month"]}
WHOLE = {
    "task": "binary",
    "loss": {"name": "hinge", "parameters": {"delta": 0.5}},
    "model": {"name": "mlp", "values": {"hidden": 3, "activation": "relu", "bias": True}},
    "input_shape": [3],
    "units": 1,
    "class_names": ["no", "yes"],
    "encoding": {"name": "signed", "center": 0.0, "scale": 1.0},
    "encoder": {
        "format": 1, "shape": [3], "scale": True, "target": "sold", "source_columns": ["size", "city", "day"],
        "columns": [NUMBER, CITY, DAY],
    },
    "metrics": {"accuracy": 0.9, "auc": None},
    "training": {
        "optimizer": "adam", "learning_rate": 0.01, "epochs": 5, "best_epoch": 2, "batch_size": 32, "protocol": "fair", "noise": 0.0, "seed": 0,
        "trial": 0,
    },
    "data": {"name": "sales", "fingerprint": "f", "n_samples": 10},
    "versions": {"lossmith": "1"},
}  # fmt: skip

COLUMNS = "encoder.columns"
# path, values that can be, values that cannot
ENTRIES = [
    ("task", ["regression", "binary", "multiclass"], ["ranking", "", None, 1]),
    ("loss.name", ["mse"], [3, None]),
    ("loss.parameters", [{}, {"delta": -1}], [{"delta": float("inf")}, {"delta": "1"}, []]),
    ("model.values", [{}, {"a": "x.y-z+_"}], [{"a": "x y"}, {"a": None}, {"a": []}]),
    ("input_shape", [[1], [1, 1], [28, 28, 1]], [[], [0], [3, 0], [1.0], [True], 3]),  # one input is enough
    ("units", [1, 10], [0, -1, 1.0, True]),
    ("class_names", [[], ["a"], ["a", "b"]], [["a", "a"], [1], "ab"]),
    ("encoding.center", [0, -0.5], [float("nan"), None, "0"]),
    ("encoding.scale", [1, 1e-9], [0, -1, float("inf")]),
    ("encoder.format", [1], [0, "1"]),
    ("encoder.scale", [True, False], [0, 1, None]),
    ("encoder.target", ["", "y"], [0, None]),
    ("encoder.source_columns", [[], ["a", "a"]], [[1], None]),
    ("metrics", [{}, {"loss": None}, {"loss": 0}], [{"loss": "0"}, {"loss": float("nan")}, {"loss": True}]),
    ("training.optimizer", ["sgd"], [None]),
    ("training.learning_rate", [1e-12, 1], [0, -0.1, True]),
    ("training.epochs", [1], [0]),
    ("training.best_epoch", [0, 1], [-1]),
    ("training.batch_size", [1], [0]),  # one row at a time
    ("training.protocol", ["fair", "published"], ["unfair"]),
    ("training.noise", [0, 0.1], ["0.1", None]),
    ("training.seed", [0, 1], [-1, 0.5]),
    ("training.trial", [0, 1], [-1]),
    ("data.name", [""], [None]),
    ("data.fingerprint", [""], [0]),
    ("data.n_samples", [1], [0]),
    ("versions", [{}, {"keras": "3.1"}], [{"keras": 3.1}]),
    (f"{COLUMNS}.0.name", ["", "größe"], [None, "city"]),  # another column has that name
    (f"{COLUMNS}.0.role", ["feature"], ["target", "dropped"]),
    (f"{COLUMNS}.0.n_missing", [0, 1], [-1]),
    (f"{COLUMNS}.0.notation", ["", "decimal comma", "thousands comma"], ["others grouped", "%Y"]),
    (f"{COLUMNS}.0.levels", [[]], [["a"]]),
    (f"{COLUMNS}.0.parts", [[]], [["year"]]),
    (f"{COLUMNS}.1.notation", ["", "others grouped"], ["decimal comma"]),
    (f"{COLUMNS}.1.levels", [[], ["a"], ["a", "b"]], [["a", "a"], [None]]),
    (f"{COLUMNS}.1.parts", [[]], [["year"]]),
    (
        f"{COLUMNS}.2.notation",
        ["", "%d.%m.%Y", "%Y-%m-%dT%H:%M:%S%.f%:z", "%Y" * 20],  # forty characters
        ["%Y" * 20 + "-", "%Q", "%Y\n", "decimal comma"],
    ),
    (f"{COLUMNS}.2.levels", [[]], [["a"]]),
    (f"{COLUMNS}.2.parts", [[], ["ordinal", "year", "month", "day", "day_of_week", "hour"]], [["year", "year"], ["minute"]]),
]  # fmt: skip


def changed(path: str, value: object) -> dict:
    """Return the configuration with a value at a dotted path."""
    whole = copy.deepcopy(WHOLE)
    *parents, last = path.split(".")
    place: object = whole
    for parent in parents:
        place = place[int(parent) if isinstance(place, list) else parent]
    place[last] = value
    return whole


@pytest.mark.parametrize("path, accepted, refused", ENTRIES, ids=[path for path, *_ in ENTRIES])
def test_an_entry_is_accepted_up_to_its_limit(path, accepted, refused):
    for value in accepted:
        given = changed(path, value)
        assert checked(given, CONFIGURATION) == given
    for value in refused:
        with pytest.raises(ConfigurationError, match=rf"^configuration\.{path.split('.')[0]}"):
            checked(changed(path, value), CONFIGURATION)


def test_every_entry_is_looked_at():
    """The table above names each of them, so that one that is added needs its limits said."""
    named = {path.split(".")[0] for path, *_ in ENTRIES}
    assert named == CONFIGURATION.keys() == WHOLE.keys()


@pytest.mark.parametrize(
    "shape, columns, good",
    [
        ([1], 1, True),
        ([2], 1, False),
        ([1], 0, False),
        ([2, 2], 0, True),
        ([2, 2], 1, False),
        ([2**16, 2**15 - 1], 0, True),
        ([2**16, 2**15], 0, False),  # 2^31 numbers
        ([2**31 - 1, 1], 0, True),
    ],
)
def test_inputs_have_one_number_for_each_column_or_none(shape, columns, good):
    given = changed("encoder.shape", shape)
    given["encoder"]["columns"] = [NUMBER][:columns]
    if good:
        assert checked(given, CONFIGURATION) == given
    else:
        with pytest.raises(ConfigurationError, match=r"^configuration\.encoder\.shape is "):
            checked(given, CONFIGURATION)


def test_long_values_are_shown_by_their_beginning():
    """Forty characters are shown, more are cut and say so."""
    for length, shown in ((38, repr("x" * 38)), (39, "'" + "x" * 38 + "…")):
        with pytest.raises(ConfigurationError) as error:
            checked(changed("task", "x" * length), CONFIGURATION)
        assert str(error.value).startswith(f"configuration.task is {shown}, not one of 'regression'")


def test_a_list_holds_a_million_entries(monkeypatch):
    from lossmith.compare import _model_schema as schema

    monkeypatch.setattr(schema, "MOST_ITEMS", 3)
    schema.many(schema.text)(["a"] * 3, "here")
    schema.named(schema.text)(dict.fromkeys("abc", ""), "here")
    with pytest.raises(ConfigurationError, match=r"^here is .* not a list of 0 or more"):
        schema.many(schema.text)(["a"] * 4, "here")
    with pytest.raises(ConfigurationError, match=r"^here is .* not a mapping"):
        schema.named(schema.text)(dict.fromkeys("abcd", ""), "here")
