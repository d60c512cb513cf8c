"""Losses as objects of other libraries, all from the one function of the record.

Loaded only when asked for; each function imports its own library.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, ClassVar

from lossmith._arrays import Array
from lossmith._errors import InvalidInputError, MissingExtraError
from lossmith.losses import _targets
from lossmith.losses._spec import Loss

__all__ = ["as_keras", "as_optax", "as_torch", "keras_namespace"]


def _load(module: str) -> Any:
    if module == "keras" and "keras" not in sys.modules:
        # Keras takes TensorFlow unless told, which lossmith does not install
        os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} cannot be imported ({error})", expected=f"{module} installed", advice=f"pip install {module}"
        ) from error


@cache
def keras_namespace() -> Any:
    """Return the functions of the array API standard that losses and heads use, on tensors of any Keras backend."""
    keras = _load("keras")

    class KerasNamespace:
        int32, float32, float64 = "int32", "float32", "float64"
        renamed: ClassVar = {"concat": "concatenate", "cumulative_sum": "cumsum", "astype": "cast"}

        def __getattr__(self, name: str) -> Any:
            return getattr(keras.ops, self.renamed.get(name, name))

        def isdtype(self, dtype: Any, kind: str) -> bool:
            name = keras.backend.standardize_dtype(dtype)
            return name == "bool" if kind == "bool" else "int" in name

        def finfo(self, dtype: Any) -> SimpleNamespace:
            digits = {"float64": 52, "float32": 23, "float16": 10, "bfloat16": 7}
            return SimpleNamespace(eps=2.0 ** -digits[keras.backend.standardize_dtype(dtype)])

    return KerasNamespace()


def _aligned(loss: Loss, raw: Any, target: Any, reshape: Callable[..., Any]) -> tuple[Any, Any]:
    """Return raw and target without a trailing axis of length 1 that only one of them or the head needs."""
    if loss.head.units == 1:
        if loss.batchwise or len(raw.shape) > len(target.shape):
            raw = _without_last(raw, reshape)
        if loss.batchwise or len(target.shape) > len(raw.shape):
            target = _without_last(target, reshape)
    elif len(target.shape) == len(raw.shape) and tuple(raw.shape)[-1] != 1:
        by_id = loss.encoding in ("distribution", "class_ids")
        if by_id or not isinstance(loss.head.units, str):
            target = _without_last(target, reshape)
    return raw, target


def _without_last(array: Any, reshape: Callable[..., Any]) -> Any:
    shape = tuple(array.shape)
    return reshape(array, (-1, *shape[1:-1])) if len(shape) > 1 and shape[-1] == 1 else array


@cache
def _keras_class() -> Any:
    keras = _load("keras")
    ops, base = keras.ops, keras.losses.Loss

    @keras.saving.register_keras_serializable(package="lossmith", name="KerasLoss")
    class KerasLoss(base):  # type: ignore[misc, valid-type]
        """A lossmith loss on raw outputs."""

        def __init__(
            self,
            loss: str | Loss,
            name: str | None = None,
            reduction: str | None = "sum_over_batch_size",
            dtype: Any = None,
        ) -> None:
            # the abstract-or-final rule yields here: Keras wants a subclass
            from lossmith.losses import get

            # a file holds the name; a loss of the user's own, which is in no catalogue, comes as it is
            self.loss = get(loss) if isinstance(loss, str) else loss
            super().__init__(name=name or self.loss.name, reduction=reduction, dtype=dtype)

        def call(self, y_true: Any, y_pred: Any) -> Any:
            loss, xp = self.loss, keras_namespace()
            y_pred, y_true = _aligned(loss, y_pred, y_true, ops.reshape)
            ids = loss.encoding == "distribution" and len(y_true.shape) == len(y_pred.shape) - 1
            if ids:
                classes = ops.arange(y_pred.shape[-1], dtype=y_pred.dtype)
                y_true = ops.cast(ops.equal(ops.expand_dims(y_true, -1), classes), y_pred.dtype)
            _targets.check_shapes(loss, y_pred, y_true)
            value = loss.pointwise(y_pred, y_true, xp=xp)
            # compiled code cannot raise: targets outside the domain make the value NaN
            return ops.where(_targets.outside(loss, y_true, xp=xp), float("nan"), value)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "loss": self.loss.to_json()}

    return KerasLoss


def as_keras(loss: Loss, *, reduction: str | None = "sum_over_batch_size", name: str | None = None) -> Any:
    """Return `loss` as a `keras.losses.Loss` for a model whose last layer has no activation.

    Use it in `model.compile`. `reduction` is one of Keras's, `name` what histories call it.

    Targets as the encoding of the loss wants them; class ids or one-hot rows for several classes. Targets outside the
    domain make the value NaN, because compiled code cannot raise: call `loss.check_targets` first.
    The object survives `.keras` files with all parameters; call this function, or import it, before loading one.

    Raises
    ------
    ShapeError
        Targets that do not fit the outputs; nothing is broadcast.
    MissingExtraError
        Keras cannot be imported.

    Examples
    --------
    >>> from lossmith import losses
    >>> import numpy as np
    >>> huber = losses.get("huber:delta=2").as_keras()
    >>> float(huber(np.array([[1.0], [1.0]]), np.array([[0.0], [5.0]])))
    3.25
    """
    return _keras_class()(loss, name=name, reduction=reduction)


def as_optax(loss: Loss) -> Callable[[Array, Array], Array]:
    """Return `loss` as a function of JAX arrays `(raw, target)`, one value for each sample, as in `optax.losses`.

    It can be compiled and differentiated; shapes are checked, values are not. Targets for several classes are rows of
    probabilities, or class ids with an integer dtype.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from lossmith import losses
    >>> squared = losses.as_optax(losses.get("mse"))
    >>> squared(jnp.array([0.0, 3.0]), jnp.array([1.0, 1.0])).tolist()
    [1.0, 4.0]
    """
    jax = _load("jax")
    xp = jax.numpy

    def function(raw: Array, target: Array) -> Array:
        raw, target = xp.asarray(raw), xp.asarray(target)
        if loss.encoding == "distribution" and xp.issubdtype(target.dtype, xp.integer):
            target = jax.nn.one_hot(target, raw.shape[-1], dtype=raw.dtype)
        _targets.check_shapes(loss, raw, target)
        return loss.pointwise(raw, target, xp=xp)

    function.__name__ = loss.name
    function.__doc__ = f"{loss.when} Value: {loss.formula}"
    return function


@cache
def _torch_class() -> Any:
    torch = _load("torch")
    base = torch.nn.Module

    class TorchLoss(base):  # type: ignore[misc, valid-type]
        """A lossmith loss on raw outputs."""

        def __init__(self, loss: Loss, reduction: str) -> None:
            super().__init__()
            self.loss, self.reduction = loss, reduction

        def forward(self, raw: Any, target: Any) -> Any:
            import array_api_compat.torch as xp

            loss = self.loss
            if not target.is_floating_point():
                if loss.encoding == "distribution":
                    target = torch.nn.functional.one_hot(target, raw.shape[-1])
                target = target.to(raw.dtype)
            _targets.check_shapes(loss, raw, target)
            value = loss.pointwise(raw, target, xp=xp)
            return value if self.reduction == "none" else getattr(value, self.reduction)()

        def extra_repr(self) -> str:
            return f"{self.loss}, reduction={self.reduction!r}"

    return TorchLoss


def as_torch(loss: Loss, *, reduction: str = "mean") -> Any:
    """Return `loss` as a `torch.nn.Module` called on `(raw, target)`.

    Use it in a training loop of PyTorch.

    Raises
    ------
    InvalidInputError
        `reduction` is not "mean", "sum" or "none".
    MissingExtraError
        PyTorch is not installed.

    Examples
    --------
    PyTorch is no dependency of lossmith; where it is installed, `as_torch(loss)(raw, target).backward()` works as for its own losses.

    >>> from lossmith import losses
    >>> as_torch(losses.get("huber"), reduction="median")
    Traceback (most recent call last):
    ...
    lossmith._errors.InvalidInputError: reduction 'median'; expected "mean", "sum" or "none"; use "mean"
    """
    if reduction not in ("mean", "sum", "none"):
        raise InvalidInputError(f"reduction {reduction!r}", expected='"mean", "sum" or "none"', advice='use "mean"')
    return _torch_class()(loss, reduction)
