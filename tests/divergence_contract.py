"""What every record of a divergence promises, as plain functions: each raises AssertionError where the promise is broken.

Cases are drawn from the record's own flags, so a new record is covered the moment it is registered, and the mutants of
`tests/mutants` can be shown to be rejected. A flag that is False is refuted by an example, so that no flag is decoration.
"""

from __future__ import annotations

import itertools
import math
import re

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from latex2mathml.converter import convert

from divergence_oracles import ORACLES, oracle
from lossmith import divergence
from lossmith._errors import DomainError, InvalidInputError, ShapeError
from lossmith.divergence import DIVERGENCES, Divergence

VARIANTS = {
    "jensen_shannon_divergence": [{"weight": 0.2}],
    "skew_divergence": [{"alpha": 0.3}, {"alpha": 1.0}],
    "renyi_divergence": [{"alpha": a} for a in (0.0, 0.3, 1.0, 2.0, 7.5, math.inf)],
    "tsallis_divergence": [{"alpha": a} for a in (0.2, 1.0, 3.0)],
    "alpha_divergence": [{"alpha": a} for a in (-2.0, 0.0, 1e-7, 0.3, 1.0, 2.0, 4.0)],
}


def every_configuration() -> list[Divergence]:
    """Return every record at its defaults and away from them."""
    records = []
    for record in DIVERGENCES.values():
        records += [record, *(record.configured(**values) for values in VARIANTS.get(record.name, []))]
    return records


def draw(n_rows: int, n_outcomes: int, seed: int, *, concentration: float = 1.0) -> np.ndarray:
    """Return rows of probabilities."""
    return np.random.default_rng(seed).dirichlet(np.full(n_outcomes, concentration), size=n_rows)


def rows(record: Divergence, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.asarray(record(p, q))


def expected(record: Divergence, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.array([float(oracle(record.name, a, b, **record.configuration)) for a, b in zip(p, q, strict=True)])


def check_value(record: Divergence) -> None:
    """The value is that of the definition in 60 digits, to 1e-12, at every distance between p and q."""
    assert record.name in ORACLES
    for seed, concentration in enumerate((0.2, 1.0, 20.0)):
        p, q = draw(6, 5, seed, concentration=concentration), draw(6, 5, 100 + seed, concentration=concentration)
        np.testing.assert_allclose(rows(record, p, q), expected(record, p, q), rtol=1e-12, atol=1e-50)


def check_value_near_equality(record: Divergence) -> None:
    """Where p and q agree to nine digits the value still has twelve, and it never is negative."""
    p = draw(5, 4, 7, concentration=5.0)
    for size in (1e-3, 1e-6, 1e-9):
        q = p + size * np.array([1.0, -2.0, 0.5, 0.5])
        value = rows(record, p, q)
        assert np.all(value >= 0)
        if record.configuration.get("alpha") == 0.0 and record.name == "renyi_divergence":
            continue
        # distances that are not quadratic near 0 feel the rounding of the masses themselves
        rounding = 1e-12 if record.generator or record.domain != "distributions" else 1e-6
        linear = {"total_variation_distance": 1e-15 / size, "renyi_divergence": 1e-12}
        allowed = max(rounding, linear.get(record.name, 0.0))
        if record.configuration.get("alpha") == math.inf:
            allowed = 1e-15 / size
        np.testing.assert_allclose(value, expected(record, p, q), rtol=allowed, err_msg=f"{size}")


def check_zero_at_equality(record: Divergence) -> None:
    """D(p, p) is exactly 0, with zeros and without."""
    p = draw(8, 6, 3)
    np.testing.assert_array_equal(rows(record, p, p), 0.0)
    p[:, 2] = 0
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(rows(record, p, p), 0.0)
    np.testing.assert_array_equal(rows(record, np.ones((2, 1)), np.ones((2, 1))), 0.0)
    one_hot = np.eye(3)
    np.testing.assert_array_equal(rows(record, one_hot, one_hot), 0.0)


def check_never_negative(record: Divergence) -> None:
    """D(p, q) >= 0, and > 0 for different distributions of full support (Renyi of order 0 looks at the support only)."""
    p, q = draw(400, 4, 4, concentration=0.5), draw(400, 4, 5, concentration=0.5)
    value = rows(record, p, q)
    assert np.all(value >= 0)
    if record.configuration.get("alpha") != 0.0 or record.name != "renyi_divergence":
        assert np.all(value > 0)
    with np.errstate(over="ignore"):
        near = (p * (1 + 1e-7 * np.random.default_rng(6).normal(size=p.shape))).astype(np.float32)
    near /= near.sum(axis=1, keepdims=True)
    assert np.all(rows(record, p.astype(np.float32), near) >= 0)


def check_zeros(record: Divergence) -> None:
    """Infinite exactly where the record says, by definition; never NaN."""
    third = 1 / 3
    cases = {
        "p outside q": (np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.0, 0.0])),
        "q outside p": (np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.5, 0.0])),
        "disjoint": (np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.4, 0.6])),
        "nothing": (np.array([third, 1 - third, 0.0]), np.array([1 - third, third, 0.0])),
        "overlap": (np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5])),
    }
    infinite = {
        "nothing": (),
        "p outside q": ("p outside q", "disjoint", "overlap"),
        "q outside p": ("q outside p", "disjoint", "overlap"),
        "either outside": ("p outside q", "q outside p", "disjoint", "overlap"),
        "disjoint": ("disjoint",),
    }[record.infinite_for]
    for name, (p, q) in cases.items():
        value = float(record(p, q))
        assert (value == math.inf) == (name in infinite), (name, value)
        wanted = float(oracle(record.name, p, q, **record.configuration)) if name not in infinite else math.inf
        assert value == pytest.approx(wanted, rel=1e-12, abs=0), name
    assert record.finite_when_disjoint == (not infinite)


def check_symmetry(record: Divergence) -> None:
    """Symmetric if the flag says so, and refuted if not."""
    p, q = draw(20, 4, 8), draw(20, 4, 9)
    forward, backward = rows(record, p, q), rows(record, q, p)
    if record.symmetric:
        np.testing.assert_allclose(forward, backward, rtol=1e-12)
    elif record.configuration.get("alpha") == 0.0 and record.name == "renyi_divergence":
        assert float(record([1.0, 0.0], [0.5, 0.5])) != float(record([0.5, 0.5], [1.0, 0.0]))
    else:
        assert np.max(np.abs(forward - backward) / forward) > 1e-3


def check_bound(record: Divergence) -> None:
    """Below its bound, which disjoint distributions reach; no bound only where it grows without one."""
    p, q = draw(300, 3, 10, concentration=0.1), draw(300, 3, 11, concentration=0.1)
    extreme = float(record([1.0, 0.0], [0.0, 1.0]))
    if record.bound is not None:
        assert np.all(rows(record, p, q) <= record.bound * (1 + 1e-12))
        assert extreme == pytest.approx(record.bound, rel=1e-12)
    elif record.domain == "distributions" and record.relabelling:
        assert extreme == math.inf


def _triangle_excess(record: Divergence, power: float) -> float:
    points = [*np.eye(3), *draw(10, 3, 12, concentration=0.7), np.array([0.5, 0.5, 0.0])]
    points += [np.array(row) for row in ([0.5, 0.3, 0.2], [0.45, 0.33, 0.22], [0.4, 0.36, 0.24])]
    table = np.array([[float(record(a, b)) for b in points] for a in points]) ** power
    excess = -math.inf
    for i, j, k in itertools.product(range(len(points)), repeat=3):
        if np.isfinite(table[i, k] + table[k, j]):
            excess = max(excess, table[i, j] - table[i, k] - table[k, j])
    return excess


def check_metric(record: Divergence) -> None:
    """What the record calls a metric satisfies the triangle inequality; the square root is named only where the value fails."""
    if record.metric == "no":
        assert not record.symmetric or _triangle_excess(record, 1.0) > 1e-9
    else:
        assert record.symmetric
        power = 1.0 if record.metric == "itself" else 0.5
        assert _triangle_excess(record, power) <= 1e-12
        if record.metric == "square root":
            assert _triangle_excess(record, 1.0) > 1e-9


def check_processing(record: Divergence) -> None:
    """Merging outcomes never increases it, or does so in an example if the flag is False."""
    p, q = draw(300, 5, 13, concentration=0.6), draw(300, 5, 14, concentration=0.6)
    merged = [np.stack([t[:, 0] + t[:, 3], t[:, 1] + t[:, 4], t[:, 2]], axis=1) for t in (p, q)]
    before, after = rows(record, p, q), rows(record, *merged)
    if record.processing:
        assert np.all(after <= before * (1 + 1e-12))
    else:
        assert np.any(after > before * (1 + 1e-6))


def check_joint_convexity(record: Divergence) -> None:
    """D of a mixture is at most the mixture of the D, or exceeds it in an example if the flag is False."""
    p, q, r, s = (draw(4000, 2, seed, concentration=0.4) for seed in (15, 16, 17, 18))
    p[:200] = r[:200]
    mixed = rows(record, 0.3 * p + 0.7 * r, 0.3 * q + 0.7 * s)
    apart = 0.3 * rows(record, p, q) + 0.7 * rows(record, r, s)
    if record.jointly_convex:
        assert np.all(mixed <= apart * (1 + 1e-12) + 1e-300)
    else:
        assert np.any(mixed > apart * (1 + 1e-6))


def check_additivity(record: Divergence) -> None:
    """D of independent pairs is the sum, or differs from it if the flag is False."""
    mass = 1.0 if record.domain == "distributions" else 1.7
    p, q, r, s = (mass * draw(30, 3, seed) for seed in (19, 20, 21, 22))
    joint = rows(record, (p[:, :, None] * r[:, None, :]).reshape(30, 9), (q[:, :, None] * s[:, None, :]).reshape(30, 9))
    total = rows(record, p, q) + rows(record, r, s)
    if record.additive:
        np.testing.assert_allclose(joint, total, rtol=1e-11)
    else:
        assert np.max(np.abs(joint / total - 1)) > 1e-8


def check_relabelling(record: Divergence) -> None:
    """Renaming outcomes changes nothing, except where they are ordered."""
    p, q = draw(20, 5, 23), draw(20, 5, 24)
    order = [3, 0, 4, 1, 2]
    same = np.allclose(rows(record, p, q), rows(record, p[:, order], q[:, order]), rtol=1e-12)
    assert same == record.relabelling


def check_generator(record: Divergence) -> None:
    """The generator gives the value, by the definition of f-divergences, with zeros on either side."""
    if record.generator is None:
        assert record.domain != "distributions" or not record.relabelling
        return
    generator = record.generator(**record.configuration) if math.isfinite(sum(record.configuration.values())) else None
    if generator is None:
        return
    u = np.geomspace(1e-3, 1e3, 400)
    f = generator.function(np, u)
    slopes = np.diff(f) / np.diff(u)
    assert np.all(np.diff(slopes) >= -1e-9 * np.abs(slopes[1:])), "not convex"
    cases = [(draw(1, 4, seed)[0], draw(1, 4, seed + 50)[0]) for seed in range(6)]
    cases += [
        (np.array([0.0, 0.3, 0.7]), np.array([0.2, 0.8, 0.0])),
        (np.array([0.0, 0.3, 0.7]), np.array([0.2, 0.4, 0.4])),
    ]
    for p, q in cases:
        value = float(divergence.f_divergence(p, q, generator))
        value = value if record.transform is None else record.transform(value, **record.configuration)
        if record.name == "renyi_divergence" and record.configuration["alpha"] == 0.0:
            continue
        assert value == pytest.approx(float(record(p, q)), rel=1e-6 if "1e-07" in str(record) else 1e-9)


def check_parameters(record: Divergence) -> None:
    """Every parameter moves the value, and its interval is enforced by record and function."""
    p, q = draw(4, 3, 25), draw(4, 3, 26)
    for parameter in record.parameters:
        other = record.configured(**{parameter.name: 0.41})
        assert np.all(np.abs(rows(other, p, q) - rows(record, p, q)) > 1e-9 * rows(other, p, q))
        for bad in (parameter.low - 0.1, parameter.high + 0.1, math.nan):
            if math.isinf(bad):
                continue
            with pytest.raises(DomainError, match=parameter.name):
                record.configured(**{parameter.name: bad})
            with pytest.raises(DomainError, match=parameter.name):
                record.function(p, q, **{parameter.name: bad})


def check_batches(record: Divergence) -> None:
    """A batch equals its rows, along any axis."""
    p, q = draw(12, 5, 27).reshape(3, 4, 5), draw(12, 5, 28).reshape(3, 4, 5)
    value = record(p, q)
    assert value.shape == (3, 4)
    loop = [[float(record(p[i, j], q[i, j])) for j in range(4)] for i in range(3)]
    np.testing.assert_allclose(value, loop, rtol=1e-13)
    for axis in (0, 1, -2):
        moved = record(np.moveaxis(p, -1, axis), np.moveaxis(q, -1, axis), axis=axis)
        np.testing.assert_allclose(moved, value, rtol=1e-13)
    assert np.ndim(record(p[0, 0], q[0, 0])) == 0
    assert record([0.5, 0.5], [0.25, 0.75]) == record(np.array([0.5, 0.5]), np.array([0.25, 0.75]))


def check_libraries(record: Divergence) -> None:
    """Another library's arrays give its own kind back, and the same value; float32 stays float32 and is as good."""
    p, q = draw(5, 6, 29), draw(5, 6, 30)
    p[0, 1] = q[1, 2] = p[2, 3] = q[2, 3] = 0
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    value = rows(record, p, q)
    strict = record(array_api_strict.asarray(p), array_api_strict.asarray(q))
    assert type(strict).__module__.startswith("array_api_strict") and strict.dtype == array_api_strict.float64
    np.testing.assert_allclose(np.asarray(strict), value, rtol=1e-12)
    single = record(p.astype(np.float32), q.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, value, rtol=1e-4)
    traced = record(jnp.asarray(p, dtype=jnp.float32), jnp.asarray(q, dtype=jnp.float32))
    assert isinstance(traced, jax.Array) and traced.dtype == jnp.float32
    np.testing.assert_allclose(np.asarray(traced), value, rtol=3e-4)


def check_gradients(record: Divergence) -> None:
    """Gradients are finite wherever the value is, also at zeros, and equal finite differences elsewhere."""
    if record.name == "renyi_divergence" and record.configuration["alpha"] in (0.0, math.inf):
        return

    def value(p, q):
        return jnp.sum(record(p, q, check=False))

    # one batch, not compiled: compiling thirty programs would take most of the time of the suite
    gradient = jax.grad(value, argnums=(0, 1))
    full, steps = np.array([0.25, 0.25, 0.4, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])
    # the square roots have no derivative at 0, so the distances are looked at away from equality
    others = np.array([steps, [0.0, 0.5, 0.3, 0.2], [0.0, 0.0, 1.0, 0.0]])
    one, two = (np.concatenate(pair) for pair in ((others, np.tile(full, (3, 1))), (np.tile(full, (3, 1)), others)))
    slopes = gradient(jnp.asarray(one, dtype=jnp.float32), jnp.asarray(two, dtype=jnp.float32))
    for part in slopes:
        assert bool(jnp.all(jnp.isfinite(part))), part
    step = np.array([1e-6, 2e-6, -4e-6, 1e-6])
    for row in (0, 3):
        for side, slope in enumerate(slopes):
            ends = []
            for sign in (1, -1):
                sides = [one[row], two[row]]
                sides[side] = sides[side] + sign * step
                ends.append(float(record(*sides)))
            predicted = 2 * float(np.asarray(slope[row], dtype=np.float64) @ step)
            assert predicted == pytest.approx(ends[0] - ends[1], rel=2e-3)


def check_units(record: Divergence) -> None:
    """Bits and hartleys are nats divided by log 2 and log 10; what has no unit takes none."""
    p, q = draw(3, 4, 31), draw(3, 4, 32)
    if record.unit:
        nats = rows(record, p, q)
        np.testing.assert_allclose(record(p, q, unit="bits"), nats / math.log(2), rtol=1e-14)
        np.testing.assert_allclose(record(p, q, unit="hartleys"), nats / math.log(10), rtol=1e-14)
        with pytest.raises(InvalidInputError, match="did you mean 'bits'"):
            record(p, q, unit="bit")


def check_inputs(record: Divergence) -> None:
    """Nothing is broadcast, normalised or repaired: one error that says what to do."""
    good = np.array([0.2, 0.3, 0.5])
    for p, q in ((good, np.ones(1)), (good[None, :], good), (good, good[:2]), (np.tile(good, (2, 1)), good)):
        with pytest.raises(ShapeError):
            record(p, q)
    with pytest.raises(ShapeError):
        record(np.zeros((2, 0)), np.zeros((2, 0)))
    with pytest.raises(ShapeError):
        record(np.float64(0.5), np.float64(0.5))
    with pytest.raises(InvalidInputError):
        record(["a", "b", "c"], good)
    with pytest.raises(InvalidInputError):
        record(good, jnp.asarray(good))
    bad = [np.array([np.nan, 0.5, 0.5]), np.array([np.inf, 0.0, 0.0])]
    if record.domain != "real":
        bad.append(np.array([-0.1, 0.6, 0.5]))
    if record.domain == "distributions":
        bad += [np.array([0.2, 0.3, 0.4]), np.array([2.0, 3.0, 5.0]), np.zeros(3)]
    for wrong in bad:
        with pytest.raises(DomainError):
            record(wrong, good)
        with pytest.raises(DomainError):
            record(good, wrong)
        with pytest.raises(DomainError):
            record(np.stack([good, wrong]), np.stack([good, good]))


def check_given(record: Divergence) -> None:
    """Counts and logarithms give what their probabilities give."""
    if record.domain != "distributions":
        return
    counts_p, counts_q = np.array([3, 5, 0, 2]), np.array([1, 1, 4, 4])
    p, q = counts_p / 10, counts_q / 10
    smooth_p, smooth_q = (counts_p + 0.5) / 12, (counts_q + 0.5) / 12
    value, smooth = float(record(p, q)), float(record(smooth_p, smooth_q))
    assert float(record(counts_p, counts_q, given="counts")) == pytest.approx(value, rel=1e-12)
    assert float(record(counts_p, counts_q, given="counts", smoothing="add_half")) == pytest.approx(smooth, rel=1e-12)
    with np.errstate(divide="ignore"):
        logs = np.log(p), np.log(q)
    assert float(record(*logs, given="log_probabilities")) == pytest.approx(value, rel=1e-11)
    assert float(record(p, logs[1], given=("probabilities", "log_probabilities"))) == pytest.approx(value, rel=1e-11)
    assert float(record(logs[0], q, given=("log_probabilities", "probabilities"))) == pytest.approx(value, rel=1e-11)
    assert float(record(p, counts_q, given=("probabilities", "counts"))) == pytest.approx(value, rel=1e-12)
    # outcomes whose probabilities underflow on both sides
    faint = np.array([[-1000.0, 0.0], [-1000.0, 0.0]]), np.array([[-2000.0, 0.0], [-1000.0, 0.0]])
    for sides in (faint, faint[::-1]):
        assert np.all(record(*sides, given="log_probabilities") >= 0)
        assert record(*sides, given="log_probabilities")[1] == 0
    with pytest.raises(DomainError, match="raw scores are not log-probabilities"):
        record(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]), given="log_probabilities")


def check_text(record: Divergence) -> None:
    """Formula, use and source are there, and the formula is legal LaTeX."""
    assert convert(record.formula)
    assert record.when.endswith(".") and re.search(r"\d{4}", record.reference)
    assert (record.function.__doc__ or "").count(">>>") >= 1
    assert divergence.get(str(record)) == record


CHECKS = [check for name, check in list(globals().items()) if name.startswith("check_")]
