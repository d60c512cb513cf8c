"""Runs that are trained one after the other: what they compile to, and going on after an epoch bit for bit."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from lossmith import losses, models
from lossmith.training import Cancelled, FolderCheckpoints, GradientProcedure, GroupData, Part, Schedule, Trainer
from lossmith.training.optimizers import make_optimizer

RNG = np.random.default_rng(1)
IMAGES = RNG.integers(0, 256, (1, 50, 8, 8, 1), dtype=np.uint8)
LABELS = (np.eye(3, dtype=np.float32)[RNG.integers(0, 3, 50)][None],)
ROWS = GroupData(
    (4, 9), Part(IMAGES[:, :35], (LABELS[0][:, :35],)), {"validation": Part(IMAGES[:, 35:], (LABELS[0][:, 35:],))}
)


def trainer(*, epochs: int = 5, patience: int | None = None) -> Trainer:
    network = models.get("cnn:filters=3,hidden=5").network((8, 8, 1), 3)
    procedure = GradientProcedure(
        network,
        make_optimizer("adam", learning_rate=0.01),
        [losses.get("categorical_crossentropy"), losses.get("categorical_brier")],
        [0, 0],
    )
    schedule = Schedule(epochs=epochs, batch_size=10, restore_best=True, patience=patience)
    return Trainer(procedure, [0, 1], [0.01, 0.02], schedule)


@pytest.fixture(scope="module")
def whole() -> object:
    made = trainer()
    assert made.execution == "sequential"
    return made, made.train(ROWS)


def same(one: object, other: object) -> None:
    for name in one.curves:
        np.testing.assert_array_equal(one.curves[name], other.curves[name])
    for a, b in zip((*one.weights, *one.raw.values()), (*other.weights, *other.raw.values()), strict=True):
        np.testing.assert_array_equal(a, b)
    for name in ("diverged", "best_epoch", "last_epoch"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@dataclass(frozen=True)
class Counting(FolderCheckpoints):
    """Checkpoints that say which runs were saved."""

    saved: list[str] = field(default_factory=list)

    def save(self, run: str, arrays: object) -> None:
        super().save(run, arrays)
        self.saved.append(run)


@pytest.mark.parametrize("stop_after", [1, 3, 7])
def test_an_interrupted_group_goes_on_bit_for_bit(whole: object, tmp_path: Path, stop_after: int) -> None:
    made, expected = whole
    stop = threading.Event()
    saved = []

    class Stopping(FolderCheckpoints):
        def save(self, run: str, arrays: object) -> None:
            super().save(run, arrays)
            saved.append(run)
            if len(saved) == stop_after:
                stop.set()

    with pytest.raises(Cancelled):
        made.train(ROWS, cancelled=stop, checkpoints=Stopping(tmp_path))
    before = len(saved)
    states, steps = Counting(tmp_path), []
    same(made.train(ROWS, checkpoints=states, progress=lambda done, of: steps.append(done)), expected)
    # every epoch is trained once, in either of the two trainings
    assert before >= stop_after and steps[-1] == 5 and before + len(states.saved) == 5 * len(ROWS.seeds) * 2
    states.saved.clear()
    same(made.train(ROWS, checkpoints=states), expected)
    assert states.saved == []  # everything has ended: nothing is trained again
    states.discard()
    assert not tmp_path.exists()


def test_damaged_and_foreign_states_are_trained_again(whole: object, tmp_path: Path) -> None:
    made, expected = whole
    states = FolderCheckpoints(tmp_path)
    made.train(ROWS, checkpoints=states)
    for place, content in (
        ("0-0", b""),
        ("0-1", b"\xff" * 100),
        ("1-0", (tmp_path / "1-0.safetensors").read_bytes()[:-40]),
    ):
        (tmp_path / f"{place}.safetensors").write_bytes(content)
    states.save("1-1", {"curves": np.zeros((99, 3), np.float32)})
    same(made.train(ROWS, checkpoints=states), expected)


def test_stopping_early_is_remembered(tmp_path: Path) -> None:
    made = trainer(epochs=30, patience=2)
    states = FolderCheckpoints(tmp_path)
    first = made.train(ROWS, checkpoints=states)
    assert first.last_epoch.max() < 30
    same(made.train(ROWS, checkpoints=states), first)


@pytest.mark.slow
def test_bytes_are_pixels_divided_by_255(whole: object) -> None:
    _, expected = whole
    numbers = {
        name: Part((part.inputs / 255).astype(np.float32), part.targets)
        for name, part in (("train", ROWS.train), ("validation", ROWS.evaluate["validation"]))
    }
    other = trainer().train(GroupData(ROWS.seeds, numbers["train"], {"validation": numbers["validation"]}))
    np.testing.assert_allclose(other.curves["loss"], expected.curves["loss"], rtol=1e-4)


def test_a_step_has_no_slow_gradient_in_it(whole: object) -> None:
    made, _ = whole
    (step,) = {made._compiled._steps[10]}
    text = step.as_text()
    # gradients of convolutions and of window reductions are what is slow, and loops around them
    assert "select-and-scatter" not in text and "reduce-window" not in text
    assert text.count(" convolution(") <= 1
    rows = [line for line in text.splitlines() if " while(" in line and "convolution" in line]
    assert not rows
