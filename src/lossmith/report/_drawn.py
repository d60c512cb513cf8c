"""The figures of a report: SVG with its title, description and data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from markupsafe import Markup
from matplotlib.axes import Axes

from lossmith.compare._spec import Comparison
from lossmith.report import _curves, _seeds, figures
from lossmith.report import _wording as wording
from lossmith.report._canvas import Titles, figure_of, flat
from lossmith.report._kept_figures import Drawn
from lossmith.report._numbers import as_csv
from lossmith.report._quantities import quantity
from lossmith.report.svg import svg

__all__ = ["drawn"]


def drawn(comparison: Comparison) -> dict[str, Drawn]:
    """Return the figures that this comparison has material for, by key."""
    label = quantity(comparison.settings.metric).label
    made: dict[str, Drawn] = {}

    def add(key: str, draw: Callable[..., Any], title: str, description: str, data: str = "", **options: Any) -> None:
        titles: Titles = {}
        if key not in ("boundaries", "balance"):
            options["titles"] = titles
        axes: list[Axes] = flat(draw(comparison, **options))
        if axes:
            picture = svg(figure_of(axes[0]), key=key, title=title, description=description, titles=titles)
            made[key] = Drawn(key, title, description, Markup(picture), data)  # noqa: S704 - ElementTree escapes

    if len(comparison.standings) > 1:
        add(
            "forest",
            figures.forest,
            f"Paired differences in test {label}",
            _forest(comparison),
            _differences(comparison),
        )
    if comparison.standings:
        add("strip", figures.strip, f"Test {label} by seed", _strip(comparison), _values(comparison))
    for place, name in enumerate(_curves.quantities(comparison)):
        title = f"Learning curves: {_curves.named(name)}"
        add(
            f"curves-{place}",
            figures.curves,
            title,
            _curve(comparison, name),
            _medians(comparison, name),
            name=name,
            each=place == 0,
        )
    if comparison.reliability:
        text = f"Observed against predicted frequency of {_listed(row.loss for row in comparison.reliability)}."
        add("reliability", figures.reliability, "Calibration", text, _bins(comparison))
    if comparison.boundaries:
        text = (
            f"Regions over {' and '.join(map(wording.plain, comparison.boundaries[0].names))}, one panel for each loss."
        )
        add("boundaries", figures.boundaries, "Decision regions", text)
    if comparison.data.class_counts:
        counts = zip(comparison.data.class_names, comparison.data.class_counts, strict=True)
        text = "Rows of each class: " + ", ".join(f"{wording.plain(name)} {count:,}" for name, count in counts) + "."
        add("balance", figures.balance, "Class balance", text)
    return made


def _listed(names: Any) -> str:
    return ", ".join(wording.plain(name) for name in names)


def _forest(comparison: Comparison) -> str:
    parts = [
        f"{wording.plain(row.loss)} {row.difference.mean:+.4g}, from {row.difference.low:+.4g} to {row.difference.high:+.4g}: {row.difference.verdict}"
        for row in comparison.standings
        if row.difference is not None
    ]
    return f"Equivalence band of ±{comparison.settings.margin:.3g}. " + "; ".join(parts) + "."


def _strip(comparison: Comparison) -> str:
    parts = [f"{wording.plain(row.loss)} {row.metric.mean:.4g}" for row in comparison.standings]
    return "Means: " + "; ".join(parts) + "."


def _curve(comparison: Comparison, name: str) -> str:
    ends = []
    for curve in comparison.curves:
        last = (
            curve.values[:, -1][np.isfinite(curve.values[:, -1])]
            if curve.quantity == name and curve.values.size
            else []
        )
        if len(last):
            ends.append(f"{wording.plain(curve.loss)} ends at {np.median(last):.4g}")
    return f"Median over the seeds: {'; '.join(ends)}." if ends else "No finite value."


def _by_seed(comparison: Comparison, pick: Callable[..., _seeds.Seeds], name: str) -> str:
    frames = []
    for standing in comparison.standings:
        own = pick(comparison, standing)
        if not own.seed.size:
            continue
        frames.append(
            pl.DataFrame(
                {
                    "loss": [standing.loss] * len(own.seed),
                    "seed": own.seed.astype(np.int64),
                    name: own.value,
                    "collapsed": own.collapsed,
                }
            )
        )
    return as_csv(pl.concat(frames)) if frames else ""


def _differences(comparison: Comparison) -> str:
    return _by_seed(comparison, _seeds.differences, "difference")


def _values(comparison: Comparison) -> str:
    return _by_seed(comparison, _seeds.of_loss, comparison.settings.metric)


def _medians(comparison: Comparison, name: str) -> str:
    frames = []
    for curve in comparison.curves:
        if curve.quantity == name:
            epochs, middle, low, high = _curves.summary(curve)
            columns = {
                "loss": [curve.loss] * len(epochs),
                "epoch": epochs,
                "median": middle,
                "decile_1": low,
                "decile_9": high,
            }
            frames.append(pl.DataFrame(columns))
    return as_csv(pl.concat(frames)) if frames else ""


def _bins(comparison: Comparison) -> str:
    frames = [
        pl.DataFrame(
            {
                "loss": [row.loss] * len(row.count),
                "predicted": np.asarray(row.predicted, dtype=float),
                "observed": np.asarray(row.observed, dtype=float),
                "rows": np.asarray(row.count, dtype=float).astype(np.int64),
            }
        )
        for row in comparison.reliability
    ]
    return as_csv(pl.concat(frames)) if frames else ""
