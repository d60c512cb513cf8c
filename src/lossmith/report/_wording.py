"""Sentences and words that terminal and report share, so that both say the same."""

from __future__ import annotations

from collections.abc import Sequence

from lossmith._checks import Finding
from lossmith.compare._spec import Comparison, Standing
from lossmith.compare.variants import base_loss
from lossmith.report._commands import suggestion
from lossmith.report._numbers import whole
from lossmith.report._plain import plain
from lossmith.report._quantities import quantity

__all__ = [
    "VERDICTS",
    "calibration",
    "data_line",
    "failures",
    "groups",
    "headline",
    "metric_header",
    "model_line",
    "plain",
    "plan_line",
    "seconds",
    "seeds",
    "shortened",
    "tried",
    "undecided",
    "verdict",
]

VERDICTS = ("best", "better", "worse", "equivalent", "undecided")


def shortened(text: str, most: int) -> str:
    """Return `plain(text)` with its middle left out where it is longer than `most`: parameters at the end tell losses apart.

    Examples
    --------
    >>> shortened("binary_crossentropy:label_smoothing=0.1", 24)
    'binary_cross…oothing=0.1'
    """
    shown = plain(text)
    tail = (most - 1) // 2
    return shown if len(shown) <= most else f"{shown[: most - 1 - tail]}…{shown[len(shown) - tail :]}"


_LONG = 150


def headline(verdict: str) -> tuple[str, str]:
    """Return the answer as a headline and what is left of it: a long one is cut before it turns to the other losses.

    Examples
    --------
    >>> headline("Use huber: RMSE 1.2, better than mse by 0.2; 30 seeds")
    ('Use huber: RMSE 1.2, better than mse by 0.2; 30 seeds', '')
    >>> headline("Leading: a: accuracy 0.82, undecided against " + "b (about 90 seeds would settle it), " * 5)[0]
    'Leading: a: accuracy 0.82'
    """
    text = plain(verdict)
    if len(text) <= _LONG:
        return text, ""
    for turn in (", undecided against ", ", equivalent to ", ", better than ", "; ", ". ", ", "):
        place = text.rfind(turn, 0, _LONG) if turn in ("; ", ". ", ", ") else text.find(turn)
        if 0 < place <= _LONG:
            rest = text[place:].lstrip(",;. ")
            return text[: place + (turn == ". ")], rest[:1].upper() + rest[1:]
    return text, ""


def seconds(value: float) -> str:
    """Return a duration in the largest unit that keeps it readable.

    Examples
    --------
    >>> seconds(0.4), seconds(11.2), seconds(125), seconds(7300)
    ('0.4 s', '11 s', '2 min 5 s', '2 h 1 min')
    """
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def data_line(comparison: Comparison) -> str:
    """Return rows, features, task, class counts and split in one line."""
    data = comparison.data
    task = data.task
    if data.class_counts and len(data.class_counts) <= 4:
        task += f" ({' / '.join(whole(count) for count in data.class_counts)})"
    elif data.class_counts:
        least, most = min(data.class_counts), max(data.class_counts)
        task += (
            f" ({len(data.class_counts)} classes of {whole(least)}{f' to {whole(most)}' if most > least else ''} rows)"
        )
    features = f"{whole(data.n_features)} feature{'s' if data.n_features != 1 else ''}"
    return (
        f"{whole(data.n_samples)} rows, {features}, {task}; "
        f"train {whole(data.n_train)}, validation {whole(data.n_validation)}, test {whole(data.n_test)}"
    )


def model_line(comparison: Comparison) -> str:
    """Return model, optimiser, rate, batch and epochs in one line."""
    settings = comparison.settings
    noise = f", {settings.noise:.0%} of the training labels replaced" if settings.noise else ""
    optimizer = f"{settings.optimizer} at {settings.learning_rate:g}"
    if settings.extra.get("variants"):
        optimizer = f"{settings.optimizer.replace(',', ', ')}, each at rates of its own"
    schedules = str(settings.extra.get("schedules", "")).replace(",", ", ")
    schedule = f", schedule {schedules}" if schedules else ""
    half = settings.extra.get("precision")
    return (
        f"{settings.model}, {optimizer}{schedule}, batch {whole(settings.batch_size)}, "
        f"{whole(settings.epochs)} epochs{noise}" + (f", computed in {half}" if half else "")
    )


def plan_line(comparison: Comparison) -> str:
    """Return the factors and the number of runs."""
    settings = comparison.settings
    trained = sum(standing.same_as is None for standing in comparison.standings)
    factors = [(trained, "loss", "losses"), (len(settings.learning_rates), "learning rate", "learning rates")]
    variants = settings.extra.get("variants")
    if variants:
        factors = [
            (len({base_loss(row.loss) for row in comparison.standings if row.same_as is None}), "loss", "losses")
        ]
        factors.append((len({item["optimizer"] for item in variants}), "optimizer", "optimizers"))
        factors.append((len({item["schedule"] for item in variants}), "schedule", "schedules"))
        factors.append((max(len(item["learning_rates"]) for item in variants), "learning rate", "learning rates"))
    factors.append((settings.seeds, "seed", "seeds"))
    counted = [entry for entry in factors if not (variants and entry[0] == 1 and entry[1] != "seed")]
    product = " x ".join(f"{whole(count)} {one if count == 1 else many}" for count, one, many in counted)
    runs = comparison.trials.height or trained * max(1, len(settings.learning_rates)) * settings.seeds
    # a line search has no learning rates, so that its runs are fewer than the product
    equals = "=" if not variants or len({len(item["learning_rates"]) for item in variants}) == 1 else ":"
    return f"{product} {equals} {whole(runs)} run{'s' if runs != 1 else ''}, {settings.protocol} protocol"


def metric_header(comparison: Comparison, name: str | None = None) -> str:
    """Return the header of a metric column: name, arrow, unit.

    The judged metric where `name` is None.
    """
    shown = quantity(name or comparison.settings.metric)
    unit = shown.unit.format(target=plain(comparison.data.target_name))
    return f"test {shown.label} {shown.arrow}" + (f" ({unit})" if unit else "")


def seeds(standing: Standing) -> str:
    """Return how many seeds finished, of how many: `28/30`; only the number where none failed."""
    if standing.n_failed:
        return f"{standing.n_seeds - standing.n_failed}/{standing.n_seeds} seeds"
    return f"{standing.n_seeds} seed{'s' if standing.n_seeds != 1 else ''}"


def failures(comparison: Comparison) -> list[str]:
    """Return one sentence for each loss with failed seeds."""
    return [
        f"{plain(standing.loss)}: {seeds(standing)} finished, {standing.n_failed} diverged or collapsed"
        for standing in comparison.standings
        if standing.n_failed
    ]


def calibration(comparison: Comparison) -> str:
    """Return how scores became probabilities; empty if no loss needed it."""
    if not any(standing.calibrated for standing in comparison.standings):
        return ""
    way = "Platt" if comparison.data.task == "binary" else "temperature"
    return f"margin loss, probabilities by {way} scaling on validation data"


def verdict(standing: Standing, *, price: bool = True) -> str:
    """Return the verdict word, with the price of an undecided one: `undecided, ~18 more seeds`."""
    if standing.difference is None:
        return "best"
    word = standing.difference.verdict
    if word != "undecided" or not price:
        return word
    more = _more_seeds(standing)
    if more is None:
        return "undecided, needs > 10,000 seeds"
    return f"undecided, ~{whole(more)} more seed{'s' if more != 1 else ''}"


def _more_seeds(standing: Standing) -> int | None:
    if standing.difference is None or standing.difference.seeds_needed is None:
        return None
    return max(1, standing.difference.seeds_needed - standing.n_seeds)


_AFFORDABLE = 10  # times as many seeds as there are: a command to type now, not a plan for the week


def undecided(comparison: Comparison) -> tuple[str, str]:
    """Return what it would take to decide the undecided losses, and the command; both empty if all are decided.

    The command asks for the seeds that decide every loss within ten times the seeds there are, or at least the cheapest one.
    """
    rows = [row for row in comparison.standings if row.difference and row.difference.verdict == "undecided"]
    if not rows:
        return "", ""
    known = sorted(row.difference.seeds_needed for row in rows if row.difference and row.difference.seeds_needed)
    names = ", ".join(plain(row.loss) for row in rows)
    if not known:
        return f"undecided: {names}; no affordable number of seeds decides it", ""
    now = max(1, comparison.settings.seeds)
    total = max([count for count in known if count <= _AFFORDABLE * now] or known[:1])
    total = max(total, now + 1)
    decided = sum(count <= total for count in known)
    which = "it" if len(rows) == 1 else "all of them" if decided == len(rows) else f"{decided} of {len(rows)}"
    time = f" (about {seconds((total - now) / now * comparison.seconds)} more)" if comparison.seconds > 0 else ""
    sentence = f"undecided: {names}; {whole(total)} seeds in all would decide {which}{time}"
    return sentence, suggestion(comparison, {"--seeds": str(total)})


_ORDER = {"error": 0, "warning": 1, "info": 2}


def groups(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Return the findings grouped by code: errors first, then in the order they came."""
    by_code: dict[str, list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: _ORDER.get(finding.severity, 3)):
        by_code.setdefault(finding.code, []).append(finding)
    return list(by_code.items())


def tried(standing: Standing) -> str:
    """Return how often each learning rate was chosen: `0.03 (20 of 30), 0.1 (10)`."""
    total = sum(standing.rates.values())
    ordered = sorted(standing.rates.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(
        f"{value:.3g} ({count}{f' of {total}' if place == 0 else ''})" for place, (value, count) in enumerate(ordered)
    )
