"""Schedules: what the learning rate is multiplied by, from the first step to the last.

Each is a factor of at most 1, so that the same rates can be tried under every schedule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lossmith._catalogue import Catalogue
from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith._names import Value, format_name, parse_name
from lossmith.training.optimizers import Length

__all__ = ["SCHEDULES", "RateSchedule", "ScheduleRecord", "get"]


@dataclass(frozen=True, slots=True)
class RateSchedule:
    """A schedule for a training of known length: three pure functions.

    Attributes
    ----------
    init : callable
        `init() -> state`.
    factor : callable
        `factor(state) -> number in (0, 1]` for the step to come.
    after : callable
        `after(state, loss) -> state` once the step is done.
    """

    init: Callable[[], Any]
    factor: Callable[[Any], Any]
    after: Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """One shape of the learning rate over the training.

    Attributes
    ----------
    name : str
    description : str
    defaults : mapping of str to number or text
    make : callable
        `make(length, **values) -> RateSchedule`.
    reference : str
    aliases : tuple of str
    values : mapping
        Values that differ from the defaults.
    """

    name: str
    description: str
    defaults: dict[str, Value]
    make: Callable[..., RateSchedule]
    reference: str = ""
    aliases: tuple[str, ...] = ()
    values: dict[str, Value] = field(default_factory=dict)

    def over(self, length: Length) -> RateSchedule:
        """Return the schedule of a training of this length."""
        return self.make(length, **{**self.defaults, **self.values})

    def factors(self, length: Length) -> list[float]:
        """Return the factor of every step of a training whose loss never improves.

        Examples
        --------
        >>> [round(value, 3) for value in get("linear").factors(Length(2, 2))]
        [1.0, 0.75, 0.5, 0.25]
        """
        import jax.numpy as jnp

        schedule = self.over(length)
        state, found = schedule.init(), []
        for _ in range(length.steps):
            found.append(float(schedule.factor(state)))
            state = schedule.after(state, jnp.ones(()))
        return found

    def __str__(self) -> str:
        return format_name(self.name, self.values)


def _by_step(function: Callable[[Any], Any]) -> RateSchedule:
    """Return the schedule that is a function of the step alone."""
    import jax.numpy as jnp

    return RateSchedule(lambda: jnp.zeros((), jnp.int32), function, lambda step, loss: step + 1)  # noqa: ARG005


def _constant(length: Length) -> RateSchedule:  # noqa: ARG001
    import jax.numpy as jnp

    return _by_step(lambda step: jnp.ones(()))  # noqa: ARG005


def _step(length: Length, *, at: Value, factor: float) -> RateSchedule:
    import optax

    places = [max(1, round(share * length.steps)) for share in _shares(at)]
    # two drops may fall on one step of a short training
    scales = {place: factor ** places.count(place) for place in places}
    return _by_step(optax.piecewise_constant_schedule(1.0, scales))


def _exponential(length: Length, *, end: float) -> RateSchedule:
    import optax

    return _by_step(optax.exponential_decay(1.0, length.steps, end))


def _linear(length: Length, *, end: float) -> RateSchedule:
    import optax

    return _by_step(optax.linear_schedule(1.0, end, length.steps))


def _cosine(length: Length, *, end: float) -> RateSchedule:
    import optax

    return _by_step(optax.cosine_decay_schedule(1.0, length.steps, alpha=end))


def _warmup(length: Length, *, share: float, start: float) -> RateSchedule:
    import optax

    return _by_step(optax.linear_schedule(start, 1.0, max(1, round(share * length.steps))))


def _warmup_cosine(length: Length, *, share: float, start: float, end: float) -> RateSchedule:
    import optax

    rising = min(max(1, round(share * length.steps)), length.steps)
    rest = max(1, length.steps - rising)
    joined = optax.join_schedules(
        [optax.linear_schedule(start, 1.0, rising), optax.cosine_decay_schedule(1.0, rest, alpha=end)], [rising]
    )
    return _by_step(joined)


def _plateau(length: Length, *, factor: float, patience: float, threshold: float) -> RateSchedule:
    import jax.numpy as jnp
    from optax import contrib

    # its loss is the mean over an epoch of training batches
    rule = contrib.reduce_on_plateau(
        factor=factor, patience=int(patience), rtol=threshold, accumulation_size=length.per_epoch
    )

    def after(state: Any, loss: Any) -> Any:
        return rule.update({}, state, value=jnp.asarray(loss, jnp.float32))[1]

    return RateSchedule(lambda: rule.init({}), lambda state: state.scale, after)


def _shares(text: Value) -> list[float]:
    return sorted(float(part) for part in str(text).split("x"))


SCHEDULES: Catalogue[ScheduleRecord] = Catalogue(
    "schedule",
    [
        ScheduleRecord(
            "constant",
            "the same rate from first to last",
            {},
            _constant,
            reference="Robbins, Monro, A stochastic approximation method, 1951",
            aliases=("none",),
        ),
        ScheduleRecord(
            "step",
            "drops by `factor` after each of the shares `at` of the training",
            {"at": "0.5x0.75", "factor": 0.1},
            _step,
            reference="He, Zhang, Ren, Sun, Deep residual learning for image recognition, 2016",
            aliases=("piecewise",),
        ),
        ScheduleRecord(
            "exponential",
            "falls by the same ratio at every step, to the share `end` at the last",
            {"end": 0.01},
            _exponential,
            reference="Li, Arora, An exponential learning rate schedule for deep learning, 2020",
            aliases=("exponential_decay",),
        ),
        ScheduleRecord(
            "linear",
            "falls by the same amount at every step, to the share `end`",
            {"end": 0.0},
            _linear,
            reference="Li, Yumer, Ramanan, Budgeted training: rethinking deep neural network training under resource constraints, 2020",
        ),
        ScheduleRecord(
            "cosine",
            "falls along half a cosine to the share `end`",
            {"end": 0.0},
            _cosine,
            reference="Loshchilov, Hutter, SGDR: stochastic gradient descent with warm restarts, 2017",
            aliases=("cosine_decay",),
        ),
        ScheduleRecord(
            "warmup",
            "rises from the share `start` during the first `share` of the training, then stays",
            {"share": 0.1, "start": 0.01},
            _warmup,
            reference="Goyal and others, Accurate, large minibatch SGD: training ImageNet in 1 hour, 2017",
            aliases=("warm_up",),
        ),
        ScheduleRecord(
            "warmup_cosine",
            "rises as `warmup`, then falls as `cosine`",
            {"share": 0.1, "start": 0.01, "end": 0.0},
            _warmup_cosine,
            reference="Loshchilov, Hutter, SGDR, 2017, after the warm-up of Goyal and others, 2017",
        ),
        ScheduleRecord(
            "plateau",
            "multiplied by `factor` when the training loss has not fallen by `threshold` for `patience` epochs",
            {"factor": 0.5, "patience": 5, "threshold": 0.0001},
            _plateau,
            reference="Keras, ReduceLROnPlateau; Optax, contrib.reduce_on_plateau",
            aliases=("reduce_on_plateau",),
        ),
    ],
)


def get(text: str) -> ScheduleRecord:
    """Return the schedule for `name:key=value,...`.

    Raises
    ------
    UnknownNameError
        No such schedule or parameter.
    InvalidInputError
        A value outside its range.

    Examples
    --------
    >>> str(get("cosine:end=0.1")), get("warm-up").name
    ('cosine:end=0.1', 'warmup')
    """
    name, values = parse_name(text)
    record = SCHEDULES[name]
    for key, value in values.items():
        if key not in record.defaults:
            raise UnknownNameError(f"schedule {record.name} has no {key!r}", advice=did_you_mean(key, record.defaults))
        _check(record.name, key, value)
    return ScheduleRecord(
        record.name, record.description, record.defaults, record.make, record.reference, record.aliases, values
    )


def _check(name: str, key: str, value: Value) -> None:
    where = f"{key}={value} of schedule {name}"
    if key == "at":
        try:
            shares = _shares(value)
        except ValueError:
            shares = [-1.0]
        if not all(0 < share < 1 for share in shares):
            raise InvalidInputError(where, expected="shares of the training in (0, 1), such as 0.5x0.75")
        return
    if key == "patience":
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidInputError(where, expected="epochs, a whole number of at least 1")
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    low_open = key in ("factor", "share") or (key == "end" and name == "exponential")
    high_open = key in ("factor", "share")
    fits = number and 0 <= float(value) <= 1 and not (low_open and value == 0) and not (high_open and value == 1)
    if not fits:
        raise InvalidInputError(
            where, expected=f"a number in {'(' if low_open else '['}0, 1{')' if high_open else ']'}"
        )
