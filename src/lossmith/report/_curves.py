"""Learning curves: one panel for each loss, every seed as a thin line, the median and the band of the middle 80 %."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lossmith.compare._spec import Comparison, Curve
from lossmith.report import _palette as palette
from lossmith.report import _seeds as seeds
from lossmith.report import _wording as wording
from lossmith.report._canvas import Titles, bare, panels, verbatim
from lossmith.report._quantities import quantity

__all__ = ["MOST_POINTS", "curves", "named", "quantities", "summary"]

MOST_POINTS = 2_000  # of one panel: more are binned
MOST_LINES = 60
_MEDIAN_POINTS = 120


def quantities(comparison: Comparison) -> list[str]:
    """Return the quantities that have curves, the judged metric on validation rows first."""
    names = list(dict.fromkeys(curve.quantity for curve in comparison.curves))
    order = {f"validation_{comparison.settings.metric}": 0, "validation_loss": 2, "train_loss": 3}
    return sorted(names, key=lambda name: order.get(name, 1))


def named(name: str) -> str:
    """Return a quantity of a curve as people read it.

    Examples
    --------
    >>> named("validation_roc_auc"), named("train_loss")
    ('validation ROC-AUC', 'training loss')
    """
    part, _, rest = name.partition("_")
    return f"{'training' if part == 'train' else part} {'loss' if rest == 'loss' else quantity(rest).label}"


def binned(values: np.ndarray, most: int) -> np.ndarray:
    """Return the means of at most `most` bins of neighbouring points along the last axis, NaN left out.

    Examples
    --------
    >>> binned(np.arange(6.0), 3)
    array([0.5, 2.5, 4.5])
    """
    size = values.shape[-1]
    if size <= most:
        return values
    edges = np.linspace(0, size, most + 1).round().astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a bin of a diverged seed is NaN, and stays so
        parts = [np.nanmean(values[..., start:end], axis=-1) for start, end in itertools.pairwise(edges)]
    return np.stack(parts, axis=-1)


def summary(curve: Curve) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return epochs, and median, lower and upper decile over the seeds, each binned to 120 points."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        finite = np.where(np.isfinite(curve.values), curve.values, np.nan)
        low, middle, high = np.nanquantile(finite, [0.1, 0.5, 0.9], axis=0)
    epochs = np.asarray(curve.epochs, dtype=float)
    return tuple(binned(values, _MEDIAN_POINTS) for values in (epochs, middle, low, high))  # type: ignore[return-value]


def curves(
    comparison: Comparison,
    *,
    name: str | None = None,
    each: bool = True,
    axes: Any = None,
    titles: Titles | None = None,
) -> list[Axes]:
    """Draw the learning curves of one quantity, a panel for each loss, all on one scale.

    Parameters
    ----------
    comparison : Comparison
    name : str or None
        The quantity, such as "train_loss"; the judged metric on validation rows where None.
    each : bool
        Whether to draw seeds, every second, third, ... of more than 60, or only those that failed, beside median and band.
    axes : axes, sequence or array of axes, or None
    titles : dict or None
        See `forest`.

    Returns
    -------
    list of matplotlib.axes.Axes
        Seeds that collapsed or diverged are dashed. The median of the best loss is repeated in grey. Empty without curves.
    """
    available = quantities(comparison)
    name = name or (available[0] if available else "")
    shown = [curve for curve in comparison.curves if curve.quantity == name]
    if not shown:
        return []
    made = panels(axes, len(shown))
    styles = palette.losses(comparison)
    best = next((curve for curve in shown if comparison.standings and curve.loss == comparison.standings[0].loss), None)
    for place, (ax, curve) in enumerate(zip(made, shown, strict=True)):
        style = styles.get(curve.loss) or palette.style(len(styles) + place)
        _seeds(ax, comparison, curve, style, each, titles, f"curve-{place}")
        epochs, middle, low, high = summary(curve)
        ax.fill_between(epochs, low, high, color=style.color, alpha=0.2, lw=0, zorder=2)
        if best is not None and best is not curve:
            reference = summary(best)
            ax.plot(reference[0], reference[1], color=palette.LIGHT["soft"], lw=1.1, ls=(0, (1.5, 1.5)), zorder=4)
        ax.plot(epochs, middle, color=style.color, lw=2, zorder=5)
        ax.set_title(wording.shortened(curve.loss, 24), fontsize=9, color=palette.LIGHT["ink"], loc="left", y=1.0)
        bare(ax, keep=("bottom", "left"))
        ax.grid(color=palette.LIGHT["rule"], lw=0.5, zorder=0)
    _scale(made, shown)
    made[0].set_ylabel(named(name), fontsize=9, color=palette.LIGHT["ink"])
    made[-1].set_xlabel("epoch", fontsize=9, color=palette.LIGHT["ink"])
    verbatim(made)
    return made


def _seeds(
    ax: Axes,
    comparison: Comparison,
    curve: Curve,
    style: palette.Style,
    each: bool,
    titles: Titles | None,
    gid: str,
) -> None:
    n_seeds, n_points = curve.values.shape
    most = max(8, MOST_POINTS // max(1, n_seeds))
    step = max(1, -(-n_seeds // MOST_LINES))  # more lines than this are a surface, which the band shows
    drawn = curve.values[::step]
    status = seeds.status_by_seed(comparison, curve.loss)
    epochs = binned(np.asarray(curve.epochs, dtype=float), min(most, n_points))
    for place, values in enumerate(drawn):
        seed, word = status[place * step] if len(status) == n_seeds else (place * step, "finished")
        failed = word != "finished"
        if not failed and not each:
            continue
        line = ax.plot(
            epochs,
            binned(np.where(np.isfinite(values), values, np.nan), most),
            color=palette.LIGHT["bad"] if failed else style.color,
            lw=1.0 if failed else 0.7,
            ls=(0, (4.0, 1.5)) if failed else "solid",
            alpha=None if failed else 0.35,
            zorder=6 if failed else 3,
            gid=f"{gid}-{place}",
        )
        if titles is not None and line:
            finite = values[np.isfinite(values)]
            last = f", ends at {finite[-1]:.4g}" if finite.size else ""
            titles[f"{gid}-{place}"] = [f"seed {seed}{f', {word}' if failed else ''}{last}"]


def _scale(axes: list[Axes], shown: list[Curve]) -> None:
    """Span what 98 % of the points need: one diverging seed must not flatten all others."""
    finite = np.concatenate([curve.values[np.isfinite(curve.values)] for curve in shown])
    if not finite.size:
        return
    low, high = np.quantile(finite, [0.0, 1.0])
    inner_low, inner_high = np.quantile(finite, [0.01, 0.99])
    span = inner_high - inner_low or abs(inner_high) or 1.0
    low, high = max(low, inner_low - 0.5 * span), min(high, inner_high + 0.5 * span)
    room = 0.04 * (high - low or 1.0)
    for ax in axes:
        ax.set_ylim(low - room, high + room)
