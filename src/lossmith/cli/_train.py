"""`lossmith train NAME ...`: what is trained by a command of its own, each in its own module."""

from __future__ import annotations

from importlib import import_module

import typer

__all__ = ["PROCEDURES", "add"]

# first word after `train` -> module and name of a Typer command function; an attribute `epilog` of it ends its help
PROCEDURES: dict[str, tuple[str, str]] = {
    "lstm-text": ("lossmith.cli._train_text", "lstm_text"),
    "vae": ("lossmith.cli._train_images", "train_vae"),
    "gan": ("lossmith.cli._train_images", "train_gan"),
    "dcgan": ("lossmith.cli._train_images", "train_dcgan"),
    "progressive": ("lossmith.cli._train_images", "train_progressive"),
    "cyclegan": ("lossmith.cli._train_translators", "train_cyclegan"),
    "stargan": ("lossmith.cli._train_translators", "train_stargan"),
}


def add(app: typer.Typer) -> None:
    """Add the commands to the program."""
    if not PROCEDURES:
        return
    train = typer.Typer(no_args_is_help=True, help="Train one model and save it: a language model, a generator.")
    app.add_typer(train, name="train")
    for name, (module, attribute) in PROCEDURES.items():
        function = getattr(import_module(module), attribute)
        train.command(name, epilog=getattr(function, "epilog", None))(function)
