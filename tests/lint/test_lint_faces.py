"""The faces of the lint: verbs of the result, command line, callback, pytest plugin, files, batches, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import polars as pl
import pytest

import lossmith
from lint_setups import dense, ids, network, numbers, one_hot, rows, signs
from lossmith import losses
from lossmith._errors import DataError, InvalidInputError, LossmithError, ModelFileError, ShapeError, UnknownNameError
from lossmith.cli import main
from lossmith.lint import LintError, LintResult, callback


def wrong() -> object:
    model = network(dense(3))
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def right() -> object:
    model = network(dense(3, "softmax"))
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(end.value.code or 0)


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    np.savez(tmp_path / "data.npz", x=rows(), y=ids())
    return tmp_path / "data.npz"


def test_the_result_has_the_verbs(tmp_path) -> None:
    found = lossmith.lint(wrong(), rows(), ids())
    assert isinstance(found, LintResult) and not found.clean and found.codes == ("LS201",)
    table = found.table()
    assert isinstance(table, pl.DataFrame) and table["line"].to_list() == [
        "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)"
    ]
    content = json.loads(found.to_json())
    assert content["findings"][0]["code"] == "LS201" and content["n_rows"] == 120
    assert len(found.plot().figure.axes) == 2
    page = found.report(tmp_path / "lint.html").read_text(encoding="utf-8")
    assert (
        "from_logits=True" in page and "Content-Security-Policy" in page and "https://" not in page.split("</style>")[0]
    )
    assert found._repr_html_().startswith("<iframe") and "LS201" in str(found)


def test_a_clean_result_says_so() -> None:
    found = lossmith.lint(right(), rows(), ids())
    assert found.clean and found.table().height == 0 and "nothing found" in str(found)
    assert found._repr_html_().startswith("<iframe")


def test_names_in_findings_cannot_inject_markup(tmp_path) -> None:
    inputs = keras.Input((4,))
    model = keras.Model(inputs, {"<script>x</script>": dense(3)(inputs)})
    found = lossmith.lint(model, rows(), {"<script>x</script>": ids()}, loss="sparse_categorical_crossentropy")
    assert "<script>x" not in found.report(tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_model_is_left_as_it_is() -> None:
    model = right()
    before = [np.array(variable) for variable in model.variables]
    lossmith.lint(model, rows(), ids())
    assert all(np.array_equal(a, np.array(b)) for a, b in zip(before, model.variables, strict=True))
    again = lossmith.lint(wrong(), rows(), ids())
    assert again.to_json().replace(again.model, "") == again.to_json().replace(again.model, "")


def test_ignored_checks_keep_quiet() -> None:
    assert lossmith.lint(wrong(), rows(), ids(), ignore=["logits-as-probabilities"]).clean
    assert lossmith.lint(wrong(), rows(), ids(), ignore=["LS201"]).ignored == ("LS201",)
    with pytest.raises(UnknownNameError, match="LS299"):
        lossmith.lint(wrong(), rows(), ids(), ignore=["LS299"])


class Pairs(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, place: int):
        if place >= 3:
            raise AssertionError("read beyond its end")
        return rows(seed=place), ids()


@pytest.mark.parametrize("source", ["generator", "list", "weighted", "dataset"])
def test_batches_are_read(source) -> None:
    pairs = [(rows(seed=k), ids()) for k in range(3)]
    batches = {
        "generator": (pair for pair in pairs),
        "list": pairs,
        "dataset": Pairs(),
        "weighted": [(*pair, np.full(120, 2.0)) for pair in pairs],
    }[source]
    codes = lossmith.lint(right(), batches).codes
    assert codes == (("LS223",) if source == "weighted" else ())


def test_frames_are_read() -> None:
    x = pl.DataFrame(rows(), schema=list("abcd"))
    assert lossmith.lint(wrong(), x, pl.Series(ids())).codes == ("LS201",)
    assert lossmith.lint(wrong(), x.to_pandas(), pl.Series(ids()).to_pandas()).codes == ("LS201",)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (lambda: lossmith.lint(network(dense(1)), rows(), numbers()), InvalidInputError, "without a loss"),
        (lambda: lossmith.lint(right(), rows(50), ids()), ShapeError, "50 rows"),
        (lambda: lossmith.lint(right(), rows(width=3), ids()), ShapeError, "cannot be called"),
        (lambda: lossmith.lint(right(), rows(), ["a"] * 120), DataError, "texts"),
        (lambda: lossmith.lint(right(), rows()), DataError, "without y|batches"),
        (lambda: lossmith.lint(right(), rows(0), ids(0)), DataError, "without rows"),
        (lambda: lossmith.lint(right(), rows(), 3), ShapeError, "without rows"),
        (lambda: lossmith.lint(right(), rows(), ids(), loss="crossentropi"), InvalidInputError, "crossentropi"),
        (lambda: lossmith.lint(right(), rows(), ids(), loss=keras.losses.Hinge), InvalidInputError, "brackets"),
        (lambda: lossmith.lint(right(), rows(), ids(), loss=3), InvalidInputError, "loss int"),
        (lambda: lossmith.lint(right(), rows(), ids(), metrics=["accurracy"]), InvalidInputError, "accurracy"),
        (lambda: lossmith.lint(right(), rows(), ids(), loss={"other": "mse"}), InvalidInputError, "other"),
        (lambda: lossmith.lint(right(), rows(), ids(), rows=1), InvalidInputError, "rows=1"),
        (lambda: lossmith.lint(object(), rows(), ids()), InvalidInputError, "object"),
        (lambda: lossmith.lint(lambda: 3, rows(), ids()), InvalidInputError, "returned int"),
        (lambda: lossmith.lint("none.keras", rows(), ids()), ModelFileError, "no file"),
        (lambda: lossmith.lint(right(), rows(), [[1, 2], [3]]), DataError, "no array"),
        (lambda: callback(rows(), ids(), severity="bad"), InvalidInputError, "severity"),
    ],
)
def test_bad_input_is_answered_in_one_line(given, error, words) -> None:
    with pytest.raises(error, match=words) as caught:
        given()
    assert isinstance(caught.value, LossmithError) and "\n" not in str(caught.value)


def test_one_row_is_enough() -> None:
    assert lossmith.lint(wrong(), rows(1), ids(1)).codes == ("LS201",)


def test_the_callback_stops_before_the_first_epoch() -> None:
    model = wrong()
    before = [np.array(variable) for variable in model.trainable_variables]
    with pytest.raises(LintError, match=r"LS201.*from_logits=True") as caught:
        model.fit(rows(), ids(), callbacks=[callback(rows(), ids())], verbose=0)
    assert caught.value.result.codes == ("LS201",)
    assert all(np.array_equal(a, np.array(b)) for a, b in zip(before, model.trainable_variables, strict=True))


def test_the_callback_lets_a_correct_set_up_train() -> None:
    model, watch = right(), callback(rows(), ids())
    model.fit(rows(), ids(), epochs=1, callbacks=[watch], verbose=0)
    assert watch.result.clean


def test_a_warning_stops_only_where_asked() -> None:
    model = network(dense(1))
    model.compile(loss=keras.losses.MeanSquaredError(reduction="sum"))
    model.fit(rows(), numbers(), callbacks=[callback(rows(), numbers())], verbose=0)
    with pytest.raises(LintError, match="LS222"):
        model.fit(rows(), numbers(), callbacks=[callback(rows(), numbers(), severity="warning")], verbose=0)


def test_a_keras_file_is_linted_on_the_command_line(tmp_path, arrays, capsys) -> None:
    wrong().save(tmp_path / "wrong.keras")
    right().save(tmp_path / "right.keras")
    assert run("lint", str(tmp_path / "wrong.keras"), str(arrays)) == 1
    out = capsys.readouterr().out
    assert "LS201 error" in out and "-> loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)" in out
    assert run("lint", str(tmp_path / "right.keras"), str(arrays)) == 0
    assert "nothing found" in capsys.readouterr().out
    assert run("lint", str(tmp_path / "right.keras"), str(arrays), "--loss", "kld", "--json") == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["code"] == "LS215"
    assert (
        run(
            "lint",
            str(tmp_path / "wrong.keras"),
            str(arrays),
            "--loss",
            "sparse_categorical_crossentropy",
            "--from-logits",
        )
        == 0
    )


def test_a_loss_of_lossmith_is_found_in_a_file(tmp_path, capsys) -> None:
    model = network(dense(1))
    model.compile(loss=losses.get("huber:delta=3").as_keras())
    model.save(tmp_path / "own.keras")
    np.savez(tmp_path / "data.npz", x=rows(), y=numbers())
    assert run("lint", str(tmp_path / "own.keras"), str(tmp_path / "data.npz")) == 0
    assert "huber:delta=3" in capsys.readouterr().out


def test_a_file_with_code_in_it_is_not_run(tmp_path, arrays, capsys) -> None:
    inputs = keras.Input((4,))
    outputs = keras.layers.Lambda(lambda x: x * 2)(dense(3)(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(loss="sparse_categorical_crossentropy")
    model.save(tmp_path / "code.keras")
    assert run("lint", str(tmp_path / "code.keras"), str(arrays)) == 2
    assert "is not opened: it holds a layer that runs code" in capsys.readouterr().err


def test_a_factory_is_linted_on_a_table(tmp_path, capsys) -> None:
    (tmp_path / "train.py").write_text(
        textwrap.dedent(
            """
            import keras

            def make():
                model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
                model.compile(loss="hinge", metrics=["accuracy"])
                return model

            def fails():
                raise RuntimeError("no such thing")
            """
        )
    )
    frame = pl.DataFrame(rows(), schema=list("abcd")).with_columns(label=pl.Series(1 + ids(120, 2)))
    frame.write_csv(tmp_path / "people.csv")
    place = str(tmp_path / "train.py")
    assert run("lint", f"{place}:make", str(tmp_path / "people.csv"), "--target", "label", "--format", "github") == 1
    out = capsys.readouterr().out
    assert "title=LS208::" in out and "1 (60 rows), 2 (60 rows)" in out
    assert run("lint", f"{place}:made", str(tmp_path / "people.csv")) == 2
    assert "did you mean 'make'" in capsys.readouterr().err
    assert run("lint", f"{place}:fails", str(tmp_path / "people.csv")) == 2
    assert "no such thing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no model"),
        (("none.keras",), "no data"),
        (("none.keras", "none.npz"), "none.npz"),
        (("none.py:make",), "none.py"),
        (("none.keras", "none.npz", "--format", "xml"), "--format"),
        (("none.keras", "none.npz", "--fail-on", "bad"), "severity"),
    ],
)
def test_bad_arguments_end_with_one_line_and_code_2(arguments, words, capsys) -> None:
    assert run("lint", *arguments) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_damaged_data_files_end_with_code_2(tmp_path, capsys) -> None:
    right().save(tmp_path / "right.keras")
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    np.savez(tmp_path / "other.npz", a=rows())
    np.savez(tmp_path / "object.npz", x=np.array([{}], dtype=object), y=ids(1))
    (tmp_path / "bad.keras").write_bytes(b"no model")
    for name in ("bad", "other", "object"):
        assert run("lint", str(tmp_path / "right.keras"), str(tmp_path / f"{name}.npz")) == 2
        assert "Traceback" not in capsys.readouterr().err
    assert run("lint", str(tmp_path / "bad.keras"), str(tmp_path / "other.npz")) == 2


def test_findings_below_the_limit_do_not_fail(tmp_path, capsys) -> None:
    model = network(dense(1))
    model.compile(loss=keras.losses.MeanSquaredError(reduction="sum"))
    model.save(tmp_path / "sum.keras")
    np.savez(tmp_path / "data.npz", x=rows(), y=numbers())
    arguments = ("lint", str(tmp_path / "sum.keras"), str(tmp_path / "data.npz"))
    assert (
        run(*arguments) == 1
        and run(*arguments, "--fail-on", "error") == 0
        and run(*arguments, "--ignore", "LS222") == 0
    )
    capsys.readouterr()


def test_the_checks_are_listed(capsys) -> None:
    assert run("lint", "--checks", "--json") == 0
    assert {row["code"] for row in json.loads(capsys.readouterr().out)} >= {"LS201", "LS231"}


SUITE = """
import keras, numpy as np, pytest

x = np.random.default_rng(0).normal(size=(40, 2)); y = np.arange(40) % 2

def make(activation):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation)])
    model.compile(loss="binary_crossentropy")
    return model

def test_right_fit(): make("sigmoid").fit(x, y, verbose=0)
def test_wrong_fit(): make(None).fit(x, y, verbose=0)
def test_right_fixture(lossmith_lint): assert lossmith_lint(make("sigmoid"), x, y).clean
def test_wrong_fixture(lossmith_lint): lossmith_lint(make(None), x, y)
def test_wrong_but_mild(lossmith_lint): lossmith_lint(make("sigmoid"), x, y, loss=keras.losses.BinaryCrossentropy(reduction="sum"), severity="error")
"""


@pytest.mark.slow
def test_the_pytest_plugin(tmp_path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)

    def outcomes(*options: str) -> tuple[set[str], str]:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:lossmith",  # by name, whether or not the entry point is installed
            "-p",
            "lossmith.lint.pytest_plugin",
            "-p",
            "no:cacheprovider",
            "-rf",
            *options,
        ]
        done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path)
        return {
            line.split("::")[1].split(" ")[0] for line in done.stdout.splitlines() if line.startswith("FAILED")
        }, done.stdout

    failed, text = outcomes("--lossmith-lint")
    assert failed == {"test_wrong_fit", "test_wrong_fixture"}, text
    assert "LS201" in text and "from_logits=True" in text


def test_signs_and_rows_have_their_metrics() -> None:
    """Metrics of lossmith give the numbers of a hand calculation, weights included, and survive saving."""
    sign = losses.sign_accuracy()
    sign.update_state(signs(4), np.array([-1.0, 2.0, 3.0, -4.0]), sample_weight=np.array([1.0, 1.0, 1.0, 5.0]))
    assert float(sign.result()) == pytest.approx(2 / 8)  # rows 0 and 1 are right
    soft = losses.soft_label_divergence(from_logits=False)
    soft.update_state(np.array([[0.5, 0.5, 0.0]]), np.array([[0.25, 0.25, 0.5]]))
    assert float(soft.result()) == pytest.approx(np.log(2.0), rel=1e-6)
    soft.update_state(np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 0.5, 0.5]]))
    assert np.isinf(float(soft.result()))
    again = keras.metrics.deserialize(keras.metrics.serialize(soft))
    assert again.from_logits is False
    kinds = {
        loss: [m.name for m in losses.keras_metrics(losses.get(loss))] for loss in ("hinge", "cce", "mse", "poisson")
    }
    assert kinds == {
        "hinge": ["sign_accuracy"],
        "cce": ["accuracy", "soft_label_divergence"],
        "mse": ["mean_absolute_error"],
        "poisson": [],
    }
    model = network(dense(3))
    model.compile(loss=losses.get("cce").as_keras(), metrics=losses.keras_metrics(losses.get("cce")))
    logs = model.evaluate(rows(), one_hot(), return_dict=True, verbose=0)
    # on one-hot targets the divergence is the cross-entropy
    assert logs["soft_label_divergence"] == pytest.approx(logs["loss"], rel=1e-5)
