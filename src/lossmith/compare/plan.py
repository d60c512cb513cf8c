"""From a data set and what the user asked for to a plan: losses that fit, defaults, metric, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith._names import split_names
from lossmith.compare import metrics
from lossmith.compare._spec import NotApplicable, Protocol, Settings
from lossmith.compare.defaults import (
    DEFAULT_LOSSES,
    DEFAULTS,
    PUBLISHED_SETTINGS,
    RATE_FACTORS,
    default_lengths,
    default_rate,
)
from lossmith.compare.image_defaults import defaults_for
from lossmith.compare.variants import Variant, make_variants, read_factor, stored
from lossmith.losses import EVERY, LOSSES, PUBLISHED, Loss
from lossmith.losses import get as get_loss
from lossmith.losses.encoding import fit_encoding

if TYPE_CHECKING:
    from lossmith.data import Dataset

__all__ = [
    "Plan",
    "applicable",
    "make_plan",
    "select_losses",
    "whole_number",
]


# in which networks compute; variables, losses and metrics are float32 in any case
PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be trained.

    Attributes
    ----------
    dataset : Dataset
    settings : Settings
    model : Model
    losses : tuple of Loss
        To be trained, one program for each head width.
    shared : dict of str to str
        Losses that have the gradient of another one here, and that one's label.
    not_applicable : tuple of NotApplicable
    metric : Metric
    metrics : tuple of Metric
        Shown beside the judged one.
    patience : int or None
    restore_best : bool
    variants : tuple of Variant
        Combinations of optimiser and schedule, one for most comparisons.
    """

    dataset: Dataset
    settings: Settings
    model: Any
    losses: tuple[Loss, ...]
    shared: dict[str, str]
    not_applicable: tuple[NotApplicable, ...]
    metric: metrics.Metric
    metrics: tuple[metrics.Metric, ...]
    patience: int | None
    restore_best: bool
    variants: tuple[Variant, ...]

    @property
    def n_runs(self) -> int:
        """Trainings in all."""
        return len(self.losses) * sum(len(one.learning_rates) for one in self.variants) * self.settings.seeds


def select_losses(names: str | Sequence[str | Loss], task: str, *, protocol: Protocol = "fair") -> list[Loss]:
    """Return the losses of `task` that were asked for.

    `default` means those of `DEFAULT_LOSSES`, `all` the standard ones of the task, `every` the whole catalogue.

    Raises
    ------
    UnknownNameError
        No such loss; close names of the same task are suggested.
    InvalidInputError
        A loss for another task, or one named twice.
    """
    items = split_names(names) if isinstance(names, str) else list(names)
    catalogue = PUBLISHED if protocol == "published" else LOSSES
    fitting = [loss for loss in catalogue.values() if loss.data_task == task]
    if items == ["every"] and protocol == "fair":
        return [loss for loss in EVERY.values() if loss.data_task == task]
    if items == ["default"] and protocol == "fair":
        items = list(DEFAULT_LOSSES[task])
    if items in (["all"], ["default"]):
        return fitting
    chosen: list[Loss] = []
    for item in items:
        loss = _published(item) if protocol == "published" and isinstance(item, str) else None
        loss = loss or (item if isinstance(item, Loss) else _get(item, task))
        if loss.data_task != task:
            raise InvalidInputError(
                f"loss {loss.name!r} is for {loss.task} and the task is {task}",
                expected="one of: " + ", ".join(candidate.name for candidate in fitting),
                advice="see lossmith losses, or say --task if the task was detected wrongly",
            )
        if str(loss) in {str(other) for other in chosen}:
            raise InvalidInputError(f"loss {loss!s} is named twice", expected="every loss once")
        chosen.append(loss)
    if not chosen:
        raise InvalidInputError(
            "no loss named", expected="a comma list of losses, default or all", advice="see lossmith losses"
        )
    return chosen


def _published(name: str) -> Loss | None:
    for candidate in (name, f"keras_{name}"):
        if candidate.partition(":")[0] in PUBLISHED:
            return get_loss(candidate)
    canonical = LOSSES[name.partition(":")[0]].name if name.partition(":")[0] in LOSSES else name
    return PUBLISHED.get(f"keras_{canonical}")


def _get(name: str, task: str) -> Loss:
    try:
        return get_loss(name)
    except UnknownNameError:
        base = name.partition(":")[0]
        if base in EVERY:
            raise
        fitting = [loss.name for loss in EVERY.values() if loss.data_task == task]
        raise UnknownNameError(f"unknown loss {base!r}", advice=did_you_mean(base, fitting)) from None


def applicable(
    losses: Sequence[Loss], dataset: Dataset, *, protocol: Protocol = "fair"
) -> tuple[list[Loss], dict[str, str], list[NotApplicable]]:
    """Sort losses into those to train, those that share another's gradient, and those whose domain the targets leave."""
    trained: list[Loss] = []
    shared: dict[str, str] = {}
    refused: list[NotApplicable] = []
    for loss in losses:
        share = outside_share(loss, dataset)
        if share > 0 and protocol == "fair":
            reason = f"{share:.1%} of the targets lie outside its domain {loss.interval}"
            if loss.full_support:
                reason = "it needs soft targets with every class above 0, and these are hard labels"
            refused.append(NotApplicable(str(loss), reason, share))
            continue
        # published experiments trained each of them; here the same gradient means the same runs
        partner = next((other for other in trained if protocol == "fair" and _one_gradient(loss, other)), None)
        if partner is not None:
            shared[str(loss)] = str(partner)
        else:
            trained.append(loss)
    return trained, shared, refused


def _one_gradient(loss: Loss, other: Loss) -> bool:
    same = loss.same_gradient_as == other.name or other.same_gradient_as == loss.name
    return same and not loss.values and not other.values


def outside_share(loss: Loss, dataset: Dataset) -> float:
    """Return the share of rows whose encoded target lies outside the domain of `loss`."""
    if dataset.soft_target is not None and loss.encoding == "distribution":
        return float(np.asarray(loss.outside(dataset.soft_target.astype(np.float32))).mean())
    encoding = fit_encoding(loss.encoding, dataset.target, n_classes=dataset.n_classes)
    return float(np.asarray(loss.outside(encoding.encode(dataset.target))).mean())


def _rates(text: str | Sequence[float], configured: float, *, protocol: Protocol) -> tuple[float, ...]:
    if isinstance(text, str):
        if text == "configured" or (text == "tuned" and protocol == "published"):
            return (configured,)
        if text == "tuned":
            return tuple(float(f"{configured * factor:.4g}") for factor in RATE_FACTORS)
        try:
            values = tuple(float(part) for part in text.split(","))
        except ValueError:
            raise InvalidInputError(
                f"learning rates {text!r}", expected="tuned, configured or numbers such as 0.01,0.1"
            ) from None
    else:
        values = tuple(float(value) for value in text)
    if not values or any(not value > 0 or not np.isfinite(value) for value in values) or len(set(values)) < len(values):
        raise InvalidInputError(f"learning rates {text!r}", expected="different positive numbers")
    return values


def make_plan(
    dataset: Dataset,
    *,
    losses: str | Sequence[str | Loss] = "default",
    model: Any = None,
    optimizer: str | None = None,
    optimizers: str | Sequence[str] | None = None,
    schedules: str | Sequence[str] | None = None,
    learning_rate: float | None = None,
    learning_rates: str | Sequence[float] = "tuned",
    noise: float = 0.0,
    seeds: int | str = DEFAULTS.seeds,
    epochs: int | None = None,
    batch_size: int | None = None,
    metric: str | None = None,
    margin: float | None = None,
    protocol: Protocol = "fair",
    precision: str = "float32",
    seed: int = 0,
    n_train: int,
) -> Plan:
    """Return the plan of a comparison; every choice the user left open is made here.

    Raises
    ------
    InvalidInputError
        Anything that does not fit: names, numbers, a metric for another task.
    """
    from lossmith import models

    published = PUBLISHED_SETTINGS.get(dataset.name) if protocol == "published" else None
    images = defaults_for(dataset, n_train=n_train, published=protocol == "published")
    family = models.get(model or (published[0] if published else (images or DEFAULTS).model))
    default_epochs, default_batch = default_lengths(n_train)
    if protocol == "published":
        default_epochs, default_batch = (published[1] if published else 100), 32
    if images is not None:
        default_epochs, default_batch = images.epochs, images.batch_size
    auto = seeds == "auto"
    if protocol not in ("fair", "published"):
        raise InvalidInputError(f"protocol {protocol!r}", expected="fair or published")
    if precision not in PRECISIONS:
        raise InvalidInputError(f"precision {precision!r}", expected=", ".join(PRECISIONS))
    count = DEFAULTS.looks[0] if auto else whole_number(seeds, "seeds", 1)
    if not 0 <= noise < 1:
        raise InvalidInputError(f"noise {noise}", expected="a share in [0, 1)", advice="for example 0.2")
    if noise and dataset.task == "regression":
        raise InvalidInputError("label noise for a regression", expected="a classification task")
    candidates = select_losses(losses, dataset.task, protocol=protocol)
    trained, shared, refused = applicable(candidates, dataset, protocol=protocol)
    if not trained:
        raise InvalidInputError(
            "no loss can be trained on these targets: " + "; ".join(f"{item.loss}: {item.reason}" for item in refused),
            advice="choose other losses, see lossmith losses",
        )
    judged = _metric(metric, dataset)
    shown = tuple(
        candidate
        for candidate in metrics.METRICS.values()
        if dataset.task in candidate.tasks
        and (
            candidate.always
            or candidate.name == judged.name
            or (candidate.needs == "output" and protocol == "published")
        )
    )
    if judged.name in {candidate.name for candidate in shown}:
        shown = tuple(judged if candidate.name == judged.name else candidate for candidate in shown)
    batch = whole_number(batch_size, "batch size", 1) if batch_size is not None else default_batch
    fair = protocol == "fair"
    variants, without = _variants(
        optimizer,
        optimizers,
        schedules,
        usual=(images or DEFAULTS).optimizer,
        learning_rate=learning_rate if images is None or learning_rate is not None else images.learning_rate,
        learning_rates=learning_rates,
        batch_size=batch,
        protocol=protocol,
    )
    first = variants[0]
    settings = Settings(
        losses=tuple(str(loss) for loss in candidates),
        model=str(family),
        optimizer=",".join(dict.fromkeys(one.optimizer for one in variants)),
        learning_rate=first.learning_rate,
        learning_rates=first.learning_rates,
        seeds=count,
        auto=auto,
        epochs=whole_number(epochs, "epochs", 1) if epochs is not None else default_epochs,
        batch_size=batch,
        metric=str(judged),
        margin=margin if margin is not None else judged.margin,
        protocol=protocol,
        noise=noise,
        seed=whole_number(seed, "seed", 0),
        level=DEFAULTS.level,
        extra={
            "margin_given": margin is not None,
            "not_applicable": len(refused),
            **({"images": True} if images is not None else {}),
            **({"precision": precision} if precision != "float32" else {}),
            **({"schedules": names} if (names := _scheduled(variants)) else {}),
            **stored(variants, learning_rates),
        },
    )
    return Plan(
        dataset=dataset,
        settings=settings,
        model=family,
        losses=tuple(trained),
        shared=shared,
        not_applicable=(*refused, *without),
        metric=judged,
        metrics=shown,
        patience=DEFAULTS.patience if fair and n_train >= DEFAULTS.patience_from_rows else None,
        restore_best=fair,
        variants=variants,
    )


def _variants(
    optimizer: str | None,
    optimizers: str | Sequence[str] | None,
    schedules: str | Sequence[str] | None,
    *,
    usual: str,
    learning_rate: float | None,
    learning_rates: str | Sequence[float],
    batch_size: int,
    protocol: Protocol,
) -> tuple[tuple[Variant, ...], tuple[NotApplicable, ...]]:
    if optimizer is not None and optimizers is not None:
        raise InvalidInputError(
            f"optimizer {optimizer!r} and optimizers {optimizers!r}", expected="one of them", advice="use optimizers"
        )
    asked = read_factor(optimizers if optimizer is None else [optimizer], kind="optimizer")
    asked = asked or [usual]

    def rates(name: str, size: int) -> tuple[float, tuple[float, ...]]:
        configured = learning_rate
        if configured is None:
            configured = default_rate(name, size) if protocol == "fair" else DEFAULTS.learning_rate
        return configured, _rates(learning_rates, configured, protocol=protocol)

    chosen = read_factor(schedules, kind="schedule") or ["constant"]
    return make_variants(asked, chosen, rates=rates, batch_size=batch_size)


def _scheduled(variants: Sequence[Variant]) -> str:
    """Return the schedules as they are typed, empty where the rate is constant."""
    names = list(dict.fromkeys(one.schedule for one in variants))
    return "" if names == ["constant"] else ",".join(names)


def _metric(name: str | None, dataset: Dataset) -> metrics.Metric:
    if name is None:
        return metrics.default_metric(dataset.task, dataset.class_counts)
    chosen = metrics.get(name)
    if dataset.task not in chosen.tasks:
        fitting = [metric.name for metric in metrics.METRICS.values() if dataset.task in metric.tasks]
        raise InvalidInputError(
            f"metric {chosen.name!r} for a {dataset.task} task", expected="one of: " + ", ".join(fitting)
        )
    if chosen.needs == "value":
        chosen(
            dataset.target[None].astype(np.float64), dataset.target
        )  # targets outside its domain are refused before any training
    return chosen


def whole_number(value: Any, what: str, least: int) -> int:
    """Return `value` as a whole number of at least `least`, or raise InvalidInputError."""
    if isinstance(value, bool) or not isinstance(value, int | str | np.integer):
        raise InvalidInputError(f"{what} {value!r}", expected=f"a whole number of at least {least}")
    try:
        number = int(value)
    except ValueError:
        raise InvalidInputError(f"{what} {value!r}", expected=f"a whole number of at least {least}") from None
    if number < least:
        raise InvalidInputError(f"{what} {number}", expected=f"a whole number of at least {least}")
    return number
