"""The leaderboard as columns of text, and the written order in which they are given up on a narrow terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from lossmith.compare._spec import Baseline, Comparison, Standing
from lossmith.report import _numbers as numbers
from lossmith.report import _wording as wording
from lossmith.report._quantities import find, majority_rate, quantity

__all__ = ["GIVEN_UP", "STYLES", "leaderboard"]

STYLES = {"best": "bold green", "better": "green", "worse": "red", "equivalent": "cyan", "undecided": "yellow"}

# what a narrow terminal loses, first to last; whatever is left out here is said below the table or stands in the report
GIVEN_UP = (
    "configured",
    "ece",
    "rate",
    "accuracy",
    "seeds",
    "price",
    "long names",
    "metric interval",
    "difference interval",
    "difference",
    "bracket",
    "unit",
)
_SHORT_LABEL, _SHORTEST_LABEL = 16, 8


@dataclass(frozen=True, slots=True)
class _Column:
    key: str
    header: str
    cells: Sequence[str]
    styles: Sequence[str] = field(default=())

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.header, *self.cells)), default=0)


def leaderboard(comparison: Comparison, width: int | None = None) -> tuple[list[Text], frozenset[str]]:
    """Return the lines of the table and the keys of `GIVEN_UP` that did not fit.

    Parameters
    ----------
    comparison : Comparison
    width : int or None
        Columns of the terminal; None keeps every column.
    """
    dropped: set[str] = set()
    columns = _columns(comparison, dropped)
    room = sys.maxsize if width is None else width
    for key in GIVEN_UP:
        if _total(columns) <= room:
            break
        dropped.add(key)
        columns = _columns(comparison, dropped)
        if "long names" in dropped:
            columns = _shorten(columns, _total(columns) - room, _SHORT_LABEL)
    columns = _shorten(columns, _total(columns) - room, _SHORTEST_LABEL)
    lines = [_line(columns, None)]
    lines += [_line(columns, row) for row in range(len(columns[0].cells))]
    return lines, frozenset(dropped)


def _total(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + len(_gap(columns[0])) + 2 * (len(columns) - 2)


def _gap(before: _Column) -> str:
    return " " if before.key == "rank" else "  "


def _shorten(columns: Sequence[_Column], excess: int, shortest: int) -> list[_Column]:
    shortened = []
    for column in columns:
        if column.key == "loss" and excess > 0:
            room = max(shortest, column.width - excess)
            column = _Column("loss", column.header, [_middle(cell, room) for cell in column.cells])
        shortened.append(column)
    return shortened


def _middle(label: str, room: int) -> str:
    """Keep both ends of a label: parameters at its end tell losses apart."""
    if cell_len(label) <= room:
        return label
    tail = (room - 1) // 2
    end = label[len(label) - tail :]
    while cell_len(end) > tail:
        end = end[1:]
    return set_cell_size(label, room - 1 - cell_len(end)) + "…" + end


def _line(columns: Sequence[_Column], row: int | None) -> Text:
    line = Text(no_wrap=True)
    for place, column in enumerate(columns):
        content = column.header if row is None else column.cells[row]
        style = "bold" if row is None else (column.styles[row] if column.styles else "")
        line.append(_gap(columns[place - 1]) if place else "")
        line.append(content, style=style)
        line.append(" " * (column.width - cell_len(content)))
    line.rstrip()
    return line


def _columns(comparison: Comparison, dropped: set[str]) -> list[_Column]:
    standings, baselines = comparison.standings, _judged(comparison)
    n_below = len(baselines) + bool(baselines)
    verdicts = [wording.verdict(standing, price="price" not in dropped) for standing in standings]
    columns = [
        _Column("rank", "", [*_ranks(standings, "bracket" not in dropped), *[""] * n_below]),
        _Column("loss", "loss", [*_labels(standings), *_baseline_labels(baselines)]),
        _metric_column(comparison, baselines, dropped),
    ]
    if "difference" not in dropped and any(standing.difference for standing in standings):
        cells = _differences(standings, "difference interval" not in dropped)
        columns.append(_Column("difference", "against best (paired)", [*cells, *[""] * n_below]))
    styles = [STYLES[verdict.partition(",")[0]] for verdict in verdicts]
    columns.append(_Column("verdict", "verdict", [*verdicts, *[""] * n_below], [*styles, *[""] * n_below]))
    if "seeds" not in dropped and any(standing.n_failed for standing in standings):
        failed = ["yellow" if standing.n_failed else "" for standing in standings]
        cells = [wording.seeds(standing) for standing in standings]
        columns.append(_Column("seeds", "finished", [*cells, *[""] * n_below], [*failed, *[""] * n_below]))
    if "rate" not in dropped:
        cells = numbers.align([numbers.rate(standing.learning_rate) for standing in standings])
        columns.append(_Column("rate", "rate", [*cells, *[""] * n_below]))
    optional: list[tuple[str, str, Callable[[Standing], str]]] = []
    if "ece" not in dropped and find({comparison.settings.metric: 1}, "ece") is None and _have(comparison, "ece"):
        optional.append(("ece", "ECE ↓", _ece))
    if "accuracy" not in dropped and comparison.settings.metric != "accuracy" and _have(comparison, "accuracy"):
        optional.append(("accuracy", _accuracy_header(comparison), _accuracy))
    if (
        "configured" not in dropped
        and len(comparison.settings.learning_rates) > 1
        and comparison.factors is None
        and any(row.configured for row in standings)
    ):
        header = f"at {numbers.rate(comparison.settings.learning_rate)}"
        optional.append(
            ("configured", header, lambda row: numbers.estimate(row.configured)[0] if row.configured else "–")
        )
    for key, header, cell in optional:
        columns.append(
            _Column(key, header, [*numbers.align([cell(standing) for standing in standings]), *[""] * n_below])
        )
    return columns


def _have(comparison: Comparison, metric: str) -> bool:
    return bool(comparison.standings) and all(find(row.metrics, metric) is not None for row in comparison.standings)


def _judged(comparison: Comparison) -> list[Baseline]:
    return [
        baseline for baseline in comparison.baselines if find(baseline.metrics, comparison.settings.metric) is not None
    ]


def _ranks(standings: Sequence[Standing], bracket: bool) -> list[str]:
    ranks = [standing.rank for standing in standings]
    wide = len(str(max(ranks, default=1)))
    cells = []
    for place, rank in enumerate(ranks):
        above = place > 0 and ranks[place - 1] == rank
        below = place + 1 < len(ranks) and ranks[place + 1] == rank
        mark = {(False, True): "┌", (True, True): "│", (True, False): "└"}.get((above, below), " ")
        cells.append(f"{rank:>{wide}}" + (f" {mark}" if bracket and len(set(ranks)) < len(ranks) else ""))
    return cells


def _labels(standings: Sequence[Standing]) -> list[str]:
    return [wording.plain(standing.loss) + (" =" if standing.same_as else "") for standing in standings]


def _baseline_labels(baselines: Sequence[Baseline]) -> list[str]:
    return ["baselines", *(f"  {wording.plain(baseline.name)}" for baseline in baselines)] if baselines else []


def _metric_column(comparison: Comparison, baselines: Sequence[Baseline], dropped: set[str]) -> _Column:
    with_interval = "metric interval" not in dropped
    metric = comparison.settings.metric
    estimates = [standing.metric for standing in comparison.standings]
    estimates += [value for baseline in baselines if (value := find(baseline.metrics, metric)) is not None]
    texts = [numbers.estimate(value) for value in estimates]
    means = numbers.align([mean for mean, _ in texts])
    cells = [
        f"{mean} {around}".rstrip() if with_interval else mean for mean, (_, around) in zip(means, texts, strict=True)
    ]
    if baselines:
        cells.insert(len(comparison.standings), "")
    shown = quantity(metric)
    header = f"{shown.label} {shown.arrow}" if "unit" in dropped else wording.metric_header(comparison)
    if metric == "accuracy" and not baselines:
        header += _beside(comparison)
    return _Column("metric", header, cells)


def _beside(comparison: Comparison) -> str:
    majority = majority_rate(comparison)
    return "" if majority is None else f" (majority {numbers.number(majority, 3, bare=True)})"


def _accuracy_header(comparison: Comparison) -> str:
    return f"accuracy {quantity('accuracy').arrow}{_beside(comparison)}"


def _differences(standings: Sequence[Standing], with_interval: bool) -> list[str]:
    texts = [numbers.difference(row.difference) if row.difference else ("", "") for row in standings]
    means = numbers.align([mean for mean, _ in texts])
    return [
        f"{mean} {around}".rstrip() if with_interval else mean for mean, (_, around) in zip(means, texts, strict=True)
    ]


def _accuracy(standing: Standing) -> str:
    value = find(standing.metrics, "accuracy")
    return numbers.estimate(value)[0] if value is not None else "–"


def _ece(standing: Standing) -> str:
    value = find(standing.metrics, "ece")
    return (numbers.estimate(value)[0] if value is not None else "–") + ("*" if standing.calibrated else "")
