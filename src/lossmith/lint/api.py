"""`lint`: a Keras set-up checked before it is trained."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lossmith._checks import Finding
from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith.lint import _setup
from lossmith.lint._heads import HEADS
from lossmith.lint._keras import any_keras, compiled_loss, compiled_metrics, open_model
from lossmith.lint._library import LIBRARY
from lossmith.lint._metrics import imbalance, metric_findings
from lossmith.lint._setup import Setup
from lossmith.lint._spec import LintResult, Measured
from lossmith.lint._start import START, dead_layers
from lossmith.lint._targets import TARGETS
from lossmith.lint._weights import WEIGHTS
from lossmith.lint.checks import CHECKS

__all__ = ["lint"]

_ORDER = {"error": 0, "warning": 1, "info": 2}
# a set-up that is wrong in form has wrong numbers as well: they are said once, under the cause
_FORM = frozenset(
    f"LS{code}" for code in (201, 202, 203, 204, 205, 207, 208, 209, 212, 213, 214, 215, 216, 217, 225, 228, 230)
)
_CONSEQUENCES = frozenset({"LS218", "LS219", "LS220", "LS221"})
_ASIDE = frozenset({"LS204", "LS205", "LS206", "LS209"})  # said only where the form is right otherwise
_ROOTS = frozenset({"LS201", "LS203", "LS215", "LS217", "LS225"})


def lint(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    loss: Any = None,
    metrics: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    ignore: Sequence[str] = (),
    rows: int = 256,
) -> LintResult:
    """Check a Keras model, its loss, its metrics and a sample of its data before training.

    Use it before `fit`: every check names what was seen in numbers, why it matters and the corrected line of code.
    Nothing is trained and the model is left as it is. Works on every backend of Keras.

    Parameters
    ----------
    model : keras.Model, path of a `.keras` file, or callable that returns a model
        Files are opened in safe mode: no code in them is run.
    x : array, frame, list or mapping of arrays; or an iterable of batches (x, y) or (x, y, sample_weight)
    y : array, frame, list or mapping of arrays
        Targets as they are given to `fit`; None where `x` gives batches.
    loss : str, keras.losses.Loss, function, lossmith loss, or a list or mapping with one for each output
        By default the one that the model was compiled with.
    metrics : as in `compile`
        By default those of the compiled model.
    sample_weight, class_weight : as in `fit`
    ignore : sequence of str
        Codes or names of checks that are left out.
    rows : int
        Rows on which outputs and gradients are measured; labels, ranges and weights are checked on all rows.

    Returns
    -------
    LintResult

    Raises
    ------
    InvalidInputError
        No loss, data that do not fit the model, a file that cannot be opened.

    Examples
    --------
    >>> import numpy as np
    >>> import lossmith
    >>> from lossmith.training import load_keras
    >>> keras = load_keras()
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="tanh")])
    >>> model.compile(loss="hinge", metrics=["accuracy"])
    >>> x, y = np.random.default_rng(0).normal(size=(60, 2)), np.where(np.arange(60) % 2, 1, -1)
    >>> lossmith.lint(model, x, y).codes
    ('LS210',)
    """
    if rows < 2:
        raise InvalidInputError(f"rows={rows}", expected="at least 2", advice="256 is usual")
    ignored = _ignored(ignore)
    keras = any_keras()
    opened = open_model(model, keras)
    with warnings.catch_warnings():
        # what Keras warns about while it is looked at is reported as a finding, or is about the looking
        warnings.simplefilter("ignore")
        found = _setup.setups(
            opened,
            x,
            y,
            loss=compiled_loss(opened) if loss is None else loss,
            metrics=compiled_metrics(opened) if metrics is None else metrics,
            weights=(sample_weight, class_weight),
            rows=rows,
        )
        findings = [finding for setup in found for finding in _findings(setup)]
    if not any(finding.code in _FORM | _CONSEQUENCES for finding in findings):
        dead = dead_layers(found)
        findings += [dead] if dead is not None else []
    kept = [finding for finding in findings if finding.code not in ignored]
    return LintResult(
        model=str(getattr(opened, "name", type(opened).__name__)),
        n_rows=len(found[0].y),
        n_sampled=len(found[0].target),
        findings=tuple(sorted(kept, key=lambda finding: _ORDER[finding.severity])),
        ignored=tuple(sorted(ignored)),
        measured=tuple(_measured(setup) for setup in found),
    )


def _ignored(names: Sequence[str]) -> frozenset[str]:
    wanted = [names] if isinstance(names, str) else list(names)
    by_name = {check.name: check.code for check in CHECKS.values()} | {
        check.code: check.code for check in CHECKS.values()
    }
    for name in wanted:
        if name not in by_name:
            raise UnknownNameError(f"unknown check {name!r}", advice=did_you_mean(name, by_name))
    return frozenset(by_name[name] for name in wanted)


def _all(setup: Setup) -> Iterator[Finding]:
    for check in (*TARGETS, *HEADS, *LIBRARY, *WEIGHTS):
        finding = check(setup)
        if finding is not None:
            yield finding
    yield from metric_findings(setup)
    for check in (imbalance, *START):
        finding = check(setup)
        if finding is not None:
            yield finding


def _findings(setup: Setup) -> list[Finding]:
    """Return the findings of one output, causes without their consequences."""
    found = list(_all(setup))
    codes = {finding.code for finding in found}
    if codes & _FORM:
        found = [finding for finding in found if finding.code not in _CONSEQUENCES]
    if "LS218" in codes:
        found = [finding for finding in found if finding.code not in ("LS219", "LS221")]
    if codes & _ROOTS:
        found = [finding for finding in found if finding.code not in _ASIDE]
    if setup.problem and not codes & _FORM:
        command = f"keras.layers.Dense({setup.y.shape[-1] if setup.y.ndim > 1 else 1})  # or another shape of y"
        seen = f"targets of shape {setup.target.shape}, outputs of shape {setup.output.shape}: {setup.problem}"
        found.append(CHECKS["LS231"].found(setup.name, seen, command=command))
    return found


def _measured(setup: Setup) -> Measured:
    flat = setup.output.reshape(-1)
    step = max(1, len(flat) // 5000)
    gradient = np.empty(0) if setup.gradient is None else setup.gradient.reshape(len(setup.output), -1)
    return Measured(
        name=setup.name,
        loss=setup.loss.name,
        activation=setup.activation or "not known",
        outputs=flat[::step],
        mean_loss=float("nan") if setup.value is None else float(np.mean(setup.value)),
        gradient_norms=np.linalg.norm(gradient, axis=1) if gradient.size else np.empty(0),
    )
