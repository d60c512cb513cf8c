"""The network of a language model: embedding or one-hot, recurrent layers, a dense layer to every token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.text._cells import CELLS, layer

__all__ = ["Architecture", "initial_state", "initial_weights", "scores", "weight_shapes"]

Cell = Literal["lstm", "gru", "simple_rnn"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a language model.

    Attributes
    ----------
    n_tokens : int
    cell : {"lstm", "gru", "simple_rnn"}
    hidden : tuple of int
        Widths of the recurrent layers.
    embedding : int
        Width of the vector that stands for a token; 0 for one-hot.
    """

    n_tokens: int
    cell: Cell
    hidden: tuple[int, ...]
    embedding: int

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise InvalidInputError(f"cell {self.cell!r}", expected="one of: " + ", ".join(CELLS))
        if not self.hidden or min(self.hidden) < 1:
            raise InvalidInputError(
                f"hidden widths {self.hidden}", expected="one or more of at least 1", advice="for example 300x300"
            )
        if self.embedding < 0 or self.n_tokens < 2:
            raise InvalidInputError(
                f"embedding {self.embedding} of {self.n_tokens} tokens", expected="0 or more, of 2 tokens or more"
            )

    @property
    def n_states(self) -> int:
        """Arrays of state in each layer."""
        return 2 if self.cell == "lstm" else 1


def weight_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every weight, in order.

    Examples
    --------
    >>> weight_shapes(Architecture(5, "lstm", (3,), 0))["0/kernel"]
    (5, 12)
    """
    a, gates = architecture, CELLS[architecture.cell]
    shapes: dict[str, tuple[int, ...]] = {"embedding": (a.n_tokens, a.embedding)} if a.embedding else {}
    entering = a.embedding or a.n_tokens
    for place, width in enumerate(a.hidden):
        shapes[f"{place}/kernel"] = (entering, gates * width)
        shapes[f"{place}/recurrent"] = (width, gates * width)
        shapes[f"{place}/bias"] = (gates * width,)
        entering = width
    return shapes | {"dense/kernel": (entering, a.n_tokens), "dense/bias": (a.n_tokens,)}


def initial_weights(architecture: Architecture, *, seed: int) -> dict[str, np.ndarray]:
    """Return weights as Keras draws them: Glorot uniform, orthogonal between steps, the bias of the forget gate 1."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name, shape in weight_shapes(architecture).items():
        if name == "embedding":
            value = rng.uniform(-0.05, 0.05, shape)
        elif name.endswith("recurrent"):
            q, r = np.linalg.qr(rng.normal(size=(shape[1], shape[0])))
            value = (q * np.sign(np.diag(r))).T
        elif name.endswith("bias"):
            value = np.zeros(shape)
            if architecture.cell == "lstm" and name != "dense/bias":
                width = shape[0] // 4
                value[width : 2 * width] = 1.0
        else:
            limit = np.sqrt(6.0 / sum(shape))
            value = rng.uniform(-limit, limit, shape)
        found[name] = value.astype(np.float32)
    return found


def initial_state(architecture: Architecture, n_rows: int) -> list[tuple[np.ndarray, ...]]:
    """Return the state before the first token: zeros."""
    return [
        tuple(np.zeros((n_rows, width), np.float32) for _ in range(architecture.n_states))
        for width in architecture.hidden
    ]


def scores(
    architecture: Architecture, weights: Any, tokens: Any, state: Any, *, dropout: float = 0.0, key: Any = None
) -> tuple[Any, list[Any]]:
    """Return raw scores of the next token at every step, (n_steps, n_rows, n_tokens), and the state after the last.

    Parameters
    ----------
    tokens : array of int of shape (n_steps, n_rows)
    state : list of tuples of arrays
    dropout : float
        Share of the values between layers that is set to 0; `key` draws which.
    """
    import jax
    import jax.numpy as jnp

    if architecture.embedding:
        values = weights["embedding"][tokens]
    else:
        values = jax.nn.one_hot(tokens, architecture.n_tokens)
    run = layer(architecture.cell)
    fresh = []
    for place in range(len(architecture.hidden)):
        parts = tuple(weights[f"{place}/{name}"] for name in ("kernel", "recurrent", "bias"))
        values, last = run(parts, values, state[place])
        fresh.append(last)
        if dropout:
            key, own = jax.random.split(key)
            kept = jax.random.bernoulli(own, 1 - dropout, values.shape)
            values = jnp.where(kept, values / (1 - dropout), 0)
    steps, rows, width = values.shape
    raw = values.reshape(steps * rows, width) @ weights["dense/kernel"] + weights["dense/bias"]
    return raw.reshape(steps, rows, -1), fresh
