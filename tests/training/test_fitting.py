"""Stacks that fit into memory: a stand-in for the compiled program runs out of memory where the test says; numbers stay the same."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

from lossmith import losses, models
from lossmith._errors import InvalidInputError
from lossmith.training import Cancelled, GradientProcedure, GroupData, GroupResult, Part, Schedule, Trainer
from lossmith.training.execution import OutOfMemoryError, byte_count, measured_bytes
from lossmith.training.fitting import Fitting, is_out_of_memory
from lossmith.training.optimizers import make_optimizer

EPOCHS = 3


def group(n_seeds, *, shared=False, first=100):
    rng = np.random.default_rng(n_seeds)
    lead = 1 if shared else n_seeds

    def part(rows):
        return Part(rng.normal(size=(lead, rows, 2)), (rng.normal(size=(lead, rows)),))

    return GroupData(tuple(range(first, first + n_seeds)), part(5), {"test": part(4)})


def oracle(data, n_configurations):
    """What a run leaves depends on its seed, its rows and its configuration, and on nothing else."""
    size = (len(data.seeds), n_configurations)
    place = np.arange(n_configurations)
    seeds = np.asarray(data.seeds)

    def rows(part):
        return np.broadcast_to(part.inputs, (size[0], *part.inputs.shape[1:]))

    base = seeds[:, None] * 10.0 + place + rows(data.train).sum((1, 2))[:, None] + 0 * place
    raw = rows(data.evaluate["test"])[:, None, :, :1] * (1.0 + place)[None, :, None, None]
    return GroupResult(
        seeds=data.seeds,
        curves={"loss": base[..., None] * np.arange(1, EPOCHS + 1)},
        raw={"test": np.ascontiguousarray(raw)},
        weights=(base.astype(np.float32), np.stack([base, -base], axis=-1)),
        diverged=np.broadcast_to(place % 2, size).astype(np.int32),
        best_epoch=np.broadcast_to(seeds[:, None] % EPOCHS, size).astype(np.int32),
        last_epoch=np.full(size, EPOCHS, np.int32),
        seconds=1.0,
    )


class Machine:
    """Holds so many runs at a time; remembers what it was asked for."""

    def __init__(
        self,
        room,
        *,
        footprint=None,
        needed=1,
        raises="RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes.",
    ):
        self.room, self.footprint, self.needed, self.raises = room, footprint, needed, raises
        self.asked, self.trained, self.compiled = [], [], []

    def make(self, places):
        return Program(self, places)


class Program:
    def __init__(self, machine, places):
        self.machine, self.places, self.shape = machine, places, None

    @property
    def footprint(self):
        return None if self.machine.footprint is None else self.machine.footprint * len(self.places) * self.shape

    def needed(self, data):
        return self.machine.needed * len(data.seeds) * len(self.places)

    def compile(self, data):
        self.shape = len(data.seeds)
        self.machine.compiled.append((self.shape, len(self.places)))

    def train(self, data, *, progress=None, cancelled=None, checkpoints=None):
        self.shape = self.shape or len(data.seeds)
        assert len(data.seeds) == self.shape, "a program knows one shape"
        self.machine.asked.append((len(data.seeds), len(self.places)))
        if cancelled is not None and cancelled.is_set():
            raise Cancelled
        if progress is not None:
            progress(1, EPOCHS)
        if len(data.seeds) * len(self.places) > self.machine.room:
            raise RuntimeError(self.machine.raises)
        self.machine.trained += list(itertools.product(data.seeds, self.places))
        if progress is not None:
            progress(EPOCHS, EPOCHS)
        whole = oracle(data, max(self.places) + 1)
        pick = lambda array: array[:, list(self.places)]  # noqa: E731
        return GroupResult(
            seeds=data.seeds,
            curves={name: pick(values) for name, values in whole.curves.items()},
            raw={name: pick(values) for name, values in whole.raw.items()},
            weights=tuple(pick(values) for values in whole.weights),
            diverged=pick(whole.diverged),
            best_epoch=pick(whole.best_epoch),
            last_epoch=pick(whole.last_epoch),
            seconds=1.0,
        )


def equal(found, expected):
    assert found.seeds == expected.seeds
    assert found.curves.keys() == expected.curves.keys()
    assert found.raw.keys() == expected.raw.keys()
    assert len(found.weights) == len(expected.weights)
    pairs = [
        *((found.curves[name], expected.curves[name]) for name in expected.curves),
        *((found.raw[name], expected.raw[name]) for name in expected.raw),
        *zip(found.weights, expected.weights, strict=True),
        *((getattr(found, name), getattr(expected, name)) for name in ("diverged", "best_epoch", "last_epoch")),
    ]
    for one, other in pairs:
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("n_seeds", "n_configurations"), [(1, 1), (1, 7), (5, 1), (4, 3), (7, 5)])
def test_the_numbers_are_those_of_one_stack_whatever_fits(n_seeds, n_configurations, shared):
    data = group(n_seeds, shared=shared)
    for room in range(1, n_seeds * n_configurations + 1):
        machine = Machine(room)
        found = Fitting(machine.make, n_configurations, budget=lambda: None).train(data)
        equal(found, oracle(data, n_configurations))
        assert set(machine.trained) == set(itertools.product(data.seeds, range(n_configurations)))
        if room == n_seeds * n_configurations:
            assert len(machine.asked) == 1


def test_what_was_trained_before_memory_ran_out_is_not_trained_again():
    data, machine = group(8), Machine(8)
    fitting = Fitting(machine.make, 2, budget=lambda: None)
    fitting.train(data)
    assert machine.asked == [(8, 2), (4, 2), (4, 2)]
    machine.asked.clear(), machine.trained.clear()
    train = Program.train

    def shrinks(self, *arguments, **options):
        found = train(self, *arguments, **options)
        machine.room = 2  # something else takes memory after the first stack
        return found

    Program.train = shrinks
    try:
        equal(fitting.train(data), oracle(data, 2))
    finally:
        Program.train = train
    assert machine.asked == [(4, 2), (4, 2), (2, 2), (1, 2), (1, 2), (1, 2), (1, 2)]
    assert len(machine.trained) == len(set(machine.trained)) == 16


def test_the_next_group_begins_with_what_fitted():
    machine = Machine(6)
    fitting = Fitting(machine.make, 3, budget=lambda: None)
    fitting.train(group(5))
    assert fitting.size == (2, 3)
    machine.asked.clear()
    data = group(5, first=200)
    equal(fitting.train(data), oracle(data, 3))
    assert machine.asked == [(2, 3)] * 3


def test_what_the_compiler_measures_is_looked_at_before_anything_runs():
    machine = Machine(10**9, footprint=100)
    fitting = Fitting(machine.make, 5, budget=lambda: 1_000)
    data = group(6)
    equal(fitting.train(data), oracle(data, 5))
    assert machine.compiled == [(6, 5), (3, 5), (2, 5)]
    assert machine.asked == [(2, 5)] * 3
    # far too much is not even compiled
    machine = Machine(10**9, footprint=100, needed=1_000)
    Fitting(machine.make, 5, budget=lambda: 1_000).train(data)
    assert machine.compiled == [(1, 3)]  # where the estimate is within its roughness, and the measure counts
    # where the compiler says nothing, the estimate counts
    machine = Machine(10**9, needed=100)
    fitting = Fitting(machine.make, 5, budget=lambda: 1_000)
    fitting.compile(data)
    assert fitting.size == (2, 5)


@pytest.mark.parametrize(
    "error", [MemoryError("12 GiB"), OutOfMemoryError("a group of 6 runs"), RuntimeError("RESOURCE_EXHAUSTED: x")]
)
def test_every_kind_of_running_out_counts(error):
    assert is_out_of_memory(error)

    machine = Machine(2)
    data = group(3)
    program = Program.train

    def train(self, data, **options):
        if len(data.seeds) * len(self.places) > 2:
            raise error
        return program(self, data, **options)

    Program.train = train
    try:
        equal(Fitting(machine.make, 2, budget=lambda: None).train(data), oracle(data, 2))
    finally:
        Program.train = program


def test_memory_for_less_than_one_run_is_one_line():
    for fitting in (
        Fitting(Machine(0).make, 2, budget=lambda: None),
        Fitting(Machine(9, footprint=100).make, 2, budget=lambda: 99),
        Fitting(Machine(0).make, 2, budget=lambda: None, divisible=False),
    ):
        with pytest.raises(InvalidInputError, match="memory does not hold a single run") as raised:
            fitting.train(group(3))
        assert "--memory" in str(raised.value)
        assert "\n" not in str(raised.value)


def test_other_errors_and_cancelling_are_passed_on():
    with pytest.raises(RuntimeError, match="INTERNAL: broken"):
        Fitting(Machine(1, raises="INTERNAL: broken").make, 2, budget=lambda: None).train(group(2))
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        Fitting(Machine(9).make, 2, budget=lambda: None).train(group(2), cancelled=cancelled)


def test_progress_is_that_of_the_whole_group_and_never_goes_back_but_for_a_stack_that_was_too_large():
    seen = []
    machine = Machine(4)
    Fitting(machine.make, 2, budget=lambda: None).train(
        group(4), progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (EPOCHS, EPOCHS)
    assert all(total == EPOCHS for _, total in seen)
    assert [done for done, _ in seen[1:]] == sorted(done for done, _ in seen[1:])


def test_real_stacks_agree_within_rounding_however_they_are_cut():
    network = models.get("mlp:hidden=8").network((2,), 1)
    procedure = GradientProcedure(
        network, make_optimizer("adam"), [losses.get("mse"), losses.get("mae")], [0, 0]
    )  # fmt: skip
    which, rates = [0, 0, 1], [0.01, 0.1, 0.01]
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(3, 40, 2)).astype(np.float32)
    rows = Part(inputs, (inputs.sum(-1),))
    data = GroupData((3, 4, 5), rows, {"test": rows})
    trainers = []

    def make(places):
        trainers.append(
            Trainer(
                procedure, [which[p] for p in places], [rates[p] for p in places], Schedule(epochs=4, batch_size=16)
            )
        )
        return trainers[-1]

    whole = Fitting(make, 3, budget=lambda: None).train(data)
    footprint = trainers[0].footprint
    # weights and both moments of Adam alone, nine times
    assert footprint is None or footprint > 9 * 3 * 4 * (2 * 8 + 8 + 8 + 1)
    cut = Fitting(make, 3, budget=lambda: trainers[0].needed(data) // 3)
    found = cut.train(data)
    assert cut.size[0] * cut.size[1] < 9
    for name in whole.curves:
        np.testing.assert_allclose(found.curves[name], whole.curves[name], rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(found.raw["test"], whole.raw["test"], rtol=2e-4, atol=1e-5)
    for one, other in zip(found.weights, whole.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=1e-5)


def test_what_a_compiler_says_is_added_up():
    class Said:
        argument_size_in_bytes, output_size_in_bytes, alias_size_in_bytes, temp_size_in_bytes = 100, 60, 50, 7

    class Compiled:
        memory_analysis = Said

    class Silent:
        memory_analysis = staticmethod(lambda: None)

    class Refuses:
        def memory_analysis(self):
            raise NotImplementedError

    assert measured_bytes(Compiled()) == 117
    assert measured_bytes(Compiled(), Compiled()) == 117
    for other in (Silent(), Refuses(), object()):
        assert measured_bytes(Compiled(), other) is None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("2GB", 2 * 10**9),
        ("2gib", 2**31),
        ("0.5 kB", 500),
        ("7", 7),
        ("7b", 7),
        (7, 7),
        ("1.5MiB", 3 * 2**19),
        (" 1 TB ", 10**12),
    ],
)
def test_sizes(text, count):
    assert byte_count(text) == count


@pytest.mark.parametrize(
    "text", ["", "0", "-1GB", "2 G B", "2XB", "GB", "1e9", "nan", "2GiBs", 0, -5, True, None, "٢GB?"]
)
def test_what_is_no_size(text):
    with pytest.raises(InvalidInputError, match="a size such as 2GB"):
        byte_count(text)
