"""H3-01 to H3-11 and H3-24: units, layers, gradients, risk, minima, saddles, convexity and Jensen of the handbook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize_scalar

import lossmith
from lossmith.studies._rows import confirmed, faulty, shown
from lossmith.studies._spec import Row, Study, StudyResult

__all__ = ["STUDY"]

CLAIMS = {
    "H3-01": "linear, sigmoid, ReLU, leaky ReLU, softmax, tanh and parametric ReLU, forward and backward",
    "H3-02": "a dense layer of 10 inputs and 5 units",
    "H3-03": "a convolution of 8 filters of 3 x 3",
    "H3-04": "an 'LSTM' layer; GRU is named",
    "H3-05": "pooling, dropout, batch normalisation and residual connections are named",
    "H3-06": "back-propagation through a network of any depth",
    "H3-07": "L1 and L2, dropout, early stopping and augmentation against over-fitting",
    "H3-08": "empirical risk is less smooth than risk",
    "H3-09": "minima of x cos(pi x), the saddle of x squared - y squared, the slope of tanh",
    "H3-10": "x squared is convex; sin x and x cubed - x are not",
    "H3-11": "chords, second derivatives, global minimum, Jensen, convex combinations",
    "H3-24": "LeNet for Fashion-MNIST: 44,426 weights, 84.12 % of the test images",
}

Progress = Callable[[float, int, str, str], None]
Function = Callable[[np.ndarray], np.ndarray]

_X = np.linspace(-5, 5, 100)


def run(*, quick: bool = False, progress: Progress | None = None) -> StudyResult:
    """Compute every claim; `quick` trains less where something is trained."""
    parts = (
        _activations, _dense, _convolution, _lstm, _named, _backward, lambda: _against_overfitting(quick), _risk,
        _stationary, _convex, _inequalities, _lenet,
    )  # fmt: skip
    rows: list[Row] = []
    for place, part in enumerate(parts):
        if progress is not None:
            progress(place, len(parts), "computing", list(CLAIMS)[place])
        rows.append(part())
    return StudyResult("units", tuple(rows), {"units-activations.svg": _picture()})


def _keras_units() -> Mapping[str, Any]:
    keras = lossmith.training.load_keras()
    return {
        "linear": lambda x: 2 * x + 1,
        "sigmoid": keras.ops.sigmoid,
        "relu": keras.ops.relu,
        "leaky_relu": lambda x: keras.ops.leaky_relu(x, 0.01),
        "tanh": keras.ops.tanh,
        "prelu": lambda x: keras.ops.maximum(x, 0) + 0.25 * keras.ops.minimum(x, 0),
    }


def _activations() -> Row:
    import jax

    worst = 0.0
    for function in _keras_units().values():
        slope = np.asarray(jax.vmap(jax.grad(lambda v, f=function: f(v)))(_X.astype(np.float32)), float)
        h = 1e-2
        numeric = (np.asarray(function(_X + h), float) - np.asarray(function(_X - h), float)) / (2 * h)
        smooth = np.abs(_X) > 2 * h  # a kink has no slope
        worst = max(worst, float(np.abs(slope - numeric)[smooth].max()))
    keras = lossmith.training.load_keras()
    with np.errstate(over="ignore", invalid="ignore"):
        listed = np.exp([1000.0, 0.0]) / np.exp([1000.0, 0.0]).sum()
    stable = np.asarray(keras.ops.softmax(np.array([[1000.0, 0.0], [0.0, 0.0]], np.float32), axis=-1))
    return faulty(
        "H3-01",
        CLAIMS["H3-01"],
        "exp(x) / sum(exp(x)) over a whole array",
        f"softmax of (1000, 0): {listed[0]} by the listing, {stable[0, 0]:.0f} with the largest score subtracted; derivatives of six units "
        f"equal differences within {worst:.1g}",
        {"worst_slope": worst, "stable": float(stable[0, 0]), "rows": float(stable.sum())},
        wrong=bool(np.isnan(listed[0])) and stable[0, 0] == 1.0 and worst < 1e-3,
        remark="it overflows from scores of 710 on, has no axis for a batch, and the figure draws the softmax of 100 points as if it were a "
        "function of one",
        figure="units-activations.svg",
    )


def _picture() -> str:
    from lossmith.report.paths import lines

    curves = {name: (_X, np.asarray(f(_X), float)) for name, f in _keras_units().items() if name != "linear"}
    return lines(curves, title="activations", xlabel="x", ylabel="f(x)")


def _dense() -> Row:
    rng = np.random.RandomState(0)
    weights, inputs = rng.randn(10, 5), rng.randn(100, 10)
    sums = inputs @ weights
    outputs = 1 / (1 + np.exp(-sums))
    saturated = float(((outputs < 0.01) | (outputs > 0.99)).mean())
    scaled = inputs @ (weights * np.sqrt(2 / 15))
    calm = 1 / (1 + np.exp(-scaled))
    calm_share = float(((calm < 0.01) | (calm > 0.99)).mean())
    slope = inputs.T @ (outputs * (1 - outputs))  # of the sum of all outputs

    def total(w: np.ndarray) -> float:
        return float((1 / (1 + np.exp(-(inputs @ w)))).sum())

    h, worst = 1e-5, 0.0
    for i, j in ((0, 0), (4, 2), (9, 4)):
        up, down = weights.copy(), weights.copy()
        up[i, j] += h
        down[i, j] -= h
        worst = max(worst, abs((total(up) - total(down)) / (2 * h) - slope[i, j]))
    return faulty(
        "H3-02",
        CLAIMS["H3-02"],
        "weights from randn; 'weights and bias with random values'",
        f"output {outputs.shape}; sums of standard deviation {sums.std():.2f}, {saturated:.0%} of the outputs within .01 of 0 or 1; "
        f"{calm_share:.1%} with Glorot's scale; backward equals differences within {worst:.0e}",
        {"deviation": float(sums.std()), "saturated": saturated, "scaled": calm_share, "worst_slope": worst},
        wrong=saturated > 0.05 > calm_share and worst < 1e-6 and outputs.shape == (100, 5),
        remark="unscaled weights saturate the sigmoid, where its slope is nothing; the bias of the listing is zero, not random",
    )


def _convolution() -> Row:
    keras = lossmith.training.load_keras()
    rng = np.random.RandomState(0)
    filters, images = rng.randn(8, 3, 3), rng.randn(10, 10, 10)
    listed = np.zeros((10, 8, 8, 8))
    for i in range(8):
        for j in range(8):
            listed[:, i, j] = np.einsum("nab,fab->nf", images[:, i : i + 3, j : j + 3], filters)
    kernel = np.moveaxis(filters, 0, -1)[:, :, None].astype(np.float32)
    ours = np.asarray(keras.ops.conv(images[..., None].astype(np.float32), kernel, padding="valid"))
    worst = float(np.abs(ours - listed).max())
    return confirmed(
        "H3-03", CLAIMS["H3-03"], "output (10, 8, 8, 8)", [*ours.shape, worst], [10, 8, 8, 8, 0], within=1e-4,
        remark="a valid cross-correlation of one channel: n - f + 1; channels, stride and padding come in chapter 4",
    )  # fmt: skip


def _lstm() -> Row:
    """The listing's gates see the input alone: what came before reaches the cell through one number that only decays."""
    rng = np.random.RandomState(0)
    w = [rng.randn(10, 5) for _ in range(4)]
    recurrent = [rng.randn(5, 5) / np.sqrt(5) for _ in range(4)]
    inputs = rng.randn(12, 10) * 0.3
    other = inputs.copy()
    other[0] += 1.0

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    def gates(sequence: np.ndarray, *, fed_back: bool) -> np.ndarray:
        h, c, found = np.zeros(5), np.zeros(5), []
        for x in sequence:
            f, i, o, g = (x @ a + (h @ b if fed_back else 0) for a, b in zip(w, recurrent, strict=True))
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            found.append(np.concatenate([sigmoid(f), sigmoid(i), sigmoid(o)]))
        return np.array(found)

    listed = np.abs(gates(inputs, fed_back=False) - gates(other, fed_back=False))[1:].max()
    real = np.abs(gates(inputs, fed_back=True) - gates(other, fed_back=True))[1:].max()
    return faulty(
        "H3-04",
        CLAIMS["H3-04"],
        "gates of x W + b alone",
        f"a change of the first input moves later gates by {listed:.0f} in the listing, and by {real:.2f} in an LSTM",
        {"listed": float(listed), "real": float(real)},
        wrong=listed == 0.0 < real,
        remark="no gate sees h(t-1), so that nothing is fed back and it is no LSTM; its state also survives from one call to the next. "
        "LSTM, GRU and simple RNN with recurrent weights are `lossmith.text` and the models lstm, gru and simple_rnn",
    )


def _named() -> Row:
    keras = lossmith.training.load_keras()
    x = np.arange(16.0, dtype=np.float32).reshape(1, 4, 4, 1)
    pooled = np.asarray(keras.layers.MaxPooling2D(2)(x)).ravel().tolist()
    dropped = np.asarray(keras.layers.Dropout(0.5, seed=0)(np.ones((1, 1000), np.float32), training=True))
    normal = np.asarray(keras.layers.BatchNormalization()(x, training=True))
    residual = lossmith.models.get("resnet").network((8, 8, 1), 2)
    adds = sum("add" in layer.name for layer in residual.layers)
    return shown(
        "H3-05", CLAIMS["H3-05"],
        f"2 x 2 pooling of 0..15: {pooled}; dropout keeps the mean at {dropped.mean():.2f}; batch normalisation gives mean "
        f"{abs(normal.mean()):.0f} and deviation {normal.std():.2f}; {adds} additions in a small ResNet",
        {"pooled": float(sum(pooled)), "dropped": float(dropped.mean()), "deviation": float(normal.std()), "adds": float(adds)},
        remark="only named in chapters 1 to 3",
    )  # fmt: skip


def _backward() -> Row:
    import jax
    import jax.numpy as jnp

    network = lossmith.models.get("mlp:hidden=7x5x3,activation=tanh").network((4,), 2)
    weights = [jnp.asarray(v.value) for v in network.trainable_variables]
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)

    def loss(values: list[Any]) -> Any:
        return (network.stateless_call(values, [], x)[0] ** 2).mean()

    slopes = jax.grad(loss)(weights)
    worst = 0.0
    for place, weight in enumerate(weights):
        direction = jnp.asarray(np.random.default_rng(place).normal(size=weight.shape).astype(np.float32))
        h = 1e-2

        def along(t: float, place: int = place, direction: Any = direction) -> float:
            return float(loss([v + t * direction if k == place else v for k, v in enumerate(weights)]))

        numeric = (along(h) - along(-h)) / (2 * h)
        worst = max(worst, abs(numeric - float((slopes[place] * direction).sum())))
    return shown(
        "H3-06", CLAIMS["H3-06"],
        f"4-7-5-3-2 network: derivatives along random directions of all {len(weights)} weights equal differences within {worst:.1g}",
        {"worst": worst, "weights": float(len(weights))},
        remark="chapter 3 is forward only",
    )  # fmt: skip


def _against_overfitting(quick: bool) -> Row:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(120, 20)).astype(np.float32)
    labels = (inputs[:, 0] + rng.normal(0, 0.7, 120) > 0).astype(int)
    options: dict[str, Any] = {
        "losses": "binary_crossentropy", "seeds": 2 if quick else 10, "epochs": 60, "learning_rates": "0.05",
    }  # fmt: skip
    found = {}
    for name, model in (
        ("plain", "mlp:hidden=100"),
        ("dropout", "mlp:hidden=100,dropout=0.5"),
        ("small", "mlp:hidden=4"),
    ):
        result = lossmith.compare((inputs, labels), model=model, **options)
        found[name] = result.standings[0].metric.mean
    return shown(
        "H3-07", CLAIMS["H3-07"],
        f"20 features of which one matters, 72 training rows: test accuracy {found['plain']:.3f} plain, {found['dropout']:.3f} with "
        f"dropout, {found['small']:.3f} with 4 units; every run keeps the epoch that validates best",
        {name: float(value) for name, value in found.items()},
        remark="early stopping looks at validation rows, as the text says; augmentation is a configuration of the image models",
    )  # fmt: skip


def _risk() -> Row:
    """Return what the figure shows: two smooth parabolas of different minima; and what it means to show."""
    data = np.array([1.0, 2, 3, 4, 5])
    grid = np.linspace(-10, 10, 2001)
    listed = ((grid[:, None] - data) ** 2).mean(axis=1)
    place, least = float(grid[listed.argmin()]), float(listed.min())
    rng = np.random.default_rng(0)
    sample = np.abs(grid[:, None] - rng.normal(0, 3, 8)).mean(axis=1)  # absolute loss: kinks at the sample
    curvature = np.diff(sample, 2)
    kinks = int((curvature > 1e-4).sum())
    return faulty(
        "H3-08", CLAIMS["H3-08"], "a figure with x squared as risk and the mean of (x - data) squared as empirical risk",
        f"the 'empirical' parabola has its minimum {least:.2f} at {place:.2f}, the other 0 at 0; the empirical absolute risk of 8 values has "
        f"{kinks} kinks",
        {"place": place, "least": least, "kinks": float(kinks)},
        wrong=abs(place - 3) < 1e-9 and abs(least - 2) < 1e-9,
        remark="both curves are smooth parabolas and estimate different things; a finite sample of a loss that is not smooth shows what the "
        "text means",
    )  # fmt: skip


def _stationary() -> Row:
    def f(x: float) -> float:
        return float(x * np.cos(np.pi * x))

    def slope(x: float) -> float:
        return float(np.cos(np.pi * x) - np.pi * x * np.sin(np.pi * x))

    grid = np.linspace(-1, 2, 1000)
    signs = np.sign([slope(x) for x in grid])
    roots = [float(brentq(slope, grid[k], grid[k + 1])) for k in np.flatnonzero(np.diff(signs))]
    curvature = [(slope(x + 1e-5) - slope(x - 1e-5)) / 2e-5 for x in roots]
    minima = [x for x, bend in zip(roots, curvature, strict=True) if bend > 0]
    peaks = [x for x, bend in zip(roots, curvature, strict=True) if bend < 0]
    best = min(minima, key=f)
    hessian = np.array([[2.0, 0.0], [0.0, -2.0]])
    saddle = np.linalg.eigvalsh(hessian)
    tail = float(1 - np.tanh(5.0) ** 2)
    right = abs(best - 1.09041) < 5e-6 and abs(f(best) + 1.04672) < 5e-6 and any(abs(x - 0.27385) < 5e-6 for x in peaks)
    return faulty(
        "H3-09", CLAIMS["H3-09"], "'minimum points' by sympy.solve",
        f"minima {', '.join(f'{x:.5f}' for x in minima)} (least at {best:.5f}: {f(best):.5f}), a maximum at {peaks[0]:.5f}; curvatures of "
        f"the saddle {saddle[0]:.0f} and {saddle[1]:.0f}; slope of tanh at 5: {tail:.1e}",
        {"best": best, "value": f(best), "peak": peaks[0], "tail": tail},
        wrong=right and bool(saddle[0] < 0 < saddle[1]),
        remark="sympy.solve cannot solve this equation and raises; points without slope are called minima, and one of them is a maximum. The "
        "text swaps the axes of the saddle: x squared - y squared rises along x and falls along y. Adaptive rates and L2 do not cure a "
        "vanishing slope",
    )  # fmt: skip


_FUNCTIONS: dict[str, Function] = {"x^2": lambda x: x**2, "sin x": np.sin, "x^3 - x": lambda x: x**3 - x}


def _chords(function: Function, rng: np.random.Generator) -> bool:
    a, b = rng.uniform(-5, 5, (2, 2000))
    t = rng.random(2000)
    return bool((function(t * a + (1 - t) * b) <= t * function(a) + (1 - t) * function(b) + 1e-9).all())


def _convex() -> Row:
    found = {name: _chords(f, np.random.default_rng(0)) for name, f in _FUNCTIONS.items()}
    ring = np.abs(np.linalg.norm((np.array([1.0, 0]) + np.array([-1.0, 0])) / 2) - 1) < 1e-9
    return confirmed(
        "H3-10", CLAIMS["H3-10"], "x^2 convex; sin x, x^3 - x not", [float(v) for v in found.values()], [1.0, 0.0, 0.0], within=0,
        remark="2,000 chords of each. A set is convex where the middle of any two points belongs to it: that of a ring does not "
        f"({'it does' if ring else 'its middle is outside'}). Convex functions need not have a minimum (exp), nor one alone",
    )  # fmt: skip


def _inequalities() -> Row:
    grid = np.linspace(-5, 5, 100)
    step = grid[1] - grid[0]
    without = float(np.gradient(np.gradient(grid**2))[50])
    spaced = float(np.gradient(np.gradient(grid**2, grid), grid)[50])
    values = grid**2
    listed = bool((np.abs(values - values.min()) <= 1e-6).all())
    least = minimize_scalar(lambda x: x**2, bounds=(-5, 5), method="bounded")
    draw = np.random.RandomState(0).randn(100)
    jensen = (float(np.mean(draw) ** 2), float(np.mean(draw**2)))
    state = np.random.RandomState(0)
    points = state.randn(10)
    weights = state.dirichlet(np.ones(10))
    combination = (float(np.exp(weights @ points)), float(weights @ np.exp(points)))
    right = abs(jensen[0] - 0.00358) < 5e-6 and abs(jensen[1] - 1.0194) < 5e-5
    right = right and abs(combination[0] - 2.46882) < 5e-6 and abs(combination[1] - 3.85489) < 5e-6
    return faulty(
        "H3-11", CLAIMS["H3-11"], "x squared 'does not have a global minimum'",
        f"its minimum is {least.fun:.1g} at {least.x:.1g}; Jensen {jensen[0]:.5f} <= {jensen[1]:.5f}; combination {combination[0]:.5f} <= "
        f"{combination[1]:.5f}; second derivative {spaced:.2f}, by the listing {without:.4f}",
        {"jensen_left": jensen[0], "jensen_right": jensen[1], "combination_left": combination[0],
         "combination_right": combination[1], "unspaced": without, "spaced": spaced},
        wrong=right and not listed and abs(without - 2 * step**2) < 1e-9 and abs(spaced - 2) < 1e-6,
        remark="the check asks whether all values equal the least one, which holds for constants alone; np.gradient without the spacing gives "
        "2 dx^2; two listings use a name that is not defined there",
    )  # fmt: skip


def _lenet() -> Row:
    keras = lossmith.training.load_keras()
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((28, 28, 1)), layers.Conv2D(6, 5, activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, activation="relu"), layers.MaxPooling2D(2), layers.Flatten(),
            layers.Dense(120, "relu"), layers.Dense(84, "relu"), layers.Dense(10),
        ]
    )  # fmt: skip
    counts = [layer.count_params() for layer in network.layers if layer.count_params()]
    exact = network.count_params() == 44_426 and counts == [156, 2416, 30840, 10164, 850]
    return faulty(
        "H3-24", CLAIMS["H3-24"], "44,426 weights; 84.12 %; 60,000 images of which the test images are a part",
        f"{network.count_params():,} weights ({' + '.join(map(str, counts))}); 938 batches an epoch, so that `(i + 1) % 1000` never prints",
        {"weights": float(network.count_params()), "batches": float(-(-60_000 // 64))},
        wrong=exact and -(-60_000 // 64) < 1000,
        remark="two loops over the training data stand in one epoch, the rate is constant in a section on schedules, and Fashion-MNIST has "
        "60,000 training images and 10,000 more. The accuracy is a training of 10 epochs: lossmith compare fashion_mnist --model lenet "
        "--losses categorical_crossentropy --optimizers momentum --learning-rates 0.001 --epochs 10",
    )  # fmt: skip


STUDY = Study(
    name="units",
    source="H3",
    title="Units, layers, risk and convexity",
    claims=tuple(CLAIMS),
    run=run,
    reference="Handbook of Deep Learning Models, Volume One, chapter 3",
)
