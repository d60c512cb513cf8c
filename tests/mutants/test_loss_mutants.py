"""The contract suite rejects losses that are wrong: every mutant below must fail at least one check."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loss_contract import (
    CHECKS,
    FLAG_CHECKS,
    FLAGS,
    check_finite,
    check_flag_robust,
    check_gradient,
    check_namespaces,
    check_round_trip,
)
from loss_elicitation import check_elicited, check_perfect
from loss_oracles import check_oracle
from lossmith import losses
from lossmith._arrays import log_softmax, sigmoid, softplus
from lossmith.divergence import _pointwise
from lossmith.losses import Interval, Loss

# the round trip compares with the catalogue: it would reject every mutant for being another record
COMPILED = (check_gradient, check_finite, check_namespaces, check_flag_robust)  # last: the others are quicker
QUICK = (*CHECKS, check_elicited, check_perfect, *FLAG_CHECKS)
GENERIC = (*(check for check in QUICK if check not in (check_round_trip, *COMPILED)), *COMPILED)


def rejected_by(loss: Loss, checks=GENERIC) -> str:
    """Return the name of the first check that the loss fails; empty if it passes them all."""
    for check in checks:
        try:
            check(loss)
        except Exception:  # a crash is a rejection too
            return check.__name__
        except pytest.fail.Exception:
            return check.__name__
    return ""


def mutant(name: str, **fields: object) -> Loss:
    return replace(losses.get(name), **fields)


def wrong_function(name: str, change) -> Loss:
    """Return the loss with its function wrapped: `change(original)` gives the wrong one."""
    record = losses.get(name)
    return replace(record, function=change(record.function))


FUNCTIONS = {
    "huber ignores delta": wrong_function("huber", lambda f: lambda xp, z, y, *, delta: f(xp, z, y, delta=1.0)),
    "quantile ignores its level": wrong_function(
        "quantile", lambda f: lambda xp, z, y, *, quantile: f(xp, z, y, quantile=0.5)
    ),
    "quantile upside down": mutant(
        "quantile",
        function=lambda xp, z, y, *, quantile: losses.get("quantile").function(xp, z, y, quantile=1 - quantile),
        elicits="quantile",
        values={"quantile": 0.9},
    ),
    "huber with a jump": wrong_function(
        "huber",
        lambda f: lambda xp, z, y, *, delta: f(xp, z, y, delta=delta) + 0.1 * delta * (xp.abs(z - y) > delta),
    ),
    "smoothing ignored": wrong_function(
        "binary_crossentropy", lambda f: lambda xp, z, y, *, label_smoothing: f(xp, z, y, label_smoothing=0.0)
    ),
    "alpha ignored": wrong_function(
        "focal", lambda f: lambda xp, z, y, *, gamma, alpha: f(xp, z, y, gamma=gamma, alpha=0.5)
    ),
    "sign flipped": wrong_function("mse", lambda f: lambda xp, z, y: -f(xp, z, y)),
    "gradient flipped": wrong_function("bce", lambda f: lambda xp, z, y, **p: f(xp, -z, y, **p)),
    "poisson, wrong sign": mutant("poisson", function=lambda xp, z, y: xp.exp(z) + y * z),
    "poisson without overflow guard": mutant("poisson", function=lambda xp, z, y: xp.exp(z) - y * z),
    "gaussian with e^s for e^-s": mutant(
        "gaussian_nll", function=lambda xp, z, y: 0.5 * (z[..., 1] + (y - z[..., 0]) ** 2 * xp.exp(z[..., 1]))
    ),
    "gaussian, variance twice": mutant(
        "gaussian_nll", function=lambda xp, z, y: z[..., 1] + 0.5 * (y - z[..., 0]) ** 2 * xp.exp(-z[..., 1])
    ),
    "mean over the batch": wrong_function("mse", lambda f: lambda xp, z, y: xp.mean(f(xp, z, y)) + 0 * z),
    "sum over the batch": wrong_function("brier", lambda f: lambda xp, z, y: xp.sum(f(xp, z, y))),
    "centred over the batch": wrong_function("mae", lambda f: lambda xp, z, y: f(xp, z - xp.mean(z), y)),
    "mean over classes kept": mutant(
        "categorical_brier", function=lambda xp, z, y: (xp.exp(log_softmax(xp, z)) - y) ** 2
    ),
    "cross-entropy clipped": mutant(
        "bce",
        parameters=(),
        depends=None,
        function=lambda xp, z, y: (
            -y * xp.log(xp.clip(sigmoid(xp, z), 1e-7, 1 - 1e-7))
            - (1 - y) * xp.log(xp.clip(1 - sigmoid(xp, z), 1e-7, 1 - 1e-7))
        ),
    ),
    "cross-entropy of probabilities": mutant(
        "bce",
        parameters=(),
        depends=None,
        function=lambda xp, z, y: -y * xp.log(sigmoid(xp, z)) - (1 - y) * xp.log(sigmoid(xp, -z)),
    ),
    "log-sum-exp without its peak": mutant(
        "categorical_crossentropy",
        parameters=(),
        depends=None,
        function=lambda xp, z, y: xp.log(xp.sum(xp.exp(z), axis=-1)) - xp.sum(y * z, axis=-1),
    ),
    "0 log 0 is NaN": mutant(
        "kl_divergence", function=lambda xp, z, y: xp.sum(y * (xp.log(y) - log_softmax(xp, z)), axis=-1)
    ),
    "KL the other way": mutant(
        "kl_divergence", function=lambda xp, z, y: _pointwise.reverse_kl_divergence(xp, y + 1e-12, log_softmax(xp, z))
    ),
    "KL without the log of q": mutant(
        "kl_divergence", function=lambda xp, z, y: _pointwise.kl_divergence(xp, y, xp.exp(log_softmax(xp, z)))
    ),
    "double softmax": mutant(
        "categorical_crossentropy",
        parameters=(),
        depends=None,
        function=lambda xp, z, y: _pointwise.cross_entropy(xp, y, log_softmax(xp, xp.exp(log_softmax(xp, z)))),
    ),
    "KL that is only cross-entropy up to a factor": mutant(
        "kl_divergence", function=lambda xp, z, y: 2 * _pointwise.kl_divergence(xp, y, log_softmax(xp, z))
    ),
    "GCE by powers": mutant(
        "categorical_generalized_cross_entropy",
        function=lambda xp, z, y, *, q: (1 - xp.sum(y * xp.exp(log_softmax(xp, z)), axis=-1) ** q) / q,
    ),
    "softplus by logaddexp of a wrong tie": mutant(
        "bce",
        parameters=(),
        depends=None,
        function=lambda xp, z, y: xp.where(z > 0, z, 0 * z) + xp.log1p(xp.exp(-xp.abs(z))) - y * z + 0.1 * (z > 3),
    ),
    "hinge that squares": wrong_function("hinge", lambda f: lambda xp, z, y: f(xp, z, y) ** 2),
    "squared hinge that does not": wrong_function("squared_hinge", lambda f: lambda xp, z, y: f(xp, z, y) ** 0.5),
    "expectile that is a quantile": mutant(
        "expectile",
        function=lambda xp, z, y, *, expectile: losses.get("quantile").function(xp, z, y, quantile=expectile),
    ),
    "tempered softmax without its tail": wrong_function(
        "bi_tempered", lambda f: lambda xp, z, y, *, t1, t2: f(xp, z, y, t1=t1, t2=1.0)
    ),
    "sparsemax that is softmax": mutant(
        "sparsemax", function=lambda xp, z, y: losses.get("kl_divergence").function(xp, z, y)
    ),
    "ordinal loss without an order": mutant(
        "cumulative_link", function=lambda xp, z, y: losses.get("kl_divergence").function(xp, z, y)
    ),
    "normalised by the label alone": mutant(
        "normalized_crossentropy",
        function=lambda xp, z, y: _pointwise.cross_entropy(xp, y, log_softmax(xp, z)) / 4,
    ),
    "symmetric cross-entropy without its second half": wrong_function(
        "symmetric_crossentropy",
        lambda f: lambda xp, z, y, *, alpha, beta, floor: f(xp, z, y, alpha=alpha, beta=0.0, floor=floor),
    ),
    "square root at probability 0": mutant(
        "squared_hellinger",
        function=lambda xp, z, y: 1 - xp.sum(xp.sqrt(y * xp.exp(log_softmax(xp, z))), axis=-1),
    ),
    "cosine without a norm": mutant("cosine_similarity", function=lambda xp, z, y: -xp.sum(z * y, axis=-1)),
    "pairs the wrong way round": wrong_function("pairwise_logistic", lambda f: lambda xp, z, y: f(xp, -z, y)),
    "batch loss that looks at its row alone": mutant(
        "auc_logistic", function=lambda xp, z, y: softplus(xp, z - 2 * y * z)
    ),
    "always float64": wrong_function("mse", lambda f: lambda xp, z, y: f(xp, xp.astype(z, xp.float64), y)),
}
RECORDS = {
    "mean called median": mutant("mse", elicits="median"),
    "median called mean": mutant("mae", elicits="mean"),
    "huber called mean": mutant("huber", elicits="mean"),
    "mean called numeric": mutant("poisson", elicits="numeric"),
    "probabilities called majority": mutant("brier", elicits="majority class", strictly_proper=False),
    "majority called probabilities": mutant("hinge", elicits="probabilities"),
    "focal called proper": mutant("focal", elicits="probabilities", strictly_proper=True),
    "proper without saying so": mutant("bce", strictly_proper=False),
    "categorical hinge called consistent": mutant("categorical_hinge", elicits="majority class"),
    "wrong head": mutant("poisson", head=losses.get("mse").head),
    "wrong class head": mutant("categorical_brier", head=losses.get("categorical_hinge").head),
    "interval too wide": mutant("msle", interval=Interval(-1)),
    "support not declared": mutant("reverse_kl", full_support=False),
    "default outside": mutant("huber", parameters=(replace(losses.get("huber").parameters[0], default=-1.0),)),
    "depends contradicts": mutant("focal", depends=lambda gamma, alpha: {"convex": True}),
    "no advice": mutant("mse", when_not=""),
    "formula that does not render": mutant("mse", formula=r"\nosuchcommand{z}"),
    "no year": mutant("mse", reference="Gauss"),
    "batchwise not declared": mutant("nt_xent", batchwise=False),
    "wrong partner on one-hot targets": mutant(
        "squared_hellinger", same_gradient_as="categorical_crossentropy", same_gradient_on="one-hot targets"
    ),
    "another gradient": mutant("categorical_brier", same_gradient_as="categorical_crossentropy"),
}
TURNED = [(name, flag) for name in ("mse", "mae", "bce", "tanh_hinge", "gce", "categorical_hinge") for flag in FLAGS]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_wrong_function_is_rejected(name) -> None:
    assert rejected_by(FUNCTIONS[name])


@pytest.mark.parametrize("name", RECORDS)
def test_wrong_record_is_rejected(name) -> None:
    assert rejected_by(RECORDS[name])


@pytest.mark.parametrize("name, flag", TURNED)
def test_wrong_flag_is_rejected(name, flag) -> None:
    turned = mutant(name, **{flag: not getattr(losses.get(name), flag)}, depends=None)
    assert rejected_by(turned, (*FLAG_CHECKS, check_elicited)) in (f"check_flag_{flag}", "check_elicited")


@pytest.mark.parametrize(
    "loss",
    [
        wrong_function("huber", lambda f: lambda xp, z, y, *, delta: 1.01 * f(xp, z, y, delta=delta)),
        wrong_function("kl_divergence", lambda f: lambda xp, z, y: f(xp, z, y) + 1e-6),
        wrong_function("bce", lambda f: lambda xp, z, y, **p: softplus(xp, f(xp, z, y, **p))),
        mutant(  # Keras's form: the true class's own score counts as 0 among the others
            "categorical_hinge",
            function=lambda xp, z, y: xp.clip(xp.max((1 - y) * z, axis=-1) - xp.sum(y * z, axis=-1) + 1, 0.0, None),
        ),
    ],
    ids=["a factor off", "a constant off", "softplus twice", "categorical hinge of Keras"],
)
def test_wrong_constants_are_left_to_the_definition(loss) -> None:
    assert rejected_by(loss, (check_oracle,))


@pytest.mark.parametrize("name", ["mse", "poisson", "bce", "hinge", "kl_divergence", "categorical_hinge"])
def test_the_right_loss_is_not_rejected(name) -> None:
    assert rejected_by(losses.get(name)) == ""
