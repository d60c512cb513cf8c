"""Real streams and what lossmith says about them: writes `streams.md`.

`LOSSMITH_DATA=<folder> python docs/drift/streams.py`
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

from lossmith import drift

HERE = Path(__file__).resolve().parent
WINDOW = 250
KNOWN = (12_500, 25_000, 37_500)


def sea(folder: Path) -> list[tuple[int, int, int, str]]:
    """Return known change, row of the alarm, row since when by the monitor, and words, for the SEA stream.

    A logistic regression learns from 2,500 rows, its errors are watched in windows of 250, and after an alarm it learns again
    from the 1,250 rows around it.
    """
    features = np.loadtxt(folder / "drift/sea/SEA_training_data.csv", delimiter=",")
    labels = np.loadtxt(folder / "drift/sea/SEA_training_class.csv").astype(int)

    def rows(start: int, end: int) -> dict[str, np.ndarray]:
        part = features[start:end]
        return {
            "x1": part[:, 0],
            "x2": part[:, 1],
            "x3": part[:, 2],
            "y": labels[start:end],
            "said": model.predict(part),
        }

    model = LogisticRegression().fit(features[:2500], labels[:2500])
    monitor = drift.Monitor(rows(2500, 5000), window=WINDOW, target="y", prediction="said")
    found, place = [], 5000
    while place + WINDOW <= len(features):
        (window,) = monitor.update(rows(place, place + WINDOW))
        place += WINDOW
        if window.alarm:
            began = place - WINDOW * (window.number - window.since + 1)
            nearest = min(KNOWN, key=lambda known: abs(known - began))
            found.append((nearest, place, began, f"{window.drifted[0]}: {window.words}"))
            if place + 2000 > len(features):
                break
            model = LogisticRegression().fit(
                features[place - WINDOW : place + 1000], labels[place - WINDOW : place + 1000]
            )
            monitor.restart(rows(place + 1000, place + 2000))
            place += 2000
    return found


def elec2(folder: Path) -> tuple[drift.Drift, list[drift.Window]]:
    """Return the first two years of electricity prices against the last, half an hour a row, and weekly windows."""
    names = ["date", "day", "period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"]
    table = np.loadtxt(folder / "drift/elec2/elec2_data.dat")
    frame = pl.DataFrame(dict(zip(names, table.T, strict=True))).drop("date", "period")
    result = drift.compare(frame[:17_520], frame[-8760:], blocks="auto", joint=None)
    monitor = drift.Monitor(frame[:8760], window=336)
    return result, list(monitor.update(frame[8760:20_000]))


def california(folder: Path) -> drift.Drift:
    """Return southern blocks of houses against northern ones."""
    place = folder / "drift/california-housing"
    columns = [
        "id",
        "MedInc",
        "HouseAge",
        "AveRooms",
        "AveBedrms",
        "Population",
        "AveOccup",
        "Latitude",
        "Longitude",
        "y_pred_proba",
    ]
    return drift.compare(
        place / "california_housing_reference.csv", place / "california_housing_analysis.csv", columns=columns
    )


def bank(folder: Path) -> drift.Drift:
    """Return the calls of 2008 against the last 5,000."""
    frame = pl.read_csv(folder / "bank-marketing/bank-full.csv", separator=";")
    return drift.compare(frame[:20_000], frame[-5000:], joint=None)


def pixels(folder: Path, name: str, kind: str, *, first: int = 0) -> np.ndarray:
    """Return 2,000 images from `first` on, every fourth pixel both ways."""
    with gzip.open(folder / name / f"{kind}-images-idx3-ubyte.gz") as stream:
        stream.read(16 + first * 784)
        held = np.frombuffer(stream.read(2000 * 784), np.uint8)
    return held.reshape(2000, 28, 28)[:, ::4, ::4].reshape(2000, 49).astype(np.float64)


def images(folder: Path) -> tuple[drift.Drift, drift.Drift, int]:
    """Return digits against clothes, digits against digits of other writers, and how many of 20 random halves of digits alarm."""
    digits = pixels(folder, "mnist", "train")
    both, alarms = np.concatenate([digits, pixels(folder, "mnist", "train", first=2000)]), 0
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(both))
        alarms += drift.compare(both[order[:2000]], both[order[2000:]], joint=None, minimum_effect=0.0).alarm
    clothes, test = pixels(folder, "fashion-mnist", "train"), pixels(folder, "mnist", "t10k")
    return drift.compare(digits, clothes), drift.compare(digits, test), alarms


def listed(result: drift.Drift, most: int = 6) -> list[str]:
    lines = ["| column | effect | adjusted p | what changed |", "| --- | --- | --- | --- |"]
    for column in [one for one in result.columns if one.drifted][:most]:
        effect = "" if np.isnan(column.effect) else f"{column.effect:.3f}"
        lines.append(f"| {column.name} | {effect} | {column.adjusted:.1e} | {column.words} |")
    return lines


def main() -> None:
    folder = Path(os.environ["LOSSMITH_DATA"])
    lines = [
        "# Real streams",
        "",
        "Written by `docs/drift/streams.py` from public data; nothing is typed by hand but the readings.",
        "",
    ]
    lines += ["## SEA: a concept that changes three times", ""]
    lines += ["50,000 rows; the rule behind the labels changes at rows 12,500, 25,000 and 37,500, the features never do. A logistic regression is",
              f"watched through its errors in windows of {WINDOW} rows and trained again after each alarm.", ""]  # fmt: skip
    lines += [
        "| known change | alarm after row | delay in rows | began, by the monitor | what changed |",
        "| --- | --- | --- | --- | --- |",
    ]
    found = sea(folder)
    lines += [f"| {known:,} | {row:,} | {row - known:,} | {began:,} | {words} |" for known, row, began, words in found]
    false = sum(not 0 < row - known <= 2500 for known, row, _, _ in found)
    lines += [
        "",
        f"Alarms away from a known change: {false}. Known changes missed: {len(set(KNOWN) - {known for known, *_ in found})}.",
        "",
    ]
    result, windows = elec2(folder)
    lines += [
        "## elec2: prices and demand of electricity",
        "",
        "Half-hourly rows are alike to their neighbours, so blocks are relabelled. The first year against the last half:",
        "",
    ]
    lines += listed(result)
    alarms = [window.number for window in windows if window.alarm]
    lines += ["", f"Watched in weekly windows as if rows were independent, {len(alarms)} of {len(windows)} windows alarm"
              f"{f', the first after week {alarms[0]}' if alarms else ''}. Reading: seasons and a market that grew are real differences from any one half-year; a",
              "monitor of this stream needs a reference of a whole year, or columns from which hour and season have been taken out. Columns with",
              "the Victorian market hardly move in the first year, before it opened near its end, and their change is the largest.", ""]  # fmt: skip
    result = california(folder)
    lines += ["## California: south against north", ""]
    lines += listed(result)
    lines += ["", f"Reading: latitude and longitude say what the split was made by, and the classifier needs nothing else. Sum of KL over columns {result.total:.3g} nats. `id`, which only counts",
              "the rows, is left out of the test by itself. House age, income and occupancy differ by much less; these are what a model would feel.", ""]  # fmt: skip
    result = bank(folder)
    lines += ["## Bank marketing, in the order of its calls", ""]
    lines += listed(result, 8)
    lines += ["", f"Reading: {len(result.drifted)} of {len(result.columns)} columns drift. New months and the history of earlier campaigns (`pdays`, `previous`, `poutcome`) appear because they did not exist",
              "before; `y` itself goes from one in twenty to one in two. A model of the first calls must not be used on the last.", ""]  # fmt: skip
    other, same, halves = images(folder)
    moved = [one for one in other.columns if one.role == "feature" and one.drifted]
    lines += ["## MNIST against Fashion-MNIST", ""]
    lines += [f"2,000 images each, every fourth pixel both ways: {len(moved)} of {sum(one.role == 'feature' for one in other.columns)} pixels drift, and the classifier tells them apart with an area under the curve",
              f"of {other['(classifier)'].judgements[0].value:.3f}. Training digits against test digits: {len(same.drifted)} of {len(same.columns)} drift, with effects up to {max(one.effect for one in same.columns if one.effect == one.effect):.2f} instead of",
              f"{moved[0].effect:.2f}. Reading: the first test images come from other writers than the first training images; that is a small and a real difference:",
              f"of 20 random halves of 4,000 training digits, whose pixels are mostly the same value, {halves} alarm at level 0.05.", ""]  # fmt: skip
    (HERE / "streams.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
