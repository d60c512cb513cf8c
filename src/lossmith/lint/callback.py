"""A Keras callback that lints before the first epoch and stops a set-up that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from lossmith._errors import LossmithError
from lossmith.lint._keras import any_keras
from lossmith.lint._spec import LintResult, at_least
from lossmith.lint.api import lint

__all__ = ["LintError", "callback"]


class LintError(LossmithError):
    """Training was stopped before its first epoch; `result` holds everything that was found.

    Use it to catch what `lossmith.lint.callback` raises.
    """

    def __init__(self, result: LintResult, severity: str) -> None:
        self.result = result
        worst = result.worst(severity)
        super().__init__(
            "; ".join(f"{finding.line()} -> {finding.command}" for finding in worst),
            expected="a set-up without findings",
            advice=f'correct it, or pass ignore=["{worst[0].code}"]',
        )


@cache
def _callback_class() -> Any:
    keras = any_keras()

    class LintCallback(keras.callbacks.Callback):  # type: ignore[name-defined]
        """Lints the compiled model when training begins."""

        def __init__(self, data: tuple[Any, Any], severity: str, options: Mapping[str, Any]) -> None:
            super().__init__()
            self.data, self.severity, self.options = data, severity, dict(options)
            self.result: LintResult | None = None

        def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
            self.result = lint(self.model, *self.data, **self.options)
            if self.result.worst(self.severity):
                raise LintError(self.result, self.severity)

    return LintCallback


def callback(
    x: Any,
    y: Any = None,
    *,
    severity: str = "error",
    ignore: Sequence[str] = (),
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    rows: int = 256,
) -> Any:
    """Return a `keras.callbacks.Callback` that lints before the first epoch and raises if something is found.

    Use it in code that trains: `model.fit(x, y, callbacks=[lossmith.lint.callback(x, y)])`. What was found stays in its
    attribute `result`.

    Parameters
    ----------
    x, y, sample_weight, class_weight, ignore, rows : see `lossmith.lint`
    severity : {"error", "warning", "info"}
        Findings of this severity or above stop the training.

    Raises
    ------
    LintError
        When training begins: a `LossmithError` with every finding and its corrected line.

    Examples
    --------
    >>> import numpy as np
    >>> import lossmith
    >>> from lossmith.training import load_keras
    >>> keras = load_keras()
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile(loss="binary_crossentropy")
    >>> x, y = np.random.default_rng(0).normal(size=(64, 2)), np.arange(64) % 2
    >>> try:
    ...     model.fit(x, y, callbacks=[lossmith.lint.callback(x, y)], verbose=0)
    ... except lossmith.lint.LintError as error:
    ...     print(error.result.codes)
    ('LS201',)
    """
    at_least(severity)
    options = {"sample_weight": sample_weight, "class_weight": class_weight, "ignore": ignore, "rows": rows}
    return _callback_class()((x, y), severity, options)
