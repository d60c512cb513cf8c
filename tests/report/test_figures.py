"""Figures: what is drawn is what the record says, on axes passed in or created, without global state."""

from __future__ import annotations

import sys
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lossmith import _views
from lossmith._errors import InvalidInputError
from lossmith.compare._spec import Curve
from lossmith.report import _curves, _palette, _seeds, figures


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def offsets(ax, kind):
    return np.concatenate(
        [c.get_offsets() for c in ax.collections if str(c.get_gid() or "").endswith(kind)] or [np.empty((0, 2))]
    )


@pytest.mark.parametrize("paper, colors", [("light", _palette.LIGHT), ("dark", _palette.DARK)])
def test_every_series_is_seen_on_its_paper(paper, colors):
    for name in (*_palette.SERIES, "bad", "ink", "soft"):
        least = 4.5 if name in ("ink", "soft", "bad") else 3.0  # text and graphics, WCAG AA
        assert contrast(colors[name], colors["paper"]) >= least, (paper, name)
        if name in ("ink", "soft"):
            assert contrast(colors[name], colors["band"]) >= 3.0


def deficient(color: str, matrix: np.ndarray) -> np.ndarray:
    """A colour as people with a colour deficiency see it (Machado 2009, severity 1, linear RGB)."""
    channels = np.array([int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return np.clip(matrix @ linear, 0, 1)


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    ],
    ids=["protanopia", "deuteranopia", "tritanopia"],
)
@pytest.mark.parametrize("colors", [_palette.LIGHT, _palette.DARK], ids=["light", "dark"])
def test_the_first_four_losses_differ_for_any_colour_vision(matrix, colors):
    seen = [deficient(colors[name], np.array(matrix)) for name in _palette.SERIES[:4]]
    gaps = [np.abs(one - other).max() for place, one in enumerate(seen) for other in seen[:place]]
    assert min(gaps) > 0.05


def test_in_grey_marker_and_dash_tell_series_apart():
    looks = [(_palette.style(place).marker, str(_palette.style(place).dash)) for place in range(30)]
    assert len(set(looks)) == 30
    assert len({_palette.style(place).marker for place in range(11)}) == 11


def test_a_loss_has_one_colour_in_every_figure(circles):
    styles = _palette.losses(circles)
    forest, strip = figures.forest(circles), figures.strip(circles)
    panels = {ax.get_title(loc="left"): ax for ax in figures.curves(circles)}
    diagrams = {ax.get_title(loc="left").rstrip("*"): ax for ax in figures.reliability(circles)}
    for row, standing in enumerate(circles.standings[:4]):
        wanted = mpl.colors.to_rgba(styles[standing.loss].color)
        for ax in (forest, strip):
            drawn = [line for line in ax.lines if len(line.get_ydata()) == 1 and line.get_ydata()[0] == row - 0.12]
            assert [mpl.colors.to_rgba(line.get_color()) for line in drawn] == [wanted] * len(drawn) != []
        assert wanted in [mpl.colors.to_rgba(line.get_color()) for line in panels[standing.loss].lines]
        assert wanted in [mpl.colors.to_rgba(line.get_color()) for line in diagrams[standing.loss].lines]


def test_forest_draws_interval_band_and_every_seed(circles):
    ax = figures.forest(circles)
    band = next(patch for patch in ax.patches if patch.get_gid() == "equivalence-band")
    assert band.get_extents().transformed(ax.transData.inverted()).intervalx == pytest.approx([-0.01, 0.01])
    hinge = circles.standings[4].difference
    spans = [line.get_xdata() for line in ax.lines if list(line.get_ydata()) == [4 - 0.12] * 2]
    assert np.allclose(spans, [[hinge.low, hinge.high]] * len(spans)) and spans
    drawn = sum(len(offsets(ax, kind)) for kind in ("-seeds", "-collapsed", "-left", "-right"))
    assert drawn == 9 * 30 - 1  # nine losses against the best, one seed diverged
    assert len(offsets(ax, "-left")) == 2  # the collapsed ones lie far outside, and are drawn at the edge


def test_differences_are_paired_by_seed_and_oriented(make_comparison):
    comparison = make_comparison(task="regression", n_losses=3, n_seeds=6, collapsed=0)
    trials = comparison.trials.filter(comparison.trials["chosen"])
    column = "root_mean_squared_error"
    values = {
        label: dict(trials.filter(trials["loss"] == label).select("seed", column).iter_rows())
        for label in ("huber", "mean_absolute_error")
    }
    gap = _seeds.differences(comparison, comparison.standings[2])
    expected = [values["huber"][seed] - values["mean_absolute_error"][seed] for seed in range(6)]  # lower is better
    assert gap.value == pytest.approx(expected)
    assert gap.seed.tolist() == list(range(6))
    assert gap.value.mean() == pytest.approx(comparison.standings[2].difference.mean)
    shuffled = replace(comparison, trials=comparison.trials.sample(fraction=1.0, shuffle=True, seed=1))
    assert _seeds.differences(shuffled, shuffled.standings[2]).value == pytest.approx(expected)


def test_a_loss_trained_as_another_shows_the_other_ones_runs(make_comparison):
    comparison = make_comparison(task="multiclass", n_losses=2, n_seeds=4)
    without = replace(comparison, trials=comparison.trials.filter(comparison.trials["loss"] != "kl_divergence"))
    own = _seeds.of_loss(without, without.standings[1])
    assert own.value == pytest.approx(_seeds.of_loss(comparison, comparison.standings[0]).value)


def test_strip_draws_baselines_and_every_seed(circles):
    ax = figures.strip(circles)
    vertical = sorted(line.get_xdata()[0] for line in ax.lines if list(line.get_ydata()) == [0, 1])
    assert vertical == pytest.approx(sorted(row.metrics["accuracy"].mean for row in circles.baselines))
    drawn = sum(len(offsets(ax, kind)) for kind in ("-seeds", "-collapsed"))
    assert drawn == 10 * 30 - 1
    assert len(offsets(ax, "-collapsed")) == 2


def test_curves_draw_median_band_seeds_and_failures(circles):
    axes = figures.curves(circles)
    assert len(axes) == 10
    hinge = axes[4]
    curve = next(curve for curve in circles.curves if curve.loss == "hinge")
    dashed = [line for line in hinge.lines if str(line.get_gid()).startswith("curve") and line.get_linestyle() == "--"]
    assert len(dashed) == 2  # the collapsed seeds
    assert sum(str(line.get_gid()).startswith("curve-") for line in hinge.lines) == 30
    thick = next(line for line in hinge.lines if line.get_linewidth() == 2)
    assert thick.get_ydata() == pytest.approx(np.median(curve.values, axis=0))
    assert hinge.collections  # the band


def test_other_quantities_draw_failures_only(circles):
    axes = figures.curves(circles, name="train_loss", each=False)
    assert sum(str(line.get_gid()).startswith("curve-") for line in axes[4].lines) == 2
    assert sum(str(line.get_gid()).startswith("curve-") for line in axes[0].lines) == 0


@pytest.mark.parametrize("n_seeds, n_points", [(30, 200), (100, 5_000), (400, 500)])
def test_a_panel_never_holds_more_than_2000_points(make_comparison, n_seeds, n_points):
    comparison = make_comparison(n_losses=1, n_seeds=3)
    values = np.random.default_rng(0).random((n_seeds, n_points))
    long = replace(comparison, curves=(Curve("binary_crossentropy", "train_loss", np.arange(n_points), values),))
    lines = [line for line in figures.curves(long)[0].lines if str(line.get_gid()).startswith("curve-")]
    assert 0 < sum(len(line.get_xdata()) for line in lines) <= 2_000


def test_binning_keeps_means_and_gaps():
    values = np.array([[1.0, 3.0, 5.0, 7.0], [np.nan, 4.0, np.nan, np.nan]])
    binned = _curves.binned(values, 2)
    assert binned[0].tolist() == [2.0, 6.0] and binned[1, 0] == 4.0 and np.isnan(binned[1, 1])
    assert _curves.binned(values, 4) is values


def test_one_diverging_seed_does_not_flatten_the_others(make_comparison):
    comparison = make_comparison(n_losses=1, n_seeds=3)
    values = np.full((300, 50), 0.8) + np.linspace(0, 0.1, 50)
    values[7] = 1e6
    values[8, 3:] = np.inf
    axes = figures.curves(replace(comparison, curves=(Curve("a", "validation_loss", np.arange(50), values),)))
    low, high = axes[0].get_ylim()
    assert low < 0.8 and 0.9 < high < 2


def test_reliability_and_boundaries_show_what_is_given(circles):
    diagram, boundary = circles.reliability[2], circles.boundaries[2]
    ax = figures.reliability(circles)[2]
    line = next(line for line in ax.lines if len(line.get_xdata()) == len(diagram.predicted))
    assert line.get_ydata() == pytest.approx(diagram.observed)
    region = figures.boundaries(circles)[2]
    assert region.get_xlim() == pytest.approx((boundary.x.min(), boundary.x.max()))
    points = np.concatenate([c.get_offsets() for c in region.collections if len(c.get_offsets()) > 1])
    assert len(points) == 200  # of 400: ten panels share 2,000
    assert {tuple(point) for point in points.round(9)} <= {tuple(point) for point in boundary.points.round(9)}


def test_multiclass_regions_have_a_colour_for_each_class(make_comparison, circles):
    comparison = make_comparison(task="multiclass", n_losses=1, n_seeds=3)
    boundary = replace(circles.boundaries[0], value=np.digitize(circles.boundaries[0].value, [0.3, 0.6]).astype(float))
    boundary = replace(boundary, labels=boundary.labels + (boundary.points[:, 0] > 0))
    ax = figures.boundaries(replace(comparison, boundaries=(boundary,)))[0]
    assert len({tuple(color) for c in ax.collections for color in c.get_facecolor()[:, :3]}) == 3


def test_regression_regions(make_comparison, circles):
    comparison = make_comparison(task="regression", n_losses=1, n_seeds=3)
    flat = replace(circles.boundaries[0], value=np.zeros_like(circles.boundaries[0].value))
    assert len(figures.boundaries(replace(comparison, boundaries=(circles.boundaries[0], flat)))) == 2


def test_balance_counts_rows(circles):
    ax = figures.balance(circles)
    assert sorted(patch.get_width() for patch in ax.patches) == [500, 500]
    assert any("500 rows, 50.0%" in text.get_text() for text in ax.texts)


def test_balance_of_many_classes_adds_up(circles):
    names, counts = tuple(f"class {place}" for place in range(60)), tuple(range(1, 61))
    many = replace(circles, data=replace(circles.data, class_names=names, class_counts=counts))
    ax = figures.balance(many)
    assert len(ax.patches) == 20 and sum(patch.get_width() for patch in ax.patches) == sum(counts)


def test_figures_are_drawn_where_asked(circles):
    figure = Figure()
    ax = figure.subplots()
    assert figures.forest(circles, ax=ax) is ax and figures.strip(circles, ax=figure.add_subplot()).figure is figure
    grid = Figure().subplots(3, 4)
    assert figures.curves(circles, axes=grid) == list(grid.ravel()[:10])
    with pytest.raises(InvalidInputError, match="3 axes; expected 10 axes"):
        figures.reliability(circles, axes=Figure().subplots(1, 3))


def test_no_global_state(circles):
    before, loaded = dict(mpl.rcParams), "matplotlib.pyplot" in sys.modules  # another test may have loaded it
    figures.forest(circles)
    _views.view(circles, "plot")
    assert dict(mpl.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == loaded


def test_nothing_to_draw_is_no_error(empty_figures):
    assert (
        figures.curves(empty_figures) == [] == figures.reliability(empty_figures) == figures.boundaries(empty_figures)
    )


@pytest.mark.parametrize(
    "options",
    [{"n_losses": 1, "n_seeds": 1, "n_rates": 1}, {"task": "regression", "n_losses": 5}, {"n_losses": 3, "n_seeds": 1}],
)
def test_every_shape_can_be_drawn(make_comparison, options):
    comparison = make_comparison(**options)
    for draw in (figures.forest, figures.strip):
        FigureCanvasAgg(draw(comparison).figure).draw()


def test_names_are_no_formulas_and_need_no_glyphs(make_comparison):
    ax = figures.forest(make_comparison(hostile=r"$\frac{1}{0", n_losses=2, n_seeds=3))
    FigureCanvasAgg(ax.figure).draw()
