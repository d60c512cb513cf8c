"""scikit-learn's own checks on the autoencoders, and their use in pipelines."""

from __future__ import annotations

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from lossmith.generative import Autoencoder, VariationalAutoencoder

TINY = {"network": "dense:hidden=4", "latent": 2, "epochs": 1, "random_state": 0}


@pytest.mark.slow
@parametrize_with_checks([Autoencoder(**TINY), VariationalAutoencoder(**TINY)])
def test_scikit_learn_finds_nothing(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


@pytest.mark.slow
def test_codes_as_features():
    X, y = load_iris(return_X_y=True)
    coded = Autoencoder(latent=2, network="dense:hidden=16", epochs=100, learning_rate=0.01, random_state=0)
    scores = cross_val_score(make_pipeline(coded, LogisticRegression(max_iter=500)), X, y, cv=3)
    assert scores.mean() > 0.85
