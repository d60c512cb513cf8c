"""Gradient descent on one Keras model under any loss of a program: three pure functions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.data import PIXEL
from lossmith.losses import Loss
from lossmith.training._arranged import arranged_loss
from lossmith.training._backend import compilation_cache
from lossmith.training._initial import build_optimizer, initial_values
from lossmith.training._layers import keeps_rows_apart, widest
from lossmith.training._spec import Batch, Hyper
from lossmith.training.schedules import RateSchedule

__all__ = ["GradientProcedure", "GradientState", "Monitor"]

# monitor(loss index, raw outputs, targets) -> pointwise values (n_rows,)
Monitor = Callable[[Any, Any, tuple[Any, ...]], Any]


class GradientState(NamedTuple):
    """Values of the model's trainable and other variables, of the optimiser's variables, and of the schedule.

    Use it through `GradientProcedure`, which makes and returns it.
    """

    trainable: list[Any]
    other: list[Any]
    slots: list[Any]
    schedule: Any = ()


@final
class GradientProcedure:
    """Train a Keras model that ends in raw scores by a Keras optimiser.

    Parameters
    ----------
    model : keras.Model
        Built; its output is raw, of shape `(n_rows, units)`.
    optimizer : keras.optimizers.Optimizer
        Or one of `training.optimizers.make_optimizer`.
    losses : sequence of Loss
        All of the width of the model's output; `Hyper.loss` selects one.
    encodings : sequence of int
        For each loss, which entry of `Batch.targets` it reads.
    monitors : sequence of callables
        Further quantities, of training batches as they pass and of evaluated rows.
    weights : int or None
        Which entry of `Batch.targets` holds a weight for each row, with mean 1 over all rows, by which the loss of a
        training batch is multiplied before its mean; None where all rows count alike.
    schedule : RateSchedule or None
        What the learning rate of every run is multiplied by at each step.
    loss_scale : float
        What the loss is multiplied by while it is differentiated, and gradients are divided by after: small gradients
        would vanish in a model that computes in float16.

    Raises
    ------
    InvalidInputError
        The optimiser follows a schedule of its own, which leaves no learning rate to set for each run.

    Examples
    --------
    >>> from lossmith import losses, models
    >>> from lossmith.training.optimizers import make_optimizer
    >>> network = models.get("mlp:hidden=4").network((2,), 1)
    >>> procedure = GradientProcedure(network, make_optimizer("adam"), [losses.get("mse")], [0])
    >>> procedure.units, procedure.exact_batches
    (1, False)
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        losses: Sequence[Loss],
        encodings: Sequence[int],
        *,
        monitors: Sequence[Monitor] = (),
        weights: int | None = None,
        schedule: RateSchedule | None = None,
        loss_scale: float = 1.0,
    ) -> None:
        import jax.numpy as jnp

        self.model = model
        self.optimizer = optimizer
        self._schedule, self._loss_scale = schedule, loss_scale
        self.losses = tuple(losses)
        self.monitors = tuple(monitors)
        self._weights = weights
        self.units = int(model.output_shape[-1])
        self.width = widest(model)
        # rows that fill up a batch must not be seen by its other rows
        self.exact_batches = not keeps_rows_apart(model) or any(loss.batchwise for loss in losses)
        with compilation_cache():
            build_optimizer(optimizer, model.trainable_variables)
        rates = [place for place, variable in enumerate(optimizer.variables) if variable.path.endswith("learning_rate")]
        if not rates:
            raise InvalidInputError(
                f"optimizer {optimizer.name!r} with a schedule of learning rates",
                expected="an optimizer with one learning rate",
                advice="pass a number as learning_rate; every run has its own",
            )
        self._rate = rates[0]
        self._slots = [np.asarray(variable.value) for variable in optimizer.variables]
        self._copies = _copies(self._slots, [np.asarray(variable.value) for variable in model.trainable_variables])
        self._branches = [self._branch(loss, place, jnp) for loss, place in zip(losses, encodings, strict=True)]
        self._arranged: Any = None

    def _branch(self, loss: Loss, place: int, xp: Any) -> Callable[[Any, tuple[Any, ...]], Any]:
        scalar = loss.head.units == 1

        def value(raw: Any, targets: tuple[Any, ...]) -> Any:
            return loss.pointwise(raw[:, 0] if scalar else raw, targets[place], xp=xp)

        return value

    def pointwise(self, which: Any, raw: Any, targets: tuple[Any, ...]) -> Any:
        """Return the selected loss of each row."""
        import jax

        if len(self._branches) == 1:
            return self._branches[0](raw, targets)
        if self._arranged is not None:
            return self._arranged(which, raw, targets)
        # a switch inside the differentiated function: only the selected branch's gradient survives, so that an
        # overflow in another branch cannot turn it into NaN (jnp.select would let it)
        return jax.lax.switch(which, self._branches, raw, targets)

    def arranged(self, losses: Sequence[int]) -> GradientProcedure:
        """Return this procedure for runs that are stacked in a known order: each run computes its own loss alone.

        Parameters
        ----------
        losses : sequence of int
            Index of the loss of every configuration, in the order in which they are stacked.
        """
        other = copy.copy(self)
        other._arranged = arranged_loss(self._branches, losses)
        return other

    def init(self, seed: int) -> GradientState:
        """Return initial weights drawn from `seed` and fresh optimiser variables."""
        values = initial_values(self.model, seed)
        by_id = {id(variable): value for variable, value in zip(self.model.variables, values, strict=True)}
        trainable = [by_id[id(variable)] for variable in self.model.trainable_variables]
        other = [by_id[id(variable)] for variable in self.model.non_trainable_variables]
        slots = [
            slot if source is None else trainable[source]
            for slot, source in zip(self._slots, self._copies, strict=True)
        ]
        return GradientState(trainable, other, slots, self._scheduled())

    def _scheduled(self) -> Any:
        """Return the schedule's first state as plain arrays."""
        import jax

        return () if self._schedule is None else jax.tree.map(np.asarray, self._schedule.init())

    def step(self, state: GradientState, batch: Batch, hyper: Hyper) -> tuple[GradientState, Any]:
        """Return the state after one batch, and the means of loss and monitored quantities before it."""
        import jax
        import jax.numpy as jnp

        def mean_loss(trainable: list[Any]) -> tuple[Any, tuple[list[Any], Any]]:
            raw, other, penalties = self.model.stateless_call(
                trainable, state.other, as_numbers(batch.inputs), training=True, return_losses=True
            )
            raw = in_single(raw)
            values = self.pointwise(hyper.loss, raw, batch.targets)
            if self._weights is not None:
                values = values * batch.targets[self._weights]
            loss = self._mean(values, batch) + sum(penalties)
            return loss, (other, raw)

        def scaled(trainable: list[Any]) -> tuple[Any, Any]:
            loss, others = mean_loss(trainable)
            return loss * self._loss_scale, (loss, others)

        if self._loss_scale == 1.0:
            (loss, (other, raw)), gradients = jax.value_and_grad(mean_loss, has_aux=True)(state.trainable)
        else:
            (_, (loss, (other, raw))), gradients = jax.value_and_grad(scaled, has_aux=True)(state.trainable)
            gradients = [gradient / self._loss_scale for gradient in gradients]
        monitored = [self._mean(monitor(hyper.loss, raw, batch.targets), batch) for monitor in self.monitors]
        slots, schedule = list(state.slots), state.schedule
        slots[self._rate] = hyper.learning_rate
        if self._schedule is not None:
            slots[self._rate] = hyper.learning_rate * self._schedule.factor(schedule)
            schedule = self._schedule.after(schedule, loss)
        if getattr(self.optimizer, "searches", False):
            trainable, slots = self.optimizer.search(
                slots, gradients, state.trainable, loss, lambda found: mean_loss(found)[0]
            )
        else:
            trainable, slots = self.optimizer.stateless_apply(slots, gradients, state.trainable)
        return GradientState(list(trainable), list(other), list(slots), schedule), jnp.stack([loss, *monitored])

    @staticmethod
    def _mean(values: Any, batch: Batch) -> Any:
        return (values * batch.weight).sum() / batch.weight.sum()

    def final(self, state: GradientState) -> GradientState:
        """Return the state that predictions use after training: the averaged weights where the optimiser keeps them."""
        if hasattr(self.optimizer, "effective"):
            return state._replace(trainable=self.optimizer.effective(state.slots, state.trainable))
        if not getattr(self.optimizer, "use_ema", False):
            return state
        averages = [
            value
            for variable, value in zip(self.optimizer.variables, state.slots, strict=True)
            if variable.path.endswith("_average")
        ]
        return state._replace(trainable=averages)

    def predict(self, state: GradientState, inputs: Any) -> Any:
        """Return raw outputs in inference mode."""
        trainable = state.trainable
        if hasattr(self.optimizer, "effective"):
            # averaged weights are watched as they will be used
            trainable = self.optimizer.effective(state.slots, trainable)
        raw, _ = self.model.stateless_call(trainable, state.other, as_numbers(inputs), training=False)
        return in_single(raw)

    def evaluate(self, state: GradientState, batch: Batch, hyper: Hyper) -> Any:
        """Return loss and monitored quantities of each row, shape (n_rows, 1 + n_monitors)."""
        import jax.numpy as jnp

        raw = self.predict(state, batch.inputs)
        values = [self.pointwise(hyper.loss, raw, batch.targets)]
        values += [monitor(hyper.loss, raw, batch.targets) for monitor in self.monitors]
        return jnp.stack(values, axis=-1)

    def variables(self, state: GradientState) -> list[Any]:
        """Return the values of `model.variables`, in Keras's order."""
        by_id = {
            id(variable): value
            for variables, values in (
                (self.model.trainable_variables, state.trainable),
                (self.model.non_trainable_variables, state.other),
            )
            for variable, value in zip(variables, values, strict=True)
        }
        return [by_id[id(variable)] for variable in self.model.variables]

    def restored(self, values: Sequence[Any]) -> GradientState:
        """Return the state that predicts with these values of `model.variables`."""
        by_id = {id(variable): value for variable, value in zip(self.model.variables, values, strict=True)}
        trainable = [by_id[id(variable)] for variable in self.model.trainable_variables]
        other = [by_id[id(variable)] for variable in self.model.non_trainable_variables]
        return GradientState(trainable, other, list(self._slots), self._scheduled())


def in_single(raw: Any) -> Any:
    """Return raw outputs in the precision in which losses are computed, whatever that of the model."""
    import jax.numpy as jnp

    return raw.astype(jnp.float32) if raw.dtype in (jnp.bfloat16, jnp.float16) else raw


def as_numbers(inputs: Any) -> Any:
    """Return inputs as a network takes them: bytes are pixels, kept as bytes and divided where they are used."""
    import jax.numpy as jnp

    return inputs.astype(jnp.float32) / PIXEL if inputs.dtype == jnp.uint8 else inputs


def _copies(slots: list[np.ndarray], weights: list[np.ndarray]) -> list[int | None]:
    """Return, for each optimiser variable, which weight it starts as a copy of (averaged weights, for one)."""

    def source(slot: np.ndarray) -> int | None:
        if slot.size < 2 or np.all(slot == slot.flat[0]):
            return None  # a constant start is the same for every seed
        equal = (place for place, weight in enumerate(weights) if np.array_equal(slot, weight))
        return next(equal, None)

    return [source(slot) for slot in slots]
