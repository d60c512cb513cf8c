"""Training many runs as one program.

`GradientProcedure` describes one run; `Trainer` stacks and compiles it; `train_groups` spreads groups over the cores;
`to_keras` makes an ordinary Keras model of a trained run.
"""

from __future__ import annotations

from lossmith.training._backend import compilation_cache, load_keras, worker_count
from lossmith.training._run import Cancelled
from lossmith.training._spec import Batch, GroupData, GroupResult, Hyper, Part, Procedure, Schedule
from lossmith.training.checkpoints import Checkpoints, FolderCheckpoints
from lossmith.training.execution import choose_execution, group_bytes
from lossmith.training.export import to_keras
from lossmith.training.fitting import Fitting
from lossmith.training.gradient import GradientProcedure, GradientState
from lossmith.training.groups import train_groups
from lossmith.training.landscape import Landscape, gradient_norms, loss_line, loss_surface
from lossmith.training.loop import Trainer
from lossmith.training.paths import optimizer_path

__all__ = [
    "Batch",
    "Cancelled",
    "Checkpoints",
    "Fitting",
    "FolderCheckpoints",
    "GradientProcedure",
    "GradientState",
    "GroupData",
    "GroupResult",
    "Hyper",
    "Landscape",
    "Part",
    "Procedure",
    "Schedule",
    "Trainer",
    "choose_execution",
    "compilation_cache",
    "gradient_norms",
    "group_bytes",
    "load_keras",
    "loss_line",
    "loss_surface",
    "optimizer_path",
    "to_keras",
    "train_groups",
    "worker_count",
]
