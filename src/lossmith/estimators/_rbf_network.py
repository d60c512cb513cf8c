"""The RBF network itself: scaled inputs, Gaussian units, a linear tail; and how it is found by least squares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from lossmith._errors import InvalidInputError
from lossmith.estimators import _gaussians as gaussians
from lossmith.estimators import _least_squares as least_squares
from lossmith.estimators._forward_selection import forward_selection

__all__ = ["Network", "Recipe", "Search", "moments_of", "search"]

# widths that GCV chooses from, in units of the spread of the inputs; and the steps around the best one, later
MULTIPLES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
STEPS = (0.5, 1.0, 2.0)
# times that the relevances of the inputs are learned anew: the third changes little
RELEARNED = 2
# rows on which widths and relevances are searched; weights are fitted on all of them
SEARCH_ROWS = 10_000
CHUNK = 20_000
ONE_THREAD_ROWS = 50_000
# standard errors by which units must lower the error of left-out rows before they replace a linear model: their widths
# and relevances were chosen on the same rows (on data without curvature 1 to 2 of them are common), and forward
# selection has looked at every target besides (3.5 were seen)
ERRORS = 3.0
FORWARD_ERRORS = 4.0


@dataclass(frozen=True, slots=True)
class Network:
    """A fitted network: `outputs(X) = bias + tail' x + units' exp(-gamma |r x - c|^2)` on scaled inputs x.

    Attributes
    ----------
    shift, scale : ndarray of shape (n_features,)
        Inputs become (X - shift) / scale.
    relevance : ndarray of shape (n_features,)
        Factor r of each scaled input in distances.
    centers : ndarray of shape (n_centers, n_features)
        In scaled inputs times relevance.
    gamma : ndarray of shape (n_centers,)
    tail : ndarray of shape (1 + n_features, n_outputs)
        The bias first.
    units : ndarray of shape (n_centers, n_outputs)
    """

    shift: np.ndarray
    scale: np.ndarray
    relevance: np.ndarray
    centers: np.ndarray
    gamma: np.ndarray
    tail: np.ndarray
    units: np.ndarray

    def scaled(self, inputs: np.ndarray) -> np.ndarray:
        """Return scaled inputs."""
        return (inputs - self.shift) / self.scale

    def columns(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns of the tail (bias first) and of the units for raw inputs."""
        scaled = self.scaled(inputs)
        tail = np.hstack([np.ones((len(scaled), 1)), scaled])
        return tail, gaussians.activations(scaled * self.relevance, self.centers, self.gamma)

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return raw outputs, shape `(n_samples, n_outputs)`."""
        parts = []
        for start in range(0, len(inputs), CHUNK):
            tail, units = self.columns(inputs[start : start + CHUNK])
            parts.append(tail @ self.tail + units @ self.units)
        return np.concatenate(parts) if parts else np.zeros((0, self.tail.shape[1]))

    def prototypes(self) -> np.ndarray:
        """Return the centres in units of the inputs; an input without relevance stands at its mean."""
        used = self.relevance > 0
        back = np.where(used, self.centers / np.where(used, self.relevance, 1.0), 0.0)
        return back * self.scale + self.shift


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an estimator was asked for; see `RBFNetworkRegressor`."""

    n_centers: Any
    centers: Any
    width: Any
    convention: str
    neighbours: int
    ridge: Any
    relevance: str
    scale: str
    least_ridge: float = 0.0


@dataclass(frozen=True, slots=True)
class Search:
    """What least squares found.

    Attributes
    ----------
    network : Network
    ridge : float
        For all rows.
    gcv : float
    linear : bool
        Whether no unit helped: a linear model predicts left-out rows as well, within `ERRORS` standard errors.
    held_out : ndarray of shape (n_rows, n_outputs)
        Leave-one-out predictions of the rows of the search.
    rows : ndarray of shape (n_rows,)
        Those rows.
    """

    network: Network
    ridge: float
    gcv: float
    linear: bool
    held_out: np.ndarray
    rows: np.ndarray


def search(inputs: np.ndarray, targets: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> Search:
    """Return the network that least squares fits: centres, widths, ridge and relevances as the recipe says."""
    if len(inputs) > ONE_THREAD_ROWS:
        return _search(inputs, targets, recipe, rng)
    # on matrices of this size the threads of BLAS wait for each other, on a busy machine for long
    with threadpool_limits(1):
        return _search(inputs, targets, recipe, rng)


def _search(inputs: np.ndarray, targets: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> Search:
    rows = np.arange(len(inputs))
    if len(inputs) > SEARCH_ROWS:
        rows = np.sort(rng.choice(len(inputs), SEARCH_ROWS, replace=False))
    empty = np.zeros((0, 0))
    shift, scale = _scaling(inputs, recipe.scale)
    start = Network(shift, scale, np.ones(inputs.shape[1]), empty, empty, empty, empty)
    x, t = start.scaled(inputs[rows]), targets[rows]
    tail = np.hstack([np.ones((len(x), 1)), x])
    centers = _centers(inputs, x, start, recipe, rng)
    # constants on which the ridge has no hold; per output, so that outputs of different size count alike
    spread = np.where(t.std(axis=0) > 0, t.std(axis=0), 1.0)
    found = _best_width(x, tail, t / spread, replace(start, centers=centers), recipe)
    network, fit = found
    if isinstance(recipe.centers, str) and recipe.centers == "forward":
        network, fit = _selected(x, tail, t / spread, network, recipe)
    units = gaussians.activations(x * network.relevance, network.centers, network.gamma)
    solved_tail, solved_units = least_squares.solve(tail, units, t, fit.ridge)
    network = replace(network, tail=solved_tail, units=solved_units)
    fitted = tail @ solved_tail + units @ solved_units
    held_out = least_squares.leave_one_out(tail, units, t, fit.ridge, fitted)
    linear = False
    if recipe.width == "gcv" and recipe.ridge == "gcv":
        weights, alone = least_squares.fit_tail_ridge(tail, t)
        gain = (((t - alone) / spread) ** 2 - ((t - held_out) / spread) ** 2).sum(axis=1)
        # a gain that rows like these could show by chance is none
        errors = FORWARD_ERRORS if isinstance(recipe.centers, str) and recipe.centers == "forward" else ERRORS
        linear = len(gain) < 3 or gain.mean() <= errors * gain.std(ddof=1) / np.sqrt(len(gain))
        if linear:
            held_out = alone
            network = replace(network, tail=weights, units=np.zeros_like(solved_units))
    ridge = fit.ridge * len(inputs) / len(rows)
    if len(rows) < len(inputs) and not linear:
        whole = least_squares.fit_moments(moments_of(network, inputs, targets), ridge=ridge)
        network = replace(network, tail=whole.tail, units=whole.units)
    return Search(network, ridge, fit.gcv, bool(linear), held_out, rows)


def moments_of(network: Network, inputs: np.ndarray, targets: np.ndarray) -> least_squares.Moments:
    """Return the sums that the weights of a network with these units follow from, chunk by chunk."""

    def chunks() -> Iterator[least_squares.Moments]:
        for start in range(0, len(inputs), CHUNK):
            tail, units = network.columns(inputs[start : start + CHUNK])
            yield least_squares.Moments.of(tail, units, targets[start : start + CHUNK])

    parts = chunks()
    total = next(parts)
    for part in parts:
        total = total + part
    return total


def _scaling(inputs: np.ndarray, rule: str) -> tuple[np.ndarray, np.ndarray]:
    if rule == "none":
        return np.zeros(inputs.shape[1]), np.ones(inputs.shape[1])
    deviation = inputs.std(axis=0)
    # a column whose spread is rounding of its size is constant
    constant = deviation <= 1e-12 * np.abs(inputs).max(axis=0)
    return inputs.mean(axis=0), np.where(constant, 1.0, deviation)


def _centers(
    inputs: np.ndarray, scaled: np.ndarray, start: Network, recipe: Recipe, rng: np.random.Generator
) -> np.ndarray:
    if not isinstance(recipe.centers, str):
        return start.scaled(gaussians.given_centers(recipe.centers, inputs.shape[1]))
    count = recipe.n_centers
    if count == "auto":
        count = min(150, max(-(-len(scaled) // 8), min(len(scaled), 10)))
    if recipe.centers == "forward":
        # candidates are rows themselves, a few for every unit that may be taken
        return gaussians.draw_centers(scaled, "random", min(4 * count, 600), rng)
    return gaussians.draw_centers(scaled, recipe.centers, count, rng)


def _best_width(
    x: np.ndarray, tail: np.ndarray, t: np.ndarray, network: Network, recipe: Recipe
) -> tuple[Network, least_squares.Fit]:
    """Return the network with its width and the fit that goes with it; with GCV, relevances as well."""
    if recipe.width != "gcv":
        width = _fixed_width(network.centers, recipe)
        gamma = np.broadcast_to(gaussians.gamma_of(width, recipe.convention), (len(network.centers),))
        network = replace(network, gamma=np.array(gamma, dtype=np.float64))
        return network, _fitted(x, tail, t, network, recipe)
    bases, learned = network.centers, network
    best: tuple[Network, least_squares.Fit] | None = None
    multiples = np.array(MULTIPLES)
    for round_ in range(1 + (RELEARNED if recipe.relevance == "learned" else 0)):
        before = best
        for multiple in multiples:
            width = multiple * _spread(x * learned.relevance)
            trial = replace(
                learned,
                centers=bases * learned.relevance,
                gamma=np.full(len(bases), gaussians.gamma_of(width, "normal")),
            )
            fit = _fitted(x, tail, t, trial, recipe)
            if best is None or fit.gcv < best[1].gcv:
                best, nearest = (trial, fit), multiple
        if best is None or best is before or round_ == RELEARNED:
            break
        learned = replace(learned, relevance=_relevance(x, *best))
        multiples = nearest * np.array(STEPS)
    if best is None:
        raise InvalidInputError("no width has a finite GCV", expected="more rows than weights")
    return best


def _fixed_width(centers: np.ndarray, recipe: Recipe) -> Any:
    if recipe.width == "max_distance":
        return gaussians.max_distance(centers)
    if recipe.width == "nearest":
        return gaussians.nearest(centers, recipe.neighbours)
    return float(recipe.width)


def _spread(x: np.ndarray) -> float:
    return float(np.sqrt(x.var(axis=0).sum())) or 1.0


def _fitted(x: np.ndarray, tail: np.ndarray, t: np.ndarray, network: Network, recipe: Recipe) -> least_squares.Fit:
    ridge = None if recipe.ridge == "gcv" else float(recipe.ridge)
    units = gaussians.activations(x * network.relevance, network.centers, network.gamma)
    return least_squares.fit_moments(least_squares.Moments.of(tail, units, t), ridge=ridge, least=recipe.least_ridge)


def _relevance(x: np.ndarray, network: Network, fit: least_squares.Fit) -> np.ndarray:
    """Return the root mean square of the slope along each input, scaled so that their squares average to one.

    An input along which the fit is flat hardly counts in the next distances.
    Source: Radhakrishnan and others, Mechanism for feature learning in neural networks and backpropagation-free machine
    learning models, 2024.
    """
    r = network.relevance
    units = gaussians.activations(x * r, network.centers, network.gamma)
    total = np.zeros(x.shape[1])
    for output in range(fit.units.shape[1]):
        weighted = units * (fit.units[:, output] * network.gamma)
        slope = -2.0 * r * ((x * r) * weighted.sum(axis=1)[:, None] - weighted @ network.centers)
        total += ((slope + fit.tail[1:, output]) ** 2).mean(axis=0)
    found = np.sqrt(total)
    size = np.sqrt((found**2).mean())
    return found / size if size > 0 else np.ones_like(found)


def _selected(
    x: np.ndarray, tail: np.ndarray, t: np.ndarray, network: Network, recipe: Recipe
) -> tuple[Network, least_squares.Fit]:
    units = gaussians.activations(x * network.relevance, network.centers, network.gamma)
    most = len(network.centers) if recipe.n_centers == "auto" else int(recipe.n_centers)
    taken = forward_selection(tail, units, t, most=most)
    if not len(taken):
        taken = np.array([0])  # a network keeps a unit, whose weight the ridge makes small
    network = replace(network, centers=network.centers[taken], gamma=network.gamma[taken])
    return network, _fitted(x, tail, t, network, recipe)
