"""Cards of losses: everything known about one, with its formula, the picture of value and gradient, and code to paste."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import numpy as np
from matplotlib.axes import Axes

from lossmith._errors import InvalidInputError
from lossmith.losses import Loss, behaviour
from lossmith.report import _palette as palette
from lossmith.report import _wording as wording
from lossmith.report._canvas import WIDTH, bare, figure_of, flat, verbatim
from lossmith.report._math import linear
from lossmith.report._plots import panel, side_by_side
from lossmith.report._recipes import recipes_of, set_up

__all__ = ["Profile", "as_text", "catalogue", "page", "plot", "profile"]

_PROPERTIES: Mapping[str, str] = {
    "convex": "convex in the raw output",
    "smooth": "continuously differentiable",
    "bounded": "bounded above",
    "robust": "bounded gradient",
    "strictly_proper": "strictly proper",
    "symmetric_noise": "unaffected by symmetric label noise",
}
_POINTS = 241


class Profile:
    """Value and gradient of a loss along one raw output.

    Attributes
    ----------
    raw : ndarray of shape (n_points,)
        The raw output that is moved.
    value, gradient : ndarray of shape (n_points,)
        The gradient is the slope of the value between neighbouring points.
    setting : str
        What everything else is held at.
    """

    __slots__ = ("gradient", "raw", "setting", "value")

    def __init__(self, raw: np.ndarray, value: np.ndarray, setting: str) -> None:
        self.raw = raw
        self.value = value
        self.gradient = np.gradient(value, raw, edge_order=2)
        self.setting = setting


def profile(loss: Loss, *, low: float = -4.0, high: float = 4.0) -> Profile:
    """Return value and gradient of a loss while one raw output moves from `low` to `high`.

    Regression losses see the target 0, or 1 where it must be positive; binary losses class 1; losses of several classes the true class
    of three, whose other raw outputs are 0, or a soft target where one-hot ones are outside the domain; losses that compare samples a
    small batch. `Profile.setting` says what is held.

    Raises
    ------
    InvalidInputError
        `low` is not below `high`.

    Examples
    --------
    >>> from lossmith import losses
    >>> shown = profile(losses.get("mean_squared_error"), low=-1, high=1)
    >>> shown.value[[0, -1]], shown.setting
    (array([1., 1.]), 'target 0')
    """
    if not low < high:
        raise InvalidInputError(f"from {low:g} to {high:g}", expected="low below high", advice="swap them")
    raw = np.linspace(low, high, _POINTS)
    moved, targets, setting = _situation(loss, raw)
    if loss.batchwise:  # the first sample of each batch
        value = [loss(one, targets)[0] for one in moved]
    else:
        value = loss(moved, np.repeat(targets[None], len(raw), axis=0))
    return Profile(raw, np.asarray(value), setting)


def _situation(loss: Loss, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Return raw outputs in which one number is moved, the target, and what everything else is held at, in words."""
    if loss.encoding == "class_ids":
        batch = np.tile([[0.0, 0.5], [1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]], (len(raw), 1, 1))
        batch[:, 0, 0] = raw
        return (
            batch,
            np.array([0, 0, 1, 1]),
            "first coordinate of a point at height 0.5, its like at (1, 0), others at (-1, ±1)",
        )
    if loss.batchwise:
        batch = np.zeros((len(raw), 3))
        batch[:, 0] = raw
        return batch, np.array([1.0, 0.0, 0.0]), "class 1, against two samples of class 0 with output 0"
    width = loss.units(3)
    rest = 1.0 if loss.task == "embedding" else 0.0
    moved = np.full((len(raw), width), rest)
    moved[:, 0] = raw
    if loss.encoding == "distribution":
        row = np.array([0.8, 0.15, 0.05]) if loss.full_support else np.array([1.0, 0.0, 0.0])
        setting = "soft target (0.8, 0.15, 0.05)" if loss.full_support else "true class"
        return moved, row, f"{setting}, other outputs 0"
    if loss.head.units == "n_outputs":
        what = {"multilabel": "a label that applies", "ranking": "the relevant one of three items"}
        row = np.array([1.0, 0.0, 0.0])
        return moved, row, f"{what.get(loss.task, 'target (1, 0, 0)')}, other outputs {rest:g}"
    target = 0.0 if 0.0 in loss.interval and loss.task == "regression" and loss.head.activation == "linear" else 1.0
    setting = f"target {target:g}" if loss.task == "regression" else "class 1"
    if width == 1:
        return raw, np.array(target), setting
    return moved, np.array(target), f"{setting}, other outputs 0"


def plot(loss: Loss, *, axes: object = None) -> list[Axes]:
    """Draw value and gradient of a loss side by side.

    Parameters
    ----------
    loss : Loss
    axes : two axes, or None
        A new figure where None.
    """
    from matplotlib.figure import Figure

    if axes is None:
        figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
        axes = figure.subplots(1, 2)
    left, right, *_ = flat(axes)
    shown = profile(loss)
    style = palette.style(0)
    for ax, values, name in ((left, shown.value, "value"), (right, shown.gradient, "gradient")):
        ax.axhline(0, color=palette.LIGHT["rule"], lw=1, zorder=0)
        ax.axvline(0, color=palette.LIGHT["rule"], lw=1, zorder=0)
        ax.plot(shown.raw, values, color=style.color, lw=2.2)
        ax.set_title(name, fontsize=10, color=palette.LIGHT["ink"], loc="left")
        ax.set_xlabel("raw output", fontsize=9, color=palette.LIGHT["ink"])
        bare(ax, keep=("bottom", "left"))
    verbatim([left, right])
    return [left, right]


def catalogue(records: Iterable[Loss], *, width: int | None = None) -> str:
    """Return a table of losses: name, task, what it elicits, head, and when to use it.

    A narrow terminal loses the head, then what it elicits; the last column is cut with an ellipsis, never wrapped.

    Parameters
    ----------
    records : iterable of Loss
    width : int or None
        Columns available; None keeps everything.
    """
    header = ("name", "task", "elicits", "head", "when")
    rows = [(str(loss), loss.task, loss.elicits, loss.head.name, loss.when) for loss in records]
    kept = [0, 1, 2, 3, 4]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for given_up in (3, 2):
        if width is not None and sum(widths[place] + 2 for place in kept[:-1]) + 24 > width:
            kept.remove(given_up)
    lines = []
    for row in (header, *rows):
        line = "  ".join(f"{row[place]:<{widths[place]}}" for place in kept).rstrip()
        lines.append(line if width is None or len(line) <= width else f"{line[: max(1, width - 1)]}…")
    return "\n".join(lines) + "\n"


def facts(loss: Loss) -> list[tuple[str, str]]:
    """Return label and text pairs: what is known about a loss, in words."""
    support = ", none of them 0" if loss.full_support else ""
    pairs = [
        ("task", loss.task),
        ("use it", loss.when),
        ("not if", loss.when_not),
        ("elicits", loss.elicits),
        ("head", f"{loss.head.explanation} In Keras: {set_up(loss)}"),
        ("targets", f"in {loss.interval}{support}"),
    ]
    for parameter in loss.parameters:
        value = loss.configuration[parameter.name]
        pairs.append((parameter.name, f"{value:g}, from {parameter.interval}: {parameter.meaning}"))
    found = behaviour(loss)
    pairs += found.sentences() if found else ()
    held = [words for name, words in _PROPERTIES.items() if getattr(loss, name)]
    pairs.append(("it is", ", ".join(held) or "none of the named properties"))
    if loss.twins:
        pairs.append(("elsewhere", ", ".join(f"{library}: {name}" for library, name in loss.twins.items())))
    if loss.aliases:
        pairs.append(("also called", ", ".join(loss.aliases)))
    return [*pairs, ("source", loss.reference)]


def as_text(
    loss: Loss, *, width: int | None = 100, unicode: bool = True, libraries: Iterable[str] | None = None
) -> str:
    """Return the card of a loss for a terminal: facts, formula, picture, code.

    Parameters
    ----------
    loss : Loss
    width : int or None
        Columns available for sentences; None does not break them. Code is never broken.
    unicode : bool
        Whether the picture may use Braille dots.
    libraries : iterable of str or None
        Those whose code is shown; all where None.
    """
    import textwrap

    lines = [str(loss), ""]
    pairs = facts(loss)
    pairs[3:3] = [("value", linear(loss.formula)), ("gradient", linear(loss.gradient))]
    margin = max(len(label) for label, _ in pairs) + 2
    for label, text in pairs:
        broken = [text] if width is None else textwrap.wrap(text, max(24, width - margin), break_long_words=False)
        lines += [f"{label if not place else '':<{margin}}{part}" for place, part in enumerate(broken)]
    shown = profile(loss)
    panels = [
        panel(shown.raw, values, title=title, unicode=unicode)
        for title, values in (("value", shown.value), ("gradient", shown.gradient))
    ]
    beside = width is None or width >= 2 + max(len(line) for line in panels[0]) + max(len(line) for line in panels[1])
    lines += [
        "",
        f"over the raw output; {shown.setting}",
        *(side_by_side(*panels) if beside else [*panels[0], *panels[1]]),
    ]
    for recipe in recipes_of(loss, 3 if isinstance(loss.head.units, str) else 0):
        if libraries is None or recipe.key in libraries:
            lines += ["", f"{recipe.title}:", *(f"    {line}".rstrip() for line in recipe.code.splitlines())]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def page(loss: Loss, *, now: datetime | None = None) -> str:
    """Return the card of a loss as a self-contained HTML page, made like the report.

    Parameters
    ----------
    loss : Loss
    now : datetime or None
        The date it bears; the time of the call where None.
    """
    from markupsafe import Markup

    from lossmith.report.html import rendered
    from lossmith.report.svg import svg

    shown = profile(loss)
    figure = figure_of(plot(loss)[0])
    description = (
        f"Over the raw output from {shown.raw[0]:g} to {shown.raw[-1]:g} ({shown.setting}), the value goes from {shown.value[0]:.3g} to "
        f"{shown.value[-1]:.3g}, the gradient from {shown.gradient[0]:.3g} to {shown.gradient[-1]:.3g}."
    )
    picture = svg(figure, key="profile", title=f"Value and gradient of {loss}", description=description)
    return rendered(
        "loss.html.j2",
        now=now or datetime.now(UTC),
        loss=loss,
        name=wording.plain(str(loss)),
        facts=facts(loss),
        setting=shown.setting,
        picture=Markup(picture),  # noqa: S704 - ElementTree escapes
        recipes=recipes_of(loss, 3 if isinstance(loss.head.units, str) else 0),
    )
