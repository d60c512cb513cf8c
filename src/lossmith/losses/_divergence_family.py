"""Divergences between target and predicted distribution, as losses for several classes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lossmith._arrays import Array, Namespace, log_softmax
from lossmith.divergence import _pointwise
from lossmith.losses._domain import NON_NEGATIVE, POSITIVE, UNIT, Interval, Parameter
from lossmith.losses._growth import exponential
from lossmith.losses._heads import SOFTMAX
from lossmith.losses._spec import Loss

__all__ = ["RECORDS", "f_divergence"]

INSIDE = Interval(0, 1, closed_low=False, closed_high=False)


def _of(divergence: Callable[..., Array]) -> Callable[..., Array]:
    """Return the loss that measures softmax outputs by `divergence`."""

    def function(xp: Namespace, raw: Array, target: Array, **parameters: float) -> Array:
        return divergence(xp, target, log_softmax(xp, raw), **parameters)

    return function


def _chi_squared(xp: Namespace, raw: Array, target: Array) -> Array:
    return _pointwise.chi_squared_divergence(xp, target, log_softmax(xp, raw), exp=partial(exponential, xp))


def _weighted_variance(xp: Namespace, weight: Array, value: Array) -> Array:
    """Return `sum_jk w_j w_k (v_j - v_k)^2 / 4` for weights that sum to 1: half their weighted variance."""
    mean = xp.sum(weight * value, axis=-1, keepdims=True)
    return 0.5 * xp.sum(weight * (value - mean) ** 2, axis=-1)


def _decoupled(
    xp: Namespace, raw: Array, target: Array, weight: Array, mse_weight: float, entropy_weight: float
) -> Array:
    log_q = log_softmax(xp, raw)
    differences = _weighted_variance(xp, weight, xp.log(target) - log_q)
    return mse_weight * differences + entropy_weight * _pointwise.cross_entropy(xp, target, log_q)


def _improved(
    xp: Namespace, raw: Array, target: Array, *, mse_weight: float, entropy_weight: float, temperature: float
) -> Array:
    weight = xp.exp(log_softmax(xp, xp.log(target) / temperature))
    return _decoupled(xp, raw, target, weight, mse_weight, entropy_weight)


def _generalized(
    xp: Namespace, raw: Array, target: Array, *, mse_weight: float, entropy_weight: float, gamma: float
) -> Array:
    weight = xp.exp(log_softmax(xp, gamma * xp.log(target)))
    return _decoupled(xp, raw, target, weight, mse_weight, entropy_weight)


def _record(name: str, divergence: Callable[..., Array] | None, **fields: Any) -> Loss:
    """Return the record of a divergence from targets to softmax outputs."""
    shared: dict[str, Any] = {"task": "multiclass", "head": SOFTMAX, "encoding": "distribution", "interval": UNIT}
    if divergence is not None:
        shared["function"] = _of(divergence)
    return Loss(name=name, **{**shared, **fields})


def f_divergence(name: str, generator: Callable[[Namespace, Array], Array], *, formula: str, **fields: Any) -> Loss:
    """Return the loss `sum_k p_k f(y_k / p_k)` of a generator f, convex with f(1) = 0, for soft targets of full support.

    Parameters
    ----------
    name : str
        What the loss is to be called.
    generator : callable
        `generator(xp, ratio)`, elementwise.
    formula : str
        LaTeX of the generator in t.
    **fields
        Other fields of `Loss`, such as `robust=True`.

    The loss takes raw outputs and targets of shape `(n_samples, n_classes)` and gives values of shape `(n_samples,)`, in nats where f is that of a
    divergence in nats.

    Examples
    --------
    >>> import numpy as np
    >>> squared = f_divergence("neyman_example", lambda xp, t: (t - 1) ** 2, formula="(t - 1)^2")
    >>> squared(np.zeros((1, 2)), np.array([[0.25, 0.75]]))
    array([0.25])
    """
    defaults: dict[str, Any] = {
        "elicits": "numeric",
        "full_support": True,
        "formula": rf"\sum_k p_k f\left(\frac{{y_k}}{{p_k}}\right), \quad f(t) = {formula}, \; p = \operatorname{{softmax}}(z)",
        "gradient": r"p_k \left(h_k - \sum_j p_j h_j\right), \quad h = f(t) - t f'(t), \; t_k = \frac{y_k}{p_k}",
        "when": "You study a divergence that the catalogue does not name.",
        "when_not": "Targets have zeros, where a generator may be infinite.",
        "reference": "Csiszar, Information-type measures of difference of probability distributions, 1967",
    }
    divergence = partial(_pointwise.f_divergence, generator=generator)
    return _record(name, divergence, **{**defaults, **fields})


RECORDS = (
    _record(
        "jeffreys_divergence",
        _pointwise.jeffreys_divergence,
        full_support=True,
        elicits="numeric",
        smooth=True,
        formula=r"\sum_k (y_k - p_k) \log \frac{y_k}{p_k}, \quad p = \operatorname{softmax}(z)",
        gradient=r"p - y + p_k \left(\log \frac{p_k}{y_k} - \sum_j p_j \log \frac{p_j}{y_j}\right)",
        when="Soft targets without zeros, and both missing a mode and inventing one should cost.",
        when_not="Targets are class ids or one-hot: it is infinite there.",
        reference="Jeffreys, An invariant form for the prior probability in estimation problems, 1946",
        aliases=("jeffreys", "symmetric_kl"),
    ),
    _record(
        "skew_divergence",
        _pointwise.skew_divergence,
        elicits="majority class",
        parameters=(Parameter("skew", 0.1, INSIDE, "share of the target mixed into the prediction before comparing"),),
        smooth=True,
        bounded=True,
        robust=True,
        formula=r"\sum_k y_k \log \frac{y_k}{\alpha y_k + (1 - \alpha) p_k}, \quad p = \operatorname{softmax}(z)",
        gradient=r"p_k \left(\sum_j p_j h_j - h_k\right), \quad h_k = \frac{(1 - \alpha) y_k}{\alpha y_k + (1 - \alpha) p_k}",
        when="As kl_divergence, but no sample may cost more than -log(skew).",
        when_not="You need calibrated probabilities.",
        reference="Lee, On the effectiveness of the skew divergence for statistical language analysis, 2001",
        aliases=("skew_kl",),
    ),
    _record(
        "renyi_divergence",
        _pointwise.renyi_divergence,
        elicits="probabilities",
        parameters=(
            Parameter("order", 0.5, POSITIVE, "1 is Kullback-Leibler; below, modes may be missed at less cost"),
        ),
        depends=lambda order: {"convex": order >= 1},
        same_gradient_as="categorical_crossentropy",
        same_gradient_on="one-hot targets",
        smooth=True,
        robust=True,
        strictly_proper=True,
        formula=r"\frac{1}{\alpha - 1} \log \sum_k y_k^\alpha p_k^{1 - \alpha}, \quad p = \operatorname{softmax}(z)",
        gradient=r"p - w, \quad w_k = \frac{y_k^\alpha p_k^{1 - \alpha}}{\sum_j y_j^\alpha p_j^{1 - \alpha}}",
        when="Soft targets, and how much modes weigh is to be tuned.",
        when_not="Targets are class ids or one-hot: it is cross-entropy there, whatever the order.",
        reference="Renyi, On measures of entropy and information, 1961",
        aliases=("renyi",),
    ),
    _record(
        "alpha_divergence",
        _pointwise.alpha_divergence,
        elicits="majority class",
        parameters=(Parameter("alpha", 0.5, INSIDE, "towards 1 Kullback-Leibler, towards 0 its reverse"),),
        smooth=True,
        bounded=True,
        robust=True,
        formula=r"\frac{1 - \sum_k y_k^\alpha p_k^{1 - \alpha}}{\alpha (1 - \alpha)}, \quad p = \operatorname{softmax}(z)",
        gradient=r"\frac{1}{\alpha} \left(p_k \sum_j u_j - u_k\right), \quad u_k = y_k^\alpha p_k^{1 - \alpha}",
        when="Soft targets, and a bounded compromise between kl_divergence and its reverse is wanted.",
        when_not="You need calibrated probabilities from class ids.",
        reference="Amari, Differential-geometrical methods in statistics, 1985",
        aliases=("amari",),
    ),
    _record(
        "squared_hellinger",
        _pointwise.squared_hellinger,
        elicits="majority class",
        smooth=True,
        bounded=True,
        robust=True,
        formula=r"1 - \sum_k \sqrt{y_k p_k}, \quad p = \operatorname{softmax}(z)",
        gradient=r"\frac{1}{2} \left(p_k \sum_j \sqrt{y_j p_j} - \sqrt{y_k p_k}\right)",
        when="Some labels are wrong, and a symmetric divergence bounded by 1 is wanted.",
        when_not="You need calibrated probabilities from class ids.",
        reference="Hellinger, Neue Begruendung der Theorie quadratischer Formen, 1909",
        aliases=("hellinger",),
    ),
    _record(
        "total_variation",
        _pointwise.total_variation,
        elicits="majority class",
        bounded=True,
        robust=True,
        symmetric_noise=True,
        formula=r"\frac{1}{2} \sum_k |y_k - p_k|, \quad p = \operatorname{softmax}(z)",
        gradient=r"\frac{1}{2} p_k \left(s_k - \sum_j p_j s_j\right), \quad s = \operatorname{sign}(p - y)",
        when="Labels are wrong at random: its minimiser does not move.",
        when_not="Labels are clean, or there are many classes: it learns very slowly.",
        reference="Levin, Peres and Wilmer, Markov chains and mixing times, 2009",
        aliases=("tv",),
    ),
    _record(
        "chi_squared_divergence",
        None,
        function=_chi_squared,
        elicits="majority class",
        convex=True,
        smooth=True,
        formula=r"\sum_k \frac{(y_k - p_k)^2}{p_k} = \sum_k \frac{y_k^2}{p_k} - 1, \quad p = \operatorname{softmax}(z)",
        gradient=r"p_k \sum_j \frac{y_j^2}{p_j} - \frac{y_k^2}{p_k}",
        when="No outcome that the target allows may be given a small probability.",
        when_not="Any label is wrong: one confident mistake outweighs everything.",
        reference="Pearson, On the criterion that a given system of deviations is random, 1900",
        aliases=("chi_squared", "pearson"),
    ),
    _record(
        "triangular_discrimination",
        _pointwise.triangular_discrimination,
        elicits="majority class",
        smooth=True,
        bounded=True,
        robust=True,
        formula=r"\sum_k \frac{(y_k - p_k)^2}{y_k + p_k}, \quad p = \operatorname{softmax}(z)",
        gradient=r"p_k \left(h_k - \sum_j p_j h_j\right), \quad h = \frac{(p - y)(p + 3 y)}{(p + y)^2}",
        when="As jensen_shannon_divergence, without logarithms.",
        when_not="You need calibrated probabilities from class ids.",
        reference="Le Cam, Asymptotic methods in statistical decision theory, 1986",
        aliases=("vincze_le_cam",),
    ),
    _record(
        "improved_kl_divergence",
        None,
        function=_improved,
        full_support=True,
        elicits="numeric",
        parameters=(
            Parameter("mse_weight", 1.0, NON_NEGATIVE, "weight of the squared differences of logits"),
            Parameter("entropy_weight", 1.0, POSITIVE, "weight of the cross-entropy"),
            Parameter("temperature", 1.0, POSITIVE, "large: all pairs of classes count alike"),
        ),
        convex=True,
        smooth=True,
        formula=r"\frac{\alpha}{4} \sum_{jk} w_j w_k (\Delta_j - \Delta_k)^2 - \beta \sum_k y_k \log p_k, \quad \Delta = \log y - z, \; w = \operatorname{softmax}\left(\frac{\log y}{T}\right)",
        gradient=r"-\alpha w_k \left(\Delta_k - \sum_j w_j \Delta_j\right) + \beta (p_k - y_k)",
        when="Distillation: the student should match the teacher's differences of logits too.",
        when_not="Targets are class ids or one-hot: their logits are infinite. With targets that are fixed, plain DKL is kl_divergence.",
        reference="Cui et al., Decoupled Kullback-Leibler divergence loss, 2024",
        aliases=("ikl", "ikl_divergence"),
    ),
    _record(
        "generalized_kl_divergence",
        None,
        function=_generalized,
        full_support=True,
        elicits="numeric",
        parameters=(
            Parameter("mse_weight", 1.0, NON_NEGATIVE, "weight of the squared differences of logits"),
            Parameter("entropy_weight", 1.0, POSITIVE, "weight of the cross-entropy"),
            Parameter("gamma", 0.5, NON_NEGATIVE, "0: all pairs of classes count alike; 1: by their probability"),
        ),
        convex=True,
        smooth=True,
        formula=r"\frac{\alpha}{4} \sum_{jk} w_j w_k (\Delta_j - \Delta_k)^2 - \beta \sum_k y_k \log p_k, \quad \Delta = \log y - z, \; w_k = \frac{y_k^\gamma}{\sum_j y_j^\gamma}",
        gradient=r"-\alpha w_k \left(\Delta_k - \sum_j w_j \Delta_j\right) + \beta (p_k - y_k)",
        when="Distillation from a confident teacher: differences between unlikely classes should count as well.",
        when_not="Targets are class ids or one-hot: their logits are infinite.",
        reference="Cui et al., Generalized Kullback-Leibler divergence loss, 2025",
        aliases=("gkl", "gkl_divergence"),
    ),
)
