"""Running studies one after the other: failures, what is kept, what is measured again, and the command."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

import lossmith.studies as studies
from lossmith._catalogue import Catalogue
from lossmith._errors import DataError, LossmithError
from lossmith.cli import main
from lossmith.studies import runs
from lossmith.studies._spec import Row, Study, StudyResult
from lossmith.studies.ledger import read_result

CODE = runs._code
CALLS: list[tuple[str, bool, Any]] = []


def _good(*, quick: bool = False, progress: Any = None, claims: Any = None) -> StudyResult:
    CALLS.append(("good", quick, claims))
    if progress is not None:
        progress(1, 2, "measuring", "")
    rows = (Row("X-1", "one", "", "5", "reproduced", ""), Row("X-2", "two", "", "", "not run", "no file"))
    return StudyResult("good", tuple(row for row in rows if claims is None or row.id in claims))


def _bad(*, quick: bool = False, progress: Any = None) -> StudyResult:
    CALLS.append(("bad", quick, None))
    raise ZeroDivisionError("no\nrows")


def _last(*, quick: bool = False, progress: Any = None) -> StudyResult:
    CALLS.append(("last", quick, None))
    return StudyResult("last", (Row("X-3", "three", "", "7", "no number in source", ""),))


GOOD = Study("good", "X", "Good", ("X-1", "X-2"), _good, "a source", by_claim=True)
BAD = Study("bad", "X", "Bad", ("X-9",), _bad, "a source")
LAST = Study("last", "X", "Last", ("X-3",), _last, "a source")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    monkeypatch.setattr(runs, "_code", lambda _: "one state of the code")


def states(folder: Any, **options: Any) -> list[str]:
    return [one.state for one in runs.run_every([GOOD, BAD, LAST], folder, **options)]


def test_a_failure_stops_no_other_and_what_is_measured_is_kept(tmp_path) -> None:
    found = list(runs.run_every([GOOD, BAD, LAST], tmp_path))
    assert [one.state for one in found] == ["measured", "failed", "measured"]
    assert found[1].why == "ZeroDivisionError: no rows" and found[0].verdicts() == {"reproduced": 1, "not run": 1}
    CALLS.clear()
    assert states(tmp_path) == ["measured", "failed", "kept"]
    assert CALLS == [("good", False, ("X-2",)), ("bad", False, None)]  # only the claim without a measurement


def test_other_code_or_data_or_length_is_measured_again(tmp_path, monkeypatch) -> None:
    list(runs.run_every([LAST], tmp_path))
    one = runs.fingerprint(LAST, quick=False)
    assert next(iter(runs.run_every([LAST], tmp_path))).state == "kept"
    assert next(iter(runs.run_every([LAST], tmp_path, fresh=True))).state == "measured"
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("LOSSMITH_DATA", str(folder))
    assert runs.fingerprint(LAST, quick=False) == one  # an empty folder offers nothing
    (folder / "file.csv").write_text("a\n1\n")
    assert next(iter(runs.run_every([LAST], tmp_path))).state == "measured"
    monkeypatch.delenv("LOSSMITH_DATA")
    monkeypatch.setattr(runs, "_code", lambda _: "another state")
    assert runs.fingerprint(LAST, quick=False) != one != runs.fingerprint(LAST, quick=True)


def test_the_code_of_a_study_is_the_package_without_other_studies() -> None:
    assert CODE("maps") != CODE("units") != CODE("nothing") == CODE("nothing else")


def test_a_study_that_leaves_out_a_claim_is_a_failure(tmp_path) -> None:
    short = dataclasses.replace(LAST, claims=("X-3", "X-4"))
    with pytest.raises(LossmithError, match="X-3, X-4"):
        runs.run_study(short, tmp_path)
    assert read_result(tmp_path, "last") is None
    fewer = dataclasses.replace(GOOD, claims=("X-1",))
    with pytest.raises(LossmithError, match="X-2"):
        runs.run_study(fewer, tmp_path)


def test_a_quick_row_is_measured_again_by_a_full_run(tmp_path) -> None:
    assert states(tmp_path, quick=True) == ["measured", "failed", "measured"]
    found = read_result(tmp_path, "last")
    assert found is not None and found["measured"]["X-3"]["quick"] == "yes"
    assert states(tmp_path) == ["measured", "failed", "measured"]
    found = read_result(tmp_path, "last")
    assert found is not None and "quick" not in found["measured"]["X-3"] and found["measured"]["X-3"]["machine"]


@pytest.fixture
def command(tmp_path, monkeypatch, capsys) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "STUDIES", Catalogue("study", [GOOD, BAD, LAST]))

    def run(*arguments: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["study", "run", *arguments])
        return end.value.code, *capsys.readouterr()

    return run


def test_all_studies_by_the_command(command, tmp_path) -> None:
    code, out, err = command("--all", "--quick")
    assert code == 1
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line}
    assert lines["good"][1] == "measured" and lines["bad"][1] == "failed" and lines["last"][1] == "measured"
    assert "ZeroDivisionError: no rows" in out and "3/3  last: Last" in err
    assert "not run" in (tmp_path / "quick-ledger" / "ledger.md").read_text() and not (tmp_path / "docs").exists()
    code, out, err = command("--all", "--json", "--quiet")
    found = json.loads(out)
    assert code == 1 and not err and [one["state"] for one in found] == ["measured", "failed", "measured"]
    assert found[0]["verdicts"] == {"reproduced": 1, "not run": 1} and (tmp_path / "docs" / "ledger.md").exists()


def test_ctrl_c_says_how_to_go_on(command, monkeypatch) -> None:
    def interrupted(**_: Any) -> StudyResult:
        raise KeyboardInterrupt

    stopped = dataclasses.replace(BAD, run=interrupted)
    monkeypatch.setattr(studies, "STUDIES", Catalogue("study", [LAST, stopped, GOOD]))
    code, _, err = command("--all")
    assert code == 130 and "1 of 3 studies are written to docs" in err
    monkeypatch.setattr(studies, "STUDIES", Catalogue("study", [LAST, GOOD]))
    CALLS.clear()
    assert command("--all", "--quiet")[0] == 0 and CALLS == [("good", False, None)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no study"),
        (("good", "--all"), "a study and --all"),
        (("good", "--fresh"), "--fresh without --all"),
        (("--all", "--claims", "X-1"), "--claims with --all"),
        (("last", "--claims", "X-3"), "measured as a whole"),
        (("good", "--claims", "X-7"), "X-7"),
        (("goood",), "good"),
        (("good", "--out", "file"), "this is a file"),
    ],
)
def test_wrong_use_is_one_line(command, tmp_path, arguments, says) -> None:
    (tmp_path / "file").write_text("")
    code, out, err = command(*arguments)
    assert code == 2 and not out and says in err and err.count("\n") == 1 and not CALLS


def test_data_that_cannot_be_had_is_said_of_one_study(tmp_path) -> None:
    def absent(**_: Any) -> StudyResult:
        raise DataError("no file", expected="a file", advice="fetch it")

    found = list(runs.run_every([dataclasses.replace(LAST, run=absent)], tmp_path))
    assert found[0].why == str(DataError("no file", expected="a file", advice="fetch it"))
