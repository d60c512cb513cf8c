"""Whether an adversarial run is worth anything: numbers with intervals, and findings with codes and advice."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from lossmith._checks import Finding
from lossmith._errors import InvalidInputError
from lossmith._views import view
from lossmith.generative import _sample_distances as distances
from lossmith.generative._checks import CHECKS
from lossmith.generative._coverage import REACH, mode_coverage
from lossmith.generative._feature_network import FeatureNetwork
from lossmith.generative._mixtures import PlanarMixture
from lossmith.generative._objectives import get_objective
from lossmith.generative._parameters import check_whole
from lossmith.generative._sample_distances import Interval

__all__ = ["Diagnosis", "diagnose"]

LAST = 0.1  # share of the steps that curves are judged on
SURE, BLIND, ALIKE, DROPPED, IDLE, COPIED, SHARP = 0.99, 0.5, 0.1, 0.2, 1e-3, 0.5, 0.5
COMPARED = 5_000  # training rows among which nearest ones are looked for


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """What is known about a trained generator.

    Attributes
    ----------
    measures : mapping of str to Interval
        By name: `frechet_distance`, `kernel_distance`, `classifier_score`, `modes`, `quality`, ... where they could be computed.
    shares : mapping of str to (float, float)
        Of each mode or class: share among generated rows, share in the data.
    curves : mapping of str to ndarray of shape (n_steps,)
    findings : tuple of Finding
    n_samples : int
    samples, nearest : ndarray
        Some generated rows, and the training row that is nearest to each.
    """

    measures: Mapping[str, Interval]
    shares: Mapping[str, tuple[float, float]]
    curves: Mapping[str, np.ndarray]
    findings: tuple[Finding, ...]
    n_samples: int
    samples: np.ndarray
    nearest: np.ndarray

    @property
    def usable(self) -> bool:
        """Whether no finding is an error."""
        return not any(finding.severity == "error" for finding in self.findings)

    def table(self) -> pl.DataFrame:
        """Return a line for each measure: value and 95 % interval."""
        return pl.DataFrame(
            [
                {"measure": name, "value": one.value, "low": one.low, "high": one.high}
                for name, one in self.measures.items()
            ],
            schema={"measure": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64},
        )

    def plot(self, **options: Any) -> Any:
        """Draw both losses over the steps; return the Matplotlib axes."""
        return view(self, "plot", **options)

    def report(self, path: Any) -> Any:
        """Write everything as one HTML page; return the path."""
        return view(self, "report", path=path)

    def to_json(self) -> str:
        """Return everything but curves and rows as strict JSON."""

        def known(number: float) -> float | None:
            return number if math.isfinite(number) else None

        return json.dumps(
            {
                "n_samples": self.n_samples,
                "usable": self.usable,
                "measures": {name: [known(number) for number in one] for name, one in self.measures.items()},
                "shares": {name: list(pair) for name, pair in self.shares.items()},
                "findings": [asdict(finding) for finding in self.findings],
            },
            allow_nan=False,
        )

    def __str__(self) -> str:
        lines = [
            f"{name.replace('_', ' ')} {one.value:.4g} [{one.low:.4g}, {one.high:.4g}]"
            for name, one in self.measures.items()
        ]
        lines += [f"{finding.line()}. {finding.advice}" for finding in self.findings]
        return "\n".join(lines or ["nothing measured"])

    def _repr_html_(self) -> str:
        return str(view(self, "html"))


def diagnose(
    gan: Any,
    X: Any,
    *,
    held_out: Any = None,
    mixture: PlanarMixture | None = None,
    features: FeatureNetwork | None = None,
    n: int = 2_000,
    seed: int = 0,
) -> Diagnosis:
    """Return what a trained generator is worth, against the rows that it was trained on.

    Parameters
    ----------
    gan : GenerativeAdversarialNetwork
        Fitted.
    X : array of shape (n_samples, ...)
        Training rows.
    held_out : array of shape (n_held_out, ...), optional
        Rows of the same source that it has not seen: they say how near to a training row a new row ordinarily is, and stand
        for the data in distances between samples.
    mixture : PlanarMixture, optional
        The true law, where it is known.
    features : FeatureNetwork, optional
        Of `train_feature_network`: for Frechet and kernel distance, classifier score, and shares of classes.
    n : int
        Generated rows.
    seed : int

    Raises
    ------
    InvalidInputError
        No rows.

    Examples
    --------
    >>> from lossmith.generative import GenerativeAdversarialNetwork, ring_of_gaussians
    >>> ring = ring_of_gaussians()
    >>> X = ring.sample(1000, rng=np.random.default_rng(0))
    >>> gan = GenerativeAdversarialNetwork(objective="hinge", network="dense:hidden=8", steps=20, random_state=0).fit(X)
    >>> found = diagnose(gan, X, mixture=ring, n=100)
    >>> found.measures["modes"].value <= 8
    True
    """
    check_whole("n", n, least=10)
    X = np.asarray(X)
    if len(X) < 2:
        raise InvalidInputError(f"{len(X)} training rows", expected="two or more")
    rng = np.random.default_rng(seed)
    made = gan.sample(n, random_state=seed)
    measures: dict[str, Interval] = {}
    shares: dict[str, tuple[float, float]] = {}
    findings = _of_training(gan, made)
    real = np.asarray(X if held_out is None else held_out)
    real = real[rng.permutation(len(real))[:n]]
    if mixture is not None:
        found = mode_coverage(made, mixture)
        for name, get in _COVERAGE.items():
            measures[name] = distances.bootstrapped(
                lambda rows, get=get: get(mode_coverage(rows, mixture)), made, rng=rng
            )
        if found.quality < SHARP:
            findings.append(
                CHECKS["modes-smeared"].found(
                    "samples", f"{found.quality:.1%} within {REACH:g} deviations of a mode, where the law has 98.9%"
                )
            )
        expected = 1 / len(mixture.centers)
        shares |= {f"mode {place}": (float(share), expected) for place, share in enumerate(found.good_shares)}
    if features is not None:
        own, theirs = features.features(made), features.features(real)
        probability = features.probabilities(made)
        for name, function in (
            ("frechet_distance", distances.frechet_distance),
            ("kernel_distance", distances.kernel_distance),
        ):
            measures[name] = distances.bootstrapped(function, own, theirs, rng=rng, resamples=20)
        measures["classifier_score"] = distances.bootstrapped(distances.classifier_score, probability, rng=rng)
        if min(len(own), len(theirs)) < 2 * own.shape[1]:
            findings.append(
                CHECKS["too-few-rows"].found(
                    "samples", f"{min(len(own), len(theirs))} rows for {own.shape[1]} features"
                )
            )
        counts = np.bincount(probability.argmax(axis=1), minlength=len(features.classes)) / len(made)
        truth = np.bincount(features.probabilities(real).argmax(axis=1), minlength=len(features.classes)) / len(real)
        shares |= {
            f"class {name}": (float(c), float(t))
            for name, c, t in zip(features.classes.tolist(), counts, truth, strict=True)
        }
    missing = [name for name, (share, true) in shares.items() if share < DROPPED * true]
    if missing:
        shown = ", ".join(missing[:8]) + (", ..." if len(missing) > 8 else "")
        findings.append(
            CHECKS["modes-dropped"].found(
                "samples", f"{len(missing)} of {len(shares)} hold less than a fifth of their share: {shown}"
            )
        )
    samples, nearest = _copies(gan, X, made, held_out, measures, findings, rng)
    return Diagnosis(measures, shares, gan.curves_, tuple(findings), n, samples, nearest)


_COVERAGE = {
    "modes": lambda found: float(found.modes),
    "quality": lambda found: found.quality,
    "kl_to_uniform": lambda found: found.kl_to_uniform,
}


def _of_training(gan: Any, made: np.ndarray) -> list[Finding]:
    """Return what curves and spread say."""
    found = []
    if gan.diverged_ or not np.isfinite(made).all():
        found.append(CHECKS["diverged"].found("training", f"step {gan.diverged_} was not finite"))
    flat = gan._inside(made).reshape(len(made), -1).astype(np.float64)
    spread = float(np.sqrt(flat.var(axis=0).sum()))
    if not spread >= ALIKE * gan.spread_:
        found.append(
            CHECKS["generator-collapsed"].found("samples", f"spread {spread:.3g}, that of the data {gan.spread_:.3g}")
        )
    count = max(1, round(LAST * len(gan.curves_["generator_loss"])))
    last = {
        name: float(np.nanmean(values[-count:])) if np.isfinite(values[-count:]).any() else math.nan
        for name, values in gan.curves_.items()
    }
    right = 0.5 * (last["accuracy_real"] + last["accuracy_generated"])
    if right >= SURE:
        found.append(CHECKS["discriminator-saturated"].found("discriminator", f"right in {right:.1%} of cases"))
    elif right <= BLIND and spread < 0.5 * gan.spread_:
        found.append(CHECKS["discriminator-blind"].found("discriminator", f"right in {right:.1%} of cases"))
    game = gan._game(get_objective(gan.objective))
    if game.penalty not in ("none", "clip"):
        size = abs(last["discriminator_loss"])
        if last["penalty"] < IDLE * size:
            found.append(
                CHECKS["penalty-inactive"].found("discriminator", f"penalty {last['penalty']:.2g}, loss {size:.2g}")
            )
        elif last["penalty"] > size and get_objective(gan.objective).name != "wasserstein":
            found.append(
                CHECKS["penalty-dominates"].found("discriminator", f"penalty {last['penalty']:.2g}, loss {size:.2g}")
            )
    return found


def _copies(
    gan: Any,
    X: np.ndarray,
    made: np.ndarray,
    held_out: Any,
    measures: dict[str, Interval],
    findings: list[Finding],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return some generated rows and the training rows nearest to them; add how near they are, and a finding of copies."""
    kept = X[np.sort(rng.permutation(len(X))[:COMPARED])]
    inside = gan._inside(kept).reshape(len(kept), -1)
    some = made[:200]
    shown = gan._inside(some).reshape(len(some), -1)
    near = distances.nearest_distances(shown, inside)
    order = ((shown[:WATCHED, None] - inside[None]) ** 2).sum(axis=2).argmin(axis=1) if inside.shape[1] < 100 else None
    if order is None:
        order = np.array([((one - inside) ** 2).sum(axis=1).argmin() for one in shown[:WATCHED]])
    nearest = kept[order]
    measures["nearest_training_row"] = distances.bootstrapped(lambda d: float(np.median(d)), near, rng=rng)
    if held_out is not None:
        fresh = gan._inside(np.asarray(held_out)[:200])
        ordinary = float(np.median(distances.nearest_distances(fresh.reshape(len(fresh), -1), inside)))
        ratio = measures["nearest_training_row"].value / ordinary if ordinary else math.inf
        if ratio < COPIED:
            findings.append(
                CHECKS["copies"].found(
                    "samples", f"generated rows lie at {ratio:.2f} of the distance of held-out rows from training rows"
                )
            )
    return some[:WATCHED], nearest


WATCHED = 25
