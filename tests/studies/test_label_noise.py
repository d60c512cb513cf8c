"""The study of label noise: verdicts from numbers, and the committed ledger agrees with itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from lossmith.report import pictures
from lossmith.studies import STUDIES, label_noise
from lossmith.studies.label_noise import direction

LEDGER = Path(__file__).resolve().parents[2] / "docs" / "ledger" / "label_noise.json"


@pytest.mark.parametrize(
    ("published", "verdict", "low", "high", "expected"),
    [
        (0.12, "better", 0.02, 0.05, "reproduced"),
        (0.12, "equivalent", -0.005, 0.005, "differs"),
        (0.12, "undecided", -0.05, 0.2, "differs"),  # it holds the published difference, and no direction
        (0.12, "worse", -0.05, -0.02, "differs"),
        (-0.0063, "equivalent", 0.001, 0.002, "reproduced"),
        (-0.0063, "undecided", -0.02, 0.03, "reproduced"),
        (-0.0063, "undecided", 0.002, 0.03, "differs"),
        (-0.0063, "better", 0.02, 0.03, "differs"),
        (-0.2, "worse", -0.4, -0.1, "reproduced"),
        (-0.2, "better", 0.1, 0.4, "differs"),
    ],
)
def test_direction(published, verdict, low, high, expected) -> None:
    assert direction(published, verdict, low=low, high=high, margin=0.01) == expected


def result(scores: dict[str, list[float]]) -> SimpleNamespace:
    rows = [
        {"loss": loss, "seed": seed, "chosen": chosen, "accuracy": value if chosen else 0.1}
        for loss, values in scores.items()
        for seed, value in enumerate(values)
        for chosen in (True, False)
    ]
    return SimpleNamespace(
        trials=pl.DataFrame(rows).sample(fraction=1, shuffle=True, seed=0),
        standings=[SimpleNamespace(loss=loss) for loss in scores],
        data=SimpleNamespace(class_counts=(60, 40)),
    )


def test_gains_are_paired_by_seed_against_cross_entropy() -> None:
    reference = [0.70, 0.72, 0.60, 0.75, 0.71]
    shifts = np.array([0.10, 0.11, 0.09, 0.10, 0.10])
    found = label_noise._gains(
        result(
            {
                "categorical_crossentropy": reference,
                "nce_rce": list(reference + shifts),
                "symmetric_crossentropy": [0.70, 0.72, 0.60, 0.75, np.nan],  # diverged: predicts the larger class
            }
        ),
        0.4,
    )
    gains = {gain.loss: gain for gain in found}
    assert set(gains) == {"nce_rce", "symmetric_crossentropy"}
    assert gains["nce_rce"].mean == pytest.approx(0.10) and gains["nce_rce"].verdict == "better"
    assert gains["nce_rce"].low > 0.08 and "+10.0 [" in gains["nce_rce"].text
    assert gains["symmetric_crossentropy"].mean == pytest.approx((0.6 - 0.71) / 5)


def test_the_ledger_follows_from_its_numbers() -> None:
    rows = {row["id"]: row for row in json.loads(LEDGER.read_text(encoding="utf-8"))["rows"]}
    assert tuple(rows) == STUDIES["label_noise"].claims
    for place, (noise, (reference, own)) in enumerate(label_noise.PUBLISHED.items(), start=1):
        row = rows[f"L-N{place:02d}"]
        assert row["values"]["published"] == pytest.approx((own - reference) / 100)
        assert f"{noise:.0%} symmetric" in row["claim"]
        verdict = re.search(r", (better|worse|equivalent|undecided)$", row["measured"])[1]
        low, high = row["values"]["low"], row["values"]["high"]
        inside = {"better": low > 0.01, "worse": high < -0.01, "equivalent": low >= -0.01 and high <= 0.01}
        assert inside.get(verdict, True)
        assert row["verdict"] == direction(row["values"]["published"], verdict, low=low, high=high, margin=0.01)
    assert all(rows[claim]["verdict"] == "no number in source" for claim in label_noise.OTHERS)


def test_the_picture_has_a_line_for_each_loss() -> None:
    series = {"one": np.array([[1.0, 2.0], [3.0, np.nan], [3.0, 3.5]]), "two": np.ones((3, 2))}
    svg = pictures.against(np.array([0.0, 0.2, 0.4]), series, x_name="noise", y_name="accuracy", title="t")
    assert svg.startswith("<?xml") and all(word in svg for word in ("one", "two", "noise", "accuracy"))
    assert svg == pictures.against(np.array([0.0, 0.2, 0.4]), series, x_name="noise", y_name="accuracy", title="t")


@pytest.mark.slow
def test_the_study_runs() -> None:
    found = STUDIES["noise"].run(quick=True)
    assert [row.id for row in found.rows] == list(STUDIES["label_noise"].claims)
    at_sixty = next(row for row in found.rows if row.id == "L-N04")
    assert at_sixty.values["gain"] > 0
