"""What the page says, as plain text in plain records: the template adds the markup and escapes everything."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from lossmith.compare._spec import Baseline, Comparison, Estimate, Standing
from lossmith.report import _numbers as numbers
from lossmith.report import _palette as palette
from lossmith.report import _wording as wording
from lossmith.report._quantities import find, quantity
from lossmith.report.formats import as_json

__all__ = [
    "Line",
    "Mini",
    "every_run",
    "facts",
    "leaderboard",
    "measured",
    "metric_names",
    "runs",
    "settings_json",
    "statistics",
]

_MOST_RUNS = 5_000  # of the full table; more would cost megabytes
_MINI_WIDTH = 132.0


@dataclass(frozen=True, slots=True)
class Mini:
    """A paired difference as a small picture: places on a line `width` long, None where there is nothing to draw."""

    width: float
    zero: float
    band: tuple[float, float]
    interval: tuple[float, float] | None
    mean: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the leaderboard of the page; texts, and numbers to sort by."""

    rank: int
    tie: str
    loss: str
    token: str
    shared: str
    value: float
    mean: str
    interval: str
    gap: float
    difference: str
    gap_interval: str
    mini: Mini
    word: str
    price: str
    seeds: str
    failed: bool
    rate: float
    rates: str
    ece: str
    accuracy: str
    configured: str


def leaderboard(comparison: Comparison) -> list[Line]:
    """Return the lines of the leaderboard, best first."""
    styles = palette.losses(comparison)
    ranks = [standing.rank for standing in comparison.standings]
    span = _span(comparison)
    return [_line(comparison, place, ranks, styles, span) for place in range(len(ranks))]


def _line(
    comparison: Comparison,
    place: int,
    ranks: Sequence[int],
    styles: Mapping[str, palette.Style],
    span: tuple[float, float],
) -> Line:
    row = comparison.standings[place]
    mean, interval = numbers.estimate(row.metric)
    difference, gap_interval = numbers.difference(row.difference) if row.difference else ("", "")
    above, below = ranks[:place][-1:] == [row.rank], ranks[place + 1 : place + 2] == [row.rank]
    word, _, price = wording.verdict(row).partition(", ")
    ece, accuracy = find(row.metrics, "ece"), find(row.metrics, "accuracy")
    return Line(
        rank=row.rank,
        tie={(False, True): "first", (True, True): "middle", (True, False): "last"}.get((above, below), ""),
        loss=wording.plain(row.loss),
        token=styles[row.loss].token,
        shared=wording.plain(row.same_as) if row.same_as else "",
        value=row.metric.mean,
        mean=mean,
        interval=interval,
        gap=row.difference.mean if row.difference else 0.0,
        difference=difference,
        gap_interval=gap_interval,
        mini=_mini(row, comparison.settings.margin, span),
        word=word,
        price=price,
        seeds=wording.seeds(row),
        failed=bool(row.n_failed),
        rate=row.learning_rate,
        rates=wording.tried(row),
        ece=(numbers.estimate(ece)[0] + ("*" if row.calibrated else "")) if ece else "",
        accuracy=numbers.estimate(accuracy)[0] if accuracy else "",
        configured=numbers.estimate(row.configured)[0] if row.configured else "",
    )


def _span(comparison: Comparison) -> tuple[float, float]:
    margin = comparison.settings.margin
    ends = [-1.3 * margin, 1.3 * margin, 0.0]
    for row in comparison.standings:
        if row.difference is not None:
            ends += [
                end for end in (row.difference.low, row.difference.high, row.difference.mean) if math.isfinite(end)
            ]
    low, high = min(ends), max(ends)
    room = 0.03 * (high - low or 1.0)
    return low - room, high + room


def _mini(row: Standing, margin: float, span: tuple[float, float]) -> Mini:
    def place(value: float) -> float:
        return round(_MINI_WIDTH * (value - span[0]) / (span[1] - span[0]), 1)

    gap = row.difference
    interval = mean = None
    if gap is not None and math.isfinite(gap.mean):
        mean = place(gap.mean)
        interval = (place(gap.low), place(gap.high)) if math.isfinite(gap.low) and math.isfinite(gap.high) else None
    elif gap is None:
        mean = place(0.0)
    return Mini(_MINI_WIDTH, place(0.0), (place(-margin), place(margin)), interval, mean)


def facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Return what stands above the fold beside the verdict: label and text."""
    data, settings = comparison.data, comparison.settings
    protocol = {
        "fair": "fair: rates chosen on validation rows, judged on test rows that no choice saw, paired by seed",
        "published": "published: as the sources did it, test rows used for validation, nothing tuned",
    }[settings.protocol]
    took = f", {wording.seconds(comparison.seconds)}" if comparison.seconds else ""
    return [
        ("Data", f"{wording.plain(data.name)}: {wording.data_line(comparison)}"),
        ("Model", wording.plain(wording.model_line(comparison))),
        ("Runs", wording.plan_line(comparison).rpartition(",")[0] + took),
        ("Protocol", protocol),
    ]


def metric_names(comparison: Comparison) -> list[str]:
    """Return every metric of the comparison, the judged one first."""
    measured_by = [row.metrics for row in comparison.standings] + [row.metrics for row in comparison.baselines]
    return list(dict.fromkeys([comparison.settings.metric, *(name for names in measured_by for name in names)]))


def measured(comparison: Comparison, names: Sequence[str]) -> list[tuple[str, list[tuple[float, str, str]]]]:
    """Return every metric of every loss and baseline: name, then value, mean and interval of each metric."""
    rows: list[tuple[str, list[tuple[float, str, str]]]] = []
    every: list[Standing | Baseline] = [*comparison.standings, *comparison.baselines]
    for row in every:
        label = row.loss if isinstance(row, Standing) else row.name
        judged = row.metric if isinstance(row, Standing) else None
        found = [find(row.metrics, name) or (judged if place == 0 else None) for place, name in enumerate(names)]
        rows.append((wording.plain(label), [_cell(value) for value in found]))
    return rows


def _cell(value: Estimate | None) -> tuple[float, str, str]:
    return (value.mean, *numbers.estimate(value)) if value is not None else (math.nan, "–", "")


def statistics(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """Return what stands beside each verdict: p, Wilcoxon, bootstrap interval, improvement, seeds needed."""
    rows = []
    for standing in comparison.standings:
        gap = standing.difference
        if gap is None:
            continue
        places = numbers.decimals(gap.low, gap.high, gap.mean)
        needed = (
            "" if gap.verdict != "undecided" else numbers.whole(gap.seeds_needed) if gap.seeds_needed else "> 10,000"
        )
        cells = [_p(gap.p_value), _p(gap.wilcoxon_p)]
        cells += [
            numbers.interval(gap.bootstrap_low, gap.bootstrap_high, places),
            numbers.number(gap.improvement, 2),
            needed,
        ]
        rows.append((wording.plain(standing.loss), cells))
    return rows


def _p(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def runs(comparison: Comparison) -> tuple[list[str], list[list[tuple[Any, str]]]]:
    """Return the chosen run of every loss and seed: column names, and cells of value and text."""
    trials = comparison.trials
    if "chosen" not in trials.columns:
        return [], []
    kept = trials.filter(pl.col("chosen")).drop("chosen")
    rows = [
        [(value if not isinstance(value, str) else None, _text(value)) for value in row] for row in kept.iter_rows()
    ]
    return [_heading(name) for name in kept.columns], rows


def _heading(name: str) -> str:
    part, _, rest = name.partition("_")
    if part == "validation":
        return f"validation {quantity(rest).label}"
    words = {"learning_rate": "rate", "best_epoch": "best epoch"}
    return words.get(name) or (name if name in ("loss", "seed", "status") else quantity(name).label)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}" if math.isfinite(value) else "–"
    return "–" if value is None else wording.plain(str(value))


def every_run(comparison: Comparison) -> str:
    """Return the whole table of trials as CSV; empty where it is too long for a page."""
    return numbers.as_csv(comparison.trials) if 0 < comparison.trials.height <= _MOST_RUNS else ""


def settings_json(comparison: Comparison) -> str:
    """Return all settings as JSON."""
    return json.dumps(as_json(comparison.settings), indent=2, ensure_ascii=False)
