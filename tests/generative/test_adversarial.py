"""One step of adversarial training by hand, on networks without hidden layers, and what estimators do with many."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from lossmith._errors import DomainError, InvalidInputError, LossmithError, ModelFileError, ShapeError, UnknownNameError
from lossmith.generative import GenerativeAdversarialNetwork, get_objective, load, mode_coverage, ring_of_gaussians
from lossmith.generative._adversarial import QUANTITIES, Adversaries, Game
from lossmith.generative._generator_networks import doublings, opponents
from lossmith.generative._mixtures import mixture_settings
from lossmith.training.optimizers import make_optimizer

RING = ring_of_gaussians()
X = RING.sample(500, rng=np.random.default_rng(0))
SMALL = {"network": "dense:hidden=8", "latent": 3, "steps": 6, "batch_size": 16, "random_state": 0}
RATE = 0.1


def linear(objective="non_saturating", **changes):
    """Return adversaries G(z) = z A + a and D(x) = x w + c under plain gradient descent."""
    settings = {
        "objective": get_objective(objective), "penalty": "none", "penalty_weight": 0.0, "critic_steps": 1, "smoothing": 0.0,
        "average": 0.0, "batch_size": 4, "latent": 2, "n_classes": 0, "schedule": "constant", "steps": 10,
    }  # fmt: skip
    game = Game(**{**settings, **changes})
    networks = opponents("dense:hidden=0", (2,), 2, 0, False)
    optimizers = [make_optimizer("sgd", learning_rate=RATE) for _ in range(2)]
    return Adversaries(networks.generator, networks.discriminator, *optimizers, game)


def draws(adversaries, key, rows):
    import jax

    key, real, _, z = adversaries._draw(key, rows, np.zeros(len(rows), np.int32))
    return key, np.asarray(real, float), np.asarray(z, float), jax


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.slow
def test_a_step_by_hand():
    adversaries = linear(batch_size=64)
    state = adversaries.init(5)
    rows = np.asarray(X, np.float32)
    new, values = adversaries.step(state, rows, np.zeros(len(rows), np.int32))
    (kernel, bias), (w, c) = [[np.asarray(v, float) for v in part] for part in (state.generator, state.discriminator)]
    key, real, z, jax = draws(adversaries, state.key, rows)
    fake = z @ kernel + bias
    r, f = (real @ w + c)[:, 0], (fake @ w + c)[:, 0]
    # d/dw [mean log(1 + e^-r) + mean log(1 + e^f)]
    slope = -(sigmoid(-r)[:, None] * real).mean(axis=0) + (sigmoid(f)[:, None] * fake).mean(axis=0)
    expected_w = w[:, 0] - RATE * slope
    expected_c = c - RATE * (-sigmoid(-r).mean() + sigmoid(f).mean())
    np.testing.assert_allclose(np.asarray(new.discriminator[0])[:, 0], expected_w, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(new.discriminator[1]), expected_c, rtol=1e-5)
    key = jax.random.split(key, 4)[0]
    _, _, z, _ = draws(adversaries, key, rows)
    f = (z @ kernel + bias) @ expected_w + expected_c
    # the generator sees the discriminator after its step: d/dA mean log(1 + e^-f)
    pull = -sigmoid(-f) / len(f)
    np.testing.assert_allclose(
        np.asarray(new.generator[0]), kernel - RATE * z.T @ np.outer(pull, expected_w), rtol=1e-5
    )
    np.testing.assert_allclose(
        np.asarray(new.generator[1]), bias - RATE * pull.sum() * expected_w, rtol=1e-4, atol=1e-7
    )
    found = dict(zip(QUANTITIES, np.asarray(values), strict=True))
    assert found["generator_loss"] == pytest.approx(np.log1p(np.exp(-f)).mean(), rel=1e-5)
    assert found["accuracy_real"] == pytest.approx((r > 0).mean())


@pytest.mark.parametrize("penalty", ["r1", "r1r2", "gradient"])
def test_penalties_of_a_linear_discriminator(penalty):
    """The slope of D(x) = x w + c is w everywhere, so that every penalty is a function of |w|."""
    adversaries = linear("wasserstein", penalty=penalty, penalty_weight=3.0)
    state = adversaries.init(1)
    _, values = adversaries.step(state, np.asarray(X, np.float32), np.zeros(len(X), np.int32))
    length = np.linalg.norm(np.asarray(state.discriminator[0], float))
    expected = {"r1": 1.5 * length**2, "r1r2": 3.0 * length**2, "gradient": 3.0 * (length - 1) ** 2}[penalty]
    assert float(values[QUANTITIES.index("penalty")]) == pytest.approx(expected, rel=1e-4)


def test_clipping_bounds_every_weight():
    adversaries = linear("wasserstein", penalty="clip", penalty_weight=0.01, critic_steps=3)
    state, _ = adversaries.step(adversaries.init(1), np.asarray(X, np.float32), np.zeros(len(X), np.int32))
    assert max(np.abs(np.asarray(v)).max() for v in state.discriminator) <= 0.01 + 1e-9


def test_the_average_follows_the_weights():
    adversaries = linear(average=0.9)
    state = adversaries.init(1)
    expected = np.asarray(state.generator[0], float)
    for step in range(3):
        state, _ = adversaries.step(state, np.asarray(X, np.float32), np.zeros(len(X), np.int32))
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * np.asarray(state.generator[0], float)
    np.testing.assert_allclose(np.asarray(state.averaged[0]), expected, rtol=1e-5)


def test_a_step_that_breaks_is_not_taken():
    adversaries = linear()
    state = adversaries.init(1)
    rows = np.full((10, 2), np.inf, np.float32)
    new, values = adversaries.step(state, rows, np.zeros(10, np.int32))
    assert not new.alive and np.isnan(np.asarray(values)).all()
    for before, after in zip(state.generator + state.discriminator, new.generator + new.discriminator, strict=True):
        assert np.array_equal(np.asarray(before), np.asarray(after))


def test_noise_fades():
    adversaries = linear(noise=2.0, steps=100)
    import jax

    key = jax.random.key_data(jax.random.key(0))
    rows = np.zeros((20_000, 2), np.float32)
    state = adversaries.init(0)
    for step, deviation in ((0, 2.0), (30, 0.2), (60, 0.02), (100, 0.02)):
        left = adversaries._left(state._replace(step=np.int32(step)))
        assert np.asarray(adversaries._blurred(rows, key, left)).std() == pytest.approx(deviation, rel=0.03)


def test_the_adaptive_scale_follows_the_discriminator():
    """Down by 0.4 % a step where it wins few pairs, up where it wins nearly all, still at three quarters, never outside."""
    adversaries = linear(schedule="adaptive", steps=100)
    for won, factor in ((0.5, np.exp(-0.004)), (0.8, np.exp(0.0016)), (0.75, 1.0), (1.0, np.exp(0.004))):
        assert float(adversaries._rescaled(np.float32(0.1), won)) == pytest.approx(0.1 * factor, rel=1e-5)
    assert float(adversaries._rescaled(np.float32(1), 1.0)) == 1
    assert float(adversaries._rescaled(np.float32(0.01), 0.0)) == pytest.approx(0.01)
    state = adversaries.init(1)._replace(scale=np.float32(0.25))
    assert float(adversaries._factor(state)) == pytest.approx(0.25**0.7)
    assert float(adversaries._factor(state._replace(step=np.int32(90)))) == pytest.approx(0.25**0.7 * 0.4)
    assert float(adversaries._weight(0.25)) == 0.0625


def test_waves_are_dimmed_by_the_blur():
    """The mean of a wave over Gaussian noise of that deviation, by 100,000 draws."""
    from lossmith.generative._waves import Waves

    layer = Waves(3, slowest=0.5, fastest=4.0)
    point, noise = np.array([[0.3, -0.4]], "float32"), np.random.default_rng(0).normal(scale=0.5, size=(100_000, 2))
    expected = np.asarray(layer((point + noise).astype("float32"))).mean(axis=0)
    layer.blur.assign(0.5)
    np.testing.assert_allclose(np.asarray(layer(point))[0], expected, atol=0.01)


def test_bits_are_signs_and_the_rest_is_normal(fitted):
    """In training and in samples alike: the first numbers are -1 or 1, half of the time each."""
    import copy

    import jax

    bits = copy.copy(fitted)
    bits.bits = 2
    trained = np.asarray(linear(latent=3, bits=2).noise(jax.random.key_data(jax.random.key(0)), 20_000))
    sampled = bits._noise(20_000, np.random.default_rng(0))
    for z in (trained, sampled):
        assert np.unique(z[:, :2]).tolist() == [-1, 1] and np.abs(z[:, :2].mean(axis=0)).max() < 0.03
        assert np.abs(np.corrcoef(z.T) - np.eye(3)).max() < 0.03
        assert z[:, 2].std() == pytest.approx(1, abs=0.02) and (np.abs(z[:, 2]) < 0.5).mean() == pytest.approx(
            0.3829, abs=0.015
        )
    assert bits.interpolate(n=3, random_state=0).shape == (3, 2)


@pytest.mark.slow
def test_sizes_of_the_published_networks():
    def trained(model):
        return sum(int(np.prod(v.shape)) for v in model.trainable_variables)

    networks = opponents("dcgan", (64, 64, 3), 100, 0, True)
    assert networks.generator.output_shape == (None, 64, 64, 3) and networks.discriminator.output_shape == (None, 1)
    assert (trained(networks.generator), trained(networks.discriminator)) == (3_576_704, 2_765_696)
    assert np.asarray(networks.generator.trainable_variables[0]).std() == pytest.approx(0.02, rel=0.02)
    book = opponents("handbook", (28, 28, 1), 100, 0, True)
    assert (book.generator.count_params(), book.discriminator.count_params()) == (856_193, 533_505)
    assert trained(book.generator) == 855_809
    assert doublings(28) == (7, 2)


@pytest.fixture(scope="module")
def fitted():
    return GenerativeAdversarialNetwork(**SMALL).fit(X, sample_every=4)


def test_an_estimator_trains_both(fitted):
    assert list(fitted.samples_) == [0, 4, 6] and fitted.samples_[6].shape == (25, 2)
    assert all(values.shape == (6,) and np.isfinite(values).all() for values in fitted.curves_.values())
    assert fitted.discriminate(X[:7]).shape == (7,) and fitted.score(X[:100]) < 0
    np.testing.assert_array_equal(fitted.sample(4, random_state=1), fitted.sample(4, random_state=1))
    strip = fitted.interpolate(n=3, random_state=2)
    rng = np.random.default_rng(int(np.random.RandomState(2).randint(2**31 - 1)))
    ends = rng.normal(size=(2, 3))
    np.testing.assert_allclose(strip[[0, 2]], fitted.inverse_transform(ends), rtol=1e-5, atol=1e-6)


def test_the_discriminator_chooses_among_candidates(fitted):
    """Rows of N(0, 1) under an output that is the log-ratio to N(1, 0.5): what is chosen has mean 1 and deviation 0.5."""
    import copy

    import keras

    from lossmith.generative._generator_networks import Opponents

    z, x = keras.Input((3,)), keras.Input((2,))
    # log N(x; 1, 0.5) - log N(x; 0, 1) of the first feature, but for a constant
    ratio = keras.ops.sum(-2 * (x[:, :1] - 1) ** 2 + 0.5 * x[:, :1] ** 2, axis=1, keepdims=True)
    known = Opponents(keras.Model(z, z[:, :2]), keras.Model(x, ratio))
    other = copy.copy(fitted)
    other.candidates, other.generator_, other.discriminator_ = 40, [], []
    other.shift_, other.scale_ = np.zeros(()), np.ones(())
    other._opponents = lambda: known
    chosen = other.sample(2000, random_state=0)
    assert chosen.shape == (2000, 2)
    assert chosen[:, 0].mean() == pytest.approx(1, abs=0.06) and chosen[:, 0].std() == pytest.approx(0.5, abs=0.04)
    assert chosen[:, 1].mean() == pytest.approx(0, abs=0.08) and chosen[:, 1].std() == pytest.approx(1, abs=0.06)


def test_files(fitted, tmp_path):
    path = tmp_path / "gan.safetensors"
    fitted.save(path)
    again = load(path)
    assert np.array_equal(again.sample(5, random_state=3), fitted.sample(5, random_state=3))
    np.testing.assert_array_equal(again.discriminate(X), fitted.discriminate(X))
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelFileError, match="checksum"):
        load(path)


def test_an_adaptive_run_ends_with_the_blur_it_reached(tmp_path):
    settings = {**SMALL, "network": "dense:hidden=8,waves=4,fastest=40", "schedule": "adaptive", "bits": 2}
    one = GenerativeAdversarialNetwork(**settings).fit(X)
    blur = one.discriminator_[-1]
    assert blur.shape == () and 0.97 < blur <= 1
    one.save(tmp_path / "waves.safetensors")
    again = load(tmp_path / "waves.safetensors")
    np.testing.assert_array_equal(again.discriminate(X[:9]), one.discriminate(X[:9]))
    np.testing.assert_array_equal(again.sample(3, random_state=0), one.sample(3, random_state=0))


@pytest.mark.slow
def test_seeds_together_are_seeds_alone():
    template = GenerativeAdversarialNetwork(**SMALL, penalty="gradient", critic_steps=2)
    for one in template.fit_seeds(X, seeds=[3, 4]):
        alone = clone(template).set_params(random_state=one.random_state).fit(X)
        np.testing.assert_allclose(one.curves_["generator_loss"], alone.curves_["generator_loss"], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(one.sample(5, random_state=0), alone.sample(5, random_state=0), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_keras_models_are_the_fitted_ones(fitted):
    generator, discriminator = fitted.to_keras()
    z = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    made = generator.predict(z, verbose=0) * fitted.scale_ + fitted.shift_
    np.testing.assert_allclose(made, fitted.inverse_transform(z), rtol=1e-5, atol=1e-5)
    rows = ((X[:4] - fitted.shift_) / fitted.scale_).astype(np.float32)
    np.testing.assert_allclose(
        discriminator.predict(rows, verbose=0)[:, 0], fitted.discriminate(X[:4]), rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
def test_conditions_choose_the_class():
    rng = np.random.default_rng(0)
    y = np.array(["left", "right"])[rng.integers(2, size=800)]
    rows = rng.normal(size=(800, 2)) * 0.1 + np.where(y == "left", -2.0, 2.0)[:, None]
    gan = GenerativeAdversarialNetwork(
        network="dense:hidden=32", latent=4, steps=400, batch_size=64, conditional=True, random_state=0
    ).fit(rows, y)
    assert gan.sample(200, classes="left", random_state=0).mean() < -1.5
    assert gan.sample(200, classes="right", random_state=0).mean() > 1.5
    assert gan.sample(3, random_state=0)[:, 0].round().tolist()[0] < 0  # classes in turn
    with pytest.raises(InvalidInputError, match="one of left, right"):
        gan.sample(2, classes="up")
    with pytest.raises(InvalidInputError, match="without classes"):
        clone(gan).fit(rows)


@pytest.mark.slow
def test_convolutions_train_and_batch_statistics_move():
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    options = {**SMALL, "objective": "non_saturating", "steps": 3, "optimizer": "adam:beta_1=0.5"}
    gan = GenerativeAdversarialNetwork(**{**options, "network": "dcgan:base=4"}).fit(images, sample_every=2)
    assert gan.sample(3, random_state=0).shape == (3, 8, 8, 1) and list(gan.samples_) == [0, 2, 3]
    assert gan.sample(9, random_state=0).min() >= 0 and gan.sample(9, random_state=0).max() <= 1
    start = opponents("dcgan:base=4", (8, 8, 1), 3, 0, True)
    n = len(start.discriminator.trainable_variables)
    assert not np.allclose(gan.discriminator_[n], 0)  # a moving mean starts at 0


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on(tmp_path):
    """Stopped after five of six steps: the rest is trained alone, to the bits of a training that nothing stopped."""
    from lossmith.training import FolderCheckpoints

    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    options = {**SMALL, "objective": "non_saturating", "network": "dcgan:base=4", "penalty": "none"}
    whole = GenerativeAdversarialNetwork(**options).fit(images, sample_every=2)
    kept, seen = FolderCheckpoints(tmp_path / "kept"), []

    def stop(done, total):
        seen.append(done)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GenerativeAdversarialNetwork(**options).fit(images, sample_every=2, checkpoints=kept, progress=stop)
    seen.clear()
    again = GenerativeAdversarialNetwork(**options)
    again.fit(images, sample_every=2, checkpoints=kept, progress=lambda done, total: seen.append(done))
    assert seen == [5, 6] and list(again.samples_) == [0, 2, 4, 6]
    for step, rows in whole.samples_.items():
        np.testing.assert_array_equal(again.samples_[step], rows)
    for one, other in zip(
        again.generator_ + again.discriminator_, whole.generator_ + whole.discriminator_, strict=True
    ):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(again.curves_["generator_loss"], whole.curves_["generator_loss"])
    # other settings, other rows: nothing of it fits
    for changed, rows in (({"learning_rate": 2e-3}, images), ({}, images[:39])):
        seen.clear()
        fresh = GenerativeAdversarialNetwork(**{**options, **changed})
        fresh.fit(rows, checkpoints=kept, progress=lambda done, total: seen.append(done))
        assert seen[0] == 1


@pytest.mark.slow
def test_the_ring_is_found_and_is_no_smear():
    rows = RING.sample(20_000, rng=np.random.default_rng(0))
    settings = mixture_settings(steps=1500)
    for gan in GenerativeAdversarialNetwork(**settings).fit_seeds(rows, seeds=range(2)):
        found = mode_coverage(gan.sample(10_000, random_state=1), RING)
        # early: a third of the rows is sharp already, a smear has 7 % of them
        assert found.modes == 8 and found.kl_to_uniform < 0.05 and found.quality > 0.15


@pytest.mark.parametrize(
    "change,kind,words",
    [
        ({"objective": "relativstic"}, UnknownNameError, "did you mean 'relativistic'"),
        ({"steps": 0}, InvalidInputError, "steps=0"),
        ({"learning_rate": -1.0}, DomainError, "learning_rate"),
        ({"average": 1.0}, DomainError, r"\[0, 1\)"),
        ({"schedule": "cosine"}, InvalidInputError, "one of constant, linear, adaptive"),
        ({"network": "dense:fastest=x"}, InvalidInputError, "widths"),
        ({"penalty": "r3"}, InvalidInputError, "one of none"),
        ({"smoothing": 0.1}, InvalidInputError, "no targets"),
        ({"bits": 4}, InvalidInputError, "at most all of them"),
        ({"bits": -1}, InvalidInputError, "bits=-1"),
        ({"candidates": 5, "objective": "hinge"}, InvalidInputError, "no ratios"),
        ({"network": "dcgan"}, InvalidInputError, "images"),
        ({"network": "dense:width=3"}, UnknownNameError, "no parameter 'width'"),
        ({"conditional": True}, InvalidInputError, "without classes"),
    ],
)
def test_refusals(change, kind, words):
    with pytest.raises(kind, match=words) as caught:
        GenerativeAdversarialNetwork(**{**SMALL, **change}).fit(X)
    assert isinstance(caught.value, LossmithError) and "\n" not in str(caught.value)


def test_refusals_after_fitting(fitted):
    with pytest.raises(InvalidInputError, match="n=0"):
        fitted.sample(0)
    with pytest.raises(InvalidInputError, match="without conditions"):
        fitted.sample(2, classes=1)
    with pytest.raises(ShapeError):
        fitted.inverse_transform(np.zeros((2, 9)))
    with pytest.raises(ShapeError):
        fitted.discriminate(np.zeros((2, 9)))
    with pytest.raises(InvalidInputError, match="4, 5, 6 or 7"):
        doublings(17)
