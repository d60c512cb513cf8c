"""The leaderboard for other programs: JSON, CSV, Markdown, annotations of GitHub Actions. Same content as the terminal."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from lossmith._errors import InvalidInputError, did_you_mean
from lossmith.compare._spec import Comparison, Estimate
from lossmith.report import _commands as commands
from lossmith.report import _numbers as numbers
from lossmith.report import _wording as wording
from lossmith.report._quantities import find, majority_rate
from lossmith.report._recipes import train_with
from lossmith.report.terminal import text

__all__ = ["FORMATS", "Format", "render"]

Format = Literal["text", "json", "csv", "md", "github"]
FORMATS: tuple[Format, ...] = ("text", "json", "csv", "md", "github")
_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


def render(comparison: Comparison, format: Format = "text", *, width: int | None = None) -> str:  # noqa: A002
    """Return the leaderboard in a format, ending with a newline.

    Parameters
    ----------
    comparison : Comparison
    format : {"text", "json", "csv", "md", "github"}
        `github` writes one annotation of GitHub Actions for the verdict and one for each finding, then the table.
    width : int or None
        Columns available, for "text" only; None keeps every column.

    Raises
    ------
    InvalidInputError
        Another format.

    Examples
    --------
    >>> import lossmith
    >>> result = lossmith.compare("circles", losses="bce", seeds=2, epochs=1, learning_rates="configured")
    >>> render(result, "csv").splitlines()[1].split(",")[:3]
    ['loss', '1', 'binary_crossentropy']
    """
    writers = {
        "text": lambda: text(comparison, width=width),
        "json": lambda: _json(comparison),
        "csv": lambda: _csv(comparison),
        "md": lambda: _markdown(comparison),
        "github": lambda: _github(comparison),
    }
    if format not in writers:
        raise InvalidInputError(f"format {format!r}", expected="a known format", advice=did_you_mean(format, writers))
    return writers[format]()


def as_json(value: Any) -> Any:
    """Return a record as plain JSON values: NaN and infinities become null, arrays lists.

    Examples
    --------
    >>> as_json({"a": float("nan"), "b": np.arange(2), "c": Estimate(1.0, 0.5, 1.5, 0.95, 3, 0.1)})["c"]["mean"]
    1.0
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {f"{key:g}" if isinstance(key, float) else str(key): as_json(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return as_json(value.tolist())
    if isinstance(value, list | tuple):
        return [as_json(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool) or value is None else str(value)


def _json(comparison: Comparison) -> str:
    standings = [
        as_json(row) | {"verdict": wording.verdict(row, price=False), "n_finished": row.n_seeds - row.n_failed}
        for row in comparison.standings
    ]
    content = {
        "kind": "comparison",
        "verdict": comparison.verdict,
        "data": as_json(comparison.data) | {"majority_rate": majority_rate(comparison)},
        "settings": as_json(comparison.settings),
        "standings": standings,
        **({} if comparison.factors is None else {"factors": as_json(comparison.factors)}),
        "baselines": as_json(comparison.baselines),
        "not_applicable": as_json(comparison.not_applicable),
        "findings": as_json(comparison.findings),
        "train_with": _train_with(comparison),
        "repeat": commands.command(comparison),
        "seconds": as_json(comparison.seconds),
        "run": comparison.run,
        "versions": as_json(comparison.versions),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _train_with(comparison: Comparison) -> str:
    if not comparison.standings:
        return ""
    return train_with(comparison.standings[0].loss, len(comparison.data.class_names))


_FIELDS = (
    "kind", "rank", "name", "metric", "mean", "low", "high", "n_seeds", "n_failed", "reference", "difference",
    "difference_low", "difference_high", "margin", "p_value", "verdict", "seeds_needed", "learning_rate", "calibrated", "same_as", "reason", "outside",
)  # fmt: skip


def _csv(comparison: Comparison) -> str:
    metric = comparison.settings.metric
    rows: list[dict[str, Any]] = []
    for standing in comparison.standings:
        row = {"kind": "loss", "rank": standing.rank, "name": standing.loss, **_mean(metric, standing.metric)}
        row |= {
            "n_seeds": standing.n_seeds,
            "n_failed": standing.n_failed,
            "verdict": wording.verdict(standing, price=False),
        }
        row |= {"learning_rate": standing.learning_rate, "calibrated": standing.calibrated, "same_as": standing.same_as}
        gap = standing.difference
        if gap is not None:
            row |= {"reference": gap.reference, "difference": gap.mean, "difference_low": gap.low}
            row |= {
                "difference_high": gap.high,
                "margin": gap.margin,
                "p_value": gap.p_value,
                "seeds_needed": gap.seeds_needed,
            }
        rows.append(row)
    for baseline in comparison.baselines:
        value = find(baseline.metrics, metric)
        if value is not None:
            rows.append({"kind": "baseline", "name": baseline.name, **_mean(metric, value)})
    for left_out in comparison.not_applicable:
        rows.append(
            {"kind": "not applicable", "name": left_out.loss, "reason": left_out.reason, "outside": left_out.outside}
        )
    stream = io.StringIO()
    writer = csv.DictWriter(stream, _FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return stream.getvalue()


def _mean(metric: str, value: Estimate) -> dict[str, Any]:
    return {"metric": metric, "mean": value.mean, "low": value.low, "high": value.high}


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"  # a spreadsheet would run it as a formula
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def _escape(content: str) -> str:
    marked = "".join(
        f"\\{character}" if character in "\\`*_{}[]<>|#!~&" else character for character in wording.plain(content)
    )
    return marked.replace("\\_", "_") if content.replace("_", "").isalnum() else marked


def _markdown(comparison: Comparison) -> str:
    metric = comparison.settings.metric
    header = [
        "rank",
        "loss",
        wording.metric_header(comparison),
        "interval",
        "against best (paired)",
        "interval",
        "verdict",
        "seeds",
        "rate",
    ]
    rows = []
    for row in comparison.standings:
        mean, around = numbers.estimate(row.metric)
        gap = numbers.difference(row.difference) if row.difference else ("", "")
        cells = [str(row.rank), _escape(row.loss), mean, around, *gap, wording.verdict(row), wording.seeds(row)]
        rows.append([*cells, numbers.rate(row.learning_rate)])
    for baseline in comparison.baselines:
        value = find(baseline.metrics, metric)
        if value is not None:
            rows.append(["", f"*{_escape(baseline.name)}*", *numbers.estimate(value), "", "", "baseline", "", ""])
    for left_out in comparison.not_applicable:
        share = f" ({left_out.outside:.1%} of the rows outside)" if left_out.outside is not None else ""
        rows.append(
            ["", _escape(left_out.loss), "", "", "", "", f"not applicable: {_escape(left_out.reason)}{share}", "", ""]
        )
    sides = ["---:", "---", "---:", "---", "---:", "---", "---", "---:", "---:"]
    table = [f"| {' | '.join(cells)} |" for cells in (header, sides, *rows)]
    lines = [
        f"**{_escape(comparison.verdict)}**",
        "",
        _escape(f"{comparison.data.name}: {wording.data_line(comparison)}"),
        "",
    ]
    lines += [f"{_escape(wording.model_line(comparison))}; {wording.plan_line(comparison)}", "", *table, ""]
    for code, found in wording.groups(comparison.findings):
        for finding in found:
            subject = f"{_escape(finding.subject)}: " if finding.subject else ""
            advice = f" ({_escape(finding.advice)})" if finding.advice else ""
            lines.append(f"- **{_escape(code)}** {finding.severity}: {subject}{_escape(finding.evidence)}{advice}")
    lines += ["", _escape(_train_with(comparison)), "", "```sh", commands.command(comparison), "```"]
    return "\n".join(lines) + "\n"


def _github(comparison: Comparison) -> str:
    lines = [_annotation("notice", "lossmith", comparison.verdict)]
    for code, found in wording.groups(comparison.findings):
        for finding in found:
            message = f"{finding.subject}: {finding.evidence}" if finding.subject else finding.evidence
            message += f" ({finding.advice})" if finding.advice else ""
            lines.append(_annotation(_LEVELS.get(finding.severity, "notice"), code, message))
    # a name must not be able to give commands to the runner
    table = text(comparison).replace("::", ": :").replace("##[", "## [")
    return "\n".join(lines) + "\n" + table


def _annotation(level: str, title: str, message: str) -> str:
    quoted = wording.plain(message).replace("%", "%25")
    heading = wording.plain(title).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={heading}::{quoted}"
