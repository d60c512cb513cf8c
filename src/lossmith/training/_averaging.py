"""Stochastic weight averaging around any optimiser: the mean of the weights after each of the last epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from lossmith.training._lbfgs import Slot

if TYPE_CHECKING:
    from lossmith.training.optimizers import Length

__all__ = ["Averaging"]


@final
class Averaging:
    """An optimiser whose predictions come from averaged weights once it has begun to average.

    $\\bar w_n = \\bar w_{n-1} + (w_n - \\bar w_{n-1}) / n$ over the weights $w_n$ after the n-th epoch that counts.

    Parameters
    ----------
    inner : keras.optimizers.Optimizer
    length : Length
        Of the training.
    start : float
        Share of the epochs after which the first weights are taken.

    Source: Izmailov and others, Averaging weights leads to wider optima and better generalization, 2018.
    """

    searches = False
    use_ema = False

    def __init__(self, inner: Any, *, length: Length, start: float) -> None:
        self.inner = inner
        self.name = "swa"
        self.built = False
        self._per_epoch = length.per_epoch
        self._first = int(start * length.epochs)
        self._own: list[Slot] = []

    def build(self, weights: list[Any]) -> None:
        """Make the variables for these weights."""
        import jax.numpy as jnp

        from lossmith.training._initial import build_optimizer

        build_optimizer(self.inner, weights)
        self._own = [Slot("swa/step", jnp.zeros((), jnp.int32)), Slot("swa/count", jnp.zeros(()))]
        self._own += [Slot(f"swa/mean/{place}", jnp.zeros(weight.shape)) for place, weight in enumerate(weights)]
        self.built = True

    @property
    def variables(self) -> list[Any]:
        """Those of the optimiser inside, then step, count and means."""
        return [*self.inner.variables, *self._own]

    def stateless_apply(
        self, slots: list[Any], gradients: list[Any], weights: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Return new weights and variables."""
        import jax.numpy as jnp

        cut = len(slots) - len(self._own)
        moved, inner = self.inner.stateless_apply(slots[:cut], gradients, weights)
        step, count, *means = slots[cut:]
        step = step + 1
        epoch, inside = step // self._per_epoch, step % self._per_epoch
        takes = (inside == 0) & (epoch > self._first)
        count = count + takes
        share = jnp.where(takes, 1.0 / jnp.maximum(count, 1.0), 0.0)
        means = [mean + (weight - mean) * share for mean, weight in zip(means, moved, strict=True)]
        return list(moved), [*inner, step, count, *means]

    def effective(self, slots: list[Any], weights: list[Any]) -> list[Any]:
        """Return the weights to predict with: the means, or the weights themselves before there are any."""
        import jax.numpy as jnp

        _, count, *means = slots[len(slots) - len(self._own) :]
        return [jnp.where(count > 0, mean, weight) for mean, weight in zip(means, weights, strict=True)]
