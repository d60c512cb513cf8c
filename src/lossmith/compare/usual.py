"""Which settings of a comparison are what it would have chosen by itself: a suggested command names only the others."""

from __future__ import annotations

from dataclasses import replace

from lossmith._names import split_names
from lossmith.compare import metrics
from lossmith.compare._spec import DataSummary, Settings
from lossmith.compare.defaults import DEFAULTS, RATE_FACTORS, default_lengths, default_rate
from lossmith.compare.plan import select_losses

__all__ = ["chosen_by_user"]


def chosen_by_user(settings: Settings, data: DataSummary) -> frozenset[str]:
    """Return the fields of `settings` without which a fair comparison of `data` would be another one.

    Examples
    --------
    >>> import lossmith
    >>> result = lossmith.compare("circles", losses="bce", seeds=2, epochs=1)
    >>> sorted(chosen_by_user(result.settings, result.data))
    ['epochs', 'losses', 'seeds']
    """
    epochs, batch_size = default_lengths(data.n_train)
    rate = default_rate(split_names(settings.optimizer)[0], settings.batch_size)
    usual = {
        "losses": tuple(map(str, select_losses("default", data.task))),
        "model": DEFAULTS.model,
        "optimizer": DEFAULTS.optimizer,
        "learning_rates": tuple(float(f"{rate * factor:.4g}") for factor in RATE_FACTORS),
        "seeds": DEFAULTS.seeds,
        "epochs": epochs,
        "batch_size": batch_size,
        "metric": str(metrics.default_metric(data.task, data.class_counts)),
        "protocol": "fair",
        "noise": 0.0,
        "seed": 0,
    }
    if settings.protocol != "fair" or settings.extra.get("images"):
        return frozenset(usual)
    settings = replace(settings, learning_rates=tuple(float(f"{rate:.4g}") for rate in settings.learning_rates))
    found = {name for name, value in usual.items() if getattr(settings, name) != value}
    if "rates" in settings.extra:  # of several optimisers, each with its own
        found = found - {"learning_rates"} | ({"learning_rates"} if settings.extra["rates"] != "tuned" else set())
    return frozenset(found | ({"seeds"} if settings.auto else set()))
