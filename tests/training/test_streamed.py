"""Rows that stay with the host: the numbers of stacked runs, block by block, and no more memory than asked for."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from lossmith import losses, models
from lossmith.training import Cancelled, GradientProcedure, GroupData, Part, Schedule, Trainer, _streamed, execution
from lossmith.training.fitting import Fitting
from lossmith.training.optimizers import make_optimizer

TOLERANCE = {"rtol": 2e-5, "atol": 2e-6}


@pytest.fixture
def room(monkeypatch):
    """Make blocks small: a few hundred bytes, so that an epoch takes several and the last one is not full."""

    def set_to(size: int) -> None:
        monkeypatch.setattr(_streamed, "STREAM_ROOM", size)

    set_to(2500)
    return set_to


def rows(n, *, lead=1, seed=0, width=3, dtype=np.float32):
    rng = np.random.default_rng([seed, n])
    inputs = rng.normal(size=(lead, n, width))
    targets = (inputs[..., 0] * inputs[..., 1] > 0).astype(np.float32)
    if dtype == np.uint8:
        inputs = np.clip(128 + 40 * inputs, 0, 255)
    return Part(inputs.astype(dtype), (targets, 2 * targets - 1))


def made(how, schedule, *, model="mlp:hidden=8", optimizer="adam", rates=(0.03, 0.01, 0.3), **options):
    chosen = [losses.get(name) for name in ("binary_crossentropy", "hinge")]
    procedure = GradientProcedure(models.get(model).network((3,), 1), make_optimizer(optimizer), chosen, [0, 1])
    return Trainer(procedure, [0, 1, 0], rates, schedule, execution=how, **options)


def same(one, other):
    assert one.curves.keys() == other.curves.keys() and one.raw.keys() == other.raw.keys()
    for name, curve in one.curves.items():
        np.testing.assert_allclose(curve, other.curves[name], err_msg=name, **TOLERANCE)
    for name, raw in one.raw.items():
        np.testing.assert_allclose(raw, other.raw[name], err_msg=name, rtol=2e-4, atol=2e-5)
    for value, twin in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(value, twin, rtol=2e-4, atol=2e-5)
        assert value.dtype == twin.dtype
    for name in ("diverged", "best_epoch", "last_epoch"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("lead", [1, 2], ids=["shared", "own rows"])
@pytest.mark.parametrize(
    ("n", "batch", "model"),
    [
        (50, 16, "mlp:hidden=8"),  # the last batch is filled up
        (48, 16, "mlp:hidden=8"),  # none is
        (50, 16, "mlp:hidden=8,dropout=0.3"),  # the last batch keeps its own size
        (5, 64, "mlp:hidden=8"),  # one batch
        (1, 1, "mlp:hidden=8"),  # one row
    ],
)
def test_streamed_runs_are_the_stacked_ones(room, n, batch, model, lead):
    data = GroupData((7, 8), rows(n, lead=lead), {"test": rows(23, seed=1), "own": rows(9, lead=lead, seed=2)})
    schedule = Schedule(5, batch, watch_training=True)
    stacked, streamed = (made(how, schedule, model=model).train(data) for how in ("stacked", "streamed"))
    same(stacked, streamed)


@pytest.mark.parametrize("size", [1, 700, 10**9], ids=["a batch a block", "some", "all in one"])
def test_blocks_of_any_size_give_the_same(room, size):
    data = GroupData((3,), rows(70), {"test": rows(31, seed=1)})
    schedule = Schedule(4, 8, patience=2, restore_best=True, monitor="test")
    stacked = made("stacked", schedule, optimizer="sgd:momentum=0.9").train(data)
    room(size)
    same(stacked, made("streamed", schedule, optimizer="sgd:momentum=0.9").train(data))


def test_a_run_that_explodes_and_one_that_stops_early(room):
    data = GroupData((3, 4), rows(60), {"test": rows(20, seed=1)})
    schedule = Schedule(12, 16, patience=1, restore_best=True, monitor="test")
    rates = (0.03, np.inf, 3.0)
    stacked, streamed = (
        made(how, schedule, rates=rates, optimizer="sgd").train(data) for how in ("stacked", "streamed")
    )
    assert (stacked.diverged[:, 1] > 0).all() and stacked.last_epoch.min() < 12
    same(stacked, streamed)


def test_bytes_come_as_bytes_and_a_file_is_never_read_whole(room, tmp_path):
    held = rows(64, dtype=np.uint8)
    on_disk = np.lib.format.open_memmap(tmp_path / "rows.npy", "w+", np.uint8, held.inputs.shape)
    on_disk[:] = held.inputs
    trainer = made("streamed", Schedule(3, 16))
    first, _, _ = next(_streamed.Streamed._blocks(_ready(trainer, held), held, np.arange(64, dtype=np.int32)[None]))
    assert first[0].dtype == np.uint8
    mapped = Part(np.load(tmp_path / "rows.npy", mmap_mode="r"), held.targets)
    results = [
        made("streamed", Schedule(3, 16)).train(GroupData((1,), part, {"test": part})) for part in (held, mapped)
    ]
    np.testing.assert_array_equal(results[0].curves["test_loss"], results[1].curves["test_loss"])


def _ready(trainer, part):
    trainer.compile(GroupData((1,), part, {}))
    return trainer._compiled


def test_it_can_be_stopped_and_says_how_far_it_is(room):
    data = GroupData((3,), rows(60), {"test": rows(20, seed=1)})
    seen, stop = [], threading.Event()

    def progress(done, total):
        seen.append((done, total))
        if done == 2:
            stop.set()

    with pytest.raises(Cancelled):
        made("streamed", Schedule(9, 16)).train(data, progress=progress, cancelled=stop)
    assert seen == [(1, 9), (2, 9)]


def test_rows_that_fill_more_than_half_of_the_memory_are_streamed(room):
    data = GroupData((3,), rows(1000), {"test": rows(200, seed=1)})
    taken = 1200 * (3 + 2) * 4
    for memory, how in ((2 * taken, "stacked"), (2 * taken - 1, "streamed"), (None, "stacked")):
        trainer = made("auto", Schedule(1, 100), room=lambda memory=memory: memory)
        trainer.needed(data)
        assert trainer.execution == how
    # a stack of runs each with rows of its own gets smaller first
    own = GroupData((3, 4, 5), rows(1000, lead=3), {"test": rows(200, seed=1)})
    trainer = made("auto", Schedule(1, 100), room=lambda: 2 * taken)
    trainer.needed(own)
    assert trainer.execution == "stacked"
    # what was asked for stays
    trainer = made("stacked", Schedule(1, 100), room=lambda: 10)
    trainer.needed(data)
    assert trainer.execution == "stacked"


def test_less_memory_than_the_rows_take_is_enough(monkeypatch):
    monkeypatch.setattr(_streamed, "STREAM_ROOM", 20_000)
    monkeypatch.setattr(execution, "STREAM_ROOM", 20_000)
    train, test = rows(20_000, width=30), rows(2000, seed=1, width=30)
    procedure = GradientProcedure(
        models.get("mlp:hidden=4").network((30,), 1), make_optimizer("sgd"), [losses.get("bce")], [0]
    )
    memory = (train.inputs.nbytes + test.inputs.nbytes) // 3

    def make(places):
        return Trainer(procedure, [0] * len(places), [0.1] * len(places), Schedule(1, 500), room=lambda: memory)

    fitting = Fitting(make, 2, budget=lambda: memory)
    result = fitting.train(GroupData((1, 2), train, {"test": test}))
    assert fitting.size == (2, 2) and np.isfinite(result.curves["test_loss"]).all()
    (stack,) = fitting._made.values()
    assert stack.execution == "streamed" and stack.footprint < memory
    whole = Trainer(procedure, [0, 0], [0.1, 0.1], Schedule(1, 500), execution="stacked")
    expected = whole.train(GroupData((1, 2), train, {"test": test}))
    np.testing.assert_allclose(result.curves["test_loss"], expected.curves["test_loss"], **TOLERANCE)


def test_the_estimate_is_of_two_blocks():
    data = GroupData((1, 2), rows(10_000), {})
    trainer = made("streamed", Schedule(1, 10))
    size = execution.group_bytes(trainer.procedure, trainer.schedule, data, 3, execution="streamed")
    assert size == trainer.needed(data)
    whole = execution.group_bytes(trainer.procedure, trainer.schedule, data, 3)
    # all rows fit into a block: twice of them where stacked runs hold them once
    assert size - whole == 10_000 * 5 * 4
    assert execution.row_bytes(rows(7, lead=3)) == 5 * 4
