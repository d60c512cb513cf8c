"""The study of generative models: every claim has a row, and verdicts follow from numbers."""

from __future__ import annotations

import pytest

from lossmith.studies import STUDIES, generative_models


def test_sources_that_err(monkeypatch):
    by_id = {row.id: row for row in generative_models._objectives(True)}
    assert by_id["H-G01"].verdict == "source error" and by_id["H-G05"].verdict == "reproduced"
    # slope of softplus at -4, and minus it: the saturating loss is the printed one with the sign turned
    assert by_id["H-G01"].values["printed"] == pytest.approx(0.017986, rel=1e-3)
    assert by_id["H-G01"].values["saturating"] == pytest.approx(-0.017986, rel=1e-3)


@pytest.mark.slow
def test_a_quick_run_has_every_claim(monkeypatch):
    monkeypatch.delenv("LOSSMITH_DATA", raising=False)
    found = generative_models.run(quick=True)
    by_id = {row.id: row for row in found.rows}
    assert tuple(by_id) == STUDIES["generative_models"].claims
    assert by_id["H-G04"].verdict == "source error" and by_id["H-G04"].values["printed"] == 128
    assert by_id["H-G07"].verdict == "source error" and by_id["H-G08"].verdict == "reproduced"
    assert by_id["H-G02"].verdict == "reproduced" and by_id["N-22"].verdict == "not run"
    assert by_id["N-23"].values["spread"] > by_id["N-24"].values["spread"]
    assert by_id["H-G11"].values["area"] > 0.8
    assert by_id["H-G09"].values["low"] < 0 < by_id["H-G09"].values["high"]
    assert all(row.figure in found.figures for row in found.rows if row.figure)
