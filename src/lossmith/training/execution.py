"""Which way runs are trained, and whether a group fits into memory."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lossmith._errors import InvalidInputError
from lossmith.training._layers import convolves
from lossmith.training._run import EVALUATION_ROOM
from lossmith.training._spec import GroupData, Part, Procedure, Schedule

__all__ = [
    "STREAM_ROOM",
    "Execution",
    "OutOfMemoryError",
    "byte_count",
    "check_memory",
    "choose_execution",
    "free_bytes",
    "group_bytes",
    "measured_bytes",
    "row_bytes",
]

Execution = Literal["stacked", "sequential", "streamed"]

# bytes of the blocks in which rows are streamed to the device
STREAM_ROOM = 1 << 26

_SIZE = re.compile(r"(?P<value>\d+(\.\d*)?)\s*((?P<prefix>[kmgt])?(?P<binary>i)?b)?", re.IGNORECASE)
# gradients, updates and the values of layers kept for the backward pass, in multiples of what is estimated
SPARE = 3


class OutOfMemoryError(InvalidInputError):
    """A group needs more memory than is free; nothing was trained."""


def choose_execution(model: Any) -> Execution:
    """Return how runs of a Keras model are trained: stacked, or one after the other where that is faster.

    Convolutions on a CPU are trained sequentially (their gradient within a compiled loop or stacked over runs is 10 to
    50 times slower there); everything else, and everything on an accelerator, is stacked.

    Parameters
    ----------
    model : keras.Model

    Examples
    --------
    >>> from lossmith import models
    >>> choose_execution(models.get("mlp").network((2,), 1))
    'stacked'
    """
    import jax

    return "sequential" if jax.default_backend() == "cpu" and convolves(model) else "stacked"


def group_bytes(
    procedure: Procedure,
    schedule: Schedule,
    data: GroupData,
    n_configurations: int,
    *,
    execution: Execution = "stacked",
) -> int:
    """Return about how many bytes training a group takes: data, states and activations.

    Use it to choose how many runs are stacked.

    Parameters
    ----------
    procedure : Procedure
    schedule : Schedule
    data : GroupData
    n_configurations : int
    execution : {"stacked", "sequential", "streamed"}

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith import losses, models
    >>> from lossmith.training import GradientProcedure, Part
    >>> from lossmith.training.optimizers import make_optimizer
    >>> network = models.get("mlp:hidden=1000").network((10,), 1)
    >>> procedure = GradientProcedure(network, make_optimizer("adam"), [losses.get("mse")], [0])
    >>> rows = Part(np.zeros((1, 100, 10), np.float32), (np.zeros((1, 100), np.float32),))
    >>> group_bytes(procedure, Schedule(epochs=1, batch_size=10), GroupData((0,), rows, {}), 1) < 2**20
    True
    """
    import jax

    runs = 1 if execution == "sequential" else len(data.seeds) * n_configurations
    parts = [data.train, *data.evaluate.values()]
    rows = sum(array.nbytes for part in parts for array in (part.inputs, *part.targets))
    if execution == "streamed":  # one block at work and the next one on its way
        size = len(data.seeds) * min(schedule.batch_size, data.train.n_rows) * row_bytes(data.train)
        rows = 2 * min(rows, max(STREAM_ROOM, size))
    state = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(procedure.init(data.seeds[0])))
    batch = min(schedule.batch_size, data.train.n_rows)
    activations = 4 * batch * (procedure.width + math.prod(data.train.inputs.shape[2:]))
    raw = sum(4 * part.n_rows * procedure.units for part in data.evaluate.values())
    evaluated = max((part.n_rows for part in data.evaluate.values()), default=0)
    blocks = 4 * min(evaluated * procedure.width * runs, EVALUATION_ROOM)
    return rows + blocks + runs * (state * (2 if schedule.keeps_best else 1) + raw + SPARE * (state + activations))


def row_bytes(part: Part) -> int:
    """Return the bytes of one row of a part, inputs and targets.

    Examples
    --------
    >>> import numpy as np
    >>> from lossmith.training import Part
    >>> row_bytes(Part(np.zeros((1, 5, 3), np.float32), (np.zeros((1, 5), np.float32),)))
    16
    """
    lead = part.inputs.shape[0] * part.inputs.shape[1]
    return sum(array.nbytes for array in (part.inputs, *part.targets)) // lead


def check_memory(needed: int, n_runs: int, *, free: int | None = None) -> None:
    """Raise if a group needs more memory than is free.

    Parameters
    ----------
    needed : int
        Bytes, as `group_bytes` estimates them.
    n_runs : int
        Runs of the group.
    free : int, optional
        Bytes that may be used; by default what the operating system or the accelerator says. Where neither does,
        nothing is checked.

    Raises
    ------
    OutOfMemoryError
        Says how many runs would fit.

    Examples
    --------
    >>> check_memory(10**6, 45, free=10**9)
    """
    available = free_bytes() if free is None else free
    if available is not None and needed > available:
        fitting = available * n_runs // needed
        raise OutOfMemoryError(
            f"a group of {n_runs} runs needs about {needed / 2**30:.1f} GiB",
            expected=f"at most the {available / 2**30:.1f} GiB that are free",
            advice=f"train {fitting} runs in a group" if fitting else "use a smaller model, batch or data set",
        )


def byte_count(size: str | int) -> int:
    """Return a size of memory in bytes: a number of them, or text with a unit.

    Parameters
    ----------
    size : str or int
        `2GB` is 2 * 10**9, `2GiB` 2 * 2**30.

    Raises
    ------
    InvalidInputError

    Examples
    --------
    >>> byte_count("1.5 GiB"), byte_count("512mb"), byte_count(1000)
    (1610612736, 512000000, 1000)
    """
    found = _SIZE.fullmatch(str(size).strip())
    if isinstance(size, bool) or found is None or not float(found["value"]):
        raise InvalidInputError(f"memory {size!r}", expected="a size such as 2GB, 512MiB or a number of bytes")
    prefix = "kmgt".find(found["prefix"].lower()) + 1 if found["prefix"] else 0
    return int(float(found["value"]) * (1024 if found["binary"] else 1000) ** prefix)


def measured_bytes(*compiled: Any) -> int | None:
    """Return the bytes that the largest of some compiled programs takes, as its compiler says; None where it does not.

    What a program takes is its arguments, its results where they do not take the place of arguments, and what lies between.
    """
    found = []
    for program in compiled:
        try:
            said = program.memory_analysis()
            size = said.argument_size_in_bytes + said.output_size_in_bytes - said.alias_size_in_bytes
            found.append(int(size + said.temp_size_in_bytes))
        except (AttributeError, NotImplementedError, RuntimeError, TypeError):
            return None
    return max(found, default=0) or None


def free_bytes() -> int | None:
    """Return the bytes that may be used: what the operating system or the accelerator says, or None."""
    import jax

    device = jax.local_devices()[0]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        return int(stats["bytes_limit"]) - int(stats["bytes_in_use"]) if "bytes_limit" in stats else None
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return None
