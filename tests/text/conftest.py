"""A small model that several files look at."""

from __future__ import annotations

import pytest

from lossmith.text import train_text

VERSES = "the cat sat on the mat.\nthe dog sat on the log.\n" * 30
SETTINGS = {
    "hidden": (24,),
    "embedding": 6,
    "epochs": 14,
    "batch_size": 8,
    "window": 20,
    "learning_rate": 0.02,
    "dropout": 0.0,
    "sample_length": 80,
}


@pytest.fixture(scope="session")
def trained():
    return train_text(VERSES, **SETTINGS)


@pytest.fixture(scope="session")
def verses():
    return VERSES


@pytest.fixture(scope="session")
def settings():
    return SETTINGS
