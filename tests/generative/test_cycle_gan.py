"""Two generators and two discriminators: a step by hand, cycles that close, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lossmith._errors import DomainError, InvalidInputError, LossmithError, ModelFileError, ShapeError, UnknownNameError
from lossmith.generative import CycleGAN, Translation, get_objective, load
from lossmith.generative._cycle_game import QUANTITIES, CycleGame, CycleRules
from lossmith.generative._players import Player
from lossmith.generative._translation_networks import translation_judge, translator
from lossmith.generative._translation_result import judged_translation
from lossmith.training.optimizers import make_optimizer

SMALL = {"network": "dense:hidden=8", "steps": 6, "batch_size": 16, "random_state": 0}
RATE = 0.05


def heaps(n=600, seed=0):
    """Return two kinds of rows: groups of unequal weight beside each other, and one above the other."""
    rng = np.random.default_rng(seed)
    one = rng.normal(scale=0.3, size=(n, 2)) + np.where(rng.random(n) < 0.8, -2.0, 2.0)[:, None] * [1, 0]
    other = rng.normal(scale=0.6, size=(n, 2)) + np.where(rng.random(n) < 0.8, -4.0, 4.0)[:, None] * [0, 1] + 10
    return one, other


X, Y = heaps()


def linear(objective="least_squares", **changes):
    """Return a game of linear networks under plain gradient descent."""
    rules = {"objective": get_objective(objective), "cycle": 3.0, "identity": 2.0, "batch_size": 8, "steps": 10, "schedule": "constant"}  # fmt: skip
    models = [translator("dense:hidden=0", (2,), False)] * 2 + [translation_judge("dense:hidden=0", (2,))] * 2
    players = [Player(model, make_optimizer("sgd", learning_rate=RATE)) for model in models]
    return CycleGame((players[0], players[1]), (players[2], players[3]), CycleRules(**{**rules, **changes}))


def numbers(standing):
    return [np.asarray(value, float) for value in standing.weights]


def drawn(state, rules, one, other):
    """Return the rows of the first step."""
    import jax

    _, a, b = jax.random.split(state.key, 3)
    pick = [np.asarray(jax.random.randint(k, (rules.batch_size,), 0, len(kind))) for k, kind in ((a, one), (b, other))]
    return one[pick[0]].astype(float), other[pick[1]].astype(float)


def loss_of_generators(there, back, judges, x, y, rules):
    """Least squares against both judges, and mean absolute differences, by the formulas of the source."""
    go, come = (lambda rows, w=w: rows @ w[0] + w[1] for w in (there, back))
    judged = [judges[0], judges[1]]
    adversarial = sum(
        0.5 * np.mean((made @ w[0] + w[1]) ** 2) for made, w in zip((go(x), come(y)), judged, strict=True)
    )
    cycle = np.abs(come(go(x)) - x).mean() + np.abs(go(come(y)) - y).mean()
    identity = np.abs(go(y) - y).mean() + np.abs(come(x) - x).mean()
    return adversarial + rules.cycle * cycle + rules.identity * identity, adversarial, cycle, identity


def test_a_step_by_hand():
    game = linear()
    rows, others = X.astype(np.float32), (Y / 5).astype(np.float32)
    state = game.init(3)
    new, values = game.step(state, rows, others)
    x, y = drawn(state, game.rules, rows, others)
    there, back = numbers(state.there), numbers(state.back)
    judges = [numbers(state.judge_there), numbers(state.judge_back)]
    _, adversarial, cycle, identity = loss_of_generators(there, back, judges, x, y, game.rules)
    found = dict(zip(QUANTITIES, np.asarray(values), strict=True))
    assert found["generator_loss"] == pytest.approx(adversarial, rel=1e-5)
    assert (found["cycle"], found["identity"]) == pytest.approx((cycle / 2, identity / 2), rel=1e-5)
    # slopes of the generators' loss by central differences
    for place, (before, after) in enumerate(((there, numbers(new.there)), (back, numbers(new.back)))):
        for index in ((0, 0), (1, 1)):
            ends = []
            for sign in (1, -1):
                moved = [there, back]
                moved[place] = [before[0].copy(), before[1]]
                moved[place][0][index] += sign * 1e-6
                ends.append(loss_of_generators(*moved, judges, x, y, game.rules)[0])
            slope = (ends[0] - ends[1]) / 2e-6
            assert after[0][index] == pytest.approx(before[0][index] - RATE * slope, rel=1e-4, abs=1e-6)
    # judges learn on what generators made before their step: d/dw of (r - 1)^2 / 2 + (f + 1)^2 / 2
    for own, after, real, fake in (
        (judges[0], numbers(new.judge_there), y, x @ there[0] + there[1]),
        (judges[1], numbers(new.judge_back), x, y @ back[0] + back[1]),
    ):
        r, f = real @ own[0] + own[1], fake @ own[0] + own[1]
        slope = real.T @ (r - 1) / len(r) + fake.T @ (f + 1) / len(f)
        np.testing.assert_allclose(after[0], own[0] - RATE * slope, rtol=1e-4, atol=1e-6)


def test_a_step_that_breaks_is_not_taken():
    game = linear()
    state = game.init(1)
    new, values = game.step(state, np.full((9, 2), np.inf, np.float32), Y.astype(np.float32))
    assert not new.alive and np.isnan(np.asarray(values)).all() and int(new.step) == 1
    for before, after in zip(numbers(state.there) + numbers(state.judge_back), numbers(new.there) + numbers(new.judge_back), strict=True):  # fmt: skip
        assert np.array_equal(before, after)


def test_rates_fall_over_the_second_half():
    game = linear(schedule="linear", steps=4)
    rows = X.astype(np.float32)
    state = game.init(0)._replace(step=np.int32(3))
    whole, half = (
        numbers(game.step(state._replace(step=np.int32(step)), rows, rows)[0].there)[0] - numbers(state.there)[0]
        for step in (0, 3)
    )
    np.testing.assert_allclose(half, whole / 2, rtol=1e-4, atol=1e-7)


@pytest.fixture(scope="module")
def fitted():
    return CycleGAN(**SMALL).fit(X, Y, sample_every=4)


def test_an_estimator_turns_rows_both_ways(fitted):
    assert list(fitted.samples_) == [0, 4, 6] and fitted.samples_[6].shape == (8, 2)
    assert set(fitted.curves_) == set(QUANTITIES) and all(values.shape == (6,) for values in fitted.curves_.values())
    np.testing.assert_array_equal(fitted.samples_[6], fitted.transform(X[:8]))
    again = CycleGAN(**SMALL).fit(X, Y)
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    other = CycleGAN(**{**SMALL, "random_state": 1}).fit(X, Y)
    assert not np.allclose(other.transform(X), fitted.transform(X))
    one, two = fitted.to_keras()
    inside = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    np.testing.assert_allclose(
        one.predict(inside, verbose=0) * Y.std(axis=0) + Y.mean(axis=0), fitted.transform(X), rtol=1e-4, atol=1e-4
    )
    assert two.predict(inside, verbose=0).shape == X.shape
    assert fitted.transform(X[:1]).shape == (1, 2) and fitted.transform(X.astype(np.float32)).dtype == np.float64


def test_files(fitted, tmp_path):
    path = tmp_path / "cycle.safetensors"
    fitted.save(path)
    again = load(path)
    assert isinstance(again, CycleGAN) and again.get_params() == fitted.get_params()
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(again.inverse_transform(Y), fitted.inverse_transform(Y))
    assert again.evaluate(X, Y).measures == fitted.evaluate(X, Y).measures
    data = path.read_bytes()
    for place in range(0, len(data), len(data) // 40):
        torn = bytearray(data)
        torn[place] ^= 0x55
        path.write_bytes(bytes(torn))
        with pytest.raises(ModelFileError):
            load(path)


def test_what_a_translation_is_worth_by_hand():
    """Rows a and -a: a way that turns signs closes and is taken for the other kind; one that hands rows through is idle."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(2.0, 1.0, (300, 3)), rng.normal(-2.0, 1.0, (300, 3))
    turned = {"rows": a, "made": -a, "returned": a, "wanted": b, "kept": b}
    found = judged_translation({"there": turned}, curves={}, diverged=0, seed=0)
    assert found.measures["there"]["cycle"] == found.measures["there"]["identity"] == 0
    assert found.measures["there"]["taken_for"] > 0.95 and found.measures["there"]["told_apart"] > 0.95
    assert found.findings == () and found.usable
    idle = judged_translation({"there": {**turned, "made": a}}, curves={}, diverged=0, seed=0)
    assert [finding.code for finding in idle.findings] == ["LS524"]
    # what comes back is another row of the kind: E|x - x'| of it, so a share of 1
    shuffled = judged_translation({"there": {**turned, "returned": a[::-1]}}, curves={}, diverged=0, seed=0)
    assert shuffled.measures["there"]["cycle"] == pytest.approx(1.0, abs=0.05)
    assert [finding.code for finding in shuffled.findings] == ["LS523"]
    broken = judged_translation({"there": turned}, curves={}, diverged=7, seed=0)
    assert [finding.code for finding in broken.findings] == ["LS517"] and not broken.usable


def test_views(fitted, tmp_path):
    found = fitted.evaluate(X[:50], Y[:40])
    assert isinstance(found, Translation) and found.n_samples == 40
    assert found.table().columns == ["direction", "cycle", "identity", "taken_for", "told_apart"]
    said = json.loads(found.to_json())
    assert set(said["measures"]) == {"there", "back"} and said["n_samples"] == 40
    page = found.report(tmp_path / "cycle.html").read_text()
    assert page.count("<svg") == 1 and "taken for" in page
    assert found.plot().get_title(loc="left") == "Losses" and "iframe" in found._repr_html_()
    assert "there: cycle" in str(found)
    assert fitted.score(X[:50], Y[:40]) == -np.mean([values["cycle"] for values in found.measures.values()])


@pytest.mark.slow
def test_heaps_become_each_other_and_cycles_close():
    """Groups beside each other become groups one above the other; deviations are those of the other kind."""
    fresh = heaps(seed=5)
    model = CycleGAN(network="dense:hidden=64x64", identity=0.0, steps=1500, batch_size=64, random_state=0).fit(X, Y)
    found = model.evaluate(*fresh)
    for values in found.measures.values():
        assert values["cycle"] < 0.2 and values["taken_for"] > 0.9
    made = model.transform(fresh[0])
    np.testing.assert_allclose(made.std(axis=0), Y.std(axis=0), rtol=0.35)


@pytest.mark.slow
def test_digits_and_their_negatives():
    """A map that is known: grey x becomes 1 - x. A generator that is not told so finds it."""
    from sklearn.datasets import load_digits

    images = load_digits().images[..., None]
    images = np.rint(images / 16 * 255).astype(np.uint8)
    one, other = images[:800], 255 - images[800:1600]
    model = CycleGAN(network="conv:base=8,blocks=1", steps=600, batch_size=32, random_state=0).fit(one, other)
    fresh = images[1600:]
    found = model.evaluate(fresh, 255 - fresh)
    assert found.usable and not found.findings
    for values in found.measures.values():
        assert values["cycle"] < 0.45 and values["taken_for"] > 0.95
    # nearer to its own negative than the digit itself is
    negatives = 1 - fresh / 255
    assert np.abs(model.transform(fresh) - negatives).mean() < 0.6 * np.abs(fresh / 255 - negatives).mean()


@pytest.mark.parametrize(
    "change,rows,kind,words",
    [
        ({"steps": 0}, (X, Y), InvalidInputError, "steps=0"),
        ({"cycle": -1.0}, (X, Y), DomainError, "cycle"),
        ({"objective": "wasserstein"}, (X, Y), InvalidInputError, "needs a penalty"),
        ({"objective": "relativistic"}, (X, Y), InvalidInputError, "one of non_saturating"),
        ({"network": "dens"}, (X, Y), UnknownNameError, "did you mean 'dense'"),
        ({"network": "dense:base=3"}, (X, Y), UnknownNameError, "no parameter 'base'"),
        ({"network": "conv"}, (X, Y), InvalidInputError, "images"),
        ({"network": "conv:base=x"}, (X, Y), InvalidInputError, "whole numbers"),
        ({"schedule": "cosine"}, (X, Y), InvalidInputError, "one of linear, constant"),
        ({}, (X, Y[:, :1]), ShapeError, "second kind"),
        ({}, (X[:0], Y), ShapeError, "one row or more"),
        ({}, (X, np.full((3, 2), np.nan)), InvalidInputError, "NaN"),
        ({}, (X, [["a", "b"]]), InvalidInputError, "no numbers"),
        ({}, (np.zeros((4, 8, 8, 1), np.uint8), np.zeros((4, 8, 8, 1))), InvalidInputError, "one kind of numbers"),
    ],
)
def test_refusals(change, rows, kind, words):
    with pytest.raises(kind, match=words) as caught:
        CycleGAN(**{**SMALL, **change}).fit(*rows)
    assert isinstance(caught.value, LossmithError) and "\n" not in str(caught.value)


def test_refusals_after_fitting(fitted):
    with pytest.raises(ShapeError, match="rows of shape"):
        fitted.transform(np.zeros((3, 5)))
    with pytest.raises(ShapeError, match="second kind"):
        fitted.evaluate(X, np.zeros((3, 5)))
