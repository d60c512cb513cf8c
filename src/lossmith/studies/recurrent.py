"""H-R01 to H-R08: recurrent cells, their limits, the stock prices, and the text generator of the handbook."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import lossmith
from lossmith.studies._rows import confirmed, faulty, find, shown
from lossmith.studies._spec import Row, Study, StudyResult

__all__ = ["STUDY"]

CLAIMS = {
    "H-R01": "vanilla RNN: h(t) from x(t) and h(t-1), one set of weights for every step",
    "H-R02": "LSTM: four gates, 4 (n (d + n) + n) weights",
    "H-R03": "GRU and networks in both directions",
    "H-R04": "gradients vanish and explode over time; clipping by value and norm",
    "H-R05": "stock prices 100, 110, 108, 120, 115: predict the next",
    "H-R06": "a text generator of two LSTM of 300 on windows of 50 characters",
    "H-R07": "words, an embedding and post-processing",
    "H-R08": "dropout 0.2, softmax with categorical cross-entropy, Adam or RMSprop",
}

Progress = Callable[[float, int, str, str], None]
_PRICES = [100.0, 110.0, 108.0, 120.0, 115.0]


def run(*, quick: bool = False, progress: Progress | None = None) -> StudyResult:
    """Compute every claim; `quick` trains on less text. Tiny Shakespeare stands in for Macbeth where LOSSMITH_DATA has it."""
    text = _text(quick)
    parts: tuple[Callable[[], Row], ...] = (
        _vanilla, _lstm, _gated, _over_time, _stocks, lambda: _generator(text, quick), lambda: _words(text, quick), _listing,
    )  # fmt: skip
    rows = []
    for place, part in enumerate(parts):
        if progress is not None:
            progress(place, len(parts), "computing", list(CLAIMS)[place])
        rows.append(part())
    return StudyResult("recurrent", tuple(rows), {"recurrent-gradients.svg": _picture()})


def _text(quick: bool) -> str:
    place = find("text/tinyshakespeare.txt")
    if place is None:
        # verses made by rule: enough to learn from, for a machine without the file
        rng = np.random.default_rng(0)
        parts = (
            ("the king", "a witch", "my lord", "the night"),
            ("speaks", "comes", "falls"),
            ("to war", "at dawn", "alone"),
        )
        lines = [" ".join(part[int(rng.integers(len(part)))] for part in parts) for _ in range(1500)]
        return "\n".join(lines) + "\n"
    return place.read_text(encoding="utf-8")[: 30_000 if quick else 110_000]


def _cell_gap(kind: str) -> float:
    """Return how far our cell, written for speed, is from Keras's layer with the same weights."""
    from lossmith.text import run_cell

    keras = lossmith.training.load_keras()
    options = {"reset_after": True, "use_bias": True} if kind == "gru" else {}
    layer = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple_rnn": keras.layers.SimpleRNN}[kind](
        5, return_sequences=True, **options
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 7, 3)).astype(np.float32)
    layer(x)
    weights = [np.asarray(v.value) for v in layer.weights]
    drawn = [np.asarray(w + rng.normal(0, 0.3, w.shape), np.float32) for w in weights[:2]]
    bias = np.asarray(rng.normal(size=weights[2].shape[-1:]), np.float32)
    layer.set_weights([*drawn, np.stack([bias, np.zeros_like(bias)]) if kind == "gru" else bias])
    ours = run_cell(kind, (drawn[0], drawn[1], bias), np.moveaxis(x, 1, 0))
    return float(np.abs(np.moveaxis(ours, 0, 1) - np.asarray(layer(x))).max())


def _vanilla() -> Row:
    rng = np.random.default_rng(0)
    w, u, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=4)
    x = rng.normal(size=(6, 3))
    h = np.zeros(4)
    states = [h := np.tanh(v @ w + h @ u + b) for v in x]
    network = lossmith.models.get("simple_rnn:hidden=4").network((6, 3), 2)
    layer = next(one for one in network.layers if one.name.startswith("simple_rnn"))
    layer.set_weights([w, u, b])
    gap = float(np.abs(np.asarray(layer(x[None].astype(np.float32)))[0] - states[-1]).max())
    long = lossmith.models.get("simple_rnn:hidden=4").network((60, 3), 2)
    same = network.count_params() == long.count_params()
    return confirmed(
        "H-R01", CLAIMS["H-R01"], "no formula is given", [gap, _cell_gap("simple_rnn"), float(same)], [0, 0, 1], within=1e-5,
        remark="tanh(W x + U h + b) by hand, in Keras and in our own cell; 6 and 60 steps have the same weights. The text says that RNNs "
        "remember for long, and in the next section that they do not",
    )  # fmt: skip


def _lstm() -> Row:
    d, n = 7, 5
    network = lossmith.models.get(f"lstm:hidden={n}").network((4, d), 1)
    count = network.count_params() - (n + 1)
    return confirmed(
        "H-R02", CLAIMS["H-R02"], "C(t) = C(t-1) f(t) + i(t) candidate", [count, _cell_gap("lstm")], [4 * (n * (d + n) + n), 0],
        within=1e-5, remark="the forget gate sees h(t-1) and x(t), not the cell state as one passage has it; the tilde of the candidate is lost once",
    )  # fmt: skip


def _gated() -> Row:
    both = lossmith.models.get("lstm:hidden=6x4,bidirectional=true").network((9, 2), 1)
    one = lossmith.models.get("lstm:hidden=6x4").network((9, 2), 1)
    widths = [int(layer.output.shape[-1]) for layer in both.layers if "bidirectional" in layer.name]
    return confirmed(
        "H-R03", CLAIMS["H-R03"], "named without equations", [_cell_gap("gru"), *widths], [0.0, 12, 8], within=1e-5,
        remark=f"our GRU equals Keras's; {both.count_params()} weights in both directions, {one.count_params()} in one",
    )  # fmt: skip


def _norms(spread: float, steps: int = 50) -> np.ndarray:
    """Return the norm of the slope of the last state with respect to the state k steps before, of a linear-ish RNN."""
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.normal(size=(16, 16)))
    weights = jnp.asarray((spread * q).astype(np.float32))
    slope = jnp.eye(16)
    h = jnp.asarray(rng.normal(0, 0.01, 16).astype(np.float32))
    found = []
    for _ in range(steps):
        step = jax.jacfwd(lambda v: jnp.tanh(v @ weights))(h)
        slope = step @ slope
        h = jnp.tanh(h @ weights)
        found.append(float(jnp.linalg.norm(slope, 2)))
    return np.array(found)


def _over_time() -> Row:
    import optax

    small, large = _norms(0.8), _norms(1.2)
    gradient = {"w": np.array([3.0, -4.0], np.float32)}
    norm = optax.clip_by_global_norm(1.0)
    value = optax.clip(0.5)
    by_norm = np.asarray(norm.update(gradient, norm.init(gradient))[0]["w"])
    by_value = np.asarray(value.update(gradient, value.init(gradient))[0]["w"])
    right = (
        np.allclose(by_norm, [0.6, -0.8])
        and np.allclose(by_value, [0.5, -0.5])
        and small[-1] < 1e-4
        and large[:15].max() > 5
    )
    return Row(
        "H-R04", CLAIMS["H-R04"], "", f"after 50 steps the slope is {small[-1]:.1e} where weights shrink by 0.8; after 15 {large[14]:.1f} where "
        f"they grow by 1.2; (3, -4) clipped to norm 1: ({by_norm[0]:.1f}, {by_norm[1]:.1f}), to value 0.5: ({by_value[0]}, {by_value[1]})",
        "no number in source" if right else "differs",
        "0.8 to the power of 50 is 1.4e-05. Clipping by norm keeps the direction, by value it does not. The text takes exploding gradients for "
        "over-fitting and vanishing ones for under-fitting: they are faults of the descent",
        {"small": float(small[-1]), "large": float(large[14])}, "recurrent-gradients.svg",
    )  # fmt: skip


def _picture() -> str:
    from lossmith.report.paths import lines

    steps = np.arange(1, 51)
    found = {f"spectral radius {r}": (steps, np.log10(_norms(r))) for r in (0.8, 1.0, 1.2)}
    return lines(found, title="slopes over time", xlabel="steps back", ylabel="log10 of the norm of the slope")


def _stocks() -> Row:
    frame = lossmith.data.windows(_PRICES, length=3)
    last = _PRICES[-1]
    rng = np.random.default_rng(0)
    series = 100 + np.cumsum(rng.normal(0, 3, 160))
    table = lossmith.data.windows(series, length=3)
    result = lossmith.compare(
        table,
        target="value",
        order="time",
        losses="mse",
        model="lstm:hidden=8",
        optimizer="adam",
        seeds=3,
        epochs=30,
        learning_rates="0.01",
    )
    rmse = float(result.standings[0].metrics["root_mean_squared_error"].mean)
    held = table.tail(result.data.n_test)
    naive = float(np.sqrt(((held["value"].to_numpy() - held["back_1"].to_numpy()) ** 2).mean()))
    return shown(
        "H-R05", CLAIMS["H-R05"],
        f"{len(frame)} windows of 3 from five prices; a random walk of 160 prices: LSTM RMSE {rmse:.2f} on the last ones, 'as yesterday' {naive:.2f}",
        {"windows": float(len(frame)), "lstm": rmse, "naive": naive, "last": last},
        remark="two windows train nothing: the honest forecast of the next price is the last one, "
        f"{last:.0f}. On prices that walk at random nothing beats it, and a network is to be judged beside it",
    )  # fmt: skip


def _generator(text: str, quick: bool) -> Row:
    before = text[:1000]
    found = lossmith.text.train_text(
        text, name="verses", hidden=(48, 48) if quick else (300, 300), window=50, batch_size=32 if quick else 128, dropout=0.2,
        epochs=1 if quick else 10, lowercase=True, sample_length=200, learning_rate=0.004,
    )  # fmt: skip
    weights = 4 * (300 * (1 + 300) + 300) + 4 * (300 * 600 + 300) + 301 * 40
    greedy = found.model.generate("the ", length=200, how=lossmith.text.Sampling(greedy=True))
    loops = any(finding.code == "LS535" for finding in lossmith.text.judge_text(greedy, None))
    start = [1, 2, 3]
    alias = start
    alias.append(4)  # what `new_string = X[start_index]` does to the training data
    return faulty(
        "H-R06", CLAIMS["H-R06"], "no output is reported; 1,095,640 weights with 40 characters",
        f"{weights:,} weights; held out {found.nats:.3f} nats a character, best n-grams {found.baselines.ngrams[found.baselines.best_order]:.3f} (order "
        f"{found.baselines.best_order}); the likeliest character always{' runs in a circle' if loops else ''}: {greedy[:60]!r}",
        {"weights": float(weights), "nats": found.nats, "ngram": found.baselines.ngrams[found.baselines.best_order], "loops": float(loops)},
        wrong=weights == 1_095_640 and len(start) == 4 and text[:1000] == before,
        remark="`new_string = X[start_index]` is the training list itself, and what is generated is appended to it; ours is a copy. "
        "np_utils is gone from Keras, and a greedy generator with a short memory falls into loops. "
        f"{found.verdict}",
    )  # fmt: skip


def _words(text: str, quick: bool) -> Row:
    found = lossmith.text.train_text(
        text, name="verses", level="word", hidden=(48,), embedding=32, epochs=1 if quick else 8, batch_size=16, window=32,
        words=1500, learning_rate=0.005, sample_length=60,
    )  # fmt: skip
    vocabulary = found.model.vocabulary
    whole = "".join(lossmith.text.tokenize(text[:500], "word")) == text[:500]
    return shown(
        "H-R07", CLAIMS["H-R07"],
        f"{len(vocabulary):,} words with vectors of 32: held out {found.nats:.2f} nats a token, best n-grams "
        f"{found.baselines.ngrams[found.baselines.best_order]:.2f}",
        {"tokens": float(len(vocabulary)), "nats": found.nats, "whole": float(whole)},
        remark="words, marks and spaces are tokens, so that the text comes back as it was and nothing has to be capitalised afterwards. The text "
        "names an embedding; its listing has none",
    )  # fmt: skip


def _listing() -> Row:
    keras = lossmith.training.load_keras()
    raw = np.array([[2.0, -1.0, 0.5]], np.float32)
    ours = float(lossmith.losses.get("categorical_crossentropy")(raw, np.array([[0, 0, 1.0]]))[0])
    theirs = float(keras.losses.CategoricalCrossentropy(from_logits=True)(np.array([[0, 0, 1.0]]), raw))
    by_hand = math.log(sum(math.exp(v) for v in raw[0])) - 0.5
    model: Any = lossmith.models.get("lstm:hidden=300x300,dropout=0.2").network((50, 1), 40)
    return confirmed(
        "H-R08", CLAIMS["H-R08"], "1,095,640 weights", [ours - by_hand, theirs - by_hand, model.count_params()], [0, 0, 1_095_640],
        within=1e-5, remark="the network of the listing is lstm:hidden=300x300,dropout=0.2",
    )  # fmt: skip


STUDY = Study(
    name="recurrent",
    source="H",
    title="Recurrent networks and generated text",
    claims=tuple(CLAIMS),
    run=run,
    reference="Handbook of Deep Learning Models, Volume One, chapter 5",
)
