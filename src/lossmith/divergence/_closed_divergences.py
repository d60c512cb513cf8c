"""Divergences other than Kullback and Leibler's that have a closed form because that one, or the overlap, has."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lossmith.divergence._closed import closed_kl
from lossmith.divergence._law import Law
from lossmith.divergence._laws_multivariate import closed_multivariate_kl, normal_log_overlap
from lossmith.divergence._spec import Divergence

__all__ = ["closed_divergence"]


def closed_divergence(p: Law, q: Law, record: Divergence) -> tuple[float, float] | None:
    """Return a divergence between two laws and a bound on its error by rounding, or None without a closed form."""
    solve = closed_multivariate_kl if p.kind == "multivariate" else closed_kl
    name, order = record.name, record.configuration.get("alpha")
    if name == "kl_divergence" or (name == "renyi_divergence" and order == 1):
        return solve(p, q)
    if name == "reverse_kl_divergence":
        return solve(q, p)
    if name == "jeffreys_divergence":
        forward, backward = solve(p, q), solve(q, p)
        if forward is None or backward is None:
            return None
        return forward[0] + backward[0], forward[1] + backward[1]
    if name == "renyi_divergence" and order == 0:
        return _support_share(p, q)
    return _closed_overlap(p, q, record)


def _support_share(p: Law, q: Law) -> tuple[float, float] | None:
    """Return -log of the mass of q where p has any: Renyi's divergence of order 0 of laws whose supports are intervals."""
    if p.kind == "multivariate" or q.distribution is None:
        return None
    if p.low <= q.low and p.high >= q.high:
        return 0.0, 0.0
    step = 1.0 if p.kind == "discrete" else 0.0
    below = float(q.distribution(np.array([p.low - step]))[0]) if math.isfinite(p.low) else 0.0
    above = float(q.distribution(np.array([p.high]))[0]) if math.isfinite(p.high) else 1.0
    share = above - below
    return (-math.log(share), 1e-15 / share) if share > 0 else (math.inf, 0.0)


def _closed_overlap(p: Law, q: Law, record: Divergence) -> tuple[float, float] | None:
    """Return a function of the overlap of two normal laws, and a bound on its error; None for anything else."""
    order = record.configuration.get("alpha", 0.5)
    if record.name not in _OVERLAPS or order in (0, 1) or not math.isfinite(order):
        return None
    found = normal_log_overlap(p, q, order)
    if found is None:
        return None
    log_overlap, error = found
    if math.isinf(log_overlap):
        return math.inf, 0.0
    value = _OVERLAPS[record.name](log_overlap, order)
    ends = [_OVERLAPS[record.name](log_overlap + side * error, order) for side in (-1, 1)]
    return max(0.0, value), max(abs(end - value) for end in ends)


_OVERLAPS: dict[str, Callable[[float, float], float]] = {
    "renyi_divergence": lambda log, order: log / (order - 1),
    "bhattacharyya_distance": lambda log, _: -log,
    "hellinger_distance": lambda log, _: math.sqrt(max(0.0, -math.expm1(log))),
    "tsallis_divergence": lambda log, order: _expm1(log) / (order - 1),
    "alpha_divergence": lambda log, order: _expm1(log) / (order * (order - 1)),
}


def _expm1(x: float) -> float:
    return math.inf if x > 709 else math.expm1(x)
