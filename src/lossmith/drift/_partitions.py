"""Profiles of partitions on many machines: mapped by Ray (the `ray` extra), merged here, the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from lossmith._errors import InvalidInputError, MissingExtraError
from lossmith.drift._profile import counted, profile
from lossmith.drift._records import Profile
from lossmith.drift._source import open_source

__all__ = ["profile_partitions"]


def _of_part(part: Any, like: Profile) -> Profile:
    return counted(open_source(part), like)


def profile_partitions(parts: Sequence[Any], *, like: Profile | None = None, **choices: Any) -> Profile:
    """Return the profile of a table in partitions, each counted by a Ray task.

    Use it where one machine reads too slowly; counts equal those of `profile(list(parts), like=...)`. The cells are those of
    `like`, or are fitted on the first partition. Ray is started where it is not running yet.

    Parameters
    ----------
    parts : sequence of paths or frames
        Paths must be seen by every worker.
    like : Profile, optional
    choices
        Of `profile`, for the first partition.

    Raises
    ------
    MissingExtraError
        Ray is not installed.
    InvalidInputError
        No partition, or partitions with other columns.

    Examples
    --------
    >>> profile_partitions([])
    Traceback (most recent call last):
    ...
    lossmith._errors.InvalidInputError: no partition; expected at least one
    """
    if not len(parts):
        raise InvalidInputError("no partition", expected="at least one")
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(
            "Ray is not installed", expected="it, to count partitions on many machines", advice="pip install 'lossmith[ray]', or use profile([...])"
        ) from error  # fmt: skip
    if like is None:
        like = profile(parts[0], **choices)
    elif choices:
        raise InvalidInputError(
            "like= with other choices", expected="like= alone", advice="the cells are those of `like`"
        )
    shared = ray.put(like)
    task = ray.remote(_of_part)
    found = ray.get([task.remote(part, shared) for part in parts])
    return reduce(Profile.merge, found)
