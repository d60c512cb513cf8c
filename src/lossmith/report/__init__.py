"""Views of results: leaderboards for the terminal, figures, and a report in one HTML file. Nothing is computed here.

Results find these views through `lossmith._views`, so that `result.plot()` and `result.report(path)` work without importing this package.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossmith import _views
from lossmith.compare._model_spec import ModelComparison
from lossmith.compare._spec import Comparison
from lossmith.divergence import Approximation, Measurement, Projections, Survey, Sweep
from lossmith.drift._result import Drift
from lossmith.estimators._reliability import ReliabilityCurve
from lossmith.estimators._som_map import SomMap
from lossmith.generative._diagnosis import Diagnosis
from lossmith.generative._evidence import Evidence
from lossmith.generative._translation_result import Translation
from lossmith.lint._spec import LintResult
from lossmith.losses import Loss
from lossmith.text.api import TextTraining
from lossmith.training.landscape import Landscape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lossmith.report.formats import render
    from lossmith.report.progress import ProgressDisplay
    from lossmith.report.terminal import show
    from lossmith.report.tracking import to_mlflow, to_tensorboard

__all__ = ["ProgressDisplay", "render", "show", "to_mlflow", "to_tensorboard", "write_report"]

_HOMES = {
    "ProgressDisplay": "progress",
    "render": "formats",
    "show": "terminal",
    "to_mlflow": "tracking",
    "to_tensorboard": "tracking",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"lossmith.report.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'lossmith.report' has no attribute {name!r}")


def write_report(comparison: Comparison, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write the report of a comparison as one self-contained HTML file, whole or not at all.

    Use it to send a result to somebody, or to keep it: the file needs nothing else.

    Parameters
    ----------
    comparison : Comparison
    path : path
        Its folder is created.
    options
        Of `lossmith.report.html.html`, such as `now`.

    Raises
    ------
    InvalidInputError
        The path cannot be written.

    Examples
    --------
    >>> import lossmith
    >>> result = lossmith.compare("circles", losses="bce", seeds=2, epochs=1, learning_rates="configured")
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> write_report(result, f"{folder.name}/circles.html").name
    'circles.html'
    >>> folder.cleanup()
    """
    from lossmith.report._files import check, write
    from lossmith.report.html import html

    check(path)
    return write(path, html(comparison, **options))


def _text(comparison: Comparison, **options: Any) -> str:
    from lossmith.report.terminal import text

    return text(comparison, **options)


def _html(comparison: Comparison, **options: Any) -> str:
    from lossmith.report.html import embedded

    return embedded(comparison, **options)


def _plot(comparison: Comparison, **options: Any) -> Axes:
    from lossmith.report.figures import forest

    return forest(comparison, **options)


_views.register(Comparison, "text", _text)
_views.register(Comparison, "html", _html)
_views.register(Comparison, "plot", _plot)
_views.register(Comparison, "report", write_report)


def _loss_text(loss: Loss, **options: Any) -> str:
    from lossmith.report.losses import as_text

    return as_text(loss, **options)


def _loss_html(loss: Loss, **options: Any) -> str:
    from lossmith.report.losses import page

    return page(loss, **options)


def _loss_plot(loss: Loss, **options: Any) -> list[Axes]:
    from lossmith.report.losses import plot

    return plot(loss, **options)


_views.register(Loss, "text", _loss_text)
_views.register(Loss, "html", _loss_html)
_views.register(Loss, "plot", _loss_plot)


def _late(home: str, function: str) -> Any:
    """Return a view that imports the module it is in when it is first asked for."""

    def shown(result: Any, *arguments: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(f"lossmith.report.{home}"), function)(result, *arguments, **options)

    return shown


_HOMES_OF_RESULTS: dict[str, tuple[type, ...]] = {
    "divergence": (Measurement, Survey, Approximation, Sweep, Projections),
    "drift": (Drift,),
    "generative": (Evidence, Diagnosis),
    "translations": (Translation,),
    "lint": (LintResult,),
    "reliability": (ReliabilityCurve,),
    "simple": (ModelComparison, SomMap),
    "text": (TextTraining,),
    "landscape": (Landscape,),
}
for _home, _results in _HOMES_OF_RESULTS.items():
    for _result in _results:
        _views.register(_result, "text", _late(_home, "as_text"))
        _views.register(_result, "html", _late(_home, "embedded"))
        _views.register(_result, "plot", _late(_home, "draw"))
        _views.register(_result, "report", _late(_home, "write"))
