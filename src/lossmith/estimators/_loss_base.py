"""What `LossClassifier` and `LossRegressor` share: parameters, rows to train on, and the fitted arrays."""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from lossmith._errors import InvalidInputError
from lossmith.estimators._loss_training import Candidate, Rows, Trained, Training, raw_outputs, train
from lossmith.losses import Loss
from lossmith.losses import get as get_loss

__all__ = ["LossEstimator"]


class LossEstimator(BaseEstimator, ABC):
    """A network trained with a loss; abstract."""

    def __init__(
        self,
        *,
        loss: str | Loss = "auto",
        model: str | Callable[[tuple[int, ...]], Any] = "mlp",
        optimizer: str = "adam",
        learning_rate: float = 0.01,
        epochs: int = 50,
        batch_size: int = 32,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        random_state: Any = None,
    ) -> None:
        self.loss = loss
        self.model = model
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    @abstractmethod
    def _read(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return checked inputs and targets (ids or values), setting what the fit learns about them."""

    @abstractmethod
    def _loss(self, loss: Any) -> Loss:
        """Return the loss that is meant, for the classes that were read."""

    @property
    @abstractmethod
    def _n_classes(self) -> int:
        """Number of classes; 0 for regression."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train the network.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Scale it first, as for every network: `make_pipeline(StandardScaler(), ...)`.
        y : array of shape (n_samples,)
        sample_weight : array of shape (n_samples,), optional
            Divided by its mean, so that the learning rate keeps its meaning.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            Data, names or numbers that cannot be used.
        """
        inputs, target = self._read(X, y)
        how = self._how()
        candidate = self._candidate({})
        fold = self._fold(inputs, target, sample_weight)
        self._keep(train(how, [candidate], [fold])[0][0], candidate.loss)
        return self

    def _how(self, **changes: Any) -> Training:
        """Return how to train, with other values of some parameters, after checking them."""
        values = {**self.get_params(deep=False), **changes}
        for name, least in (("epochs", 1), ("batch_size", 1)):
            if not isinstance(values[name], numbers.Integral) or values[name] < least:
                raise InvalidInputError(f"{name}={values[name]!r}", expected=f"a whole number of at least {least}")
        patience = values["patience"]
        if patience is not None and (not isinstance(patience, numbers.Integral) or patience < 1):
            raise InvalidInputError(f"patience={patience!r}", expected="a whole number of at least 1, or None")
        if not 0.0 < float(values["validation_fraction"]) < 1.0:
            raise InvalidInputError(
                f"validation_fraction={values['validation_fraction']!r}", expected="a number in (0, 1)"
            )
        return Training(
            model=values["model"],
            optimizer=str(values["optimizer"]),
            epochs=int(values["epochs"]),
            batch_size=int(values["batch_size"]),
            patience=None if patience is None else int(patience),
            n_classes=self._n_classes,
        )

    def _candidate(self, changes: dict[str, Any]) -> Candidate:
        rate = changes.get("learning_rate", self.learning_rate)
        if not isinstance(rate, numbers.Real) or not 0.0 < float(rate) < float("inf"):
            raise InvalidInputError(f"learning_rate={rate!r}", expected="a positive number")
        return Candidate(self._loss(changes.get("loss", self.loss)), float(rate))

    def _fold(self, inputs: np.ndarray, target: np.ndarray, sample_weight: Any = None) -> Rows:
        """Return rows to train on, some of them held out where a patience asks for it."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, inputs, dtype=np.float64, ensure_non_negative=True)
            if not weight.sum() > 0:
                raise InvalidInputError("sample weights of 0 alone", expected="a positive weight for some rows")
            weight = (weight / weight.mean()).astype(np.float32)
        if self.patience is None:
            return Rows(inputs, target, seed, weight)
        everything = np.arange(len(inputs))
        counts = np.bincount(target) if self._n_classes else np.empty(0)
        held_out = max(1, round(float(self.validation_fraction) * len(inputs)))
        stratify = target if self._n_classes and counts.min() >= 2 and held_out >= self._n_classes else None
        if len(inputs) < 2:
            raise InvalidInputError(
                "one row", expected="rows to train on and rows to stop by", advice="use patience=None"
            )
        kept, held = train_test_split(everything, test_size=held_out, random_state=seed, stratify=stratify)
        return Rows(
            inputs[kept],
            target[kept],
            seed,
            None if weight is None else weight[kept],
            validation=(inputs[held], target[held]),
        )

    def _keep(self, trained: Trained, loss: Loss) -> None:
        """Set the fitted attributes: arrays and plain values, no model of Keras."""
        if trained.diverged:
            raise InvalidInputError(
                f"training under {loss} ended in NaN after {len(trained.curve)} epochs",
                expected="a finite loss",
                advice="lower learning_rate, scale the inputs, or clip the gradient (optimizer='adam:clipnorm=1')",
            )
        self.weights_ = list(trained.weights)
        self.loss_ = str(loss)
        self.loss_curve_ = trained.curve
        self.validation_curve_ = trained.validation_curve
        self.best_epoch_ = trained.best_epoch
        self.n_iter_ = len(trained.curve)
        self.target_center_ = trained.encoding.center
        self.target_scale_ = trained.encoding.scale

    @property
    def _fitted_loss(self) -> Loss:
        return get_loss(self.loss_)

    def _raw(self, X: Any) -> np.ndarray:
        """Return raw outputs of shape `(n_samples, units)`, float64."""
        check_is_fitted(self)
        inputs = validate_data(self, X, dtype=np.float32, reset=False)
        units = self._fitted_loss.units(self._n_classes or None)
        return raw_outputs(self.model, self.weights_, inputs, units=units).astype(np.float64)

    def to_keras(self) -> Any:
        """Return an ordinary `keras.Model` with the fitted weights, from inputs to what the head of the loss predicts.

        Values of a regression are in the units in which it was trained: `target_center_ + target_scale_ * prediction`
        are those of the target.
        """
        from lossmith.models import get as get_model
        from lossmith.training import to_keras

        check_is_fitted(self)
        loss = self._fitted_loss
        network = get_model(self.model).network((self.n_features_in_,), loss.units(self._n_classes or None))
        return to_keras(network, self.weights_, loss=loss)


def named_loss(loss: Any, *, automatic: str, tasks: tuple[str, ...], name: str) -> Loss:
    """Return the loss that is meant.

    Raises
    ------
    InvalidInputError
        A loss for another task.
    """
    if isinstance(loss, Loss):
        found = loss
    elif isinstance(loss, str):
        found = get_loss(automatic if loss == "auto" else loss)
    else:
        raise InvalidInputError(f"loss={loss!r}", expected="the name of a loss, as in 'huber:delta=2', or a record")
    if found.task not in tasks or found.batchwise:
        raise InvalidInputError(
            f"loss {found} for {name}",
            expected=f"a loss for {' or '.join(tasks)} targets that looks at one sample at a time",
            advice=f"`lossmith losses --task {tasks[0]}` lists them",
        )
    if found.full_support:
        raise InvalidInputError(
            f"loss {found} for {name}", expected="a loss that takes class ids", advice="it needs soft labels"
        )
    return found
