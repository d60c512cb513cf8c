"""H-C01 to H-C19: the convolution chapter of a handbook, every worked number computed again.

Source: "Handbook of Deep Learning Models, Volume One", chapter 4. Small tensors go through Keras's operations; what the
chapter calls a model is one of lossmith's families.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import lossmith
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult
from lossmith.studies._transfer import transferred

__all__ = ["STUDY", "correlated", "hidden_template", "pixel_use"]

Progress = Callable[[float, int, str, str], None]
Measured = tuple[str, RowVerdict, str, dict[str, float]]


def correlated(image: Any, kernel: Any, **options: Any) -> np.ndarray:
    """Return the cross-correlation of (height, width) or (height, width, channels) with (kh, kw[, channels, filters])."""
    from lossmith.training import load_keras

    keras = load_keras()
    image, kernel = np.asarray(image, np.float32), np.asarray(kernel, np.float32)
    image = image[..., None] if image.ndim == 2 else image
    kernel = kernel[..., None, None] if kernel.ndim == 2 else kernel
    found = np.asarray(keras.ops.conv(image[None], kernel, data_format="channels_last", **options))[0]
    return found[..., 0] if found.shape[-1] == 1 else found


def _judge(found: Any, reported: Any, right: Any = None) -> RowVerdict:
    """Return reproduced where the printed numbers come out; source error where the right ones are others."""
    if np.shape(found) == np.shape(reported) and np.allclose(found, reported, atol=1e-5):
        return "reproduced"
    known = right is not None and np.shape(found) == np.shape(right) and np.allclose(found, right, atol=1e-5)
    return "source error" if known else "differs"


def _text(array: Any) -> str:
    return str(np.asarray(array).tolist()).replace(".0", "").replace(" ", "")


_NINE = np.arange(9.0).reshape(3, 3)
_FOUR = np.arange(4.0).reshape(2, 2)
_EDGE = np.ones((6, 8))
_EDGE[:, 2:6] = 0


def _correlation() -> Measured:
    found = correlated(_NINE, _FOUR)
    return _text(found), _judge(found, [[19, 25], [37, 43]]), "keras.ops.conv is the cross-correlation", {}


def _strict() -> Measured:
    found = correlated(_NINE, _FOUR[::-1, ::-1])
    line = np.convolve([1.0, 2, 4, 8], [1.0, -1, 3], "valid")
    same = np.allclose(correlated([[1.0, 2, 4, 8]], np.array([[1.0, -1, 3]])[:, ::-1]).ravel(), line)
    remark = (
        f"strict convolution is correlation with the turned kernel; in one dimension equal to numpy.convolve: {same}"
    )
    return _text(found), _judge(found, [[5, 11], [23, 29]]), remark, {"one_dimension": float(same)}


def _parameters() -> Measured:
    dense, shared, local = 1000**4, (2 * 1000 - 1) ** 2, (2 * 10 + 1) ** 2
    verdict: RowVerdict = "reproduced" if dense == 10**12 and round(shared / 4e6, 2) == 1 else "differs"
    remark = "the text says billions to a few hundred, its own first number is a thousand billions"
    return (
        f"{dense:.0e}, {shared:,}, {local:,} for D = 10",
        verdict,
        remark,
        {"dense": float(dense), "local": float(local)},
    )


def _layer() -> Measured:
    from lossmith.models import layers

    layer = layers.Convolution2D(1, 2)
    image = np.arange(12.0, dtype=np.float32).reshape(1, 3, 4, 1)
    layer(image)
    names = [(variable.name, tuple(variable.shape)) for variable in layer.trainable_variables]
    layer.set_weights([_FOUR[..., None, None], np.array([0.5])])
    good = np.allclose(np.asarray(layer(image))[0, ..., 0], correlated(image[0, ..., 0], _FOUR) + 0.5)
    return f"{names}", "no number in source", f"its output is correlation plus bias: {good}", {"equal": float(good)}


def _two_convolutions() -> Measured:
    from lossmith import models

    family = models.get("cnn:filters=16x32,padding=same,pool=1,hidden=128,dropout=0")
    counts = [
        sum(int(np.prod(v.shape)) for v in family.network((side, side, 3), 10).trainable_variables) for side in (28, 32)
    ]
    remark = "the printed class is made for 28 x 28 and fails on the 32 x 32 input that it is given; here the head is inferred"
    verdict: RowVerdict = "source error" if counts == [3_217_770, 4_200_810] else "differs"
    return (
        f"{counts[0]:,} and {counts[1]:,} parameters for 28 and 32 pixels",
        verdict,
        remark,
        {"small": float(counts[0])},
    )


def _edges() -> Measured:
    found = correlated(_EDGE, [[1, -1]])
    turned, tall = correlated(_EDGE.T, [[1, -1]]), correlated(_EDGE.T, [[1], [-1]])
    right = np.tile([0, 1, 0, 0, 0, -1, 0], (6, 1))
    verdict = _judge(found, np.tile([0, 1, 0, 0, -1, 0], (6, 1)), right)
    remark = f"seven columns, not six; the turned image gives {turned.shape} of zeros: {not turned.any()}, and the turned kernel finds its edges: {np.array_equal(tall, right.T)}"
    return _text(found[0]) + " in every row", verdict, remark, {}


def _learned_kernel() -> Measured:
    import jax

    target = correlated(_EDGE, [[1, -1]])
    start = np.random.default_rng(0).normal(scale=0.3, size=(1, 2)).astype(np.float32)

    def loss(kernel: Any) -> Any:
        image = _EDGE.astype(np.float32)
        predicted = image[:, :-1] * kernel[0, 0] + image[:, 1:] * kernel[0, 1]
        return ((predicted - target) ** 2).sum()

    kernel, steps = start, 0
    slope = jax.jit(jax.grad(loss))
    while steps < 200 and np.abs(np.asarray(kernel) - [[1, -1]]).max() > 0.05:
        kernel, steps = kernel - 0.03 * slope(kernel), steps + 1
    near = bool(np.abs(np.asarray(kernel) - [[1, -1]]).max() <= 0.05)
    remark = "the printed listing stops with an error (a leaf changed in place, then 5 x 7 against 4 x 4); sum of squares at rate 0.03"
    return f"{np.round(np.asarray(kernel, dtype=float), 3).tolist()} after {steps} steps", "source error" if near else "differs", remark, {"steps": float(steps)}  # fmt: skip


def receptive_field(kernels: list[int], strides: list[int]) -> int:
    """Return how many places of the input a place of the output sees: r grows by (k - 1) times the strides before.

    Examples
    --------
    >>> receptive_field([2, 2], [1, 1]), receptive_field([3, 2, 3], [1, 2, 1])
    (3, 8)
    """
    reach, jump = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        reach += (kernel - 1) * jump
        jump *= stride
    return reach


def _receptive() -> Measured:
    import jax

    ones = np.ones((2, 2))
    from lossmith.training import load_keras

    keras = load_keras()

    def corner(image: Any) -> Any:
        kernel = ones[..., None, None].astype(np.float32)
        once = keras.ops.conv(image, kernel, data_format="channels_last")
        return keras.ops.conv(once, kernel, data_format="channels_last")[0, 1, 1, 0]

    seen = int((np.asarray(jax.grad(corner)(np.zeros((1, 6, 6, 1), np.float32))) != 0).sum())
    reach = receptive_field([2, 2], [1, 1])
    verdict: RowVerdict = "reproduced" if (reach, seen) == (3, 9) else "differs"
    return (
        f"{reach} x {reach}, {seen} inputs by the gradient",
        verdict,
        "r grows by (k - 1) times the strides before",
        {},
    )


def _padding() -> Measured:
    zero = correlated(np.pad(_NINE, 1), _FOUR)
    others = {mode: correlated(np.pad(_NINE, 1, mode=mode), _FOUR) for mode in ("reflect", "edge")}
    right = [[0, 3, 8, 4], [9, 19, 25, 10], [21, 37, 43, 16], [6, 7, 8, 0]]
    remark = f"reflected: first row {_text(others['reflect'][0])}; repeated: {_text(others['edge'][0])}; the printed size formula rounds up where it must round down"
    return _text(zero), _judge(zero, right), remark, {}


def _strides() -> Measured:
    sizes = [correlated(np.ones((8, 8)), np.ones((3, 3)), strides=2).shape, correlated(np.pad(np.ones((8, 8)), 1), np.ones((3, 3)), strides=2).shape]  # fmt: skip
    worked = correlated(np.pad(_NINE, 1), _FOUR, strides=(3, 2))
    wide = correlated(np.pad(np.ones((8, 8)), ((0, 0), (1, 1))), np.ones((3, 5)), strides=(3, 4)).shape
    right = sizes == [(3, 3), (4, 4)] and wide == (2, 2) and np.array_equal(worked, [[0, 8], [6, 8]])
    remark = f"4 x 4 needs a padding of 1, which the listing lacks; worked example {_text(worked)}"
    return f"{sizes[0]} without padding, {sizes[1]} with", "source error" if right else "differs", remark, {}


def pixel_use(size: int, kernel: int) -> np.ndarray:
    """Return how often each pixel of a square image enters a convolution without padding.

    Examples
    --------
    >>> pixel_use(5, 3)[0].tolist()
    [1, 2, 3, 2, 1]
    """
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(size * size).reshape(size, size), (kernel, kernel))
    return np.bincount(windows.ravel(), minlength=size * size).reshape(size, size)


def _pixels() -> Measured:
    three, two, one = (pixel_use(5, kernel) for kernel in (3, 2, 1))
    right = (three[0, 0], three[2, 2], two[0, 0], two[2, 2], one.max()) == (1, 9, 1, 4, 1)
    measured = (
        f"3 x 3: corner {three[0, 0]}, centre {three[2, 2]}; 2 x 2: {two[0, 0]} and {two[2, 2]}; 1 x 1: 1 everywhere"
    )
    return measured, "reproduced" if right else "differs", "counted over all windows", {"centre": float(three[2, 2])}


_TWO_IN = np.stack([_NINE, _NINE + 1], axis=-1)
_TWO_KERNELS = np.stack([_FOUR, _FOUR + 1], axis=-1)


def _channels_in() -> Measured:
    found = correlated(_TWO_IN, _TWO_KERNELS[..., None])
    remark = "the printed function broadcasts whole tensors and fails; correlated by channel and summed it is right"
    return _text(found), _judge(found, [[56, 72], [104, 120]]), remark, {}


def _channels_out() -> Measured:
    kernels = np.stack([_TWO_KERNELS, _TWO_KERNELS + 1, _TWO_KERNELS + 2], axis=-1)
    found = np.moveaxis(correlated(_TWO_IN, kernels), -1, 0)
    right = [[[56, 72], [104, 120]], [[76, 100], [148, 172]], [[96, 128], [192, 224]]]
    verdict: RowVerdict = "source error" if np.allclose(found, right) else "differs"
    return _text(found), verdict, "the printed torch.cat gives six kernels of one channel; they must be stacked", {}


def _one_by_one() -> Measured:
    rng = np.random.default_rng(0)
    image, kernel = rng.uniform(size=(3, 3, 3)), rng.uniform(size=(3, 2))
    gap = float(np.abs(correlated(image, kernel[None, None]) - image @ kernel).max())
    return f"largest difference {gap:.0e}", "reproduced" if gap < 1e-6 else "differs", "the printed listing mixes pixels, not channels", {"gap": gap}  # fmt: skip


def _pooling() -> Measured:
    from lossmith.training import load_keras

    keras = load_keras()
    sixteen = np.arange(16.0, dtype=np.float32).reshape(1, 4, 4, 1)
    nine = _NINE.astype(np.float32)[None, ..., None]
    pool = functools.partial(keras.ops.max_pool, pool_size=2, data_format="channels_last")
    mean = functools.partial(keras.ops.average_pool, pool_size=2, data_format="channels_last")
    found = [np.asarray(f(x, strides=s))[0, ..., 0] for f, x, s in ((pool, nine, 1), (mean, nine, 1), (pool, sixteen, 2), (mean, sixteen, 2))]  # fmt: skip
    right: list[Any] = [[[4, 5], [7, 8]], [[2, 3], [5, 6]], [[5, 7], [13, 15]], [[2.5, 4.5], [10.5, 12.5]]]
    good = all(np.allclose(one, other) for one, other in zip(found, right, strict=True))
    return "; ".join(_text(one) for one in found), "reproduced" if good else "differs", "stride 1, then stride 2", {}


def _augmentation() -> Measured:
    from sklearn.neighbors import KNeighborsClassifier

    from lossmith.models.augmentation import augmentation

    images, labels = _digits()
    model = KNeighborsClassifier(1).fit(images[:900].reshape(900, -1), labels[:900])
    scores = {"none": model.score(images[900:].reshape(-1, 64), labels[900:])}
    for kind in ("shift", "rotate", "flip"):
        (layer,) = augmentation((kind,))
        changed = np.asarray(layer(images[900:, ..., None].astype(np.float32), training=True))
        scores[kind] = float(model.score(changed.reshape(-1, 64), labels[900:]))
    measured = ", ".join(f"{kind} {score:.1%}" for kind, score in scores.items())
    remark = "digits that a nearest neighbour still recognises: turning keeps labels, mirrored digits are other shapes"
    return measured, "no number in source", remark, scores


def hidden_template(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Return noise of shape (40, 40) with a template added somewhere, the template of shape (7, 7), and its corner."""
    scene, face = rng.normal(size=(40, 40)), rng.normal(size=(7, 7))
    row, column = (int(place) for place in rng.integers(0, 34, 2))
    scene[row : row + 7, column : column + 7] += face
    return scene, face, (row, column)


def _template() -> Measured:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(50):
        scene, face, place = hidden_template(rng)
        scores = correlated(scene, face)
        row, column = np.unravel_index(scores.argmax(), scores.shape)
        hits += (int(row), int(column)) == place
    return f"{hits} of 50 places found at the highest score", "no number in source", "template in noise of its own size", {"hits": float(hits)}  # fmt: skip


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.images, bunch.target


def _accuracy(model: str, *, quick: bool, flat: bool = False) -> tuple[str, float]:
    images, labels = _digits()
    result = lossmith.compare(
        (images.reshape(len(images), -1)[:, :, None] if flat else images[..., None], labels),
        task="multiclass", model=model, losses="categorical_crossentropy", optimizer="adam", learning_rate=0.002,
        learning_rates="configured", seeds=2 if quick else 5, epochs=3 if quick else 15, batch_size=32,
    )  # fmt: skip
    metric = result.standings[0].metric
    return f"{metric.mean:.3f} [{metric.low:.3f}, {metric.high:.3f}]", metric.mean


def _case(*, quick: bool) -> Measured:
    text, value = _accuracy("cnn:filters=16x32,padding=same,hidden=64,dropout=0.25", quick=quick)
    return f"test accuracy {text} on handwritten digits", "no number in source", "announced by the chapter, absent from it", {"accuracy": value}  # fmt: skip


def _other_families(*, quick: bool) -> Measured:
    line, one = _accuracy("conv1d:filters=16x32,kernel=5", quick=quick, flat=True)
    skip, two = _accuracy("resnet:filters=8x16", quick=quick)
    moved, values = transferred(*_digits(), quick=quick)
    return (
        f"1-D convolutions {line}, residual network {skip}; {moved}",
        "no number in source",
        "named in the text only; convolutions learned on digits 0 to 4, frozen for 5 to 9",
        {"conv1d": one, "resnet": two} | values,
    )


_CLAIMS: dict[str, tuple[str, str, Callable[..., Measured]]] = {
    "H-C01": ("cross-correlation of 3 x 3 with 2 x 2", "[[19,25],[37,43]]", _correlation),
    "H-C02": ("strict convolution turns the kernel", "[[5,11],[23,29]]", _strict),
    "H-C03": ("parameters from dense to local", "10^12, 4 x 10^6, 4 D^2", _parameters),
    "H-C04": ("a layer with its own kernel and bias", "code", _layer),
    "H-C05": ("two convolutions and two dense layers", "output (1, 10) for 32 x 32", _two_convolutions),
    "H-C06": ("edges of a 6 x 8 image", "six columns [0,1,0,0,-1,0]", _edges),
    "H-C07": ("the edge kernel is learned by descent", "code", _learned_kernel),
    "H-C08": ("two 2 x 2 convolutions see 3 x 3", "9 inputs", _receptive),
    "H-C09": ("padding: zero, reflected, repeated", "[[0,3,8,4],[9,19,25,10],[21,37,43,16],[6,7,8,0]]", _padding),
    "H-C10": ("3 x 3 with stride 2 on 8 x 8", "(4, 4)", _strides),
    "H-C11": ("use of pixels by kernels of 1, 2 and 3", "figure", _pixels),
    "H-C12": ("two input channels", "[[56,72],[104,120]]", _channels_in),
    "H-C13": ("three output channels", "code", _channels_out),
    "H-C14": ("1 x 1 convolution is a matrix product", "within 1e-6", _one_by_one),
    "H-C15": ("max and average pooling", "[[4,5],[7,8]] and [[2,3],[5,6]]", _pooling),
    "H-C16": ("augmentation keeps the label", "text", _augmentation),
    "H-C17": ("a template is found where the score is highest", "figure", _template),
    "H-C18": ("an image classification case", "announced, absent", _case),
    "H-C19": ("time-delay, residual and transferred networks", "text", _other_families),
}
_TRAINED = ("H-C18", "H-C19")


def run(*, quick: bool = False, progress: Progress | None = None) -> StudyResult:
    """Compute every claim; `quick` trains two seeds for three epochs where networks are trained."""
    rows = []
    for place, (name, (claim, reported, measure)) in enumerate(_CLAIMS.items()):
        measured, verdict, remark, values = measure(quick=quick) if name in _TRAINED else measure()
        rows.append(Row(name, claim, reported, measured, verdict, remark, values=values))
        if progress is not None:
            progress(place + 1, len(_CLAIMS), "claims", name)
    return StudyResult("convolutions", tuple(rows))


STUDY = Study(
    name="convolutions",
    source="H",
    title="Convolutions, padding, strides, channels and pooling",
    claims=tuple(_CLAIMS),
    run=run,
    reference="Handbook of Deep Learning Models, Volume One, chapter 4",
)
