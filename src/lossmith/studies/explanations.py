"""H1-04 to H1-07: rules, importance of inputs, local explanations, and what a network looks at.

Source: the handbook's first chapter, which names five ways to explain a model without formulas or numbers. Each is put to
the test on models whose right explanation is known.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

import lossmith
from lossmith.studies._concepts import CLAIM, looked_at
from lossmith.studies._rows import measured
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult
from lossmith.studies._tuning import with_interval

__all__ = ["STUDY"]

CLAIMS = {
    "H1-04": "rules of a tree, rules extracted from any model, contributions in a linear model",
    "H1-05": "permutation importance and sensitivity analysis rank the inputs",
    "H1-06": "LIME: a linear model around one row; SHAP: contributions that sum to the prediction",
    "H1-07": CLAIM,
}
WEIGHTS = np.array([3.0, 2.0, 1.0, 0.0, 0.0])

Progress = Callable[[float, int, str, str], None]
Floats = np.ndarray


def run(*, quick: bool = False, progress: Progress | None = None, claims: Collection[str] | None = None) -> StudyResult:
    """Measure every claim, or those named, on generated data and sets of scikit-learn; `quick` uses 3 seeds in place of 10."""
    seeds = 3 if quick else 10
    parts: dict[str, Callable[[], Row | tuple[Row, str]]] = {
        "H1-04": lambda: _rules(seeds),
        "H1-05": lambda: _importance(seeds),
        "H1-06": lambda: _local(seeds),
        "H1-07": lambda: looked_at(seeds),
    }
    return measured("explanations", parts, claims=claims, progress=progress)


def rules_of(tree: Any) -> list[tuple[tuple[tuple[int, bool, float], ...], int]]:
    """Return the rules of a fitted tree: conditions (input, whether it is above, threshold), and the class they lead to."""
    found: list[tuple[tuple[tuple[int, bool, float], ...], int]] = []

    def walk(node: int, conditions: tuple[tuple[int, bool, float], ...]) -> None:
        left = int(tree.tree_.children_left[node])
        if left < 0:
            found.append((conditions, int(tree.tree_.value[node][0].argmax())))
            return
        test = (int(tree.tree_.feature[node]), float(tree.tree_.threshold[node]))
        walk(left, (*conditions, (test[0], False, test[1])))
        walk(int(tree.tree_.children_right[node]), (*conditions, (test[0], True, test[1])))

    walk(0, ())
    return found


def _by_rules(rules: Sequence[Any], inputs: Floats) -> Floats:
    """Return the class that the rules give to every row; -1 where none or several apply."""
    said = np.full(len(inputs), -1)
    hits = np.zeros(len(inputs), int)
    for conditions, label in rules:
        holds = np.ones(len(inputs), bool)
        for column, above, threshold in conditions:
            # a tree compares single precision
            holds &= (inputs[:, column].astype(np.float32) > threshold) == above
        said[holds] = label
        hits += holds
    return np.where(hits == 1, said, -1)


def _sentence(conditions: Sequence[tuple[int, bool, float]], label: int, names: Sequence[str], classes: Sequence[str]) -> str:  # fmt: skip
    tests = " and ".join(
        f"{names[column]} {'>' if above else '<='} {threshold:.4g}" for column, above, threshold in conditions
    )
    return f"if {tests} then {classes[label]}"


def _rules(seeds: int) -> Row:
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    bunch = load_breast_cancer()
    X, y = bunch.data, bunch.target
    tree = lossmith.estimators.classical("tree:max_depth=2").estimator("binary", seed=0).fit(X, y)
    rules = rules_of(tree)
    agree = float((_by_rules(rules, X) == tree.predict(X)).mean())
    first = _sentence(*rules[0], bunch.feature_names, bunch.target_names)
    linear = make_pipeline(StandardScaler(), lossmith.estimators.classical("logistic").estimator("binary")).fit(X, y)
    scaled = linear[0].transform(X)
    parts = scaled * linear[1].coef_[0]
    left = float(np.abs(parts.sum(axis=1) + linear[1].intercept_[0] - linear.decision_function(X)).max())
    faithful, majority = [], []
    for seed in range(seeds):
        train, test, y_train, _ = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
        box = make_pipeline(
            StandardScaler(), lossmith.estimators.LossClassifier(model="mlp:hidden=32", epochs=30, random_state=seed)
        ).fit(train, y_train)
        said, said_test = box.predict(train), box.predict(test)
        stand_in = lossmith.estimators.classical("tree:max_depth=3").estimator("binary", seed=seed).fit(train, said)
        faithful.append(float((stand_in.predict(test) == said_test).mean()))
        majority.append(float((said_test == np.bincount(said).argmax()).mean()))
    text, low, _ = with_interval(np.array(faithful))
    verdict: RowVerdict = "reproduced" if agree == 1 and left < 1e-9 and low > max(majority) else "differs"
    return Row(
        "H1-04",
        CLAIMS["H1-04"],
        "text",
        f"breast cancer: {len(rules)} rules decide {agree:.0%} of the rows as their tree does; a tree of depth 3 answers as a network on {text} of held-out "
        f"rows ({seeds} seeds; always the larger class {np.mean(majority):.3f}); contributions sum to the log-odds within {left:.0e}",
        verdict,
        f"the first rule: {first}. Extracted rules stand for the network as far as they agree with it, and no further",
        {"agree": agree, "faithful": float(np.mean(faithful)), "majority": float(np.mean(majority)), "left": left},
    )


def _importance(seeds: int) -> Row:
    from sklearn.linear_model import LinearRegression, Ridge

    rows, slopes, ranked, halves = [], [], 0, []
    for seed in range(seeds):
        rng = np.random.default_rng([201, seed])
        X = rng.normal(size=(3000, 5))
        y = X @ WEIGHTS + rng.normal(size=3000)
        network = lossmith.estimators.LossRegressor(model="mlp:hidden=32", epochs=20, random_state=seed).fit(
            X[:1000], y[:1000]
        )
        found = _in_order(network, X[1000:], y[1000:])
        ranked += list(np.argsort(-found)[:3]) == [0, 1, 2]
        rows.append(_in_order(LinearRegression().fit(X[:1000], y[:1000]), X[1000:], y[1000:]))
        step = 0.01 * np.eye(5)
        slopes.append(
            [np.mean(network.predict(X[1000:] + one) - network.predict(X[1000:] - one)) / 0.02 for one in step]
        )
        copied = np.column_stack([X, X[:, 0]])
        halves.append(_in_order(Ridge(1.0).fit(copied[:1000], y[:1000]), copied[1000:], y[1000:])[0])
    mean, slope = np.mean(rows, axis=0), np.mean(slopes, axis=0)
    law = 2 * WEIGHTS**2
    close = float(np.abs(mean - law).max() / law.max())
    sensible = float(np.abs(slope - WEIGHTS).max())
    halved = float(np.mean(halves))
    verdict: RowVerdict = "reproduced" if ranked == seeds and close < 0.05 and sensible < 0.3 else "differs"
    return Row(
        "H1-05",
        CLAIMS["H1-05"],
        "text",
        f"y = 3 a + 2 b + c + noise, and two inputs that do nothing: a network's importances rank a, b, c first in {ranked} of {seeds} seeds; those of the line "
        f"are {', '.join(f'{value:.2f}' for value in mean)}; mean slopes of the network {', '.join(f'{value:.2f}' for value in slope)}",
        verdict,
        f"shuffling an independent input adds 2 w squared var(x) to the squared error: {', '.join(f'{value:g}' for value in law)}. With a copy of a beside it the "
        f"importance of a falls to {halved:.2f}: inputs that stand for each other hide each other",
        {**{f"importance_{k}": float(v) for k, v in enumerate(mean)}, **{f"slope_{k}": float(v) for k, v in enumerate(slope)}, "ranked": ranked / seeds, "copied": halved},
    )  # fmt: skip


def _in_order(model: Any, X: Floats, y: Floats) -> Floats:
    """Return the permutation importances in the order of the columns, as added squared error."""
    table = lossmith.estimators.importance(model, X, y, repeats=10, scoring="neg_mean_squared_error")
    values = dict(zip(table["input"], table["importance"], strict=True))
    return np.array([values[f"x{place}"] for place in range(X.shape[1])])


def shapley(function: Callable[[Floats], Floats], row: Floats, background: Floats) -> Floats:
    """Return the Shapley values of one row by definition: over all coalitions, absent inputs taken from the background.

    Examples
    --------
    >>> shapley(lambda x: 2 * x[:, 0] - x[:, 1], np.array([1.0, 1.0]), np.array([[0.0, 3.0]])).tolist()
    [2.0, 2.0]
    """
    n = len(row)
    worth = {}
    for present in itertools.product((False, True), repeat=n):
        worth[present] = float(function(np.where(present, row, background)).mean())
    found = np.zeros(n)
    for place in range(n):
        for present in itertools.product((False, True), repeat=n):
            if present[place]:
                continue
            size = sum(present)
            share = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            found[place] += share * (worth[(*present[:place], True, *present[place + 1 :])] - worth[present])
    return found


def _local(seeds: int) -> Row:
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import LinearRegression

    try:
        import shap
        from lime.lime_tabular import LimeTabularExplainer
    except ImportError:
        why = "needs the libraries lime and shap: pip install 'lossmith[explain]'"
        return Row("H1-06", CLAIMS["H1-06"], "text", "", "not run", why)
    X, y = load_diabetes(return_X_y=True)
    X, y = X[:, [1, 2, 3, 6, 8, 9]] / X.std(), (y - y.mean()) / y.std()
    network = lossmith.estimators.RBFNetworkRegressor(random_state=0).fit(X, y)
    line = LinearRegression().fit(X, y)
    background, chosen = X[:40], X[100 : 100 + seeds]
    masker = shap.maskers.Independent(background, max_samples=len(background))
    theirs = shap.explainers.Exact(network.predict, masker)(chosen, silent=True)
    sums = float(np.abs(theirs.base_values + theirs.values.sum(axis=1) - network.predict(chosen)).max())
    ours = np.array([shapley(network.predict, row, background) for row in chosen])
    exact = float(np.abs(ours - theirs.values).max())
    flat = shap.explainers.Exact(line.predict, masker)(chosen, silent=True).values
    closed = float(np.abs(flat - line.coef_ * (chosen - background.mean(axis=0))).max())
    lime_gaps: list[Any] = []
    agreement: list[Any] = []
    for seed, row in enumerate(chosen):
        explainer = LimeTabularExplainer(X, mode="regression", discretize_continuous=False, random_state=seed)
        for model, kept in ((line, lime_gaps), (network, agreement)):
            found = explainer.explain_instance(row, model.predict, num_features=X.shape[1])
            slopes = np.zeros(X.shape[1])
            for column, value in found.local_exp[1]:  # 0 holds the same with the other sign
                slopes[column] = value
            if model is line:
                wanted = line.coef_ * X.std(axis=0)
                kept.append(float(np.abs(slopes - wanted).max() / np.abs(wanted).max()))
            else:
                kept.append(float(np.corrcoef(slopes, _slopes(network, row) * X.std(axis=0))[0, 1]))
    verdict: RowVerdict = "reproduced" if max(sums, exact, closed) < 1e-4 and max(lime_gaps) < 0.02 else "differs"
    return Row(
        "H1-06",
        CLAIMS["H1-06"],
        "text",
        f"diabetes, six inputs, {len(chosen)} rows: SHAP sums to the prediction of an RBF network within {sums:.0e}, equals Shapley's definition over all 64 "
        f"coalitions within {exact:.0e}, and w (x - mean) of a line within {closed:.0e}; LIME's slopes are those of a line within {max(lime_gaps):.1%}, and on the "
        f"network correlate with its gradient at {np.mean(agreement):.2f} (least {min(agreement):.2f})",
        verdict,
        "SHAP's sum is exact for every model; LIME fits a line over the width of its kernel: its slopes are the gradient as far as the model is straight there",
        {"sums": sums, "exact": exact, "closed": closed, "lime": max(lime_gaps), "agreement": float(np.mean(agreement))},
    )  # fmt: skip


def _slopes(model: Any, row: Floats) -> Floats:
    """Return the gradient at a row by differences."""
    step = 0.01 * np.eye(len(row))
    return np.asarray((model.predict(row + step) - model.predict(row - step)) / 0.02)


STUDY = Study(
    name="explanations",
    source="H1",
    title="Rules, importance, local explanations and saliency",
    claims=tuple(CLAIMS),
    run=run,
    by_claim=True,
    reference="Handbook of Deep Learning Models, Volume One, chapter 1, sections 1.4.1 and 1.4.4",
)
