"""The studies of estimators: every claim has a row, verdicts follow from numbers, figures are pictures."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith.studies import STUDIES, lecture_models, maps, term_deposits
from lossmith.studies import _rows as rows


def test_verdicts_follow_from_numbers():
    assert rows.confirmed("a", "", "", [1.0], [1.04], within=0.05).verdict == "reproduced"
    assert rows.confirmed("a", "", "", [1.0], [1.06], within=0.05).verdict == "differs"
    assert rows.faulty("a", "", "", "", {}, wrong=False, remark="").verdict == "differs"


def test_files_that_are_not_there_are_said(monkeypatch):
    monkeypatch.delenv("LOSSMITH_DATA", raising=False)
    found = maps.run(quick=True)
    by_id = {row.id: row for row in found.rows}
    assert set(by_id) == set(STUDIES["maps"].claims)
    assert by_id["H-S07"].verdict == "not run" and "LOSSMITH_DATA" in by_id["H-S07"].remark
    assert by_id["H-S02"].values["winner"] == 9 and by_id["H-S02"].verdict == "source error"


def test_the_lecture_notes():
    found = lecture_models.run(quick=True)
    by_id = {row.id: row for row in found.rows}
    assert set(by_id) == set(STUDIES["lecture_models"].claims)
    assert by_id["N-11"].verdict == "reproduced"
    assert by_id["N-09"].values["one"] == 0.0 < by_id["N-09"].values["five"]
    assert by_id["N-14"].values["lifted"] == 1.0
    assert all(picture.startswith("<?xml") for picture in found.figures.values())
    assert {row.figure for row in found.rows if row.figure} <= set(found.figures)


@pytest.mark.slow
def test_the_classical_models():
    found = STUDIES["classical_models"].run(quick=True)
    by_id = {row.id: row for row in found.rows}
    assert set(by_id) == set(STUDIES["classical_models"].claims)
    assert by_id["H2-05"].verdict == by_id["H2-16"].verdict == "reproduced"
    assert by_id["H2-09"].verdict == by_id["H2-22"].verdict == "source error"
    assert by_id["H2-02"].values["learned"] > by_id["H2-02"].values["rules"] + 0.1
    assert by_id["H2-03"].values["both"] > by_id["H2-03"].values["labels"]


@pytest.mark.realdata
def test_credit_applications_and_deposits(real_data, monkeypatch):
    monkeypatch.setenv("LOSSMITH_DATA", str(real_data))
    found = maps.run(quick=True)
    by_id = {row.id: row for row in found.rows}
    assert by_id["H-S06"].values == {"rows": 690.0, "approved": 307.0}
    errors = by_id["H-S07"].values
    # MiniSom 2.3.6, best of five seeds with the same schedule
    assert errors["qe"] <= 0.3149 and errors["te"] <= 0.0696
    listed = found.figures["maps-credit-outliers.csv"].splitlines()
    assert listed[0].startswith("id,row,column") and len(listed) > 3
    deposits = {row.id: row for row in term_deposits.run(quick=True).rows}
    assert abs(deposits["H-B07"].values["accuracy"] - deposits["H-B07"].values["majority"]) < 0.01
    assert deposits["H-B05"].values["rbf"] > deposits["H-B05"].values["rbf_without"]


def test_activations_of_the_three_conventions():
    row = term_deposits._conventions()
    assert np.allclose([row.values[name] for name in ("squared", "doubled", "normal")], np.exp([-4, -1, -2]))
