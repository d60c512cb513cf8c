"""Maximum mean discrepancy, and whether it is larger than chance allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._errors import DomainError, InvalidInputError, ShapeError
from lossmith.divergence._arguments import check_seed
from lossmith.divergence._given import Samples

__all__ = ["TwoSampleTest", "mmd_test"]

_MOST_ROWS = 2000  # of each sample: the kernel matrix then takes 128 MB


@dataclass(frozen=True, slots=True)
class TwoSampleTest:
    """A test of whether two samples come from one law.

    Attributes
    ----------
    statistic : float
        The squared maximum mean discrepancy, unbiased: it may be slightly negative.
    p_value : float
        Share of permutations (the observed order among them) with a statistic at least as large.
    bandwidth : float
        Width of the Gaussian kernel.
    permutations : int
    n, m : int
        Rows used of each sample.
    """

    statistic: float
    p_value: float
    bandwidth: float
    permutations: int
    n: int
    m: int


def mmd_test(
    p: Any, q: Any, *, bandwidth: float | None = None, permutations: int = 999, seed: int = 0
) -> TwoSampleTest:
    r"""Return the maximum mean discrepancy of two samples with the p-value of a permutation test.

    Use it to ask whether two samples differ at all, in any number of features; the p-value is exact for samples of
    exchangeable rows, whatever the law. The kernel is Gaussian: `exp(-|x - y|^2 / (2 h^2))`.

    Parameters
    ----------
    p, q : array of shape (n_samples,) or (n_samples, n_features), or Samples
        Of more than 2,000 rows a random 2,000 are used.
    bandwidth : float or None
        The width h; the median distance between rows of the pooled sample if None (Gretton's rule).
    permutations : int
        The p-value is at least 1 / (permutations + 1).
    seed : int

    Raises
    ------
    ShapeError, DomainError, InvalidInputError
        Samples that do not fit; fewer than two rows; a width or a number of permutations that is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> mmd_test(rng.normal(size=200), rng.normal(1.0, size=200)).p_value
    0.001

    Source: Gretton, Borgwardt, Rasch, Schoelkopf and Smola, A kernel two-sample test, 2012.
    """
    x, y = (
        side.checked(name) if isinstance(side, Samples) else Samples(side).checked(name)
        for side, name in ((p, "p"), (q, "q"))
    )
    if x.shape[1] != y.shape[1]:
        raise ShapeError(f"samples with {x.shape[1]} and {y.shape[1]} features", expected="the same features")
    if bandwidth is not None and not 0 < bandwidth < math.inf:
        raise DomainError(f"bandwidth={bandwidth!r}", expected="a positive number")
    if not isinstance(permutations, int) or permutations < 1:
        raise InvalidInputError(f"permutations={permutations!r}", expected="an integer of at least 1")
    check_seed(seed)
    generator = np.random.default_rng(seed)
    x, y = (generator.permutation(side)[:_MOST_ROWS] for side in (x, y))
    pooled = np.concatenate([x, y])
    squares = _squared_distances(pooled)
    n, m = len(x), len(y)
    if bandwidth is None:
        median = float(np.median(squares[np.triu_indices(n + m, 1)]))
        bandwidth = math.sqrt(median) if median > 0 else 1.0
    kernel = np.exp(-squares / (2 * bandwidth * bandwidth))
    np.fill_diagonal(kernel, 0.0)
    total = float(kernel.sum())
    # one column of signs for each permutation: products with the kernel do them all at once
    members = np.zeros((n + m, permutations + 1))
    members[:n, 0] = 1.0
    for column in range(1, permutations + 1):
        members[generator.permutation(n + m)[:n], column] = 1.0
    towards = kernel @ members
    within_x = np.sum(members * towards, axis=0)
    across = np.sum((1 - members) * towards, axis=0)
    within_y = total - within_x - 2 * across
    values = within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)
    # sums in another order may differ in the last digits: ties count as at least as large
    larger = int(np.sum(values >= values[0] - 1e-12 * abs(values[0])))
    return TwoSampleTest(float(values[0]), larger / (permutations + 1), bandwidth, permutations, n, m)


def _squared_distances(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=0)
    lengths = np.sum(centred * centred, axis=1)
    return np.maximum(lengths[:, None] + lengths[None, :] - 2 * centred @ centred.T, 0.0)
