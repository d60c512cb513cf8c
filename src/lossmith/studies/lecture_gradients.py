"""N-01 to N-08, N-16, N-17 and N-20: regressions, scaling, regularisation, gradients and a first language model of the notes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier

import lossmith
from lossmith.studies._rows import confirmed, shown
from lossmith.studies._spec import Row, Study, StudyResult

__all__ = ["STUDY"]

CLAIMS = {
    "N-01": "linear regression by gradient descent: a rate too large diverges, one too small crawls",
    "N-02": "feature scaling makes the contours round",
    "N-03": "polynomial regression",
    "N-04": "normal equation, singular and regularised",
    "N-05": "logistic regression; a squared error on a sigmoid is not convex",
    "N-06": "one-vs-all for several classes",
    "N-07": "under- and over-fitting: degree 1 against degree 4",
    "N-08": "regularisation: the bias is not penalised; too much underfits",
    "N-16": "gradient descent and stochastic gradient descent with mini-batches",
    "N-17": "back-propagation by the chain rule",
    "N-20": "a recurrent network on 'Doug saw Jane.': it must not write 'Doug saw Doug.'",
}

Progress = Callable[[float, int, str, str], None]


def run(*, quick: bool = False, progress: Progress | None = None) -> StudyResult:
    """Compute every claim on generated data; `quick` trains the language model for less."""
    parts: tuple[Callable[[], Row], ...] = (
        _rates, _scaling, _polynomial, _normal_equation, _logistic, _one_vs_all, _degrees, _regularised, _batches,
        _chain_rule, lambda: _sentences(quick),
    )  # fmt: skip
    rows = []
    for place, part in enumerate(parts):
        if progress is not None:
            progress(place, len(parts), "computing", list(CLAIMS)[place])
        rows.append(part())
    return StudyResult("lecture_gradients", tuple(rows))


def _line(n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, n)
    return np.column_stack([np.ones(n), x]), 1 + 2 * x + rng.normal(0, 0.1, n)


def _descend(design: np.ndarray, target: np.ndarray, rate: float, steps: int) -> np.ndarray:
    """Return the costs J = 1/2m sum (h - y)^2 of gradient descent from 0."""
    theta, costs = np.zeros(design.shape[1]), []
    for _ in range(steps):
        error = design @ theta - target
        costs.append(float(error @ error / (2 * len(target))))
        theta = theta - rate * design.T @ error / len(target)
    return np.array(costs)


def _rates() -> Row:
    design, target = _line()
    largest = float(np.linalg.eigvalsh(design.T @ design / len(target)).max())
    bound = 2 / largest
    ends = {
        name: _descend(design, target, factor * bound, 60)[-1]
        for name, factor in (("small", 0.001), ("good", 0.5), ("large", 1.05))
    }
    best = float(((target - design @ np.linalg.lstsq(design, target, rcond=None)[0]) ** 2).mean() / 2)
    return shown(
        "N-01", CLAIMS["N-01"],
        f"least cost {best:.4f}; after 60 steps {ends['good']:.4f} at half the bound 2 / largest eigenvalue = {bound:.2f}, {ends['small']:.2f} "
        f"at a thousandth of it, {ends['large']:.3g} at 1.05 times the bound",
        {"best": best, "bound": bound, **ends},
        remark="the largest rate that converges is known: 2 over the largest eigenvalue of X'X / m",
    )  # fmt: skip


def _scaling() -> Row:
    rng = np.random.default_rng(1)
    size, rooms = rng.uniform(50, 250, 80), rng.integers(1, 6, 80).astype(float)

    def condition(x: np.ndarray) -> float:
        design = np.column_stack([np.ones(len(x)), x])
        return float(np.linalg.cond(design.T @ design))

    raw = np.column_stack([size, rooms])
    ways = {
        "none": raw,
        "max": (raw - raw.mean(0)) / raw.max(0),
        "range": (raw - raw.mean(0)) / np.ptp(raw, axis=0),
        "deviation": (raw - raw.mean(0)) / raw.std(0),
    }
    found = {name: condition(x) for name, x in ways.items()}
    return shown(
        "N-02", CLAIMS["N-02"],
        "condition number of X'X (long over short axis of the contours, squared): " + ", ".join(f"{name} {value:.3g}" for name, value in found.items()),
        found, remark="descent takes steps in proportion to it",
    )  # fmt: skip


def _curve(n: int = 16) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(0, 3, n))
    grid = np.linspace(0, 3, 200)
    return x, np.sqrt(x) * 2 + rng.normal(0, 0.15, n), grid, np.sqrt(grid) * 2


def _fitted(degree: int) -> tuple[float, float]:
    """Return root mean squared errors of a polynomial on its rows and on the curve that they come from."""
    x, y, grid, truth = _curve()
    fit = np.polynomial.Polynomial.fit(x, y, degree)
    return float(np.sqrt(((fit(x) - y) ** 2).mean())), float(np.sqrt(((fit(grid) - truth) ** 2).mean()))


def fitted_curves(degrees: tuple[int, ...]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the true curve and polynomials fitted to its 16 noisy rows, as points (x, y) by name."""
    x, y, grid, truth = _curve()
    found = {"the curve": (grid, truth)}
    low, high = truth.min() - 0.5, truth.max() + 0.5
    for degree in degrees:
        values = np.polynomial.Polynomial.fit(x, y, degree)(grid)
        found[f"degree {degree}"] = (grid, np.where((values > low) & (values < high), values, np.nan))
    return found


def _polynomial() -> Row:
    errors = {degree: _fitted(degree) for degree in (1, 2, 3)}
    return shown(
        "N-03", CLAIMS["N-03"], "error on the true curve: " + ", ".join(f"degree {d} {e[1]:.3f}" for d, e in errors.items()),
        {f"degree_{d}": e[1] for d, e in errors.items()}, remark="powers are fitted on a scaled axis, where they are well conditioned",
    )  # fmt: skip


def _degrees() -> Row:
    errors = {degree: _fitted(degree) for degree in (1, 4, 12)}
    return shown(
        "N-07", CLAIMS["N-07"],
        "error on its 16 rows and on the true curve: " + ", ".join(f"degree {d} {a:.3f} and {b:.3f}" for d, (a, b) in errors.items()),
        {f"truth_{d}": e[1] for d, e in errors.items()} | {f"rows_{d}": e[0] for d, e in errors.items()},
        remark="the error on the rows falls with every degree, the error on the curve does not",
    )  # fmt: skip


def _normal_equation() -> Row:
    design, target = _line()
    exact = np.linalg.lstsq(design, target, rcond=None)[0]
    solved = np.linalg.solve(design.T @ design, design.T @ target)
    twice = np.column_stack([design, design[:, 1]])  # the same column again
    rank = int(np.linalg.matrix_rank(twice.T @ twice))
    penalty = np.diag([0.0, 1.0, 1.0])
    regular = np.linalg.solve(twice.T @ twice + 0.5 * penalty, twice.T @ target)
    peer = Ridge(alpha=0.5).fit(twice[:, 1:], target)
    gap = float(max(np.abs(solved - exact).max(), np.abs(regular - [peer.intercept_, *peer.coef_]).max()))
    return confirmed(
        "N-04", CLAIMS["N-04"], "theta = (X'X)^-1 X'y; with lambda times a matrix that has 0 at the place of the bias", [gap, rank], [0.0, 2.0],
        within=1e-9, remark="a column that stands twice leaves X'X with rank 2 of 3; the regularised form has one solution, which is "
        "scikit-learn's ridge. A stable solver is used, not the inverse",
    )  # fmt: skip


def _logistic() -> Row:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 3, (400, 2))
    chance = 1 / (1 + np.exp(-8 * (x.sum(1) - 3)))
    y = (rng.random(400) < chance).astype(int)
    fit = LogisticRegression(C=np.inf).fit(x, y)
    meets = float(-fit.intercept_[0] / fit.coef_[0].mean())
    z, label = np.linspace(-8, 8, 401), 1.0
    sigmoid = 1 / (1 + np.exp(-z))
    bends = {
        "squared": float(np.diff((sigmoid - label) ** 2, 2).min()),
        "log": float(np.diff(-np.log(sigmoid), 2).min()),
    }
    right = abs(meets - 3) < 0.1 and bends["squared"] < -1e-6 <= bends["log"]
    return Row(
        "N-05", CLAIMS["N-05"], "boundary x1 + x2 = 3 for theta (-3, 1, 1)",
        f"x1 + x2 = {meets:.2f}; least second difference {bends['squared']:.1e} for the squared error, {bends['log']:.1e} for the log loss",
        "reproduced" if right else "differs",
        "the squared error of a sigmoid bends downwards where it is sure and wrong; the log loss nowhere",
        {"meets": meets, **bends},
    )  # fmt: skip


def _one_vs_all() -> Row:
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 2], [2, -1], [-2, -1]])
    y = np.repeat(np.arange(3), 60)
    x = centres[y] + rng.normal(0, 0.9, (180, 2))
    theirs = OneVsRestClassifier(LogisticRegression()).fit(x, y)
    scores = np.column_stack([LogisticRegression().fit(x, (y == k).astype(int)).decision_function(x) for k in range(3)])
    same = float((scores.argmax(1) == theirs.predict(x)).mean())
    accuracy = float((scores.argmax(1) == y).mean())
    return confirmed(
        "N-06", CLAIMS["N-06"], "k binary problems, the largest wins", [same], [1.0], within=0,
        remark=f"three models by hand and scikit-learn's one-vs-rest decide alike on every row; accuracy {accuracy:.3f}",
    )  # fmt: skip


def _regularised() -> Row:
    x, y, grid, truth = _curve()
    powers = np.vander(x / 3, 9, increasing=True)[:, 1:]
    beyond = np.vander(grid / 3, 9, increasing=True)[:, 1:]
    errors, constants = {}, {}
    for strength in (1e-12, 1e-3, 1e6):
        fit = Ridge(alpha=strength).fit(powers, y)
        errors[strength] = float(np.sqrt(((fit.predict(beyond) - truth) ** 2).mean()))
        constants[strength] = float(fit.predict(beyond).mean())
    # the update with decay, theta (1 - alpha lambda / m) - alpha gradient, ends at ridge's solution
    design = np.column_stack([np.ones(len(x)), powers])
    theta, m, strength, rate = np.zeros(9), len(x), 0.1, 0.2
    decay = np.concatenate([[0.0], np.full(8, strength)])
    for _ in range(60_000):
        theta = theta * (1 - rate * decay / m) - rate * design.T @ (design @ theta - y) / m
    peer = Ridge(alpha=strength).fit(powers, y)
    gap = float(np.abs(theta - [peer.intercept_, *peer.coef_]).max())
    flat = abs(constants[1e6] - y.mean())
    return confirmed(
        "N-08", CLAIMS["N-08"], "theta (1 - alpha lambda / m) - alpha gradient", [gap, flat], [0.0, 0.0], within=1e-3,
        remark="the update ends at scikit-learn's ridge; error on the true curve "
        + ", ".join(f"{value:.3f} at lambda {strength:g}" for strength, value in errors.items())
        + ": with too much of it only the bias is left, the mean of the targets, since it is not penalised",
    )  # fmt: skip


def _batches() -> Row:
    result = lossmith.compare(
        "circles",
        losses="binary_crossentropy",
        optimizers="gradient_descent,sgd",
        seeds=4,
        epochs=60,
        learning_rates="0.3",
    )
    found = {one.levels["optimizer"]: one.metric.mean for one in result.standings}
    return shown(
        "N-16", CLAIMS["N-16"],
        f"circles, 60 passes at rate 0.3: accuracy {found['gradient_descent']:.3f} with all rows in a step (60 steps), {found['sgd']:.3f} with "
        "32 rows (1,140 steps)",
        {name: float(value) for name, value in found.items()}, remark="the same passes over the data, so the same work; many rough steps go further than few exact ones",
    )  # fmt: skip


def _chain_rule() -> Row:
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    sizes = [4, 6, 5, 3]
    weights = [rng.normal(size=(b, a)) for a, b in itertools.pairwise(sizes)]
    biases = [rng.normal(size=b) for b in sizes[1:]]
    x, y = rng.normal(size=4), np.array([0.0, 1.0, 0.0])

    def sigmoid(z: Any) -> Any:
        return 1 / (1 + jnp.exp(-z))

    active = [x]
    for w, b in zip(weights, biases, strict=True):
        active.append(1 / (1 + np.exp(-(w @ active[-1] + b))))
    delta = 2 * (active[-1] - y) * active[-1] * (1 - active[-1])
    slopes = []
    for layer in reversed(range(3)):
        slopes.append(np.outer(delta, active[layer]))
        if layer:
            delta = weights[layer].T @ delta * active[layer] * (1 - active[layer])

    def cost(values: list[Any]) -> Any:
        a = jnp.asarray(x)
        for w, b in zip(values, biases, strict=True):
            a = sigmoid(w @ a + b)
        return ((a - y) ** 2).sum()

    exact = jax.grad(cost)([jnp.asarray(w) for w in weights])
    gap = max(float(np.abs(np.asarray(one) - other).max()) for one, other in zip(exact, reversed(slopes), strict=True))
    return confirmed(
        "N-17", CLAIMS["N-17"], "delta of a layer from that of the next", [gap], [0.0], within=1e-5,
        remark="the equations of the notes for full layers, against automatic differentiation of a 4-6-5-3 network",
    )  # fmt: skip


def _sentences(quick: bool) -> Row:
    names = ("Doug", "Jane", "Spot")
    rng = np.random.default_rng(0)
    pairs = [(a, b) for a in names for b in names if a != b]
    text = " ".join(f"{a} saw {b} ." for a, b in (pairs[k] for k in rng.integers(0, 6, 600 if quick else 1000)))
    found = {}
    for cell in ("lstm", "simple_rnn"):
        trained = lossmith.text.train_text(
            text, name="saw", level="word", cell=cell, hidden=(32,), embedding=0, epochs=60 if quick else 80, batch_size=8,
            window=24, learning_rate=0.03, dropout=0.0, sample_length=200,
        )  # fmt: skip
        written = trained.model.generate("Doug saw", length=2000, how=lossmith.text.Sampling(temperature=0.5), seed=1)
        sentences = [part.split() for part in written.split(".")[1:-1]]
        whole = [words for words in sentences if len(words) == 3 and words[1] == "saw"]
        found[f"{cell}_twice"] = float(sum(words[0] == words[2] for words in whole))
        found[f"{cell}_sentences"] = float(len(whole))
    bigrams = lossmith.text.KneserNey
    corpus = lossmith.text.make_corpus(text, level="word")
    model = bigrams(corpus.train, n_tokens=len(corpus.vocabulary), order=2)
    place = {token: k for k, token in enumerate(corpus.vocabulary.tokens)}
    blind = float(model.distribution([place["saw"], place[" "]], 2)[place["Doug"]])
    right = found["lstm_twice"] == 0 and found["lstm_sentences"] > 50
    return Row(
        "N-20", CLAIMS["N-20"], "never 'Doug saw Doug.'",
        f"LSTM: {found['lstm_twice']:.0f} of {found['lstm_sentences']:.0f} sentences repeat their name; simple RNN: "
        f"{found['simple_rnn_twice']:.0f} of {found['simple_rnn_sentences']:.0f}",
        "reproduced" if right else "differs",
        f"the name must be remembered over four tokens; a bigram, which sees one, writes Doug after 'saw ' with probability {blind:.2f} whoever saw",
        {**found, "bigram": blind},
    )  # fmt: skip


STUDY = Study(
    name="lecture_gradients",
    source="N",
    title="Regressions, gradients and a first recurrent network of the lecture notes",
    claims=tuple(CLAIMS),
    run=run,
    reference="Introduction to Machine Learning, lecture notes, 2018",
)
