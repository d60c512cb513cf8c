"""Views of a trained language model: terminal, notebook, picture, page."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossmith.report import _palette as palette
from lossmith.report import _wording as wording
from lossmith.report._canvas import bare, figure_of, one, verbatim
from lossmith.report._frame import framed
from lossmith.text.api import Sample, TextTraining

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["as_html", "as_text", "draw", "embedded", "sample_lines", "write"]

_SHOWN = 5  # baselines in the terminal


def draw(result: TextTraining, ax: Axes | None = None) -> Axes:
    """Draw nats for each token of the training windows over the epochs, held-out nats and baselines; return the axes."""
    ax = one(ax, 4.0)
    epochs = [point[0] for point in result.curve]
    ax.plot(
        epochs, [point[2] for point in result.curve], color=palette.style(0).color, lw=1.8, label="training windows"
    )
    held = f"held-out text {result.nats:.3f}"
    ax.plot([result.epochs], [result.nats], label=held, marker="o", ls="", color=palette.style(1).color)
    order = result.baselines.best_order
    name = result.baselines.best_compressor
    for value, label in (
        (result.baselines.ngrams[order], f"{order}-gram"),
        (result.baselines.compressors[name], name),
    ):
        ax.axhline(value, color=palette.LIGHT["ink"], lw=1, ls=(0, (4, 3)))
        ax.annotate(
            f"{label} {value:.3f}", (1, value), xycoords=("axes fraction", "data"), fontsize=8, ha="right", va="bottom"
        )
    ax.set_xlabel("epoch", fontsize=9)
    ax.set_ylabel("nats for each token, less is better", fontsize=9)
    ax.set_title(f"{wording.shortened(result.name, 40)}: learning curve", loc="left", fontsize=10)
    ax.legend(fontsize=8, frameon=False)
    bare(ax, keep=("bottom", "left"))
    verbatim([ax])
    return ax


def _columns(result: TextTraining) -> tuple[list[str], list[list[str]]]:
    unit = "character" if result.model.vocabulary.level == "char" else "word"
    rows = [
        [row["name"], row["kind"], f"{row['nats']:.4f}", f"{row['bits']:.3f}", f"{row['perplexity']:.4g}"]
        for row in result.table().to_dicts()
    ]
    return ["", "kind", f"nats/{unit}", f"bits/{unit}", "perplexity"], rows


def sample_lines(sample: Sample) -> list[str]:
    """Return what is known about a generated text, as lines."""
    lines = []
    found = sample.novelty
    if found is not None:
        beside = f", held-out text shares {found.held_out}" if found.held_out else ""
        lines.append(
            f"novelty   longest run copied from the training text: {len(found.longest)} characters "
            f"({wording.shortened(found.longest, 50)!r}){beside}"
        )
        lines.append(
            f"          {found.copied:.1%} of it lies in copied runs of 20 or more; three-character statistics differ by "
            f"{found.jensen_shannon:.4f} nats (Jensen-Shannon)"
        )
    lines += [finding.line() for finding in sample.findings]
    return lines


def as_text(result: TextTraining, *, width: int | None = None) -> str:
    """Return verdict, table, sample and findings for a terminal; lines are cut at `width`."""
    columns, rows = _columns(result)
    model = next(place for place, row in enumerate(rows) if row[1] == "model")
    rows = [row for place, row in enumerate(rows) if place < _SHOWN or place == model]
    sizes = [max(len(line[place]) for line in (columns, *rows)) for place in range(len(columns))]
    lines = [
        wording.plain(result.verdict),
        "",
        f"data      {wording.plain(result.name)}: {result.n_train:,} tokens to train on, {result.n_validation:,} held out, "
        f"{len(result.model.vocabulary)} different",
        f"model     {result.n_weights:,} weights, {result.epochs:.3g} epochs in {wording.seconds(result.seconds)}",
        "",
    ]
    for row in (columns, *rows):
        lines.append("  ".join(f"{cell:<{size}}" for cell, size in zip(row, sizes, strict=True)).rstrip())
    lines += ["", *(finding.line() for finding in result.findings)]
    cut = [line if width is None or len(line) <= width else f"{line[: max(1, width - 1)]}…" for line in lines]
    sample = [f"  {line}" for line in result.sample.text.strip("\n").split("\n")]
    return "\n".join([*cut, "sample", *sample, "", *sample_lines(result.sample)]).rstrip() + "\n"


def as_html(result: TextTraining, *, now: datetime | None = None) -> str:
    """Return a self-contained HTML page."""
    from markupsafe import Markup

    from lossmith.report.html import rendered
    from lossmith.report.svg import svg

    columns, rows = _columns(result)
    summary = wording.plain(result.verdict)
    picture = svg(figure_of(draw(result)), key="result", title="Learning curve", description=summary)
    headline, _, rest = summary.partition(": ")
    return rendered(
        "divergence.html.j2",
        now=now or datetime.now(UTC),
        name=wording.shortened(headline, 80),
        kind="a language model",
        headline=headline,
        sentence=rest,
        findings=(*result.findings, *result.sample.findings),
        caption="Learning curve",
        legend=f"Sample: {result.sample.text.strip()}",
        picture=Markup(picture),  # noqa: S704 - ElementTree escapes
        columns=columns,
        rows=rows,
        json=json.dumps(json.loads(result.to_json()), indent=1, ensure_ascii=False),
    )


def embedded(result: TextTraining, *, now: datetime | None = None, height: str = "40rem") -> str:
    """Return the page inside a frame of its own, for a notebook."""
    return framed(as_html(result, now=now), title="Language model", height=height)


def write(result: TextTraining, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write the page as one file, whole or not at all, and return its path.

    Raises
    ------
    InvalidInputError
        The path cannot be written.
    """
    from lossmith.report._files import check
    from lossmith.report._files import write as write_whole

    check(path)
    return write_whole(path, as_html(result, **options))
