"""Products with a short side, written out: equal values and gradients, everything else left alone."""

from __future__ import annotations

import numpy as np
import pytest
from fit_reference import L, Work, circles, engine, keras

from lossmith.training import _narrow


def products(function, *arguments):
    """Return how many matrix products a function has, those inside `jit` included."""
    import jax

    def count(jaxpr):
        return sum(
            equation.primitive.name == "dot_general" or count(equation.params["jaxpr"].jaxpr)
            if equation.primitive.name in ("dot_general", "jit", "pjit")
            else 0
            for equation in jaxpr.eqns
        )

    return count(jax.make_jaxpr(function)(*arguments).jaxpr)


SHAPES = [(7, 2, 9), (2, 30, 9), (30, 7, 3), (7, 4, 9), (4, 9, 4), (2, 2, 2)]


@pytest.mark.parametrize(("rows", "inner", "columns"), SHAPES)
@pytest.mark.parametrize("axes", [(1, 0), (0, 0), (1, 1), (0, 1)])
def test_values_and_gradients_are_those_of_the_product(rows, inner, columns, axes):
    import jax

    rng = np.random.default_rng(0)
    one = rng.normal(size=(rows, inner)[:: 1 if axes[0] == 1 else -1]).astype(np.float32)
    other = rng.normal(size=(inner, columns)[:: 1 if axes[1] == 0 else -1]).astype(np.float32)

    def product(a, b):
        return jax.lax.dot_general(a, b, (((axes[0],), (axes[1],)), ((), ())))

    written = _narrow.write_out(product)
    exact = np.tensordot(one.astype(np.float64), other.astype(np.float64), (axes[0], axes[1]))
    np.testing.assert_allclose(written(one, other), exact, rtol=1e-5, atol=1e-5)

    def gradients(function):
        return _narrow.write_out(jax.grad(lambda a, b: (function(a, b) ** 2).sum(), argnums=(0, 1)))(one, other)

    left, right = (one if axes[0] == 1 else one.T), (other if axes[1] == 0 else other.T)
    by_hand = (2 * exact @ right.T, left.T @ (2 * exact))
    for found, expected, axis in zip(gradients(product), by_hand, (axes[0] == 1, axes[1] == 0), strict=True):
        np.testing.assert_allclose(found, expected if axis else expected.T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shapes", "left"), [(s, 0) for s in [(7, 2, 9), (30, 7, 3)]] + [((9, 8, 7), 1), ((9, 8, 1), 1)]
)
def test_only_short_sides_are_written_out(shapes, left):
    import jax.numpy as jnp

    rows, inner, columns = shapes
    one, other = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
    matmul = jnp.matmul
    assert products(matmul, one, other) == 1
    found = products(_narrow.write_out(matmul), one, other)
    # columns are written as products with vectors
    assert found == (left or (columns if columns <= _narrow.SHORT < inner else 0))


def test_a_function_without_short_sides_is_called_as_it_is():
    called = []

    def function(a, b):
        called.append(type(a))
        return a @ b

    one = np.ones((9, 9), np.float32)
    np.testing.assert_array_equal(_narrow.write_out(function)(one, one), np.full((9, 9), 9.0))
    assert called[-1] is np.ndarray


def test_programs_of_another_kind_fall_back(monkeypatch):
    def other_jax(*arguments):
        raise AttributeError("no such attribute")

    monkeypatch.setattr(_narrow, "_evaluate", other_jax)
    one, other = np.ones((9, 2), np.float32), np.ones((2, 9), np.float32)
    np.testing.assert_array_equal(_narrow.write_out(lambda a, b: a @ b)(one, other), np.full((9, 9), 2.0))


def test_accelerators_keep_their_products(monkeypatch):
    import jax

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    function = np.matmul
    assert _narrow.write_out(function) is function


def narrow():
    return keras.Sequential(
        [keras.Input((2,)), L.Dense(3, "tanh"), L.Dropout(0.1), L.Dense(8, "relu"), L.BatchNormalization(), L.Dense(2)]
    )


@pytest.mark.slow
def test_training_is_the_same_with_and_without(monkeypatch):
    work = Work(narrow, "adam", "gaussian_nll", lambda: None, epochs=6)
    rows = circles(100, 1)
    written = engine(work, rows, rows)
    monkeypatch.setattr(_narrow, "SHORT", 0)
    plain = engine(work, rows, rows)
    for name, curve in plain.curves.items():
        np.testing.assert_allclose(written.curves[name], curve, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(written.raw["test"], plain.raw["test"], rtol=1e-3, atol=1e-3)


def turns(function, *arguments):
    """Return how many transpositions of matrices the program of a function has."""
    import jax

    return str(jax.make_jaxpr(function)(*arguments)).count("transpose[permutation=(1, 0)]")


def test_gradients_of_kernels_come_out_upright():
    """The gradient of sum((x A)^2) is 2 x' x A: by hand, and without a product that is turned afterwards."""
    import jax

    rng = np.random.default_rng(0)
    rows, kernel = rng.normal(size=(20, 6)).astype(np.float32), rng.normal(size=(6, 9)).astype(np.float32)

    def slopes(a):
        return jax.grad(lambda k: ((jax.nn.relu(rows) @ k) ** 2).sum())(a)

    assert turns(slopes, kernel) == 1 and turns(_narrow.upright(slopes), kernel) == 0
    seen = np.maximum(rows.astype(float), 0)
    np.testing.assert_allclose(_narrow.upright(slopes)(kernel), 2 * seen.T @ seen @ kernel, rtol=1e-4)
    stacked = np.stack([kernel, 2 * kernel])
    np.testing.assert_allclose(jax.vmap(_narrow.upright(slopes))(stacked)[1], 4 * seen.T @ seen @ kernel, rtol=1e-4)


def test_what_is_read_twice_stays_as_it_lies():
    import jax.numpy as jnp

    def both(a, b):
        product = a @ b
        return product.T, product.sum(axis=0), jnp.swapaxes(a, 0, 1)

    one, other = np.arange(6.0, dtype="float32").reshape(2, 3), np.arange(12.0, dtype="float32").reshape(3, 4)
    for found, expected in zip(_narrow.upright(both)(one, other), ((one @ other).T, (one @ other).sum(axis=0), one.T), strict=True):  # fmt: skip
        np.testing.assert_allclose(found, expected)
    assert turns(_narrow.upright(both), one, other) == turns(both, one, other) == 2


def test_upright_falls_back_and_leaves_accelerators_alone(monkeypatch):
    import jax

    def other_jax(*arguments):
        raise AttributeError("no such attribute")

    one = np.ones((3, 4), np.float32)
    monkeypatch.setattr(_narrow, "_turned", other_jax)
    np.testing.assert_array_equal(_narrow.upright(lambda a: (a @ a.T).T)(one), np.full((3, 3), 4.0))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert _narrow.upright(np.matmul) is np.matmul
