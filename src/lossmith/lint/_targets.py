"""Checks of the targets against the loss: form, domain, class ids, shape."""

from __future__ import annotations

import numpy as np

from lossmith._checks import Finding
from lossmith.lint._numbers import counts, percent, span
from lossmith.lint._setup import Setup
from lossmith.lint.checks import CHECKS

__all__ = ["TARGETS", "is_one_hot", "label_form"]

_CLOSE = 1e-3
_FEW = 20  # different values that are still labels
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
_RANGES |= dict.fromkeys(("relu", "softplus", "exponential", "exp"), (0.0, np.inf)) | {"relu6": (0.0, 6.0)}


def is_one_hot(y: np.ndarray) -> bool:
    """Return whether every row of the last axis holds a single 1 and zeros.

    Examples
    --------
    >>> is_one_hot(np.eye(3)), is_one_hot(np.full((2, 2), 0.5))
    (True, False)
    """
    return y.ndim > 1 and y.shape[-1] > 1 and bool(np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=-1) == 1))


def label_form(y: np.ndarray) -> str:
    """Return what targets look like: "zero_one", "sign", "ids", "rows" or "value".

    Examples
    --------
    >>> label_form(np.array([0, 1, 1])), label_form(np.array([-1.0, 1.0])), label_form(np.eye(3)), label_form(np.array([0.3]))
    ('zero_one', 'sign', 'rows', 'value')
    """
    if y.ndim > 1 and y.shape[-1] > 1:
        return "rows" if np.all(y >= 0) and np.allclose(y.sum(axis=-1), 1, atol=_CLOSE) else "value"
    if np.all((y == 0) | (y == 1)):
        return "zero_one"
    if np.all((y == -1) | (y == 1)):
        return "sign"
    whole = np.all(np.isfinite(y)) and np.all(y == np.round(y)) and np.all(y >= 0)
    return "ids" if whole and len(np.unique(y)) <= _FEW else "value"


def _finite(y: np.ndarray) -> bool:
    return bool(np.isfinite(y).all())


def data_not_finite(setup: Setup) -> Finding | None:
    """LS228: NaN or infinity among inputs, targets or weights."""
    import keras

    seen = []
    leaves = [("x", leaf) for leaf in keras.tree.flatten(setup.inputs)] + [("y", setup.y)]
    if setup.sample_weight is not None:
        leaves.append(("sample_weight", setup.sample_weight))
    for name, array in leaves:
        if array.dtype.kind == "f" and not _finite(array):
            broken = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
            seen.append(f"{int(broken.sum()):,} of {len(array):,} rows of {name}")
    if not seen:
        return None
    return CHECKS["LS228"].found(
        setup.name,
        ", ".join(seen) + " hold NaN or infinite values",
        command="x = np.nan_to_num(x)  # or drop those rows",
    )


def targets_not_distributions(setup: Setup) -> Finding | None:
    """LS204: rows that are no distributions."""
    loss = setup.loss
    form_wants = loss.form is not None and loss.form.targets == "rows" and loss.outputs == "distribution"
    own_wants = loss.own is not None and loss.own.encoding == "distribution"
    if not (form_wants or own_wants) or setup.y.shape[1:] != setup.output.shape[1:] or setup.width < 2:
        return None
    axis = loss.settings.get("axis", -1)
    sums = setup.y.sum(axis=axis if isinstance(axis, int) else -1)
    wrong = (np.abs(sums - 1) > _CLOSE) | (setup.y.min(axis=axis if isinstance(axis, int) else -1) < 0)
    if not wrong.any():
        return None
    several = np.all((setup.y == 0) | (setup.y == 1)) and sums.max() > 1
    correct = "loss=keras.losses.BinaryCrossentropy()  # with a sigmoid for each label" if several else ""
    seen = f"{percent(wrong)} of the rows are no distribution: they sum to {span(sums)[5:]}"
    if setup.y.min() < 0:
        seen += f", with entries down to {setup.y.min():.3g}"
    return CHECKS["LS204"].found(setup.name, seen, command=correct or "y = y / y.sum(axis=-1, keepdims=True)")


def margin_labels(setup: Setup) -> Finding | None:
    """LS208: labels of a hinge loss that are not -1 and 1."""
    loss, y = setup.loss, setup.y
    check, correct = CHECKS["LS208"], "y = np.where(y > 0, 1, -1)"
    if loss.own is not None:
        if loss.own.encoding != "minus_one_one" or not _finite(y):
            return None
        wrong = np.abs(y) != 1
        if not wrong.any() or _is_smoothed(y):
            return None
        if np.all((y == 0) | (y == 1)):
            correct = "y = 2 * y - 1"
        return check.found(
            setup.name,
            f"{percent(wrong)} of the labels are not -1 or 1: {counts(y)}; their loss is NaN",
            command=correct,
        )
    if loss.form is not None:
        # labels that are all 0 or 1 become -1 and 1 in Keras, batch by batch
        fits = np.all((y == -1) | (y == 1)) or np.all((y == 0) | (y == 1))
        if loss.form.targets != "sign" or fits or _is_smoothed(y):
            return None
        if np.all(y > 0) and len(np.unique(y)) == 2:
            correct = f"y = np.where(y == {np.max(y):g}, 1, -1)"
        return check.found(setup.name, f"{loss.name} needs -1 and 1 and gets {counts(y)}", command=correct)
    return _never_penalised(setup)


def _never_penalised(setup: Setup) -> Finding | None:
    """LS208 for a function of the user: a label whose rows have one loss whatever the output."""
    labels = np.unique(setup.target)
    if setup.gradient is None or not 2 <= len(labels) <= _FEW or setup.target.size != len(setup.target):
        return None
    silent = ~setup.gradient_rows
    by_label = {float(label): silent[setup.target.reshape(-1) == label] for label in labels}
    dead = [label for label, rows in by_label.items() if rows.all()]
    value = np.asarray(setup.value)
    if not dead or len(dead) == len(labels) or value.ndim == 0 or value.size != len(silent):
        return None
    at = value.reshape(-1)[setup.target.reshape(-1) == dead[0]]
    if np.ptp(at) > 0 or at[0] == 0:
        return None
    text = f"label {dead[0]:g} is never penalised: its {len(at)} sampled rows all cost {at[0]:.3g} and get no gradient"
    return CHECKS["LS208"].found(setup.name, text, command="y = 2 * y - 1")


def _is_smoothed(y: np.ndarray) -> bool:
    """Return whether labels look like smoothed ones: two values inside (0, 1) or (-1, 1) that mirror each other."""
    values = np.unique(y)
    if len(values) != 2:
        return False
    low, high = float(values[0]), float(values[1])
    inside = 0 < low < high < 1 and abs(low + high - 1) < _CLOSE
    return inside or (-1 < low < 0 < high < 1 and abs(low + high) < _CLOSE)


def smoothing_unfit(setup: Setup) -> Finding | None:
    """LS209: label smoothing where it does not belong."""
    loss, check = setup.loss, CHECKS["LS209"]
    signs = (loss.form is not None and loss.form.targets == "sign") or (
        loss.own is not None and loss.own.encoding == "minus_one_one"
    )
    if signs and _is_smoothed(setup.y):
        return check.found(
            setup.name,
            f"smoothed labels under {loss.name}: {counts(setup.y)}",
            command="y = np.where(y > y.mean(), 1, -1)",
        )
    rate = float(loss.settings.get("label_smoothing", 0.0) or 0.0)
    if not rate or loss.form is None:
        return None
    if "focal" in loss.form.function:
        text = (
            f"label_smoothing={rate:g} with a focal loss: its weights then see labels {rate / 2:g} and {1 - rate / 2:g}"
        )
        return check.found(setup.name, text, command=loss.line(label_smoothing=0.0))
    soft = (setup.y > 0) & (setup.y < 1)
    if soft.any():
        text = f"label_smoothing={rate:g} on targets of which {percent(soft)} are soft already"
        return check.found(setup.name, text, command=loss.line(label_smoothing=0.0))
    if label_form(setup.y) == "sign":
        text = f"label_smoothing={rate:g} on labels -1 and 1: they become {rate / 2 - 1:.3g} and {1 - rate / 2:.3g}"
        return check.found(setup.name, text, command="y = (y + 1) / 2")
    return None


def targets_outside_domain(setup: Setup) -> Finding | None:
    """LS212: targets for which the loss is not defined."""
    loss, y, check = setup.loss, setup.y, CHECKS["LS212"]
    if loss.own is not None:
        return _outside_own(setup)
    wanted = loss.form.targets if loss.form else ""
    if wanted == "share":
        wrong = (y < 0) | (y > 1)
        if not wrong.any():
            return None
        signs = label_form(y) == "sign"
        correct = "y = (y + 1) / 2" if signs else "y = (y > 0).astype('float32')"
        return check.found(
            setup.name, f"{loss.name} needs targets in [0, 1]: {percent(wrong)} lie outside, {span(y)}", command=correct
        )
    if wanted == "non_negative":
        wrong = y < 0
        if not wrong.any():
            return None
        seen = f"{loss.name} needs targets that are not negative: {percent(wrong)} are, down to {y.min():.3g}"
        return check.found(setup.name, seen, command="loss=keras.losses.MeanSquaredError()")
    if wanted == "non_zero":
        small = np.abs(y) < 1e-6
        if not small.any():
            return None
        seen = f"{loss.name} divides by the target: {percent(small)} are 0, and count 1e7 times"
        return check.found(setup.name, seen, command="loss=keras.losses.MeanAbsoluteError()")
    return None


def _outside_own(setup: Setup) -> Finding | None:
    own = setup.loss.own
    if own is None or own.encoding in ("minus_one_one", "class_ids", "distribution"):
        return None
    y = setup.y.astype(np.float64)
    wrong = np.asarray(own.outside(y.reshape(len(y), -1) if own.head.units == "n_outputs" else y.reshape(-1)))
    if not wrong.any():
        return None
    seen = f"{own.name} needs targets in {own.interval}: {percent(wrong)} lie outside, {span(y)}; their loss is NaN"
    correct = "y = (y + 1) / 2" if own.encoding == "zero_one" and label_form(y) == "sign" else ""
    return CHECKS["LS212"].found(setup.name, seen, advice=own.when_not, command=correct or _alternative(own.task))


def _alternative(task: str) -> str:
    return "loss=keras.losses.MeanSquaredError()" if task == "regression" else "y = (y > 0).astype('float32')"


def class_ids_out_of_range(setup: Setup) -> Finding | None:
    """LS214: ids that are no class of the model."""
    loss = setup.loss
    by_form = loss.form is not None and loss.form.targets == "ids"
    by_own = loss.own is not None and loss.own.encoding in ("distribution", "class_ids") and loss.by_class
    if (
        not (by_form or by_own)
        or setup.width < 2
        or setup.y.size != setup.output.size // setup.width * len(setup.y) // len(setup.output)
    ):
        return None
    ids = setup.y.reshape(-1)
    if not _finite(ids):
        return None
    ignored = loss.settings.get("ignore_class")
    kept = ids if ignored is None else ids[ids != ignored]
    wrong = (kept < 0) | (kept >= setup.width) | (kept != np.floor(kept))
    if not wrong.any():
        return None
    bad = np.unique(kept[wrong])[:3]
    seen = f"{int(wrong.sum()):,} of {len(ids):,} ids are no class of {setup.width} outputs, such as " + ", ".join(
        f"{v:g}" for v in bad
    )
    value = None if setup.value is None else np.asarray(setup.value).reshape(-1)
    shown = setup.target.reshape(-1)
    if value is not None and value.size == shown.size:
        theirs = value[(shown < 0) | (shown >= setup.width)]
        if theirs.size:
            seen += f"; such a row costs {theirs[0]:.3g}"
    from_one = kept.min() == 1 and kept.max() == setup.width
    correct = (
        "y = y - 1  # ids from 0" if from_one else f"keras.layers.Dense({int(np.nanmax(kept)) + 1})  # the last layer"
    )
    if kept.min() < 0:
        correct = "y = np.unique(y, return_inverse=True)[1]  # ids from 0"
    return CHECKS["LS214"].found(setup.name, seen, command=correct)


def one_hot_or_ids(setup: Setup) -> Finding | None:
    """LS215: rows where ids are wanted, or ids where rows are."""
    form, y = setup.loss.form, setup.y
    if form is None or setup.width < 2:
        return None
    same = y.ndim == setup.output.ndim and y.shape[-1] == setup.output.shape[-1]
    if form.targets == "ids" and same:
        seen = f"{setup.loss.name} needs class ids and gets rows of {setup.width} numbers"
        other = "CategoricalCrossentropy" if form.logits else ""
        flags = ", from_logits=True" if setup.loss.from_logits else ""
        correct = f"loss=keras.losses.{other}({flags[2:]})" if other else "y = y.argmax(axis=-1)"
        return CHECKS["LS215"].found(setup.name, seen, command=correct)
    ids = y.ndim == setup.output.ndim - 1 or (y.ndim == setup.output.ndim and y.shape[-1] == 1)
    if form.targets == "rows" and ids:
        seen = f"{setup.loss.name} needs one row of {setup.width} numbers for each sample and gets ids, {span(y)}"
        flags = "from_logits=True" if setup.loss.from_logits else ""
        sparse = form.function in ("categorical_crossentropy", "kl_divergence")
        correct = f"loss=keras.losses.SparseCategoricalCrossentropy({flags})" if sparse else ""
        return CHECKS["LS215"].found(
            setup.name, seen, command=correct or f"y = keras.utils.to_categorical(y, {setup.width})"
        )
    return None


def _as_keras_aligns(target: tuple[int, ...], output: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return both shapes as Keras squeezes or expands them: a last axis of length 1 is added or taken away."""
    if len(target) == len(output) + 1 and target[-1] == 1:
        return (target, (*output, 1)) if len(output) == 1 else (target[:-1], output)
    if len(output) == len(target) + 1 and output[-1] == 1:
        return ((*target, 1), output) if len(target) == 1 else (target, output[:-1])
    return target, output


def shapes_broadcast(setup: Setup) -> Finding | None:
    """LS216: shapes that differ and are broadcast."""
    loss, check = setup.loss, CHECKS["LS216"]
    target, output = _as_keras_aligns(setup.target.shape, setup.output.shape)
    if loss.form is None:
        square = setup.value is not None and setup.value.ndim > 1 and len(setup.target) > 1
        if (
            loss.own is None
            and square
            and setup.value is not None
            and setup.value.shape[:2] == (len(setup.target),) * 2
        ):
            seen = (
                f"the loss of {len(setup.target)} rows has shape {setup.value.shape}: every output meets every target"
            )
            return check.found(setup.name, seen, command="y = y.reshape(-1, 1)")
        return None
    elementwise = loss.form.targets in ("share", "sign", "value", "non_negative", "non_zero")
    if not elementwise or target == output:
        return None
    try:
        together = np.broadcast_shapes(target, output)
    except ValueError:
        together = None
    if setup.ids() is not None and setup.width > 1 and loss.outputs in ("probability", "score"):
        return None  # a matter of the head's width, LS217
    seen = f"targets {_named(setup.y.shape)} and outputs {_named((len(setup.y), *setup.output.shape[1:]))}"
    seen += (
        " do not fit" if together is None else f" are broadcast: {np.prod(together[1:], dtype=int)} pairs for each row"
    )
    units = int(np.prod(setup.y.shape[1:], dtype=int)) or 1
    correct = f"keras.layers.Dense({units})  # the last layer" if setup.output.ndim == 2 else ""
    return check.found(
        setup.name, seen, command=correct or f"y = y.reshape({output})".replace(str(len(setup.output)), "-1", 1)
    )


def _named(shape: tuple[int, ...]) -> str:
    return f"of shape {shape}"


def few_classes(setup: Setup) -> Finding | None:
    """LS229: one class or one value alone."""
    y = setup.y
    if len(y) < 2 or not _finite(y):
        return None
    rows = y.reshape(len(y), -1)
    if not np.all(rows == rows[0]):
        return None
    what = f"{rows[0, 0]:g}" if rows.shape[1] == 1 else "one row of numbers"
    return CHECKS["LS229"].found(
        setup.name, f"all {len(y):,} targets are {what}", command="np.unique(y, axis=0)  # look"
    )


def unreachable_targets(setup: Setup) -> Finding | None:
    """LS230: targets outside the range of the last activation, where both are values."""
    form = setup.loss.form
    if (
        form is None
        or form.outputs not in ("value", "positive")
        or setup.activation not in _RANGES
        or not _finite(setup.y)
    ):
        return None
    low, high = _RANGES[setup.activation]
    outside = (setup.y < low) | (setup.y > high)
    if not outside.any() or (form.targets == "non_negative" and setup.y.min() < 0):
        return None
    seen = f"{setup.activation} gives numbers in [{low:g}, {high:g}] and {percent(outside)} of the targets lie outside, {span(setup.y)}"
    return CHECKS["LS230"].found(setup.name, seen, command=f"keras.layers.Dense({setup.width})  # no activation")


TARGETS = (
    data_not_finite,
    one_hot_or_ids,
    class_ids_out_of_range,
    margin_labels,
    smoothing_unfit,
    targets_not_distributions,
    targets_outside_domain,
    unreachable_targets,
    shapes_broadcast,
    few_classes,
)
