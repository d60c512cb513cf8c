"""H1-01 to H1-03: threshold neurons and the perceptron, layers trained before the task, autoencoders and transfer.

Source: the handbook's first chapter, which tells their history without equations and numbers; what it says of them is put
to the test here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection

import numpy as np

import lossmith
from lossmith.studies._rows import measured
from lossmith.studies._spec import Row, RowVerdict, Study, StudyResult
from lossmith.studies._tuning import Descent, answers, difference, drawn_weights, layer_slopes, tuned, with_interval

__all__ = ["STUDY"]

CLAIMS = {
    "H1-01": "McCulloch and Pitts's neuron; Rosenblatt's perceptron learns simple patterns of two classes",
    "H1-02": "a deep belief network: a stack of RBMs trained layer by layer, then as a whole, overcomes vanishing gradients",
    "H1-03": "autoencoders reconstruct; a network that is loaded, frozen and trained further serves a small task",
}
LAYERS = (64, 64, 64, 64)

Progress = Callable[[float, int, str, str], None]
Floats = np.ndarray


def run(*, quick: bool = False, progress: Progress | None = None, claims: Collection[str] | None = None) -> StudyResult:
    """Measure every claim, or those named, on generated data and scikit-learn's digits; `quick` trains 3 seeds in place of 10."""
    seeds = 3 if quick else 10
    parts: dict[str, Callable[[], Row | tuple[Row, str]]] = {
        "H1-01": lambda: _threshold(seeds),
        "H1-02": lambda: _belief(seeds),
        "H1-03": lambda: _transfer(seeds),
    }
    return measured("early_networks", parts, claims=claims, progress=progress)


def _neuron(table: Floats, inputs: Floats) -> tuple[Floats, float] | None:
    """Return weights and threshold of a neuron that answers 1 where `table` does, or None where there is none.

    A linear program: w x - t >= 1 where the answer is 1, and w x - t <= -1 where it is 0.
    """
    from scipy.optimize import linprog

    sign = np.where(table, 1.0, -1.0)
    design = -sign[:, None] * np.column_stack([inputs, -np.ones(len(inputs))])
    found = linprog(np.zeros(design.shape[1]), A_ub=design, b_ub=-np.ones(len(sign)), bounds=(None, None))
    return (found.x[:-1], float(found.x[-1])) if found.status == 0 else None


def _representable(n_inputs: int) -> int:
    """Return how many Boolean functions one neuron computes, each checked on its table."""
    inputs = np.array(list(itertools.product((0, 1), repeat=n_inputs)), dtype=float)
    count = 0
    for bits in itertools.product((False, True), repeat=len(inputs)):
        neuron = _neuron(np.array(bits), inputs)
        count += neuron is not None and bool(((inputs @ neuron[0] > neuron[1]) == np.array(bits)).all())
    return count


def _mistakes(inputs: Floats, signs: Floats, *, passes: int) -> tuple[Floats, int, bool]:
    """Return the weights of Rosenblatt's rule, the number of its corrections, and whether a pass went without one."""
    weights, corrections = np.zeros(inputs.shape[1]), 0
    for _ in range(passes):
        before = corrections
        for x, sign in zip(inputs, signs, strict=True):
            if sign * (weights @ x) <= 0:
                weights, corrections = weights + sign * x, corrections + 1
        if corrections == before:
            return weights, corrections, True
    return weights, corrections, False


def _threshold(seeds: int) -> Row:
    from sklearn.linear_model import Perceptron

    counts = {n: _representable(n) for n in (2, 3)}
    bound, learned, same = 0.0, 0, 0
    for seed in range(seeds):
        rng = np.random.default_rng([101, seed])
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        inputs = np.column_stack([rng.normal(size=(400, 2)), np.ones(400)])
        inputs = inputs[np.abs(inputs @ direction) > 0.1]  # the margin that Novikoff's bound needs
        signs = np.sign(inputs @ direction)
        weights, corrections, ended = _mistakes(inputs, signs, passes=500)
        learned += ended and bool((np.sign(inputs @ weights) == signs).all())
        margin = float((signs * (inputs @ direction)).min())
        bound = max(bound, corrections / (np.linalg.norm(inputs, axis=1).max() / margin) ** 2)
        theirs = Perceptron(fit_intercept=False, shuffle=False, tol=None, max_iter=500).fit(inputs, signs)
        same += bool(np.allclose(theirs.coef_[0], weights))
    table = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=float)
    endless = not _mistakes(table, np.array([-1, 1, 1, -1]), passes=2000)[2]
    right = counts == {2: 14, 3: 104} and learned == seeds and bound <= 1 and endless
    return Row(
        "H1-01",
        CLAIMS["H1-01"],
        "no algorithm is given",
        f"one neuron computes {counts[2]} of 16 functions of two inputs and {counts[3]} of 256 of three; the perceptron learns {learned} of {seeds} "
        f"separable sets without a mistake, with at most {bound:.2f} of the corrections that (R / margin) squared allows; exclusive or never ends",
        "reproduced" if right else "differs",
        f"14 and 104 are the counts of the literature (Muroga, 1971), found here by a linear program for each function; the bound is Novikoff's (1962). "
        f"scikit-learn's Perceptron ends at the same weights in {same} of {seeds} sets",
        {"two": float(counts[2]), "three": float(counts[3]), "learned": learned / seeds, "bound": float(bound), "same": same / seeds},
    )  # fmt: skip


def _digits() -> tuple[Floats, Floats]:
    from sklearn.datasets import load_digits

    inputs, labels = load_digits(return_X_y=True)
    return (inputs / 16).astype(np.float32), labels


def _stack(inputs: Floats, seed: int) -> list[Floats]:
    """Return kernels and biases of RBMs, each trained on what the one below makes of the inputs."""
    from sklearn.neural_network import BernoulliRBM

    found, here = [], inputs
    for width in LAYERS:
        machine = BernoulliRBM(n_components=width, learning_rate=0.05, n_iter=15, random_state=seed).fit(here)
        found += [machine.components_.T, machine.intercept_hidden_]
        here = machine.transform(here)
    return found


def _belief(seeds: int) -> Row:
    inputs, labels = _digits()
    one_hot = np.eye(10)[labels]
    hidden = "x".join(map(str, LAYERS))
    network = lossmith.models.get(f"mlp:hidden={hidden},activation=sigmoid").network((64,), 10)
    starts: dict[str, list[list[Floats]]] = {"small": [], "glorot": [], "stack": []}
    known, test = [], []
    for seed in range(seeds):
        rows = np.random.default_rng([102, seed]).permutation(len(inputs))
        known.append(rows[:200])
        test.append(rows[-500:])
        rng = np.random.default_rng([103, seed])
        starts["small"].append(drawn_weights(network, rng, deviation=0.1))
        starts["glorot"].append(drawn_weights(network, rng))
        top = drawn_weights(network, rng)[-2:]
        starts["stack"].append([*_stack(inputs[rows[:-500]], seed), *top])
    x, y = inputs[np.array(known)], one_hot[np.array(known)]
    accuracy, ratio = {}, {}
    for name, begin in starts.items():
        ended = tuned(network, begin, x, y, descent=Descent(0.1, 100), seed=104)
        said = answers(network, ended, inputs[np.array(test)]).argmax(axis=-1)
        accuracy[name] = (said == labels[np.array(test)]).mean(axis=-1)
        slopes = layer_slopes(network, begin[0], x[0], y[0])
        ratio[name] = slopes[0] / slopes[-1]
    gap, low, high = difference(accuracy["stack"], accuracy["small"])
    modern, modern_low, modern_high = difference(accuracy["stack"], accuracy["glorot"])
    verdict: RowVerdict = "reproduced" if low > 0 and ratio["stack"] > ratio["small"] else "differs"
    names = {"small": "normal weights of 0.1", "glorot": "Glorot's weights", "stack": "the stack"}
    text = "; ".join(
        f"{names[name]} {with_interval(values)[0]}, first gradient {ratio[name]:.1g} of the last"
        for name, values in accuracy.items()
    )
    return Row(
        "H1-02",
        CLAIMS["H1-02"],
        "text",
        f"digits, 200 labels, {len(LAYERS)} layers of sigmoids, 100 epochs, {seeds} seeds: accuracy from {text}; stack less 0.1 {gap:+.3f} [{low:+.3f}, {high:+.3f}]",
        verdict,
        f"stack less Glorot's {modern:+.3f} [{modern_low:+.3f}, {modern_high:+.3f}]. The first gradient is still small: what the stack repairs is where training begins. The RBMs see the rows without labels too (scikit-learn's BernoulliRBM), "
        "which no other start does",
        {f"{name}_accuracy": float(values.mean()) for name, values in accuracy.items()}
        | {f"{name}_ratio": value for name, value in ratio.items()}
        | {"gap": gap, "low": low, "modern": modern},
    )


def _transfer(seeds: int) -> Row:
    from sklearn.decomposition import PCA

    inputs, labels = _digits()
    model = lossmith.generative.Autoencoder(
        latent=8, network="dense:hidden=64", epochs=60, batch_size=64, random_state=0
    )
    rows = np.random.default_rng(105).permutation(len(inputs))
    train, held = inputs[rows[:-500]], inputs[rows[-500:]]
    made = model.fit(train).inverse_transform(model.transform(held)).reshape(held.shape)
    errors = {"autoencoder": float(((made - held) ** 2).mean())}
    line = PCA(8, random_state=0).fit(train)
    errors["PCA"] = float(((line.inverse_transform(line.transform(held)) - held) ** 2).mean())
    errors["the mean"] = float(((train.mean(axis=0) - held) ** 2).mean())

    network = lossmith.models.get("mlp:hidden=64x32").network((64,), 5)
    few = labels >= 5
    old_inputs, old_targets = inputs[~few], np.eye(5)[labels[~few]]
    new_inputs, new_labels = inputs[few], labels[few] - 5
    chosen = [np.random.default_rng([106, seed]).permutation(len(new_labels)) for seed in range(seeds)]
    fresh = [drawn_weights(network, np.random.default_rng([107, seed])) for seed in range(seeds)]
    learned = tuned(
        network, fresh, np.stack([old_inputs] * seeds), np.stack([old_targets] * seeds), descent=Descent(0.02, 20), seed=108
    )  # fmt: skip
    x = np.stack([new_inputs[rows[:25]] for rows in chosen])
    y = np.stack([np.eye(5)[new_labels[rows[:25]]] for rows in chosen])
    test = np.stack([rows[25:] for rows in chosen])
    heads = [[*[w[seed] for w in learned[:-2]], *fresh[seed][-2:]] for seed in range(seeds)]
    accuracy, unmoved = {}, 0.0
    for name, start, frozen in (("scratch", fresh, 0), ("frozen", heads, 4), ("fine-tuned", heads, 0)):
        ended = tuned(network, start, x, y, descent=Descent(0.02, 400, batch=25), seed=109, frozen=frozen)
        said = answers(network, ended, new_inputs[test]).argmax(axis=-1)
        accuracy[name] = (said == new_labels[test]).mean(axis=-1)
        if frozen:
            unmoved = max(float(np.abs(w - v).max()) for w, v in zip(ended[:4], learned[:4], strict=True))
    gap, low, high = difference(accuracy["frozen"], accuracy["scratch"])
    tuned_gap, tuned_low, tuned_high = difference(accuracy["fine-tuned"], accuracy["scratch"])
    helps = max(low, tuned_low) > 0 and unmoved == 0 and errors["autoencoder"] < errors["the mean"]
    return Row(
        "H1-03",
        CLAIMS["H1-03"],
        "text",
        "squared error of held-out digits from 8 numbers: " + ", ".join(f"{name} {value:.4f}" for name, value in errors.items())
        + f"; digits 5 to 9 from 25 images after 0 to 4, {seeds} seeds: "
        + ", ".join(f"{name} {with_interval(values)[0]}" for name, values in accuracy.items()),
        "reproduced" if helps else "differs",
        f"frozen less scratch {gap:+.3f} [{low:+.3f}, {high:+.3f}], fine-tuned less scratch {tuned_gap:+.3f} [{tuned_low:+.3f}, {tuned_high:+.3f}]; "
        f"frozen weights moved by {unmoved:g}. "
        + ("What was learned elsewhere helps" if max(low, tuned_low) > 0 else "Layers that tell five digits apart do not serve the five others better than a fresh start, and the frozen ones worse")
        + "; convolutions: H-C19",
        {**{f"error_{name}": value for name, value in errors.items()}, **{name: float(v.mean()) for name, v in accuracy.items()}, "frozen_gap": gap, "unmoved": unmoved},
    )  # fmt: skip


STUDY = Study(
    name="early_networks",
    source="H1",
    title="Threshold neurons, layers trained before the task, and transfer",
    claims=tuple(CLAIMS),
    run=run,
    by_claim=True,
    reference="Handbook of Deep Learning Models, Volume One, chapter 1",
)
