"""Figures of the sources that need no long run, and the caption of every figure in the gallery.

The other figures are drawn by the studies as they measure. `docs/draw_gallery.py` writes these and the captions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lossmith.report.heat_maps import heat_maps
from lossmith.report.paths import half_planes, lines

__all__ = ["CAPTIONS", "DRAWN", "Caption", "captions", "captions_text"]


@dataclass(frozen=True, slots=True)
class Caption:
    """What stands below a figure: a title, the claim that it shows, and the study behind it."""

    title: str
    claim: str
    study: str


def _correlation() -> str:
    from lossmith.studies.convolutions import correlated

    image = np.zeros((6, 8))
    image[:, :2] = image[:, 6:] = 1
    worked, kernel = np.arange(9.0).reshape(3, 3), np.arange(4.0).reshape(2, 2)
    found = [
        correlated(image, np.array([[1.0, -1.0]])),
        correlated(image.T, np.array([[1.0], [-1.0]])),
        correlated(worked, kernel),
    ]
    return heat_maps([image, image.T, worked], found, ["upright edges", "level edges", "0 to 8"], title="cross-correlation")  # fmt: skip


def _pixels() -> str:
    from lossmith.studies.convolutions import pixel_use

    sizes = (1, 2, 3)
    kernels = [np.pad(np.ones((size, size)), ((0, 5 - size), (0, 5 - size))) for size in sizes]
    return heat_maps(kernels, [pixel_use(5, size) for size in sizes], [f"{size} x {size}" for size in sizes], title="how often pixels are used")  # fmt: skip


def _template() -> str:
    from lossmith.studies.convolutions import correlated, hidden_template

    image, template, _ = hidden_template(np.random.default_rng(3))
    return heat_maps([image], [correlated(image, template)], ["where is it?"], title="a template is found where the score is highest")  # fmt: skip


def _minima() -> str:
    x = np.linspace(-1, 2, 400)
    return lines({"x cos(pi x)": (x, x * np.cos(np.pi * x))}, title="local and global minimum", xlabel="x", ylabel="f(x)")  # fmt: skip


def _slope() -> str:
    x = np.linspace(-10, 10, 400)
    found = {"tanh x": (x, np.tanh(x)), "its slope": (x, 1 - np.tanh(x) ** 2)}
    return lines(found, title="a slope that vanishes", xlabel="x", ylabel="")


def _saddle() -> str:
    import lossmith
    from lossmith.report.paths import paths

    starts = {"from the ridge": [1.8, 0.0], "beside it": [1.8, 0.01], "the other side": [1.8, -0.05]}
    found = {
        name: lossmith.training.optimizer_path(lambda p: p[0] ** 2 - p[1] ** 2, start, learning_rate=0.1, steps=22)
        for name, start in starts.items()
    }
    return paths(lambda p: p[0] ** 2 - p[1] ** 2, found, title="descent near the saddle of x squared - y squared")


def _convex() -> str:
    x = np.linspace(-5, 5, 300)
    chord = np.array([-2.0, 3.0])
    found = {
        "x squared": (x, x**2),
        "10 sin x": (x, 10 * np.sin(x)),
        "x cubed - x, tenfold smaller": (x, (x**3 - x) / 10),
        "a chord of x squared": (chord, chord**2),
    }
    return lines(found, title="convex and not", xlabel="x", ylabel="f(x)")


def _risk() -> str:
    x = np.linspace(-4, 8, 400)
    rng = np.random.default_rng(0)
    found = {"risk": (x, np.abs(x - 2) + np.exp(-np.abs(x - 2)))}  # of a Laplace law around 2
    for rows in (5, 50):
        sample = 2 + rng.laplace(size=rows)
        found[f"{rows} rows"] = (x, np.abs(x[:, None] - sample).mean(axis=1))
    return lines(found, title="risk and empirical risk of the absolute error", xlabel="prediction", ylabel="mean loss")


def _schedules() -> str:
    from lossmith.training import schedules
    from lossmith.training.optimizers import Length

    place = np.arange(200) / 200
    names = ("step", "exponential", "cosine", "warmup", "plateau:patience=3")
    found = {name.partition(":")[0]: (place, np.array(schedules.get(name).factors(Length(10, 20)))) for name in names}
    return lines(found, title="schedules of the learning rate", xlabel="share of the training", ylabel="factor of the rate")  # fmt: skip


def _gaussians() -> str:
    distance = np.linspace(-5, 5, 300)
    found = {
        "exp(-d2 / s2)": (distance, np.exp(-(distance**2))),
        "exp(-d2 / (2 s2))": (distance, np.exp(-(distance**2) / 2)),
        "exp(-d2 / (2 s)2)": (distance, np.exp(-(distance**2) / 4)),
    }
    return lines(found, title="three widths of one Gaussian unit, s = 1", xlabel="distance d", ylabel="activation")


def _neighbourhood() -> str:
    distance = np.linspace(0, 8, 200)
    found = {}
    for turn in (0, 200, 500, 1000):
        radius = 5 * np.exp(-turn / 500)
        found[f"after {turn} of 1,000"] = (distance, np.exp(-(distance**2) / (2 * radius**2)))
    return lines(found, title="the neighbourhood shrinks", xlabel="distance on the grid", ylabel="share of the step")


def _region() -> str:
    return half_planes(
        [((1, 1), 5.0, "x + y <= 5"), ((-1, 1), -1.0, "x - y >= 1"), ((-1, 0), 0.0, "x >= 0"), ((0, -1), 0.0, "y >= 0")],
        low=(-0.5, -0.5), high=(6.0, 4.0), title="feasible region",
    )  # fmt: skip


def _fits() -> str:
    from lossmith.studies.lecture_gradients import fitted_curves

    return lines(fitted_curves((1, 4, 12)), title="under- and overfitting", xlabel="x", ylabel="y")


def _costs() -> str:
    theta = np.linspace(-12, 12, 300)
    x, y = np.array([-4.0, -2.0, 1.0, 3.0]), np.array([1.0, 0.0, 1.0, 1.0])
    score = theta[:, None] * x
    chance = 1 / (1 + np.exp(-score))
    found = {
        "squared error": (theta, ((chance - y) ** 2).mean(axis=1)),
        "log loss, tenfold smaller": (theta, (np.logaddexp(0, score) - y * score).mean(axis=1) / 10),
    }
    return lines(found, title="cost of a logistic model of one weight", xlabel="weight", ylabel="cost")


DRAWN: Mapping[str, Callable[[], str]] = {
    "convolutions-edges.svg": _correlation,
    "convolutions-pixel-use.svg": _pixels,
    "convolutions-template.svg": _template,
    "units-minima.svg": _minima,
    "units-vanishing.svg": _slope,
    "units-saddle.svg": _saddle,
    "units-convex.svg": _convex,
    "units-risk.svg": _risk,
    "optimisers-schedules.svg": _schedules,
    "constraints-region.svg": _region,
    "rbf-widths.svg": _gaussians,
    "maps-neighbourhood.svg": _neighbourhood,
    "lecture-fits.svg": _fits,
    "lecture-costs.svg": _costs,
}
CAPTIONS: Mapping[str, Caption] = {
    "tutorial-data.svg": Caption("Circles and blobs, coloured by class", "T-10", "tutorial"),
    "tutorial-regression-curves.svg": Caption("Learning curves under three losses: regression", "T-11", "tutorial"),
    "tutorial-circles-curves.svg": Caption("Learning curves under three losses: circles", "T-11", "tutorial"),
    "tutorial-blobs-curves.svg": Caption("Learning curves under three losses: blobs", "T-11", "tutorial"),
    "kl-report-worms.svg": Caption("A hundred worms, and two laws that stand for them", "K-01", "kl-report"),
    "kl-report-sweep.svg": Caption("The divergence of binomial laws is least at the mean of the worms", "K-07", "kl-report"),
    "kl-report-directions.svg": Caption("The KL divergence in both directions", "K-08", "kl-report"),
    "lecture-neighbours.svg": Caption("One and five nearest neighbours; ties are white", "N-09", "lecture_models"),
    "lecture-k-means.svg": Caption("The steps of k-means", "N-12", "lecture_models"),
    "lecture-pca.svg": Caption("Projections from two dimensions to one and from three to two", "N-13", "lecture_models"),
    "lecture-margins.svg": Caption("The margin of a support vector machine", "N-14", "lecture_models"),
    "lecture-lifting.svg": Caption("Lifted into another dimension, classes come apart", "N-14", "lecture_models"),
    "lecture-fits.svg": Caption("Polynomials of degree 1, 4 and 12 on sixteen rows", "N-07", "lecture_gradients"),
    "lecture-costs.svg": Caption("A squared error on a sigmoid is not convex, the log loss is", "N-05", "lecture_gradients"),
    "label-noise-accuracy.svg": Caption("Accuracy by the share of wrong labels", "L-N01", "label_noise"),
    "explanations-saliency.svg": Caption("Handwritten digits, and how much each pixel counts for a network", "H1-07", "explanations"),
    "classical-curves.svg": Caption("Validation and learning curves of decision trees", "H2-19", "classical_models"),
    "units-activations.svg": Caption("Activations and their slopes", "H3-01", "units"),
    "units-risk.svg": Caption("Risk, and empirical risk of few rows: a line broken at every row", "H3-08", "units"),
    "units-minima.svg": Caption("The minima of x cos(pi x)", "H3-09", "units"),
    "units-saddle.svg": Caption("Gradient descent near a saddle", "H3-09", "units"),
    "units-vanishing.svg": Caption("tanh and its slope, which vanishes", "H3-09", "units"),
    "units-convex.svg": Caption("Convex and non-convex functions; a chord lies above a convex one", "H3-10", "units"),
    "constraints-region.svg": Caption("The feasible region of four constraints", "H3-12", "constraints"),
    "optimisers-paths.svg": Caption("Forty steps of four optimisers on a narrow bowl", "H3-18", "optimisation"),
    "optimisers-schedules.svg": Caption("Schedules of the learning rate", "H3-22", "optimisation"),
    "training-loss.svg": Caption("Loss and accuracy of a convolutional network, epoch by epoch", "H-T05", "training_loops"),
    "convolutions-edges.svg": Caption("Cross-correlation: edges by a kernel of 1 and -1, and the worked example", "H-C06", "convolutions"),
    "convolutions-pixel-use.svg": Caption("How often the pixels of a 5 x 5 image are used by kernels of 1, 2 and 3", "H-C11", "convolutions"),
    "convolutions-template.svg": Caption("A template in noise of its own size, and its scores", "H-C17", "convolutions"),
    "recurrent-gradients.svg": Caption("Gradients over time vanish or explode", "H-R04", "recurrent"),
    "rbf-widths.svg": Caption("A Gaussian unit by the three widths of one chapter", "H-B01", "term_deposits"),
    "maps-neighbourhood.svg": Caption("The neighbourhood of the winner shrinks as training goes on", "H-S02", "maps"),
    "maps-credit.svg": Caption("Credit applications on a self-organizing map", "H-S04", "maps"),
}  # fmt: skip


def captions(folder: Path) -> dict[str, Caption]:
    """Return the caption of every picture in `folder / "gallery"`, by file name.

    A figure of a study that has none above takes the claim of its row.
    """
    from lossmith.studies import STUDIES
    from lossmith.studies.ledger import read_result

    found = dict(CAPTIONS)
    for study in STUDIES.values():
        record = read_result(folder, study.name) or {"rows": [], "figures": []}
        for row in record["rows"]:
            if row.figure:
                found.setdefault(row.figure, Caption(row.claim, row.id, study.name))
        for name in record["figures"]:
            found.setdefault(name, Caption(study.title, study.claims[0], study.name))
    there = {path.name for path in (folder / "gallery").glob("*.svg")}
    return {name: one for name, one in found.items() if name in there}


def captions_text(found: Mapping[str, Caption]) -> str:
    """Return captions as TOML, a table for each figure by its file name without the ending.

    Examples
    --------
    >>> print(captions_text({"worms.svg": Caption('A hundred "worms"', "K-01", "kl-report")}))
    [worms]
    title = "A hundred \\"worms\\""
    claim = "K-01"
    study = "kl-report"
    <BLANKLINE>
    """
    parts = []
    for name, one in found.items():
        values = {"title": one.title, "claim": one.claim, "study": one.study}
        # a string of JSON is a string of TOML
        written = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
        parts.append("\n".join([f"[{name.removesuffix('.svg')}]", *written]) + "\n")
    return "\n".join(parts)
