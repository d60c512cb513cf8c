"""How well samples cover the modes of a mixture that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lossmith._errors import ShapeError
from lossmith.generative._mixtures import PlanarMixture

__all__ = ["REACH", "Coverage", "mode_coverage"]

REACH = 3.0  # deviations from its mode within which a sample is of high quality


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Which modes samples fall on, and how good they are.

    Attributes
    ----------
    shares : ndarray of shape (n_modes,)
        Share of samples whose nearest mode it is.
    good_shares : ndarray of shape (n_modes,)
        The same of high-quality samples alone, which lie within three deviations of their mode; zeros where there are none.
    quality : float
        Share of high-quality samples; 0.9889 for the mixture itself in two dimensions.
    modes : int
        Modes with at least one high-quality sample.
    kl_to_uniform : float
        Divergence of the modes' shares (all samples, by nearest mode) from equal ones, in nats; `log(n_modes)` if all fall on one.
    good_kl_to_uniform : float
        The same of high-quality samples; infinite where there are none.
    """

    shares: np.ndarray
    good_shares: np.ndarray
    quality: float
    modes: int
    kl_to_uniform: float
    good_kl_to_uniform: float


def mode_coverage(samples: np.ndarray, mixture: PlanarMixture) -> Coverage:
    r"""Return how samples are spread over the modes of the mixture that they should come from.

    Use it where the law is known, to tell covering every mode from repeating one.

    The divergence is that of the learned law of modes from the true one, $\sum_k s_k \log(s_k K)$ over the shares $s$ of K
    modes; with n samples of the true law it is about $(K - 1) / 2n$.

    Parameters
    ----------
    samples : array of shape (n_samples, n_features)
    mixture : PlanarMixture

    Raises
    ------
    ShapeError
        No samples, or with other features.

    Source: Srivastava and others, VEEGAN, 2017.

    Examples
    --------
    >>> from lossmith.generative import ring_of_gaussians
    >>> ring = ring_of_gaussians()
    >>> found = mode_coverage(ring.centers[:2], ring)
    >>> found.modes, found.quality, round(found.kl_to_uniform, 4)
    (2, 1.0, 1.3863)
    """
    from lossmith.divergence import kl_divergence

    rows = np.asarray(samples, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != mixture.centers.shape[1] or not len(rows):
        raise ShapeError(
            f"samples of shape {rows.shape}",
            expected=f"(n_samples, {mixture.centers.shape[1]}) with one sample or more",
        )
    n_modes = len(mixture.centers)
    apart = np.linalg.norm(rows[:, None, :] - mixture.centers[None], axis=2)
    apart[~np.isfinite(apart)] = np.inf
    nearest, distance = apart.argmin(axis=1), apart.min(axis=1)
    good = distance <= REACH * mixture.deviation
    counts = np.bincount(nearest, minlength=n_modes)
    good_counts = np.bincount(nearest[good], minlength=n_modes)
    uniform = np.full(n_modes, 1 / n_modes)
    shares = counts / len(rows)
    good_shares = good_counts / max(int(good.sum()), 1)
    return Coverage(
        shares=shares,
        good_shares=good_shares,
        quality=float(good.mean()),
        modes=int((good_counts > 0).sum()),
        kl_to_uniform=float(kl_divergence(shares, uniform)),
        good_kl_to_uniform=float(kl_divergence(good_shares, uniform)) if good.any() else float("inf"),
    )
