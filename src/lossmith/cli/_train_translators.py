"""`lossmith train cyclegan A B` and `lossmith train stargan DATA`: models that turn rows of one kind into another, trained, judged and saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossmith._errors import InvalidInputError
from lossmith.cli import _options as options
from lossmith.cli._train_images import (
    _Batch,
    _check_pictures,
    _DataDir,
    _Every,
    _Export,
    _finish,
    _Model,
    _Network,
    _place,
    _Rate,
    _Samples,
    _Strict,
    _Target,
)

if TYPE_CHECKING:
    import numpy as np

    from lossmith.cli._train_rows import Rows

__all__ = ["train_cyclegan", "train_stargan"]

_HEAP = "A known set of images, a folder of pictures, a built-in set, or a file (with --target)."
_Size = Annotated[int | None, typer.Option("--size", metavar="N", min=8, help="Side to which pictures are scaled.")]
_Objective = Annotated[
    str, typer.Option("--objective", metavar="NAME", help="least_squares, non_saturating, saturating or hinge.")
]
_Steps = Annotated[int, typer.Option("--steps", metavar="N", min=1, help="Steps of the generators.")]


def train_cyclegan(
    one: Annotated[str, typer.Argument(metavar="A", help=_HEAP)],
    other: Annotated[str, typer.Argument(metavar="B", help="Rows of the other kind, of the same shape.")],
    target: _Target = None,
    size: _Size = None,
    network: _Network = None,
    cycle: Annotated[float, typer.Option("--cycle", metavar="X", help="Weight of rows that come back.")] = 10.0,
    identity: Annotated[
        float, typer.Option("--identity", metavar="X", help="Weight of rows that should stay as they are.")
    ] = 5.0,
    objective: _Objective = "least_squares",
    steps: _Steps = 1000,
    batch_size: _Batch = None,
    learning_rate: _Rate = None,
    sample_every: _Every = 0,
    seed: options.Seed = 0,
    strict: _Strict = False,
    data_dir: _DataDir = None,
    out: _Model = None,
    samples: _Samples = None,
    export: _Export = None,
    report: options.Report = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Learn to turn rows of A into rows of B and back, without pairs; say whether cycles close; save it."""
    from lossmith.cli import _train_rows as rows_of
    from lossmith.generative import CycleGAN

    _check_pictures(sample_every, samples)
    place = _place(out, "cyclegan")
    kinds = [
        rows_of.read(source, target=target, data_dir=data_dir, seed=seed, size=size, classes=False)
        for source in (one, other)
    ]
    given: dict[str, Any] = {
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "network": network or _usual(kinds[0]),
    }
    model = CycleGAN(
        objective=objective, cycle=cycle, identity=identity, steps=steps, random_state=seed,
        **{name: value for name, value in given.items() if value is not None},
    )  # fmt: skip
    _fit(model, kinds[0].train, kinds[1].train, sample_every=sample_every, quiet=quiet)
    result = model.evaluate(kinds[0].held_out, kinds[1].held_out, seed=seed)
    model.save(place)
    written = [("model", place)]
    if samples is not None:
        known: dict[str, np.ndarray] = {}
        for name, rows, turned, back in (
            ("there", kinds[0].held_out[:8], model.transform, model.inverse_transform),
            ("back", kinds[1].held_out[:8], model.inverse_transform, model.transform),
        ):
            known |= {
                f"{name}-rows": _numbers(rows),
                f"{name}-made": turned(rows),
                f"{name}-returned": back(turned(rows)),
            }
        written += _pictures(samples, model, known, result, kinds[0])
    if export is not None:
        written.append(("keras", rows_of.export(model.to_keras()[0], export)))
    return _finish(result, kinds[0], written, report=report, json=json, quiet=quiet, strict=strict)


def _usual(rows: Rows) -> str:
    return "conv:base=16,blocks=2" if rows.train.ndim == 4 else "dense:hidden=64x64"


def _numbers(rows: np.ndarray) -> np.ndarray:
    return rows / 255 if rows.dtype.kind == "u" else rows


def _fit(model: Any, one: Any, other: Any, *, sample_every: int, quiet: bool) -> None:
    from lossmith.cli._results import progress_display

    with progress_display(quiet=quiet) as progress:
        model.fit(
            one, other, sample_every=sample_every, progress=lambda done, total: progress(done, total, "steps", "")
        )


def _pictures(
    folder: Path, model: Any, known: dict[str, np.ndarray], result: Any, rows: Rows
) -> list[tuple[str, Path]]:
    from lossmith.cli import _train_rows as rows_of

    known |= {f"step-{step:06d}": made for step, made in model.samples_.items()}
    written = rows_of.pictures(folder, known, rows.train)
    return [*written, ("losses", rows_of.loss_plot(folder, result))]


train_cyclegan.epilog = (  # type: ignore[attr-defined]
    "Examples: `lossmith train cyclegan summer winter --size 32 --samples pictures` · "
    "`lossmith translate cyclegan.safetensors summer --size 32 --out winter.png`"
)


def train_stargan(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="Rows with classes: a set of images, a folder of folders, or a file (with --target)."
        ),
    ],
    target: _Target = None,
    size: _Size = None,
    network: _Network = None,
    cycle: Annotated[float, typer.Option("--cycle", metavar="X", help="Weight of rows that come back.")] = 10.0,
    naming: Annotated[float, typer.Option("--naming", metavar="X", help="Weight of the classes.")] = 1.0,
    objective: _Objective = "least_squares",
    steps: _Steps = 1000,
    batch_size: _Batch = None,
    learning_rate: _Rate = None,
    sample_every: _Every = 0,
    seed: options.Seed = 0,
    strict: _Strict = False,
    data_dir: _DataDir = None,
    out: _Model = None,
    samples: _Samples = None,
    export: _Export = None,
    report: options.Report = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Learn to turn rows of any class into rows of any other by one generator; say whether cycles close; save it."""
    from lossmith.cli import _train_rows as rows_of
    from lossmith.generative import StarGAN

    _check_pictures(sample_every, samples)
    place = _place(out, "stargan")
    rows = rows_of.read(data, target=target, data_dir=data_dir, seed=seed, size=size)
    if rows.labels is None or rows.held_out_labels is None:
        raise InvalidInputError(
            f"{data!r} has no classes", expected="data with classes", advice="use train cyclegan A B"
        )
    given: dict[str, Any] = {
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "network": network or _usual(rows),
    }
    model = StarGAN(
        objective=objective, cycle=cycle, naming=naming, steps=steps, random_state=seed,
        **{name: value for name, value in given.items() if value is not None},
    )  # fmt: skip
    _fit(model, rows.train, rows.labels, sample_every=sample_every, quiet=quiet)
    result = model.evaluate(rows.held_out, rows.held_out_labels, seed=seed)
    model.save(place)
    written = [("model", place)]
    if samples is not None:
        some = rows.held_out[:8]
        known = {"rows": _numbers(some)} | {f"to-{label}": model.translate(some, label) for label in model.classes_}
        written += _pictures(samples, model, known, result, rows)
    if export is not None:
        written.append(("keras", rows_of.export(model.to_keras(), export)))
    return _finish(result, rows, written, report=report, json=json, quiet=quiet, strict=strict)


train_stargan.epilog = (  # type: ignore[attr-defined]
    "Examples: `lossmith train stargan seasons --size 32 --samples pictures` · "
    "`lossmith translate stargan.safetensors seasons --to winter --size 32 --out winter.png`"
)
