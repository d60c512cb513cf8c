"""The catalogue as a whole: names, the standard set, one program for many losses, a loss of one's own."""

from __future__ import annotations

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from loss_contract import CHECKS, FLAG_CHECKS, check_round_trip
from loss_draws import differences, draw_raw, draw_target, units
from loss_elicitation import check_elicited, check_perfect
from lossmith import losses
from lossmith._errors import DomainError, InvalidInputError, UnknownNameError
from lossmith.losses import EVERY, LOSSES, PUBLISHED, Interval, Loss, Parameter
from lossmith.losses._heads import LINEAR


def test_size_and_standard_set() -> None:
    assert len(EVERY) >= 60
    assert set(LOSSES) < set(EVERY)
    assert {loss.task for loss in LOSSES.values()} == {"regression", "binary", "multiclass"}
    tasks = {"regression", "binary", "multiclass", "multilabel", "ordinal", "ranking", "embedding"}
    assert {loss.task for loss in EVERY.values()} == tasks
    assert not any(loss.batchwise for loss in LOSSES.values())


def test_every_name_of_another_library_is_found() -> None:
    for loss in EVERY.values():
        for twin in loss.twins.values():
            found = losses.get(twin)
            assert twin in found.twins.values() or twin in (found.name, *found.aliases), twin
    assert losses.get("BCEWithLogitsLoss").name == "binary_crossentropy"
    assert losses.get("reg:squarederror").name == "mean_squared_error"
    assert losses.get("multi:softprob").name == "categorical_crossentropy"
    assert losses.get("lambdarank").name == "listwise_softmax"


@pytest.mark.parametrize(
    "text, error, words",
    [
        ("hubber", UnknownNameError, "did you mean 'huber'"),
        ("huber:dleta=1", UnknownNameError, "no parameter 'dleta'; did you mean 'delta'"),
        ("huber:delta=0", DomainError, "expected a number in \\(0, inf\\); the default is 1"),
        ("huber:delta", InvalidInputError, "parameter=number"),
        ("huber:delta=x", InvalidInputError, "parameter=number"),
        ('{"name": "huber"}', InvalidInputError, "Loss.to_json"),
        ("{", InvalidInputError, "Loss.to_json"),
    ],
)
def test_wrong_names(text, error, words) -> None:
    with pytest.raises(error, match=words):
        losses.get(text)


def test_texts_keep_every_digit() -> None:
    loss = losses.get("huber").configured(delta=0.1 + 0.2)
    assert str(loss) == "huber:delta=0.30000000000000004"
    assert losses.get(str(loss)).configuration == {"delta": 0.1 + 0.2}
    assert json.loads(loss.to_json()) == {"name": "huber", "parameters": {"delta": 0.1 + 0.2}}
    assert str(loss.configured(delta=1)) == "huber"
    assert loss.configured(delta=1) is losses.get("huber")


def test_flags_follow_the_parameters_and_come_back() -> None:
    loss = losses.get("binary_crossentropy")
    smoothed = loss.configured(label_smoothing=0.1)
    assert (smoothed.strictly_proper, smoothed.elicits) == (False, "majority class")
    back = smoothed.configured(label_smoothing=0)
    assert (back.strictly_proper, back.elicits) == (True, "probabilities")
    for bad in (True, "0.1", float("nan"), None):
        with pytest.raises(DomainError):
            loss.configured(label_smoothing=bad)
    assert loss.configured(label_smoothing=np.float32(0.5)).configuration == {"label_smoothing": 0.5}


@pytest.mark.parametrize(
    "name, edge, inside",
    [
        ("poisson", 0.0, True),
        ("tweedie", 0.0, True),
        ("gamma", 0.0, False),
        ("mean_absolute_percentage_error", 0.0, False),
        ("mean_squared_logarithmic_error", 0.0, True),
        ("mean_squared_logarithmic_error", -0.5, False),
        ("binary_crossentropy", 1.0, True),
        ("hinge", 0.0, False),
        ("mean_squared_error", -1e300, True),
    ],
)
def test_edges_of_the_domain(name, edge, inside) -> None:
    assert bool(losses.get(name).outside(np.array([edge]))[0]) is not inside


def test_domain_errors_count_and_advise() -> None:
    with pytest.raises(DomainError) as caught:
        losses.get("msle")(np.zeros(4), np.array([1.0, -1.0, 2.0, -3.0]))
    assert str(caught.value).startswith(
        "2 of 4 targets (50.0%) outside the domain of mean_squared_logarithmic_error; expected targets in [0, inf); "
    )


def _tasks() -> list:
    tasks = dict.fromkeys(loss.task for loss in EVERY.values() if not loss.batchwise)
    return [pytest.param(task, marks=() if task == "ordinal" else pytest.mark.slow) for task in tasks]


@pytest.mark.parametrize("task", _tasks())
def test_losses_of_one_task_are_one_program(task) -> None:
    """What the engine does: a traced number selects the loss, inside the differentiated function, compiled once.

    Heads of different width read the first columns of the widest output.
    """
    group = [loss for loss in EVERY.values() if loss.task == task and not loss.batchwise]
    widest = max(group, key=units)
    raw = draw_raw(widest, 6, 0).reshape(6, -1)
    targets = [draw_target(loss, 6, 1, hard=True) for loss in group]

    def own(loss, z):
        return z[:, 0] if loss.head.units == 1 else z[:, : units(loss)]

    def total(z, which, rows):
        branches = [lambda z, rows, loss=loss: jnp.sum(loss.pointwise(own(loss, z), rows, xp=jnp)) for loss in group]
        return jax.lax.switch(which, branches, z, rows)

    with jax.enable_x64(True):
        program = jax.jit(jax.grad(total))
        for which, (loss, target) in enumerate(zip(group, targets, strict=True)):
            slope = np.asarray(program(jnp.asarray(raw), which, jnp.asarray(target)))
            expected = differences(loss, own(loss, raw), target, step=1e-5)
            np.testing.assert_allclose(own(loss, slope), expected, rtol=1e-6, atol=1e-8, err_msg=str(loss))
            assert np.all(slope[:, units(loss) :] == 0)
        assert program._cache_size() == 1


def test_a_loss_of_ones_own_needs_one_record() -> None:
    """What CONTRIBUTING says: the record below passes every check as it is, and nothing else was written."""
    fourth = Loss(
        name="example_fourth_power",
        task="regression",
        function=lambda xp, raw, target, *, scale: ((raw - target) / scale) ** 4,
        head=LINEAR,
        encoding="standardized",
        interval=Interval(),
        elicits="numeric",
        parameters=(Parameter("scale", 1.0, Interval(0, closed_low=False), "size of ordinary errors"),),
        convex=True,
        smooth=True,
        formula=r"\left(\frac{z - y}{c}\right)^4",
        gradient=r"\frac{4 (z - y)^3}{c^4}",
        when="The largest error is what counts.",
        when_not="Any target is an outlier.",
        reference="An example, 2024",
    )
    for check in (*CHECKS, *FLAG_CHECKS, check_elicited, check_perfect):
        if check is not check_round_trip:  # it is in no catalogue
            check(fourth)
    assert fourth.as_optax()(jnp.zeros(2), jnp.ones(2)).shape == (2,)


@pytest.mark.parametrize("name", ["mse", "bce", "hinge", "cce", "gaussian_nll"])
def test_jax_arrays_are_checked_too(name) -> None:
    loss = losses.get(name)
    raw, target = draw_raw(loss, 6, 30), draw_target(loss, 6, 31)
    value = loss(jnp.asarray(raw), jnp.asarray(target))
    assert isinstance(value, jax.Array)
    np.testing.assert_allclose(value, loss(raw, target), rtol=1e-5, atol=1e-6)
    with pytest.raises(DomainError):
        loss(jnp.asarray(raw), jnp.full(target.shape, jnp.nan))


def test_f_divergence_from_a_generator() -> None:
    kl = losses.f_divergence("example_kl", lambda xp, t: t * xp.log(t), formula=r"t \log t", smooth=True, robust=False)
    raw, soft = draw_raw(kl, 9, 2), draw_target(kl, 9, 3)
    np.testing.assert_allclose(kl(raw, soft), losses.get("kl_divergence")(raw, soft), rtol=1e-9)
    chi = losses.f_divergence("example_chi", lambda xp, t: (t - 1) ** 2, formula="(t - 1)^2")
    np.testing.assert_allclose(chi(raw, soft), losses.get("chi_squared_divergence")(raw, soft), rtol=1e-9)
    with pytest.raises(DomainError, match="none of them 0"):
        kl(raw, np.arange(9) % 4)


def test_importing_losses_loads_no_framework() -> None:
    code = (
        "import sys, lossmith.losses; print(sorted({'keras', 'jax', 'torch', 'optax', 'sklearn'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_published_losses_say_what_to_use_instead() -> None:
    for loss in PUBLISHED.values():
        assert loss.when_not.startswith("Otherwise:")
