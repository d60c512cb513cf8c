"""What `lossmith generate` does with a saved autoencoder or adversarial network: a picture, a table, or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lossmith._errors import InvalidInputError

if TYPE_CHECKING:
    from lossmith.cli._generate import GenerateOptions

__all__ = ["check_ending", "generate_rows", "translate_instead", "write_rows"]

OF_TEXT = ("seed_text", "length", "top_k", "top_p", "stop", "greedy")
USUAL = 64


def generate_rows(path: Path, asked: GenerateOptions) -> None:
    """Draw rows and write them: `.png` for images and points, `.csv` for any, `.npy` for numbers as they are."""
    from lossmith.generative import VariationalAutoencoder, load
    from lossmith.report._files import check

    asked.refuse(*OF_TEXT, "report", kind="generator")
    if asked.out is not None:
        check(asked.out)
        check_ending(asked.out)
    model = load(path)
    n = asked.n or USUAL
    if isinstance(model, VariationalAutoencoder):
        temperature = 1.0 if asked.temperature is None else asked.temperature
        rows = model.sample(n, random_state=asked.seed, temperature=temperature)
    elif hasattr(model, "sample"):
        asked.refuse("temperature", kind="gan")
        rows = model.sample(n, random_state=asked.seed)
    else:
        raise InvalidInputError(
            f"{str(path)!r} holds a plain autoencoder", expected="a model that samples", advice="train a vae or a gan"
        )
    if asked.json:
        from lossmith.cli._show import print_json

        print_json(
            {
                "n": n,
                "shape": list(rows.shape[1:]),
                "rows": rows.tolist() if asked.out is None else None,
                "out": str(asked.out) if asked.out else None,
            }
        )
    if asked.out is None:
        if not asked.json:
            from lossmith.cli._train_rows import as_table

            print(as_table(rows), end="")
        return
    write_rows(rows, asked.out)
    if not asked.quiet and not asked.json:
        print(f"{asked.out}: {n} rows of shape {', '.join(map(str, rows.shape[1:]))}")


def check_ending(out: Path) -> None:
    """Raise if no file of such a name can be written."""
    if out.suffix not in (".png", ".csv", ".npy"):
        raise InvalidInputError(
            f"--out {str(out)!r}", expected="a name that ends in .png, .csv or .npy", advice="change the ending"
        )


def translate_instead(path: Path, asked: GenerateOptions) -> None:  # noqa: ARG001
    """Raise: the file holds a model that turns rows into others."""
    raise InvalidInputError(
        f"{str(path)!r} holds a model that turns rows into others",
        expected="a model that draws rows of its own",
        advice="use lossmith translate MODEL DATA",
    )


def write_rows(rows: object, out: Path) -> None:
    """Write rows to a file: `.png` for images and points, `.csv` for any, `.npy` for numbers as they are."""
    import io

    import numpy as np

    from lossmith.cli._train_rows import write_table
    from lossmith.report._files import write
    from lossmith.report.sample_grids import write_grid

    array = np.asarray(rows)
    if out.suffix == ".png":
        write_grid(array, out)
    elif out.suffix == ".csv":
        write_table(array, out)
    else:
        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        write(out, stream.getvalue())
