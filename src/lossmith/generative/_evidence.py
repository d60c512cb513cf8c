"""The evidence lower bound of held-out rows, taken apart, with findings where a latent code is not used."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from lossmith._checks import Finding
from lossmith._views import view
from lossmith.generative._checks import CHECKS
from lossmith.generative._latent_model import LatentModel

__all__ = ["Evidence", "evidence"]

SILENT = 0.01  # nats below which a dimension says nothing, and variance of its mean below which it is not active


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a variational autoencoder makes of rows, in nats for a row.

    Attributes
    ----------
    n_samples : int
    reconstruction : float
        Minus the expected log-likelihood under the code, one draw for each row.
    divergence : float
        From the prior, the sum of `by_dimension`.
    by_dimension : ndarray of shape (latent,)
    active : ndarray of bool, shape (latent,)
        Dimensions whose mean varies between rows: its variance is above 0.01.
    standard_error : float
        Of the negative evidence lower bound over rows.
    importance_weighted : float
        Minus the importance-weighted bound; NaN where it was not asked for.
    importance_samples : int
    n_features : int
    findings : tuple of Finding
    """

    n_samples: int
    reconstruction: float
    divergence: float
    by_dimension: np.ndarray
    active: np.ndarray
    standard_error: float
    importance_weighted: float
    importance_samples: int
    n_features: int
    findings: tuple[Finding, ...]

    @property
    def negative_elbo(self) -> float:
        """Reconstruction plus divergence: an upper bound on the negative log-likelihood of a row."""
        return self.reconstruction + self.divergence

    @property
    def bits_per_feature(self) -> float:
        """The bound in bits for one feature."""
        return self.negative_elbo / self.n_features / math.log(2)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the negative evidence lower bound over rows."""
        half = 1.959963984540054 * self.standard_error
        return self.negative_elbo - half, self.negative_elbo + half

    def table(self) -> pl.DataFrame:
        """Return a line for each dimension: divergence, whether it is active; the most used first."""
        order = np.argsort(-self.by_dimension, kind="stable")
        return pl.DataFrame({"dimension": order, "divergence": self.by_dimension[order], "active": self.active[order]})

    def plot(self, **options: Any) -> Any:
        """Draw the divergence of every dimension; return the Matplotlib axes."""
        return view(self, "plot", **options)

    def report(self, path: Any) -> Any:
        """Write everything as one HTML page; return the path."""
        return view(self, "report", path=path)

    def to_json(self) -> str:
        """Return everything as strict JSON."""
        known = math.isfinite(self.importance_weighted)
        return json.dumps(
            {
                "n_samples": self.n_samples,
                "negative_elbo": self.negative_elbo,
                "interval": self.interval,
                "reconstruction": self.reconstruction,
                "divergence": self.divergence,
                "bits_per_feature": self.bits_per_feature,
                "importance_weighted": self.importance_weighted if known else None,
                "importance_samples": self.importance_samples,
                "active_units": int(self.active.sum()),
                "dimensions": self.table().to_dicts(),
                "findings": [asdict(finding) for finding in self.findings],
            },
            allow_nan=False,
        )

    def __str__(self) -> str:
        low, high = self.interval
        lines = [
            f"-ELBO {self.negative_elbo:.2f} nats [{low:.2f}, {high:.2f}] = reconstruction {self.reconstruction:.2f} "
            f"+ divergence {self.divergence:.2f}; {int(self.active.sum())} of {len(self.active)} dimensions active"
        ]
        if math.isfinite(self.importance_weighted):
            lines.append(
                f"-log p(x) at most {self.importance_weighted:.2f} nats ({self.importance_samples} importance samples)"
            )
        return "\n".join([*lines, *(finding.line() for finding in self.findings)])

    def _repr_html_(self) -> str:
        return str(view(self, "html"))


def evidence(
    model: LatentModel, weights: list[np.ndarray], rows: np.ndarray, *, log_volume: float, samples: int, seed: int
) -> Evidence:
    """Return the evidence of rows as the network sees them; `log_volume` turns log-densities into units of the rows."""
    from lossmith.losses import gaussian_kl_by_dimension

    mean, log_variance = (np.asarray(part, np.float64) for part in model.by_blocks("encode", weights, rows))
    parts = gaussian_kl_by_dimension(mean, log_variance)
    noise = np.random.default_rng(seed).normal(size=mean.shape)
    codes = (mean + np.exp(0.5 * log_variance) * noise).astype(np.float32)
    known = model.by_blocks("log_likelihood", weights, codes, rows).astype(np.float64) + log_volume
    by_row = -known + parts.sum(axis=1)
    weighted = math.nan
    if samples:
        found = model.by_blocks("importance", weights, rows, samples=samples, key=seed)
        weighted = -float(np.mean(found, dtype=np.float64)) - log_volume
    by_dimension = parts.mean(axis=0)
    active = mean.var(axis=0) > SILENT
    error = float(by_row.std(ddof=1) / math.sqrt(len(rows))) if len(rows) > 1 else math.nan
    return Evidence(
        n_samples=len(rows),
        reconstruction=-float(known.mean()),
        divergence=float(by_dimension.sum()),
        by_dimension=by_dimension,
        active=active,
        standard_error=error if math.isfinite(error) else 0.0,
        importance_weighted=weighted,
        importance_samples=samples,
        n_features=int(np.prod(model.shape)),
        findings=_findings(by_dimension, active) if len(rows) > 1 else (),
    )


def _findings(by_dimension: np.ndarray, active: np.ndarray) -> tuple[Finding, ...]:
    total = len(active)
    if not active.any():
        return (
            CHECKS["posterior-collapse"].found(
                "code",
                f"none of {total} dimensions varies between rows; the divergence is {by_dimension.sum():.3g} nats",
            ),
        )
    idle = np.flatnonzero(~active)
    if not len(idle):
        return ()
    shown = ", ".join(map(str, idle[:10])) + (", ..." if len(idle) > 10 else "")
    return (CHECKS["idle-dimensions"].found("code", f"{len(idle)} of {total} dimensions are not used: {shown}"),)
