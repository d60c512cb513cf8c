"""Wrong divergences must be rejected by the contract: each mutant names the check that has to see it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import divergence_contract as contract
from lossmith.divergence import DIVERGENCES, Divergence
from lossmith.divergence._information import evaluate
from lossmith.divergence._pair import Pair
from lossmith.divergence._terms import kl, skew

KL, JS, RENYI = (DIVERGENCES[name] for name in ("kl", "js", "renyi"))


def summed(terms: Callable[[Pair], Any]) -> Callable[..., Any]:
    """Return a function of p and q that sums `terms` after the usual checks."""

    def function(p, q, *, axis=-1, unit="nats", given="probabilities", smoothing="none", check=True):
        _, value = evaluate(p, q, terms, axis=axis, given=given, smoothing=smoothing, check=check)
        return value / {"nats": 1.0, "bits": math.log(2), "hartleys": math.log(10)}[unit]

    return function


def plain(pair: Pair) -> Any:
    """The textbook sum: negative by rounding near equality."""
    return pair.xp.where(pair.both, pair.p * (pair.log_safe_p - pair.log_safe_q), kl(pair) - pair.q)


def clipped(pair: Pair) -> Any:
    """Keras's way: both sides clipped to [1e-7, 1], not normalised again."""
    xp = pair.xp
    p, q = xp.clip(pair.p, 1e-7, 1.0), xp.clip(pair.q, 1e-7, 1.0)
    return p * xp.log(p / q)


def dropped(pair: Pair) -> Any:
    """Outcomes where q is 0 are left out instead of costing infinity."""
    return pair.xp.where(pair.q_positive, kl(pair), pair.xp.zeros_like(pair.p))


def without_excess(pair: Pair) -> Any:
    """The generalised form where p is 0 forgets q."""
    return pair.xp.where(pair.p_positive, kl(pair), pair.xp.zeros_like(pair.p))


def poisoned_gradient(pair: Pair) -> Any:
    """Right values, but 0 log 0 is hidden after the logarithm has made its gradient NaN."""
    xp = pair.xp
    return xp.where(pair.p > 0, pair.p * xp.log(pair.p / pair.q) - pair.p + pair.q, pair.q)


def scaled(function: Callable[..., Any], factor: float) -> Callable[..., Any]:
    return lambda p, q, **options: factor * function(p, q, **options)


def flattened(p, q, **options):
    """A batch is summed to one number."""
    return np.mean(np.asarray(KL(p, q, **options)))


def normalising(p, q, **options):
    """SciPy's way: whatever comes in is divided by its sum."""
    axis = options.get("axis", -1)
    if any(np.asarray(side).dtype.kind not in "fiu" for side in (p, q)):
        return KL(p, q, **options)
    p, q = (np.asarray(side, dtype=np.float64) for side in (p, q))
    return KL(p / p.sum(axis=axis, keepdims=True), q / q.sum(axis=axis, keepdims=True), **options)


def ignoring_weight(p, q, *, weight=0.5, **options):
    return JS.function(p, q, **options)


def ignoring_unit(p, q, *, unit="nats", **options):
    return KL(p, q, **options)


def renyi_without_limit(p, q, *, alpha=0.5, axis=-1, unit="nats", given="probabilities", smoothing="none", check=True):
    """The formula at every order but 1, cancelling near equality."""

    def terms(pair):
        return pair.xp.where(pair.both, pair.safe_p**alpha * pair.safe_q ** (1 - alpha), pair.xp.zeros_like(pair.p))

    xp, value = evaluate(p, q, terms, axis=axis, given=given, smoothing=smoothing, check=check)
    with np.errstate(divide="ignore"):
        return xp.log(value) / (alpha - 1)


MUTANTS: list[tuple[str, Divergence, str]] = [
    ("sign flipped", replace(KL, function=scaled(KL.function, -1.0)), "check_never_negative"),
    ("constant off", replace(KL, function=scaled(KL.function, 1 + 1e-9)), "check_value"),
    ("log 2 in place of nats", replace(KL, function=scaled(KL.function, 1 / math.log(2))), "check_value"),
    ("sides exchanged", replace(KL, function=DIVERGENCES["reverse_kl"].function), "check_zeros"),
    ("plain sum", replace(KL, function=summed(plain)), "check_value_near_equality"),
    ("clipped", replace(KL, function=summed(clipped)), "check_zeros"),
    ("q = 0 dropped", replace(KL, function=summed(dropped)), "check_zeros"),
    ("p = 0 forgets q", replace(KL, function=summed(without_excess)), "check_zeros"),
    ("gradient poisoned at 0", replace(KL, function=summed(poisoned_gradient)), "check_gradients"),
    ("batch averaged", replace(KL, function=flattened), "check_batches"),
    ("normalises silently", replace(KL, function=normalising), "check_inputs"),
    ("unit ignored", replace(KL, function=ignoring_unit), "check_units"),
    ("weight ignored", replace(JS, function=ignoring_weight), "check_parameters"),
    (
        "weight ignored, seen away from the default",
        replace(JS, function=ignoring_weight).configured(weight=0.2),
        "check_value",
    ),
    ("skew for Jensen-Shannon", replace(JS, function=summed(skew(0.5)), parameters=()), "check_symmetry"),
    (
        "distance called divergence",
        replace(
            JS, function=DIVERGENCES["jensen_shannon_distance"].function, parameters=(), upper_bound=lambda: math.log(2)
        ),
        "check_bound",
    ),
    ("order 1/2 of Renyi without care", replace(RENYI, function=renyi_without_limit), "check_value_near_equality"),
    ("flag: symmetric", replace(KL, symmetric=True), "check_symmetry"),
    ("flag: not symmetric", replace(JS, symmetric=False), "check_symmetry"),
    ("flag: finite", replace(KL, infinite_for="nothing"), "check_zeros"),
    ("flag: bound too small", replace(JS, upper_bound=lambda **_: 0.6), "check_bound"),
    ("flag: bound too large", replace(JS, upper_bound=lambda **_: 0.7), "check_bound"),
    ("flag: metric", replace(JS, metric="itself"), "check_metric"),
    ("flag: root of a metric", replace(DIVERGENCES["hellinger"], metric="square root"), "check_metric"),
    ("flag: Jeffreys a metric", replace(DIVERGENCES["jeffreys"], metric="square root"), "check_metric"),
    ("flag: processing", replace(DIVERGENCES["brier"], processing=True), "check_processing"),
    ("flag: no processing", replace(KL, processing=False), "check_processing"),
    ("flag: convex", replace(DIVERGENCES["itakura_saito"], jointly_convex=True), "check_joint_convexity"),
    ("flag: not convex", replace(KL, jointly_convex=False), "check_joint_convexity"),
    ("flag: additive", replace(JS, additive=True), "check_additivity"),
    ("flag: not additive", replace(KL, additive=False), "check_additivity"),
    ("flag: relabelling", replace(DIVERGENCES["wasserstein"], relabelling=True), "check_relabelling"),
    ("generator of another", replace(KL, generator=DIVERGENCES["reverse_kl"].generator), "check_generator"),
    ("no example", replace(KL, function=ignoring_unit), "check_text"),
]


@pytest.mark.parametrize(("record", "check"), [m[1:] for m in MUTANTS], ids=[m[0] for m in MUTANTS])
def test_mutant_is_rejected(record: Divergence, check: str) -> None:
    named = {function.__name__: function for function in contract.CHECKS}
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        named[check](record)


def test_the_originals_pass_where_their_mutants_fail() -> None:
    named = {function.__name__: function for function in contract.CHECKS}
    for _, mutant, check in MUTANTS:
        named[check](DIVERGENCES[mutant.name])
