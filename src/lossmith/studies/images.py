"""K-13, K-14, N-15, N-18, N-19, H-T03: networks on CIFAR-10, MNIST and Fashion-MNIST, as their sources describe them.

Sources: a project report on KL divergence as a loss (K), lecture notes on machine learning (N), a handbook of deep learning
(H). The long experiments take their data from `LOSSMITH_DATA` or the network; where they cannot be had, or where a quick run
would decide nothing, the ledger says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

import lossmith
from lossmith._errors import DataError
from lossmith.compare import compare_once
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult, judge_number

__all__ = ["STUDY"]

Progress = Callable[[float, int, str, str], None]
CE, KL = "keras_categorical_crossentropy", "keras_kl_divergence"
QUICK = "a quick run: it shows that the experiment works and decides nothing"


def run(*, quick: bool = False, progress: Progress | None = None, claims: Collection[str] | None = None) -> StudyResult:
    """Measure every claim or those named; all train for some hours on two cores, `quick` for some minutes.

    Set LOSSMITH_STORE to a file, and what was trained is kept there: started again, the study goes on where it stopped.
    """
    rows: list[Row] = []
    sections: list[tuple[str, str]] = []
    for measure, names in _CLAIMS_OF.items():
        if claims is not None and not set(claims) & set(names):
            continue
        fetched = _FETCHED.get(names[0])
        if quick and fetched is not None and not _at_hand(fetched):
            rows += [
                _absent(name, f"a quick run fetches nothing: needs {fetched} where LOSSMITH_DATA says")
                for name in names
            ]
            continue
        try:
            found, said = measure(quick=quick, progress=progress)
        except DataError as error:
            found, said = [_absent(name, str(error)) for name in _CLAIMS_OF[measure]], []
        rows += found
        sections += said
    return StudyResult("images", tuple(rows), {}, tuple(sections))


def _trained(source: Any, **options: Any) -> Any:
    """Compare; hours of training can be stopped and gone on with where LOSSMITH_STORE names a file."""
    store = os.environ.get("LOSSMITH_STORE")
    return compare_once(source, store=store, **options) if store else lossmith.compare(source, **options)


def _at_hand(prefix: str) -> bool:
    """Return whether a set of images need not be fetched: a data folder is named, or Keras keeps it."""
    from lossmith.data import keras_folder

    return bool(os.environ.get("LOSSMITH_DATA")) or any(keras_folder().glob(f"{prefix}*"))


def _absent(name: str, why: str) -> Row:
    claim, reported = _CLAIMS[name]
    return Row(name, claim, reported, "", "not run", why)


def _row(name: str, measured: str, verdict: RowVerdict, remark: str, values: dict[str, float]) -> Row:
    claim, reported = _CLAIMS[name]
    return Row(name, claim, reported, measured, verdict, remark, values=values)


Found = tuple[list[Row], list[tuple[str, str]]]


def _estimate(value: Any, digits: int = 3) -> str:
    return f"{value.mean:.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def _cifar(*, quick: bool, progress: Progress | None) -> Found:
    """Compare cross-entropy and KL divergence as Keras computes them, paired by seed, under the report's protocol."""
    result = _trained(
        "cifar10:n_samples=6000" if quick else "cifar10",
        model="cnn", losses=f"{CE},{KL}", seeds=2 if quick else 5, epochs=2 if quick else 25,
        learning_rates="configured", protocol="published", progress=progress,
    )  # fmt: skip
    by_loss = {one.loss: one for one in result.standings}
    gap = next(one.difference for one in result.standings if one.difference is not None)
    last = {
        loss: np.asarray(
            next(c.values[:, -1] for c in result.curves if c.loss == loss and c.quantity == "validation_loss")
        )
        for loss in (CE, KL)
    }
    verdict: RowVerdict = {"equivalent": "reproduced", "undecided": "no number in source"}.get(gap.verdict, "differs")  # type: ignore[assignment]
    measured = (
        f"accuracy CE {_estimate(by_loss[CE].metric)}, KL {_estimate(by_loss[KL].metric)}; "
        f"difference {gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}], {gap.verdict} at a margin of {gap.margin:g}; "
        f"validation loss CE {last[CE].mean():.3f}, KL {last[KL].mean():.3f}"
    )
    ece = {
        name: one.metrics["expected_calibration_error"].mean
        for name, one in by_loss.items()
        if "expected_calibration_error" in one.metrics
    }
    remark = "exact KL has the gradient of cross-entropy on hard labels and is the same training; Keras's clips"
    if ece:
        remark += f"; calibration error {ece[CE]:.3f} and {ece[KL]:.3f}"
    values = {
        "difference": gap.mean,
        "ce": by_loss[CE].metric.mean,
        "kl": by_loss[KL].metric.mean,
        "seeds": float(result.settings.seeds),
    }
    first = _row("K-13", measured, "not run" if quick else verdict, QUICK + "; " + remark if quick else remark, values)
    printed = (
        f"test accuracy {by_loss[CE].metric.mean:.3f}, log loss {by_loss[CE].metrics['log_loss'].mean:.3f} under CE"
    )
    second = _row(
        "K-14",
        printed,
        "not run" if quick else "no number in source",
        QUICK if quick else "",
        {"accuracy": by_loss[CE].metric.mean},
    )
    return [first, second], [("CIFAR-10, published protocol", result.verdict)]


def _quadratic() -> Any:
    """Return the notes' cost: half the sum of squared differences between ten sigmoids and a one-hot target."""
    from lossmith._arrays import sigmoid
    from lossmith.losses import Head, Interval, Loss

    head = Head(
        "sigmoids", "n_classes", "linear", "score", lambda xp, raw: sigmoid(xp, raw), "A sigmoid for each class."
    )
    return Loss(
        name="quadratic_of_sigmoids", task="multiclass", head=head, encoding="distribution", interval=Interval(0, 1),
        function=lambda xp, raw, target: 0.5 * xp.sum((sigmoid(xp, raw) - target) ** 2, axis=-1),
        elicits="class probabilities", formula="", gradient="", when="", when_not="", reference="lecture notes, 2018",
    )  # fmt: skip


def _mnist(*, quick: bool, progress: Progress | None) -> Found:
    """Train 784-16-16-10 with the notes' cost and with cross-entropy, both from the same weights and batches."""
    from lossmith import data, losses, models
    from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer
    from lossmith.training.optimizers import make_optimizer

    dataset = data.load("mnist:n_samples=7000" if quick else "mnist")
    parts = data.published_split(dataset)
    one_hot = np.eye(10, dtype=np.float32)[dataset.target]
    network = models.get("mlp:hidden=16x16,activation=sigmoid,initializer=glorot_uniform").network((28, 28, 1), 10)
    count = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    procedure = GradientProcedure(
        network,
        make_optimizer("adam", learning_rate=0.003),
        [_quadratic(), losses.get("categorical_crossentropy")],
        [0, 0],
    )
    pixels = np.asarray(dataset.features)

    def part(rows: np.ndarray) -> Part:
        return Part(pixels[rows][None], (one_hot[rows][None],))

    seeds, epochs = (2, 3) if quick else (10, 30)
    trainer = Trainer(procedure, [0, 1], [0.003, 0.003], Schedule(epochs=epochs, batch_size=100))
    group = GroupData(tuple(range(seeds)), part(parts.train), {"test": part(parts.test)})
    result = trainer.train(group, progress=None if progress is None else lambda a, b: progress(a, b, "mnist", ""))
    accuracy = (result.raw["test"].argmax(axis=-1) == dataset.target[parts.test]).mean(axis=-1)
    noise = np.random.default_rng(0).integers(0, 256, (1000, 28, 28, 1), dtype=np.uint8)
    state = procedure.restored([weight[0, 0] for weight in result.weights])
    answers = 1 / (1 + np.exp(-np.asarray(procedure.predict(state, noise))))
    verdict = judge_number(0.96, accuracy[:, 0], resolution=0.01)
    measured = (
        f"{count:,} parameters; quadratic cost {accuracy[:, 0].mean():.4f} +- {accuracy[:, 0].std(ddof=1):.4f}, "
        f"cross-entropy {accuracy[:, 1].mean():.4f} +- {accuracy[:, 1].std(ddof=1):.4f} over {seeds} seeds"
    )
    remark = f"Adam 0.003, batches of 100, {epochs} epochs (the notes give none); on noise the largest output is {answers.max(axis=1).mean():.2f} on average"
    values = {
        "parameters": float(count),
        "quadratic": float(accuracy[:, 0].mean()),
        "crossentropy": float(accuracy[:, 1].mean()),
    }
    return [
        _row("N-15", measured, "not run" if quick else verdict, f"{QUICK}; {remark}" if quick else remark, values)
    ], []


def _crosses(*, quick: bool, progress: Progress | None) -> Found:  # noqa: ARG001
    """Filter the notes' cross, pool it with windows that reach over the border, and tell crosses from circles."""
    from lossmith.training import load_keras

    keras = load_keras()
    cross = -np.ones((9, 9), np.float32)
    for place in range(1, 8):
        cross[place, place] = cross[place, 8 - place] = 1
    stroke = (2 * np.eye(3, dtype=np.float32) - 1)[..., None, None]
    image = cross[None, ..., None]
    filtered = np.asarray(keras.ops.conv(image, stroke / 9, data_format="channels_last"))
    pooled = np.asarray(keras.ops.max_pool(filtered, 2, 2, padding="same", data_format="channels_last"))
    perfect, shape = float(filtered.max()), pooled.shape[1:3]
    verdict: RowVerdict = "reproduced" if abs(perfect - 1) < 1e-6 and shape == (4, 4) else "differs"
    images, labels = _drawings(400)
    result = _trained(
        (images, labels), model="cnn:filters=4,hidden=0,dropout=0,padding=same", losses="binary_crossentropy",
        optimizer="adam", learning_rate=0.02, learning_rates="configured", seeds=3, epochs=6, batch_size=20,
    )  # fmt: skip
    measured = f"best match {perfect:.0f}; 7 x 7 pooled to {shape[0]} x {shape[1]}; test accuracy {_estimate(result.standings[0].metric)}"
    return [_row("N-18", measured, verdict, "drawings of X and O, moved and with noise", {"match": perfect})], []


def _drawings(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy drawings of O (0) and X (1) at random places, shape (n, 12, 12, 1)."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    images = rng.normal(scale=0.4, size=(n, 12, 12, 1)).astype(np.float32)
    ring = np.ones((7, 7), np.float32)
    ring[1:-1, 1:-1] = 0
    cross = np.eye(7, dtype=np.float32) + np.fliplr(np.eye(7, dtype=np.float32))
    for image, label in zip(images, labels, strict=True):
        row, column = rng.integers(0, 6, 2)
        image[row : row + 7, column : column + 7, 0] += np.minimum(cross, 1) if label else ring
    return images, labels


def _shuffled(*, quick: bool, progress: Progress | None) -> Found:
    """Exchange the pixels of all digits in one way: a convolutional network loses, a dense one does not."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(0).permutation(64)
    shuffled = bunch.images.reshape(-1, 64)[:, order].reshape(-1, 8, 8)
    models = {"convolutions": "cnn:filters=16x32,padding=same,hidden=32,dropout=0", "dense": "mlp:hidden=64"}
    found: dict[str, list[Any]] = {}
    for name, model in models.items():
        for images in (bunch.images, shuffled):
            result = _trained(
                (images[..., None], bunch.target), task="multiclass", model=model, losses="categorical_crossentropy",
                optimizer="adam", learning_rate=0.002, learning_rates="configured", seeds=2 if quick else 5,
                epochs=3 if quick else 15, batch_size=32, progress=progress,
            )  # fmt: skip
            found.setdefault(name, []).append(result.standings[0].metric)
    lost = {name: one.mean - other.mean for name, (one, other) in found.items()}
    measured = "; ".join(
        f"{name} {_estimate(one)}, shuffled {_estimate(other)}" for name, (one, other) in found.items()
    )
    verdict: RowVerdict = "reproduced" if lost["convolutions"] > max(0.01, lost["dense"]) else "differs"
    remark = "useless is too strong: it still learns, it loses its advantage" if verdict == "reproduced" else ""
    return [_row("N-19", measured, "not run" if quick else verdict, QUICK if quick else remark, lost)], []


def _lenet(*, quick: bool, progress: Progress | None) -> Found:
    """Train LeNet on Fashion-MNIST with the handbook's settings from PyTorch's initial weights and from Glorot's."""
    found: dict[str, np.ndarray] = {}
    for name in ("pytorch", "glorot_uniform"):
        result = _trained(
            "fashion_mnist:n_samples=7000" if quick else "fashion_mnist",
            model=f"lenet:initializer={name}", losses=CE, optimizer="sgd:momentum=0.9", learning_rate=0.001,
            learning_rates="configured", batch_size=64, epochs=1 if quick else 10, seeds=2 if quick else 3,
            protocol="published", progress=progress,
        )  # fmt: skip
        found[name] = result.trials["accuracy"].to_numpy()
    measured = "; ".join(
        f"{name.partition('_')[0]} {values.mean():.4f} +- {values.std(ddof=1):.4f}" for name, values in found.items()
    )
    verdict = judge_number(0.8412, found["pytorch"], resolution=0.0001)
    if verdict == "differs":
        verdict = judge_number(0.8412, found["glorot_uniform"], resolution=0.0001)
    remark = "44,426 parameters, one loop in place of the printed nested one, which trains an epoch for every batch"
    values = {name: float(one.mean()) for name, one in found.items()}
    return [
        _row("H-T03", measured, "not run" if quick else verdict, f"{QUICK}; {remark}" if quick else remark, values)
    ], []


def _human(*, quick: bool, progress: Progress | None) -> Found:
    """Train on the shares of human answers, a thousandth of each spread over all classes so that every loss is defined."""
    from dataclasses import replace

    from lossmith import data

    dataset = data.load("cifar10h:n_samples=1000" if quick else "cifar10h")
    soft = np.asarray(dataset.soft_target)
    smoothed = replace(dataset, soft_target=0.999 * soft + 0.001 / soft.shape[1])
    result = _trained(
        smoothed, losses="categorical_crossentropy,kl_divergence,reverse_kl_divergence,jensen_shannon_divergence",
        model="cnn", seeds=2 if quick else 5, epochs=1 if quick else 25, progress=progress,
    )  # fmt: skip
    return [_beyond("L-10H", result, quick=quick)], []


def _noisy(*, quick: bool, progress: Progress | None) -> Found:
    """Train on what people said wrongly, 40 % of the labels, and test on the truth."""
    result = _trained(
        "cifar10n:labels=worse,n_samples=6000" if quick else "cifar10n:labels=worse",
        losses="categorical_crossentropy,categorical_generalized_cross_entropy,symmetric_crossentropy,nce_rce,"
        "categorical_mean_absolute_error",
        model="cnn", seeds=2 if quick else 5, epochs=1 if quick else 25, progress=progress,
    )  # fmt: skip
    return [_beyond("L-10N", result, quick=quick)], []


def _beyond(name: str, result: Any, *, quick: bool) -> Row:
    log_loss = {one.loss: one.metrics["log_loss"].mean for one in result.standings if "log_loss" in one.metrics}
    measured = "; ".join(
        f"{one.loss} {_estimate(one.metric)}" + (f", log loss {log_loss[one.loss]:.3f}" if one.loss in log_loss else "")
        for one in result.standings
        if one.same_as is None
    )
    values = {one.loss: float(one.metric.mean) for one in result.standings}
    return _row(
        name, measured, "not run" if quick else "no number in source", QUICK if quick else result.verdict, values
    )


_CLAIMS = {
    "K-13": (
        "CIFAR-10: KL divergence and cross-entropy train alike",
        "figure: very similar accuracy and validation loss",
    ),
    "K-14": ("test loss and accuracy printed after training", "no number"),
    "N-15": ("MNIST by 784-16-16-10 sigmoids with quadratic cost", "13,002 parameters, about 96 %"),
    "N-18": ("crosses and circles: filtering, pooling over the border", "9/9 = 1 for a perfect match"),
    "N-19": ("a convolutional network is useless if columns may be exchanged", "text"),
    "H-T03": ("LeNet on Fashion-MNIST", "84.12 % test accuracy"),
    "L-10H": ("CIFAR-10H: losses on the shares of human answers", "beyond the sources"),
    "L-10N": ("CIFAR-10N: robust losses under 40 % real label noise", "beyond the sources"),
}
_CLAIMS_OF: dict[Any, tuple[str, ...]] = {
    _cifar: ("K-13", "K-14"),
    _mnist: ("N-15",),
    _crosses: ("N-18",),
    _shuffled: ("N-19",),
    _lenet: ("H-T03",),
    _human: ("L-10H",),
    _noisy: ("L-10N",),
}
# what each experiment is fetched as, by its first claim
_FETCHED = {"K-13": "cifar-10", "N-15": "mnist", "H-T03": "fashion-mnist", "L-10H": "cifar-10h", "L-10N": "cifar-10n"}

STUDY = Study(
    name="images",
    source="K, N, H",
    title="Networks on CIFAR-10, MNIST and Fashion-MNIST",
    claims=tuple(_CLAIMS),
    run=run,
    by_claim=True,
    reference="a project report on KL divergence, 2024; lecture notes, 2018; a handbook of deep learning, chapter 3",
)
