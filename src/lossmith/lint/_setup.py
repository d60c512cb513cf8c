"""A set-up as the checks see it: one output of a model with its loss, metrics, targets and what was measured on a sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from lossmith._errors import InvalidInputError, ShapeError
from lossmith.lint import _sample as sample
from lossmith.lint._gradients import inference, output_gradient, pointwise, weight_gradients
from lossmith.lint._graph import activation_chain, graph_outputs, output_names
from lossmith.lint._loss import GivenLoss, resolve_loss

__all__ = ["PROBABILITIES", "Setup", "setups"]

PROBABILITIES = frozenset({"sigmoid", "softmax", "hard_sigmoid", "sparsemax", "sparse_sigmoid"})

_ROOM = 4_000_000  # numbers of output that are kept at a time
_CLOSE = 1e-3  # rows of float16 probabilities sum to 1 within this


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """One output of a model and everything that is checked about it.

    Attributes
    ----------
    name : str
        Of the output; empty where the model has one.
    chain : tuple of str or None
        Activations between the last weights and the output, outermost first; None where the graph does not say.
    output : ndarray of shape (n_sampled, ...)
        What the model gives on the sampled rows, in inference mode.
    output_dtype : str
    loss : GivenLoss
    metrics : tuple
        As they were given.
    y : ndarray
        Targets of all rows.
    target : ndarray
        Targets of the sampled rows.
    inputs : arrays
        All rows.
    sample_weight : ndarray or None
    class_weight : mapping or None
    value : ndarray or None
        Loss of the sampled rows before reduction; None where it could not be computed, with `problem`.
    gradient : ndarray or None
        Its derivative by the output.
    weights : tuple of (path, ndarray)
        Gradients of the trainable variables.
    head_is_zero : bool
        The last kernel is zero, as some start on purpose: nothing before it can get a gradient in the first step.
    zero_variables : frozenset of str
        Paths of trainable variables that hold nothing but zeros.
    problem : str
        Why value and gradient are missing.
    """

    name: str
    chain: tuple[str, ...] | None
    output: np.ndarray
    output_dtype: str
    loss: GivenLoss
    metrics: tuple[Any, ...]
    y: np.ndarray
    target: np.ndarray
    inputs: Any
    sample_weight: np.ndarray | None = None
    class_weight: Mapping[int, float] | None = None
    value: np.ndarray | None = None
    gradient: np.ndarray | None = None
    weights: tuple[tuple[str, np.ndarray], ...] = ()
    head_is_zero: bool = False
    zero_variables: frozenset[str] = frozenset()
    problem: str = ""

    @property
    def rows(self) -> np.ndarray:
        """Outputs with the classes on the last axis."""
        axis = self.loss.settings.get("axis", -1)
        if self.loss.by_class and isinstance(axis, int) and -self.output.ndim <= axis < self.output.ndim:
            return np.moveaxis(self.output, axis, -1)
        return self.output

    @property
    def width(self) -> int:
        """Number of outputs of one sample, or of one place of it."""
        return int(self.rows.shape[-1]) if self.output.ndim > 1 else 1

    @property
    def activation(self) -> str | None:
        """The outermost activation, "linear" where there is none, None where it is not known."""
        return None if self.chain is None else (*self.chain, "linear")[0]

    @property
    def in_unit_interval(self) -> bool:
        """Whether every output lies in [0, 1]."""
        return bool(np.all((self.output >= 0) & (self.output <= 1)))

    @property
    def rows_sum_to_one(self) -> bool:
        """Whether every row of outputs sums to 1."""
        return self.width > 1 and bool(np.all(np.abs(self.rows.sum(axis=-1) - 1) <= _CLOSE))

    @property
    def gives_probabilities(self) -> bool:
        """Whether outputs are probabilities: by the graph where it says so, else by their values."""
        if self.chain is None:
            return self.in_unit_interval
        if self.activation in PROBABILITIES:
            return True
        # numbers looked up, or normalised by hand before a layer that only moves them
        return self.activation == "linear" and self.in_unit_interval and self.rows_sum_to_one

    @property
    def gradient_rows(self) -> np.ndarray:
        """Whether each sampled row gets a gradient, shape (n_sampled,)."""
        if self.gradient is None:
            return np.ones(len(self.output), dtype=bool)
        return np.any(self.gradient.reshape(len(self.gradient), -1) != 0, axis=1)

    def ids(self) -> np.ndarray | None:
        """Return the targets of all rows as a vector, if each is a single number; else None."""
        flat = self.y.reshape(len(self.y), -1)
        return flat[:, 0] if flat.shape[1] == 1 else None


def _per_output(given: Any, names: Sequence[str], what: str) -> list[Any]:
    """Return one entry for each output of a list or mapping by name; a single value serves the only output."""
    if isinstance(given, Mapping) and not (what == "loss" and "class_name" in given):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise InvalidInputError(
                f"{what} for {unknown[0]!r}", expected=f"names of outputs: {', '.join(map(repr, names))}"
            )
        return [given.get(name) for name in names]
    if isinstance(given, list | tuple) and (len(names) > 1 or what != "metrics"):
        if len(given) != len(names):
            raise InvalidInputError(
                f"{len(given)} entries of {what} for a model of {len(names)} outputs", expected="one for each output"
            )
        return list(given)
    if len(names) > 1 and what in ("y", "sample_weight"):
        raise InvalidInputError(
            f"one array of {what} for a model of {len(names)} outputs", expected="a list or a mapping with one for each"
        )
    return [given] * len(names)


def _metrics(given: Any) -> tuple[Any, ...]:
    if given is None:
        return ()
    return tuple(entry for entry in given if entry is not None) if isinstance(given, list | tuple) else (given,)


def _call(model: Any, inputs: Any) -> Any:
    try:
        return model(inputs, **inference(model))
    except Exception as error:  # a user's model may raise anything
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ShapeError(
            f"the model cannot be called on x ({' '.join(first.split())[:200]})",
            expected="inputs of the shape that the model takes",
            advice="pass x as you pass it to model.fit",
        ) from error


def setups(
    model: Any, x: Any, y: Any, *, loss: Any, metrics: Any, weights: tuple[Any, Any] = (None, None), rows: int = 256
) -> list[Setup]:
    """Return one set-up for each output that has a loss.

    Parameters
    ----------
    model : keras.Model
    x, y : see `lossmith.lint`
    loss, metrics : as in `compile`
    weights : (sample_weight, class_weight)
    rows : int
        Size of the sample on which outputs and gradients are measured.

    Raises
    ------
    InvalidInputError
        Data, losses or metrics that do not fit the model's outputs.
    """
    import keras

    x, y, sample_weight = sample.arrays(x, y, weights[0], rows=16 * rows)
    chosen = sample.pick(y, _fitting(model, rows))
    inputs = sample.take(x, chosen)
    returned = _call(model, inputs)
    outputs = keras.tree.flatten(returned)
    names = output_names(model, returned)
    graph = graph_outputs(model, inputs) or [None] * len(outputs)
    losses = _per_output(loss, names, "loss")
    per_output = zip(
        _per_output(y, names, "y"),
        losses,
        _per_output(metrics, names, "metrics"),
        _per_output(sample_weight, names, "sample_weight") if isinstance(sample_weight, list | dict) else [sample_weight] * len(names),
        strict=True,
    )  # fmt: skip
    found = []
    for place, (targets, wanted, judged, weight) in enumerate(per_output):
        if wanted is None or targets is None:
            continue
        output = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(outputs[place], "float32")), dtype=np.float64)
        if len(output) != len(chosen):
            raise ShapeError(
                f"outputs of shape {output.shape} for {len(chosen)} rows",
                expected="one row of output for each of input",
            )
        found.append(
            _measured(
                model,
                x,
                chosen,
                choose=_entry(place),
                given={
                    "name": names[place] if len(names) > 1 else "",
                    "chain": None if graph[place] is None else activation_chain(graph[place]),
                    "output": output,
                    "output_dtype": keras.backend.standardize_dtype(outputs[place].dtype),
                    "loss": resolve_loss(
                        wanted,
                        n_outputs=output.shape[-1] if output.ndim > 1 else 1,
                        same_shape=targets.ndim == output.ndim and targets.shape[-1] == output.shape[-1],
                    ),
                    "metrics": _metrics(judged),
                    "y": targets,
                    "sample_weight": weight,
                    "class_weight": weights[1],
                },
            )
        )
    if not found:
        raise InvalidInputError("no output with a loss and targets", expected="at least one", advice="pass loss=...")
    return found


def _entry(place: int) -> Callable[[Any], Any]:
    """Return the function that takes one output from what a model returns."""
    import keras

    return lambda returned: keras.tree.flatten(returned)[place]


def _fitting(model: Any, rows: int) -> int:
    """Return how many rows to sample, so that wide outputs stay small."""
    import keras

    shapes = [tensor.shape for tensor in keras.tree.flatten(getattr(model, "outputs", None) or [])]
    widest = max((int(np.prod([size or 1 for size in shape[1:]])) for shape in shapes), default=1)
    return max(min(rows, 16), min(rows, _ROOM // widest))


def _measured(
    model: Any, x: Any, chosen: np.ndarray, *, choose: Callable[[Any], Any], given: Mapping[str, Any]
) -> Setup:
    """Return the set-up with the values and gradients of its loss on the sampled rows, as far as they can be computed."""
    target, loss = given["y"][chosen], given["loss"].object
    measured: dict[str, Any] = {}
    try:
        measured["value"] = pointwise(loss, target, given["output"])
        measured["gradient"] = output_gradient(loss, target, given["output"])
    except Exception as error:  # a user's loss may raise anything; what it says is reported
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        measured["problem"] = " ".join(first.split())[:200]
    else:
        # a model that cannot be differentiated as a whole (its own training step, foreign layers) is checked without it
        with suppress(Exception):
            inputs = sample.take(x, chosen)
            measured["weights"] = tuple(weight_gradients(model, inputs, choose, loss, target))
    zero = _zero_variables(model)
    kernels = [variable.path for variable in model.trainable_variables if len(variable.shape) > 1]
    return Setup(
        **given,
        target=target,
        inputs=x,
        head_is_zero=bool(kernels) and kernels[-1] in zero,
        zero_variables=zero,
        **measured,
    )


def _zero_variables(model: Any) -> frozenset[str]:
    import keras

    return frozenset(
        variable.path
        for variable in model.trainable_variables
        if not np.any(keras.ops.convert_to_numpy(variable.value))
    )
