"""Variational autoencoders: terms against the divergence library, exact likelihoods of a linear model, schedules, collapse, files."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_iris

from lossmith._errors import DomainError, InvalidInputError, LossmithError, ModelFileError, ShapeError, UnknownNameError
from lossmith.divergence import measure
from lossmith.generative import Autoencoder, VariationalAutoencoder, load
from lossmith.generative._variational import beta_schedule
from lossmith.losses import gaussian_kl_by_dimension

X = load_iris().data
SMALL = {"network": "dense:hidden=8", "epochs": 2, "latent": 2, "random_state": 0}


@pytest.fixture(scope="module")
def model():
    return VariationalAutoencoder(**{**SMALL, "epochs": 40, "network": "dense:hidden=32"}).fit(X)


def test_the_divergence_is_that_of_the_library_and_of_monte_carlo():
    rng = np.random.default_rng(0)
    mean, log_variance = rng.normal(size=(20, 3)) * 2, rng.normal(size=(20, 3)) * 2
    found = gaussian_kl_by_dimension(mean, log_variance)
    for i, j in np.ndindex(4, 3):
        law = stats.norm(mean[i, j], np.exp(0.5 * log_variance[i, j]))
        assert found[i, j] == pytest.approx(measure(law, stats.norm(0, 1), divergence="kl_divergence").value, abs=1e-6)
        drawn = law.rvs(20_000, random_state=rng)
        values = law.logpdf(drawn) - stats.norm.logpdf(drawn)
        assert abs(values.mean() - found[i, j]) < 4 * values.std() / np.sqrt(20_000)


@pytest.mark.slow
def test_a_linear_model_has_its_exact_likelihood():
    """Decoder W z + b with deviation s: x ~ N(b, W W' + s^2 I), by SciPy; the bounds lie below, the importance-weighted one near."""
    rows = X[:40]
    fitted = VariationalAutoencoder(
        network="dense:hidden=0", latent=2, epochs=60, learning_rate=0.02, random_state=0
    ).fit(rows)
    kernel, bias = fitted.weights_[2].astype(float), fitted.weights_[3].astype(float)
    deviation = np.exp(float(fitted.weights_[4]))
    covariance = kernel.T @ kernel + deviation**2 * np.eye(4)
    scale = np.diag(fitted.scale_)
    law = stats.multivariate_normal(bias * fitted.scale_ + fitted.shift_, scale @ covariance @ scale)
    exact = law.logpdf(rows)
    loose = np.mean([fitted.score_samples(rows, samples=1, seed=seed) for seed in range(40)], axis=0)
    tight = fitted.score_samples(rows, samples=3000)
    assert np.abs(tight - exact).max() < 0.15 and tight.mean() == pytest.approx(exact.mean(), abs=0.02)
    assert loose.mean() < exact.mean()
    found = fitted.evaluate(rows, importance_samples=200)
    assert found.negative_elbo == pytest.approx(-loose.mean(), abs=6 * found.standard_error)
    assert -found.importance_weighted == pytest.approx(exact.mean(), abs=0.1)
    assert fitted.score(rows) == -found.negative_elbo


def test_the_total_is_the_sum_of_its_parts(model):
    curves = model.curves_
    np.testing.assert_allclose(curves["loss"], curves["reconstruction"] + curves["weighted_divergence"], rtol=1e-5)
    found = model.evaluate(X)
    assert found.negative_elbo == found.reconstruction + found.divergence
    assert found.divergence == pytest.approx(found.by_dimension.sum())
    assert "= reconstruction" in str(found) and found.table().height == 2


@pytest.mark.slow
def test_terms_are_summed_over_features_and_never_averaged():
    """Twice the same columns: about twice the reconstruction in nats, whatever the divergence does."""
    rng = np.random.default_rng(0)
    wide = (rng.random((200, 60)) < 0.3).astype(float)
    options = {**SMALL, "likelihood": "bernoulli", "epochs": 1, "beta": 0.0}
    one = VariationalAutoencoder(**options).fit(wide)
    two = VariationalAutoencoder(**options).fit(np.hstack([wide, wide]))
    ratio = two.evaluate(np.hstack([wide, wide])).reconstruction / one.evaluate(wide).reconstruction
    assert 1.8 < ratio < 2.2
    # a coin of probability 1/2 costs log 2 for each column
    assert one.evaluate(wide).reconstruction == pytest.approx(60 * np.log(2), rel=0.15)


@pytest.mark.slow
def test_likelihoods_are_in_the_units_given():
    fitted = [VariationalAutoencoder(**SMALL).fit(factor * X) for factor in (1.0, 1000.0)]
    gaps = fitted[0].score_samples(X) - fitted[1].score_samples(1000 * X)
    np.testing.assert_allclose(gaps, 4 * np.log(1000), rtol=1e-3)
    np.testing.assert_allclose(
        fitted[1].sample(4, random_state=3), 1000 * fitted[0].sample(4, random_state=3), rtol=1e-3
    )


@pytest.mark.slow
def test_a_code_that_is_pressed_flat_is_flagged():
    # the divergence weighs a thousand times what it should, as where a reconstruction is averaged over pixels
    flat = VariationalAutoencoder(**{**SMALL, "epochs": 30}, beta=1000.0).fit(X)
    found = flat.evaluate(X)
    assert [finding.code for finding in found.findings] == ["LS501"] and not found.active.any()
    assert "none of 2 dimensions" in str(found)


@pytest.mark.slow
def test_idle_dimensions_are_named(model):
    wide = VariationalAutoencoder(
        network="dense:hidden=32", latent=6, epochs=100, learning_rate=0.01, random_state=0
    ).fit(X)
    found = wide.evaluate(X)
    assert 1 <= found.active.sum() < 6
    assert [finding.code for finding in found.findings] == ["LS502"]
    assert not model.evaluate(X).findings or model.evaluate(X).findings[0].code == "LS502"


@pytest.mark.slow
def test_free_bits_are_paid_for_in_any_case():
    fitted = VariationalAutoencoder(**SMALL, free_bits=3.0).fit(X)
    assert (fitted.curves_["weighted_divergence"] >= 6.0 - 1e-4).all()
    assert (fitted.curves_["divergence"] < fitted.curves_["weighted_divergence"]).all()


def test_schedules_of_beta():
    assert beta_schedule("constant", 4.0, steps=9, warm_up_steps=3, cycles=2).tolist() == [4.0]
    assert beta_schedule("linear", 1.0, steps=4, warm_up_steps=9, cycles=1).tolist() == [0.0, 0.25, 0.5, 0.75]
    cyclic = beta_schedule("cyclical", 2.0, steps=8, warm_up_steps=1, cycles=2).tolist()
    assert cyclic == [0.0, 1.0, 2.0, 2.0, 0.0, 1.0, 2.0, 2.0, 2.0]
    cosine = beta_schedule("cosine", 1.0, steps=5, warm_up_steps=4, cycles=1)
    np.testing.assert_allclose(
        cosine, [0, 0.5 - 0.5 * np.cos(np.pi / 4), 0.5, 0.5 + 0.5 * np.cos(np.pi / 4), 1], rtol=1e-6
    )


@pytest.mark.slow
def test_a_warm_up_weighs_less():
    warm = VariationalAutoencoder(**SMALL, schedule="linear", warm_up_epochs=2).fit(X)
    assert (warm.curves_["weighted_divergence"] < warm.curves_["divergence"]).all()


@pytest.mark.slow
def test_seeds_together_are_seeds_alone():
    template = VariationalAutoencoder(**SMALL)
    for one in template.fit_seeds(X, [3, 4]):
        alone = clone(template).set_params(random_state=one.random_state).fit(X)
        np.testing.assert_allclose(one.curves_["loss"], alone.curves_["loss"], rtol=1e-4)
        np.testing.assert_allclose(one.transform(X), alone.transform(X), rtol=1e-3, atol=1e-3)
    with pytest.raises(InvalidInputError, match="no seeds"):
        template.fit_seeds(X, [])


def test_new_rows_are_like_the_rows(model):
    drawn = model.sample(2000, random_state=0, noise=True)
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.35)
    assert np.array_equal(model.sample(3, random_state=5), model.sample(3, random_state=5))
    typical = model.sample(50, temperature=0.0)
    np.testing.assert_allclose(typical, np.broadcast_to(typical[0], typical.shape), rtol=1e-6)


def test_interpolation_and_traversal(model):
    strip = model.interpolate(X[0], X[100], n=5)
    np.testing.assert_allclose(strip[[0, -1]], model.inverse_transform(model.transform(X[[0, 100]])), rtol=1e-5)
    middle = model.inverse_transform(model.transform(X[[0, 100]]).mean(axis=0, keepdims=True))
    np.testing.assert_allclose(strip[2], middle[0], rtol=1e-5)
    moved = model.traverse(X[:2], dimension=1, values=(-1.0, 2.0))
    assert moved.shape == (2, 2, 4)
    code = model.transform(X[:1])
    code[0, 1] = 2.0
    np.testing.assert_allclose(moved[0, 1], model.inverse_transform(code)[0], rtol=1e-5)
    with pytest.raises(InvalidInputError, match="0 to 1"):
        model.traverse(X[:1], dimension=2)


@pytest.mark.slow
def test_pixels_as_bytes_are_numbers_divided_by_255():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 4, 4, 1), dtype=np.uint8)
    options = {**SMALL, "likelihood": "bernoulli", "binarize": "none"}
    as_bytes = VariationalAutoencoder(**options).fit(images)
    as_numbers = VariationalAutoencoder(**options).fit(images / 255)
    np.testing.assert_allclose(as_bytes.transform(images), as_numbers.transform(images / 255), atol=1e-5)
    assert as_bytes.inverse_transform(as_bytes.transform(images)).shape == (40, 4, 4, 1)
    drawn = VariationalAutoencoder(**{**options, "binarize": "dynamic"}).fit(images)
    assert drawn.score_samples(images[:3], samples=2).max() < 0
    convolved = VariationalAutoencoder(**{**options, "network": "conv:filters=2,hidden=4"}).fit(images)
    assert convolved.sample(2, random_state=0).shape == (2, 4, 4, 1)


@pytest.mark.slow
def test_an_autoencoder_rebuilds_and_finds_what_is_unusual():
    fitted = Autoencoder(latent=2, network="dense:hidden=32", epochs=150, learning_rate=0.005, random_state=0).fit(X)
    from sklearn.decomposition import PCA

    pca = PCA(1).fit(X)
    linear = ((X - pca.inverse_transform(pca.transform(X))) ** 2).mean()
    assert -fitted.score(X) < linear
    strange = np.array([[5.0, 3.0, 1.4, 9.0]])
    assert fitted.reconstruction_error(strange)[0] > np.quantile(fitted.reconstruction_error(X), 0.99)
    noisy = Autoencoder(**SMALL, noise=0.5, reconstruction="binary_crossentropy").fit(
        (X.mean(axis=0) < X).astype(float)
    )
    assert noisy.curves_["divergence"].tolist() == [0.0, 0.0]


@pytest.mark.slow
def test_validation_rows_stop_training():
    options = {**SMALL, "epochs": 60, "learning_rate": 0.1, "validation_fraction": 0.3, "patience": 2}
    fitted = VariationalAutoencoder(**options).fit(X)
    assert fitted.n_epochs_ < 60 and np.isfinite(fitted.curves_["validation_loss"][: fitted.n_epochs_]).all()


def test_files(model, tmp_path):
    path = tmp_path / "vae.safetensors"
    model.save(path)
    again = load(path)
    assert np.array_equal(again.transform(X), model.transform(X)) and again.get_params() == model.get_params()
    data = path.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 60)):
        torn = bytearray(data)
        torn[place] ^= 0x55
        (tmp_path / "torn.safetensors").write_bytes(bytes(torn))
        with pytest.raises(ModelFileError):
            load(tmp_path / "torn.safetensors")
        (tmp_path / "cut.safetensors").write_bytes(data[:place])
        with pytest.raises(ModelFileError):
            load(tmp_path / "cut.safetensors")


def test_a_file_cannot_name_what_it_likes(model, tmp_path):
    from lossmith import _tensor_file as tensor_file

    learned, arrays = model._state()
    good = {"kind": "vae", "parameters": model.get_params(), "learned": learned}
    for change in (
        {"kind": "os.system"},
        {"parameters": {**good["parameters"], "network": "lambda:x=1"}},
        {"parameters": {**good["parameters"], "latent": 3}},
        {"learned": {**learned, "shape": [5]}},
        {"learned": {**learned, "shape": "4"}},
    ):
        path = tmp_path / "bad.safetensors"
        path.write_bytes(tensor_file.pack({**good, **change}, arrays, format="lossmith generative 1"))
        with pytest.raises(ModelFileError):
            load(path)


@pytest.mark.slow
def test_keras_models_are_the_fitted_ones(model, tmp_path):
    import keras

    encoder, decoder = model.to_keras()
    rows = ((X - model.shift_) / model.scale_).astype(np.float32)
    np.testing.assert_allclose(encoder.predict(rows, verbose=0)[:, :2], model.transform(X), rtol=1e-4, atol=1e-5)
    encoder.save(tmp_path / "encoder.keras")
    reopened = keras.saving.load_model(tmp_path / "encoder.keras")
    np.testing.assert_allclose(
        reopened.predict(rows, verbose=0), encoder.predict(rows, verbose=0), rtol=1e-5, atol=1e-6
    )
    codes = model.transform(X).astype(np.float32)
    rebuilt = decoder.predict(codes, verbose=0) * model.scale_ + model.shift_
    np.testing.assert_allclose(rebuilt, model.inverse_transform(codes), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "change,kind,words",
    [
        ({"latent": 0}, InvalidInputError, "latent=0"),
        ({"epochs": True}, InvalidInputError, "epochs=True"),
        ({"learning_rate": float("nan")}, DomainError, "learning_rate"),
        ({"likelihood": "bernouli"}, UnknownNameError, "did you mean 'bernoulli'"),
        ({"likelihood": "bernoulli"}, DomainError, r"numbers in \[0, 1\]"),
        ({"network": "dens"}, UnknownNameError, "did you mean 'dense'"),
        ({"network": "dense:hidden=a"}, InvalidInputError, "layer widths"),
        ({"network": "conv"}, InvalidInputError, "images"),
        ({"schedule": "linea"}, InvalidInputError, "did you mean 'linear'"),
        ({"beta": -1}, DomainError, "beta"),
        ({"binarize": "dynamic"}, InvalidInputError, "bernoulli"),
        ({"patience": 3}, InvalidInputError, "validation_fraction"),
        ({"optimizer": "adan"}, UnknownNameError, "did you mean"),
    ],
)
def test_refusals(change, kind, words):
    with pytest.raises(kind, match=words) as caught:
        VariationalAutoencoder(**{**SMALL, **change}).fit(X)
    assert isinstance(caught.value, LossmithError) and "\n" not in str(caught.value)


def test_refusals_after_fitting(model):
    with pytest.raises(ShapeError, match="codes"):
        model.inverse_transform(np.zeros((3, 5)))
    with pytest.raises(InvalidInputError, match="n=0"):
        model.sample(0)
    with pytest.raises(ValueError, match="4 features"):
        model.transform(X[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        model.transform(np.full((1, 4), np.nan))


@pytest.mark.slow
def test_one_row_and_single_precision():
    one = VariationalAutoencoder(**SMALL).fit(X[:1])
    assert np.isfinite(one.score(X[:1])) and not one.evaluate(X[:1]).findings
    fitted = VariationalAutoencoder(**SMALL).fit(X.astype(np.float32))
    np.testing.assert_allclose(fitted.transform(X), VariationalAutoencoder(**SMALL).fit(X).transform(X), atol=1e-3)
