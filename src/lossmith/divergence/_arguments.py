"""The numbers that measurements take beside their distributions, checked once at the border."""

from __future__ import annotations

from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError

__all__ = ["check_draws", "check_level", "check_seed"]


def check_level(level: Any) -> None:
    """Raise unless `level` is a confidence level."""
    if not isinstance(level, float | int | np.floating) or not 0 < level < 1:
        raise InvalidInputError(f"level={level!r}", expected="a number between 0 and 1")


def check_seed(seed: Any) -> None:
    """Raise unless `seed` is one."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidInputError(f"seed={seed!r}", expected="an integer that is not negative")


def check_draws(draws: Any) -> None:
    """Raise unless `draws` are enough for a standard error."""
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < 4:
        raise InvalidInputError(f"draws={draws!r}", expected="an integer of at least 4")
