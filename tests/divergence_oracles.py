"""Every divergence by its definition, in 60 digits: slow, plain, and written without the code under test."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mpmath as mp

DIGITS = 60
Numbers = Sequence[mp.mpf]


def numbers(values: Sequence[float], *, normalised: bool) -> list[mp.mpf]:
    """Return the doubles exactly, divided by their exact sum if `normalised`."""
    exact = [mp.mpf(float(value)) for value in values]
    total = mp.fsum(exact) if normalised else mp.mpf(1)
    return [value / total for value in exact]


def kl(p: Numbers, q: Numbers) -> mp.mpf:
    if any(a > 0 and b == 0 for a, b in zip(p, q, strict=True)):
        return mp.inf
    return mp.fsum(a * mp.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def jensen_shannon(p: Numbers, q: Numbers, weight: float = 0.5) -> mp.mpf:
    w = mp.mpf(weight)
    m = [w * a + (1 - w) * b for a, b in zip(p, q, strict=True)]
    return w * kl(p, m) + (1 - w) * kl(q, m)


def skew(p: Numbers, q: Numbers, alpha: float) -> mp.mpf:
    return kl(p, [(1 - mp.mpf(alpha)) * a + mp.mpf(alpha) * b for a, b in zip(p, q, strict=True)])


def powers(p: Numbers, q: Numbers, alpha: float) -> mp.mpf:
    a = mp.mpf(alpha)
    total = mp.mpf(0)
    for x, y in zip(p, q, strict=True):
        if x > 0 and y > 0:
            total += x**a * y ** (1 - a)
        elif (x > 0 and a >= 1) or (y > 0 and a <= 0):
            return mp.inf
    return total


def renyi(p: Numbers, q: Numbers, alpha: float) -> mp.mpf:
    if alpha == 1:
        return kl(p, q)
    if alpha == 0:
        return -mp.log(mp.fsum(b for a, b in zip(p, q, strict=True) if a > 0))
    if alpha == float("inf"):
        return mp.log(max(a / b if b > 0 else mp.inf for a, b in zip(p, q, strict=True) if a > 0))
    total = powers(p, q, alpha)
    return mp.log(total) / (mp.mpf(alpha) - 1) if total > 0 else mp.inf


def tsallis(p: Numbers, q: Numbers, alpha: float) -> mp.mpf:
    return kl(p, q) if alpha == 1 else (powers(p, q, alpha) - 1) / (mp.mpf(alpha) - 1)


def alpha_divergence(p: Numbers, q: Numbers, alpha: float) -> mp.mpf:
    if alpha in (0, 1):
        return kl(p, q) if alpha == 1 else kl(q, p)
    return (powers(p, q, alpha) - 1) / (mp.mpf(alpha) * (mp.mpf(alpha) - 1))


def overlap(p: Numbers, q: Numbers) -> mp.mpf:
    return mp.fsum(mp.sqrt(a * b) for a, b in zip(p, q, strict=True))


def chi_squared(p: Numbers, q: Numbers) -> mp.mpf:
    if any(a > 0 and b == 0 for a, b in zip(p, q, strict=True)):
        return mp.inf
    return mp.fsum((a - b) ** 2 / b for a, b in zip(p, q, strict=True) if b > 0)


def itakura_saito(p: Numbers, q: Numbers) -> mp.mpf:
    if any((a > 0) != (b > 0) for a, b in zip(p, q, strict=True)):
        return mp.inf
    return mp.fsum(a / b - mp.log(a / b) - 1 for a, b in zip(p, q, strict=True) if a > 0)


def cumulative(p: Numbers, q: Numbers) -> list[mp.mpf]:
    return [mp.fsum(p[: k + 1]) - mp.fsum(q[: k + 1]) for k in range(len(p) - 1)]


ORACLES: dict[str, Callable[..., mp.mpf]] = {
    "kl_divergence": kl,
    "reverse_kl_divergence": lambda p, q: kl(q, p),
    "jeffreys_divergence": lambda p, q: kl(p, q) + kl(q, p),
    "jensen_shannon_divergence": jensen_shannon,
    "jensen_shannon_distance": lambda p, q: mp.sqrt(jensen_shannon(p, q)),
    "skew_divergence": skew,
    "renyi_divergence": renyi,
    "tsallis_divergence": tsallis,
    "alpha_divergence": alpha_divergence,
    "hellinger_distance": lambda p, q: mp.sqrt(1 - overlap(p, q)),
    "total_variation_distance": lambda p, q: mp.fsum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2,
    "pearson_chi_squared": chi_squared,
    "neyman_chi_squared": lambda p, q: chi_squared(q, p),
    "bhattacharyya_distance": lambda p, q: -mp.log(overlap(p, q)) if overlap(p, q) > 0 else mp.inf,
    "le_cam_divergence": lambda p, q: (
        mp.fsum((a - b) ** 2 / (a + b) for a, b in zip(p, q, strict=True) if a + b > 0) / 2
    ),
    "squared_euclidean_distance": lambda p, q: mp.fsum((a - b) ** 2 for a, b in zip(p, q, strict=True)),
    "generalized_kl_divergence": lambda p, q: kl(p, q) - mp.fsum(p) + mp.fsum(q),
    "itakura_saito_divergence": itakura_saito,
    "wasserstein_distance": lambda p, q: mp.fsum(abs(gap) for gap in cumulative(p, q)),
    "energy_distance": lambda p, q: mp.sqrt(2 * mp.fsum(gap**2 for gap in cumulative(p, q))),
}


def oracle(name: str, p: Sequence[float], q: Sequence[float], **parameters: float) -> mp.mpf:
    """Return the divergence `name` of two vectors of doubles, each divided by its exact sum where it is a distribution."""
    normalised = name not in ("squared_euclidean_distance", "generalized_kl_divergence", "itakura_saito_divergence")
    with mp.workdps(DIGITS):
        return ORACLES[name](numbers(p, normalised=normalised), numbers(q, normalised=normalised), **parameters)
