"""JSON, CSV, Markdown and annotations carry the same content as the terminal."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from lossmith._errors import InvalidInputError
from lossmith.report import render
from lossmith.report.formats import FORMATS, as_json


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_names_every_loss_baseline_and_reason(circles, kind):
    content = render(circles, kind).replace("\\", "")
    for standing in circles.standings:
        assert standing.loss in content
    for word in ("majority", "mean_squared_logarithmic_error", "needs soft targets of full support"):
        assert word in content
    assert content.endswith("\n")


@pytest.mark.parametrize("kind", ["text", "json", "md", "github"])
def test_every_format_with_sentences_has_verdict_and_findings(circles, kind):
    content = render(circles, kind).replace("\\", "")
    assert circles.verdict in content
    assert all(finding.evidence in content for finding in circles.findings)


def test_json_numbers_are_the_record(circles):
    content = json.loads(render(circles, "json"), parse_constant=lambda name: pytest.fail(name))
    assert [row["metric"]["mean"] for row in content["standings"]] == [row.metric.mean for row in circles.standings]
    assert [row["verdict"] for row in content["standings"]][:2] == ["best", "equivalent"]
    assert content["standings"][4]["n_finished"] == 28
    assert content["data"]["majority_rate"] == 0.5
    assert content["settings"]["learning_rates"] == list(circles.settings.learning_rates)
    assert content["standings"][0]["rates"] == {f"{rate:g}": n for rate, n in circles.standings[0].rates.items()}


def test_json_has_null_where_there_is_no_number(make_comparison):
    content = json.loads(render(make_comparison(n_losses=2, n_seeds=1), "json"))
    assert content["standings"][0]["metric"]["low"] is None


@pytest.mark.parametrize(
    "value, expected",
    [
        (float("inf"), None),
        (np.float32(0.5), 0.5),
        (np.array([[1, 2]]), [[1, 2]]),
        ({0.1: True}, {"0.1": True}),
        ((None, "a"), [None, "a"]),
        (np.float64("nan"), None),
    ],
)
def test_as_json(value, expected):
    assert as_json(value) == expected


def test_csv_reads_back(circles):
    rows = list(csv.DictReader(io.StringIO(render(circles, "csv"))))
    losses = [row for row in rows if row["kind"] == "loss"]
    assert [float(row["mean"]) for row in losses] == [row.metric.mean for row in circles.standings]
    assert losses[0]["difference"] == "" and losses[0]["verdict"] == "best"
    assert float(losses[1]["difference_low"]) == circles.standings[1].difference.low
    assert [row["name"] for row in rows if row["kind"] == "baseline"] == ["majority", "logistic", "gradient boosting"]
    assert [row["outside"] for row in rows if row["kind"] == "not applicable"] == ["0.514", ""]


def test_csv_cells_are_no_formulas(make_comparison):
    comparison = make_comparison(hostile='=HYPERLINK("x")', n_losses=2, n_seeds=3)
    names = [row["name"] for row in csv.DictReader(io.StringIO(render(comparison, "csv")))]
    assert '\'=HYPERLINK("x")' in names and not any(name.startswith("=") for name in names)


def test_markdown_table_has_one_width_whatever_the_names(make_comparison):
    content = render(make_comparison(hostile="a|b<img src=x>\n`", n_losses=3, n_seeds=4), "md")
    table = [line for line in content.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    prose = content.split("```")[0]
    assert not re.search(r"(?<!\\)<", prose)


def test_annotations_follow_the_severity(circles):
    lines = render(circles, "github").splitlines()
    assert lines[0] == f"::notice title=lossmith::{circles.verdict}"
    assert [line.split("::")[1] for line in lines[1:4]] == [
        "warning title=LS104",
        "warning title=LS108",
        "notice title=LS112",
    ]


def test_a_name_cannot_command_the_runner(make_comparison):
    name = "::set-output name=x::y\n::error::z##[command]"
    content = render(make_comparison(hostile=name, n_losses=2, n_seeds=3), "github")
    commands = [line for line in content.splitlines() if line.lstrip().startswith("::")]
    assert len(commands) == 5  # the verdict and four findings
    after = content.split("\ndata ")[1]
    assert "::" not in after and "##[" not in after


def test_percent_signs_are_escaped_in_annotations(circles):
    assert "50%25 " in render(replace(circles, verdict="50% of it"), "github").splitlines()[0]


def test_unknown_format(circles):
    with pytest.raises(InvalidInputError, match="did you mean 'json'"):
        render(circles, "jsn")
