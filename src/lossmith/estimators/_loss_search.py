"""A grid search that trains all candidates and folds of one shape in one program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils import get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith.estimators._loss_base import LossEstimator
from lossmith.estimators._loss_training import train

__all__ = ["LossSearchCV"]

STACKED = ("loss", "learning_rate")  # what may differ within one program
_SEPARATE = ("model", "optimizer", "epochs", "batch_size")  # each value is a program of its own


def _best_has(method: str) -> Any:
    def check(search: Any) -> bool:
        return hasattr(search.best_estimator_ if hasattr(search, "best_estimator_") else search.estimator, method)

    return check


class LossSearchCV(MetaEstimatorMixin, BaseEstimator):
    """Cross-validated search over losses and learning rates, all candidates stacked in one compiled program.

    Use it like `GridSearchCV` with a `LossClassifier` or `LossRegressor`: parameters, attributes and scores are the same,
    the scores within rounding. Losses and learning rates of one head width train together with all folds of one size;
    other parameters (`model`, `optimizer`, `epochs`, `batch_size`) take one program for each of their values.

    Parameters
    ----------
    estimator : LossClassifier or LossRegressor
    param_grid : mapping or list of mappings
        Of lists, as for `GridSearchCV`; of `loss`, `learning_rate`, `model`, `optimizer`, `epochs` and `batch_size`.
    scoring : str, callable or None
        None takes the score of the estimator. Never a loss of the search: values of different losses cannot be compared.
    cv : int, splitter or iterable
    refit : bool
        Whether the best candidate is trained again on all rows.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        As of `GridSearchCV`, without times.
    best_params_, best_score_, best_index_, best_estimator_, n_splits_, scorer_
        As of `GridSearchCV`.
    n_programs_ : int
        How many groups of candidates and folds were trained, each as one program.

    Examples
    --------
    >>> from sklearn.datasets import make_circles
    >>> from lossmith.estimators import LossClassifier
    >>> x, y = make_circles(120, noise=0.1, factor=0.4, random_state=0)
    >>> search = LossSearchCV(LossClassifier(epochs=5, random_state=0), {"loss": ["hinge", "brier"]}, cv=3).fit(x, y)
    >>> sorted(search.best_params_), search.n_programs_
    (['loss'], 1)
    """

    def __init__(
        self,
        estimator: LossEstimator,
        param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
        *,
        scoring: Any = None,
        cv: Any = None,
        refit: bool = True,
    ) -> None:
        self.estimator = estimator
        self.param_grid = param_grid
        self.scoring = scoring
        self.cv = cv
        self.refit = refit

    def fit(self, X: Any, y: Any, groups: Any = None) -> LossSearchCV:
        """Search, and train the best candidate on all rows.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,)
        groups : array of shape (n_samples,), optional
            For splitters that keep groups together.

        Raises
        ------
        InvalidInputError
            An estimator, a grid or data that cannot be used.
        """
        if not isinstance(self.estimator, LossEstimator):
            raise InvalidInputError(
                f"estimator {type(self.estimator).__name__}",
                expected="a LossClassifier or LossRegressor",
                advice="use GridSearchCV for others, pipelines included",
            )
        candidates = [dict(point) for point in self._grid()]
        X, y, groups = indexable(X, y, groups)
        splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        folds = list(splitter.split(X, y, groups))
        self.scorer_ = check_scoring(self.estimator, scoring=self.scoring)
        scores = self._scores(np.asarray(X), np.asarray(y), candidates, folds)
        self.n_splits_ = len(folds)
        self.cv_results_ = _results(candidates, scores)
        self.best_index_ = int(self.cv_results_["rank_test_score"].argmin())
        self.best_params_ = candidates[self.best_index_]
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        if self.refit:
            self.best_estimator_ = clone(self.estimator).set_params(**self.best_params_).fit(X, y)
        return self

    def _grid(self) -> ParameterGrid:
        try:
            grid = ParameterGrid(self.param_grid)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(
                f"param_grid={self.param_grid!r}", expected="lists of values by name", advice=str(error)
            ) from error
        known = (*STACKED, *_SEPARATE)
        for point in grid:
            for name in point:
                if name not in known:
                    raise UnknownNameError(f"parameter {name!r} of a stacked search", advice=did_you_mean(name, known))
        return grid

    def _scores(self, X: np.ndarray, y: np.ndarray, candidates: list[dict[str, Any]], folds: list[Any]) -> np.ndarray:
        """Return the score of every candidate on every fold, shape (n_candidates, n_folds)."""
        scores = np.full((len(candidates), len(folds)), np.nan)
        programs = 0
        separate = [tuple(sorted((k, repr(v)) for k, v in point.items() if k in _SEPARATE)) for point in candidates]
        readers = [clone(self.estimator) for _ in folds]
        rows = []
        for reader, (train_rows, _) in zip(readers, folds, strict=True):
            inputs, target = reader._read(X[train_rows], y[train_rows])
            rows.append(reader._fold(inputs, target))
        # classes that a fold lacks change the width of the head: such folds have a program of their own
        widths = [reader._n_classes for reader in readers]
        for key in dict.fromkeys(separate):
            chosen = [k for k, other in enumerate(separate) if other == key]
            changes = {name: value for name, value in candidates[chosen[0]].items() if name in _SEPARATE}
            for width in dict.fromkeys(widths):
                places = [place for place, other in enumerate(widths) if other == width]
                first = readers[places[0]]
                runs = [first._candidate(candidates[k]) for k in chosen]
                heads = {run.loss.units(width or None) for run in runs}
                programs += len(heads) * len({rows[place].shape for place in places})
                trained = train(first._how(**changes), runs, [rows[place] for place in places])
                for place, outcomes in zip(places, trained, strict=True):
                    test = folds[place][1]
                    for k, run, outcome in zip(chosen, runs, outcomes, strict=True):
                        if outcome.diverged:
                            continue  # NaN, which ranks last, as a fit that fails does in GridSearchCV
                        fitted = clone(self.estimator).set_params(**candidates[k])
                        fitted._read(X[folds[place][0]], y[folds[place][0]])
                        fitted._keep(outcome, run.loss)
                        scores[k, place] = self.scorer_(fitted, X[test], y[test])
        self.n_programs_ = programs
        return scores

    @property
    def classes_(self) -> np.ndarray:
        """Classes of the best estimator."""
        return self._best().classes_

    def _best(self) -> Any:
        check_is_fitted(self)
        if not self.refit:
            raise InvalidInputError(
                "refit=False", expected="refit=True", advice="there is no estimator to predict with"
            )
        return self.best_estimator_

    @available_if(_best_has("predict"))
    def predict(self, X: Any) -> np.ndarray:
        """Predict with the best estimator."""
        return self._best().predict(X)

    @available_if(_best_has("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities of the best estimator."""
        return self._best().predict_proba(X)

    @available_if(_best_has("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Return scores of the best estimator."""
        return self._best().decision_function(X)

    def score(self, X: Any, y: Any) -> float:
        """Return the score of the best estimator, by the scoring of the search."""
        return float(self.scorer_(self._best(), X, y))

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.estimator_type, tags.classifier_tags, tags.regressor_tags = (
            inner.estimator_type,
            inner.classifier_tags,
            inner.regressor_tags,
        )
        return tags


def _results(candidates: list[dict[str, Any]], scores: np.ndarray) -> dict[str, Any]:
    """Return what `GridSearchCV` calls `cv_results_`."""
    found: dict[str, Any] = {"params": candidates}
    for name in sorted({name for point in candidates for name in point}):
        column = np.ma.masked_all(len(candidates), dtype=object)
        for place, point in enumerate(candidates):
            if name in point:
                column[place] = point[name]
        found[f"param_{name}"] = column
    for fold in range(scores.shape[1]):
        found[f"split{fold}_test_score"] = scores[:, fold]
    found["mean_test_score"] = scores.mean(axis=1)
    found["std_test_score"] = scores.std(axis=1)
    worst = np.nanmin(found["mean_test_score"]) - 1 if np.isfinite(found["mean_test_score"]).any() else 0.0
    ranked = rankdata(-np.nan_to_num(found["mean_test_score"], nan=worst), method="min")
    found["rank_test_score"] = ranked.astype(np.int32)
    return found
