"""The one late binding: results find their table, plot and HTML here.

Results (compare, drift, ...) lie below `report` and must not import it; yet `result.plot()` should work.
`lossmith.report` fills this registry the first time a view is asked for.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal

from lossmith._errors import InvalidInputError

__all__ = ["View", "in_notebook", "progress_display", "register", "view"]

View = Literal["plot", "html", "text", "report"]

_VIEWS: dict[tuple[type, View], Callable[..., Any]] = {}


def register(result: type, name: View, function: Callable[..., Any]) -> None:
    """Make `function(result, **options)` the view `name` of results of that class."""
    _VIEWS[result, name] = function


def view(result: object, name: View, **options: Any) -> Any:
    """Return the view `name` of `result`, loading `lossmith.report` when first asked.

    Raises
    ------
    InvalidInputError
        The result has no such view.
    """
    if (type(result), name) not in _VIEWS:
        importlib.import_module("lossmith.report")
    try:
        function = _VIEWS[type(result), name]
    except KeyError:
        raise InvalidInputError(
            f"view {name!r} of a {type(result).__name__}",
            expected="a view that lossmith.report registers",
            advice="use .table() instead",
        ) from None
    return function(result, **options)


def in_notebook() -> bool:
    """Return whether the code runs in a cell of a notebook.

    Examples
    --------
    >>> in_notebook()
    False
    """
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and type(shell).__name__ in ("ZMQInteractiveShell", "Shell")  # Jupyter, Colab


def progress_display(*, quiet: bool = False) -> AbstractContextManager[Any]:
    """Return a context whose value is `progress(done, total, stage, note)`, as `lossmith.report` shows it."""
    return importlib.import_module("lossmith.report").ProgressDisplay(quiet=quiet)
