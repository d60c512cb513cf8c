"""Checks of what the model gives against what the loss reads: activations, probabilities, width, precision."""

from __future__ import annotations

import math

import numpy as np

from lossmith._checks import Finding
from lossmith.lint._numbers import percent, span
from lossmith.lint._setup import Setup
from lossmith.lint.checks import CHECKS

__all__ = ["HEADS"]

SQUASHING = frozenset({"sigmoid", "softmax", "hard_sigmoid", "sparsemax", "sparse_sigmoid"})
_NEVER_NEGATIVE = 1e-6  # below minus this, clipping alone cannot explain a negative divergence
_NOTICEABLE = 1e-4  # of log(n_classes), the largest divergence of a one-hot target from the uniform law


def _seen(setup: Setup) -> str:
    said = [f"outputs {span(setup.output)}"]
    outside = (setup.output < 0) | (setup.output > 1)
    if outside.any():
        said.append(f"{percent(outside)} outside [0, 1]")
    if setup.loss.by_class and setup.width > 1:
        sums = setup.rows.sum(axis=-1)
        said.append(f"rows sum to {sums.mean():.3g} on average")
    stuck = ~setup.gradient_rows
    if stuck.any():
        said.append(f"{percent(stuck)} of the rows get no gradient at all")
    return ", ".join(said)


def _layer(setup: Setup, activation: str) -> str:
    return f'keras.layers.Dense({setup.width}, activation="{activation}")  # the last layer'


def logits_as_probabilities(setup: Setup) -> Finding | None:
    """LS201: raw outputs meet a loss for probabilities."""
    loss = setup.loss
    if loss.outputs not in ("probability", "distribution") or loss.from_logits or setup.gives_probabilities:
        return None
    if loss.form is None or loss.form.function == "kl_divergence":
        return None
    end = "has no activation" if setup.activation == "linear" else f"ends in {setup.activation}"
    end = "gives no probabilities" if setup.activation is None else end
    correct = loss.line(from_logits=True) if loss.form.logits else ""
    if loss.form.raw:
        correct = f"loss={loss.form.raw}"
    return CHECKS["LS201"].found(
        setup.name,
        f"the model {end} and {loss.name} expects probabilities: {_seen(setup)}",
        command=correct or _layer(setup, "softmax" if loss.by_class else "sigmoid"),
    )


def activation_twice(setup: Setup) -> Finding | None:
    """LS202: two activations in a row, one of which may be that of the loss."""
    check, loss = CHECKS["LS202"], setup.loss
    chain = setup.chain or ()
    if len(chain) > 1 and chain[0] in SQUASHING and chain[1] in SQUASHING:
        return check.found(
            setup.name,
            f"the model applies {chain[1]} and then {chain[0]}: outputs only {span(setup.output)}",
            command=f"keras.layers.Dense({setup.width})  # no activation before the {chain[0]}",
        )
    if not loss.from_logits:
        return None
    squashed = chain[0] if chain else ""
    if loss.own is not None:
        if squashed in ("", "log_softmax", "logsoftmax") or (squashed not in SQUASHING | {"tanh", "exponential"}):
            squashed = ""
    elif squashed not in SQUASHING:
        squashed = ""
    by_numbers = setup.chain is None and setup.in_unit_interval and setup.rows_sum_to_one
    if not squashed and not by_numbers:
        return None
    best = math.log1p((setup.width - 1) * math.exp(-1.0)) if setup.width > 1 else math.log1p(math.exp(-1.0))
    seen = f"the model ends in {squashed}" if squashed else "rows of outputs in [0, 1] sum to 1"
    says = "takes raw outputs" if loss.own else "has from_logits=True"
    cost = f"; a perfect prediction would still cost {best:.3f}" if squashed != "tanh" and loss.form else ""
    return check.found(
        setup.name,
        f"{seen} and {loss.name} {says}: outputs only {span(setup.output)}{cost}",
        command=loss.line(from_logits=False) if loss.form else f"keras.layers.Dense({setup.width})  # the last layer",
    )


def divergence_on_logits(setup: Setup) -> Finding | None:
    """LS203: a divergence of outputs that are no probabilities."""
    form = setup.loss.form
    if form is None or form.function != "kl_divergence" or setup.gives_probabilities:
        return None
    return CHECKS["LS203"].found(
        setup.name,
        f"the last activation is {setup.activation or 'not known'}: {_seen(setup)}",
        command=_layer(setup, "softmax"),
    )


def outputs_not_distributions(setup: Setup) -> Finding | None:
    """LS205: probabilities that do not sum to 1 where a loss compares distributions."""
    loss = setup.loss
    wanted = loss.form is not None and loss.outputs == "distribution" and not loss.from_logits and setup.width > 1
    if not wanted or not setup.gives_probabilities or setup.rows_sum_to_one:
        return None
    sums = setup.rows.sum(axis=-1)
    negative = ""
    if setup.value is not None and np.any(setup.value < -_NEVER_NEGATIVE):
        negative = f", and {setup.loss.name} is negative for {percent(setup.value < -_NEVER_NEGATIVE)} of the rows"
    return CHECKS["LS205"].found(
        setup.name, f"rows of outputs sum to {span(sums)[5:]}{negative}", command=_layer(setup, "softmax")
    )


def clipped_divergence(setup: Setup) -> Finding | None:
    """LS206: what Keras's clipping does to a divergence on these rows."""
    form = setup.loss.form
    if form is None or form.function != "kl_divergence" or setup.value is None or not setup.gives_probabilities:
        return None
    if setup.target.shape != setup.output.shape or np.any(setup.target < 0):
        return None
    from scipy.special import rel_entr

    exact = rel_entr(setup.target.astype(np.float64), setup.output).sum(axis=-1)
    theirs = setup.value.reshape(exact.shape)
    check, correct = CHECKS["LS206"], f"loss={form.raw}"
    lowest = float(theirs.min())
    if lowest < -_NEVER_NEGATIVE:
        text = f"{percent(theirs < -_NEVER_NEGATIVE)} of the rows have a negative divergence, down to {lowest:.2g}"
        return check.found(setup.name, text, command=correct)
    if not np.isfinite(exact).all():
        text = f"{percent(~np.isfinite(exact))} of the rows have an infinite divergence, which Keras shows as {theirs.max():.3g}"
        return check.found(setup.name, text, command=correct)
    shift = float(theirs.mean() - exact.mean())
    if setup.width < 2 or abs(shift) < _NOTICEABLE * math.log(setup.width):
        return None
    text = f"{setup.width:,} classes: Keras gives {theirs.mean():.5g}, exact is {exact.mean():.5g} ({shift:+.2g})"
    return check.found(setup.name, text, command=correct)


def outputs_outside_domain(setup: Setup) -> Finding | None:
    """LS213: negative outputs under a loss that takes their logarithm."""
    if setup.loss.outputs != "positive" or setup.loss.form is None:
        return None
    below = setup.output < 0
    if not below.any():
        return None
    broken = setup.value is not None and not np.isfinite(setup.value).all()
    stuck = ~setup.gradient_rows
    seen = f"{percent(below)} of the outputs are negative, down to {setup.output.min():.3g}"
    if broken:
        seen += f"; the loss is NaN for {percent(~np.isfinite(np.asarray(setup.value)))} of the rows"
    elif stuck.any():
        seen += f"; {percent(stuck)} of the rows get no gradient"
    return CHECKS["LS213"].found(
        setup.name,
        f"{setup.loss.name} needs outputs that are not negative: {seen}",
        command=_layer(setup, "softplus"),
    )


def head_width(setup: Setup) -> Finding | None:
    """LS217: a number of outputs that cannot be right."""
    check, loss = CHECKS["LS217"], setup.loss
    if setup.width == 1 and setup.chain and "softmax" in setup.chain:
        return check.found(
            setup.name,
            f"a softmax over one unit: every output is {setup.output.flat[0]:g}",
            command='keras.layers.Dense(1, activation="sigmoid")',
        )
    if loss.own is not None:
        units = loss.own.head.units
        if isinstance(units, int) and units != setup.width:
            return check.found(
                setup.name,
                f"{setup.width} outputs where {loss.name} reads {units}",
                command=f"keras.layers.Dense({units})  # the last layer",
            )
    ids = setup.ids()
    if loss.by_class and setup.width == 1:
        n_classes = len(np.unique(ids)) if ids is not None else setup.y.shape[-1]
        correct = "loss=keras.losses.BinaryCrossentropy()" if n_classes <= 2 else f"keras.layers.Dense({n_classes})"
        return check.found(setup.name, f"one output for {n_classes} classes under {loss.name}", command=correct)
    if loss.form is None or ids is None or setup.width == 1:
        return None
    if loss.outputs in ("probability", "score") and setup.output.ndim == 2:
        wanted = "SparseCategoricalCrossentropy" if loss.outputs == "probability" else ""
        correct = f"loss=keras.losses.{wanted}()" if wanted else "keras.layers.Dense(1)  # the last layer"
        return check.found(
            setup.name, f"{setup.width} outputs for one label in each row under {loss.name}", command=correct
        )
    return None


def half_precision(setup: Setup) -> Finding | None:
    """LS225: outputs or loss in half precision."""
    loss_dtype = str(getattr(setup.loss.object, "dtype", "float32"))
    low = {"float16", "bfloat16"}
    if setup.output_dtype not in low and loss_dtype not in low:
        return None
    seen = f"outputs are {setup.output_dtype}, the loss is computed in {loss_dtype}"
    if setup.value is not None and not np.isfinite(setup.value).all():
        seen += f"; it is not finite for {percent(~np.isfinite(setup.value))} of the rows"
    elif setup.loss.outputs in ("probability", "distribution") and np.any(setup.output == 0):
        seen += f"; {percent(setup.output == 0)} of the probabilities are 0"
    fix = 'dtype="float32"'
    activation = f', activation="{setup.chain[0]}"' if setup.chain else ""
    line = f"keras.layers.Dense({setup.width}{activation}, {fix})"
    if setup.output_dtype not in low and setup.loss.form is not None:
        line = f"loss=keras.losses.{setup.loss.form.cls}({fix})"
    return CHECKS["LS225"].found(setup.name, seen, command=line)


HEADS = (
    half_precision,
    logits_as_probabilities,
    activation_twice,
    divergence_on_logits,
    head_width,
    outputs_outside_domain,
    outputs_not_distributions,
    clipped_divergence,
)
