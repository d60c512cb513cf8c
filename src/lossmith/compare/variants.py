"""Optimiser and schedule as factors beside the loss: every combination is a variant of the plan, with rates of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lossmith._errors import InvalidInputError
from lossmith._names import split_names
from lossmith.compare._spec import NotApplicable, Settings
from lossmith.training import schedules as rate_schedules
from lossmith.training.optimizers import make_optimizer, read_optimizer

__all__ = ["JOIN", "Variant", "base_loss", "make_variants", "read_factor", "stored", "variants_of"]

# between the parts of a label: `hinge + adam + cosine`
JOIN = " + "


@dataclass(frozen=True, slots=True)
class Variant:
    """One combination of optimiser and schedule.

    Attributes
    ----------
    optimizer, schedule : str
        As they are typed, in full.
    learning_rate : float
        The configured rate.
    learning_rates : tuple of float
        Every rate that is tried; 1 alone where steps are found by a search.
    batch_size : int
        0 for all training rows.
    suffix : str
        What it adds to the label of a loss; empty where there is one variant.
    """

    optimizer: str
    schedule: str
    learning_rate: float
    learning_rates: tuple[float, ...]
    batch_size: int
    suffix: str = ""

    @property
    def levels(self) -> dict[str, str]:
        """Its level of each factor that its label names."""
        return {"optimizer": self.optimizer, "schedule": self.schedule} if self.suffix else {}


def base_loss(label: str) -> str:
    """Return the loss of a label.

    Examples
    --------
    >>> base_loss("huber:delta=2 + adam"), base_loss("hinge")
    ('huber:delta=2', 'hinge')
    """
    return label.partition(JOIN)[0]


def read_factor(names: str | Sequence[str] | None, *, kind: str) -> list[str]:
    """Return the levels of a factor in full, each once; an empty list where nothing is asked for.

    Raises
    ------
    UnknownNameError
        A name that is in no catalogue.
    InvalidInputError
        A level named twice.

    Examples
    --------
    >>> read_factor("sgd,NAG,adam:beta_1=0.8", kind="optimizer")
    ['sgd', 'nesterov', 'adam:beta_1=0.8']
    """
    items = split_names(names) if isinstance(names, str) else list(names or ())
    read = read_optimizer if kind == "optimizer" else rate_schedules.get
    found = []
    for item in items:
        level = str(read(item))
        if level in found:
            raise InvalidInputError(f"{kind} {level!r} is named twice", expected=f"every {kind} once")
        found.append(level)
    return found


def make_variants(
    optimizers: Sequence[str],
    schedules: Sequence[str],
    *,
    rates: Any,
    batch_size: int,
) -> tuple[tuple[Variant, ...], tuple[NotApplicable, ...]]:
    """Return every combination, and those that mean nothing with the reason.

    Parameters
    ----------
    optimizers, schedules : sequences of str
        One or more of each.
    rates : callable
        `rates(optimizer, batch size) -> (configured rate, rates to try)`.
    batch_size : int
        Of optimisers that take batches.
    """
    found: list[Variant] = []
    refused: list[NotApplicable] = []
    for optimizer in optimizers:
        asked = read_optimizer(optimizer)
        make_optimizer(optimizer)  # whatever it refuses is refused before anything is stored
        size = batch_size if asked.batch_size is None else asked.batch_size
        for schedule in schedules:
            parts = [name for name, levels in ((optimizer, optimizers), (schedule, schedules)) if len(levels) > 1]
            suffix = "".join(JOIN + part for part in parts)
            if asked.record.searches and schedule != "constant":
                reason = (
                    f"{optimizer} finds the length of every step by a search: there is no learning rate to schedule"
                )
                refused.append(NotApplicable(suffix.removeprefix(JOIN) or f"{optimizer}{JOIN}{schedule}", reason))
                continue
            configured, tried = (1.0, (1.0,)) if asked.record.searches else rates(optimizer, size)
            found.append(Variant(optimizer, schedule, configured, tried, size, suffix))
    if not found:
        raise InvalidInputError(
            refused[0].reason, expected="the schedule constant, or another optimizer", advice="leave --schedules away"
        )
    return tuple(found), tuple(refused)


def stored(variants: Sequence[Variant], rates: str | Sequence[float]) -> dict[str, Any]:
    """Return the variants, and the rates as they were asked for, as settings keep them; nothing where there is one."""
    if len(variants) < 2:
        return {}
    typed = rates if isinstance(rates, str) else ",".join(f"{rate:g}" for rate in rates)
    return {"variants": [asdict(variant) for variant in variants], "rates": typed}


def variants_of(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """Return the stored variants of a comparison by the suffix of their labels; empty where there is one."""
    return {str(item["suffix"]): item for item in settings.extra.get("variants", ())}
