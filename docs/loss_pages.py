"""The text of the pages of losses, from their catalogue."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from markdown_table import names, table

from lossmith._catalogue import Catalogue
from lossmith.cli._losses import PROPERTIES

WRONG = Path(__file__).resolve().parents[1] / "tests" / "losses" / "test_wrong_twins.py"
_SHORT = {
    "convex": "convex",
    "smooth": "smooth",
    "bounded": "bounded",
    "robust": "robust",
    "strictly_proper": "proper",
    "symmetric_noise": "noise-symmetric",
    "full_support": "soft targets",
    "batchwise": "batch",
}
_AXES = {"keras": "Keras", "torch": "PyTorch", "sklearn": "scikit-learn"}


def losses_page(losses: Catalogue[Any]) -> str:
    """Return the overview of all losses."""
    parts = [
        "# Losses",
        "Every loss takes the raw output of the model. Parameters are typed after the name: `huber:delta=2`. "
        "Those in bold are the standard ones, which `--losses all` compares; `--losses every` takes all that fit the task.",
        "`lossmith losses --flag robust,not-convex` filters this list, `lossmith losses NAME` shows a page of it with its picture. "
        "[Where the same loss elsewhere is wrong](../wrong-elsewhere.md), "
        "[calibration by loss](../calibration.md), [label noise](../ledger.md) and "
        "[how to add one](../extend-loss.md) have pages of their own.",
    ]
    for task in dict.fromkeys(loss.task for loss in losses.values()):
        rows = [
            (
                f"**[{loss.name}]({loss.name}.md)**" if loss.standard else f"[{loss.name}]({loss.name}.md)",
                loss.elicits,
                loss.head.name,
                ", ".join(words for field, words in _SHORT.items() if getattr(loss, field)),
                loss.when,
            )
            for loss in losses.values()
            if loss.task == task
        ]
        parts += [f"## {task.capitalize()}", table(("loss", "elicits", "head", "flags", "when"), rows)]
    return "\n\n".join(parts)


def _picture(loss: Any) -> tuple[str, str]:
    """Return what is held, and value and gradient over one raw output in dots."""
    from lossmith.report._plots import panel, side_by_side
    from lossmith.report.losses import profile

    shown = profile(loss)
    # far from any number that another machine may round otherwise
    panels = [
        panel(shown.raw, values.round(6), title=title, unicode=True)
        for title, values in (("value", shown.value), ("gradient", shown.gradient))
    ]
    return f"Over the raw output; {shown.setting}.", "\n".join(line.rstrip() for line in side_by_side(*panels))


def loss_page(loss: Any) -> str:
    """Return the page of one loss."""
    from lossmith.losses import behaviour, configure

    support = ", none of them 0" if loss.full_support else ""
    facts = [
        ("task", loss.task),
        ("elicits", loss.elicits),
        ("head", f"`{loss.head.name}`: {loss.head.explanation}"),
        ("targets", f"`{loss.encoding}`, in {loss.interval}{support}"),
        (
            "properties",
            ", ".join(words for name, words in PROPERTIES.items() if getattr(loss, name)) or "none of the named ones",
        ),
        ("elsewhere", ", ".join(f"{library} `{name}`" for library, name in loss.twins.items()) or "nowhere known"),
        ("also called", names(loss) or "nothing else"),
        ("reference", loss.reference),
    ]
    parts = [f"# {loss.name}", f"**Use it** when: {loss.when}", f"**Not** when: {loss.when_not}"]
    parts += [
        f"$$\n{loss.formula}\n$$",
        f"Gradient in the raw output z, with target y:\n\n$$\n{loss.gradient}\n$$",
        table(("", ""), facts),
    ]
    if loss.parameters:
        rows = [(f"`{item.name}`", f"{item.default:g}", item.interval, item.meaning) for item in loss.parameters]
        parts += ["## Parameters", table(("name", "default", "interval", "meaning"), rows)]
    picture = _picture(loss)
    parts += ["## Value and gradient", picture[0], f"```text\n{picture[1]}\n```"]
    found = behaviour(loss)
    parts.append("## Wrong labels and outliers")
    if found is None:
        parts.append("It compares samples or items with each other, so that one of them has no pull of its own.")
    else:
        parts += [f"*{label.capitalize()}:* {sentence}" for label, sentence in found.sentences()]
    parts.append("## Code to paste")
    for library, code in configure(loss).items():
        if code:
            parts.append(f"{_AXES[library]}:\n\n```python\n{code}\n```")
    return "\n\n".join([*parts, "[All losses](index.md)"])


def wrong_page() -> str:
    """Return where losses of other libraries are wrong: one line for each test that shows it."""
    rows = []
    for node in ast.parse(WRONG.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            who, elsewhere, here = re.fullmatch(
                r"(.+?)\n\nelsewhere: (.+?)\.\nhere: (.+)\.", ast.get_docstring(node) or "", re.DOTALL
            ).groups()  # type: ignore[union-attr]
            rows.append((who, " ".join(elsewhere.split()), " ".join(here.split()), f"`{node.name}`"))
    return "\n\n".join(
        [
            "# Where the same loss elsewhere is wrong",
            "Each line is shown by a test of `tests/losses/test_wrong_twins.py`, which computes both sides; a test that fails "
            "means that the other library was mended. Where libraries are right, lossmith equals them: to 1e-6 and better in "
            "double precision (`tests/losses/test_twins.py`).",
            table(("elsewhere", "what it does", "lossmith", "test"), rows),
        ]
    )
