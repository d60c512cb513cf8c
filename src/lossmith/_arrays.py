"""Array namespaces, and the few functions that must be right at zero, at infinity and in both precisions.

Everything here takes the namespace `xp` (array API standard) as its first argument, resolved once at the public
border with `namespace` and passed inward. Functions are smooth where mathematics says so: `where` is applied to the
arguments before the function that would overflow, so that gradients of unselected branches stay finite.
"""

from __future__ import annotations

from typing import Any

import array_api_compat

from lossmith._errors import InvalidInputError

__all__ = [
    "Array",
    "Namespace",
    "constant",
    "entropy_term",
    "is_integer",
    "largest",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "namespace",
    "peak_of",
    "relu",
    "sigmoid",
    "softplus",
    "tolerance",
    "xlogy",
]

Array = Any  # an array of any library that speaks the array API standard
Namespace = Any


def namespace(*arrays: Array) -> Namespace:
    """Return the array API namespace that all `arrays` share.

    Raises
    ------
    InvalidInputError
        Something is not an array, or the arrays belong to different libraries.

    Examples
    --------
    >>> import numpy as np
    >>> namespace(np.zeros(2)).__name__
    'array_api_compat.numpy'
    """
    try:
        return array_api_compat.array_namespace(*arrays)
    except TypeError as error:
        kinds = ", ".join(type(array).__name__ for array in arrays)
        raise InvalidInputError(
            f"arguments of type {kinds}",
            expected="arrays of one library (NumPy, JAX, PyTorch, CuPy)",
            advice="convert lists with numpy.asarray first",
        ) from error


def is_integer(xp: Namespace, array: Array) -> bool:
    """Return whether `array` holds integers (booleans count as integers)."""
    return bool(xp.isdtype(array.dtype, "integral") or xp.isdtype(array.dtype, "bool"))


def tolerance(xp: Namespace, dtype: Any) -> float:
    """Return the square root of the machine epsilon of `dtype`, for checks that need some room.

    Examples
    --------
    >>> import numpy as np
    >>> round(tolerance(namespace(np.zeros(1)), np.float64), 10)
    1.49e-08
    """
    return float(xp.finfo(dtype).eps) ** 0.5


def xlogy(xp: Namespace, x: Array, y: Array) -> Array:
    """Return `x log y` with `0 log y = 0` for every y, and a zero gradient there."""
    zero = x == 0
    return xp.where(zero, xp.zeros_like(x), x * xp.log(xp.where(zero, xp.ones_like(y), y)))


def entropy_term(xp: Namespace, x: Array) -> Array:
    """Return `x log x` with `0 log 0 = 0`."""
    return xlogy(xp, x, x)


def relu(xp: Namespace, x: Array) -> Array:
    """Return `max(x, 0)` with subgradient 0 at 0 in every library."""
    return xp.where(x > 0, x, xp.zeros_like(x))


def softplus(xp: Namespace, x: Array) -> Array:
    """Return `log(1 + exp(x))` without overflow; its gradient is the sigmoid, exactly 1/2 at 0."""
    # abs would give the subgradient 0 at 0 and so a gradient of 0 instead of 1/2
    positive = x > 0
    return xp.where(positive, x, xp.zeros_like(x)) + xp.log1p(xp.exp(xp.where(positive, -x, x)))


def log_sigmoid(xp: Namespace, x: Array) -> Array:
    """Return `log(1 / (1 + exp(-x)))`."""
    return -softplus(xp, -x)


def sigmoid(xp: Namespace, x: Array) -> Array:
    """Return `1 / (1 + exp(-x))` without overflow."""
    positive = x > 0
    small = xp.exp(xp.where(positive, -x, x))
    return xp.where(positive, 1 / (1 + small), small / (1 + small))


def constant(xp: Namespace, x: Array) -> Array:
    """Return `x` as a number that gradients do not go through, where the library has gradients."""
    if array_api_compat.is_jax_namespace(xp):
        import jax

        return jax.lax.stop_gradient(x)
    if array_api_compat.is_torch_namespace(xp):
        return x.detach()
    stop = getattr(xp, "stop_gradient", None)  # of Keras
    return x if stop is None else stop(x)


def peak_of(xp: Namespace, x: Array, *, axis: int = -1) -> Array:
    """Return the largest entry along `axis` (kept, with length 1) to be taken from `x`, as a constant.

    Use it where the value does not depend on what is taken away: no gradient can then be wrong. That of a maximum can be NaN:
    libraries share it among the entries that equal the maximum, and where a compiler computes the entries a second time and
    rounds them otherwise, none does.
    """
    return xp.max(constant(xp, x), axis=axis, keepdims=True)


def largest(xp: Namespace, x: Array, *, axis: int = -1) -> Array:
    """Return the largest entry along `axis`; its gradient goes to the first that is largest, found by its place (see `peak_of`)."""
    length, shape = x.shape[axis], [1] * len(x.shape)
    shape[axis] = -1
    # graphs of TensorFlow know some lengths only when they run
    places = xp.reshape(xp.arange(xp.shape(x)[axis] if length is None else length), tuple(shape))
    chosen = places == xp.astype(xp.argmax(constant(xp, x), axis=axis, keepdims=True), places.dtype)
    return xp.sum(xp.where(chosen, x, xp.zeros_like(x)), axis=axis)


def logsumexp(xp: Namespace, x: Array, *, axis: int = -1) -> Array:
    """Return `log sum exp(x)` along `axis` (kept, with length 1)."""
    peak = peak_of(xp, x, axis=axis)
    peak = xp.where(xp.isfinite(peak), peak, xp.zeros_like(peak))
    return peak + xp.log(xp.sum(xp.exp(x - peak), axis=axis, keepdims=True))


def log_softmax(xp: Namespace, x: Array, *, axis: int = -1) -> Array:
    """Return `x - log sum exp(x)` along `axis`."""
    shifted = x - peak_of(xp, x, axis=axis)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))
