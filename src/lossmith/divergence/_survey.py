"""Several measurements at once: every divergence both ways, and one divergence along a parameter of a model."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith._errors import InvalidInputError, LossmithError
from lossmith._views import view
from lossmith.divergence._candidates import CANDIDATES
from lossmith.divergence._given import Pmf, Samples, resolved
from lossmith.divergence._known import read
from lossmith.divergence._measure import measure, named
from lossmith.divergence._measurement import Measurement, plain
from lossmith.divergence._records import DIVERGENCES

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Survey", "Sweep", "survey", "sweep"]


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """Divergences between two distributions, in both directions.

    Attributes
    ----------
    p, q : str
        What was compared.
    forward, backward : tuple of Measurement
        Of q from p and of p from q, one for each divergence.
    not_applicable : mapping of str to str
        Divergences that do not exist for these inputs, and why.
    """

    p: str
    q: str
    forward: tuple[Measurement, ...]
    backward: tuple[Measurement, ...]
    not_applicable: dict[str, str]

    def __getitem__(self, name: str) -> Measurement:
        wanted = str(named(name))
        for one in self.forward:
            if one.divergence == wanted:
                return one
        raise KeyError(name)

    def table(self) -> pl.DataFrame:
        """Return one row for each divergence: both directions with their intervals, unit, method and error."""
        import polars as pl

        return pl.DataFrame(
            [
                {
                    "divergence": one.divergence,
                    "p || q": one.value,
                    "q || p": other.value,
                    "symmetric": one.symmetric,
                    "unit": one.unit,
                    "method": one.method,
                    "error": max(one.error, other.error),
                    "p || q low": one.low,
                    "p || q high": one.high,
                    "q || p low": other.low,
                    "q || p high": other.high,
                    "explanation": one.explanation
                    if math.isinf(one.value)
                    else other.explanation
                    if math.isinf(other.value)
                    else "",
                }
                for one, other in zip(self.forward, self.backward, strict=True)
            ]
        )

    def plot(self, **options: Any) -> Any:
        """Return Matplotlib axes: both directions of every divergence side by side."""
        return view(self, "plot", **options)

    def report(self, path: str | PathLike[str], **options: Any) -> Any:
        """Write one HTML file that needs nothing else, and return its path."""
        return view(self, "report", path=path, **options)

    def to_json(self) -> str:
        """Return everything as strict JSON."""
        record = {
            "p": self.p,
            "q": self.q,
            "forward": [json.loads(one.to_json()) for one in self.forward],
            "backward": [json.loads(one.to_json()) for one in self.backward],
            "not_applicable": self.not_applicable,
        }
        return json.dumps(record, allow_nan=False, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return str(view(self, "html"))


def survey(p: Any, q: Any, divergences: Sequence[str] | None = None, *, unit: str = "nats", seed: int = 0) -> Survey:
    r"""Return every divergence between two distributions, both ways.

    Use it to see how much the choice of a divergence and of its direction matters for your case.

    Parameters
    ----------
    p, q : distribution
        As for `measure`.
    divergences : sequence of str or None
        Names; the whole catalogue if None (with what does not apply left out, and said so).
    unit : {"nats", "bits", "hartleys"}
    seed : int

    Raises
    ------
    InvalidInputError
        As for `measure`; no divergence applies.

    Examples
    --------
    >>> found = survey([0.5, 0.5], [0.9, 0.1])
    >>> round(found["kl"].value, 4), round(found["reverse_kl"].value, 4)
    (0.5108, 0.3681)
    """
    one, two = _labelled(p, "p"), _labelled(q, "q")
    forward, backward = [], []
    left_out: dict[str, LossmithError] = {}
    for name in DIVERGENCES if divergences is None else divergences:
        record = named(name)
        try:
            there = measure(one, two, record, unit=unit, seed=seed)
            # one number serves both directions where they are the same
            back = there if record.symmetric else measure(two, one, record, unit=unit, seed=seed)
        except LossmithError as error:
            if divergences is not None:
                raise
            left_out[record.name] = error
            continue
        forward.append(there)
        backward.append(back)
    if not forward:
        if not left_out:
            raise InvalidInputError("no divergence", expected="at least one name")
        raise next(iter(left_out.values()))
    reasons = {name: str(error) for name, error in left_out.items()}
    return Survey(forward[0].p, forward[0].q, tuple(forward), tuple(backward), reasons)


def _labelled(source: Any, name: str) -> Any:
    found = resolved(source, name)
    if isinstance(found, Pmf | Samples) and not found.name:
        return replace(found, name=name)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """A divergence along one parameter of a model.

    Attributes
    ----------
    data, family, parameter : str
    values : ndarray of shape (n_values,)
    forward, reverse : ndarray of shape (n_values,)
        D(data || model) and D(model || data), in nats.
    best_forward, best_reverse : float
        Value of the parameter with the least of each on the grid.
    """

    data: str
    family: str
    parameter: str
    values: np.ndarray
    forward: np.ndarray
    reverse: np.ndarray
    best_forward: float
    best_reverse: float

    def table(self) -> pl.DataFrame:
        """Return one row for each value of the parameter."""
        import polars as pl

        return pl.DataFrame({self.parameter: self.values, "forward": self.forward, "reverse": self.reverse})

    def plot(self, **options: Any) -> Any:
        """Return Matplotlib axes: both directions along the parameter, with their minima."""
        return view(self, "plot", **options)

    def report(self, path: str | PathLike[str], **options: Any) -> Any:
        """Write one HTML file that needs nothing else, and return its path."""
        return view(self, "report", path=path, **options)

    def to_json(self) -> str:
        """Return everything as strict JSON; numbers that JSON lacks are the strings "inf", "-inf" and "nan"."""
        record: dict[str, Any] = {name: plain(getattr(self, name)) for name in _TOLD}
        record |= {name: [plain(x) for x in getattr(self, name)] for name in ("values", "forward", "reverse")}
        return json.dumps(record, allow_nan=False, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return str(view(self, "html"))


_TOLD = ("data", "family", "parameter", "best_forward", "best_reverse")


def sweep(data: Any, family: str, values: Sequence[float] | np.ndarray) -> Sweep:
    r"""Return both directions of the Kullback-Leibler divergence between data and a model of one parameter along a grid.

    Use it to see where each direction has its minimum: that of the forward direction is maximum likelihood.

    Parameters
    ----------
    data : distribution over numbered outcomes
        Probabilities or counts, as for `approximate`.
    family : str
        A discrete family of one free parameter, such as `binom` or `poisson`.
    values : sequence of float, shape (n_values,)
        Values of the parameter to try, in its unit.

    Raises
    ------
    InvalidInputError
        A family with another number of parameters, or that is not discrete; data that are not discrete; an empty grid.

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import divergence
    >>> sweep(divergence.WORMS, "binom", np.linspace(0.5, 0.6, 101)).best_forward
    0.544
    """
    from scipy import stats

    known, model = read(data, 0), CANDIDATES[family]
    if known.kind != "discrete" or model.kind != "discrete" or len(model.parameters) != 1:
        raise InvalidInputError(
            f"{model.name} for {known.kind} data", expected="outcomes and a discrete family of one parameter"
        )
    grid = np.asarray(values, dtype=np.float64)
    if grid.ndim != 1 or not grid.size:
        raise InvalidInputError(f"values of shape {grid.shape}", expected="one value or more")
    table = Pmf(known.points.weights, known.points.places)
    found = []
    for value in grid:
        law = model.freeze(stats, (float(value),), known.points)
        found.append([measure(table, law).value, measure(law, table).value])
    forward, reverse = np.array(found).T
    return Sweep(
        known.name, model.name, model.parameters[0], grid, forward, reverse, float(grid[int(np.argmin(forward))]), float(grid[int(np.argmin(reverse))]),
    )  # fmt: skip
