"""H-T01, H-T02, H-T04, H-T05: L-BFGS, schedules, files of images and the training loop at the end of the handbook's chapter 3.

H-T03, LeNet on the whole of Fashion-MNIST, is measured by the study of images.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

import lossmith
from lossmith._errors import DataError
from lossmith.studies._rows import measured, shown
from lossmith.studies._spec import Row, Study, StudyResult

__all__ = ["STUDY"]

CLAIMS = {
    "H-T01": "L-BFGS: search direction, line search, a memory of m pairs; x, success, nit",
    "H-T02": "schedules: decay, step, exponential, plateau and warm-up with a higher rate at first",
    "H-T04": "Fashion-MNIST and MNIST are read from IDX files; pixels from 0 to 1 or -1 to 1",
    "H-T05": "a training loop: the loss of an epoch is the mean over its rows; accuracy by the largest output; a plot of the loss",
}
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
FIGURE = "training-loss.svg"

Progress = Callable[[float, int, str, str], None]
Floats = np.ndarray


def run(*, quick: bool = False, progress: Progress | None = None, claims: Collection[str] | None = None) -> StudyResult:
    """Measure every claim, or those named, on generated files and scikit-learn's digits; `quick` trains 2 seeds for 5 epochs."""
    parts: dict[str, Callable[[], Row | tuple[Row, str]]] = {
        "H-T01": _quasi_newton,
        "H-T02": _schedules,
        "H-T04": _files,
        "H-T05": lambda: _loop(*((2, 5) if quick else (5, 10))),
    }
    return measured("training_loops", parts, claims=claims, progress=progress)


def two_loops(gradient: Floats, steps: list[Floats], changes: list[Floats]) -> Floats:
    """Return the direction of L-BFGS by Nocedal's two loops: minus the inverse curvature of the pairs times the gradient.

    Examples
    --------
    >>> two_loops(np.array([2.0, 4.0]), [], []).tolist()
    [-2.0, -4.0]
    """
    found, kept = gradient.copy(), []
    for step, change in zip(reversed(steps), reversed(changes), strict=True):
        share = (step @ found) / (change @ step)
        kept.append(share)
        found = found - share * change
    if steps:
        found = found * (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for step, change, share in zip(steps, changes, reversed(kept), strict=True):
        found = found + step * (share - (change @ found) / (change @ step))
    return -found


def _dense(gradient: Floats, steps: list[Floats], changes: list[Floats]) -> Floats:
    """Return the same direction from the matrix that BFGS builds up, update by update."""
    size = len(gradient)
    inverse = np.eye(size) * (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for step, change in zip(steps, changes, strict=True):
        rho = 1 / (change @ step)
        left = np.eye(size) - rho * np.outer(step, change)
        inverse = left @ inverse @ left.T + rho * np.outer(step, step)
    return -inverse @ gradient


def _quasi_newton() -> Row:
    from scipy.optimize import minimize
    from sklearn.datasets import load_breast_cancer

    rng = np.random.default_rng(601)
    curvature = (lambda m: m @ m.T + np.eye(8))(rng.normal(size=(8, 8)))
    steps = [rng.normal(size=8) for _ in range(5)]
    changes = [curvature @ step for step in steps]
    gradient = rng.normal(size=8)
    apart = float(np.abs(two_loops(gradient, steps, changes) - _dense(gradient, steps, changes)).max())
    X, y = load_breast_cancer(return_X_y=True)
    X = np.column_stack([(X - X.mean(axis=0)) / X.std(axis=0), np.ones(len(X))])
    sign = 2.0 * y - 1

    def cost(weights: Floats) -> tuple[float, Floats]:
        score = sign * (X @ weights)
        slope = -sign / (1 + np.exp(np.clip(score, -50, 50)))
        return float(np.logaddexp(0, -score).mean() + 0.005 * weights @ weights), X.T @ slope / len(y) + 0.01 * weights

    theirs = minimize(cost, np.zeros(X.shape[1]), jac=True, method="L-BFGS-B", options={"gtol": 1e-8, "maxiter": 500})

    import jax.numpy as jnp

    design, signs = jnp.asarray(X), jnp.asarray(sign)
    path = lossmith.training.optimizer_path(
        lambda w: jnp.logaddexp(0.0, -signs * (design @ w)).mean() + 0.005 * (w @ w),
        np.zeros(X.shape[1]), optimizer="lbfgs", steps=60,
    )  # fmt: skip
    ends = [cost(point.astype(float))[0] - theirs.fun for point in path]
    within = int(np.argmax(np.array(ends) < 1e-4))
    return shown(
        "H-T01",
        CLAIMS["H-T01"],
        f"Nocedal's two loops give the direction of the full matrix within {apart:.0e}; logistic regression on breast cancer (31 weights): the optimiser `lbfgs` is within "
        f"1e-4 of the least cost after {within} steps and within {max(ends[-1], 0):.0e} after 60, SciPy ends after {theirs.nit} (success {bool(theirs.success)})",
        {"apart": apart, "within": float(within), "left": float(ends[-1]), "scipy": float(theirs.nit), "least": float(theirs.fun)},
        remark="the printed listing has placeholders for the objective and its gradient; SciPy's option disp, which it uses, is deprecated",
    )  # fmt: skip


def _schedules() -> Row:
    from lossmith.training import schedules
    from lossmith.training.optimizers import Length

    length = Length(10, 20)
    place = np.arange(200)
    laws = {
        "step:at=0.5,factor=0.1": np.where(place < 100, 1.0, 0.1),
        "exponential:end=0.01": 0.01 ** (place / 200),
        "linear:end=0.2": 1 - 0.8 * place / 200,
        "warmup:share=0.1,start=0.01": np.minimum(0.01 + 0.99 * place / 20, 1.0),
    }
    apart = max(float(np.abs(np.array(schedules.get(name).factors(length)) - law).max()) for name, law in laws.items())
    # a loss that never falls: halved after every five epochs without gain
    flat = np.array(schedules.get("plateau:factor=0.5,patience=5").factors(length))
    drops = int((np.diff(flat) < 0).sum())
    rises = float(schedules.get("warmup").factors(length)[0])
    wrong = apart < 1e-5 and drops > 0 and rises < 1
    return Row(
        "H-T02",
        CLAIMS["H-T02"],
        "warm-up 'uses a higher learning rate in the initial stage'",
        f"step, exponential, linear and warm-up follow their formulas within {apart:.0e} over 200 steps; plateau falls {drops} times in {len(flat) // 10} epochs without gain; warm-up begins at {rises:.2g} of the rate",
        "source error" if wrong else "differs",
        "five schedules are named without formulas; warm-up is described the wrong way round, it begins low and rises (Goyal and others, 2017). See H3-22",
        {"apart": apart, "drops": float(drops), "warmup": rises},
    )  # fmt: skip


def _idx(values: Floats) -> bytes:
    """Return an IDX file of bytes: two zeros, 8 for bytes, the number of axes, their lengths as big-endian words, the values."""
    header = bytes([0, 0, 8, values.ndim]) + b"".join(int(size).to_bytes(4, "big") for size in values.shape)
    return header + values.astype(np.uint8).tobytes()


def _files() -> Row:
    rng = np.random.default_rng(602)
    counts = (60_000, 10_000)  # the sizes that are published; another size is refused
    pixels = [np.frombuffer(rng.bytes(count * 784), np.uint8).reshape(count, 28, 28) for count in counts]
    labels = [(np.arange(count) % 10).astype(np.uint8) for count in counts]
    whole = [_idx(values) for values in (pixels[0], labels[0], pixels[1], labels[1])]
    damaged = (whole[0][:-1], b"\1" + whole[0][1:], gzip.compress(whole[1])[:-9], _idx(pixels[1]))
    same, refused = 0, 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "files"
        folder.mkdir()
        for file, content in zip(FILES, whole, strict=True):
            (folder / file).write_bytes(content)
        for name in ("mnist", "fashion_mnist"):
            folder = folder.rename(Path(place) / name.replace("_", "-"))
            data = lossmith.load(name, data_dir=place)
            read = np.asarray(data.features)[..., 0]
            right = (data.target == np.concatenate(labels)).all() and (read[:60_000] == pixels[0]).all()
            same += bool(right and (read[60_000:] == pixels[1]).all())
        for content in damaged:
            (folder / FILES[0]).write_bytes(content)
            try:
                lossmith.load("fashion_mnist", data_dir=place)
            except DataError:
                refused += 1
    scaled = np.arange(256) / 255
    ends = (float(scaled.min()), float(scaled.max()), float((2 * scaled - 1).min()), float((2 * scaled - 1).max()))
    return shown(
        "H-T04",
        CLAIMS["H-T04"],
        f"files written by the format's definition come back value by value in {same} of 2 sets; {refused} of {len(damaged)} others (cut, another header, a broken archive, too few images) are refused; "
        f"bytes become {ends[0]:g} to {ends[1]:g}, or {ends[2]:g} to {ends[3]:g}",
        {"same": float(same), "refused": float(refused)},
        remark="without a network and without files: `lossmith data list` names built-in sets; the checksum of what is downloaded is verified",
    )  # fmt: skip


def _loop(seeds: int, epochs: int) -> tuple[Row, str]:
    from sklearn.datasets import load_digits

    from lossmith.report.pictures import learning_curves

    bunch = load_digits()
    result = lossmith.compare(
        ((bunch.images / 16).astype(np.float32)[..., None], bunch.target), task="multiclass",
        model="cnn:filters=6x16,padding=same,hidden=64,dropout=0", losses="categorical_crossentropy", optimizer="sgd:momentum=0.9",
        learning_rate=0.05, learning_rates="configured", batch_size=64, epochs=epochs, seeds=seeds,
    )  # fmt: skip
    curves = {curve.quantity: curve.values for curve in result.curves}
    first, last = (float(curves["train_loss"][:, k].mean()) for k in (0, -1))
    one = result.standings[0].metric
    # rows in unequal batches: the mean over rows is not that over batches
    costs, batches = np.array([1.0, 2, 3, 4, 9]), (slice(0, 2), slice(2, 4), slice(4, 5))
    weighted = sum(costs[rows].mean() * len(costs[rows]) for rows in batches) / len(costs)
    plain = float(np.mean([costs[rows].mean() for rows in batches]))
    row = shown(
        "H-T05",
        CLAIMS["H-T05"],
        f"digits, {epochs} epochs, {seeds} seeds: training loss {first:.3f} after the first epoch, {last:.3f} after the last, test accuracy {one.mean:.3f} [{one.low:.3f}, {one.high:.3f}]",
        {"first": first, "last": last, "accuracy": float(one.mean), "weighted": float(weighted), "plain": plain},
        remark=f"the printed loop trains a whole epoch for every batch and adds up losses of 938 passes; weighting batches by their rows gives the mean over rows ({weighted:.1f} for five losses "
        f"in batches of 2, 2 and 1), their plain mean does not ({plain:.2f})",
        figure=FIGURE,
    )  # fmt: skip
    return row, learning_curves(result)


STUDY = Study(
    name="training_loops",
    source="H-T",
    title="L-BFGS, schedules, files of images and the training loop",
    claims=tuple(CLAIMS),
    run=run,
    by_claim=True,
    reference="Handbook of Deep Learning Models, Volume One, the end of chapter 3",
)
