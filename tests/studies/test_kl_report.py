"""The worked example of the report on the Kullback-Leibler divergence: its numbers, and what is wrong with two of them."""

from __future__ import annotations

import math

import pytest

from lossmith.studies import STUDIES
from lossmith.studies._spec import judge_exact
from lossmith.studies.ledger import read_result, write_ledger, write_result


@pytest.fixture(scope="module")
def result():
    return STUDIES["kl-report"].run()


def test_every_claim_has_its_verdict(result) -> None:
    verdicts = {row.id: row.verdict for row in result.rows}
    assert list(verdicts) == list(STUDIES["kl-report"].claims) == [f"K-0{k}" for k in range(1, 10)]
    assert {name for name, verdict in verdicts.items() if verdict == "reproduced"} == {
        "K-01", "K-02", "K-03", "K-04", "K-05", "K-06", "K-07",
    }  # fmt: skip
    assert verdicts["K-08"] == "no number in source" and verdicts["K-09"] == "source error"


def test_numbers(result) -> None:
    rows = {row.id: row for row in result.rows}
    p = [k / 100 for k in (2, 3, 5, 14, 16, 15, 12, 8, 10, 8, 7)]
    binomial = [math.comb(10, k) * 0.544**k * 0.456 ** (10 - k) for k in range(11)]
    for name, q in (("K-05", [1 / 11] * 11), ("K-06", binomial)):
        expected = math.fsum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
        assert rows[name].values["value"] == pytest.approx(expected, rel=1e-12)
    assert "0.137" in rows["K-05"].remark  # 0.136 is cut, not rounded
    assert rows["K-07"].values["least"] == 0.544
    assert rows["K-08"].values["binomial backward"] == pytest.approx(
        math.fsum(b * math.log(b / a) for a, b in zip(p, binomial, strict=True)), rel=1e-12
    )
    assert rows["K-09"].values == {
        "nats": pytest.approx(-math.log(0.8), rel=1e-15),
        "hartleys": pytest.approx(-math.log10(0.8), rel=1e-15),
    }
    assert "0.2231" in rows["K-09"].remark and "0.0969 is its decimal logarithm" in rows["K-09"].remark


def test_figures_are_there_and_repeatable(result) -> None:
    assert {row.figure for row in result.rows if row.figure} == set(result.figures)
    again = STUDIES["worms"].run(quick=True)
    assert again.figures == result.figures
    assert all(text.lstrip().startswith("<?xml") and "</svg>" in text for text in result.figures.values())


def test_the_ledger_shows_it(result, tmp_path) -> None:
    write_result(result, tmp_path, versions={"lossmith": "0"})
    assert read_result(tmp_path, "kl-report")["rows"][8].verdict == "source error"
    page = write_ledger([STUDIES["kl-report"]], tmp_path).read_text(encoding="utf-8")
    assert "| K-09 | cat classifier" in page and "| source error |" in page and r"D(worms \|\| uniform)" in page


@pytest.mark.parametrize(
    ("reported", "value", "verdict"),
    [
        ("0.544", 0.544, "reproduced"),
        ("0.136", 0.13667971, "reproduced"),
        ("0.137", 0.13667971, "reproduced"),
        ("0.135", 0.13667971, "differs"),
        ("0.138", 0.13667971, "differs"),
        ("-0.13", -0.136, "reproduced"),
        ("-0.15", -0.136, "differs"),
    ],
)
def test_printed_digits(reported: str, value: float, verdict: str) -> None:
    assert judge_exact(reported, value)[0] == verdict


def test_an_artefact_does_not_excuse_another_number() -> None:
    assert judge_exact("0.0969", 0.22314355, artefact=0.09691001)[0] == "source error"
    assert judge_exact("0.0971", 0.22314355, artefact=0.09691001)[0] == "differs"
