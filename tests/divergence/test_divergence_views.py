"""Divergences drawn, written and typed: the numbers shown are those of the result, names stay text."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
import typer
from matplotlib.figure import Figure
from scipy import stats
from typer.testing import CliRunner

from lossmith import divergence as dv
from lossmith._errors import InvalidInputError, LossmithError
from lossmith.cli import divergence as commands
from lossmith.report import divergence as views

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def results() -> dict[str, object]:
    rng = np.random.default_rng(0)
    return {
        "table": dv.measure(dv.WORMS, [1 / 11] * 11),
        "infinite": dv.measure(dv.Pmf([0.5, 0.5, 0.0], name="<b>$p$</b>"), [0.5, 0.0, 0.5]),
        "laws": dv.measure(stats.t(5), stats.norm()),
        "survey": dv.survey(dv.WORMS, stats.binom(10, 0.544)),
        "counts": dv.approximate(dv.WORMS, ["binom", "randint", "poisson"]),
        "rows": dv.approximate(dv.Samples(rng.gamma(3, 2, 300)), ["gamma", "norm"]),
        "sweep": dv.sweep(dv.WORMS, "binom", np.linspace(0.4, 0.7, 31)),
        "closest": dv.closest_normals(dv.GaussianMixture([0.7, 0.3], [-3.0, 3.0], [1.0, 1.0])),
    }


NAMES = ("table", "infinite", "laws", "survey", "counts", "rows", "sweep", "closest")


@pytest.mark.parametrize("name", NAMES)
def test_every_result_is_drawn_written_and_told(results, name, tmp_path) -> None:
    result = results[name]
    ax = views.draw(result)
    assert ax.get_title(loc="left")
    page = views.as_html(result, now=NOW)
    assert page.startswith("<!DOCTYPE html>") and "http://" not in page and "https://" not in page
    assert "<b>$p$</b>" not in page
    # the verbs that every result has
    assert result.plot().get_title(loc="left") == ax.get_title(loc="left") and result.table().height
    json.loads(result.to_json())
    assert result.report(tmp_path / "own.html", now=NOW).read_text(encoding="utf-8") == page
    path = views.write(result, tmp_path / "page.html", now=NOW)
    assert path.read_text(encoding="utf-8") == page
    if name == "table":
        assert views.embedded(result, now=NOW).startswith("<iframe") and result._repr_html_().startswith("<iframe")
    text = views.as_text(result)
    assert views.sentence(result) in text
    assert all(len(line) <= 40 for line in views.as_text(result, width=40).splitlines() if not line.startswith("    "))


def test_contributions_are_the_bars(results) -> None:
    result = results["table"]
    figure = Figure()
    left, right = figure.subplots(1, 2)
    views.draw(result, ax=[left, right])
    heights = [bar.get_height() for bar in right.patches]
    np.testing.assert_allclose(heights, result.contributions.terms)
    assert sum(heights) == pytest.approx(result.value)
    np.testing.assert_allclose([bar.get_height() for bar in left.patches[:11]], result.contributions.p)


def test_an_infinite_contribution_is_marked(results) -> None:
    figure = Figure()
    axes = figure.subplots(1, 2)
    views.draw(results["infinite"], ax=axes)
    assert [text.get_text() for text in axes[1].texts] == ["∞"]


def test_curves_are_the_numbers(results) -> None:
    sweep = results["sweep"]
    lines = views.draw(sweep).get_lines()
    np.testing.assert_allclose(lines[0].get_ydata(), sweep.forward)
    assert lines[1].get_xdata()[0] == sweep.best_forward
    closest = results["closest"]
    curves = views.draw(closest).get_lines()
    assert np.trapezoid(curves[0].get_ydata(), curves[0].get_xdata()) == pytest.approx(1, abs=1e-3)
    assert curves[1].get_xdata()[int(np.argmax(curves[1].get_ydata()))] == pytest.approx(-3, abs=0.1)


def test_sweep_and_projections_are_right() -> None:
    found = dv.sweep(dv.WORMS, "binom", np.round(np.arange(0.4, 0.7, 0.001), 3))
    assert found.best_forward == 0.544
    assert found.forward.min() == pytest.approx(0.42734972, abs=5e-9)
    assert found.reverse[int(np.argmin(found.forward))] == pytest.approx(0.25195, abs=6e-6)
    mixture = dv.GaussianMixture([0.5, 0.5], [-4.0, 4.0], [1.0, 1.0])
    closest = dv.closest_normals(mixture)
    assert closest.forward == pytest.approx((0.0, math.sqrt(17)), abs=1e-9)
    assert abs(closest.reverse[0]) == pytest.approx(4.0, abs=0.05)
    normal = stats.norm(*closest.forward)
    assert closest.forward_divergence == pytest.approx(dv.measure(mixture, normal).value, rel=1e-9)
    # every other normal law is farther, in its direction
    for shift, size in ((0.3, 1.0), (-0.3, 1.0), (0.0, 1.1), (0.0, 0.9)):
        for way, (mean, deviation), least in (
            ("kl", closest.forward, closest.forward_divergence),
            ("reverse_kl", closest.reverse, closest.reverse_divergence),
        ):
            other = dv.measure(mixture, stats.norm(mean + shift, deviation * size), way)
            assert other.value >= least - 1e-6
    with pytest.raises(InvalidInputError, match="variance"):
        dv.closest_normals(stats.cauchy())
    with pytest.raises(InvalidInputError, match="density"):
        dv.closest_normals([0.5, 0.5])
    with pytest.raises(InvalidInputError, match="one parameter"):
        dv.sweep(dv.WORMS, "betabinom", [0.5])


def test_a_survey_holds_both_directions() -> None:
    found = dv.survey([0.5, 0.5], [0.9, 0.1], unit="bits")
    assert len(found.forward) == len(dv.DIVERGENCES)
    assert found["kl"].value == pytest.approx(float(dv.kl_divergence([0.5, 0.5], [0.9, 0.1], unit="bits")))
    table = found.table()
    rows = {row["divergence"]: row for row in table.to_dicts()}
    assert rows["kl_divergence"]["q || p"] == rows["reverse_kl_divergence"]["p || q"]
    laws = dv.survey(stats.norm(), stats.t(5))
    assert "squared_euclidean_distance" in laws.not_applicable and laws["tv"].value > 0
    json.loads(found.to_json())
    with pytest.raises(KeyError):
        dv.survey([1.0], [1.0], ["kl"])["js"]


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    commands.add(app)
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, LossmithError):
        return 2, str(result.exception)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_worms_on_the_command_line() -> None:
    code, text = run("divergence", "worms", "--names", "kl")
    assert code == 0 and "0.13668" in text and "0.42735" in text and "0.25195" in text
    code, text = run("divergence", "worms", "--names", "kl", "--json")
    plain = json.loads(text)
    assert plain[0]["forward"][0]["value"] == pytest.approx(0.13667971, abs=5e-9)
    code, text = run("approximate", "worms", "--candidates", "binom,randint")
    assert code == 0 and text.startswith("randint() is closest to worms")


def test_smoothing_reaches_the_built_in_data() -> None:
    _, text = run("divergence", "worms", "poisson(5)", "--names", "kl", "--smoothing", "laplace", "--json")
    p = [(count + 1) / 111 for count in (2, 3, 5, 14, 16, 15, 12, 8, 10, 8, 7)]
    expected = math.fsum(a * (math.log(a) - stats.poisson(5).logpmf(k)) for k, a in enumerate(p))
    assert json.loads(text)["forward"][0]["value"] == pytest.approx(expected)


def test_vectors_laws_and_files_on_the_command_line(tmp_path) -> None:
    _, text = run("divergence", "0.5,0.5", "0.25,0.75", "--names", "pearson", "--json")
    assert json.loads(text)["forward"][0]["value"] == pytest.approx(1 / 3)
    _, text = run("divergence", "1,1", "1,3", "--as", "counts", "--smoothing", "laplace", "--names", "kl", "--json")
    assert json.loads(text)["forward"][0]["value"] == pytest.approx(0.5 * math.log(1.5) + 0.5 * math.log(0.75))
    _, text = run("divergence", "norm(0, 1)", "norm(loc=1, scale=2)", "--names", "kl", "--unit", "bits", "--json")
    assert json.loads(text)["forward"][0]["value"] == pytest.approx((math.log(2) + 2 / 8 - 0.5) / math.log(2))
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"old": rng.normal(size=500), "new": rng.normal(1, 1, 500), "name": ["a"] * 500})
    frame.write_csv(tmp_path / "t.csv", separator=";")
    frame.write_parquet(tmp_path / "t.parquet")
    _, text = run("divergence", f"{tmp_path}/t.csv:old", f"{tmp_path}/t.parquet:new", "--names", "kl", "--json")
    assert json.loads(text)["forward"][0]["method"] == "nearest neighbours"
    report = tmp_path / "out" / "report.html"
    code, text = run("approximate", f"{tmp_path}/t.csv:new", "--candidates", "norm,laplace", "--report", str(report))
    assert code == 0 and report.exists() and "norm(" in text.splitlines()[0]
    code, text = run("divergence", "0.5,0.5", "1,0", "--names", "kl", "--outcomes")
    assert "p has mass at 1, where q has none" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["divergence", "missing.csv:x", "1"], "no file"),
        (["divergence", "nrm(0, 1)", "norm(0, 1)"], "did you mean 'norm'"),
        (["divergence", "norm(a)", "norm(0, 1)"], "parameters of norm"),
        (["divergence", "apples", "1"], "worms, numbers with commas"),
        (["divergence", "norm(0, 1)"], "expected two"),
        (["divergence", "1", "1", "--as", "count"], "did you mean 'counts'"),
        (["divergence", "0.5,0.4", "0.5,0.5"], "adds up to 0.9"),
        (["divergence", "1", "1", "--names", "kll"], "unknown divergence"),
        (["approximate", "worms", "--direction", "sideways"], "forward"),
        (["divergence", "0.5,0.5", "0.4,0.6", "--smoothing", "laplace"], "expected counts to smooth"),
        (["divergence", "worms", "--smoothing", "laplac"], "did you mean 'laplace'"),
        (["divergence", "norm(0, 1)", "poisson(3)"], "one space"),
    ],
)
def test_errors_are_one_line(arguments, words) -> None:
    code, text = run(*arguments)
    assert code == 2 and words in text and "\n" not in text.strip()


def test_columns_of_categories_are_counted(tmp_path) -> None:
    pl.DataFrame({"kind": ["a", "b", "a", None], "n": [1, 2, 3, 4]}).write_csv(tmp_path / "one.csv")
    pl.DataFrame({"kind": ["b", "b", "a", "c"]}).write_parquet(tmp_path / "two.parquet")
    # p = (2/3, 1/3, 0), q = (1/4, 1/2, 1/4) over a, b, c
    expected = 2 / 3 * math.log(8 / 3) + 1 / 3 * math.log(2 / 3)
    files = (f"{tmp_path}/one.csv:kind", f"{tmp_path}/two.parquet")
    _, text = run("divergence", *files, "--json")
    plain = json.loads(text)
    forward = {one["divergence"]: one["value"] for one in plain["forward"]}
    assert forward["kl_divergence"] == pytest.approx(expected) and forward["reverse_kl_divergence"] == "inf"
    assert "wasserstein_distance" in plain["not_applicable"]
    _, text = run("divergence", *files, "--names", "reverse_kl", "--smoothing", "laplace", "--json")
    # one more of each of a, b, c on both sides
    p, q = (3 / 6, 2 / 6, 1 / 6), (2 / 7, 3 / 7, 2 / 7)
    expected = math.fsum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
    assert json.loads(text)["forward"][0]["value"] == pytest.approx(expected)
    code, text = run("divergence", *files, "--as", "probabilities")
    assert code == 2 and "expected samples or counts" in text


def test_quiet_is_the_sentence() -> None:
    code, text = run("divergence", "0.5,0.5", "0.25,0.75", "--quiet")
    assert code == 0 and text == "kl_divergence: 0.14384 nats of q from p, 0.13081 nats the other way\n"


def test_columns_that_cannot_be_used(tmp_path) -> None:
    pl.DataFrame({"a": [1.0, 2.0], "c": [3.0, 4.0], "d": ["2020-01-01", "2020-01-02"]}).with_columns(
        pl.col("d").str.to_date()
    ).write_parquet(tmp_path / "t.parquet")
    for column, words in (("z", "one of: 'a', 'c'"), ("d", "one of: 'a', 'c'"), ("", "without a column")):
        code, text = run("divergence", f"{tmp_path}/t.parquet:{column}", "1")
        assert code == 2 and words in text, text
    (tmp_path / "dates.csv").write_text("x\n\n\n", encoding="utf-8")
    code, text = run("divergence", f"{tmp_path}/dates.csv", "1")
    assert code == 2 and "\n" not in text
