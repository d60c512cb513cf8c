"""K-01 to K-09: the worked example of a report on the Kullback-Leibler divergence, worms with teeth, and its cat classifier.

Source: a report on the Kullback-Leibler divergence as a measure and as a loss. Its numbers are exact, so that they are right or wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import lossmith
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult, judge_exact

__all__ = ["STUDY"]

COUNTS = (2, 3, 5, 14, 16, 15, 12, 8, 10, 8, 7)
MASSES = (".02", ".03", ".05", ".14", ".16", ".15", ".12", ".08", ".10", ".08", ".07")
BINOMIAL = {0: "0.0004", 1: "0.0046", 2: "0.0249", 9: "0.0190", 10: "0.0023"}
GRID = np.round(np.arange(0.40, 0.7001, 0.001), 3)

Progress = Callable[[float, int, str, str], None]


def run(*, quick: bool = False, progress: Progress | None = None) -> StudyResult:  # noqa: ARG001 - both are exact and take no time
    """Compute every claim; nothing here is random, so that `quick` changes nothing."""
    divergence = lossmith.divergence
    masses = divergence.probabilities(COUNTS)
    mean = float(np.arange(11) @ masses)
    found = divergence.approximate(divergence.Pmf(masses, name="worms"), ["randint", "binom"])
    uniform, binomial = (found[name].distribution.pmf(np.arange(11)) for name in ("randint", "binom"))
    swept = divergence.sweep(divergence.Pmf(masses, name="worms"), "binom", GRID)
    rows = [
        _pmf(masses),
        _exact("K-02", "mean number of teeth", "5.44", mean),
        _exact("K-03", "mass of every outcome under the uniform model", "0.0909", float(uniform[0])),
        _binomial(found["binom"].parameters["p"], binomial),
        _exact(
            "K-05",
            "D(worms || uniform), nats",
            "0.136",
            _kl(masses, uniform),
            note="the source prints its formula once without the log",
        ),
        _exact(
            "K-06",
            "D(worms || binomial), nats",
            "0.427",
            _kl(masses, binomial),
            note="the source labels it as the uniform model's",
        ),
        _least(swept, mean / 10),
        _asymmetry(masses, {"uniform": uniform, "binomial": binomial}),
        _cat(),
    ]
    return StudyResult("kl-report", tuple(rows), _figures(masses, uniform, swept))


def _kl(p: Any, q: Any) -> float:
    return float(lossmith.divergence.kl_divergence(p, q))


def _exact(name: str, claim: str, reported: str, value: float, *, note: str = "", artefact: float | None = None) -> Row:
    verdict, digits = judge_exact(reported, value, artefact=artefact)
    remark = "; ".join(part for part in (digits, note) if part)
    return Row(name, claim, reported, f"{value:.8g}", verdict, remark, values={"value": value})


def _together(verdicts: list[RowVerdict]) -> RowVerdict:
    """Return the one verdict of several numbers: reproduced if all are."""
    return "reproduced" if set(verdicts) == {"reproduced"} else "differs"


def _pmf(masses: Any) -> Row:
    verdict = _together([judge_exact(f"0{text}", float(mass))[0] for text, mass in zip(MASSES, masses, strict=True)])
    return Row(
        "K-01",
        "a hundred worms by their number of teeth, 0 to 10",
        " ".join(MASSES),
        " ".join(f"{mass:.2f}".removeprefix("0") for mass in masses),
        verdict,
        f"{sum(COUNTS)} worms, {' '.join(map(str, COUNTS))}; built in: lossmith divergence worms",
        values={"worms": float(sum(COUNTS))},
        figure="kl-report-worms.svg",
    )


def _binomial(p: float, masses: Any) -> Row:
    judged = [judge_exact("0.544", p)[0]] + [judge_exact(text, float(masses[k]))[0] for k, text in BINOMIAL.items()]
    return Row(
        "K-04",
        "binomial model of ten trials, its p and its masses",
        "p 0.544; " + ", ".join(f"{k}: {text}" for k, text in BINOMIAL.items()),
        f"p {p:.6g}; " + ", ".join(f"{k}: {masses[k]:.6f}" for k in BINOMIAL),
        _together(judged),
        "p by maximum likelihood, the mean over the trials; the source's formulas lack exponents, its numbers do not",
        values={"p": p, **{f"mass {k}": float(masses[k]) for k in BINOMIAL}},
    )


def _least(swept: Any, share: float) -> Row:
    least = float(swept.best_forward)
    verdict, _ = judge_exact("0.544", least)
    return Row(
        "K-07",
        "p with the least D(worms || binomial(p))",
        "0.544 (figure)",
        f"{least:g} of {len(GRID)} values from {GRID[0]:g} to {GRID[-1]:g}",
        verdict,
        f"the minimum is where p is the mean over the trials, {share:.6g}; D(binomial(p) || worms) is least at {swept.best_reverse:g}",
        values={"least": least, "reverse": float(swept.best_reverse), "share": share},
        figure="kl-report-sweep.svg",
    )


def _asymmetry(masses: Any, models: Mapping[str, Any]) -> Row:
    both = {name: (_kl(masses, model), _kl(model, masses)) for name, model in models.items()}
    apart = all(abs(there - back) > 1e-9 for there, back in both.values())
    return Row(
        "K-08",
        "D(P || Q) is not D(Q || P)",
        "text and figures",
        "; ".join(f"{name}: {there:.5f} and {back:.5f}" for name, (there, back) in both.items()),
        "no number in source" if apart else "differs",
        "worms || model first, nats",
        values={
            f"{name} {way}": value
            for name, pair in both.items()
            for way, value in zip(("forward", "backward"), pair, strict=True)
        },
        figure="kl-report-directions.svg",
    )


def _cat() -> Row:
    p, q = (1.0, 0.0), (0.8, 0.2)
    value = _kl(p, q)
    decimal = float(lossmith.divergence.kl_divergence(p, q, unit="hartleys"))
    verdict, _ = judge_exact("0.0969", value, artefact=decimal)
    remark = (
        f"-log(0.8) is {-math.log(0.8):.4f} with the natural logarithm that the source defines; "
        f"{decimal:.4f} is its decimal logarithm, {math.log(10):.4f} times too small"
    )
    return Row(
        "K-09",
        "cat classifier, P = (1, 0), Q = (.8, .2): D = -log 0.8",
        "0.0969",
        f"{value:.8g} nats",
        verdict,
        remark,
        values={"nats": value, "hartleys": decimal},
    )


def _figures(masses: Any, uniform: Any, swept: Any) -> dict[str, str]:
    from lossmith.divergence import Pmf, measure, survey
    from lossmith.report import pictures

    worms, flat = Pmf(masses, name="worms"), Pmf(uniform, name="uniform")
    return {
        "kl-report-worms.svg": pictures.drawn(measure(worms, flat).plot(), "worms against the uniform model"),
        "kl-report-sweep.svg": pictures.drawn(swept.plot(), "divergence along p of the binomial model"),
        "kl-report-directions.svg": pictures.drawn(survey(worms, flat).plot(), "both directions of every divergence"),
    }


STUDY = Study(
    name="kl-report",
    source="K",
    title="The Kullback-Leibler divergence as a measure: worms and a cat",
    claims=tuple(f"K-{number:02}" for number in range(1, 10)),
    run=run,
    reference="a report on the Kullback-Leibler divergence as a measure and as a loss",
    aliases=("kl", "worms"),
)
