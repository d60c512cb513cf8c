"""Real sets of images, where LOSSMITH_DATA is set; the numbers come from the documentation of the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lossmith import data

pytestmark = pytest.mark.realdata


def test_cifar10_has_its_published_statistics(real_data: Path) -> None:
    dataset = data.load("cifar10", data_dir=real_data)
    assert dataset.features.shape == (60_000, 32, 32, 3)
    train = dataset.features[:50_000].astype(np.float64) / 255
    assert train.mean(axis=(0, 1, 2)) == pytest.approx([0.49139968, 0.48215841, 0.44653091], abs=1e-8)
    assert train.std(axis=(0, 1, 2)) == pytest.approx([0.24703223, 0.24348513, 0.26158784], abs=1e-8)
    assert np.bincount(dataset.target[50_000:]).tolist() == [1000] * 10
    parts = data.published_split(dataset)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (40_000, 10_000, 10_000)


@pytest.mark.parametrize(("name", "mean", "deviation"), [("mnist", 0.1307, 0.3081), ("fashion_mnist", 0.2860, 0.3530)])
def test_idx_sets_have_their_published_statistics(real_data: Path, name: str, mean: float, deviation: float) -> None:
    dataset = data.load(name, data_dir=real_data)
    assert dataset.features.shape == (70_000, 28, 28, 1)
    train = dataset.features[:60_000] / 255
    assert (train.mean(), train.std()) == pytest.approx((mean, deviation), abs=5e-5)
    if name == "fashion_mnist":
        assert dataset.class_counts == (7_000,) * 10


def test_human_answers(real_data: Path) -> None:
    dataset = data.load("cifar10h", data_dir=real_data)
    assert dataset.soft_target is not None
    assert (dataset.soft_target.argmax(axis=1) == dataset.target).mean() == pytest.approx(0.9921, abs=5e-5)
    assert dataset.soft_target[np.arange(10_000), dataset.target].mean() == pytest.approx(0.95235, abs=5e-6)


@pytest.mark.parametrize(
    ("labels", "wrong"),
    [("aggregate", 0.0901), ("random1", 0.17234), ("random2", 0.18122), ("random3", 0.1764), ("worse", 0.40208)],
)
def test_noisy_labels_have_their_published_rates(real_data: Path, labels: str, wrong: float) -> None:
    dataset = data.load(f"cifar10n:labels={labels}", data_dir=real_data)
    assert dataset.training_target is not None
    assert (dataset.training_target != dataset.target)[:50_000].mean() == pytest.approx(wrong, abs=5e-5)
    assert np.array_equal(dataset.training_target[50_000:], dataset.target[50_000:])


def test_sprites(real_data: Path) -> None:
    dataset = data.load(real_data / "crawl-tiles-cc0" / "item")
    assert dataset.features.shape == (645, 32, 32, 3)
    assert dict(zip(dataset.class_names, dataset.class_counts, strict=True))["weapon"] == 168
