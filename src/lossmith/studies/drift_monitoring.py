"""K-10 and H1-09: drift as a sum of binned divergences, and a learner that is trained again when its monitor alarms.

Sources: a report on the Kullback-Leibler divergence (data drift: bin every feature, divergence per feature, summed) and a handbook
of machine learning (an online learner with a drift detector). Neither gives a number; both are put to the test here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import lossmith
from lossmith.studies._spec import Row, Study, StudyResult

__all__ = ["STUDY"]

ROWS = 4000
WINDOW = 200
CHANGES = (4000, 8000)
LENGTH = 12_000

Progress = Callable[[float, int, str, str], None]


def run(*, quick: bool = False, progress: Progress | None = None) -> StudyResult:  # noqa: ARG001 - seconds, nothing to show
    """Measure both claims; `quick` repeats 5 times instead of 20."""
    repeats = 5 if quick else 20
    return StudyResult("drift", (_sum_of_divergences(repeats), _online_learner(repeats)))


def _pair(generator: np.random.Generator, correlation: float) -> dict[str, np.ndarray]:
    first, second = generator.normal(size=ROWS), generator.normal(size=ROWS)
    return {"a": first, "b": correlation * first + (1 - correlation**2) ** 0.5 * second}


def _sum_of_divergences(repeats: int) -> Row:
    """K-10: the sum over features of binned divergences, under no change, a shift, and a change of dependence alone."""
    sums: dict[str, list[float]] = {"none": [], "shift": [], "dependence": []}
    seen = {"columns": 0, "joint": 0, "false": 0}
    for repeat in range(repeats):
        generator = np.random.default_rng([10, repeat])
        old = _pair(generator, 0.0)
        cases = {"none": _pair(generator, 0.0), "shift": _pair(generator, 0.0), "dependence": _pair(generator, 0.7)}
        cases["shift"]["a"] = cases["shift"]["a"] + 0.5
        for name, new in cases.items():
            found = lossmith.drift.compare(old, new)
            sums[name].append(found.total)
            if name == "dependence":
                seen["columns"] += bool({"a", "b"} & set(found.drifted))
                seen["joint"] += "(classifier)" in found.drifted
            elif name == "none":
                seen["false"] += found.alarm
    none, shift, dependence = (float(np.mean(sums[name])) for name in ("none", "shift", "dependence"))
    truth = 0.5**2 / 2
    kept = abs(shift - none - truth) < 0.1 * truth  # less what chance adds: both columns have 31 degrees of freedom
    return Row(
        "K-10",
        "data drift: bin every feature, a divergence for each, summed",
        "",
        f"sum {shift:.4f} nats for a shift of 0.5 sd (the law says {truth:.4f}), {none:.4f} for no change, {dependence:.4f} for a correlation of 0 to 0.7",
        "no number in source",
        f"the sum {'finds a shift' if kept else 'does not give the divergence of a shift'}; it is the divergence between products of marginals and cannot see dependence: "
        f"single columns alarmed in {seen['columns']} of {repeats} runs, the classifier in {seen['joint']}; without change anything alarmed in {seen['false']}. "
        f"It is not 0 without change, so that it needs a null law and not a threshold",
        values={
            "none": none,
            "shift": shift,
            "dependence": dependence,
            "joint": seen["joint"] / repeats,
            "false": seen["false"] / repeats,
        },
    )


def _stream(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return three concepts in a row: a plane that separates the classes and turns twice, with 5 % of labels wrong."""
    features = generator.normal(size=(LENGTH, 3))
    directions = np.array([[1.0, 1.0, 0.0], [1.0, -0.5, 0.8], [-0.3, 1.0, 1.0]])
    concept = np.searchsorted(CHANGES, np.arange(LENGTH), side="right")
    labels = np.sum(features * directions[concept], axis=1) > 0
    return features, np.where(generator.random(LENGTH) < 0.05, ~labels, labels).astype(int)


def _watched(features: np.ndarray, labels: np.ndarray) -> tuple[float, list[int]]:
    """Return the error rate of a learner that is trained again after each alarm, and the rows of the alarms."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(features[:1000], labels[:1000])

    def rows(start: int, end: int) -> dict[str, np.ndarray]:
        return {"y": labels[start:end], "said": model.predict(features[start:end])}

    monitor = lossmith.drift.Monitor(rows(1000, 2000), window=WINDOW, target="y", prediction="said")
    wrong, alarms, place = 0, [], 2000
    while place < LENGTH:
        end = min(LENGTH, place + WINDOW)
        part = rows(place, end)
        wrong += int(np.sum(part["y"] != part["said"]))
        windows = monitor.update(part)
        place = end
        if windows and windows[0].alarm and place + 2 * WINDOW < LENGTH:
            alarms.append(place)
            for _ in range(2):  # rows of the new concept, still predicted by the old model
                later = rows(place, place + WINDOW)
                wrong += int(np.sum(later["y"] != later["said"]))
                place += WINDOW
            model = LogisticRegression().fit(features[place - 3 * WINDOW : place], labels[place - 3 * WINDOW : place])
            monitor.restart(rows(place - 3 * WINDOW, place))
    return wrong / (LENGTH - 2000), alarms


def _online_learner(repeats: int) -> Row:
    """H1-09: error with and without training again after an alarm, and when the alarms came."""
    from sklearn.linear_model import LogisticRegression

    fixed, watched, delays, false = [], [], [], 0
    for repeat in range(repeats):
        features, labels = _stream(np.random.default_rng([9, repeat]))
        model = LogisticRegression().fit(features[:1000], labels[:1000])
        fixed.append(float(np.mean(model.predict(features[2000:]) != labels[2000:])))
        rate, alarms = _watched(features, labels)
        watched.append(rate)
        for change in CHANGES:
            after = [row - change for row in alarms if 0 < row - change <= 2000]
            delays += after[:1]
        false += sum(not any(0 < row - change <= 2000 for change in CHANGES) for row in alarms)
    delay = float(np.mean(delays)) if delays else float("nan")
    return Row(
        "H1-09",
        "an online learner with a drift detector: alarm, then train again",
        "",
        f"error {np.mean(watched):.3f} with the monitor, {np.mean(fixed):.3f} without; {len(delays)} of {2 * repeats} changes found, {delay:.0f} rows after them on average",
        "no number in source",
        f"{false} alarms away from a change in {repeats} streams of {LENGTH:,} rows; 0.05 of the labels are wrong and nothing can learn them. "
        f"The monitor compares the rate of wrong predictions in windows of {WINDOW} rows",
        values={
            "watched": float(np.mean(watched)),
            "fixed": float(np.mean(fixed)),
            "found": len(delays) / (2 * repeats),
            "delay": delay,
            "false": float(false),
        },
    )


STUDY = Study(
    name="drift",
    source="K, H1",
    title="Drift: a sum of divergences, and training again after an alarm",
    claims=("K-10", "H1-09"),
    run=run,
    reference="a report on the Kullback-Leibler divergence and its uses; a handbook of machine learning, 1.4.3",
)
