"""Training many runs as one program.

`GradientProcedure` describes one run; `Trainer` stacks and compiles it; `train_groups` spreads groups over the cores.
"""

from __future__ import annotations

from lossmith.training._backend import compilation_cache, load_keras, worker_count
from lossmith.training._spec import Batch, GroupData, GroupResult, Hyper, Part, Procedure, Schedule
from lossmith.training.gradient import GradientProcedure, GradientState
from lossmith.training.loop import Cancelled, Trainer, train_groups

__all__ = [
    "Batch",
    "Cancelled",
    "GradientProcedure",
    "GradientState",
    "GroupData",
    "GroupResult",
    "Hyper",
    "Part",
    "Procedure",
    "Schedule",
    "Trainer",
    "compilation_cache",
    "load_keras",
    "train_groups",
    "worker_count",
]
