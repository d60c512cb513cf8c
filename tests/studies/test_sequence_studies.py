"""The studies of optimisation, constraints, units, gradients and recurrent networks: rows, verdicts, known values."""

from __future__ import annotations

import pytest

from lossmith.studies import STUDIES, constraints


def rows(name):
    found = STUDIES[name].run(quick=True)
    by_id = {row.id: row for row in found.rows}
    assert tuple(by_id) == STUDIES[name].claims or set(by_id) == set(STUDIES[name].claims)
    assert {row.figure for row in found.rows if row.figure} <= set(found.figures)
    assert all(picture.startswith("<?xml") for picture in found.figures.values())
    return by_id


def test_ids_belong_to_one_study_each():
    claims = [claim for study in STUDIES.values() for claim in study.claims]
    assert sorted(claims) == sorted(set(claims))
    wanted = {f"H3-{n:02d}" for n in range(1, 26)} | {f"N-{n:02d}" for n in (*range(1, 9), 16, 17, 20)}
    assert wanted | {f"H-R{n:02d}" for n in range(1, 9)} <= set(claims)


def test_constraints():
    """Corners, plan and multiplier from the geometry of the problems."""
    found = rows("constraints")
    assert found["H3-12"].values["area"] == pytest.approx(4)
    assert (found["H3-13"].values["a"], found["H3-13"].values["b"]) == pytest.approx((50, 50))
    assert found["H3-16"].values["multiplier"] == pytest.approx(-1)
    assert {row.verdict for key, row in found.items() if key != "H3-15"} == {"source error"}
    assert found["H3-15"].verdict == "reproduced"


def test_a_plan_that_keeps_the_hours_is_not_blamed_on_the_source(monkeypatch):
    """With another solver's answer the verdict changes: it follows from the numbers."""
    real = constraints.linprog

    def other(cost, A_ub, b_ub):
        return real(cost, A_ub=A_ub, b_ub=[*b_ub[:2], 200.0])

    monkeypatch.setattr(constraints, "linprog", other)
    assert {row.id: row.verdict for row in constraints.run().rows}["H3-13"] == "differs"


@pytest.mark.slow
def test_optimisation():
    """Values of independent recomputations of the handbook."""
    found = rows("optimisation")
    assert found["H3-17"].verdict == found["H3-18"].verdict == found["H3-20"].verdict == "source error"
    assert found["H3-17"].values["mini_1"] == pytest.approx(3.11146125, abs=5e-9)
    assert found["H3-18"].values["momentum_20"] == pytest.approx(-1.74626, abs=5e-6)
    assert found["H3-18"].values["stated"] == pytest.approx(-0.20219, abs=5e-6)
    assert found["H3-19"].values["adagrad"] == pytest.approx(0.02739, abs=5e-6)
    assert found["H3-19"].values["rmsprop"] == pytest.approx(0.02365, abs=5e-6)
    assert (
        found["H3-22"].verdict == "source error" and found["H3-25"].values["stop"] == found["H3-25"].values["by_hand"]
    )


@pytest.mark.slow
def test_units():
    found = rows("units")
    assert found["H3-09"].values["best"] == pytest.approx(1.09041, abs=5e-6)
    assert found["H3-11"].values["combination_left"] == pytest.approx(2.46882, abs=5e-6)
    assert found["H3-24"].values["weights"] == 44_426
    assert all(row.verdict != "differs" for row in found.values())


@pytest.mark.slow
def test_gradients_of_the_lecture_notes():
    found = rows("lecture_gradients")
    assert found["N-04"].verdict == found["N-05"].verdict == found["N-17"].verdict == "reproduced"
    assert found["N-20"].values["lstm_twice"] == 0


@pytest.mark.slow
def test_recurrent_networks(monkeypatch):
    monkeypatch.delenv("LOSSMITH_DATA", raising=False)
    found = rows("recurrent")
    assert found["H-R02"].verdict == found["H-R03"].verdict == found["H-R08"].verdict == "reproduced"
    assert found["H-R04"].values["small"] == pytest.approx(0.8**50, rel=0.05)
    assert found["H-R06"].values["weights"] == 1_095_640
