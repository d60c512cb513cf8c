"""Laws of several dimensions: SciPy's frozen ones, and their closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lossmith._errors import DomainError, InvalidInputError
from lossmith.divergence._closed import EPSILON, closed_kl, dirichlet_kl
from lossmith.divergence._law import Law
from lossmith.divergence._special import gap_kl, gap_lgamma, gap_log

__all__ = ["closed_multivariate_kl", "normal_law", "normal_log_overlap", "product_law", "scipy_multivariate"]


def _vector(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in np.ravel(values))


def normal_law(mean: Any, covariance: Any, label: str = "") -> Law:
    """Return the multivariate normal law."""
    mean, covariance = (
        np.atleast_1d(np.asarray(mean, dtype=np.float64)),
        np.atleast_2d(np.asarray(covariance, dtype=np.float64)),
    )
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise DomainError(
            "a covariance that is singular",
            expected="a positive definite matrix",
            advice="drop coordinates that depend on others",
        ) from None
    constant = -0.5 * mean.size * math.log(2 * math.pi) - float(np.sum(np.log(np.diag(root))))

    def log_density(x: np.ndarray) -> np.ndarray:
        scaled = np.linalg.solve(root, (x - mean).T)
        return constant - 0.5 * np.sum(scaled * scaled, axis=0)

    return Law(
        label or f"normal in {mean.size} dimensions",
        "multivariate",
        log_density,
        "multivariate_normal",
        {"mean": mean, "covariance": covariance},
        draw=lambda generator, n: mean + generator.standard_normal((n, mean.size)) @ root.T,
        dimension=mean.size,
    )


def product_law(parts: tuple[Law, ...], label: str = "") -> Law:
    """Return the law of independent coordinates."""

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        return np.stack([part.draw(generator, n) for part in parts], axis=1)  # type: ignore[misc]

    return Law(
        label or " x ".join(part.label for part in parts),
        "multivariate",
        lambda x: np.sum([part.log_density(x[:, k]) for k, part in enumerate(parts)], axis=0),
        "product",
        {"parts": parts},
        draw=draw if all(part.draw is not None for part in parts) else None,
        dimension=len(parts),
    )


def _drawer(source: Any) -> Callable[[np.random.Generator, int], np.ndarray]:
    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        return np.asarray(source.rvs(size=n, random_state=generator), dtype=np.float64)

    return draw


def scipy_multivariate(source: Any, label: str) -> Law:
    """Return the law of a frozen distribution of several dimensions.

    Raises
    ------
    InvalidInputError
        A kind that is not supported.
    """
    kind = type(source).__name__.removesuffix("_frozen")
    if kind not in _READERS:
        raise InvalidInputError(f"{kind}", expected=f"one of: {', '.join(sorted(_READERS))}")
    return _READERS[kind](source, label)


def _read_normal(source: Any, label: str) -> Law:
    if source.dim == 1:
        from scipy import stats

        from lossmith.divergence._laws_scipy import scipy_law

        return scipy_law(stats.norm(float(source.mean[0]), math.sqrt(float(source.cov_object.covariance[0, 0]))), label)
    return normal_law(source.mean, source.cov_object.covariance, label)


def _read_matrix_normal(source: Any, label: str) -> Law:
    shape = source.mean.shape
    law = normal_law(source.mean.ravel(), np.kron(source.rowcov, source.colcov))
    return Law(
        label or f"matrix_normal of shape {shape}",
        "multivariate",
        law.log_density,
        law.family,
        law.shape,
        draw=law.draw,
        dimension=law.dimension,
    )


def _read_dirichlet(source: Any, label: str) -> Law:
    alpha = _vector(source.alpha)
    return Law(
        label or f"dirichlet({', '.join(f'{a:g}' for a in alpha)})",
        "multivariate",
        lambda x: np.asarray(source.logpdf(x.T)),
        "dirichlet",
        {"alpha": alpha},
        draw=_drawer(source),
        dimension=len(alpha),
    )


def _read_wishart(source: Any, label: str) -> Law:
    kind = type(source).__name__.removesuffix("_frozen")
    scale = np.atleast_2d(np.asarray(source.scale, dtype=np.float64))
    size = scale.shape[0]
    return Law(
        label or f"{kind}(df={float(source.df):g}, {size} x {size})",
        "multivariate",
        lambda x: np.asarray(source.logpdf(np.moveaxis(x.reshape(-1, size, size), 0, -1))),
        "wishart" if kind == "wishart" else "inverse_wishart",
        {"df": float(source.df), "scale": scale},
        draw=lambda generator, n: _drawer(source)(generator, n).reshape(n, -1),
        dimension=size * size,
    )


def _read_multinomial(source: Any, label: str) -> Law:
    n, p = int(source.n), _vector(source.p)
    return Law(
        label or f"multinomial(n={n}, {len(p)} outcomes)",
        "multivariate",
        lambda x: np.asarray(source.logpmf(x)),
        "multinomial",
        {"n": n, "p": p},
        draw=_drawer(source),
        dimension=len(p),
    )


def _read_sphere(source: Any, label: str) -> Law:
    dimension = int(source.dim)
    kappa = float(getattr(source, "kappa", 0.0))
    mu = np.asarray(getattr(source, "mu", np.eye(dimension)[0]), dtype=np.float64)
    constant = _log_sphere(dimension, kappa)
    return Law(
        label or (f"vonmises_fisher(kappa={kappa:g})" if kappa else "uniform_direction"),
        "multivariate",
        lambda x: constant + kappa * (x @ mu),
        "sphere",
        {"mu": mu, "kappa": kappa},
        draw=_drawer(source),
        dimension=dimension,
    )


def _read_t(source: Any, label: str) -> Law:
    dimension = int(source.dim)
    return Law(
        label or f"multivariate_t(df={float(source.df):g}, {dimension} dimensions)",
        "multivariate",
        lambda x: np.asarray(source.logpdf(x)),
        draw=_drawer(source),
        dimension=dimension,
    )


_READERS: Mapping[str, Callable[[Any, str], Law]] = {
    "multivariate_normal": _read_normal,
    "matrix_normal": _read_matrix_normal,
    "dirichlet": _read_dirichlet,
    "wishart": _read_wishart,
    "invwishart": _read_wishart,
    "multinomial": _read_multinomial,
    "vonmises_fisher": _read_sphere,
    "uniform_direction": _read_sphere,
    "multivariate_t": _read_t,
}


def _log_sphere(dimension: int, kappa: float) -> float:
    """Return the logarithm of the von Mises-Fisher density's constant."""
    from scipy.special import ive

    if kappa == 0:
        return math.lgamma(dimension / 2) - math.log(2) - dimension / 2 * math.log(math.pi)
    order = dimension / 2 - 1
    bessel = math.log(float(ive(order, kappa))) + kappa
    return order * math.log(kappa) - dimension / 2 * math.log(2 * math.pi) - bessel


def _normal_kl(p: Law, q: Law) -> float:
    root = np.linalg.cholesky(q.shape["covariance"])
    half = np.linalg.solve(root, p.shape["covariance"])
    stretched = np.linalg.eigvalsh(_symmetric(np.linalg.solve(root, half.T)))
    apart = np.linalg.solve(root, p.shape["mean"] - q.shape["mean"])
    return math.fsum(gap_log(float(value)) for value in stretched) / 2 + float(apart @ apart) / 2


def normal_log_overlap(p: Law, q: Law, order: float) -> tuple[float, float] | None:
    """Return the logarithm of the integral of `p^order q^(1 - order)` of two normal laws, and a bound on its rounding error."""
    if p.family != q.family or p.family not in ("normal", "multivariate_normal"):
        return None
    if p.family == "normal":
        means = np.array([p.location]), np.array([q.location])
        covariances = np.array([[p.scale**2]]), np.array([[q.scale**2]])
    else:
        means = p.shape["mean"], q.shape["mean"]
        covariances = p.shape["covariance"], q.shape["covariance"]
    mixed = (1 - order) * covariances[0] + order * covariances[1]
    if np.linalg.eigvalsh(mixed)[0] <= 0:
        return math.inf, 0.0
    apart = means[0] - means[1]
    logs = [float(np.linalg.slogdet(matrix)[1]) for matrix in (mixed, *covariances)]
    pull = float(apart @ np.linalg.solve(mixed, apart))
    parts = [-order * (1 - order) * pull / 2, -logs[0] / 2, (1 - order) * logs[1] / 2, order * logs[2] / 2]
    return math.fsum(parts), 16 * EPSILON * (math.fsum(abs(part) for part in parts) + len(apart))


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    return (matrix + matrix.T) / 2


def _wishart_kl(p: Law, q: Law, *, inverse: bool = False) -> float:
    one, two = p.shape["scale"], q.shape["scale"]
    if inverse:
        # the inverse of the matrix follows a Wishart law with the inverse scale
        one, two = np.linalg.inv(one), np.linalg.inv(two)
    root = np.linalg.cholesky(two)
    ratios = np.linalg.eigvalsh(_symmetric(np.linalg.solve(root, np.linalg.solve(root, one).T)))
    a, b = p.shape["df"] / 2, q.shape["df"] / 2
    stretched = math.fsum(a * gap_log(float(value)) + (a - b) * math.log(float(value)) for value in ratios)
    shapes = math.fsum(gap_lgamma(a - k / 2, b - k / 2) for k in range(len(ratios)))
    return max(0.0, stretched + shapes)


def _sphere_kl(p: Law, q: Law) -> tuple[float, float]:
    from scipy.special import ive

    one, two, order = p.shape["kappa"], q.shape["kappa"], p.dimension / 2 - 1
    pull = float(ive(order + 1, one) / ive(order, one)) if one else 0.0
    turn = float(p.shape["mu"] @ q.shape["mu"])
    parts = [one * pull, -two * pull * turn, _log_sphere(p.dimension, one), -_log_sphere(p.dimension, two)]
    return max(0.0, math.fsum(parts)), 16 * EPSILON * math.fsum(abs(part) for part in parts)


def _multinomial_kl(p: Law, q: Law) -> float | None:
    if p.shape["n"] != q.shape["n"]:
        return math.inf
    return p.shape["n"] * math.fsum(gap_kl(x, y) for x, y in zip(p.shape["p"], q.shape["p"], strict=True))


def _product_kl(p: Law, q: Law) -> tuple[float, float] | None:
    found = [closed_kl(one, two) for one, two in zip(p.shape["parts"], q.shape["parts"], strict=True)]
    known = [pair for pair in found if pair is not None]
    if len(known) < len(found):
        return None
    return math.fsum(pair[0] for pair in known), math.fsum(pair[1] for pair in known)


_PAIRS: Mapping[str, Callable[[Law, Law], Any]] = {
    "multivariate_normal": _normal_kl,
    "dirichlet": lambda p, q: dirichlet_kl(p.shape["alpha"], q.shape["alpha"]),
    "wishart": _wishart_kl,
    "inverse_wishart": lambda p, q: _wishart_kl(p, q, inverse=True),
    "sphere": _sphere_kl,
    "multinomial": _multinomial_kl,
    "product": _product_kl,
}


def closed_multivariate_kl(p: Law, q: Law) -> tuple[float, float] | None:
    """Return the divergence of q from p in nats and a bound on its rounding error, or None without a closed form."""
    if p.family != q.family or p.family not in _PAIRS:
        return None
    found = _PAIRS[p.family](p, q)
    if found is None or isinstance(found, tuple):
        return found
    return float(found), 1e-13 * (1 + abs(float(found))) if math.isfinite(found) else 0.0
