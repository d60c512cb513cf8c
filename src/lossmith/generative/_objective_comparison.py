"""Objectives of adversarial networks compared on a mixture that is known: many seeds, paired, with verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from lossmith._errors import InvalidInputError
from lossmith.generative._coverage import mode_coverage
from lossmith.generative._gan import GenerativeAdversarialNetwork
from lossmith.generative._mixtures import PlanarMixture, mixture_settings
from lossmith.generative._objectives import get_objective
from lossmith.generative._parameters import check_number, check_whole

if TYPE_CHECKING:
    from lossmith.compare.verdicts import Judgement

__all__ = ["ObjectiveComparison", "compare_objectives"]

METRICS: dict[str, tuple[Literal["higher", "lower"], float]] = {
    "kl_to_uniform": ("lower", 0.05),
    "quality": ("higher", 0.02),
    "modes": ("higher", 0.5),
}
DRAWN = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class ObjectiveComparison:
    """What each objective reached, seed by seed.

    Attributes
    ----------
    metric : str
        The judged one.
    scores : mapping of str to mapping of str to ndarray of shape (n_seeds,)
        By metric, then by objective.
    judgement : Judgement
        Verdicts from paired differences, of `lossmith.compare`.
    seconds : mapping of str to float
    n_seeds : int
    """

    metric: str
    scores: Mapping[str, Mapping[str, np.ndarray]]
    judgement: Judgement
    seconds: Mapping[str, float]
    n_seeds: int

    def table(self) -> pl.DataFrame:
        """Return a line for each objective, the best first: means, worst seeds, verdict against the best."""
        lines = []
        for name, rank in self.judgement.ranks.items():
            gap = self.judgement.differences[name]
            lines.append(
                {
                    "rank": rank,
                    "objective": name,
                    **{metric: float(self.scores[metric][name].mean()) for metric in METRICS},
                    "fewest_modes": float(self.scores["modes"][name].min()),
                    "largest_kl": float(self.scores["kl_to_uniform"][name].max()),
                    "least_quality": float(self.scores["quality"][name].min()),
                    "verdict": "best" if gap is None else gap.verdict,
                    "low": None if gap is None else gap.low,
                    "high": None if gap is None else gap.high,
                    "seconds": self.seconds[name],
                }
            )
        return pl.DataFrame(lines)

    def to_json(self) -> str:
        """Return the table and all scores as strict JSON."""
        scores = {metric: {name: values.tolist() for name, values in by.items()} for metric, by in self.scores.items()}
        return json.dumps(
            {"metric": self.metric, "n_seeds": self.n_seeds, "standings": self.table().to_dicts(), "scores": scores},
            allow_nan=False,
        )

    def __str__(self) -> str:
        return f"{self.judgement.reference} is best by {self.metric} over {self.n_seeds} seeds\n{self.table()}"


def compare_objectives(
    mixture: PlanarMixture,
    objectives: Sequence[str],
    *,
    seeds: int = 5,
    first_seed: int = 0,
    metric: str = "kl_to_uniform",
    margin: float | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> ObjectiveComparison:
    """Train every objective from the same initial weights and noise on rows of a mixture, and judge what each one covers.

    `progress` is called as `progress(done, total, stage, note)`.

    Parameters
    ----------
    mixture : PlanarMixture
        Whose law is known: `ring_of_gaussians()`, `grid_of_gaussians()`.
    objectives : sequence of str
        Two or more of `OBJECTIVES`.
    seeds : int
        Runs of each objective, all of them in one program; two or more.
    first_seed : int
        Seeds count from here: take others than those on which settings were chosen.
    metric : {"kl_to_uniform", "quality", "modes"}
        What judges; all are reported.
    margin : float, optional
        Differences below do not matter: 0.05 nats, 2 % of samples or half a mode where nothing is said.
    settings
        Of `GenerativeAdversarialNetwork`; `MIXTURE_SETTINGS` where nothing is said, with one candidate, so that what is
        compared is what the generators learned.

    Raises
    ------
    InvalidInputError
        Fewer than two objectives or seeds.

    Examples
    --------
    >>> from lossmith.generative import ring_of_gaussians
    >>> found = compare_objectives(
    ...     ring_of_gaussians(), ["non_saturating", "hinge"], seeds=2, steps=10, network="dense:hidden=8"
    ... )
    >>> found.table()["objective"].sort().to_list()
    ['hinge', 'non_saturating']
    """
    from lossmith.compare.verdicts import judge

    check_whole("seeds", seeds, least=2)
    check_whole("first_seed", first_seed, least=0)
    names = list(dict.fromkeys(get_objective(name).name for name in objectives))
    if len(names) < 2 or metric not in METRICS:
        raise InvalidInputError(
            f"objectives {names} judged by {metric!r}",
            expected="two different objectives or more, and one of " + ", ".join(METRICS),
        )
    direction, usual = METRICS[metric]
    band = usual if margin is None else check_number("margin", margin, closed_low=True)
    rows = mixture.sample(50_000, rng=np.random.default_rng(0))
    scores: dict[str, dict[str, np.ndarray]] = {name: {} for name in METRICS}
    seconds = {}
    for place, name in enumerate(names):
        found, seconds[name] = _measured(mixture, rows, name, range(first_seed, first_seed + seeds), settings)
        for key in METRICS:
            scores[key][name] = found[key]
        if progress is not None:
            progress(place + 1, len(names))
    worst = float(np.log(len(mixture.centers))) if direction == "lower" else 0.0
    judgement = judge(
        scores[metric],
        direction=direction,
        margin=band,
        failure=worst,
        rng=np.random.default_rng(0),
    )
    return ObjectiveComparison(metric, scores, judgement, seconds, seeds)


def _measured(
    mixture: PlanarMixture, rows: np.ndarray, objective: str, seeds: range, settings: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], float]:
    import time

    began = time.perf_counter()
    settings = mixture_settings(objective=objective, **{"candidates": 1, **settings})
    gans = GenerativeAdversarialNetwork(**settings).fit_seeds(rows, seeds=seeds)
    seconds = time.perf_counter() - began
    found = [mode_coverage(gan.sample(DRAWN, random_state=1), mixture) for gan in gans]
    return {
        "kl_to_uniform": np.array([one.kl_to_uniform for one in found]),
        "quality": np.array([one.quality for one in found]),
        "modes": np.array([float(one.modes) for one in found]),
    }, seconds
