"""A suggested command names what the user chose, leaves the rest out, and is the same comparison when it is typed."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from lossmith.cli._app import application
from lossmith.compare.run import plan_for
from lossmith.compare.summary import data_summary
from lossmith.compare.trials import Seats
from lossmith.report._commands import command, suggestion

FIELDS = (
    "losses",
    "model",
    "optimizer",
    "learning_rates",
    "epochs",
    "batch_size",
    "metric",
    "protocol",
    "noise",
    "seed",
)


class Result:
    """What the commands look at."""

    def __init__(self, plan):
        self.settings, self.data = plan.settings, data_summary(plan, Seats(plan))


@pytest.fixture(autouse=True)
def nothing_is_timed(monkeypatch):
    monkeypatch.setattr("lossmith.compare.run.estimate_seconds", lambda _plan: 1.0)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "my rows.csv"
    x, extra = rng.normal(size=(300, 2)), rng.integers(0, 5, 300)
    y = (x[:, 0] > 0).astype(int)
    lines = [f"{a:.4f},{b:.4f},{c},{d}" for (a, b), c, d in zip(x, extra, y, strict=True)]
    path.write_text("\n".join(["one,two,extra one,y", *lines]))
    return str(path)


def planned(words):
    """Return the settings of the plan behind a command line, as the command itself makes it."""
    done = CliRunner().invoke(application(), [*words[1:], "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["settings"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"losses": "bce,hinge", "epochs": 7, "seeds": 3},
        {"optimizer": "adam", "batch_size": 64, "noise": 0.1, "margin": 0.02},
        {"batch_size": 96, "learning_rates": "configured", "metric": "roc_auc", "seeds": "auto", "seed": 5},
        {"drop": ["extra one"], "model": "mlp:hidden=8"},
    ],
)
def test_typing_the_suggestion_is_the_same_comparison(rows, options):
    result = Result(plan_for(rows, target="y", **options))
    for line in (command(result), suggestion(result, {"--seeds": "4"})):
        there = planned(shlex.split(line))
        for field in FIELDS:
            value = getattr(result.settings, field)
            assert (
                there[field] == pytest.approx(value, rel=1e-4)
                if field == "learning_rates"
                else (there[field] == (list(value) if isinstance(value, tuple) else value))
            ), field
        assert there["margin"] == pytest.approx(result.settings.margin)
        assert there["extra"].get("read") == result.settings.extra.get("read")


def test_a_published_protocol_is_written_out():
    result = Result(plan_for("circles", protocol="published", epochs=5))
    words = shlex.split(suggestion(result, {"--seeds": "4"}))
    there = planned(words)
    assert "--losses" in words and there["seeds"] == 4
    for field in ("losses", "protocol", "epochs", "learning_rates"):
        assert there[field] == (list(value) if isinstance(value := getattr(result.settings, field), tuple) else value)


def test_what_was_not_chosen_is_left_out():
    result = Result(plan_for("circles"))
    assert suggestion(result, {"--seeds": "30"}) == "lossmith compare circles --seeds 30"
    other = replace(result.settings, epochs=9)
    result.settings = other
    assert suggestion(result, {"--seeds": "30"}) == "lossmith compare circles --epochs 9 --seeds 30"
