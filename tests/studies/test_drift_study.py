"""K-10 and H1-09: the study says what the measured numbers say."""

from __future__ import annotations

import pytest

import lossmith


@pytest.mark.slow
def test_the_study_measures_both_claims():
    result = lossmith.studies.STUDIES["drift"].run(quick=True)
    rows = {row.id: row for row in result.rows}
    assert set(rows) == set(lossmith.studies.STUDIES["drift"].claims)
    summed = rows["K-10"].values
    assert abs(summed["shift"] - summed["none"] - 0.125) < 0.0125  # KL of normal laws half a deviation apart
    assert summed["dependence"] < 3 * summed["none"] and summed["joint"] == 1.0
    learner = rows["H1-09"].values
    assert learner["found"] == 1.0 and learner["watched"] < learner["fixed"] - 0.03 and learner["delay"] <= 600
