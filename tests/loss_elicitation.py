"""What a loss elicits: the constant raw output with the smallest expected loss, against functionals computed apart."""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
from scipy.optimize import brentq, minimize

from loss_draws import draw_raw, draw_target, values
from lossmith.losses import Loss

CLASSES = np.array([0.45, 0.35, 0.2])  # no class above one half
MAJORITIES = (np.array([0.6, 0.25, 0.15]), np.array([0.52, 0.46, 0.02]))


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
    n, step = len(weights), 1e-5

    def expected(rows: np.ndarray) -> np.ndarray:
        found = values(loss, np.repeat(rows, n, axis=0), np.concatenate([targets] * len(rows)))
        return found.reshape(len(rows), n) @ weights

    def one(row: np.ndarray) -> float:
        return float(expected(row[None])[0])

    def slope(row: np.ndarray) -> np.ndarray:
        up, down = expected(np.concatenate([row + step * np.eye(units), row - step * np.eye(units)])).reshape(2, units)
        return (up - down) / (2 * step)

    starts = np.linspace(0.3, -0.3, units), np.linspace(-0.5, 0.5, units)
    if loss.smooth:
        found = [minimize(one, start, jac=slope, method="BFGS", options={"gtol": 1e-10}).x for start in starts]
    else:
        found = [_by_simplex(one, start) for start in (starts[:1] if loss.convex else starts)]
    return min(found, key=one)


def _by_simplex(expected, row: np.ndarray) -> np.ndarray:
    for _ in range(2):  # a simplex restarted does not stay stuck
        row = minimize(expected, row, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-15, "maxfev": 2500}).x
    return row


def check_elicited(loss: Loss) -> None:
    """The best constant output predicts the functional that the record names."""
    if loss.batchwise:
        assert loss.elicits == "numeric", "a constant has no neighbours"
    elif loss.task == "regression":
        _check_value(loss) if loss.head.units == 1 else _check_density(loss)
    elif loss.task == "binary":
        _check_binary(loss)
    elif loss.task in ("multiclass", "ordinal"):
        _check_multiclass(loss)
    elif loss.task == "multilabel":
        _check_labels(loss)
    elif loss.elicits == "order":
        _check_order(loss)
    elif loss.elicits == "mean direction":
        _check_direction(loss)
    else:
        raise AssertionError(f"no check knows what {loss} elicits: {loss.elicits}")
    assert loss.strictly_proper == (loss.elicits == "probabilities" and loss.head.gives == "probability"), str(loss)


def _draws(loss: Loss, law: int = 0) -> np.ndarray:
    rng = np.random.default_rng(3)
    draws = rng.gamma(1.3, 1.0, 2001) if law == 0 else np.where(rng.random(2001) < 0.7, 0.3, 4.0) + rng.random(2001)
    if np.isfinite(loss.interval.high):
        return loss.interval.low + (loss.interval.high - loss.interval.low) * draws / (1 + draws)
    return draws


def _check_value(loss: Loss) -> None:
    gaps: dict[str, list[float]] = {}
    for law in (0, 1):
        draws = _draws(loss, law)

        def expected(grid: np.ndarray, draws: np.ndarray = draws) -> np.ndarray:
            shape = (len(grid), len(draws))
            return values(loss, np.broadcast_to(grid[:, None], shape), np.broadcast_to(draws, shape)).mean(axis=1)

        low, high = np.sort(np.asarray(loss.predict(np.array(_interval_of_minima(expected, -9.0, 13.0)))))
        for name, value in _functionals(loss, draws).items():
            gaps.setdefault(name, []).append(max(low - value, value - high))
    if loss.elicits == "numeric":
        for name, (first, second) in gaps.items():
            assert max(first, second) > 5e-3, f"{loss} elicits the {name}"
    else:
        assert max(gaps[loss.elicits]) < 2e-5, (
            f"{loss}: {loss.elicits} is outside the best constants by {gaps[loss.elicits]}"
        )


def _functionals(loss: Loss, draws: np.ndarray) -> dict[str, float]:
    level = loss.configuration.get("expectile", 0.5)

    def imbalance(m: float) -> float:
        return level * np.mean(np.maximum(draws - m, 0)) - (1 - level) * np.mean(np.maximum(m - draws, 0))

    return {
        "mean": np.mean(draws),
        "median": np.median(draws),
        "geometric mean": np.exp(np.mean(np.log1p(draws))) - 1,
        "expectile": brentq(imbalance, 0, 20),
        "quantile": np.quantile(draws, loss.configuration.get("quantile", 0.5), method="inverted_cdf"),
    }


def _check_density(loss: Loss) -> None:
    draws = _draws(loss)
    row = _minimiser(loss, draws, np.full(len(draws), 1 / len(draws)), loss.units())
    mean, median = np.mean(draws), np.median(draws)
    if loss.elicits == "mean and variance":
        np.testing.assert_allclose([row[0], np.exp(row[1])], [mean, np.var(draws)], rtol=1e-4)
    elif loss.elicits == "median and mean deviation":
        np.testing.assert_allclose([row[0], np.exp(row[1])], [median, np.mean(np.abs(draws - median))], rtol=1e-4)
    elif loss.elicits == "quantiles":
        tail = (1 - loss.configuration["coverage"]) / 2
        found = [row[0] - np.log1p(np.exp(row[1])), row[0], row[0] + np.log1p(np.exp(row[2]))]
        np.testing.assert_allclose(found, np.quantile(draws, [tail, 0.5, 1 - tail]), atol=2e-3)
    else:
        assert loss.elicits == "numeric", loss.elicits
        assert min(abs(row[0] - mean), abs(row[0] - median)) > 5e-3, f"{loss} finds mean {mean} or median {median}"


def _check_binary(loss: Loss) -> None:
    negative = 0.0 if loss.encoding == "zero_one" else -1.0
    shares = np.array([0.1, 0.3, 0.42, 0.48, 0.52, 0.58, 0.8])
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


def _check_labels(loss: Loss) -> None:
    subsets = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
    weights = np.array([0.1, 0.3, 0.2, 0.1, 0.1, 0.2])
    marginals = weights @ subsets  # 0.8, 0.4, 0.4
    found = np.asarray(loss.predict(_minimiser(loss, subsets, weights, 3)))
    if loss.elicits == "probabilities":
        np.testing.assert_allclose(found, marginals, atol=1e-5)
    else:
        assert loss.elicits == "numeric", loss.elicits
        assert np.max(np.abs(found - marginals)) > 1e-2, f"{loss} elicits probabilities"


def _check_order(loss: Loss) -> None:
    lists = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [2.0, 0.0, 1.0], [0.0, 2.0, 1.0]])
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    row = _minimiser(loss, lists, weights, 3)
    relevance = weights @ lists  # 1.5, 1.2, 0.3
    assert list(np.argsort(-row)) == list(np.argsort(-relevance)), row
    assert np.min(-np.diff(np.sort(row)[::-1])) > 1e-3, row


def _check_direction(loss: Loss) -> None:
    vectors = np.random.default_rng(7).gamma(1.3, 1.0, (200, 3)) - [0.2, 1.0, 1.5]
    row = _minimiser(loss, vectors, np.full(200, 1 / 200), 3)
    mean = np.mean(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), axis=0)
    np.testing.assert_allclose(row / np.linalg.norm(row), mean / np.linalg.norm(mean), atol=1e-4)


def _check_multiclass(loss: Loss) -> None:
    if loss.full_support:
        soft = np.random.default_rng(5).dirichlet([1.0, 2.0, 3.0], 200) + 1e-3
        soft /= soft.sum(axis=-1, keepdims=True)
        row = _minimiser(loss, soft, np.full(200, 1 / 200), 3)
        geometric = np.exp(np.log(soft).mean(axis=0))
        geometric /= geometric.sum()
        found_mean = np.asarray(loss.predict(row))
        if loss.elicits == "geometric mean":
            np.testing.assert_allclose(found_mean, geometric, atol=1e-5)
        else:
            assert loss.elicits == "numeric", loss.elicits
            gaps = [np.max(np.abs(found_mean - other)) for other in (geometric, soft.mean(axis=0))]
            assert min(gaps) > 1e-3, f"{loss} elicits a mean"
        return
    shares = (CLASSES, *MAJORITIES)
    rows = [_minimiser(loss, np.eye(3), share, 3) for share in shares]
    found = [np.asarray(loss.predict(row)) for row in rows]
    if loss.elicits == "probabilities":
        for prediction, share in zip(found, shares, strict=True):
            np.testing.assert_allclose(prediction, share, atol=1e-5, err_msg=str(loss))
        return
    assert np.max(np.abs(found[0] - CLASSES)) > 1e-3, f"{loss} elicits probabilities"
    decided = [_decides(loss, row, share) for row, share in zip(rows, shares, strict=True)]
    if loss.elicits == "majority class":
        assert all(decided), f"{loss}: {found}"
    elif loss.elicits == "absolute majority class":
        assert decided == [False, True, True], f"{loss}: {found}"
    else:
        assert loss.elicits == "numeric", loss.elicits
        assert not all(decided[1:]), f"{loss}: {found}"


def _decides(loss: Loss, row: np.ndarray, share: np.ndarray) -> bool:
    """Return whether class 0 has the best score, and every output that prefers another class costs more."""
    prediction = np.asarray(loss.predict(row))
    if np.argmax(prediction) != 0 or np.sort(prediction)[-1] - np.sort(prediction)[-2] < 1e-3:
        return False
    rivals = [np.array(low) * [1.0, 0.0, 1.0] + [0.0, 1.0, 0.0] for low in product((0.0, -1e3, -1e9), repeat=3)]
    costs = [float(np.sum(share * values(loss, np.tile(rival, (3, 1)), np.eye(3)))) for rival in (row, *rivals)]
    return min(costs[1:]) > costs[0] + 1e-4


PERFECT = {  # head -> raw output that predicts the target, or comes as close as floats allow
    "linear": lambda y, _: y,
    "exponential": lambda y, _: np.log(np.maximum(y, 1e-300)),
    "expm1": lambda y, _: np.log1p(y),
    "mean_and_log_variance": lambda y, raw: np.column_stack([y, raw[:, 1]]),  # for the same variance
    "median_and_log_scale": lambda y, raw: np.column_stack([y, raw[:, 1]]),
    "location_scale_shape": lambda y, raw: np.column_stack([y, raw[:, 1:]]),
    "quantiles": lambda y, raw: np.column_stack([y, np.full_like(raw[:, 1:], -40.0)]),
    "sigmoid": lambda y, _: np.log(np.maximum(y, 1e-300)) - np.log(np.maximum(1 - y, 1e-300)),
    "labels": lambda y, _: 60 * (2 * y - 1),
    "one_versus_rest": lambda y, _: 60 * (2 * y - 1),
    "margin": lambda y, _: 3 * y,
    "tanh_margin": lambda y, _: 20 * y,
    "softmax": lambda y, _: np.log(np.maximum(y, 1e-300)),
    "tempered_softmax": lambda y, _: 1e9 * y,
    "sparsemax": lambda y, _: 3 * y,
    "entmax": lambda y, _: 3 * y,
    "class_scores": lambda y, _: 3 * y,
    "cumulative": lambda y, _: _cumulative_raw(y),
    "embedding": lambda y, _: y,
}
PARTICULAR = {  # where the best output is another one, by the loss's own definition
    "margin_logistic": lambda y, _: 60 * (2 * y - 1),
    "ldr_kl": lambda y, _: 60 * y,
    "lee_lin_wahba": lambda y, _: 3 * y,
    "normalized_focal": lambda y, _: 60 * y,
    "nfl_rce": lambda y, _: 60 * y,
    "nfl_mae": lambda y, _: 60 * y,
    "multilabel_pairwise": lambda y, _: 60 * (2 * y - 1),
    "pairwise_logistic": lambda y, _: 60 * y,
    "pairwise_hinge": lambda y, _: 60 * y,
    "listwise_softmax": lambda y, _: np.log(np.maximum(y, 1e-300)),
}


def _cumulative_raw(y: np.ndarray) -> np.ndarray:
    """Return a position in the middle of the class, between thresholds 80 apart."""
    raw = np.full_like(y, 80.0)
    raw[:, 1] = 0.0
    raw[:, 0] = 80.0 * np.argmax(y, axis=1) - 40.0
    return raw


def check_perfect(loss: Loss) -> None:
    """No output is better than one that predicts the target (as smoothed, where the loss smooths it)."""
    if loss.batchwise:
        return
    target = draw_target(loss, 50, 90, hard=True)
    if loss.task == "ranking":
        target = np.random.default_rng(90).permuted(np.tile([0.0, 0.0, 1.0, 2.0], (50, 1)), axis=1)
    smoothing = loss.configuration.get("label_smoothing", 0.0)
    wanted = target * (1 - smoothing) + smoothing / (target.shape[-1] if loss.encoding == "distribution" else 2)
    best_raw = PARTICULAR.get(loss.name) or PERFECT[loss.head.name]
    if loss.name in ("squentropy", "categorical_mean_squared_error"):  # these stop at scores of their own
        best_raw = partial(_by_search, loss)
    if loss.name == "multilabel_crossentropy":  # the weight multiplies the odds
        shift = np.log(loss.configuration["positive_weight"])
        best_raw = lambda y, _: PERFECT["sigmoid"](y, _) + shift  # noqa: E731
    for scale in (0.5, 3.0, 20.0):
        raw = draw_raw(loss, 50, 91, scale=scale)
        best = values(loss, best_raw(wanted if smoothing else target, raw), target)
        gap = values(loss, raw, target) - best
        assert np.min(gap) > -1e-9 * (1 + np.max(np.abs(best))), f"{loss}: better than perfect by {-np.min(gap):.3g}"
        assert np.max(gap) > 1e-3, f"{loss} does not see its raw output"


def _by_search(loss: Loss, target: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """Return the best output of each class by search."""
    n_classes = raw.shape[1]
    rows = [_minimiser(loss, np.eye(n_classes)[[k]], np.ones(1), n_classes) for k in range(n_classes)]
    return np.array(rows)[np.argmax(target, axis=1)]
