"""Every pair that PyTorch registers, read from its own registry: the same value to 1e-10, or infinity."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lossmith import divergence as dv
from lossmith._errors import ShapeError

pytestmark = pytest.mark.peers


def factories():
    import torch
    import torch.distributions as td

    rng = np.random.default_rng(31)

    def t(low, high, *shape):
        return torch.tensor(rng.uniform(low, high, size=shape), dtype=torch.float64)

    def matrix(size):
        a = rng.standard_normal((size, size + 3))
        return torch.tensor(a @ a.T / (size + 3) + 0.2 * np.eye(size), dtype=torch.float64)

    def probabilities(size):
        return torch.tensor(rng.dirichlet(np.ones(size)), dtype=torch.float64)

    return {
        "Bernoulli": lambda: td.Bernoulli(t(0.05, 0.95)),
        "Beta": lambda: td.Beta(t(0.6, 5), t(0.6, 5)),
        "Binomial": lambda: td.Binomial(7, t(0.05, 0.95)),
        "Categorical": lambda: td.Categorical(probabilities(4)),
        "Cauchy": lambda: td.Cauchy(t(-1, 1), t(0.3, 2)),
        "ContinuousBernoulli": lambda: td.ContinuousBernoulli(t(0.02, 0.4)),
        "Dirichlet": lambda: td.Dirichlet(t(0.5, 5, 4)),
        "Exponential": lambda: td.Exponential(t(0.3, 2)),
        "Gamma": lambda: td.Gamma(t(0.6, 5), t(0.3, 2)),
        "Geometric": lambda: td.Geometric(t(0.1, 0.9)),
        "Gumbel": lambda: td.Gumbel(t(-1, 1), t(0.5, 2)),
        "HalfNormal": lambda: td.HalfNormal(t(0.3, 2)),
        "Independent": lambda: td.Independent(td.Normal(t(-1, 1, 3), t(0.3, 2, 3)), 1),
        "Laplace": lambda: td.Laplace(t(-1, 1), t(0.3, 2)),
        "LowRankMultivariateNormal": lambda: td.LowRankMultivariateNormal(t(-1, 1, 3), t(-1, 1, 3, 2), t(0.3, 1, 3)),
        "MultivariateNormal": lambda: td.MultivariateNormal(t(-1, 1, 3), matrix(3)),
        "Normal": lambda: td.Normal(t(-1, 1), t(0.3, 2)),
        "OneHotCategorical": lambda: td.OneHotCategorical(probabilities(4)),
        "Pareto": lambda: td.Pareto(t(0.3, 1), t(2.5, 6)),
        "Poisson": lambda: td.Poisson(t(0.3, 6)),
        "TransformedDistribution": lambda: td.TransformedDistribution(
            td.Normal(t(-1, 1), t(0.3, 2)), [td.ExpTransform(), td.AffineTransform(1.0, 2.0)]
        ),
        "Uniform": lambda: td.Uniform(t(0.31, 0.4), t(0.5, 0.9)),
        # the generic same-type form, at a member that has no entry of its own
        "ExponentialFamily": lambda: td.Normal(t(-1, 1), t(0.3, 2)),
    }


def test_every_registered_pair() -> None:
    import torch.distributions.kl as registry

    made = factories()
    finite, infinite = 0, 0
    for one, two in registry._KL_REGISTRY:
        seen = []
        for _ in range(6):
            p, q = made[one.__name__](), made[two.__name__]()
            if (one.__name__, two.__name__) == ("Pareto", "Pareto"):
                q = type(q)(p.scale * 0.9, q.alpha)
            if (one.__name__, two.__name__) == ("Uniform", "Pareto"):
                q = type(q)(p.low * 0.9, q.alpha)
            if two.__name__ == "Uniform" and one.__name__ in ("Uniform", "Beta", "ContinuousBernoulli"):
                q = type(q)(-0.1 * q.low, q.high + 1)
            theirs = float(
                registry.kl_divergence(p, q).sum() if one.__name__ != "Independent" else registry.kl_divergence(p, q)
            )
            seen.append(math.isfinite(theirs))
            ours = dv.measure(p, q)
            if math.isinf(theirs):
                assert ours.value == math.inf, (p, q)
            else:
                assert ours.value == pytest.approx(theirs, rel=1e-10, abs=1e-13), (p, q, ours)
        finite += any(seen)
        infinite += not any(seen)
    assert (finite, infinite) == (54, 33)


def test_what_torch_refuses_or_gets_wrong() -> None:
    import torch
    import torch.distributions as td
    from scipy import stats

    assert float(dv.measure(td.Uniform(0.0, 1.0), td.Beta(1.0, 1.0))) == pytest.approx(0, abs=1e-15)  # nan there
    assert float(dv.measure(td.Poisson(torch.tensor(0.0)), td.Poisson(torch.tensor(1.0)))) == 1.0  # nan there
    found = dv.measure(td.Binomial(10, torch.tensor(0.3)), td.Binomial(20, torch.tensor(0.2)))
    expected = sum(
        stats.binom(10, float(torch.tensor(0.3))).pmf(k)
        * (stats.binom(10, float(torch.tensor(0.3))).logpmf(k) - stats.binom(20, float(torch.tensor(0.2))).logpmf(k))
        for k in range(11)
    )
    assert found.value == pytest.approx(float(expected), rel=1e-10)
    one = torch.tensor(1.0)
    for p, q in (
        (td.Normal(0.0, 1.0), td.StudentT(3.0)),
        (td.StudentT(5.0), td.StudentT(3.0, 1.0, 2.0)),
        (td.Normal(0.0, 1.0), td.Cauchy(0.0, 1.0)),
        (td.Weibull(one, 2 * one), td.Weibull(2 * one, 1.5 * one)),
        (td.VonMises(0 * one, 2 * one), td.VonMises(one, 3 * one)),
        (td.Kumaraswamy(2 * one, 3 * one), td.Beta(2 * one, 2 * one)),
        (td.NegativeBinomial(3.0, 0.4 * one), td.NegativeBinomial(4.0, 0.3 * one)),
        (td.Geometric(0.4 * one), td.Poisson(2 * one)),
        (td.Laplace(0.0, 0.5), td.Gumbel(0.0, 1.0)),
        (td.FisherSnedecor(5 * one, 8 * one), td.FisherSnedecor(4 * one, 9 * one)),
        (
            td.MixtureSameFamily(
                td.Categorical(torch.tensor([0.3, 0.7])), td.Normal(torch.tensor([-1.0, 1.0]), torch.tensor([1.0, 0.5]))
            ),
            td.Normal(0.0, 1.0),
        ),
    ):
        with pytest.raises(NotImplementedError):
            td.kl_divergence(p, q)
        found = dv.measure(p, q)
        assert found.exactness in ("exact", "bound") and found.error <= 1e-9 * found.value, found
        torch.manual_seed(0)
        x = p.sample((200_000,))
        x = x.double() if isinstance(p, td.MixtureSameFamily) else x
        draws = (p.log_prob(x) - q.log_prob(x)).double().numpy()
        error = 5 * float(np.std(draws)) / math.sqrt(len(draws))
        assert abs(float(np.mean(draws)) - found.value) <= error + 1e-4 * found.value, found


def test_batches_are_refused() -> None:
    import torch
    import torch.distributions as td

    with pytest.raises(ShapeError, match="Independent"):
        dv.measure(td.Normal(torch.zeros(3), torch.ones(3)), td.Normal(0.0, 1.0))
