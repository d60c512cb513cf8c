"""Planted mistakes are found under their code, with numbers and a corrected line; correct set-ups give no finding."""

from __future__ import annotations

import re

import pytest

import lossmith
from lint_correct import CORRECT
from lint_setups import PLANTED
from lossmith.lint import CHECKS


def some(names: list[str], wanted: set[str]) -> list:
    """Return the names as parameters of a test; those that are not wanted in every run are marked slow."""
    return [pytest.param(name, marks=() if name in wanted else pytest.mark.slow, id=name) for name in names]


# in every run: one mistake for each row of the table, one for each other check, every third correct set-up
FIRST = {key: name for name in reversed(PLANTED) for key in [name[:2] if name[:2].isdigit() else PLANTED[name][0]]}


@pytest.mark.parametrize("name", some(list(PLANTED), set(FIRST.values())))
def test_a_planted_mistake_is_found(name: str) -> None:
    code, make = PLANTED[name]
    model, x, y, options = make()
    found = lossmith.lint(model, x, y, **options)
    assert code in found.codes, found.codes
    finding = next(finding for finding in found.findings if finding.code == code)
    assert re.search(r"\d", finding.evidence), finding.evidence
    assert finding.command and finding.severity == CHECKS[code].severity
    # a mistake is said once, not under every code that it touches
    assert len(found.codes) <= 3, found.codes


@pytest.mark.parametrize("name", some(list(CORRECT), set(list(CORRECT)[::3])))
def test_a_correct_set_up_gives_no_finding(name: str) -> None:
    model, x, y, options = CORRECT[name]()
    found = lossmith.lint(model, x, y, **options)
    assert found.clean, [finding.line() for finding in found.findings]


def test_every_row_of_the_table_and_every_check_is_planted() -> None:
    rows = {int(name[:2]) for name in PLANTED if name[:2].isdigit()}
    assert rows == {3, 4, *range(6, 19)}
    assert {code for code, _ in PLANTED.values()} == {check.code for check in CHECKS.values()} - {
        "LS232"
    }  # of encoders
    assert len(CORRECT) >= 30
