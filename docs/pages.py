"""The text of every generated page, from the catalogues."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from typing import Any

from choosing_page import choosing_page
from comparison_page import comparison_page, speed_page
from gallery_page import gallery_page
from loss_pages import loss_page, losses_page, wrong_page
from markdown_table import names, table
from reference_page import bibliography, references_page

import lossmith
from lossmith._catalogue import Catalogue
from lossmith._checks import Check


def catalogues() -> dict[str, Catalogue[Any]]:
    """Return every catalogue of the package, by the kind of its records; of several of one kind, the largest."""
    found: dict[str, Catalogue[Any]] = {}
    for module in pkgutil.walk_packages(lossmith.__path__, "lossmith."):
        if module.name == "lossmith.__main__":
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Catalogue):
                known = found.get(value.kind)
                found[value.kind] = value if known is None or len(value) > len(known) else known
    return found


def all_pages() -> dict[str, str]:
    """Return the generated pages, by their path under `docs`."""
    found = catalogues()
    pages = {
        "defaults.md": defaults_page(),
        "command-line.md": command_line_page(),
        "data.md": data_page(found["built-in data set"]),
        "models.md": models_page(found["model"]),
        "optimizers.md": optimizers_page(found["optimizer"], found["schedule"]),
        "classical-models.md": classical_page(found["classical model"]),
        "metrics.md": metrics_page(found["metric"]),
        "divergences.md": divergences_page(found["divergence"]),
        "losses/index.md": losses_page(found["loss"]),
        "choosing.md": choosing_page(found["loss"]),
        "comparison.md": comparison_page(),
        "references.bib": bibliography(found),
        "references.md": references_page(found),
        "speed.md": speed_page(),
        "gallery.md": gallery_page(studies=found["study"]),
        "objectives.md": objectives_page(found["objective"], found["likelihood"]),
        "wrong-elsewhere.md": wrong_page(),
    }
    pages |= {f"losses/{loss.name}.md": loss_page(loss) for loss in found["loss"].values()}
    checks = [catalogue for catalogue in found.values() if all(isinstance(item, Check) for item in catalogue.values())]
    pages["checks.md"] = checks_page([check for catalogue in checks for check in catalogue.values()])
    return pages


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"`{name}={value:g}`" if isinstance(value, float) else f"`{name}={value}`" for name, value in values.items()
    )


def defaults_page() -> str:
    """Return the one table of everything that is chosen when the user says nothing."""
    from lossmith.compare.defaults import DEFAULT_LOSSES, DEFAULTS, RATE_FACTORS
    from lossmith.compare.metrics import IMBALANCED, METRICS

    rates = ", ".join(f"{DEFAULTS.learning_rate * factor:.3g}" for factor in RATE_FACTORS)
    batches = ", ".join(f"{size} from {rows:,} training rows" if rows else str(size) for rows, size in DEFAULTS.batches)
    looks = ", ".join(map(str, DEFAULTS.looks))
    rows = [
        ("losses", "the usual ones of the task, below; `all` takes the standard ones, `every` the whole catalogue", "`--losses`"),
        ("model", f"`{DEFAULTS.model}`", "`--models`"),
        ("optimiser", f"`{DEFAULTS.optimizer}`", "`--optimizers`"),
        ("learning rate", f"tuned for each loss on validation data among {rates}; SGD's rates grow with the batch, by a factor of its size over {DEFAULTS.batches[0][1]}", "`--learning-rates`"),
        ("seeds", f"{DEFAULTS.seeds}; with `auto`, looks at {looks}", "`--seeds`"),
        ("batch size", batches, "`--batch-size`"),
        ("epochs", f"as many as make {DEFAULTS.steps:,} steps, between {DEFAULTS.min_epochs} and {DEFAULTS.max_epochs}", "`--epochs`"),
        ("weights that are judged", "those of the epoch that was best on validation data", "`--protocol`"),
        ("early stopping", f"from {DEFAULTS.patience_from_rows:,} training rows, after {DEFAULTS.patience} epochs without gain", "`--protocol`"),
        ("confidence", f"{DEFAULTS.level:.0%}, simultaneous over the losses (Holm)", ""),
        ("label noise", "none", "`--noise`"),
        ("split", "train 60 %, validation 20 %, test 20 %; drawn anew for every seed, stratified; by group or in order of time where asked", "`--group`, `--order`"),
        ("metric", f"accuracy; ROC-AUC where one class has {IMBALANCED:.0%} of the rows or more; RMSE for numbers", "`--metric`"),
        ("store", "`lossmith.db` in the working folder", "`--store`"),
        ("report", "named for the data, in the working folder", "`--report`, `--out`"),
        ("seed from which all others are drawn", "0", "`--seed`"),
    ]  # fmt: skip
    margins = [
        (
            f"`{metric.name}`",
            f"{metric.margin:.0%} of the best" if metric.relative else f"{metric.margin:g}",
            metric.unit,
        )
        for metric in METRICS.values()
    ]
    usual = [
        (task, ", ".join(f"[{name}](losses/{name}.md)" for name in names)) for task, names in DEFAULT_LOSSES.items()
    ]
    return "\n\n".join(
        [
            "# Defaults",
            "What `lossmith compare` chooses when nothing is said. Every choice is printed, stored and shown in the report.",
            table(("what", "default", "option"), rows),
            "## Losses",
            table(("task", "compared when nothing is said"), usual),
            "## Margins",
            "Two losses are *equivalent* when the whole interval of their difference lies inside the margin (`--margin`, in units of the metric).",
            table(("metric", "margin", "unit of the metric"), margins),
        ]
    )


def command_line_page() -> str:
    """Return the reference of every command, from the program itself."""
    import typer
    from typer.cli import get_docs_for_click
    from typer.main import get_command

    from lossmith.cli._app import application

    command = get_command(application())
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="lossmith", title="Command line")
    return re.sub(r"\n{3,}", "\n\n", text)


def data_page(data: Catalogue[Any]) -> str:
    """Return the list of built-in data sets."""
    rows = [
        (f"`{item.name}`", item.task, item.description, _values(item.parameters), item.reference, item.licence)
        for item in data.values()
    ]
    return "\n\n".join(
        [
            "# Built-in data",
            "Parameters are typed after the name: `lossmith compare circles:noise=0.2`.",
            table(("name", "task", "what", "parameters", "source", "licence"), rows),
        ]
    )


def models_page(models: Catalogue[Any]) -> str:
    """Return the list of model families with their fields."""
    parts = ["# Models", "Fields are typed after the name: `--models mlp:hidden=64x64,dropout=0.2`."]
    for model in models.values():
        rows = [(f"`{item.name}`", f"`{item.default}`", item.meaning) for item in model.fields]
        parts += [
            f"## {model.name}",
            f"{model.description} ({model.reference})",
            table(("field", "default", "meaning"), rows),
        ]
    return "\n\n".join(parts)


def optimizers_page(optimizers: Catalogue[Any], schedules: Catalogue[Any]) -> str:
    """Return the lists of optimisers and schedules, and how they are compared."""
    rows = []
    for item in optimizers.values():
        batch = "all rows" if item.full_batch else "batches"
        rate = (
            "found by a search" if item.searches else f"{item.rate:g}{', grows with the batch' if item.grows else ''}"
        )
        rows.append((f"`{item.name}`", names(item), item.description, batch, rate, item.reference))
    shapes = [
        (f"`{item.name}`", names(item), item.description, _values(item.defaults), item.reference)
        for item in schedules.values()
    ]
    return "\n\n".join(
        [
            "# Optimisers and schedules",
            "Several of either are factors beside the loss: `lossmith compare circles --losses binary_crossentropy,hinge --optimizers "
            "sgd,momentum,adam,lbfgs --schedules constant,cosine`. Every combination is trained from the same weights on the same batches, each "
            "optimiser around its own rate; the leaderboard holds all of them, and below it stand verdicts on each factor and on each pair: "
            "whether the difference between two losses depends on the optimiser. What counts as equal work is an epoch: a pass over the training "
            "rows. An optimiser of all rows takes one step in it, and L-BFGS looks at the rows several times in one step.",
            "Parameters are typed after the name, as in Keras: `adam:beta_1=0.8`; `batch_size=N` or `batch_size=full` is an optimiser's own batch, "
            "so that `sgd:batch_size=1` takes one row at a time. Every other optimiser of Keras works by its name.",
            "## Optimisers",
            table(("name", "also", "what it does", "a step sees", "rates are tried around", "reference"), rows),
            "`swa` takes `start`, the share of the training after which it averages (0.75); `lbfgs` takes `memory` (10) and `search` (20).",
            "## Schedules",
            "A schedule multiplies the learning rate by a factor of at most 1.",
            table(("name", "also", "what the rate does", "parameters", "reference"), shapes),
        ]
    )


def classical_page(models: Catalogue[Any]) -> str:
    """Return the list of classical models with the losses each trains with."""
    rows = []
    for model in models.values():
        for kind, face in model.faces.items():
            losses = ", ".join(name if " " in name else f"`{name}`" for name in face.losses)
            losses += ", and every other loss of the catalogue for its task" if face.any_loss else ""
            home = face.home.replace(":", ".")
            rows.append((f"`{model.name}`", kind, f"`{home}`", losses, model.description, model.reference))
    return "\n\n".join(
        [
            "# Classical models",
            "By name in `lossmith compare --models` and `lossmith.estimators.classical`; arguments of the class are typed after the name: "
            "`random_forest:n_estimators=300,max_depth=8`. None of them is written again. The first loss is the default. "
            "[How models are compared](estimators.md).",
            table(("name", "task", "class", "losses", "what", "source"), rows),
        ]
    )


def metrics_page(metrics: Catalogue[Any]) -> str:
    """Return the list of metrics."""
    parts = ["# Metrics", "What a comparison may be judged by. Losses are never ranked by their own value."]
    for metric in metrics.values():
        margin = f"{metric.margin:.0%} of the reference" if metric.relative else f"{metric.margin:g}"
        facts = [
            ("tasks", ", ".join(metric.tasks)),
            ("better", metric.direction),
            ("needs", metric.needs),
            ("margin", margin),
            ("parameters", _values(metric.parameters) or "none"),
            ("also called", names(metric) or "nothing else"),
            ("reference", metric.reference),
        ]
        parts += [f"## {metric.name}", metric.when, f"$$\n{metric.formula}\n$$", table(("", ""), facts)]
    return "\n\n".join(parts)


def divergences_page(divergences: Catalogue[Any]) -> str:
    """Return the list of divergences."""
    parts = ["# Divergences", "Of a first distribution p and a second one q, exact at zero, on arrays of any library."]
    for item in divergences.values():
        known = [
            "symmetric" if item.symmetric else "not symmetric",
            "bounded" if item.upper_bound is not None else "unbounded",
            {"no": "no metric", "itself": "a metric", "square root": "its square root is a metric"}[item.metric],
        ]
        facts = [
            ("axioms", ", ".join(known)),
            ("infinite for", item.infinite_for),
            ("parameters", ", ".join(f"`{entry.name}={entry.default:g}` in {entry.interval}: {entry.meaning}" for entry in item.parameters) or "none"),
            ("also called", names(item) or "nothing else"),
            ("reference", item.reference),
        ]  # fmt: skip
        parts += [f"## {item.name}", item.when, f"$$\n{item.formula}\n$$", table(("", ""), facts)]
    return "\n\n".join(parts)


def objectives_page(objectives: Mapping[str, Any], likelihoods: Mapping[str, Any]) -> str:
    """Return the page of adversarial objectives and of likelihoods of decoders."""
    parts = ["# Objectives and likelihoods of generative models", "## Objectives of adversarial networks"]
    parts.append(
        "Raw outputs r of real and f of generated rows; both losses are minimised. [How to use them](generative.md)."
    )
    for item in objectives.values():
        usual = "none" if item.penalty == "none" else f"{item.penalty}, weight {item.weight:g}"
        facts = [("measures", item.measures), ("penalty", usual), ("reference", item.reference)]
        formulas = f"$$\n{item.formula_discriminator}, \\qquad {item.formula_generator}\n$$"
        parts += [f"### {item.name}", item.when, formulas, table(("", ""), facts)]
    parts.append("## Likelihoods of decoders")
    for item in likelihoods.values():
        facts = [("reference", item.reference)]
        parts += [f"### {item.name}", item.when, f"$$\n{item.formula}\n$$", table(("", ""), facts)]
    return "\n\n".join(parts)


def checks_page(checks: Sequence[Check]) -> str:
    """Return the page of all coded checks; reports link to its headings."""
    parts = [
        "# Checks",
        "Everything judged automatically has a code. Reports show it with its evidence; here is what it means.",
    ]
    for check in sorted(checks, key=lambda check: check.code):
        parts += [
            f"## {check.code}",
            f"**{check.name}**, {check.severity}. {check.what}",
            f"*Why it matters:* {check.why}",
            f"*What to do:* {check.advice}",
        ]
    return "\n\n".join(parts)
