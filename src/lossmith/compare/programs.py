"""The compiled side of a plan: a trainer for each head width, made when its first group comes."""

from __future__ import annotations

import threading
from typing import Any, final

import numpy as np

from lossmith.compare.plan import Plan
from lossmith.compare.trials import HeadProgram, Seat, group_arrays
from lossmith.losses import Loss
from lossmith.training import (
    Checkpoints,
    Fitting,
    GradientProcedure,
    GroupData,
    Schedule,
    Trainer,
    choose_execution,
    load_keras,
    schedules,
    worker_count,
)
from lossmith.training._layers import compute_in
from lossmith.training.execution import free_bytes
from lossmith.training.optimizers import Length, make_optimizer

__all__ = ["Trainers", "procedure", "quantity"]


# gradients below 6e-8 are zero in float16; a thousand times larger, those of losses around one overflow at 64
LOSS_SCALE = 1024.0


def procedure(
    plan: Plan, program: HeadProgram, input_shape: tuple[int, ...], *, length: Length | None = None
) -> GradientProcedure:
    """Return the procedure that trains every loss of one head width; without a length it predicts alone."""
    load_keras()
    variant = program.variant
    rates = None
    if variant.schedule != "constant" and length is not None:
        rates = schedules.get(variant.schedule).over(length)
    network = plan.model.network(input_shape, program.units)
    precision = plan.settings.extra.get("precision", "float32")
    if precision != "float32":
        compute_in(network, precision)
    return GradientProcedure(
        network,
        make_optimizer(variant.optimizer, learning_rate=variant.learning_rate, length=length),
        program.losses,
        [program.encodings.index(loss.encoding) for loss in program.losses],
        monitors=[_hits(program) if plan.dataset.task != "regression" else _squared_errors(program)],
        schedule=rates,
        loss_scale=LOSS_SCALE if precision == "float16" else 1.0,
    )


def quantity(plan: Plan) -> str:
    """Return the name of what is monitored beside the loss."""
    return "squared_error" if plan.dataset.task == "regression" else "accuracy"


def _ordered(loss: Loss) -> Any:
    """Return what is largest for the predicted class."""
    import jax.numpy as jnp

    return (lambda raw: loss.head.predict(jnp, raw)) if loss.head.decides == "prediction" else (lambda raw: raw)


def _hits(program: HeadProgram) -> Any:
    import jax
    import jax.numpy as jnp

    threshold = 0.0 if program.encodings[0] == "minus_one_one" else 0.5

    def hits(which: Any, raw: Any, targets: tuple[Any, ...]) -> Any:
        if program.units == 1:
            right = (raw[:, 0] > 0) == (targets[0] > threshold)
        else:
            right = jnp.argmax(ordered(which, raw), axis=-1) == jnp.argmax(targets[0], axis=-1)
        return right.astype(jnp.float32)

    def ordered(which: Any, raw: Any) -> Any:
        if all(loss.head.decides != "prediction" for loss in program.losses):
            return raw
        branches = [_ordered(loss) for loss in program.losses]
        return branches[0](raw) if len(branches) == 1 else jax.lax.switch(which, branches, raw)

    return hits


def _squared_errors(program: HeadProgram) -> Any:
    import jax
    import jax.numpy as jnp

    def branch(loss: Loss) -> Any:
        place = program.encodings.index(loss.encoding)

        def squared(raw: Any, targets: tuple[Any, ...]) -> Any:
            value = loss.head.predict(jnp, raw[:, 0] if loss.head.units == 1 else raw)
            return (value - targets[place]) ** 2

        return squared

    branches = [branch(loss) for loss in program.losses]

    def squared_errors(which: Any, raw: Any, targets: tuple[Any, ...]) -> Any:
        return branches[0](raw, targets) if len(branches) == 1 else jax.lax.switch(which, branches, raw, targets)

    return squared_errors


@final
class Trainers:
    """One trainer for each head width and shape of data, compiled once and kept.

    It trains what `train_groups` hands it: a program, the data of one of its groups and the seats of its trials.
    """

    def __init__(self, plan: Plan, *, memory: int | None = None) -> None:
        self.plan, self.memory = plan, memory
        self._made: dict[Any, Fitting] = {}
        self._lock = threading.Lock()

    def train(
        self, group: tuple[HeadProgram, GroupData, list[Seat], Checkpoints | None], **options: Any
    ) -> dict[str, np.ndarray]:
        """Train one group with the trainer of its shape and return what is kept of it; options as in `Trainer.train`."""
        program, data, seats, states = group
        # judged here, in the thread that trained it, so that the next group does not wait for the metrics of this one
        result = self.trainer(program, data).train(data, checkpoints=states, **options)
        return group_arrays(self.plan, program, seats, result)

    def trainer(self, program: HeadProgram, data: GroupData) -> Fitting:
        """Return the trainer of groups of this shape, compiled."""
        shapes = (program.key, data.train.inputs.shape, *(part.inputs.shape for part in data.evaluate.values()))
        with self._lock:
            if shapes not in self._made:
                self._made[shapes] = self._make(program, data)
            return self._made[shapes]

    def _make(self, program: HeadProgram, data: GroupData) -> Fitting:
        settings, plan = self.plan.settings, self.plan
        configurations = program.configurations
        n_rows = data.train.n_rows
        batch_size = min(program.variant.batch_size or n_rows, n_rows)
        length = Length(-(-n_rows // batch_size), settings.epochs)
        trained = procedure(plan, program, data.train.inputs.shape[2:], length=length)

        def make(places: tuple[int, ...]) -> Trainer:
            return Trainer(
                trained,
                [configurations[place][0] for place in places],
                [configurations[place][1] for place in places],
                Schedule(
                    epochs=settings.epochs,
                    batch_size=batch_size,
                    patience=plan.patience,
                    restore_best=plan.restore_best,
                    # a pass over all training rows after every epoch is a third of an epoch of convolutions
                    watch_training=settings.protocol == "published" and plan.model.execution != "sequential",
                ),
                quantities=("loss", quantity(plan)),
                room=self._budget,
            )

        stacked = choose_execution(trained.model) == "stacked"
        fitting = Fitting(make, len(configurations), budget=self._budget, divisible=stacked)
        fitting.compile(data)
        return fitting

    def _budget(self) -> int | None:
        """Return the bytes of one of the stacks that are trained at once."""
        memory = free_bytes() if self.memory is None else self.memory
        return None if memory is None else memory // worker_count()
