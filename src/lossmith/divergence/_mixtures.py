"""Gaussian mixtures: the law, and the approximations of Hershey and Olsen for the divergence that has no closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lossmith._errors import DomainError, InvalidInputError, ShapeError
from lossmith.divergence._law import Law
from lossmith.divergence._laws_multivariate import normal_law

__all__ = ["GaussianMixture"]


@dataclass(frozen=True, slots=True, eq=False)
class GaussianMixture:
    """A mixture of normal laws.

    Attributes
    ----------
    weights : array of shape (n_components,)
        Adding up to 1.
    means : array of shape (n_components,) or (n_components, n_features)
    covariances : array of shape (n_components,) or (n_components, n_features, n_features)
        Variances in one dimension (not standard deviations).
    name : str

    Raises
    ------
    ShapeError, DomainError
        Shapes that do not fit; weights that are no distribution; covariances that are not positive definite.

    Examples
    --------
    >>> from lossmith import divergence
    >>> one = GaussianMixture([0.5, 0.5], [-1.0, 1.0], [1.0, 1.0])
    >>> same = GaussianMixture([0.25, 0.25, 0.5], [-1.0, -1.0, 1.0], [1.0, 1.0, 1.0])
    >>> abs(float(divergence.measure(one, same))) < 1e-12
    True
    """

    weights: Any
    means: Any
    covariances: Any
    name: str = ""

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, dtype=np.float64)
        means = np.asarray(self.means, dtype=np.float64)
        covariances = np.asarray(self.covariances, dtype=np.float64)
        means = means[:, None] if means.ndim == 1 else means
        covariances = covariances[:, None, None] if covariances.ndim == 1 else covariances
        if weights.ndim != 1 or means.ndim != 2 or len(means) != len(weights):
            raise ShapeError(
                f"weights of shape {weights.shape} and means of shape {means.shape}",
                expected="one mean for each weight",
            )
        n_features = means.shape[1]
        if covariances.shape != (len(weights), n_features, n_features):
            raise ShapeError(
                f"covariances of shape {covariances.shape}", expected=f"({len(weights)}, {n_features}, {n_features})"
            )
        if not (np.all(weights >= 0) and abs(math.fsum(weights) - 1) < 1e-8):
            raise DomainError(f"weights that add up to {math.fsum(weights):.6g}", expected="a distribution")
        if not (np.isfinite(means).all() and np.isfinite(covariances).all()):
            raise DomainError("means or covariances with NaN or infinities", expected="finite numbers")
        turned = np.swapaxes(covariances, 1, 2)
        if not np.allclose(covariances, turned, rtol=1e-8, atol=1e-12 * float(np.abs(covariances).max(initial=0.0))):
            raise DomainError("a covariance that is not symmetric", expected="positive definite matrices")
        try:
            np.linalg.cholesky(covariances)
        except np.linalg.LinAlgError:
            raise DomainError(
                "a covariance that is not positive definite", expected="positive definite matrices"
            ) from None
        kept = weights > 0
        object.__setattr__(self, "weights", weights[kept] / math.fsum(weights))
        object.__setattr__(self, "means", means[kept])
        object.__setattr__(self, "covariances", covariances[kept])

    @classmethod
    def from_sklearn(cls, fitted: Any) -> GaussianMixture:
        """Return the mixture that a fitted `sklearn.mixture.GaussianMixture` holds, of any covariance type.

        Raises
        ------
        InvalidInputError
            Not fitted.
        """
        if not hasattr(fitted, "means_"):
            raise InvalidInputError(f"a {type(fitted).__name__} that is not fitted", expected="a fitted mixture")
        n_components, n_features = fitted.means_.shape
        eye = np.eye(n_features)
        covariances = {
            "full": lambda c: c,
            "tied": lambda c: np.broadcast_to(c, (n_components, n_features, n_features)),
            "diag": lambda c: c[:, :, None] * eye,
            "spherical": lambda c: c[:, None, None] * eye,
        }[fitted.covariance_type](fitted.covariances_)
        return cls(fitted.weights_, fitted.means_, covariances, "mixture")

    @property
    def n_components(self) -> int:
        """Number of components with weight."""
        return int(self.weights.size)

    @property
    def n_features(self) -> int:
        """Dimension."""
        return int(self.means.shape[1])

    def parts(self) -> list[Law]:
        """Return the components as laws of several dimensions."""
        return [normal_law(mean, covariance) for mean, covariance in zip(self.means, self.covariances, strict=True)]

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return the log-density at x of shape (n, n_features)."""
        logs = np.stack([part.log_density(x) for part in self.parts()]) + np.log(self.weights)[:, None]
        peak = np.max(logs, axis=0)
        return peak + np.log(np.sum(np.exp(logs - peak), axis=0))

    def draw(self, generator: np.random.Generator, n: int) -> np.ndarray:
        """Return n draws of shape (n, n_features)."""
        chosen = generator.choice(self.n_components, size=n, p=self.weights)
        roots = np.linalg.cholesky(self.covariances)
        noise = generator.standard_normal((n, self.n_features))
        return self.means[chosen] + np.einsum("nij,nj->ni", roots[chosen], noise)

    def mixture_law(self) -> Law:
        """Return the law: on the line in one dimension, otherwise of several dimensions."""
        label = self.name or f"mixture of {self.n_components} normals"
        if self.n_components == 1:
            return self._single(label)
        if self.n_features > 1:
            return Law(
                label, "multivariate", self.log_density, "gaussian_mixture", {"mixture": self}, draw=self.draw,
                dimension=self.n_features,
            )  # fmt: skip
        deviations = np.sqrt(self.covariances[:, 0, 0])
        spots = self.means[:, 0, None] + deviations[:, None] * np.array(
            [-37.0, -7.0, -3.0, -1.0, 0.0, 1.0, 3.0, 7.0, 37.0]
        )
        return Law(
            label,
            "continuous",
            lambda x: self.log_density(np.asarray(x)[:, None]),
            "gaussian_mixture",
            {"mixture": self},
            draw=lambda generator, n: self.draw(generator, n)[:, 0],
            distribution=self._distribution,
            places=tuple(float(spot) for spot in spots.ravel()),
        )

    def _single(self, label: str) -> Law:
        if self.n_features > 1:
            return replace(self.parts()[0], label=label)
        from scipy import stats

        from lossmith.divergence._laws_scipy import scipy_law

        return scipy_law(stats.norm(float(self.means[0, 0]), math.sqrt(float(self.covariances[0, 0, 0]))), label)

    def _distribution(self, x: np.ndarray) -> np.ndarray:
        from scipy.special import ndtr

        scaled = (np.asarray(x)[..., None] - self.means[:, 0]) / np.sqrt(self.covariances[:, 0, 0])
        return ndtr(scaled) @ self.weights
