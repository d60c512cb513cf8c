"""A pytest plugin: the fixture `lossmith_lint` for one set-up, the option `--lossmith-lint` for every `fit` of a suite.

It is found through the entry point of the package and imports nothing heavy until it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["lossmith_lint", "pytest_addoption", "pytest_configure"]

_SEVERITIES = ("error", "warning", "info")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--lossmith-lint` and `--lossmith-lint-severity`."""
    group = parser.getgroup("lossmith")
    group.addoption("--lossmith-lint", action="store_true", help="lint each model.fit of the suite before it trains")
    group.addoption(
        "--lossmith-lint-severity",
        choices=_SEVERITIES,
        default="error",
        help="findings of this severity or above fail the test (default: error)",
    )


def _fail(result: Any, severity: str) -> None:
    worst = result.worst(severity)
    if worst:
        lines = [f"{finding.line()}\n    -> {finding.command}" for finding in worst]
        pytest.fail("lossmith lint:\n" + "\n".join(lines), pytrace=False)


@pytest.fixture
def lossmith_lint() -> Callable[..., Any]:
    """Return `check(model, x, y, severity="info", **options)`, which fails the test if the lint finds something.

    Options are those of `lossmith.lint`; the result is returned where nothing fails.
    """

    def check(model: Any, x: Any, y: Any = None, *, severity: str = "info", **options: Any) -> Any:
        from lossmith.lint.api import lint

        result = lint(model, x, y, **options)
        _fail(result, severity)
        return result

    return check


class _Fits:
    """Registered where the option is given: lints each `fit` while a test runs."""

    def __init__(self, severity: str) -> None:
        self.severity = severity

    @pytest.fixture(autouse=True)
    def _lossmith_lint_fits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from lossmith.lint._keras import any_keras
        from lossmith.lint.api import lint

        model, severity = any_keras().Model, self.severity
        train = model.fit

        def fit(network: Any, x: Any = None, y: Any = None, *arguments: Any, **options: Any) -> Any:
            weights = {
                name: options[name] for name in ("sample_weight", "class_weight") if options.get(name) is not None
            }
            # an iterator would lose the batches that are looked at
            if x is not None and (y is not None or not hasattr(x, "__next__")):
                _fail(lint(network, x, y, **weights), severity)
            return train(network, x, y, *arguments, **options)

        monkeypatch.setattr(model, "fit", fit)


def pytest_configure(config: pytest.Config) -> None:
    """Lint every `fit` where the option is given."""
    if config.getoption("--lossmith-lint"):
        config.pluginmanager.register(_Fits(config.getoption("--lossmith-lint-severity")), "lossmith-lint-fits")
