"""The command line as a person meets it: help, catalogue, errors in one line, exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from lossmith import __version__
from lossmith._errors import DataError
from lossmith.cli import _options as options
from lossmith.cli import main


@pytest.fixture
def lossmith(capsys, tmp_path, monkeypatch):
    """Run the program in an empty folder; return exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("LOSSMITH_DEBUG", "LOSSMITH_STORE", "LOSSMITH_DATA"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return run


COMMANDS = {
    (): ("compare", "losses", "divergence", "approximate", "data", "runs", "predict", "study", "doctor"),
    ("data",): ("list", "show"),
    ("runs",): ("list", "show", "resume", "repeat", "export"),
    ("study",): ("list", "run"),
    ("train",): ("lstm-text",),
}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_lists_the_commands_and_no_command_shows_help(lossmith, path):
    code, out, err = lossmith(*path, "--help")
    assert (code, err) == (0, "")
    for command in COMMANDS[path]:
        assert re.search(rf"^│ {command} ", out, re.MULTILINE), command
    bare, shown, err = lossmith(*path)
    assert (bare, err) == (0, "") and shown.split() == out.split()


@pytest.mark.parametrize(
    "command", [(*path, name) for path, names in COMMANDS.items() for name in names if (*path, name) not in COMMANDS]
)
def test_every_command_has_help_with_an_example(lossmith, command):
    code, out, _ = lossmith(*command, "--help")
    assert code == 0
    assert re.search(rf"Examples?: lossmith\s+{command[0]}", out)


def test_exit_codes_are_documented(lossmith):
    _, out, _ = lossmith("--help")
    words = " ".join(out.split())
    assert "Exit codes: 0 done, 1 findings, 2 usage or input error, 3 undecided (with --strict)" in words
    assert "130 interrupted" in words


def test_factors_have_singular_and_plural_names(lossmith):
    _, out, _ = lossmith("compare", "--help")
    for singular, plural in [("--loss", "--losses"), ("--model", "--models"), ("--optimizer", "--optimizers")]:
        assert f"{plural},{singular}" in out
    assert "--learning-rates,--learning-r" in out  # the table cuts it


def test_version(lossmith):
    assert lossmith("--version") == (0, f"lossmith {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compar", "circles"], "No such command 'compar'. Did you mean 'compare'?"),
        (["compare"], "Missing argument 'SOURCE'; see `lossmith compare --help`"),
        (["compare", "circles", "--sed", "1"], "No such option: --sed"),
        (["compare", "circles", "--epochs", "many"], "--epochs"),
        (["compare", "circles", "--epochs", "0"], "--epochs"),
        (["compare", "circles", "--losses", "hinj"], "unknown loss 'hinj'; did you mean 'hinge'?"),
        (["compare", "circles", "--losses", "mse"], "loss 'mean_squared_error' is for regression and the task is binary"),
        (["compare", "circles", "--models", "mlp,mlp"], "model 'mlp' is named twice; expected every model once"),
        (["compare", "circles", "--optimizers", "sgd,adan"], "unknown optimizer 'adan'; did you mean 'adam'"),
        (["compare", "circles", "--optimizers", "sgd,sgd"], "optimizer 'sgd' is named twice; expected every optimizer once"),
        (["compare", "circles", "--schedules", "cosin"], "unknown schedule 'cosin'; did you mean 'cosine'?"),
        (["compare", "circles", "--optimizers", "lbfgs", "--schedules", "cosine"], "no learning rate to schedule"),
        (["compare", "circles", "--models", "mlp,knn", "--optimizers", "sgd,adam"], "--optimizers 'sgd,adam'; expected one name"),
        (["compare", "circles", "--seeds", "few"], "seeds 'few'; expected a whole number of at least 1"),
        (["compare", "circles", "--time-limit", "soon"], "--time-limit 'soon'; expected a duration such as 90s, 5m or 2h"),
        (["compare", "circles", "--format", "xml"], "--format 'xml'; expected a known format"),
        (["compare", "circles", "--protocol", "unfair"], "protocol 'unfair'; expected fair or published"),
        (["compare", "nothing.csv", "--target", "y"], "no file 'nothing.csv'"),
        (["losses", "huberr"], "unknown loss 'huberr'; did you mean 'huber'?"),
        (["losses", "huber:delta=-1"], "expected a number in (0, inf)"),
        (["losses", "--task", "binari"], "unknown task 'binari'; did you mean 'binary'?"),
        (["losses", "--flag", "convexx"], "unknown flag 'convexx'; did you mean 'convex'?"),
        (["losses", "huber", "--flag", "convex"], "--flag beside the name of one loss"),
        (["losses", "--report", "x.html"], "--report without a loss"),
        (["losses", "huber", "--report", "."], "is a folder; expected the name of a file"),
        (["losses", "huber", "--library", "keraz"], "unknown library 'keraz'; did you mean 'keras'?"),
        (["data", "show", "nothing.csv"], "no file 'nothing.csv'"),
        (["runs", "list"], "no store 'lossmith.db'"),
        (["runs", "show"], "lossmith.db"),
        (["runs", "show", "first"], "Invalid value for '[ID]'"),
        (["runs", "export", "--format", "xls"], "--format 'xls'; expected a known format"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_two(lossmith, arguments, message):
    code, out, err = lossmith(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1
    assert message in err


def test_debug_shows_the_traceback(lossmith, monkeypatch):
    monkeypatch.setenv("LOSSMITH_DEBUG", "1")
    code, _, err = lossmith("losses", "huberr")
    assert code == 2
    assert err.startswith("Traceback") and err.splitlines()[-1].startswith("error: unknown loss")


def fail(error: BaseException):
    def raises(*_: object, **__: object) -> None:
        raise error

    return raises


def test_a_fault_is_one_line_that_asks_for_a_report(lossmith, monkeypatch):
    monkeypatch.setattr("lossmith.data.load", fail(ZeroDivisionError("by\nzero")))
    code, out, err = lossmith("data", "show", "circles")
    assert (code, out) == (70, "")
    assert err.startswith("lossmith failed: ZeroDivisionError: by zero; this is a fault of lossmith")
    assert err.count("\n") == 1 and "lossmith doctor" in err
    monkeypatch.setenv("LOSSMITH_DEBUG", "1")
    assert "Traceback" in lossmith("data", "show", "circles")[2]


def test_a_message_with_line_breaks_stays_one_line(lossmith, monkeypatch):
    monkeypatch.setattr("lossmith.data.load", fail(DataError("column 'a\nb'", expected="one\nline")))
    assert lossmith("data", "show", "circles") == (2, "", "error: column 'a b'; expected one line\n")


def test_interrupting_is_exit_code_130(lossmith, monkeypatch):
    monkeypatch.setattr("lossmith.data.load", fail(KeyboardInterrupt()))
    code, out, err = lossmith("data", "show", "circles")
    assert (code, out, err) == (130, "", "interrupted\n")


def test_interrupting_a_comparison_says_how_to_go_on(lossmith, monkeypatch):
    monkeypatch.setattr("lossmith.compare.compare", fail(KeyboardInterrupt()))
    code, out, err = lossmith("compare", "circles", "--store", "my runs.db")
    assert (code, out) == (130, "")
    assert "`lossmith runs resume --store 'my runs.db'`" in err
    assert "`lossmith runs resume`" in lossmith("compare", "circles")[2]


def test_losses_as_a_table_and_as_json(lossmith):
    code, out, _ = lossmith("losses")
    from lossmith.losses import EVERY

    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(EVERY)
    records = json.loads(lossmith("losses", "--json")[1])
    assert [record["name"] for record in records] == list(EVERY)
    binary = json.loads(lossmith("losses", "--task", "binary", "--json")[1])
    assert {record["task"] for record in binary} == {"binary"} and 0 < len(binary) < len(records)


@pytest.mark.parametrize(
    ("flags", "some", "none"),
    [
        (["convex"], {"mean_squared_error", "hinge"}, {"brier", "tukey_biweight"}),
        (["not-convex", "robust"], {"brier", "tukey_biweight"}, {"mean_squared_error", "hinge"}),
        (["proper"], {"brier", "categorical_crossentropy"}, {"hinge", "binary_focal_crossentropy"}),
        (["strictly_proper"], {"brier"}, {"hinge"}),
        (["noise-symmetric"], {"categorical_mean_absolute_error", "tanh_hinge"}, {"categorical_crossentropy"}),
        (["Convex,not-smooth", "standard"], {"mean_absolute_error", "hinge"}, {"weston_watkins", "huber"}),
        (["soft-targets"], {"reverse_kl_divergence"}, {"kl_divergence"}),
        (["batch"], {"triplet", "auc_logistic"}, {"kl_divergence"}),
    ],
)
def test_losses_by_flag(lossmith, flags, some, none):
    given = [text for flag in flags for text in ("--flag", flag)]
    names = {record["name"] for record in json.loads(lossmith("losses", "--json", *given)[1])}
    assert some <= names and not none & names


def test_losses_by_task_and_flag_may_be_none(lossmith):
    assert lossmith("losses", "--task", "ordinal", "--flag", "noise-symmetric") == (0, "no loss has all of that\n", "")


def test_one_loss_says_everything(lossmith, tmp_path):
    _, out, _ = lossmith("losses", "huber:delta=2.5")
    assert out.startswith("huber:delta=2.5\n")
    for word in (
        "use it",
        "not if",
        "gradient",
        "head",
        "targets",
        "2.5, from (0, inf)",
        "keras.losses.Huber(delta=2.5)",
        "torch.nn.HuberLoss(delta=2.5)",
        "SGDRegressor",
        # slopes 2.5 at a distance of 10, 1 at a distance of 1
        "A target 10 units off pulls 2.5 times as hard as one 1 unit off; further out the pull stays the same.",
    ):
        assert word in out
    assert "SGDRegressor" not in lossmith("losses", "huber", "--library", "torch")[1]
    page = tmp_path / "huber.html"
    assert f"page  {page}" in lossmith("losses", "huber", "--report", str(page))[1]
    assert "<svg" in page.read_text(encoding="utf-8") and "pulls 1 times" in page.read_text(encoding="utf-8")
    assert lossmith("losses", "huber", "--report", str(page), "--quiet") == (0, "", "")
    assert "torch.nn.HuberLoss" in lossmith("losses", "huber", "--library", "torch")[1]
    record = json.loads(lossmith("losses", "Huber", "--json")[1])
    assert record["parameters"]["delta"] == {"value": 1, "default": 1, "interval": "(0, inf)",
                                             "meaning": record["parameters"]["delta"]["meaning"]}  # fmt: skip
    assert record["code"]["keras"].startswith("import keras")


def test_data_sets(lossmith):
    names = {record["name"] for record in json.loads(lossmith("data", "list", "--json")[1])}
    assert {"circles", "blobs", "regression", "worms", "iris", "wine", "breast_cancer", "digits", "diabetes"} <= names
    assert "circles" in lossmith("data", "list")[1]


def test_what_is_decided_about_a_file(lossmith, tmp_path):
    rows = "".join(f"{index},{index % 3},{'yes' if index % 2 else 'no'}\n" for index in range(30))
    (tmp_path / "people.csv").write_text(f"id,size,y\n{rows}")
    code, out, _ = lossmith("data", "show", "people.csv", "--target", "y")
    assert code == 0 and "30 rows" in out and "binary, no: 15, yes: 15" in out
    shown = json.loads(lossmith("data", "show", "people.csv", "--target", "y", "--json")[1])
    assert shown["classes"] == {"no": 15, "yes": 15} and shown["n_samples"] == 30
    assert [column["name"] for column in shown["columns"]] == ["id", "size", "y"]


def test_doctor(lossmith, monkeypatch, tmp_path):
    monkeypatch.setenv("LOSSMITH_CACHE", str(tmp_path / "cache"))
    code, out, _ = lossmith("doctor")
    assert code == 0 and f"lossmith  {__version__}" in out
    facts = json.loads(lossmith("doctor", "--json")[1])
    assert facts["backend"] == "jax" and facts["devices"] and facts["cores"] >= 1
    assert facts["packages"]["keras"] and not facts["store"]["exists"]


def process(*arguments: str, **options):
    environment = {key: value for key, value in os.environ.items() if key not in ("KERAS_BACKEND", "LOSSMITH_DEBUG")}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=120,
        **options,
    )


HEAVY = {"jax", "keras", "matplotlib", "numpy", "polars", "scipy", "sklearn", "jinja2", "optax"}


@pytest.mark.parametrize("arguments", [["--help"], ["compare", "--help"], ["--version"], ["nonsense"]])
def test_help_and_mistakes_load_nothing_heavy(arguments):
    code = (
        "import sys, json\n"
        "from lossmith.cli import main\n"
        f"try:\n    main({arguments!r})\n"
        "except SystemExit:\n    pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = process("-c", code)
    assert HEAVY & set(json.loads(done.stderr.splitlines()[-1])) == set()


def test_the_module_is_the_program():
    assert process("-m", "lossmith", "--version").stdout == f"lossmith {__version__}\n"


def test_a_reader_that_goes_away_is_no_fault():
    shell = f"{sys.executable} -m lossmith losses --json | head -n 1"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr) == ("[\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion(shell):
    environment = os.environ | {"_LOSSMITH_COMPLETE": f"source_{shell}"}
    code = "import sys; sys.argv = ['lossmith']; from lossmith.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0 and "lossmith" in done.stdout


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90.0), ("90s", 90.0), ("1.5m", 90.0), ("2 h", 7200.0), ("5MIN", 300.0), (None, None)]
)
def test_durations(text, expected):
    assert options.seconds(text, option="--time-limit") == expected


@pytest.mark.parametrize("text", ["", "0", "-5", "5 days", "m", "1e3"])
def test_what_is_no_duration(text):
    with pytest.raises(options.InvalidInputError, match="--time-limit"):
        options.seconds(text, option="--time-limit")
