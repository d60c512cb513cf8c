"""`lossmith train vae|gan|dcgan DATA`: generators of images and of rows, trained, judged and saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lossmith._errors import InvalidInputError
from lossmith.cli import _options as options

if TYPE_CHECKING:
    from lossmith.cli._train_rows import Rows

__all__ = ["train_dcgan", "train_gan", "train_progressive", "train_vae"]

_Source = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A known set of images, a folder of pictures, a built-in set, a file (with --target), or the mixtures ring and grid.",
    ),
]
_Target = Annotated[
    str | None, typer.Option("--target", metavar="COL", help="Column with the classes (files); the others are learned.")
]
_DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="DIR", envvar="LOSSMITH_DATA", help="Folder in which files of known sets are looked for."
    ),
]
_Model = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="File for the trained model.", rich_help_panel="Output"),
]
_Samples = Annotated[
    Path | None,
    typer.Option("--samples", metavar="DIR", help="Folder for pictures of samples.", rich_help_panel="Output"),
]
_Network = Annotated[str | None, typer.Option("--network", metavar="NAME", help="Such as dense:hidden=400.")]
_Latent = Annotated[int | None, typer.Option("--latent", metavar="N", min=1, help="Size of the code or noise.")]
_Size = Annotated[
    int | None,
    typer.Option("--size", metavar="N", min=8, help="Side to which pictures are scaled (default: their own)."),
]
_Batch = Annotated[int | None, typer.Option("--batch-size", metavar="N", min=1, help="Rows of a step.")]
_Rate = Annotated[float | None, typer.Option("--learning-rate", metavar="X", help="Learning rate.")]
_Steps = Annotated[int | None, typer.Option("--steps", metavar="N", min=1, help="Steps of the generator.")]
_Every = Annotated[int, typer.Option("--sample-every", metavar="K", min=0, help="Keep a picture every K steps.")]
_Strict = Annotated[bool, typer.Option("--strict", help="Exit code 1 if a finding is an error.")]
_Export = Annotated[
    Path | None,
    typer.Option(
        "--export", metavar="FILE", help="Also write the generator as a `.keras` file.", rich_help_panel="Output"
    ),
]


def train_vae(
    data: _Source,
    target: _Target = None,
    size: _Size = None,
    likelihood: Annotated[
        str | None,
        typer.Option(
            "--likelihood", metavar="NAME", help="gaussian, bernoulli, continuous_bernoulli or discretized_logistic."
        ),
    ] = None,
    network: _Network = None,
    latent: _Latent = None,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", min=1, help="Passes over the rows.")] = 10,
    batch_size: _Batch = None,
    learning_rate: _Rate = None,
    beta: Annotated[float, typer.Option("--beta", metavar="X", help="Weight of the divergence.")] = 1.0,
    schedule: Annotated[
        str, typer.Option("--schedule", metavar="NAME", help="Of beta: constant, linear, cosine or cyclical.")
    ] = "constant",
    free_bits: Annotated[float, typer.Option("--free-bits", metavar="X", help="Nats free for each dimension.")] = 0.0,
    binarize: Annotated[
        bool, typer.Option("--binarize", help="Draw zeros and ones anew at every step (dynamic binarization).")
    ] = False,
    importance: Annotated[
        int,
        typer.Option(
            "--importance", metavar="K", min=0, help="Samples of the importance-weighted bound; 200 are usual."
        ),
    ] = 0,
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
    """Train a variational autoencoder; say what held-out rows cost in nats, taken apart; save it."""
    from lossmith.cli import _train_rows as rows_of
    from lossmith.cli._results import progress_display
    from lossmith.generative import VariationalAutoencoder

    place = _place(out, "vae")
    rows = rows_of.read(data, target=target, data_dir=data_dir, seed=seed, size=size)
    given: dict[str, Any] = {
        "network": network,
        "latent": latent,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
    }
    model = VariationalAutoencoder(
        likelihood=likelihood or ("bernoulli" if rows.pixels else "gaussian"),
        epochs=epochs,
        beta=beta,
        schedule=schedule,
        free_bits=free_bits,
        binarize="dynamic" if binarize else "none",
        random_state=seed,
        **{name: value for name, value in given.items() if value is not None},
    )
    with progress_display(quiet=quiet) as progress:
        model.fit(rows.train, progress=lambda done, total: progress(done, total, "epochs", ""))
    result = model.evaluate(rows.held_out, importance_samples=importance, seed=seed)
    model.save(place)
    written = [("model", place)]
    if samples is not None:
        written += rows_of.pictures(samples, {"samples": model.sample(64, random_state=seed)}, rows.train)
        written += rows_of.latent_pictures(samples, model, rows)
    if export is not None:
        written.append(("keras", rows_of.export(model.to_keras()[1], export)))
    return _finish(result, rows, written, report=report, json=json, quiet=quiet, strict=strict)


train_vae.epilog = (  # type: ignore[attr-defined]
    "Examples: `lossmith train vae mnist --latent 20 --binarize --out vae.safetensors` · "
    "`lossmith train vae iris --epochs 200 --network dense:hidden=32 --latent 2`"
)


def train_gan(
    data: _Source,
    target: _Target = None,
    size: _Size = None,
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            metavar="NAME",
            help="relativistic, non_saturating, saturating, least_squares, hinge, wasserstein, or fgan:divergence=NAME "
            "(kl, reverse_kl, js, pearson, hellinger).",
        ),
    ] = None,
    network: _Network = None,
    latent: _Latent = None,
    steps: _Steps = None,
    batch_size: _Batch = None,
    learning_rate: _Rate = None,
    penalty: Annotated[
        str | None, typer.Option("--penalty", metavar="NAME", help="none, gradient, r1, r1r2 or clip.")
    ] = None,
    penalty_weight: Annotated[
        float | None, typer.Option("--penalty-weight", metavar="X", help="Weight of the penalty.")
    ] = None,
    noise: Annotated[
        float | None, typer.Option("--noise", metavar="X", help="Noise on what the discriminator sees, at the start.")
    ] = None,
    conditional: Annotated[bool, typer.Option("--conditional", help="Learn rows given their class.")] = False,
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
    """Train a generative adversarial network, diagnose it, and save it."""
    given = {
        "objective": objective, "network": network, "latent": latent, "steps": steps, "batch_size": batch_size,
        "learning_rate": learning_rate, "penalty": penalty, "penalty_weight": penalty_weight, "noise": noise,
    }  # fmt: skip
    return _adversarial(
        data, given, {}, name="gan", size=size, target=target, conditional=conditional, sample_every=sample_every, seed=seed,
        strict=strict, data_dir=data_dir, out=out, samples=samples, export=export, report=report, json=json, quiet=quiet,
    )  # fmt: skip


train_gan.epilog = (  # type: ignore[attr-defined]
    "Examples: `lossmith train gan ring --samples pictures` · "
    "`lossmith train gan mnist --network handbook --objective non_saturating --steps 1000 --sample-every 200 --samples pictures`"
)


def train_dcgan(
    data: _Source,
    size: Annotated[int, typer.Option("--size", metavar="N", min=8, help="Side to which pictures are scaled.")] = 64,
    base: Annotated[int, typer.Option("--base", metavar="N", min=1, help="Channels of the widest images.")] = 64,
    latent: _Latent = None,
    steps: _Steps = None,
    batch_size: _Batch = None,
    learning_rate: _Rate = None,
    conditional: Annotated[bool, typer.Option("--conditional", help="Learn images given their class.")] = False,
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
    """Train a deep convolutional generative adversarial network on images, diagnose it, and save it."""
    usual = {
        "objective": "non_saturating", "network": f"dcgan:base={base}", "latent": 100, "steps": 300, "batch_size": 64,
        "learning_rate": 2e-4, "optimizer": "adam:beta_1=0.5,beta_2=0.999", "average": 0.99, "schedule": "constant",
    }  # fmt: skip
    given = {"latent": latent, "steps": steps, "batch_size": batch_size, "learning_rate": learning_rate}
    return _adversarial(
        data, given, usual, name="dcgan", target=None, conditional=conditional, sample_every=sample_every, seed=seed,
        strict=strict, data_dir=data_dir, out=out, samples=samples, export=export, report=report, json=json, quiet=quiet,
        size=size,
    )  # fmt: skip


train_dcgan.epilog = (  # type: ignore[attr-defined]
    "Examples: `lossmith train dcgan sprites --steps 500 --sample-every 100 --samples pictures` · "
    "`lossmith train dcgan mnist --size 28 --base 32`"
)


def train_progressive(
    data: _Source,
    size: Annotated[int, typer.Option("--size", metavar="N", min=8, help="Side to which pictures are scaled.")] = 32,
    stages: Annotated[
        int, typer.Option("--stages", metavar="N", min=1, help="3 makes images of 32 x 32 by 8, 16 and 32.")
    ] = 3,
    base: Annotated[int, typer.Option("--base", metavar="N", min=1, help="Channels of the last stage.")] = 16,
    latent: _Latent = None,
    steps: Annotated[int, typer.Option("--steps", metavar="N", min=1, help="Steps of each stage.")] = 300,
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
    """Train adversarial networks that grow, from small images to large ones; diagnose them, and save them."""
    given = {
        "stages": stages, "base": base, "latent": latent, "steps": steps, "batch_size": batch_size,
        "learning_rate": learning_rate,
    }  # fmt: skip
    return _adversarial(
        data, given, {}, name="progressive", target=None, conditional=False, sample_every=sample_every, seed=seed,
        strict=strict, data_dir=data_dir, out=out, samples=samples, export=export, report=report, json=json, quiet=quiet,
        size=size,
    )  # fmt: skip


train_progressive.epilog = (  # type: ignore[attr-defined]
    "Examples: `lossmith train progressive sprites --size 32 --steps 300 --samples pictures` · "
    "`lossmith train progressive mnist --size 28`"
)


def _adversarial(
    data: str, given: dict[str, Any], usual: dict[str, Any], *, name: str, target: str | None, conditional: bool,
    sample_every: int, seed: int, strict: bool, data_dir: Path | None, out: Path | None, samples: Path | None,
    export: Path | None, report: Path | None, json: bool, quiet: bool, size: int | None = None,
) -> int:  # fmt: skip
    from lossmith.cli import _train_rows as rows_of
    from lossmith.cli._results import progress_display
    from lossmith.generative import GenerativeAdversarialNetwork, ProgressiveGAN, diagnose
    from lossmith.generative._mixtures import mixture_settings

    _check_pictures(sample_every, samples)
    place = _place(out, name)
    rows = rows_of.read(data, target=target, data_dir=data_dir, seed=seed, size=size)
    if conditional and rows.labels is None:
        raise InvalidInputError(f"--conditional for {data!r}", expected="data with classes", advice="leave it away")
    asked = {key: value for key, value in given.items() if value is not None}
    # narrow modes whose law is known have settings of their own
    settings = mixture_settings(**asked) if rows.mixture is not None and not usual else {**usual, **asked}
    gan: Any = (
        ProgressiveGAN(random_state=seed, **asked)
        if name == "progressive"
        else GenerativeAdversarialNetwork(conditional=conditional, random_state=seed, **settings)
    )
    with progress_display(quiet=quiet) as progress:
        gan.fit(
            rows.train, rows.labels if conditional else None, sample_every=sample_every,
            progress=lambda done, total: progress(done, total, "steps", ""),
        )  # fmt: skip
    result = diagnose(
        gan, rows.train, held_out=rows.held_out, mixture=rows.mixture, features=rows_of.features(rows, seed), seed=seed
    )
    gan.save(place)
    written = [("model", place)]
    if samples is not None:
        known = {f"step-{step:06d}": made for step, made in gan.samples_.items()}
        known["samples"] = gan.sample(2000 if rows.train.ndim == 2 else 64, random_state=seed)
        if rows.train.ndim == 4:
            known["interpolation"] = gan.interpolate(n=8, random_state=seed)
        written += rows_of.pictures(samples, known, rows.train)
        written.append(("losses", rows_of.loss_plot(samples, result)))
    if export is not None:
        written.append(("keras", rows_of.export(gan.to_keras()[0], export)))
    return _finish(result, rows, written, report=report, json=json, quiet=quiet, strict=strict)


def _check_pictures(sample_every: int, samples: Path | None) -> None:
    if sample_every and samples is None:
        raise InvalidInputError(
            "--sample-every without --samples", expected="a folder for the pictures", advice="add --samples DIR"
        )


def _place(out: Path | None, name: str) -> Path:
    """Return where the model goes, checked before anything is trained."""
    from lossmith.report._files import check

    return check(out or Path(f"{name}.safetensors"))


def _finish(
    result: Any,
    rows: Rows,
    written: list[tuple[str, Path]],
    *,
    report: Path | None,
    json: bool,
    quiet: bool,
    strict: bool,
) -> int:
    from lossmith.cli._show import fields

    if report is not None:
        result.report(report)
        written.append(("report", report))
    if json:
        print(result.to_json())
    else:
        print(str(result))
        if not quiet:
            print()
            fields([("data", rows.words), *((name, str(place)) for name, place in written)])
    return 1 if strict and any(finding.severity == "error" for finding in result.findings) else 0
