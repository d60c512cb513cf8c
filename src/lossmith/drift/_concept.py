"""Concept drift on a stream of errors, by river's detectors (the `river` extra)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError, MissingExtraError, UnknownNameError, did_you_mean

__all__ = ["CONCEPT_DETECTORS", "concept_drift"]

CONCEPT_DETECTORS = {
    "adwin": "two windows of any split differ in mean: Bifet and Gavalda, 2007",
    "ddm": "errors (0 or 1) rise three standard deviations above their lowest rate: Gama et al., 2004",
    "page_hinkley": "the cumulated difference from the mean rises: Page, 1954",
}


def _maker(name: str) -> Callable[[], Any]:
    try:
        from river import drift
    except ImportError as error:
        raise MissingExtraError(
            "river is not installed", expected="its detectors of concept drift", advice="pip install 'lossmith[river]'"
        ) from error
    makers: dict[str, Callable[[], Any]] = {
        "adwin": drift.ADWIN,
        "ddm": drift.binary.DDM,
        "page_hinkley": drift.PageHinkley,
    }
    return makers[name]


def concept_drift(errors: Any, *, method: str = "adwin") -> tuple[int, ...]:
    """Return the rows, from 0, at which a detector of river says that the errors of a model have changed.

    Use it row by row where labels come at once. The false alarms of these detectors are not controlled; for that use
    `Monitor` with `target` and `prediction`.

    Parameters
    ----------
    errors : array of shape (n_samples,)
        0 where the model was right and 1 where it was wrong; numbers for `adwin` and `page_hinkley`.
    method : {"adwin", "ddm", "page_hinkley"}

    Raises
    ------
    MissingExtraError
        river is not installed.
    UnknownNameError, InvalidInputError
        No such method; errors that are not finite numbers, or for `ddm` not 0 and 1.

    Examples
    --------
    >>> sorted(CONCEPT_DETECTORS)
    ['adwin', 'ddm', 'page_hinkley']
    """
    name = method.lower().replace("-", "_")
    if name not in CONCEPT_DETECTORS:
        raise UnknownNameError(f"unknown method {method!r}", advice=did_you_mean(method, CONCEPT_DETECTORS))
    values = np.asarray(errors, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InvalidInputError(f"errors of shape {values.shape}", expected="finite numbers of shape (n_samples,)")
    if name == "ddm" and not np.isin(values, (0, 1)).all():
        raise InvalidInputError("errors other than 0 and 1 for ddm", expected="0 or 1", advice="use adwin for numbers")
    detector = _maker(name)()
    found = []
    for row, value in enumerate(values.tolist()):
        detector.update(bool(value) if name == "ddm" else value)
        if detector.drift_detected:
            found.append(row)
    return tuple(found)
