"""What Keras's losses expect of outputs and targets: one entry for each, by the name of its function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["FORMS", "LossForm", "Outputs", "Targets", "form_of"]

Outputs = Literal["probability", "distribution", "score", "class_scores", "value", "positive", "raw"]
Targets = Literal["share", "ids", "rows", "sign", "value", "non_negative", "non_zero"]


@dataclass(frozen=True, slots=True)
class LossForm:
    """What one loss of Keras reads.

    Attributes
    ----------
    function, cls : str
        Names in `keras.losses`.
    outputs : str
        probability: each entry for itself; distribution: rows that sum to 1; score: its sign is the class; class_scores:
        the largest is the class; value: any number; positive: not below 0, where Keras would replace it; raw: before any
        activation.
    targets : str
        share: in [0, 1]; ids: class numbers; rows: one-hot or soft rows; sign: -1 and 1; value, non_negative, non_zero.
    logits : bool
        Whether it has `from_logits`.
    raw : str
        What to use on raw outputs, as code.
    """

    function: str
    cls: str
    outputs: Outputs
    targets: Targets
    logits: bool = False
    raw: str = ""

    @property
    def by_class(self) -> bool:
        """Whether the last axis of the output runs over classes that exclude each other."""
        return self.outputs in ("distribution", "class_scores")


def _own(name: str) -> str:
    return f'lossmith.losses.get("{name}").as_keras()'


_ALL = (
    LossForm("binary_crossentropy", "BinaryCrossentropy", "probability", "share", True),
    LossForm("binary_focal_crossentropy", "BinaryFocalCrossentropy", "probability", "share", True),
    LossForm("categorical_crossentropy", "CategoricalCrossentropy", "distribution", "rows", True),
    LossForm("categorical_focal_crossentropy", "CategoricalFocalCrossentropy", "distribution", "rows", True),
    LossForm("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy", "distribution", "ids", True),
    LossForm(
        "categorical_generalized_cross_entropy",
        "CategoricalGeneralizedCrossEntropy",
        "distribution",
        "ids",
        raw=_own("categorical_generalized_cross_entropy"),
    ),
    LossForm("kl_divergence", "KLDivergence", "distribution", "rows", raw=_own("kl_divergence")),
    LossForm("poisson", "Poisson", "positive", "non_negative", raw=_own("poisson")),
    LossForm("mean_squared_error", "MeanSquaredError", "value", "value"),
    LossForm("mean_absolute_error", "MeanAbsoluteError", "value", "value"),
    LossForm("mean_absolute_percentage_error", "MeanAbsolutePercentageError", "value", "non_zero"),
    LossForm(
        "mean_squared_logarithmic_error",
        "MeanSquaredLogarithmicError",
        "positive",
        "non_negative",
        raw=_own("mean_squared_logarithmic_error"),
    ),
    LossForm("huber", "Huber", "value", "value"),
    LossForm("log_cosh", "LogCosh", "value", "value"),
    LossForm("cosine_similarity", "CosineSimilarity", "value", "value"),
    LossForm("hinge", "Hinge", "score", "sign"),
    LossForm("squared_hinge", "SquaredHinge", "score", "sign"),
    LossForm("categorical_hinge", "CategoricalHinge", "class_scores", "rows"),
    LossForm("dice", "Dice", "probability", "share"),
    LossForm("tversky", "Tversky", "probability", "share"),
)
FORMS = {form.function: form for form in _ALL}
_BY_CLASS = {form.cls: form for form in _ALL}


def form_of(name: str) -> LossForm | None:
    """Return the form of a Keras loss by the name of its function or class; None for another.

    Examples
    --------
    >>> form_of("KLDivergence").outputs
    'distribution'
    """
    return FORMS.get(name) or _BY_CLASS.get(name)
