"""L-BFGS of Optax in the form in which the engine takes optimisers: variables in, variables out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, final

__all__ = ["Lbfgs", "Slot"]


class Slot(NamedTuple):
    """A variable of an optimiser: its path and its first value."""

    path: str
    value: Any


@final
class Lbfgs:
    """Limited-memory BFGS with a line search that keeps the strong Wolfe conditions.

    Use it on all training rows: differences of gradients of different batches are no curvature.

    Parameters
    ----------
    memory : int
        Pairs of steps and gradients that are kept.
    search : int
        Evaluations of one line search, at most.

    Source: Liu, Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """

    READ: ClassVar[dict[str, int]] = {"memory": 10, "search": 20}
    searches = True
    use_ema = False

    def __init__(self, *, memory: int = READ["memory"], search: int = READ["search"]) -> None:
        import optax

        self.name = "lbfgs"
        self.built = False
        self.variables: list[Slot] = []
        # a quasi-Newton step has the right length most of the time: the search begins with 1
        self._rule = optax.lbfgs(
            memory_size=memory,
            linesearch=optax.scale_by_zoom_linesearch(max_linesearch_steps=search, initial_guess_strategy="one"),
        )
        self._shape: Any = None

    def build(self, weights: list[Any]) -> None:
        """Make the variables for these weights."""
        import jax
        import jax.numpy as jnp

        start = self._rule.init([jnp.asarray(weight.value) for weight in weights])
        leaves, self._shape = jax.tree.flatten(start)
        # no learning rate is used; the engine sets one for every run
        self.variables = [Slot("lbfgs/learning_rate", jnp.ones(()))]
        self.variables += [Slot(f"lbfgs/{place}", jnp.asarray(leaf)) for place, leaf in enumerate(leaves)]
        self.built = True

    def search(
        self, slots: list[Any], gradients: list[Any], weights: list[Any], value: Any, function: Callable[..., Any]
    ) -> tuple[list[Any], list[Any]]:
        """Return new weights and variables; `function(weights)` is the loss, `value` and `gradients` those here."""
        import jax

        state = jax.tree.unflatten(self._shape, slots[1:])
        updates, state = self._rule.update(
            gradients, state, weights, value=value, grad=gradients, value_fn=lambda found: function(list(found))
        )
        moved = [weight + update for weight, update in zip(weights, updates, strict=True)]
        fresh = [new.astype(old.dtype) for new, old in zip(jax.tree.leaves(state), slots[1:], strict=True)]
        return moved, [slots[0], *fresh]
