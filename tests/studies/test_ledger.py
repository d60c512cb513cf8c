"""Results of studies on disk: whole runs, runs of some claims, quick runs, and the page."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import get_args

import pytest

from lossmith.studies import STUDIES
from lossmith.studies._sources import SOURCES, source_of
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult
from lossmith.studies.ledger import machine, read_result, write_ledger, write_result

ROOT = Path(__file__).resolve().parents[2]
FIRST = Row("X-1", "one", "1", "1.0", "reproduced", "")
SECOND = Row("X-2", "two", "2", "", "not run", "")
STUDY = Study("some", "X", "Some study", ("X-1", "X-2", "X-3"), lambda **_: None, "a source", by_claim=True)  # type: ignore[arg-type,return-value]
EARLY, LATE = {"date": "2001-01-01", "machine": "1 cores, 1 GiB"}, {"date": "2002-02-02", "machine": "9 cores, 9 GiB"}


def test_the_machine_names_its_accelerator_and_no_cpu(monkeypatch) -> None:
    import sys
    from types import SimpleNamespace

    def jax(platform: str, kind: str) -> SimpleNamespace:
        return SimpleNamespace(devices=lambda: [SimpleNamespace(platform=platform, device_kind=kind)])

    monkeypatch.setitem(sys.modules, "jax", jax("cpu", "cpu"))
    plain = machine()
    assert re.fullmatch(r"\d+ cores, (\d+ GiB|memory unknown)", plain)
    monkeypatch.delitem(sys.modules, "jax")
    assert machine() == plain
    monkeypatch.setitem(sys.modules, "jax", jax("gpu", "NVIDIA X1"))
    assert machine() == f"{plain}, NVIDIA X1"


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


def test_a_whole_run_replaces_what_was_measured(tmp_path) -> None:
    gone = Row("X-9", "no more claimed", "", "", "no number in source", "")
    write_result(StudyResult("some", (FIRST, SECOND, gone)), tmp_path, versions={}, measured=EARLY)
    now = dataclasses.replace(FIRST, measured="1.2", verdict="differs")
    write_result(StudyResult("some", (now, SECOND)), tmp_path, versions={}, measured=LATE)
    found = read_result(tmp_path, "some")
    assert found is not None
    assert found["rows"] == [now, SECOND] and found["measured"] == {"X-1": LATE, "X-2": LATE}


def test_a_quick_run_replaces_no_full_one(tmp_path) -> None:
    write_result(
        StudyResult("some", (FIRST, SECOND), {"a.svg": "full"}, (("Said", "full"),)),
        tmp_path, versions={}, measured=EARLY,
    )  # fmt: skip
    rough = (
        dataclasses.replace(FIRST, measured="9", verdict="differs"),
        dataclasses.replace(SECOND, measured="8", verdict="differs"),
    )
    quick = StudyResult("some", rough, {"a.svg": "quick", "b.svg": "quick"}, (("Said", "quick"),))
    write_result(quick, tmp_path, versions={}, measured=LATE, quick=True)
    found = read_result(tmp_path, "some")
    assert found is not None
    assert found["rows"] == [FIRST, rough[1]] and found["sections"] == [["Said", "full"]]
    assert found["measured"] == {"X-1": EARLY, "X-2": LATE | {"quick": "yes"}}
    pictures = {path.name: path.read_text() for path in (tmp_path / "gallery").iterdir()}
    assert pictures == {"a.svg": "full", "b.svg": "quick"}
    # what was measured quickly gives way to anything
    write_result(StudyResult("some", (FIRST, SECOND)), tmp_path, versions={}, measured=LATE)
    found = read_result(tmp_path, "some")
    assert found is not None and found["rows"] == [FIRST, SECOND]


def test_a_row_that_was_not_run_replaces_no_measured_one(tmp_path) -> None:
    write_result(StudyResult("some", (FIRST,)), tmp_path, versions={}, measured=EARLY)
    absent = dataclasses.replace(FIRST, measured="", verdict="not run", remark="no file")
    write_result(StudyResult("some", (absent,)), tmp_path, versions={}, measured=LATE)
    found = read_result(tmp_path, "some")
    assert found is not None and found["rows"] == [FIRST] and found["measured"] == {"X-1": EARLY}


def test_a_damaged_file_is_replaced_by_a_whole_run(tmp_path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "some.json").write_text("{")
    write_result(StudyResult("some", (FIRST,)), tmp_path, versions={}, measured=LATE)
    found = read_result(tmp_path, "some")
    assert found is not None and found["rows"] == [FIRST]


def test_the_page_holds_every_claim_with_day_and_machine(tmp_path) -> None:
    study = dataclasses.replace(STUDY, claims=("T-02", "T-01", "L-01"))
    rows = [dataclasses.replace(FIRST, id=name, figure="a.svg" if name == "T-01" else "") for name in study.claims]
    write_result(StudyResult("some", tuple(rows[:2]), {}, (("Said", "so"),)), tmp_path, versions={}, measured=EARLY)
    write_result(StudyResult("some", (rows[2],)), tmp_path, versions={}, measured=LATE, quick=True, claims=study.claims)
    page = write_ledger([study], tmp_path).read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([A-Z][A-Z0-9]*-\w+) \|", page, re.MULTILINE)
    assert listed == [name for source in SOURCES for name in source.claims] + ["L-01"]
    assert "Measured: T-01, T-02 on 2001-01-01 (1 cores, 1 GiB)." in page
    assert "Measured on 2002-02-02 (9 cores, 9 GiB, quick run)." in page
    assert (
        "| T-01 | one | 1 | 1.0 | reproduced |  [figure](gallery/a.svg) | `lossmith study run some --claims T-01` |"
        in page
    )
    assert "| T-03 |  |  |  | not run | no study measures it |  |" in page and "**Said.** so." in page


def test_no_claim_of_the_sources_is_missing_and_none_is_measured_twice() -> None:
    declared = [name for study in STUDIES.values() for name in study.claims]
    assert len(declared) == len(set(declared))
    wanted = [name for source in SOURCES for name in source.claims]
    assert not set(wanted) - set(declared)
    assert {name for name in declared if source_of(name) != "L"} == set(wanted)


@pytest.mark.parametrize("name", list(STUDIES))
def test_what_is_committed_holds_the_claims_that_are_declared(name: str) -> None:
    record = read_result(ROOT / "docs", name)
    if record is None:  # never run: the ledger says so
        return
    # a study measured claim by claim may have some left
    claims = [row.id for row in record["rows"]]
    assert claims == [one for one in STUDIES[name].claims if one in claims or not STUDIES[name].by_claim]
    assert {row.verdict for row in record["rows"]} <= set(get_args(RowVerdict))
    assert all(row.measured or row.remark for row in record["rows"])
    pictures = {row.figure for row in record["rows"] if row.figure}
    assert pictures <= {path.name for path in (ROOT / "docs" / "gallery").iterdir()}


def test_the_committed_page_is_written_from_the_committed_results(tmp_path) -> None:
    shutil.copytree(ROOT / "docs" / "ledger", tmp_path / "ledger")
    written = write_ledger(STUDIES.values(), tmp_path).read_text(encoding="utf-8")
    assert written == (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")


def typed_verdicts(text: str) -> list[int]:
    """Return the lines on which a verdict that needs a measurement stands as a constant argument."""
    decided = set(get_args(RowVerdict)) - {"not run", "no number in source"}
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            given = [*node.args, *(word.value for word in node.keywords)]
            constants = [one.value for one in given if isinstance(one, ast.Constant)]
            sure = [word for word in node.keywords if word.arg == "wrong" and isinstance(word.value, ast.Constant)]
            if (
                node.func.id in {"Row", "_row", "row"} and decided & {c for c in constants if isinstance(c, str)}
            ) or sure:
                found.append(node.lineno)
    return found


def test_verdicts_are_computed() -> None:
    planted = 'Row("a", "b", "", "1", "reproduced", "")\nfaulty("a", wrong=True)\nRow("a", "b", "", "1", "differs" if x else "reproduced", "")'
    assert typed_verdicts(planted) == [1, 2]
    for path in sorted((ROOT / "src" / "lossmith" / "studies").glob("*.py")):
        assert not typed_verdicts(path.read_text(encoding="utf-8")), path.name


def test_records_on_disk_are_json_of_numbers() -> None:
    for path in sorted((ROOT / "docs" / "ledger").glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
            assert all(isinstance(value, int | float) for value in row["values"].values()), (path.name, row["id"])
