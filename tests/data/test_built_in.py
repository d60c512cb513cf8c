"""Built-in sets are what the documents and scikit-learn say."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from lossmith import data


@pytest.mark.parametrize("name", data.BUILT_IN)
def test_every_record_keeps_its_promise(name: str) -> None:
    record = data.BUILT_IN[name]
    dataset = data.load(name)
    assert (dataset.name, dataset.source, dataset.task) == (name, name, record.task)
    assert record.description
    assert record.reference
    assert record.licence
    split = data.split(dataset, seed=0)
    inputs = data.fit_encoder(dataset, split.train).transform(dataset.features)
    assert inputs.shape[0] == dataset.n_samples
    assert np.isfinite(inputs).all()
    for alias in record.aliases:
        assert data.load(alias).fingerprint == dataset.fingerprint


def test_generated_sets_are_those_of_the_tutorial() -> None:
    x, y = datasets.make_circles(n_samples=1000, noise=0.1, random_state=1)
    assert np.array_equal(data.load("circles").features, x)
    assert np.array_equal(data.load("circles").target, y)
    x, y = datasets.make_blobs(n_samples=1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    assert np.array_equal(data.load("blobs").features, x)
    assert np.array_equal(data.load("blobs").target, y)
    x, y = datasets.make_regression(n_samples=1000, n_features=20, noise=0.1, random_state=1)
    assert np.array_equal(data.load("regression").features, x)
    assert np.array_equal(data.load("regression").target, y)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_shipped_sets_are_scikit_learns(name: str) -> None:
    bunch = getattr(datasets, f"load_{name}")()
    dataset = data.load(name)
    values = dataset.features.to_numpy() if isinstance(dataset.features, pl.DataFrame) else dataset.features
    assert np.array_equal(values, bunch.data)
    assert np.array_equal(dataset.target, bunch.target)
    if name != "diabetes":
        assert dataset.class_names == tuple(str(c) for c in bunch.target_names)
    if name == "breast_cancer":
        assert any("the positive one is 'benign'" in decision for decision in dataset.decisions)


def test_worms() -> None:
    counts = data.worms_counts()
    assert counts.tolist() == [2, 3, 5, 14, 16, 15, 12, 8, 10, 8, 7]
    dataset = data.load("worms")
    assert np.bincount(dataset.target.astype(int)).tolist() == counts.tolist()
    assert dataset.target_name == "teeth"
    assert not data.fit_encoder(dataset, np.arange(60)).transform(dataset.features).any()


def test_parameters() -> None:
    dataset = data.load("circles:noise=0.3, n_samples=200,factor=0.5,random_state=9")
    x, y = datasets.make_circles(n_samples=200, noise=0.3, factor=0.5, random_state=9)
    assert np.array_equal(dataset.features, x)
    assert np.array_equal(dataset.target, y)
    assert dataset.source == "circles:noise=0.3,n_samples=200,factor=0.5,random_state=9"
    assert data.load(dataset.source).fingerprint == dataset.fingerprint
    assert data.load("blobs:centers=5").n_classes == 5
    assert data.load("circles:noise=0.1").source == "circles"
    assert data.load("circles", name="rings").name == "rings"


def test_import_is_light() -> None:
    code = "import sys, lossmith.data; print([m for m in ('jax', 'keras', 'matplotlib', 'sklearn', 'narwhals', 'scipy', 'pandas') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
