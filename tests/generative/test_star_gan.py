"""One generator for many classes: a step by hand, classes on demand, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith._errors import DomainError, InvalidInputError, LossmithError, ModelFileError, ShapeError
from lossmith.generative import StarGAN, get_objective, load
from lossmith.generative._players import Player
from lossmith.generative._star_game import QUANTITIES, StarGame, StarRules
from lossmith.generative._translation_networks import translation_judge, translator
from lossmith.training.optimizers import make_optimizer

SMALL = {"network": "dense:hidden=8", "steps": 6, "batch_size": 16, "random_state": 0}
RATE = 0.05


def places(n=600, seed=0):
    """Return rows of three classes, each at a corner of a triangle."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n)
    centers = np.array([[0.0, 4.0], [-4.0, -2.0], [4.0, -2.0]])
    return rng.normal(scale=0.5, size=(n, 2)) + centers[y], np.array(["above", "left", "right"])[y]


X, Y = places()


def softmax(raw):
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_a_step_by_hand():
    import jax

    rules = StarRules(get_objective("least_squares"), 3.0, 2.0, 3, 8, 10, "constant")
    models = [translator("dense:hidden=0", (2,), False, 3), translation_judge("dense:hidden=0", (2,), 3)]
    players = [Player(model, make_optimizer("sgd", learning_rate=RATE)) for model in models]
    game = StarGame(players[0], players[1], rules)
    rows, labels = X.astype(np.float32), np.unique(Y, return_inverse=True)[1].astype(np.int32)
    state = game.init(3)
    new, values = game.step(state, rows, labels)
    _, which, wanted = jax.random.split(state.key, 3)
    chosen = np.asarray(jax.random.randint(which, (8,), 0, len(rows)))
    x, own = rows[chosen].astype(float), np.eye(3)[labels[chosen]]
    goal = np.eye(3)[np.asarray(jax.random.randint(wanted, (8,), 0, 3))]
    kernel, bias = [np.asarray(v, float) for v in state.generator.weights]
    w, c, names, shift = [np.asarray(v, float) for v in state.judge.weights]

    def loss(kernel):
        made = np.hstack([x, goal]) @ kernel + bias
        returned = np.hstack([made, own]) @ kernel + bias
        f, named = (made @ w + c)[:, 0], softmax(made @ names + shift)
        parts = 0.5 * (f**2).mean(), -np.log((named * goal).sum(axis=1)).mean(), np.abs(returned - x).mean()
        return parts[0] + 2 * parts[1] + 3 * parts[2], parts, made

    _, parts, made = loss(kernel)
    found = dict(zip(QUANTITIES, np.asarray(values), strict=True))
    assert [found[name] for name in ("generator_loss", "class_loss_generated", "cycle")] == pytest.approx(
        parts, rel=1e-4
    )
    for index in ((0, 0), (1, 1), (3, 0)):  # by central differences; the fourth row belongs to a class
        step = np.zeros_like(kernel)
        step[index] = 1e-6
        slope = (loss(kernel + step)[0] - loss(kernel - step)[0]) / 2e-6
        assert np.asarray(new.generator.weights[0])[index] == pytest.approx(
            kernel[index] - RATE * slope, rel=1e-4, abs=1e-6
        )
    # the discriminator: (r - 1)^2 / 2 + (f + 1)^2 / 2 + 2 CE of real rows, on what was made before the step
    r, f = (x @ w + c)[:, 0], (made @ w + c)[:, 0]
    named = softmax(x @ names + shift)
    assert found["class_loss_real"] == pytest.approx(-np.log((named * own).sum(axis=1)).mean(), rel=1e-4)
    np.testing.assert_allclose(
        np.asarray(new.judge.weights[0])[:, 0],
        w[:, 0] - RATE * (x.T @ (r - 1) + made.T @ (f + 1)) / 8,
        rtol=1e-4,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        np.asarray(new.judge.weights[2]), names - RATE * 2 * x.T @ (named - own) / 8, rtol=1e-4, atol=1e-6
    )


@pytest.fixture(scope="module")
def fitted():
    return StarGAN(**SMALL).fit(X, Y, sample_every=4)


def test_an_estimator_and_its_file(fitted, tmp_path):
    assert list(fitted.samples_) == [0, 4, 6] and fitted.samples_[6].shape == (24, 2)
    np.testing.assert_array_equal(fitted.samples_[6][8:16], fitted.translate(X[:8], "left"))
    np.testing.assert_array_equal(StarGAN(**SMALL).fit(X, Y).translate(X, Y), fitted.translate(X, Y))
    mixed = fitted.translate(X[:2], ["left", "right"])
    np.testing.assert_allclose(mixed[1:], fitted.translate(X[1:2], "right"), rtol=1e-5, atol=1e-6)
    path = tmp_path / "star.safetensors"
    fitted.save(path)
    again = load(path)
    np.testing.assert_array_equal(again.translate(X, "above"), fitted.translate(X, "above"))
    assert again.evaluate(X, Y).measures == fitted.evaluate(X, Y).measures and again.classes_.tolist() == [
        "above",
        "left",
        "right",
    ]
    inside = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    told = np.tile([[0.0, 0.0, 1.0]], (len(X), 1)).astype(np.float32)
    made = fitted.to_keras().predict([inside, told], verbose=0) * X.std(axis=0) + X.mean(axis=0)
    np.testing.assert_allclose(made, fitted.translate(X, "right"), rtol=1e-4, atol=1e-4)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ModelFileError):
        load(path)


@pytest.mark.slow
def test_rows_go_where_they_are_sent_and_come_back():
    model = StarGAN(network="dense:hidden=64x64", steps=1500, batch_size=64, random_state=0).fit(X, Y)
    fresh, labels = places(300, seed=7)
    found = model.evaluate(fresh, labels)
    assert list(found.measures) == ["to above", "to left", "to right"] and not found.findings
    for values in found.measures.values():
        assert values["taken_for"] > 0.9 and values["cycle"] < 0.25
    for label in ("above", "left", "right"):
        np.testing.assert_allclose(model.translate(fresh, label).mean(axis=0), X[label == Y].mean(axis=0), atol=1.0)


@pytest.mark.slow
def test_images_are_translated():
    """Three greys of the same shapes."""
    rng = np.random.default_rng(0)
    shapes = (rng.random((300, 2, 2, 1)) < 0.5).repeat(4, axis=1).repeat(4, axis=2)
    y = np.arange(300) % 3
    images = np.where(shapes, np.array([80, 160, 240])[y][:, None, None, None], 0).astype(np.uint8)
    model = StarGAN(network="conv:base=4,blocks=1", steps=200, batch_size=16, random_state=0).fit(images[:200], y[:200])
    made = model.translate(images[200:], 2)
    assert made.shape == (100, 8, 8, 1) and made.min() >= 0 and made.max() <= 1
    bright = [model.translate(images[200:], label)[shapes[200:]].mean() for label in (0, 1, 2)]
    assert bright[0] < bright[1] < bright[2]


@pytest.mark.parametrize(
    "change,rows,kind,words",
    [
        ({"naming": -1}, (X, Y), DomainError, "naming"),
        ({"steps": 0}, (X, Y), InvalidInputError, "steps=0"),
        ({"objective": "fgan_kl"}, (X, Y), InvalidInputError, "one of non_saturating"),
        ({}, (X, np.zeros(len(X))), InvalidInputError, "two classes or more"),
        ({}, (X, Y[:5]), InvalidInputError, "one for each row"),
        ({}, (X[0], Y), ShapeError, "n_samples"),
        ({"network": "conv"}, (X, Y), InvalidInputError, "images"),
    ],
)
def test_refusals(change, rows, kind, words):
    with pytest.raises(kind, match=words) as caught:
        StarGAN(**{**SMALL, **change}).fit(*rows)
    assert isinstance(caught.value, LossmithError) and "\n" not in str(caught.value)


def test_refusals_after_fitting(fitted):
    with pytest.raises(InvalidInputError, match="one of above, left, right"):
        fitted.translate(X, "below")
    with pytest.raises(ShapeError, match="one class, or"):
        fitted.translate(X, ["left", "right", "left"])
    with pytest.raises(InvalidInputError, match="rows of one class"):
        fitted.evaluate(X[:1], Y[:1])
    with pytest.raises(ShapeError, match="rows of shape"):
        fitted.translate(np.zeros((2, 9)), "left")
