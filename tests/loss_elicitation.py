"""What a loss elicits: the constant raw output with the smallest expected loss, against functionals computed apart."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from loss_draws import draw_raw, draw_target, values
from lossmith.losses import Loss

NAMED = ("mean", "median", "quantile", "geometric mean", "mean and variance", "probabilities")
CLASSES = np.array([0.45, 0.35, 0.2])  # no class above one half
MAJORITY = np.array([0.6, 0.25, 0.15])


def _interval_of_minima(expected, low: float, high: float) -> tuple[float, float]:
    """Return the ends of the set where `expected(raw values)` is smallest, by zooming into a grid."""
    for _ in range(9):
        grid = np.linspace(low, high, 201)
        value = expected(grid)
        best = np.flatnonzero(value <= value.min() + 1e-13 * (1 + abs(value.min())))
        step = grid[1] - grid[0]
        if len(best) > 20:
            break
        low, high = grid[best[0]] - step, grid[best[-1]] + step
    return float(grid[best[0]]), float(grid[best[-1]])


def _minimiser(loss: Loss, targets: np.ndarray, weights: np.ndarray, units: int) -> np.ndarray:
    """Return the constant row of raw outputs with the smallest weighted loss, from several starts."""

    def expected(row: np.ndarray) -> float:
        raw = np.broadcast_to(row, (len(weights), units))
        return float(np.sum(weights * values(loss, raw, targets)))

    options = {"xatol": 1e-10, "fatol": 1e-15, "maxiter": 20000, "maxfev": 20000}
    found = []
    for start in (np.zeros(units), np.linspace(0.3, -0.3, units), np.linspace(-0.5, 0.5, units)):
        row = start
        for _ in range(3):  # a simplex restarted does not stay stuck
            row = minimize(expected, row, method="Nelder-Mead", options=options).x
        found.append(row)
    return min(found, key=expected)


def check_elicited(loss: Loss) -> None:
    """The best constant output predicts the functional that the record names."""
    if loss.task == "regression" and loss.head.units == 1:
        _check_value(loss)
    elif loss.elicits == "mean and variance":
        _check_mean_and_variance(loss)
    elif loss.task == "binary" and loss.head.units == 1:
        _check_binary(loss)
    elif loss.task == "multiclass":
        _check_multiclass(loss)
    else:
        raise AssertionError(f"no check knows what {loss} elicits: {loss.elicits}")
    assert loss.strictly_proper == (loss.elicits == "probabilities" and loss.head.gives == "probability"), str(loss)


def _draws(loss: Loss) -> np.ndarray:
    draws = np.random.default_rng(3).gamma(1.3, 1.0, 2001)
    if np.isfinite(loss.interval.high):
        return loss.interval.low + (loss.interval.high - loss.interval.low) * draws / (1 + draws)
    return draws


def _check_value(loss: Loss) -> None:
    draws = _draws(loss)

    def expected(grid: np.ndarray) -> np.ndarray:
        shape = (len(grid), len(draws))
        return values(loss, np.broadcast_to(grid[:, None], shape), np.broadcast_to(draws, shape)).mean(axis=1)

    ends = np.array(_interval_of_minima(expected, -9.0, 13.0))
    low, high = np.sort(np.asarray(loss.predict(ends)))
    known = {
        "mean": np.mean(draws),
        "median": np.median(draws),
        "geometric mean": np.exp(np.mean(np.log1p(draws))) - 1,
        "quantile": np.quantile(draws, loss.configuration.get("quantile", 0.5), method="inverted_cdf"),
    }
    if loss.elicits == "numeric":
        for name, value in known.items():
            assert not low - 5e-3 <= value <= high + 5e-3, f"{loss} elicits the {name}"
    else:
        value = known[loss.elicits]
        assert low - 2e-5 <= value <= high + 2e-5, f"{loss}: {loss.elicits} {value}, best constant [{low}, {high}]"


def _check_mean_and_variance(loss: Loss) -> None:
    draws = _draws(loss)
    row = _minimiser(loss, draws, np.full(len(draws), 1 / len(draws)), loss.units())
    np.testing.assert_allclose([row[0], np.exp(row[1])], [np.mean(draws), np.var(draws)], rtol=1e-4)


def _check_binary(loss: Loss) -> None:
    negative = 0.0 if loss.encoding == "zero_one" else -1.0
    shares = np.array([0.1, 0.3, 0.42, 0.58, 0.8])
    predicted = []
    for share in shares:

        def expected(grid: np.ndarray, share: float = share) -> np.ndarray:
            positive = values(loss, grid, np.ones_like(grid))
            return share * positive + (1 - share) * values(loss, grid, np.full_like(grid, negative))

        ends = np.asarray(loss.predict(np.array(_interval_of_minima(expected, -20.0, 20.0))))
        predicted.append(float(np.mean(ends)))
    found = np.array(predicted)
    centre = 0.5 if loss.head.gives == "probability" else 0.0
    if loss.elicits == "probabilities":
        as_probability = found if loss.head.gives == "probability" else (1 + found) / 2
        np.testing.assert_allclose(as_probability, shares, atol=1e-5, err_msg=str(loss))
        return
    as_probability = found if loss.head.gives == "probability" else (1 + found) / 2
    assert np.max(np.abs(as_probability - shares)) > 1e-3, f"{loss} elicits probabilities"
    right = (found > centre) == (shares > 0.5)
    assert np.all(right) == (loss.elicits == "majority class"), f"{loss}: best constants {found} for {shares}"


def _check_multiclass(loss: Loss) -> None:
    if loss.elicits == "geometric mean":
        soft = np.random.default_rng(5).dirichlet([1.0, 2.0, 3.0], 200) + 1e-3
        soft /= soft.sum(axis=-1, keepdims=True)
        row = _minimiser(loss, soft, np.full(200, 1 / 200), 3)
        mean = np.exp(np.log(soft).mean(axis=0))
        np.testing.assert_allclose(np.asarray(loss.predict(row)), mean / mean.sum(), atol=1e-5)
        return
    found = {share.tobytes(): _minimiser(loss, np.eye(3), share, 3) for share in (CLASSES, MAJORITY)}
    split, majority = (np.asarray(loss.predict(found[share.tobytes()])) for share in (CLASSES, MAJORITY))
    if loss.elicits == "probabilities":
        np.testing.assert_allclose(split, CLASSES, atol=1e-5, err_msg=str(loss))
        np.testing.assert_allclose(majority, MAJORITY, atol=1e-5, err_msg=str(loss))
        return
    assert np.max(np.abs(split - CLASSES)) > 1e-3, f"{loss} elicits probabilities"
    decided = np.sort(split)[-1] - np.sort(split)[-2] > 1e-3 and np.argmax(split) == 0
    decided_majority = np.sort(majority)[-1] - np.sort(majority)[-2] > 1e-3 and np.argmax(majority) == 0
    consistent = {"majority class": (True, True), "absolute majority class": (False, True)}
    if loss.elicits in consistent:
        assert (decided, decided_majority) == consistent[loss.elicits], f"{loss}: {split}, {majority}"
    else:
        assert loss.elicits == "numeric", loss.elicits
        assert not decided_majority, f"{loss}: {split}, {majority}"


PERFECT = {  # head -> raw output that predicts the target, or comes as close as floats allow
    "linear": lambda y, _: y,
    "exponential": lambda y, _: np.log(np.maximum(y, 1e-300)),
    "expm1": lambda y, _: np.log1p(y),
    "mean_and_log_variance": lambda y, raw: np.stack([y, raw[:, 1]], axis=-1),  # for the same variance
    "sigmoid": lambda y, _: np.log(np.maximum(y, 1e-300)) - np.log(np.maximum(1 - y, 1e-300)),
    "margin": lambda y, _: 3 * y,
    "tanh_margin": lambda y, _: 20 * y,
    "softmax": lambda y, _: np.log(np.maximum(y, 1e-300)),
    "class_scores": lambda y, _: 3 * y,
}


def check_perfect(loss: Loss) -> None:
    """No output is better than one that predicts the target (as smoothed, where the loss smooths it)."""
    target = draw_target(loss, 50, 90, hard=True)
    smoothing = loss.configuration.get("label_smoothing", 0.0)
    wanted = target * (1 - smoothing) + smoothing / (target.shape[-1] if target.ndim > 1 else 2)
    for scale in (0.5, 3.0, 20.0):
        raw = draw_raw(loss, 50, 91, scale=scale)
        best = values(loss, PERFECT[loss.head.name](wanted if smoothing else target, raw), target)
        gap = values(loss, raw, target) - best
        assert np.min(gap) > -1e-9 * (1 + np.max(np.abs(best))), f"{loss}: better than perfect by {-np.min(gap):.3g}"
        assert np.max(gap) > 1e-3, f"{loss} does not see its raw output"
