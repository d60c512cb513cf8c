"""The guide to choosing a loss: advice by task, with the rows of the ledger that bear it out or do not, and the command that tries it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_table import table

LEDGER = Path(__file__).parent / "ledger"


@dataclass(frozen=True, slots=True)
class Situation:
    """One kind of question: the losses to try in order, what speaks for them, and how to see it on one's own data.

    `evidence` names rows of the ledger as `study id`; where there is none, `unmeasured` says so.
    """

    title: str
    predicts: str
    losses: tuple[str, ...]
    text: str
    evidence: tuple[str, ...]
    commands: tuple[str, ...]
    unmeasured: str = ""


SITUATIONS = (
    Situation(
        "Numbers with ordinary errors", "a number",
        ("mean_squared_error", "huber", "mean_absolute_error"),
        "Squared error gives the mean. With errors that are about Gaussian, its neighbours do no better with many rows, and on a few hundred `huber` costs nothing and protects.",
        ("choosing L-G01", "tutorial T-01", "tutorial T-03"),
        ("lossmith compare people.csv --target income --losses mse,mae,huber",),
    ),
    Situation(
        "Numbers with outliers", "a number, some targets far off",
        ("mean_absolute_error", "huber", "cauchy", "student_t_nll"),
        "A squared error pulls in proportion to its size, so that a few wrong targets decide. Absolute error gives the median and does not care how far "
        "off they are; with `cauchy` their pull fades. If the outliers are real and the mean is what you need, stay with squared error.",
        ("choosing L-G02",),
        ("lossmith compare people.csv --target income --losses mse,mae,huber,cauchy --metric mae", "lossmith losses --task regression --flag robust"),
    ),
    Situation(
        "Counts", "0, 1, 2, ...",
        ("poisson", "tweedie", "mean_squared_error"),
        "The head is exponential, so that no prediction is negative, and large counts may vary more; by squared error itself it need not be better. `tweedie` is for amounts that are often exactly 0.",
        ("choosing L-G03",),
        ("lossmith compare people.csv --target visits --task regression --losses poisson,mse,tweedie",),
    ),
    Situation(
        "Positive amounts over orders of magnitude", "prices, sizes, durations",
        ("mean_squared_logarithmic_error", "gamma", "mean_absolute_percentage_error"),
        "Relative errors count. The logarithmic error gives about the geometric mean, which lies below the mean: do not add its predictions up. `gamma` gives the mean.",
        ("choosing L-G05", "tutorial T-02"),
        ("lossmith compare people.csv --target income --losses msle,gamma,mse --metric mae",),
    ),
    Situation(
        "A limit, or an interval", "a value that a stated share stays below",
        ("quantile", "quantiles", "crps_gaussian", "gaussian_nll"),
        "`quantile:quantile=0.9` is exceeded by one in ten. `quantiles` gives several that never cross; `gaussian_nll` and `crps_gaussian` give an error bar with every prediction.",
        ("choosing L-G04",),
        ("lossmith compare people.csv --target income --losses quantile:quantile=0.9,mse --metric pinball:quantile=0.9",),
    ),
    Situation(
        "Two classes", "yes or no, with a probability",
        ("binary_crossentropy", "brier", "squared_hinge", "hinge"),
        "Cross-entropy unless something speaks against it. A hinge gives a decision and no probability; texts that judge it by accuracy of its raw outputs "
        "make it look worse than it is. [Calibration by loss](calibration.md) has the numbers for probabilities.",
        ("tutorial T-04", "tutorial T-05", "tutorial T-06", "tutorial T-13"),
        ("lossmith compare circles --losses binary_crossentropy,brier,squared_hinge,hinge",),
    ),
    Situation(
        "Rare positives", "two classes, one of them rare",
        ("binary_crossentropy", "weighted_binary_crossentropy", "binary_focal_crossentropy", "auc_logistic"),
        "Accuracy says nothing here: judge by ROC-AUC, which is what a comparison does from 75 % on. Weights and focal losses move the probabilities, and what they "
        "gain is often only a threshold: move that instead. Losses of pairs optimise the order itself.",
        ("choosing L-G06", "choosing L-G07", "term_deposits H-B07"),
        ("lossmith compare people.csv --target rare --losses bce,focal,weighted_binary_crossentropy:positive_weight=10,auc_logistic --metric roc_auc",),
    ),
    Situation(
        "Several classes", "one of several",
        ("categorical_crossentropy", "categorical_brier", "squentropy", "categorical_hinge"),
        "Cross-entropy. On labels that name one class, KL divergence and cross-entropy have the same gradient, and `sparse` is a way to write targets and no other loss.",
        ("tutorial T-07", "tutorial T-08", "tutorial T-09"),
        ("lossmith compare blobs --losses categorical_crossentropy,categorical_brier,kl_divergence",),
    ),
    Situation(
        "Soft labels", "shares of votes, or probabilities of a teacher",
        ("kl_divergence", "reverse_kl_divergence", "jensen_shannon_divergence"),
        "Train on the shares, not on the class with most of them. Cross-entropy has the same gradient; KL is 0 for a perfect match, so that its value can be read. "
        "[What the directions do](divergence/index.md#directions).",
        ("choosing L-G09",),
        ("lossmith losses kl_divergence",),
    ),
    Situation(
        "Wrong labels", "some labels are wrong, nobody knows which",
        ("symmetric_crossentropy", "categorical_generalized_cross_entropy", "nce_rce", "tanh_hinge"),
        "What helps is a loss whose pull on a sample fades the more the model disbelieves its label. `--noise` replaces a share of the training labels, to see how much each stands.",
        ("label_noise L-N01", "label_noise L-N02", "label_noise L-N03", "label_noise L-N04", "label_noise L-N05", "label_noise L-N06", "label_noise L-N07", "choosing L-G10"),
        ("lossmith compare digits --losses categorical_crossentropy,symmetric_crossentropy,nce_rce --noise 0.4", "lossmith losses --task multiclass --flag noise-symmetric"),
    ),
    Situation(
        "Grades", "ordered classes, such as ratings",
        ("cumulative_link", "ordinal_crossentropy", "squared_emd", "categorical_crossentropy"),
        "Losses of grades know that 5 is nearer to 4 than to 1. They save parameters and order mistakes; with many rows cross-entropy finds the same.",
        ("choosing L-G08",),
        ("lossmith compare people.csv --target grade --losses categorical_crossentropy,cumulative_link,squared_emd --metric log_loss",),
    ),
    Situation(
        "Several labels at once", "any number of labels for a sample",
        ("multilabel_crossentropy", "multilabel_asymmetric", "multilabel_pairwise"),
        "A yes or no for each label. `multilabel_asymmetric` where few are present and some are missing in the data.",
        (),
        ("lossmith losses multilabel_crossentropy",),
        "No row of the ledger compares them, and `lossmith compare` takes no tables of labels yet: they go into Keras by `loss.as_keras()`.",
    ),
    Situation(
        "Segmentation", "a class for every pixel",
        ("multilabel_crossentropy", "dice", "tversky"),
        "`dice` measures the overlap and does not mind that most pixels are empty; its gradient is noisy, and together with cross-entropy it is steadier. `tversky` weighs "
        "missed pixels and false ones differently.",
        (),
        ("lossmith losses dice", "lossmith losses tversky:alpha=0.3"),
        "No row of the ledger compares them: flatten the mask to one row of labels, and use `loss.as_keras()`.",
    ),
    Situation(
        "Ranking and embeddings", "which comes first; what is near",
        ("listwise_softmax", "pairwise_logistic", "triplet", "nt_xent", "cosine_similarity"),
        "Lists with a relevance for each item; or vectors that are near where samples belong together.",
        (),
        ("lossmith losses --task ranking", "lossmith losses triplet"),
        "No row of the ledger compares them: they need lists or pairs, and go into Keras by `loss.as_keras()`.",
    ),
    Situation(
        "Distillation", "what a larger model says",
        ("kl_divergence", "improved_kl_divergence", "generalized_kl_divergence"),
        "KL from teacher to student at a temperature, times its square, so that the gradient keeps its size. "
        "[`losses.distillation`](existing-code.md#teachers-latent-variables-policies) has factor and direction right.",
        (),
        ("lossmith losses improved_kl_divergence",),
        "No row of the ledger compares them.",
    ),
)  # fmt: skip


def evidence(name: str, *, folder: Path = LEDGER) -> dict[str, Any]:
    """Return a row of the ledger by the name of its study and its id.

    >>> evidence("choosing L-G01")["id"]
    'L-G01'
    """
    study, _, number = name.partition(" ")
    place = folder / f"{study}.json"
    rows = json.loads(place.read_text(encoding="utf-8"))["rows"] if place.is_file() else []
    for row in rows:
        if row["id"] == number:
            return dict(row)
    raise SystemExit(
        f"the guide shows {number}, which docs/ledger/{study}.json has not: run lossmith study run {study}"
    )


def anchor(title: str) -> str:
    return title.lower().replace(",", "").replace(" ", "-")


def choosing_page(losses: Any) -> str:
    """Return the page."""
    rows = [
        (f"[{one.title}](#{anchor(one.title)})", one.predicts, f"[`{one.losses[0]}`](losses/{one.losses[0]}.md)")
        for one in SITUATIONS
    ]
    parts = [
        "# Which loss should I use?",
        "Start with the first loss of its line. Then run the command: whether another is better on *your* data takes a minute to know. What stands under *measured* "
        "comes from the [ledger](ledger.md), rows that speak against the advice included; advice that made no difference there is marked *differs*. Data of the rows "
        "that begin with G were made up, so that the right answer is known.",
        table(("you have", "you predict", "start with"), rows),
    ]
    for one in SITUATIONS:
        chosen = [losses[name] for name in one.losses]
        lines = [
            (f"[{loss.name}](losses/{loss.name}.md)", loss.when, f"`{loss.head.name}`", f"`{loss.encoding}`")
            for loss in chosen
        ]
        parts += [f"## {one.title}", one.text, table(("loss", "when", "head", "targets"), lines)]
        found = [evidence(name) for name in one.evidence]
        if found:
            parts.append(
                table(
                    ("row", "claim", "reported", "measured", "verdict"),
                    [(row["id"], row["claim"], row["reported"], row["measured"], row["verdict"]) for row in found],
                )
            )
        if one.unmeasured:
            parts.append(f"*Not measured.* {one.unmeasured}")
        parts.append("```sh\n" + "\n".join(one.commands) + "\n```")
    parts += [
        "## How a loss is configured",
        "Every loss has a [page](losses/index.md) with its head, its targets and code to paste for Keras, PyTorch and scikit-learn; `lossmith losses NAME` shows the same. "
        "Heads and targets follow from the record, so that a comparison cannot be configured wrongly; [lint](lint.md) checks a set-up of your own.",
        "```sh\nlossmith losses hinge\nlossmith losses huber:delta=2\n```",
    ]
    return "\n\n".join(parts)
