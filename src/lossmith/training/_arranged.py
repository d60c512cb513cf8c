"""A loss per run without a switch: stacked runs in a known order compute their own loss alone.

Under `vmap` a switch over losses computes every branch for every run, which costs more than the network where losses
are made of exponentials and logarithms. The order of the stacked configurations is known when the program is built, so
the stack is cut by loss and each piece goes through one branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["arranged_loss"]

# branch(raw outputs, targets) -> pointwise values (n_rows,); the value of a row depends on that row alone
Branch = Callable[[Any, tuple[Any, ...]], Any]


def arranged_loss(branches: Sequence[Branch], order: Sequence[int]) -> Callable[[Any, Any, tuple[Any, ...]], Any]:
    """Return `loss(which, raw, targets)` whose stack over configurations has the losses `order`.

    Outside of `vmap` it is a switch over `which`. Losses are pointwise, so that the forward pass takes value and
    gradient of each row at once and the backward pass multiplies.
    """
    import jax
    import jax.numpy as jnp

    places = {k: np.flatnonzero(np.asarray(order) == k) for k in dict.fromkeys(order)}
    back = np.argsort(np.concatenate(list(places.values())), kind="stable")
    in_order = bool((back == np.arange(len(order))).all())

    def with_gradient(branch: Branch) -> Callable[[Any, tuple[Any, ...]], tuple[Any, Any]]:
        def both(raw: Any, targets: tuple[Any, ...]) -> tuple[Any, Any]:
            values, pull = jax.vjp(lambda outputs: branch(outputs, targets), raw)
            return values, pull(jnp.ones_like(values))[0]

        return both

    pairs = [with_gradient(branch) for branch in branches]

    @jax.custom_batching.custom_vmap
    def both(which: Any, raw: Any, targets: tuple[Any, ...]) -> tuple[Any, Any]:
        return jax.lax.switch(which, pairs, raw, targets)

    @both.def_vmap
    def _stacked(size: int, batched: Any, which: Any, raw: Any, targets: tuple[Any, ...]) -> tuple[Any, Any]:
        which_stacked, raw_stacked, targets_stacked = batched
        axes = tuple(0 if stacked else None for stacked in targets_stacked)
        if not which_stacked or size != len(order):
            # stacked over seeds, not over configurations
            function = jax.vmap(both, in_axes=(0 if which_stacked else None, 0 if raw_stacked else None, axes))
            return function(which, raw, targets), (True, True)
        if not raw_stacked:
            raw = jnp.broadcast_to(raw, (size, *raw.shape))
        pieces = []
        for k, rows in places.items():
            own = tuple(t[rows] if stacked else t for t, stacked in zip(targets, targets_stacked, strict=True))
            pieces.append(jax.vmap(pairs[k], in_axes=(0, axes))(_rows(raw, rows), own))
        stacked = [jnp.concatenate(parts) for parts in zip(*pieces, strict=True)]
        values, gradients = stacked if in_order else [part[back] for part in stacked]
        return (values, gradients), (True, True)

    @jax.custom_vjp
    def loss(which: Any, raw: Any, targets: tuple[Any, ...]) -> Any:
        return both(which, raw, targets)[0]

    def forward(which: Any, raw: Any, targets: tuple[Any, ...]) -> tuple[Any, Any]:
        return both(which, raw, targets)

    def backward(gradients: Any, cotangent: Any) -> tuple[None, Any, None]:
        return None, gradients * cotangent[:, None], None

    loss.defvjp(forward, backward)
    return loss


def _rows(array: Any, rows: np.ndarray) -> Any:
    """Return rows of an array; neighbouring ones as a slice, which copies nothing."""
    if len(rows) == rows[-1] - rows[0] + 1:
        return array[int(rows[0]) : int(rows[-1]) + 1]
    return array[rows]
