"""Views of a lint: findings with the corrected line for the terminal, a picture of the first step, one HTML page."""

from __future__ import annotations

import json
import os
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith.lint import CHECKS, LintResult
from lossmith.report import _wording as wording
from lossmith.report._files import write_made
from lossmith.report._frame import framed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["as_github", "as_html", "as_text", "draw", "embedded", "sentence", "write"]

_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


def sentence(result: LintResult) -> str:
    """Return the result in one sentence."""
    losses = ", ".join(dict.fromkeys(one.loss for one in result.measured))
    what = f"{result.model} with {losses} on {result.n_rows:,} rows"
    if result.clean:
        return f"{what}: nothing found"
    words = []
    for severity in ("error", "warning", "info"):
        count = sum(finding.severity == severity for finding in result.findings)
        if count:
            words.append(f"{count} {severity}{'s' * (count > 1)}")
    return f"{what}: {' and '.join(words)}"


def as_text(result: LintResult, *, width: int | None = None) -> str:
    """Return the sentence, then each finding with what was seen, why it matters and the line to write.

    Parameters
    ----------
    result : LintResult
    width : int or None
        Columns at which texts wrap; None keeps each on one line.
    """
    lines = [wording.plain(sentence(result))]
    for finding in result.findings:
        lines += ["", *_wrapped(finding.line(), width, "  "), *_wrapped(CHECKS[finding.code].why, width, "    ")]
        if finding.command:
            lines.append(f"    -> {wording.plain(finding.command)}")
    return "\n".join(lines) + "\n"


def _wrapped(text: str, width: int | None, indent: str) -> list[str]:
    plain = wording.plain(text)
    first = indent if indent == "    " else ""
    if width is None:
        return [first + plain]
    return textwrap.wrap(plain, max(40, width - 1), initial_indent=first, subsequent_indent="    ")


def as_github(result: LintResult, *, file: str = "") -> str:
    """Return one annotation of GitHub Actions for each finding."""

    def quoted(text: str) -> str:
        return wording.plain(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    place = f"file={quoted(file).replace(':', '%3A').replace(',', '%2C')}," if file else ""
    lines = []
    for finding in result.findings:
        text = f"{finding.subject + ': ' if finding.subject else ''}{finding.evidence} -> {finding.command}"
        lines.append(f"::{_LEVELS[finding.severity]} {place}title={finding.code}::{quoted(text)}")
    return "\n".join([*lines, sentence(result).replace("::", ": :")]) + "\n"


def draw(result: LintResult, *, ax: Any = None) -> Axes:
    """Draw the outputs and the gradient of each sampled row before training; returns the left axes.

    Parameters
    ----------
    result : LintResult
    ax : two axes, or None
        A new figure where None.
    """
    from matplotlib.figure import Figure

    from lossmith.report import _palette as palette
    from lossmith.report._canvas import WIDTH, bare, flat, verbatim

    left, right, *_ = flat(ax) if ax is not None else Figure(figsize=(WIDTH, 2.8), layout="constrained").subplots(1, 2)
    for place, one in enumerate(result.measured[:6]):
        style = palette.style(place)
        name = wording.shortened(wording.plain(f"{one.name}: {one.loss}" if one.name else one.loss), 40)
        outputs = one.outputs[np.isfinite(one.outputs)]
        if outputs.size:
            left.hist(outputs, bins=min(40, max(5, outputs.size // 4)), color=style.color, alpha=0.7, label=name)
        norms = np.sort(one.gradient_norms[np.isfinite(one.gradient_norms)])
        if norms.size:
            share = np.arange(1, len(norms) + 1) / len(norms)
            right.step(
                np.concatenate([[0.0], norms]), np.concatenate([[0.0], share]), color=style.color, lw=2, where="post"
            )
    if left.get_legend_handles_labels()[0]:
        left.legend(fontsize=8, frameon=False, labelcolor=palette.LIGHT["ink"])
    right.set_ylim(0, 1.03)
    for side, title, below, beside in (
        (left, "outputs before training", "output", "count"),
        (right, "gradient of each sampled row", "length of the gradient by the outputs", "share of rows at most"),
    ):
        side.set_title(title, fontsize=10, color=palette.LIGHT["ink"], loc="left")
        side.set_xlabel(below, fontsize=9, color=palette.LIGHT["ink"])
        side.set_ylabel(beside, fontsize=9, color=palette.LIGHT["ink"])
        bare(side, keep=("bottom", "left"))
    verbatim([left, right])
    return left


def as_html(result: LintResult, *, now: datetime | None = None) -> str:
    """Return a self-contained HTML page.

    Parameters
    ----------
    result : LintResult
    now : datetime or None
        The date it bears; the time of the call where None.
    """
    from markupsafe import Markup

    from lossmith.report._canvas import figure_of
    from lossmith.report.html import rendered
    from lossmith.report.svg import svg

    summary = sentence(result)
    headline, _, rest = summary.rpartition(": ")
    picture = svg(figure_of(draw(result)), key="lint", title="before training", description=wording.plain(summary))
    return rendered(
        "lint.html.j2",
        now=now or datetime.now(UTC),
        headline=wording.plain(headline),
        sentence=rest,
        findings=[
            {
                "code": finding.code,
                "name": CHECKS[finding.code].name,
                "severity": finding.severity,
                "seen": f"{finding.subject}: {finding.evidence}" if finding.subject else finding.evidence,
                "why": CHECKS[finding.code].why,
                "advice": finding.advice,
                "line": finding.command,
            }
            for finding in result.findings
        ],
        picture=Markup(picture),  # noqa: S704 - ElementTree escapes
        json=json.dumps(json.loads(result.to_json()), indent=1, ensure_ascii=False),
    )


def embedded(result: LintResult, *, now: datetime | None = None, height: str = "32rem") -> str:
    """Return the page inside a frame of its own, for a notebook."""
    return framed(as_html(result, now=now), title="Lint", height=height)


def write(result: LintResult, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write the page as one file and return its path; see `_files.write_made`."""
    return write_made(path, lambda: as_html(result, **options))
