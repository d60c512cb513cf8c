"""Matrix products with a short side, written out: what a CPU's library for matrices does worst.

A network on two features multiplies by matrices of two rows. Stacked over runs such a product costs up to twice the
rest of the step; written as a sum of a few products it joins the loops around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["SHORT", "upright", "write_out"]

# longest side that is written out
SHORT = 4


def write_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of equal values (within rounding) whose products with a short side are sums.

    It is `function` itself where nothing is to be written out, or where JAX's representation of programs is not as expected.
    """
    import jax

    if jax.default_backend() != "cpu":
        return function

    def written_out(*arguments: Any) -> Any:
        program, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        if not _has_narrow(program.jaxpr):
            return function(*arguments)
        try:
            values = _evaluate(program.jaxpr, program.consts, jax.tree.leaves(arguments))
        except (AttributeError, KeyError, TypeError):  # another JAX: its own products are slower, not wrong
            return function(*arguments)
        return jax.tree.unflatten(jax.tree.structure(shape), values)

    return written_out


def _has_narrow(jaxpr: Any) -> bool:
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            if _is_narrow(equation):
                return True
        elif _inner(equation) is not None and _has_narrow(_inner(equation).jaxpr):
            return True
    return False


def _inner(equation: Any) -> Any:
    """Return the program of a nested `jit`, or None."""
    return equation.params.get("jaxpr") if equation.primitive.name in ("jit", "pjit") else None


def _is_narrow(equation: Any) -> bool:
    (contracted, batch) = equation.params["dimension_numbers"]
    one, other = (variable.aval for variable in equation.invars)
    if any(batch) or one.ndim != 2 or other.ndim != 2 or len(contracted[0]) != 1:
        return False
    if str(one.dtype) != "float32" or str(other.dtype) != "float32":
        return False
    inner, rows, columns = _sides(equation)
    # vectors are well served
    return min(rows, columns) > 1 and min(inner, rows, columns) <= SHORT


def _sides(equation: Any) -> tuple[int, int, int]:
    ((one_axis,), (other_axis,)), _ = equation.params["dimension_numbers"]
    one, other = (variable.aval.shape for variable in equation.invars)
    return one[one_axis], one[1 - one_axis], other[1 - other_axis]


def _product(equation: Any, one: Any, other: Any) -> Any:
    """Return the product of two matrices by their short side."""
    import jax.numpy as jnp

    ((one_axis,), (other_axis,)), _ = equation.params["dimension_numbers"]
    inner, rows, columns = _sides(equation)
    left = one if one_axis == 1 else one.T
    right = other if other_axis == 0 else other.T
    if inner <= SHORT:
        total = left[:, 0, None] * right[0]
        for k in range(1, inner):
            total = total + left[:, k, None] * right[k]
        return total
    if rows <= columns:
        return jnp.stack([left[k] @ right for k in range(rows)])
    return jnp.stack([left @ right[:, k] for k in range(columns)], axis=1)


def _evaluate(jaxpr: Any, constants: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    from jax.extend.core import Literal

    known: dict[Any, Any] = {}
    known.update(zip(jaxpr.constvars, constants, strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def value(variable: Any) -> Any:
        return variable.val if isinstance(variable, Literal) else known[variable]

    for equation in jaxpr.eqns:
        inputs = [value(variable) for variable in equation.invars]
        nested = _inner(equation)
        if equation.primitive.name == "dot_general" and _is_narrow(equation):
            outputs = [_product(equation, *inputs)]
        elif nested is not None and _has_narrow(nested.jaxpr):
            outputs = _evaluate(nested.jaxpr, nested.consts, inputs)
        else:
            outputs = equation.primitive.bind(*inputs, **equation.primitive.get_bind_params(equation.params))
            if not equation.primitive.multiple_results:
                outputs = [outputs]
        known.update(zip(equation.outvars, outputs, strict=True))
    return [value(variable) for variable in jaxpr.outvars]


def upright(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of equal values whose products come out the way they are wanted, instead of transposed.

    The gradient of a kernel is a product that JAX makes lying on its side and then turns. On a CPU turning it is done again
    wherever it is read, so that the update of a large kernel takes longer than the product.
    """
    import jax

    if jax.default_backend() != "cpu":
        return function

    def turned(*arguments: Any) -> Any:
        program, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        try:
            values = _turned(program.jaxpr, program.consts, jax.tree.leaves(arguments))
        except (AttributeError, KeyError, TypeError):  # another JAX: slower, not wrong
            return function(*arguments)
        return jax.tree.unflatten(jax.tree.structure(shape), values)

    return turned


def _lying(jaxpr: Any) -> dict[Any, Any]:
    """Return the products of two matrices whose one reader turns them: the variable of the turned one -> the product."""
    uses: dict[Any, int] = {}
    for equation in jaxpr.eqns:
        for variable in equation.invars:
            if not hasattr(variable, "val"):
                uses[variable] = uses.get(variable, 0) + 1
    for variable in jaxpr.outvars:
        if not hasattr(variable, "val"):
            uses[variable] = uses.get(variable, 0) + 1
    products = {
        equation.outvars[0]: equation
        for equation in jaxpr.eqns
        if equation.primitive.name == "dot_general"
        and not any(equation.params["dimension_numbers"][1])
        and all(variable.aval.ndim == 2 for variable in equation.invars)
        and equation.outvars[0].aval.ndim == 2
        and uses.get(equation.outvars[0]) == 1
    }
    return {
        equation.outvars[0]: products[equation.invars[0]]
        for equation in jaxpr.eqns
        if equation.primitive.name == "transpose"
        and tuple(equation.params["permutation"]) == (1, 0)
        and equation.invars[0] in products
    }


def _turned(jaxpr: Any, constants: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    import jax
    from jax.extend.core import Literal

    lying = _lying(jaxpr)
    skipped = {id(product) for product in lying.values()}
    known: dict[Any, Any] = {}
    known.update(zip(jaxpr.constvars, constants, strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def value(variable: Any) -> Any:
        return variable.val if isinstance(variable, Literal) else known[variable]

    for equation in jaxpr.eqns:
        if id(equation) in skipped:
            continue
        product, nested = lying.get(equation.outvars[0]) if equation.outvars else None, _inner(equation)
        if product is not None:
            ((one, other), _), options = product.params["dimension_numbers"], product.params
            outputs = [
                jax.lax.dot_general(
                    value(product.invars[1]),
                    value(product.invars[0]),
                    ((other, one), ((), ())),
                    precision=options["precision"],
                    preferred_element_type=options["preferred_element_type"],
                )
            ]
        elif nested is not None:
            outputs = _turned(nested.jaxpr, nested.consts, [value(variable) for variable in equation.invars])
        else:
            inputs = [value(variable) for variable in equation.invars]
            outputs = equation.primitive.bind(*inputs, **equation.primitive.get_bind_params(equation.params))
            if not equation.primitive.multiple_results:
                outputs = [outputs]
        known.update(zip(equation.outvars, outputs, strict=True))
    return [value(variable) for variable in jaxpr.outvars]
