"""Command lines that repeat a comparison, or the same one with something changed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from lossmith._checks import Finding
from lossmith.compare._spec import Comparison
from lossmith.compare.usual import chosen_by_user
from lossmith.report._plain import plain

__all__ = ["command", "suggestion", "to_try"]

# option and field of the settings
_FIELDS = {
    "--losses": "losses",
    "--models": "model",
    "--optimizers": "optimizer",
    "--learning-rates": "learning_rates",
    "--noise": "noise",
    "--seeds": "seeds",
    "--epochs": "epochs",
    "--batch-size": "batch_size",
    "--metric": "metric",
    "--protocol": "protocol",
    "--seed": "seed",
}


def command(comparison: Comparison) -> str:
    """Return the command line that repeats the comparison, with every setting written out."""
    return _joined(comparison, _options(comparison))


def suggestion(comparison: Comparison, other: Mapping[str, str]) -> str:
    """Return the shortest command line for the same comparison with other options.

    Parameters
    ----------
    comparison : Comparison
    other : mapping of str to str
        Options that take other values, or come on top.
    """
    chosen = chosen_by_user(comparison.settings, comparison.data)
    kept = {
        option: value
        for option, value in _options(comparison).items()
        if _FIELDS.get(option, option) in {*chosen, option}
    }
    return _joined(comparison, {**kept, **other})


def to_try(comparison: Comparison, finding: Finding) -> str:
    """Return the command of a finding; where it leaves the rest open (`lossmith compare ... --epochs 400`), the rest is filled in."""
    start = "lossmith compare ... "
    if not finding.command.startswith(start):
        return plain(finding.command)
    words = shlex.split(finding.command.removeprefix(start))
    return suggestion(comparison, dict(zip(words[::2], words[1::2], strict=True)))


def _options(comparison: Comparison) -> dict[str, str]:
    settings = comparison.settings
    options = {
        "--losses": ",".join(settings.losses),
        "--models": settings.model,
        "--optimizers": settings.optimizer,
        "--learning-rates": settings.extra.get("rates") or ",".join(f"{value:g}" for value in settings.learning_rates),
        "--seeds": "auto" if settings.auto else str(settings.seeds),
        "--epochs": str(settings.epochs),
        "--batch-size": str(settings.batch_size),
        "--metric": settings.metric,
        "--protocol": settings.protocol,
    }
    if settings.extra.get("margin_given"):
        options["--margin"] = f"{settings.margin:g}"
    if settings.extra.get("schedules"):
        options["--schedules"] = str(settings.extra["schedules"])
    if settings.extra.get("precision"):
        options["--precision"] = str(settings.extra["precision"])
    if settings.noise:
        options["--noise"] = f"{settings.noise:g}"
    options["--seed"] = str(settings.seed)
    return options


def _joined(comparison: Comparison, options: Mapping[str, str]) -> str:
    data = comparison.data
    words = ["lossmith", "compare", data.source]
    if data.source not in (data.name, "arrays") or "." in data.source:
        words += ["--target", data.target_name]
    read = comparison.settings.extra.get("read", {})
    words += [word for option, value in read.items() for word in (f"--{option}", str(value))]
    words += [word for pair in options.items() for word in pair]
    return shlex.join(map(plain, words))
