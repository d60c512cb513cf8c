"""Checks of a Keras set-up before training: `lossmith.lint(model, x, y, loss=..., metrics=...)`.

`CHECKS` says what each code means; `callback(x, y)` stops `fit` before its first epoch; a pytest plugin gives the
fixture `lossmith_lint` and the option `--lossmith-lint`.
"""

from __future__ import annotations

from lossmith._callable import make_callable
from lossmith.lint._spec import LintResult
from lossmith.lint.api import lint
from lossmith.lint.callback import LintError, callback
from lossmith.lint.checks import CHECKS

__all__ = ["CHECKS", "LintError", "LintResult", "callback", "lint"]

make_callable(__name__, lint)
