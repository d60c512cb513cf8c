"""The catalogue of losses.

`LOSSES` maps every name and alias to its record; `get` also reads parameters, as in `huber:delta=2`.
`PUBLISHED` holds peers' functions as published experiments used them, clipping included.
"""

from __future__ import annotations

import json

from lossmith._catalogue import Catalogue
from lossmith._errors import InvalidInputError
from lossmith.losses import (
    _binary,
    _binary_weighted,
    _class_scores,
    _cross_entropies,
    _density,
    _divergence_family,
    _embedding,
    _fenchel_young,
    _margin,
    _multiclass,
    _multilabel,
    _noise_robust,
    _ordinal,
    _pairwise,
    _positive,
    _published,
    _quantiles,
    _regression,
    _robust,
)
from lossmith.losses._adapters import as_keras, as_optax, as_torch
from lossmith.losses._behaviour import Behaviour, behaviour
from lossmith.losses._configure import configure
from lossmith.losses._distillation import distillation, distillation_as_keras, distillation_targets
from lossmith.losses._divergence_family import f_divergence
from lossmith.losses._keras_metrics import keras_metrics, sign_accuracy, soft_label_divergence
from lossmith.losses._latent import LatentUse, gaussian_kl, gaussian_kl_by_dimension, latent_use, warm_up
from lossmith.losses._sampled_kl import KL_ESTIMATORS, KLEstimator, sampled_kl
from lossmith.losses._scorer import as_scorer
from lossmith.losses._spec import Encoding, Head, Interval, Loss, Parameter, Task

__all__ = [
    "EVERY",
    "KL_ESTIMATORS",
    "LOSSES",
    "PUBLISHED",
    "Behaviour",
    "Encoding",
    "Head",
    "Interval",
    "KLEstimator",
    "LatentUse",
    "Loss",
    "Parameter",
    "Task",
    "as_keras",
    "as_optax",
    "as_scorer",
    "as_torch",
    "behaviour",
    "configure",
    "distillation",
    "distillation_as_keras",
    "distillation_targets",
    "f_divergence",
    "gaussian_kl",
    "gaussian_kl_by_dimension",
    "get",
    "keras_metrics",
    "latent_use",
    "sampled_kl",
    "sign_accuracy",
    "soft_label_divergence",
    "warm_up",
]

EVERY: Catalogue[Loss] = Catalogue(
    "loss",
    [
        *_regression.RECORDS,
        *_positive.RECORDS,
        *_robust.RECORDS,
        *_quantiles.RECORDS,
        *_density.RECORDS,
        *_binary.RECORDS,
        *_binary_weighted.RECORDS,
        *_margin.RECORDS,
        *_multilabel.RECORDS,
        *_multiclass.RECORDS,
        *_cross_entropies.RECORDS,
        *_divergence_family.RECORDS,
        *_noise_robust.RECORDS,
        *_class_scores.RECORDS,
        *_fenchel_young.RECORDS,
        *_ordinal.RECORDS,
        *_pairwise.RECORDS,
        *_embedding.RECORDS,
    ],
)
LOSSES: Catalogue[Loss] = EVERY.filter(lambda loss: loss.standard)
PUBLISHED: Catalogue[Loss] = Catalogue("published loss", _published.RECORDS)


def get(name: str) -> Loss:
    """Return the loss of that name, with parameters after a colon if any.

    Use it wherever a loss is meant by its name: it knows the names of other libraries too.

    Parameters
    ----------
    name : str
        A name or alias of `EVERY` or `PUBLISHED`, as in `mse` or `huber:delta=2`, a name that another library uses
        (`BCEWithLogitsLoss`, `reg:squarederror`), or the text of `Loss.to_json`.

    Raises
    ------
    UnknownNameError
        No such loss or parameter.
    DomainError
        A parameter outside its interval.
    InvalidInputError
        Text that is neither.

    Examples
    --------
    >>> get("mse").name
    'mean_squared_error'
    >>> get("huber:delta=2").configuration
    {'delta': 2.0}
    >>> get(get("huber:delta=2").to_json()).configuration
    {'delta': 2.0}
    >>> get("reg:squarederror").name
    'mean_squared_error'
    >>> get("keras_kl_divergence").configuration
    {'epsilon': 1e-07}
    """
    if name.lstrip().startswith("{"):
        try:
            described = json.loads(name)
            return _find(described["name"]).configured(**described["parameters"])
        except (KeyError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
            raise InvalidInputError(
                f"{name!r}", expected='{"name": ..., "parameters": {...}}', advice="use the text of Loss.to_json"
            ) from error
    if name.lower() in _ELSEWHERE:
        return EVERY[_ELSEWHERE[name.lower()]]
    base, _, assignments = name.partition(":")
    values = {}
    for assignment in filter(None, assignments.split(",")):
        parameter, _, value = assignment.partition("=")
        try:
            values[parameter.strip()] = float(value)
        except ValueError:
            raise InvalidInputError(
                f"{assignment!r} in {name!r}", expected="parameter=number", advice="for example huber:delta=2"
            ) from None
    return _find(base).configured(**values)


def _find(name: str) -> Loss:
    return PUBLISHED[name] if name in PUBLISHED else EVERY[name]


# names of other libraries; where several losses share one, the first of the catalogue has it
_ELSEWHERE = {
    twin.lower(): loss.name for loss in reversed([*EVERY.values()]) for twin in loss.twins.values() if twin not in EVERY
}
