"""The page beside other tools: what each does better, with numbers from the pages of measurements and from nowhere else; and the list of those pages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from markdown_table import table

DOCS = Path(__file__).parent
BENCHMARKS = DOCS.parent / "benchmarks"
# pages by the script that writes them
MEASURED = {
    "sweep": "benchmarks.md",
    "losses": "benchmark-losses.md",
    "cnn": "benchmarks-cnn.md",
    "lstm": "benchmarks-lstm.md",
    "vae": "benchmarks-vae.md",
    "vae_likelihood": "likelihood-vae.md",
    "gan": "benchmarks-gan.md",
    "gan_modes": "modes-gan.md",
    "som": "som-speed.md",
    "drift": "drift/benchmark.md",
    "cluster": "benchmarks-cluster.md",
    "store": "benchmarks-store.md",
    "divergence": "divergence/benchmark.md",
    "accelerator": "benchmarks-accelerator.md",
}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def cell(page: str, row: str, column: str, *, below: str = "") -> str:
    """Return a cell of a table of a page: of the first row that begins with `row`, after the line that begins with `below`.

    >>> cell("benchmarks-lstm.md", "PyTorch", "against PyTorch")
    '1.00 x'
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    lines = text[text.index(below) :].splitlines()
    header: list[str] = []
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("|") and re.match(r"\|[\s:|-]+\|$", after):
            header = _cells(line)
        elif header and line.startswith("|") and ", ".join(_cells(line)).startswith(row):
            if column not in header:
                raise SystemExit(f"docs/{page} has no column {column!r}; its columns: {', '.join(header)}")
            return _cells(line)[header.index(column)]
    raise SystemExit(f"docs/{page} has no row {row!r}" + (f" below {below!r}" if below else ""))


def _power(change: str, rows: str, size: str) -> str:
    return cell("drift/calibration.md", rows, size, below=f"**{change}**")


def _drift_speed() -> str:
    try:
        times = cell("drift/benchmark.md", "evidently", "both, times lossmith")
    except SystemExit:
        return "Speed beside it has not been measured."
    return f"It takes {times} times as long on a million rows of 50 columns."


def comparison_page() -> str:
    """Return the page."""
    sweep, gap = "benchmarks.md", "Keras / this"
    seen = [
        (f"{words}, {rows} rows now", _power(change, rows, size), _power(change, f"{rows}, evidently", size), _power(change, f"{rows}, alibi_detect", size))
        for words, change, size in (
            ("mean moved by 0.1 sd", "mean", "0.1"),
            ("half of a bimodal shape (0.4)", "shape", "0.4"),
            ("1 % moved between levels", "category", "0.01"),
            ("missing 1 % to 5 %", "missing", "0.05"),
            ("correlation 0 to 0.6", "dependence", "0.6"),
        )
        for rows in ("500", "10,000")
    ]  # fmt: skip
    maps = [
        (name, cell("som-speed.md", f"10,000, {name}", "ms a pass"), cell("som-speed.md", f"10,000, {name}", "quantization error"), cell("som-speed.md", f"10,000, {name}", "topographic error"))
        for name in ("lossmith, batch", "lossmith, online", "MiniSom, batch", "MiniSom, online", "XPySom, batch")
    ]  # fmt: skip
    parts = [
        "# Beside other tools",
        "What each does better, and what lossmith does better. Numbers come from [pages of measurements](speed.md), where machine, versions and commands stand; where nothing was measured, no number stands here.",
        "## Keras",
        "*Keras does better:* everything that is training one model. It has any architecture, callbacks, distribution over machines, mixed precision, pretrained models, "
        "every platform, documentation for beginners and years of use. lossmith is built on it and gives back ordinary Keras models. "
        "Keras trains convolutions and recurrent networks on accelerators today; lossmith has been measured on CPUs alone.",
        "*lossmith does better:* many runs of one small model, and losses that are right. Ninety trainings of a perceptron with three losses and thirty seeds take "
        f"{cell(sweep, 'lossmith, next call', 'all trainings')} here and {cell(sweep, 'Keras fit on JAX', 'all trainings')} by `fit` ({cell(sweep, 'lossmith, next call', gap)}; "
        f"{cell(sweep, 'lossmith, cold', gap)} with an empty cache, imports and compiling included). "
        f"A single convolutional network on a CPU trains at {cell('benchmarks-cnn.md', 'lossmith, one run', 'images a second')} images a second against "
        f"{cell('benchmarks-cnn.md', 'Keras fit on JAX', 'images a second')} by Keras on JAX and {cell('benchmarks-cnn.md', 'PyTorch, contiguous', 'images a second')} by PyTorch; "
        f"an LSTM reaches {cell('benchmarks-lstm.md', 'lossmith', 'against PyTorch')} of PyTorch's speed, Keras {cell('benchmarks-lstm.md', 'Keras fit on JAX', 'against PyTorch')}. "
        "[Where losses of Keras are wrong](wrong-elsewhere.md) is a list of tests.",
        "*Use Keras* when you know your loss. *Use both* when you do not: `loss.as_keras()` goes into `compile`, and [lint](lint.md) looks at what you compiled.",
        "## PyTorch",
        f"*PyTorch does better:* speed of one recurrent network (lossmith {cell('benchmarks-lstm.md', 'lossmith', 'against PyTorch')}), memory "
        f"({cell('benchmarks-cnn.md', 'PyTorch, contiguous', 'peak memory')} against {cell('benchmarks-cnn.md', 'lossmith, one run', 'peak memory')} for the same convolutional network), research code, accelerators, and an ecosystem that lossmith does not have.",
        f"*lossmith does better:* the ninety small trainings ({cell(sweep, 'lossmith, next call', 'PyTorch / this')}), a variational autoencoder "
        f"({cell('benchmarks-vae.md', '2, grey, lossmith', 'against PyTorch')} of its seconds on two cores, {cell('benchmarks-vae.md', '1, grey, lossmith', 'against PyTorch')} on one), and losses without its traps (`KLDivLoss` divides by the number of classes).",
        "## scikit-learn",
        "*scikit-learn does better:* everything that is not a network. Its trees and linear models are in every comparison of models here, by name, because they are better than anything lossmith could write, "
        "and on small tables they often win: `lossmith compare people.csv --target y --models mlp,logistic,hist_gradient_boosting` says so where they do. "
        "Its pipelines, searches and documentation are the field's standard.",
        "*lossmith does better:* its `MLPClassifier` and `MLPRegressor` have one loss each, hinge losses belong to linear models alone, and cross-validation gives means without intervals that know that folds share rows. "
        "`LossClassifier` takes any loss of the catalogue inside a pipeline.",
        "*Use scikit-learn* for tables first. *Use lossmith* for the loss of a network, or for intervals and verdicts between its models.",
        "## Evidently and other tools of drift",
        "*Evidently does better:* dashboards, reports of data quality, tests for language models, text descriptors, integrations and a service that stores history. NannyML estimates performance without labels; "
        "alibi-detect has detectors on images and on learned kernels. lossmith has none of these.",
        "*lossmith does better:* a stated rate of false alarms over all columns at any number of rows, changes in missing values and in dependence, references of a few kilobytes that merge. "
        "Share of comparisons in which a change was found, everything at its default ([how it was measured](drift/calibration.md#power); few repetitions, so that differences below 0.3 mean little):",
        table(("change", "lossmith", "Evidently", "alibi-detect"), seen),
        "Evidently's thresholds hold at any size: it finds more in small samples, where some of what it finds is chance, and less in large ones. "
        + _drift_speed(),
        "## MiniSom and other maps",
        "*MiniSom does better:* one file, NumPy alone, easy to read and to change, and known to many; trained online it keeps neighbours together better "
        f"(topographic error {cell('som-speed.md', '10,000, MiniSom, online', 'topographic error')} against {cell('som-speed.md', '10,000, lossmith, batch', 'topographic error')}). XPySom runs on GPUs.",
        "*lossmith does better:* speed, hexagons and tori in the topographic error, missing values, seeds trained together. One pass over 10,000 rows of 20 features, quality by one implementation for all "
        "([more rows and packages](som-speed.md)):",
        table(("package", "ms a pass", "quantization error", "topographic error"), maps),
        "## AutoML: AutoGluon, MLJAR, FLAML, auto-sklearn",
        "*They do better:* the best model for a table, in an hour, without a question. They stack and ensemble, tune what lossmith does not tune (depth, width, preprocessing), handle text and images in columns, and scale. "
        "If the answer you need is a model and not a reason, take one of them; none has been run beside lossmith, so there is no number here.",
        "*lossmith does better:* it holds everything else fixed and varies the loss, which they choose inside or fix; it says whether a difference is one; and it says what a published claim is worth ([ledger](ledger.md)).",
        "## Trackers and tuners: MLflow, Optuna, skore",
        "*They do better:* history of a team's runs, search over many hyperparameters, reports on scikit-learn's estimators. lossmith exports to MLflow and TensorBoard and is no tracker.",
        "*lossmith does better:* paired seeds, equivalence with a margin, an error rate that is shared over the losses, and failures that are counted. A search that ranks losses by their own value ranks nothing.",
    ]
    return "\n\n".join(parts)


def speed_page() -> str:
    """Return the list of measurements, each with the script that repeats it."""
    rows = []
    for script in sorted(BENCHMARKS.glob("*.py")):
        text = script.read_text(encoding="utf-8")
        if "__main__" not in text or ("--markdown" not in text and "writes `docs/" not in text):
            continue  # the work of another script
        said = (ast.get_docstring(ast.parse(text)) or "").splitlines()[0].rstrip(".")
        if script.stem not in MEASURED:
            raise SystemExit(f"benchmarks/{script.name} writes a page that docs/comparison_page.py does not know")
        page = MEASURED[script.stem]
        title = "not measured yet"
        if (DOCS / page).is_file():
            found = re.search(r"^# (.+)$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
            title = f"[{found[1] if found else page}]({page})"
        rows.append((title, said, f"`python benchmarks/{script.name}`"))
    return "\n\n".join(
        [
            "# Speed and memory",
            "lossmith and its peers in one run on one machine, medians; every page names machine, versions and what was left out. One page is of a GPU, all others of a CPU.",
            table(("page", "what", "measure it yourself"), rows),
            "What these numbers mean for a choice of tools: [beside other tools](comparison.md).",
        ]
    )
