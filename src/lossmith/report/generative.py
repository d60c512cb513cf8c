"""Views of generative models: the evidence of a variational autoencoder, the diagnosis of an adversarial network."""

from __future__ import annotations

import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith.generative._diagnosis import Diagnosis
from lossmith.generative._evidence import Evidence
from lossmith.report import _palette as palette
from lossmith.report import _wording as wording
from lossmith.report._canvas import bare, figure_of, one, verbatim
from lossmith.report._frame import framed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["as_html", "as_text", "as_text_lines", "draw", "embedded", "losses", "write"]

Result = Evidence | Diagnosis


def draw(result: Result, *, ax: Axes | None = None) -> Axes:
    """Draw the divergence of every dimension, or both losses over the steps; return the Matplotlib axes."""
    if isinstance(result, Diagnosis):
        return losses(result.curves, ax=ax)
    order = np.argsort(-result.by_dimension, kind="stable")
    ax = one(ax, 2.6)
    colors = [palette.style(0).color if result.active[place] else palette.LIGHT["rule"] for place in order]
    ax.bar(range(len(order)), result.by_dimension[order], color=colors)
    ax.set_xticks(range(len(order)), [str(place) for place in order], fontsize=8)
    ax.set_xlabel("dimension of the code, the most used first; grey: not active", fontsize=9)
    ax.set_title("Divergence from the prior, in nats", loc="left", fontsize=10)
    bare(ax, keep=("bottom", "left"))
    verbatim([ax])
    return ax


def losses(curves: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the losses of discriminator and generator over the steps, as means over spans of steps."""
    ax = one(ax, 2.8)
    for place, (name, label) in enumerate((("discriminator_loss", "discriminator"), ("generator_loss", "generator"))):
        values = np.asarray(curves[name], dtype=np.float64)
        span = max(1, len(values) // 300)
        cut = len(values) // span * span
        means = values[:cut].reshape(-1, span).mean(axis=1)
        style = palette.style(place)
        ax.plot(np.arange(len(means)) * span + span / 2, means, color=style.color, ls=style.dash, lw=1.4, label=label)
    ax.set_xlabel("step", fontsize=9)
    ax.set_title("Losses", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    bare(ax, keep=("bottom", "left"))
    verbatim([ax])
    return ax


def _picture(result: Result) -> Axes:
    """Return axes of the figure of the report: with samples, and the training rows nearest to them, where there are any."""
    if isinstance(result, Evidence):
        return draw(result)
    from matplotlib.figure import Figure

    from lossmith.report.sample_grids import grid_image, is_image, points

    images = is_image(result.samples)
    if not images and result.samples.shape[1:] != (2,):
        return draw(result)
    figure = Figure(figsize=(8.4, 6.2), layout="constrained")
    places: Any = figure.subplot_mosaic([["loss", "loss"], ["made", "near"]], height_ratios=[2.4, 3.6])
    losses(result.curves, ax=places["loss"])
    for key, rows, title in (
        ("made", result.samples, "Generated"),
        ("near", result.nearest, "Nearest training rows"),
    ):
        ax = places[key]
        if images:
            numbers = rows / 255 if rows.dtype == np.uint8 else rows
            ax.imshow(grid_image(numbers), interpolation="nearest")
        else:
            points(ax, rows)
        ax.set_title(title, loc="left", fontsize=10)
        ax.set_xticks([])
        ax.set_yticks([])
        bare(ax, keep=())
    return places["loss"]


def _cells(result: Result) -> tuple[list[str], list[list[str]]]:
    if isinstance(result, Evidence):
        low, high = result.interval
        rows = [
            ["-ELBO", f"{result.negative_elbo:.2f}", f"{low:.2f}", f"{high:.2f}"],
            ["reconstruction", f"{result.reconstruction:.2f}", "", ""],
            ["divergence", f"{result.divergence:.2f}", "", ""],
        ]
        if math.isfinite(result.importance_weighted):
            label = f"importance-weighted, {result.importance_samples} samples"
            rows.append([label, f"{result.importance_weighted:.2f}", "", ""])
        rows += [
            [f"dimension {line['dimension']}", f"{line['divergence']:.4g}", "", ""]
            for line in result.table().to_dicts()
        ]
        return ["nats for a row", "value", "low", "high"], rows
    rows = [
        [name.replace("_", " "), f"{one_.value:.5g}", f"{one_.low:.5g}", f"{one_.high:.5g}"]
        for name, one_ in result.measures.items()
    ]
    rows += [
        [f"share of {wording.plain(name)}", f"{made:.4f}", f"{true:.4f} in the data", ""]
        for name, (made, true) in result.shares.items()
    ]
    return ["measure", "value", "low", "high"], rows


def _sentence(result: Result) -> tuple[str, str]:
    if isinstance(result, Evidence):
        headline = f"-ELBO {result.negative_elbo:.2f} nats"
        return headline, (
            f"reconstruction {result.reconstruction:.2f} + divergence {result.divergence:.2f}, on {result.n_samples:,} rows; "
            f"{int(result.active.sum())} of {len(result.active)} dimensions active"
        )
    worst = next((finding for finding in result.findings if finding.severity == "error"), None)
    if worst is not None:
        return "Not to be used", f"{worst.code}: {worst.evidence}"
    count = len(result.findings)
    return (
        "Nothing speaks against it" if not count else "To be read with care",
        f"{count} findings on {result.n_samples:,} generated rows",
    )


def as_text(result: Result, *, width: int | None = None) -> str:
    """Return the result for a terminal; lines are cut at `width`."""
    return as_text_lines(str(result), width)


def as_text_lines(text: str, width: int | None) -> str:
    """Return lines of text cut at `width`."""
    lines = text.splitlines()
    return (
        "\n".join(line if width is None or len(line) <= width else f"{line[: max(1, width - 1)]}…" for line in lines)
        + "\n"
    )


def as_html(result: Result, *, now: datetime | None = None) -> str:
    """Return a self-contained HTML page."""
    from markupsafe import Markup

    from lossmith.report.html import rendered
    from lossmith.report.svg import svg

    columns, rows = _cells(result)
    headline, rest = _sentence(result)
    ax = _picture(result)
    picture = svg(figure_of(ax), key="result", title=ax.get_title(loc="left"), description=f"{headline}: {rest}")
    kind = "a variational autoencoder" if isinstance(result, Evidence) else "a generative adversarial network"
    return rendered(
        "divergence.html.j2",
        now=now or datetime.now(UTC),
        name=headline,
        kind=kind,
        headline=headline,
        sentence=rest,
        findings=result.findings,
        caption="Picture",
        legend="Nats are units of natural logarithms."
        if isinstance(result, Evidence)
        else "Losses are means over spans of steps.",
        picture=Markup(picture),  # noqa: S704 - ElementTree escapes
        columns=columns,
        rows=rows,
        json=json.dumps(json.loads(result.to_json()), indent=1, ensure_ascii=False),
    )


def embedded(result: Result, *, now: datetime | None = None, height: str = "40rem") -> str:
    """Return the page inside a frame of its own, for a notebook."""
    return framed(as_html(result, now=now), title="Result", height=height)


def write(result: Result, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write the page as one file, whole or not at all, and return its path."""
    from lossmith.report._files import check
    from lossmith.report._files import write as write_whole

    check(path)
    return write_whole(path, as_html(result, **options))
