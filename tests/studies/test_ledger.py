"""Results of studies on disk: whole runs, runs of some claims, and the page."""

from __future__ import annotations

import dataclasses

from lossmith.studies._spec import Row, Study, StudyResult
from lossmith.studies.ledger import read_result, write_ledger, write_result

FIRST = Row("X-1", "one", "1", "1.0", "reproduced", "")
SECOND = Row("X-2", "two", "2", "", "not run", "")
STUDY = Study("some", "X", "Some study", ("X-1", "X-2", "X-3"), lambda **_: None, "a source", by_claim=True)  # type: ignore[arg-type,return-value]
EARLY, LATE = {"date": "2001-01-01", "machine": "1 cores, 1 GiB"}, {"date": "2002-02-02", "machine": "9 cores, 9 GiB"}


def test_a_run_of_some_claims_keeps_the_others(tmp_path) -> None:
    whole = StudyResult("some", (FIRST, SECOND), {"a.svg": "<svg/>"}, (("Said", "before"),))
    write_result(whole, tmp_path, versions={}, measured=EARLY)
    now = dataclasses.replace(SECOND, measured="2.1", verdict="differs")
    write_result(
        StudyResult("some", (now,), {"b.svg": "<svg/>"}), tmp_path, versions={}, measured=LATE, claims=STUDY.claims
    )
    found = read_result(tmp_path, "some")
    assert found is not None
    assert found["rows"] == [FIRST, now] and found["sections"] == [["Said", "before"]]
    assert found["measured"] == {"X-1": EARLY, "X-2": LATE} and found["figures"] == ["a.svg", "b.svg"]
    page = write_ledger([STUDY], tmp_path).read_text(encoding="utf-8")
    assert "X-1 on 2001-01-01 (1 cores, 1 GiB); X-2 on 2002-02-02 (9 cores, 9 GiB)" in page
    assert "| X-3 |  |  |  | not run | lossmith study run some |" in page  # never measured


def test_a_whole_run_replaces_everything(tmp_path) -> None:
    write_result(StudyResult("some", (FIRST, SECOND)), tmp_path, versions={}, measured=EARLY)
    write_result(StudyResult("some", (SECOND,)), tmp_path, versions={}, measured=LATE, quick=True)
    found = read_result(tmp_path, "some")
    assert found is not None
    assert found["rows"] == [SECOND] and found["measured"] == {"X-2": LATE | {"quick": "yes"}}
