"""PyTorch's distribution objects as laws; PyTorch itself is loaded by whoever made them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.divergence._families import log_density
from lossmith.divergence._given import Pmf
from lossmith.divergence._law import Law
from lossmith.divergence._laws_multivariate import normal_law, product_law, scipy_multivariate
from lossmith.divergence._laws_scipy import inside, scipy_law

__all__ = ["torch_law"]


def torch_law(source: Any) -> Pmf | Law:
    """Return the law of a PyTorch distribution object.

    Raises
    ------
    InvalidInputError
        A kind that is not supported.
    ShapeError
        A batch of distributions.
    """
    for kind in type(source).__mro__:
        reader = _READERS.get(kind.__name__)
        if reader is not None:
            return reader(source)
    raise InvalidInputError(f"a PyTorch {type(source).__name__}", expected=f"one of: {', '.join(sorted(_READERS))}")


def _number(tensor: Any, name: str) -> float:
    values = np.asarray(tensor.detach().cpu()) if hasattr(tensor, "detach") else np.asarray(tensor)
    if values.size != 1:
        raise ShapeError(
            f"{name} of shape {values.shape}",
            expected="one distribution",
            advice="wrap a batch in torch.distributions.Independent to compare it as one law",
        )
    return float(values.reshape(()))


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.detach().cpu(), dtype=np.float64)


def _scalar(build: Callable[..., Any], *names: str) -> Callable[[Any], Law]:
    """Return a reader that takes scalar parameters from a distribution and builds SciPy's twin."""

    def read(source: Any) -> Law:
        from scipy import stats

        values = [_number(getattr(source, name), f"{type(source).__name__}.{name}") for name in names]
        shown = ", ".join(f"{name}={value:g}" for name, value in zip(names, values, strict=True))
        return scipy_law(build(stats, *values), f"{type(source).__name__}({shown})")

    return read


def _poisson(source: Any) -> Law | Pmf:
    rate = _number(source.rate, "Poisson.rate")
    # a Poisson law of rate 0 has all its mass at 0, and no quantiles in SciPy
    if rate == 0:
        return Law(
            "Poisson(rate=0)", "discrete", lambda x: np.where(x == 0, 0.0, -np.inf), "poisson", {"mu": 0.0}, low=0.0, high=math.inf,
            quantile=lambda shares: np.zeros_like(shares),
        )  # fmt: skip
    return _scalar(lambda stats, mu: stats.poisson(mu), "rate")(source)


def _table(source: Any) -> Pmf:
    values = _array(source.probs)
    if values.ndim != 1:
        raise ShapeError(f"{type(source).__name__} with probabilities of shape {values.shape}", expected="one vector")
    return Pmf(values / math.fsum(values), name=type(source).__name__)


def _continuous_bernoulli(source: Any) -> Law:
    logit = _number(source.logits, "ContinuousBernoulli.logits")
    standard = log_density("tilted_uniform", {"tilt": logit})
    if standard is None:  # pragma: no cover - the family is written down
        raise InvalidInputError("ContinuousBernoulli")

    def quantile(shares: np.ndarray) -> np.ndarray:
        return shares if abs(logit) < 1e-9 else np.log1p(shares * math.expm1(logit)) / logit

    return Law(
        f"ContinuousBernoulli(logits={logit:g})", "continuous", inside(standard, 0.0, 1.0, 0.0, 1.0), "tilted_uniform",
        {"tilt": logit}, low=0.0, high=1.0, quantile=quantile if abs(logit) < 700 else None,
    )  # fmt: skip


def _kumaraswamy(source: Any) -> Law:
    a = _number(source.concentration1, "Kumaraswamy.concentration1")
    b = _number(source.concentration0, "Kumaraswamy.concentration0")

    def standard(z: np.ndarray) -> np.ndarray:
        return math.log(a * b) + (a - 1) * np.log(z) + (b - 1) * np.log(-np.expm1(a * np.log(z)))

    return Law(
        f"Kumaraswamy({a:g}, {b:g})", "continuous", inside(standard, 0.0, 1.0, 0.0, 1.0), low=0.0, high=1.0,
        quantile=lambda shares: (-np.expm1(np.log1p(-shares) / b)) ** (1 / a),
    )  # fmt: skip


def _normal(source: Any) -> Law:
    mean = _array(source.mean)
    if mean.ndim != 1:
        raise ShapeError(
            f"{type(source).__name__} of batch shape {tuple(mean.shape[:-1])}", expected="one distribution"
        )
    return normal_law(mean, _array(source.covariance_matrix), f"{type(source).__name__} in {mean.size} dimensions")


def _dirichlet(source: Any) -> Law:
    from scipy import stats

    return scipy_multivariate(stats.dirichlet(_array(source.concentration)), "")


def _wishart(source: Any) -> Law:
    from scipy import stats

    return scipy_multivariate(stats.wishart(_number(source.df, "Wishart.df"), _array(source.covariance_matrix)), "")


def _multinomial(source: Any) -> Law:
    from scipy import stats

    values = _array(source.probs)
    return scipy_multivariate(stats.multinomial(int(source.total_count), values / math.fsum(values)), "")


def _independent(source: Any) -> Pmf | Law:
    import torch

    base = source.base_dist
    size = int(np.prod(base.batch_shape)) if base.batch_shape else 1
    if source.batch_shape or base.event_shape:
        raise ShapeError(
            f"Independent of batch shape {tuple(source.batch_shape)}", expected="one law of independent numbers"
        )
    parts = []
    for number in range(size):
        chosen = {
            name: getattr(base, name).expand(base.batch_shape).reshape(-1)[number]
            for name in base.arg_constraints
            if name in base.__dict__ and isinstance(base.__dict__[name], torch.Tensor)
        }
        parts.append(torch_law(type(base)(**chosen)))
    laws = tuple(part for part in parts if isinstance(part, Law))
    if len(laws) < len(parts):
        raise InvalidInputError(f"Independent of {type(base).__name__}", expected="laws on the line or the integers")
    return product_law(laws, f"Independent({type(base).__name__}, {size})")


def _transformed(source: Any) -> Law:
    base = torch_law(source.base_dist)
    if isinstance(base, Pmf):
        raise InvalidInputError("a transformed categorical distribution", expected="a transformed density")

    def log_density_at(x: np.ndarray) -> np.ndarray:
        import torch

        with np.errstate(all="ignore"):
            return np.asarray(source.log_prob(torch.as_tensor(x, dtype=torch.float64)).detach(), dtype=np.float64)

    def quantile(shares: np.ndarray) -> np.ndarray:
        import torch

        places = torch.as_tensor(base.quantile(shares), dtype=torch.float64)  # type: ignore[misc]
        for transform in source.transforms:
            places = transform(places)
        return np.asarray(places)

    low, high = -math.inf, math.inf
    if base.dimension == 1 and base.quantile is not None:
        ends = quantile(np.array([0.0, 1.0]))
        low, high = float(ends.min()), float(ends.max())
    return Law(
        f"TransformedDistribution({base.label})", base.kind, log_density_at, "transformed",
        {"base": base, "by": list(source.transforms)}, low=low, high=high, quantile=quantile, dimension=base.dimension, underflows=True,
    )  # fmt: skip


def _mixture(source: Any) -> Law:
    from lossmith.divergence._mixtures import GaussianMixture

    parts, weights = source.component_distribution, _array(source.mixture_distribution.probs)
    kind = type(parts).__name__
    if kind == "Normal":
        return GaussianMixture(
            weights, _array(parts.loc)[:, None], _array(parts.scale)[:, None, None] ** 2
        ).mixture_law()
    if kind == "MultivariateNormal":
        return GaussianMixture(weights, _array(parts.loc), _array(parts.covariance_matrix)).mixture_law()
    raise InvalidInputError(f"a mixture of {kind}", expected="a mixture of Normal or MultivariateNormal")


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "Bernoulli": _scalar(lambda stats, p: stats.bernoulli(p), "probs"),
    "Binomial": _scalar(lambda stats, n, p: stats.binom(int(n), p), "total_count", "probs"),
    "Geometric": _scalar(lambda stats, p: stats.nbinom(1, p), "probs"),
    # PyTorch counts successes of probability `probs` until total_count failures, SciPy the other way round
    "NegativeBinomial": _scalar(lambda stats, n, p: stats.nbinom(n, 1 - p), "total_count", "probs"),
    "Poisson": _poisson,
    "Categorical": _table,
    "OneHotCategorical": _table,
    "Multinomial": _multinomial,
    "Normal": _scalar(lambda stats, m, s: stats.norm(m, s), "loc", "scale"),
    "LogNormal": _scalar(lambda stats, m, s: stats.lognorm(s, scale=math.exp(m)), "loc", "scale"),
    "Laplace": _scalar(lambda stats, m, s: stats.laplace(m, s), "loc", "scale"),
    "Cauchy": _scalar(lambda stats, m, s: stats.cauchy(m, s), "loc", "scale"),
    "HalfCauchy": _scalar(lambda stats, s: stats.halfcauchy(0, s), "scale"),
    "HalfNormal": _scalar(lambda stats, s: stats.halfnorm(0, s), "scale"),
    "Gumbel": _scalar(lambda stats, m, s: stats.gumbel_r(m, s), "loc", "scale"),
    "Exponential": _scalar(lambda stats, rate: stats.expon(0, 1 / rate), "rate"),
    "Gamma": _scalar(lambda stats, a, rate: stats.gamma(a, scale=1 / rate), "concentration", "rate"),
    "Chi2": _scalar(lambda stats, df: stats.chi2(df), "df"),
    "InverseGamma": _scalar(lambda stats, a, rate: stats.invgamma(a, scale=rate), "concentration", "rate"),
    "Beta": _scalar(lambda stats, a, b: stats.beta(a, b), "concentration1", "concentration0"),
    "Uniform": _scalar(lambda stats, low, high: stats.uniform(low, high - low), "low", "high"),
    "Pareto": _scalar(lambda stats, s, b: stats.pareto(b, scale=s), "scale", "alpha"),
    "Weibull": _scalar(lambda stats, s, c: stats.weibull_min(c, scale=s), "scale", "concentration"),
    "StudentT": _scalar(lambda stats, df, m, s: stats.t(df, m, s), "df", "loc", "scale"),
    "FisherSnedecor": _scalar(lambda stats, a, b: stats.f(a, b), "df1", "df2"),
    "VonMises": _scalar(lambda stats, m, k: stats.vonmises(k, m), "loc", "concentration"),
    "ContinuousBernoulli": _continuous_bernoulli,
    "Kumaraswamy": _kumaraswamy,
    "MultivariateNormal": _normal,
    "LowRankMultivariateNormal": _normal,
    "Dirichlet": _dirichlet,
    "Wishart": _wishart,
    "Independent": _independent,
    "MixtureSameFamily": _mixture,
    "TransformedDistribution": _transformed,
}
