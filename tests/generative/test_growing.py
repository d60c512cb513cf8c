"""Networks that grow, and generators with styles: new layers change nothing until they fade in."""

from __future__ import annotations

import numpy as np
import pytest

from lossmith._errors import DomainError, InvalidInputError, LossmithError, ModelFileError, ShapeError, UnknownNameError
from lossmith.generative import GenerativeAdversarialNetwork, ProgressiveGAN, diagnose, get_objective, load
from lossmith.generative._adversarial import Adversaries
from lossmith.generative._generator_networks import opponents
from lossmith.generative._growing_game import GrowingGame, named_values
from lossmith.generative._growing_networks import growing_opponents, sides_of
from lossmith.generative._progressive_gan import enlarged, reduced
from lossmith.training.optimizers import make_optimizer

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 1), dtype=np.uint8)
SMALL = {"stages": 2, "base": 2, "latent": 4, "steps": 3, "batch_size": 4, "penalty": "none", "random_state": 0}


def test_layers_by_their_formulas():
    from lossmith.generative._growing_layers import AdaptiveNormalization, PixelNormalization

    rng = np.random.default_rng(0)
    images, styles = rng.normal(2.0, 3.0, (4, 5, 6, 3)).astype("float32"), rng.normal(size=(4, 6)).astype("float32")
    styled = np.asarray(AdaptiveNormalization()([images, styles]), float)
    np.testing.assert_allclose(styled.mean(axis=(1, 2)), styles[:, 3:], atol=1e-5)
    np.testing.assert_allclose(styled.std(axis=(1, 2)), np.abs(1 + styles[:, :3]), rtol=1e-4)
    flat = np.asarray(AdaptiveNormalization()([np.ones((1, 2, 2, 1), "float32"), np.array([[1.0, 7.0]], "float32")]))
    np.testing.assert_allclose(flat, 7.0)  # a channel without deviation has none to scale
    unit = np.asarray(PixelNormalization()(images), float)
    np.testing.assert_allclose((unit**2).mean(axis=-1), 1.0, rtol=1e-4)
    assert np.asarray(PixelNormalization()(np.zeros((1, 3), "float32"))).tolist() == [[0, 0, 0]]


def game(stage, carried, *, fade=0.5, steps=10):
    networks = growing_opponents(16, 3, stage, 1, 5, 2, True)
    gan = ProgressiveGAN(latent=5, steps=steps, batch_size=4)
    optimizers = [make_optimizer("sgd", learning_rate=0.01) for _ in range(2)]
    return networks, GrowingGame(Adversaries(*networks, *optimizers, gan._game(get_objective("hinge"))), fade, carried)


def called(model, weights, other, rows, share=None):
    if share is not None:
        other = [np.float32(share) if np.ndim(value) == 0 else value for value in other]
    return np.asarray(model.stateless_call(weights, other, rows)[0], float)


def test_a_stage_starts_as_the_one_before():
    """At share 0 the generator makes the old images enlarged, and the discriminator judges images made small as the old one did."""
    old, before = game(0, {})
    state = before.init(3)
    carried = named_values(old.generator, state.generator, state.generator_other)
    carried |= named_values(old.discriminator, state.discriminator, state.discriminator_other)
    new, after = game(1, carried)
    grown = after.init(4)
    rng = np.random.default_rng(0)
    z, rows = rng.normal(size=(6, 5)).astype("float32"), rng.uniform(-1, 1, (6, 8, 8, 1)).astype("float32")
    small = called(old.generator, state.generator, state.generator_other, z)
    assert small.shape == (6, 4, 4, 1)
    np.testing.assert_allclose(
        called(new.generator, grown.generator, grown.generator_other, z, share=0), enlarged(small, 8), atol=1e-6
    )
    np.testing.assert_allclose(
        called(new.discriminator, grown.discriminator, grown.discriminator_other, rows, share=0),
        called(old.discriminator, state.discriminator, state.discriminator_other, reduced(rows, 4)),
        atol=1e-5,
    )
    # at share 1 the old images have no part
    whole = called(new.generator, grown.generator, grown.generator_other, z, share=1)
    half = called(new.generator, grown.generator, grown.generator_other, z, share=0.5)
    mean = np.tanh(0.5 * np.arctanh(whole) + 0.5 * np.arctanh(enlarged(small, 8)))
    np.testing.assert_allclose(half, mean, atol=1e-5)
    # what is new is drawn from the seed, what is old is carried
    again = after.init(5)
    for v, one, other in zip(new.generator.trainable_variables, grown.generator, again.generator, strict=True):
        drawn = v.path.endswith("kernel") and v.path not in carried
        assert np.array_equal(one, other) != drawn


def test_the_share_of_new_images_rises():
    _, found = game(1, {}, fade=0.5, steps=10)
    assert [round(float(found.share(step)), 4) for step in (0, 1, 4, 9)] == [0.2, 0.4, 1.0, 1.0]
    assert float(game(1, {}, fade=0.0)[1].share(0)) == 1
    # the inner step sees the share in every fade: one in the generator, two in the discriminator
    seen = []
    found._inner.step = lambda state, rows, others: seen.append(state) or (state, None)
    found.step(found.init(0)._replace(step=np.int32(2)), None, None)
    shares = [float(value) for value in seen[0].generator_other + seen[0].discriminator_other if np.ndim(value) == 0]
    assert shares == pytest.approx([0.6] * 3)


def test_sides():
    assert sides_of(64, 4) == (8, 16, 32, 64) and sides_of(4, 1) == (4,)
    np.testing.assert_array_equal(reduced(enlarged(IMAGES, 32), 16), IMAGES)
    with pytest.raises(InvalidInputError, match="4 divides, 16 or more"):
        sides_of(12, 3)


@pytest.fixture(scope="module")
def fitted():
    return ProgressiveGAN(**SMALL).fit(IMAGES, sample_every=2)


@pytest.mark.slow
def test_an_estimator_grows(fitted, tmp_path):
    assert fitted.sides_ == (8, 16) and list(fitted.samples_) == [0, 2, 3, 5, 6]
    assert all(rows.shape == (25, 16, 16, 1) for rows in fitted.samples_.values())
    # images of the first stage are enlarged
    np.testing.assert_array_equal(enlarged(reduced(fitted.samples_[2], 8), 16), fitted.samples_[2])
    assert all(values.shape == (6,) and np.isfinite(values).all() for values in fitted.curves_.values())
    made = fitted.sample(4, random_state=1)
    assert made.shape == (4, 16, 16, 1) and made.min() >= 0 and made.max() <= 1
    np.testing.assert_array_equal(ProgressiveGAN(**SMALL).fit(IMAGES).sample(4, random_state=1), made)
    assert diagnose(fitted, IMAGES, n=20).n_samples == 20 and fitted.discriminate(IMAGES).shape == (30,)
    path = tmp_path / "progressive.safetensors"
    fitted.save(path)
    again = load(path)
    assert again.sides_ == (8, 16) and again.get_params() == fitted.get_params()
    np.testing.assert_array_equal(again.sample(4, random_state=1), made)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ModelFileError):
        load(path)


@pytest.mark.slow
def test_keras_models_are_the_fitted_ones(fitted, tmp_path):
    import keras

    generator, discriminator = fitted.to_keras()
    z = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    generator.save(tmp_path / "generator.keras")
    again = keras.saving.load_model(tmp_path / "generator.keras")
    np.testing.assert_allclose(again.predict(z, verbose=0) / 2 + 0.5, fitted.inverse_transform(z), atol=1e-5)
    rows = (IMAGES[:4] / 127.5 - 1).astype(np.float32)
    np.testing.assert_allclose(discriminator.predict(rows, verbose=0)[:, 0], fitted.discriminate(IMAGES[:4]), atol=1e-4)


def bars(n=400, side=16):
    """Return bright bars at a place of their own, across or down: two classes of images, which differ in every row."""
    rng = np.random.default_rng(0)
    images = np.zeros((n, side, side, 1), np.uint8)
    for image, down in zip(images, rng.random(n) < 0.5, strict=True):
        place = rng.integers(2, side - 4)
        image[place : place + 3] = 230
        if down:
            image[:] = image.transpose(1, 0, 2)
    return images


@pytest.mark.slow
def test_bars_are_made():
    """What is made varies, and has the brightness of the data: 3 of 16 lines."""
    gan = ProgressiveGAN(stages=3, base=8, latent=8, steps=150, batch_size=32, random_state=0).fit(bars())
    found = diagnose(gan, bars(), n=200)
    assert found.usable
    made = gan.sample(200, random_state=0)
    assert made.mean() == pytest.approx(3 / 16 * 230 / 255, abs=0.06)
    # in an image of the data the means of rows or of columns differ: one of them by 230 / 255
    reach = np.maximum(np.ptp(made.mean(axis=2), axis=1), np.ptp(made.mean(axis=1), axis=1)).mean()
    assert reach > 0.4


@pytest.mark.slow
def test_styles_are_a_network_of_the_estimator():
    networks = opponents("style:base=4,mapping=3", (16, 16, 3), 6, 0, True)
    assert networks.generator.output_shape == (None, 16, 16, 3) and networks.discriminator.output_shape == (None, 1)
    z = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    made = np.asarray(networks.generator(z))
    # noise says the direction alone: the first layer scales it to a mean square of 1
    np.testing.assert_allclose(np.asarray(networks.generator(5 * z)), made, atol=1e-4)
    assert not np.allclose(made[0], made[1])


@pytest.mark.slow
def test_styles_train_and_are_saved(tmp_path):
    import keras

    options = {"network": "style:base=2", "latent": 4, "batch_size": 4, "objective": "non_saturating", "penalty": "r1"}
    gan = GenerativeAdversarialNetwork(**options, steps=3, random_state=0).fit(IMAGES)
    gan.save(tmp_path / "style.safetensors")
    again = load(tmp_path / "style.safetensors")
    np.testing.assert_array_equal(again.sample(3, random_state=0), gan.sample(3, random_state=0))
    gan.to_keras()[0].save(tmp_path / "style.keras")
    z = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    made = keras.saving.load_model(tmp_path / "style.keras").predict(z, verbose=0) / 2 + 0.5
    np.testing.assert_allclose(made, gan.inverse_transform(z), atol=1e-5)
    start = opponents("style:base=2", (16, 16, 1), 4, 0, True).generator
    places = [place for place, v in enumerate(start.trainable_variables) if v.path.endswith("constant")]
    other = GenerativeAdversarialNetwork(**options, steps=1, random_state=1).fit(IMAGES)
    assert len(places) == 1 and not np.allclose(gan.generator_[places[0]], other.generator_[places[0]], atol=0.01)


@pytest.mark.parametrize(
    "change,rows,kind,words",
    [
        ({"stages": 0}, IMAGES, InvalidInputError, "stages=0"),
        ({"stages": 4}, IMAGES, InvalidInputError, "8 divides, 32 or more"),
        ({"fade": 1.5}, IMAGES, InvalidInputError, "at most 1"),
        ({"fade": -0.1}, IMAGES, DomainError, "fade"),
        ({"penalty": "r3"}, IMAGES, InvalidInputError, "one of none"),
        ({"objective": "hing"}, IMAGES, UnknownNameError, "did you mean 'hinge'"),
        ({}, IMAGES[:, :8], ShapeError, "square images"),
        ({}, IMAGES.reshape(30, -1).astype(float), ShapeError, "square images"),
        ({}, IMAGES[:0], ShapeError, "one row or more"),
    ],
)
def test_refusals(change, rows, kind, words):
    with pytest.raises(kind, match=words) as caught:
        ProgressiveGAN(**{**SMALL, **change}).fit(rows)
    assert isinstance(caught.value, LossmithError) and "\n" not in str(caught.value)


def test_refusals_of_networks():
    with pytest.raises(InvalidInputError, match="square images"):
        opponents("style", (16, 8, 1), 4, 0, True)
    with pytest.raises(UnknownNameError, match="no parameter 'hidden'"):
        opponents("style:hidden=3", (16, 16, 1), 4, 0, True)
    with pytest.raises(InvalidInputError, match="images"):
        opponents("style", (9,), 4, 0, True)
