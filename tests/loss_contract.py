"""What every record of a loss promises, as plain functions: each raises AssertionError where the promise is broken.

Cases are drawn from the record's own metadata, so a new record is covered the moment it is registered, and the
mutants of `tests/mutants` can be shown to be rejected.
"""

from __future__ import annotations

import re
from dataclasses import replace

import array_api_strict
import numpy as np
import pytest
from latex2mathml.converter import convert

from loss_draws import N_CLASSES, differences, draw_raw, draw_target, other_value, units, values
from loss_probe import BATCH, extreme, probe
from lossmith import losses
from lossmith._errors import DomainError, ShapeError
from lossmith.losses import Loss

FLAGS = ("convex", "smooth", "bounded", "robust", "strictly_proper", "symmetric_noise")


def check_shapes(loss: Loss) -> None:
    """Values have one entry for each sample, and nothing is broadcast."""
    raw, target = draw_raw(loss, 6, 0), draw_target(loss, 6, 1)
    assert values(loss, raw, target).shape == (6,)
    assert loss(raw, target).shape == (6,)
    wrong = [(raw, target[:, None]), (raw[:, None], target), (raw, target[:5]), (raw[:1], target), (raw, target[:1])]
    if loss.head.units != 1:
        wrong += [(raw[:, 0], target)]
    if loss.head.units != 1 and loss.encoding != "class_ids":
        wrong += [(raw[:, :-1], target), (raw[:, :1], target)]
    if loss.head.units == "n_outputs" and loss.encoding != "class_ids":
        wrong += [(raw, target[:, :1]), (raw, target[0])]
    if loss.encoding == "distribution":
        wrong += [(raw, target[:, :1]), (raw, target[0]), (raw, np.zeros((6, 1), dtype=np.int64))]
    for bad_raw, bad_target in wrong:
        with pytest.raises(ShapeError):
            loss(bad_raw, bad_target)
    if loss.batchwise:
        return
    one = loss(raw[:1], target[:1])
    np.testing.assert_allclose(one, loss(raw, target)[:1], rtol=1e-12, err_msg="one row alone is another value")


def check_rows_are_independent(loss: Loss) -> None:
    """The value of a sample depends on its neighbours where the record says so only, and never on their order."""
    raw, target = draw_raw(loss, 6, 2), draw_target(loss, 6, 3)
    order = np.array([3, 0, 5, 1, 4, 2])
    np.testing.assert_allclose(values(loss, raw[order], target[order]), values(loss, raw, target)[order], rtol=1e-9)
    moved = raw.copy()
    moved[0] += 1.0
    others = values(loss, moved, target)[1:] - values(loss, raw, target)[1:]
    assert np.any(others != 0) == loss.batchwise, f"{loss}: batchwise={loss.batchwise}"


def check_domain(loss: Loss) -> None:
    """Targets outside the interval raise; its closed edges are legal and finite, its open edges are not."""
    raw, target = draw_raw(loss, 4, 4), draw_target(loss, 4, 5)
    assert not np.any(loss.outside(target))
    low, high = loss.interval.low, loss.interval.high
    outside = [np.nan, np.inf, -np.inf]
    outside += [low - 0.1] if np.isfinite(low) else []
    outside += [high + 0.1] if np.isfinite(high) else []
    outside += [low] if np.isfinite(low) and not loss.interval.closed_low else []
    outside += [high] if np.isfinite(high) and not loss.interval.closed_high else []
    outside += [0.0] if loss.encoding == "minus_one_one" else []
    outside += [0.5] if loss.encoding == "class_ids" else []
    for value in outside:
        bad = target.copy()
        bad[(1,) + (0,) * (bad.ndim - 1)] = value
        assert np.array_equal(loss.outside(bad), [False, True, False, False]), value
        with pytest.raises(DomainError, match="outside the domain"):
            loss(raw, bad)
    if loss.encoding == "distribution":
        with pytest.raises(DomainError):
            loss(raw, 0.9 * target)
        ids = np.array([0, N_CLASSES, 1, 2])
        for bad in (ids, ids - 1 - N_CLASSES):
            with pytest.raises(DomainError):
                loss(raw, bad)
        edge = np.eye(N_CLASSES)
        if loss.full_support:
            assert np.all(loss.outside(edge))
        else:
            assert np.all(np.isfinite(loss(raw, edge)))
            np.testing.assert_array_equal(loss(raw, np.arange(4)), loss(raw, edge))
    else:
        for edge, closed in ((low, loss.interval.closed_low), (high, loss.interval.closed_high)):
            if np.isfinite(edge) and closed:
                assert np.all(np.isfinite(loss(raw, np.full_like(target, edge))))


def _gradient(loss: Loss, dtype: type, *, rtol: float, atol: float) -> None:
    raw, target = probe(loss).parts["moderate"]
    derivative = probe(loss).slopes("moderate", dtype)
    if not loss.batchwise:
        np.testing.assert_allclose(derivative, differences(loss, raw, target), rtol=rtol, atol=atol)
        return
    rows, step = slice(BATCH), 1e-6
    for seed in range(5):
        way = draw_raw(loss, BATCH, 100 + seed, scale=1.0)
        up, down = (values(loss, raw[rows] + sign * step * way, target[rows]) for sign in (1, -1))
        slope = np.sum(derivative[rows] * way)
        np.testing.assert_allclose(slope, np.sum(up - down) / (2 * step), rtol=rtol, atol=10 * atol)


def _finite(loss: Loss, dtype: type) -> None:
    raw, target = probe(loss).parts["corners"]
    value, slope = probe(loss).values("corners", dtype), probe(loss).slopes("corners", dtype)
    assert value.dtype == slope.dtype == dtype
    lost = ~np.isfinite(value)
    assert not np.any(lost), f"{loss} in {np.dtype(dtype)} at {raw[lost][:3]}, {target[lost][:3]}"
    lost = ~np.all(np.isfinite(slope.reshape(len(slope), -1)), axis=-1)
    assert not np.any(lost), f"gradient of {loss} in {np.dtype(dtype)} at {raw[lost][:3]}, {target[lost][:3]}"


def check_gradient(loss: Loss) -> None:
    """The derivative that training uses, in single precision, equals a central finite difference in double."""
    _gradient(loss, np.float32, rtol=2e-4, atol=2e-5)


def check_finite(loss: Loss) -> None:
    """Value and gradient are finite at extreme scores, ties, underflow and the edges of the domain, in single precision."""
    _finite(loss, np.float32)


def check_double(loss: Loss) -> None:
    """In double precision too: the derivative equals a finite difference, and everything is finite at the corners."""
    _gradient(loss, np.float64, rtol=2e-5, atol=2e-7)
    _finite(loss, np.float64)


def check_precision(loss: Loss) -> None:
    """float32 is close to float64, and float64 finite at the corners."""
    single, double = probe(loss).values("moderate", np.float32), probe(loss).values("moderate")
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(single, double, rtol=2e-5, atol=5e-6)
    assert np.all(np.isfinite(probe(loss).values("corners")))


def check_namespaces(loss: Loss) -> None:
    """NumPy, the strict reference of the array API and JAX give one value."""
    raw, target = draw_raw(loss, 8, 13), draw_target(loss, 8, 14)
    strict = loss(array_api_strict.asarray(raw), array_api_strict.asarray(target))
    np.testing.assert_allclose(np.asarray(strict), values(loss, raw, target), rtol=1e-10, atol=1e-12)
    jax_value, _ = probe(loss).jax("moderate")
    np.testing.assert_allclose(jax_value, probe(loss).values("moderate"), rtol=5e-5, atol=1e-5)


def check_parameters(loss: Loss) -> None:
    """Every parameter moves the value, and is refused outside its interval."""
    raw, target = draw_raw(loss, 200, 15), draw_target(loss, 200, 16)
    for parameter in loss.parameters:
        assert parameter.default in parameter.interval
        assert parameter.meaning
        moved = loss.configured(**{parameter.name: other_value(parameter, loss.configuration[parameter.name])})
        gap = np.max(np.abs(values(moved, raw, target) - values(loss, raw, target)))
        assert gap > 1e-9, f"{parameter.name} of {loss} moves nothing"
        for bad in (parameter.interval.low - 1, parameter.interval.high + 1, np.nan):
            with pytest.raises(DomainError):
                loss.configured(**{parameter.name: bad})
        assert loss.configured(**loss.configuration) == loss


def check_round_trip(loss: Loss) -> None:
    """Text, JSON and aliases read back as the same record."""
    assert losses.get(str(loss)) == loss
    assert losses.get(loss.to_json()) == loss
    for alias in (loss.name, *loss.aliases):
        assert losses.get(alias).name == loss.name
        assert losses.get(alias.upper()).name == loss.name


def check_documented(loss: Loss) -> None:
    """Every text is there, the formulas render, the reference has a year, dependent fields agree with the record."""
    for text in (loss.when, loss.when_not, loss.reference, loss.formula, loss.gradient, loss.head.explanation):
        assert text.strip() == text and len(text) > 2
    for text in (loss.when, loss.when_not):
        assert text.endswith("."), text
    for formula in (loss.formula, loss.gradient):
        markup = convert(formula)
        assert markup.startswith("<math") and "merror" not in markup
        assert "\\" not in re.sub(r"&#x0005C;", "", markup), markup
    assert re.search(r"\b(1[789]\d\d|20\d\d)\b", loss.reference) or loss.reference.startswith("Keras 3")
    assert set(loss.twins) <= {"keras", "optax", "torch", "sklearn", "xgboost", "lightgbm"}
    assert set(loss.code) <= {"keras", "keras_class_ids", "optax", "torch", "sklearn"}
    if loss.depends:
        fields = loss.depends(**loss.configuration)
        assert set(fields) <= {*FLAGS, "elicits", "head"}
        assert replace(loss, **fields) == loss, f"depends() contradicts the record of {loss}"


def check_flag_convex(loss: Loss) -> None:
    """Convex: never above the chord at the midpoint. Otherwise: a witness is found."""
    n, worst = 60 if loss.batchwise else 4000, -np.inf
    for scale in (0.3, 1.5, 6.0):
        first, second = draw_raw(loss, n, 17, scale=scale), draw_raw(loss, n, 18, scale=scale)
        target = draw_target(loss, n, 19)
        chord = 0.5 * (values(loss, first, target) + values(loss, second, target))
        excess = (values(loss, 0.5 * (first + second), target) - chord) / (1 + np.abs(chord))
        worst = max(worst, float(np.max(excess)))
    assert (worst < 1e-9) == loss.convex, f"{loss}: convex={loss.convex}, midpoint above the chord by {worst:.2g}"


LINES, COARSE = (0, 1, 2, 5), 8  # every eighth point of the fine grid is on the coarse one


def _line(loss: Loss, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return start, direction and target of a line of raw outputs; the last one passes through 0."""
    n = 6 if loss.batchwise else 1
    drawn = draw_target(loss, n + 7, 20 + seed)
    target = drawn[:n] if seed % 2 else drawn[-n:]  # soft targets and edges of the domain come first
    direction = draw_raw(loss, n, 40 + seed, scale=1.0)
    direction = direction / np.linalg.norm(direction)
    start = draw_raw(loss, n, 60 + seed, scale=0.3) - 4 * direction
    if seed == LINES[-1]:
        start[0] = -4 * direction[0]
    return start, direction, target


def _along(loss: Loss) -> tuple[np.ndarray, np.ndarray]:
    """Return values and slopes along every line, each of shape (n_lines, n_points)."""
    steps, nudge = np.linspace(0, 8, 257 if loss.batchwise else 1025), 1e-5
    raw, targets = [], []
    for shift in (0.0, nudge, -nudge):
        for seed in LINES:
            start, direction, target = _line(loss, seed)
            raw.append(start + (steps + shift).reshape((-1,) + (1,) * start.ndim) * direction)
            targets.append(np.broadcast_to(target, (len(steps), *target.shape)))
    points, given = np.concatenate(raw), np.concatenate(targets)
    if loss.batchwise:
        found = np.array([np.sum(values(loss, z, y)) for z, y in zip(points, given, strict=True)])
    else:
        found = values(loss, points[:, 0], given[:, 0])
    here, after, before = found.reshape(3, len(LINES), len(steps))
    return here, (after - before) / (2 * nudge)


def check_flag_smooth(loss: Loss) -> None:
    """Smooth: jumps of the derivative along a line shrink with the step. Otherwise: a jump that stays is found."""
    along = _along(loss)
    fine, coarse = (
        sum(np.max(np.abs(np.diff(quantity[:, ::every])), axis=1) for quantity in along) for every in (1, COARSE)
    )
    stays = float(np.max(fine / np.maximum(coarse, 1e-9)))
    # a Lipschitz derivative gives 1/8, a jump gives 1
    assert (stays < 0.5) == loss.smooth, (
        f"{loss}: smooth={loss.smooth}, the largest jump shrinks to {stays:.2f} of itself"
    )


def check_flag_bounded(loss: Loss) -> None:
    """Bounded: the largest value converges as raw outputs and targets grow. Otherwise it goes on growing.

    A logarithm grows by the same amount with each factor of 10^4 in the scores; a power that dies out, such as the
    heavy tails of a tempered softmax, by less each time.
    """
    near, far, farthest = (float(np.max(values(loss, *extreme(loss, scale)))) for scale in (1e2, 1e6, 1e10))
    room = 1e-3 * (1 + abs(near))
    settles = farthest < 300 and farthest - far < 0.7 * max(far - near, 0.0) + room
    assert settles == loss.bounded, f"{loss}: bounded={loss.bounded}, {near:.6g} -> {far:.6g} -> {farthest:.6g}"


def check_flag_robust(loss: Loss) -> None:
    """Robust: gradients stay below a bound at raw outputs and targets of any size."""
    largest = float(np.max(np.abs(probe(loss).slopes("extreme"))))
    assert (largest < 50) == loss.robust, f"{loss}: robust={loss.robust}, largest gradient {largest:.3g}"


def check_flag_symmetric_noise(loss: Loss) -> None:
    """Symmetric under noise: the sum over all classes does not depend on the raw output."""
    raw = draw_raw(loss, 50, 25)
    if loss.encoding == "distribution" and not loss.full_support:
        classes = list(np.eye(N_CLASSES))
    elif loss.task == "binary" and not loss.batchwise:
        classes = [0.0 if loss.encoding == "zero_one" else -1.0, 1.0]
    else:
        assert not loss.symmetric_noise
        return
    shape = (50, N_CLASSES) if loss.encoding == "distribution" else (50,)
    total = sum(values(loss, raw, np.broadcast_to(target, shape)) for target in classes)
    assert (np.ptp(total) < 1e-9) == loss.symmetric_noise, (
        f"{loss}: symmetric_noise={loss.symmetric_noise}, {np.ptp(total):.3g}"
    )


def check_same_gradient(loss: Loss) -> None:
    """Losses that share a gradient label share every gradient; others do not."""
    one_hot = loss.same_gradient_on == "one-hot targets"
    if not loss.same_gradient_as:
        assert loss.gradient_label() == loss.gradient_label(one_hot=True) == str(loss)
        return
    other = losses.get(loss.gradient_label(one_hot=True))
    assert other.name == loss.same_gradient_as
    assert loss.gradient_label() == (str(loss) if one_hot else str(other))
    raw, target = draw_raw(loss, 40, 26), draw_target(loss, 40, 27, hard=one_hot)
    np.testing.assert_allclose(differences(loss, raw, target), differences(other, raw, target), rtol=1e-7, atol=1e-8)
    assert units(other) == units(loss)
    if one_hot:
        soft = draw_target(loss, 40, 27)[:5]
        gap = differences(loss, raw[:5], soft) - differences(other, raw[:5], soft)
        assert np.max(np.abs(gap)) > 1e-3 or loss.values


CHECKS = (
    check_shapes,
    check_rows_are_independent,
    check_domain,
    check_gradient,
    check_finite,
    check_precision,
    check_namespaces,
    check_parameters,
    check_round_trip,
    check_documented,
    check_same_gradient,
)
FLAG_CHECKS = (
    check_flag_convex,
    check_flag_smooth,
    check_flag_bounded,
    check_flag_robust,
    check_flag_symmetric_noise,
)
