"""The normal law that is closest to another law, in either direction: one covers its modes, the other seeks one."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith._views import view
from lossmith.divergence._given import resolved
from lossmith.divergence._law import Law
from lossmith.divergence._laws_scipy import scipy_law
from lossmith.divergence._measurement import plain
from lossmith.divergence._numeric import by_quadrature, points_of
from lossmith.divergence._quadrature import integrate
from lossmith.divergence._terms import kl, reverse_kl

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Projections", "closest_normals"]


@dataclass(frozen=True, slots=True, eq=False)
class Projections:
    """The normal laws closest to a law on the line.

    Attributes
    ----------
    label : str
    law : Law
    forward, reverse : tuple of float
        Mean and standard deviation of the normal law with the least D(law || normal) and D(normal || law).
    forward_divergence, reverse_divergence : float
        Those minima, in nats.
    """

    label: str
    law: Law
    forward: tuple[float, float]
    reverse: tuple[float, float]
    forward_divergence: float
    reverse_divergence: float

    def table(self) -> pl.DataFrame:
        """Return one row for each direction."""
        import polars as pl

        rows = [
            ("forward", *self.forward, self.forward_divergence),
            ("reverse", *self.reverse, self.reverse_divergence),
        ]
        return pl.DataFrame(rows, schema=["direction", "mean", "deviation", "divergence"], orient="row")

    def plot(self, **options: Any) -> Any:
        """Return Matplotlib axes: the law and both normal laws."""
        return view(self, "plot", **options)

    def report(self, path: str | PathLike[str], **options: Any) -> Any:
        """Write one HTML file that needs nothing else, and return its path."""
        return view(self, "report", path=path, **options)

    def to_json(self) -> str:
        """Return everything but the law as strict JSON."""
        rows = [{key: plain(value) for key, value in row.items()} for row in self.table().to_dicts()]
        return json.dumps({"law": self.label, "closest": rows}, allow_nan=False, ensure_ascii=False)

    def _repr_html_(self) -> str:
        return str(view(self, "html"))


def closest_normals(p: Any) -> Projections:
    r"""Return the normal laws closest to a density on the line, by the forward and by the reverse Kullback-Leibler divergence.

    Use it to see what minimising each direction does: forward spreads over everything p covers (it has p's mean and variance),
    reverse settles on one mode.

    Parameters
    ----------
    p : density on the line
        A mixture, a frozen SciPy distribution or a `Density`.

    Raises
    ------
    InvalidInputError
        No density on the line, or one without a variance.

    Examples
    --------
    >>> from lossmith.divergence import GaussianMixture
    >>> found = closest_normals(GaussianMixture([0.7, 0.3], [-3.0, 3.0], [1.0, 1.0]))
    >>> [round(x, 3) for x in found.forward]  # mean -1.2, variance 1 + 36 * 0.21
    [-1.2, 2.926]
    >>> [round(x, 1) for x in found.reverse]
    [-3.0, 1.0]
    """
    from scipy import optimize, stats

    law = resolved(p, "p")
    if not isinstance(law, Law) or law.kind != "continuous":
        raise InvalidInputError(f"{getattr(law, 'label', type(p).__name__)}", expected="a density on the line")

    def moment(power: int) -> float:
        def function(x: np.ndarray, log_slope: np.ndarray) -> np.ndarray:
            return np.where(
                x == 0,
                0.0,
                np.sign(x) ** power
                * np.exp(law.log_density(x) + power * np.log(np.abs(np.where(x == 0, 1.0, x))) + log_slope),
            )

        return integrate(function, law.low, law.high, points_of(law)).value

    mean = moment(1)
    variance = moment(2) - mean * mean
    if not (math.isfinite(variance) and variance > 0):
        raise InvalidInputError(f"{law.label} without a variance", expected="a law with a variance")
    deviation = math.sqrt(variance)

    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    weights = weights / weights.sum()

    def distance(line: np.ndarray) -> float:
        # the mean of log p under the normal law by Gauss and Hermite: enough to find the minimum, whose value is integrated below
        logs = law.log_density(float(line[0]) + math.exp(float(line[1])) * nodes)
        found = -0.5 * math.log(2 * math.pi * math.e) - float(line[1]) - float(weights @ logs)
        return found if math.isfinite(found) else 1e300

    starts = [
        (mean + shift * deviation, math.log(deviation * size))
        for shift in (-1.5, -0.5, 0.5, 1.5)
        for size in (0.25, 0.7)
    ]
    tried = [
        optimize.minimize(distance, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
        for start in starts
    ]
    best = min(tried, key=lambda found: found.fun)
    reverse = float(best.x[0]), math.exp(float(best.x[1]))
    broad, narrow = (scipy_law(stats.norm(*parameters)) for parameters in ((mean, deviation), reverse))
    return Projections(
        law.label, law, (mean, deviation), reverse, by_quadrature(law, broad, kl).value, by_quadrature(law, narrow, reverse_kl).value
    )  # fmt: skip
