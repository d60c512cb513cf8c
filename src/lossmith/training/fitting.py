"""Groups in stacks as large as memory allows: measured by the compiler before they run, halved when memory runs out all the same.

A group stays the unit that is stored. It is cut by seeds first, then by configurations; what was trained before memory ran out is
kept, and later groups begin with the size that fitted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.training._run import Progress
from lossmith.training._spec import GroupData, GroupResult, Part
from lossmith.training.checkpoints import Checkpoints
from lossmith.training.execution import OutOfMemoryError

__all__ = ["Fitting", "is_out_of_memory"]


# what is estimated before compiling may be this much too large
ROUGH = 4


class Stack(Protocol):
    """What `Fitting` needs of a trainer of one shape."""

    def needed(self, data: GroupData) -> int:
        """Return about how many bytes a group takes, before anything is compiled."""

    def compile(self, data: GroupData) -> None:
        """Compile for groups of this shape."""

    @property
    def footprint(self) -> int | None:
        """Bytes that the compiled program takes, or None where the compiler does not say."""

    def train(
        self,
        data: GroupData,
        *,
        progress: Progress | None = None,
        cancelled: threading.Event | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> GroupResult:
        """Train one group to the end."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Seeds and configurations of a group that are trained together."""

    seeds: tuple[int, int]
    configurations: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        return self.seeds[1] - self.seeds[0], self.configurations[1] - self.configurations[0]

    def cut(self, size: tuple[int, int]) -> list[_Piece]:
        """Return pieces of at most this size, in order."""
        return [
            _Piece((first, min(first + size[0], self.seeds[1])), (start, min(start + size[1], self.configurations[1])))
            for first in range(*self.seeds, size[0])
            for start in range(*self.configurations, size[1])
        ]


@final
class Fitting:
    """Trains groups of one shape in stacks that fit into memory.

    Use it in place of a `Trainer` where a group may be larger than memory; results are those of one stack, within rounding.

    Parameters
    ----------
    make : callable
        `make(configurations)` returns the trainer of some configurations of a group, by their places.
    n_configurations : int
    budget : callable
        Returns the bytes that one stack may take now, or None where nobody knows.
    divisible : bool
        Whether runs are stacked at all; runs that are trained one after the other take the memory of one.

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import losses, models
    >>> from lossmith.training import GradientProcedure, GroupData, Part, Schedule, Trainer
    >>> from lossmith.training.optimizers import make_optimizer
    >>> network = models.get("mlp:hidden=8").network((1,), 1)
    >>> procedure = GradientProcedure(network, make_optimizer("adam"), [losses.get("mse"), losses.get("mae")], [0, 0])
    >>> schedule = Schedule(epochs=1, batch_size=16)
    >>> fitting = Fitting(lambda places: Trainer(procedure, places, [0.01] * len(places), schedule), 2, budget=lambda: 8_000)
    >>> x = np.linspace(-1, 1, 64, dtype=np.float32)
    >>> result = fitting.train(GroupData(seeds=(0, 1, 2), train=Part(x[None, :, None], (x[None] ** 2,)), evaluate={}))
    >>> result.curves["loss"].shape, fitting.size < (3, 2)
    ((3, 2, 1), True)
    """

    def __init__(
        self,
        make: Callable[[tuple[int, ...]], Stack],
        n_configurations: int,
        *,
        budget: Callable[[], int | None],
        divisible: bool = True,
    ) -> None:
        self._make, self._n, self._budget, self._divisible = make, n_configurations, budget, divisible
        self._made: dict[Any, Stack] = {}
        self._size: tuple[int, int] | None = None
        self._lock = threading.RLock()

    @property
    def size(self) -> tuple[int, int]:
        """Seeds and configurations of the largest stack, once one was trained or compiled."""
        return self._size or (0, 0)

    def compile(self, data: GroupData) -> None:
        """Find the largest stack that fits, and compile it.

        Raises
        ------
        InvalidInputError
            Not even one run fits.
        """
        with self._lock:
            if self._size is not None:
                return
            whole = _Piece((0, len(data.seeds)), (0, self._n))
            self._size = whole.size
            allowed = self._budget() if self._divisible else None
            while True:
                piece = whole.cut(self._size)[0]
                part = _part(data, piece, self._size[0])
                stack = self._stack(piece)
                needed = stack.needed(part)
                if allowed is None or needed <= ROUGH * allowed:
                    try:
                        stack.compile(part)
                    except Exception as error:
                        if not (self._divisible and is_out_of_memory(error)):
                            raise
                        self._halve(piece.size, error)
                        continue
                    needed = stack.footprint or needed
                    if allowed is None or needed <= allowed:
                        return
                self._made.clear()
                self._halve(
                    piece.size,
                    MemoryError(
                        f"it takes about {needed / 1e6:.3g} MB of the {(allowed or 0) / 1e6:.3g} MB of a stack"
                    ),
                )

    def train(
        self,
        data: GroupData,
        *,
        progress: Progress | None = None,
        cancelled: threading.Event | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> GroupResult:
        """Train one group to the end, in as many stacks as it takes; arguments as of `Trainer.train`.

        Raises
        ------
        Cancelled
            `cancelled` was set.
        InvalidInputError
            Memory ran out with a single run.
        """
        self.compile(data)
        whole = _Piece((0, len(data.seeds)), (0, self._n))
        if self.size == whole.size and not self._divisible:
            try:
                return self._stack(whole).train(data, progress=progress, cancelled=cancelled, checkpoints=checkpoints)
            except Exception as error:
                if is_out_of_memory(error):
                    raise _one_run(error) from None
                raise
        pieces = whole.cut(self.size)
        ended: list[tuple[_Piece, GroupResult]] = []
        total = whole.size[0] * whole.size[1]

        def report(piece: _Piece) -> Progress | None:
            if progress is None:
                return None
            before = sum(one.size[0] * one.size[1] for one, _ in ended)
            own = piece.size[0] * piece.size[1]
            return lambda epochs, last: progress(int((before * last + own * epochs) / total), last)

        while pieces:
            with self._lock:  # another thread may have found that less fits
                smaller = pieces.pop(0).cut(self.size)
                pieces[:0] = smaller[1:]
                piece, rows = smaller[0], self.size[0]
                stack = self._stack(piece)
            problem: Exception | None = None
            try:
                result = stack.train(_part(data, piece, rows), progress=report(piece), cancelled=cancelled)
                ended.append((piece, result))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                problem = error.with_traceback(None)  # its frames hold the arrays that were too large
            if problem is not None:
                pieces.insert(0, piece)
                self._halve((rows, piece.size[1]), problem)
        return _joined(data.seeds, whole.size, ended)

    def _stack(self, piece: _Piece) -> Stack:
        with self._lock:
            # a trainer knows one shape: that of the size in force
            key = (piece.configurations, self._size)
            if key not in self._made:
                self._made[key] = self._make(tuple(range(*piece.configurations)))
            return self._made[key]

    def _halve(self, size: tuple[int, int], error: Exception) -> None:
        """Make stacks half as large as one that did not fit; another thread may have done so."""
        with self._lock:
            seeds, configurations = size
            if size == (1, 1):
                raise _one_run(error) from None
            half = (-(-seeds // 2), configurations) if seeds > 1 else (1, -(-configurations // 2))
            if self._size is None or self._size[0] * self._size[1] > half[0] * half[1]:
                self._size = half


def _one_run(error: Exception) -> InvalidInputError:
    return InvalidInputError(
        f"memory does not hold a single run: {' '.join(str(error).split())[:200]}",
        expected="room for one",
        advice="use a smaller model, batch or data set, or allow more with --memory",
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out: of Python, of a device, or before a program began.

    Examples
    --------
    >>> is_out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17179869184 bytes."))
    True
    >>> is_out_of_memory(ValueError("out of range"))
    False
    """
    if isinstance(error, MemoryError | OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "RESOURCE_EXHAUSTED" in str(error)


def _part(data: GroupData, piece: _Piece, rows: int) -> GroupData:
    """Return the data of some seeds; the last of them fills up to `rows`, so that one program serves every stack."""
    first, last = piece.seeds
    places = [min(place, last - 1) for place in range(first, first + rows)]
    if places == list(range(len(data.seeds))):
        return data

    def of(part: Part) -> Part:
        if part.shared:
            return part
        return Part(part.inputs[places], tuple(target[places] for target in part.targets))

    evaluate = {name: of(part) for name, part in data.evaluate.items()}
    return GroupData(tuple(data.seeds[place] for place in places), of(data.train), evaluate)


def _joined(seeds: tuple[int, ...], size: tuple[int, int], ended: list[tuple[_Piece, GroupResult]]) -> GroupResult:
    """Return the result of a group from those of its pieces."""
    if len(ended) == 1 and ended[0][0].size == size and len(ended[0][1].seeds) == size[0]:
        return ended[0][1]

    def whole(take: Callable[[GroupResult], np.ndarray]) -> np.ndarray:
        example = take(ended[0][1])
        found = np.empty((*size, *example.shape[2:]), example.dtype)
        for piece, result in ended:
            found[slice(*piece.seeds), slice(*piece.configurations)] = take(result)[: piece.size[0], : piece.size[1]]
        return found

    first = ended[0][1]
    return GroupResult(
        seeds=seeds,
        curves={name: whole(lambda result, name=name: result.curves[name]) for name in first.curves},  # type: ignore[misc]
        raw={name: whole(lambda result, name=name: result.raw[name]) for name in first.raw},  # type: ignore[misc]
        weights=tuple(
            whole(lambda result, place=place: result.weights[place])  # type: ignore[misc]
            for place in range(len(first.weights))
        ),
        diverged=whole(lambda result: result.diverged),
        best_epoch=whole(lambda result: result.best_epoch),
        last_epoch=whole(lambda result: result.last_epoch),
        seconds=sum(result.seconds for _, result in ended),
    )
