"""Data sets that come with the package: generated, or shipped by scikit-learn."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from lossmith._catalogue import Catalogue
from lossmith._errors import InvalidInputError, did_you_mean
from lossmith._names import parse_name
from lossmith.data._assemble import Choices, from_pair
from lossmith.data._spec import Dataset, Task

__all__ = ["BUILT_IN", "BuiltIn", "is_built_in", "load_built_in", "worms_counts"]


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A built-in data set.

    Attributes
    ----------
    name, description : str
    task : {"regression", "binary", "multiclass"}
    loader : callable
        Keyword arguments with defaults in, a `Dataset` out.
    reference : str
        Where it comes from.
    licence : str
    aliases : tuple of str
    """

    name: str
    description: str
    task: Task
    loader: Callable[..., Dataset]
    reference: str
    licence: str
    aliases: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, int | float]:
        """Every parameter with its default value."""
        return {name: parameter.default for name, parameter in inspect.signature(self.loader).parameters.items()}


def is_built_in(name: str) -> bool:
    """Return whether `name`, with parameters after a colon or without, is a built-in set."""
    return name.partition(":")[0] in BUILT_IN


def load_built_in(source: str, *, name: str | None = None) -> Dataset:
    """Return a built-in set by name, with parameters after a colon if any.

    Raises
    ------
    InvalidInputError
        A parameter it does not have, or a value that is no number.

    Examples
    --------
    >>> load_built_in("circles:noise=0.2,n_samples=600").class_counts
    (300, 300)
    """
    base, given = parse_name(source)
    record = BUILT_IN[base]
    values: dict[str, int | float] = {}
    for parameter, value in given.items():
        if parameter not in record.parameters:
            advice = (
                did_you_mean(parameter, record.parameters) if record.parameters else f"{record.name} has no parameters"
            )
            raise InvalidInputError(f"{record.name} has no parameter {parameter!r}", advice=advice)
        default = record.parameters[parameter]
        fits = (int,) if isinstance(default, int) else (int, float)
        if isinstance(value, bool) or not isinstance(value, fits):
            raise InvalidInputError(
                f"{parameter}={value} in {source!r}",
                expected=f"{parameter}={'a whole number' if isinstance(default, int) else 'a number'}",
                advice=f"the default is {default}",
            )
        values[parameter] = type(default)(value)
    try:
        dataset = record.loader(**values)
    except InvalidInputError:
        raise
    except ValueError as error:  # scikit-learn's generators check their own arguments
        text = " ".join(str(error).split())
        raise InvalidInputError(f"{source!r}: {text}", advice="change the parameter") from error
    changed = {key: value for key, value in values.items() if value != record.parameters[key]}
    label = record.name + (":" + ",".join(f"{key}={value}" for key, value in changed.items()) if changed else "")
    return replace(dataset, name=name or label, source=label)


def _prepared(
    features: np.ndarray | pl.DataFrame,
    target: np.ndarray,
    *,
    target_name: str = "y",
    task: Task,
    classes: tuple[str, ...] = (),
) -> Dataset:
    dataset = from_pair((features, target), Choices(target=target_name, task=task))
    if classes:
        names = tuple(classes[int(name)] for name in dataset.class_names)
        columns = tuple(replace(c, levels=names) if c.role == "target" else c for c in dataset.columns)
        said = f"Classes: {', '.join(names)}" + (f"; the positive one is {names[1]!r}." if task == "binary" else ".")
        decisions = tuple(said if "positive class" in text else text for text in dataset.decisions)
        dataset = replace(dataset, class_names=names, columns=columns, decisions=decisions)
    return dataset


def _circles(n_samples: int = 1000, noise: float = 0.1, factor: float = 0.8, random_state: int = 1) -> Dataset:
    from sklearn.datasets import make_circles

    return _prepared(*make_circles(n_samples, noise=noise, factor=factor, random_state=random_state), task="binary")


def _blobs(
    n_samples: int = 1000, centers: int = 3, n_features: int = 2, cluster_std: float = 2.0, random_state: int = 2
) -> Dataset:
    from sklearn.datasets import make_blobs

    features, target = make_blobs(
        n_samples, n_features=n_features, centers=centers, cluster_std=cluster_std, random_state=random_state
    )
    return _prepared(features, target, task="multiclass")


def _regression(
    n_samples: int = 1000, n_features: int = 20, n_informative: int = 10, noise: float = 0.1, random_state: int = 1
) -> Dataset:
    from sklearn.datasets import make_regression

    features, target = make_regression(
        n_samples, n_features=n_features, n_informative=n_informative, noise=noise, random_state=random_state
    )
    return _prepared(features, target, task="regression")


def worms_counts() -> np.ndarray:
    """Return how many of 100 worms have 0, 1, ..., 10 teeth, as int64 of shape (11,).

    Use it for the worked example of a report on divergences.

    Source: W. Kurt, Kullback-Leibler divergence explained, Count Bayesie, 2017.

    Examples
    --------
    >>> worms_counts().sum()
    np.int64(100)
    """
    return np.array([2, 3, 5, 14, 16, 15, 12, 8, 10, 8, 7], dtype=np.int64)


def _worms() -> Dataset:
    teeth = np.repeat(np.arange(11), worms_counts()).astype(np.float64)
    dataset = _prepared(np.ones((len(teeth), 1)), teeth, target_name="teeth", task="regression")
    said = "There are no features, only a constant: a model can learn one number, such as the mean or the median."
    return replace(dataset, decisions=(*dataset.decisions, said))


def _shipped(loader: str, *, task: Task, target_name: str, frame: bool = True) -> Dataset:
    from sklearn import datasets

    bunch = getattr(datasets, loader)()
    names = [str(name) for name in bunch.feature_names]
    features = pl.DataFrame({name: bunch.data[:, i] for i, name in enumerate(names)}) if frame else bunch.data
    classes = tuple(str(name) for name in bunch.target_names) if task != "regression" else ()
    return _prepared(features, bunch.target, target_name=target_name, task=task, classes=classes)


def _iris() -> Dataset:
    return _shipped("load_iris", task="multiclass", target_name="species")


def _wine() -> Dataset:
    return _shipped("load_wine", task="multiclass", target_name="cultivar")


def _breast_cancer() -> Dataset:
    return _shipped("load_breast_cancer", task="binary", target_name="diagnosis")


def _digits() -> Dataset:
    return _shipped("load_digits", task="multiclass", target_name="digit", frame=False)


def _diabetes() -> Dataset:
    return _shipped("load_diabetes", task="regression", target_name="progression")


_SKLEARN = "generated by scikit-learn"
_FREE = "generated, free to use"
_UCI = "CC BY 4.0 (UCI)"

BUILT_IN: Catalogue[BuiltIn] = Catalogue(
    "built-in data set",
    [
        BuiltIn("circles", "two noisy rings in the plane", "binary", _circles, f"{_SKLEARN} (make_circles)", _FREE),
        BuiltIn(
            "blobs", "three overlapping clouds in the plane", "multiclass", _blobs, f"{_SKLEARN} (make_blobs)", _FREE
        ),
        BuiltIn(
            "regression",
            "20 numbers, 10 of them informative, and their noisy sum",
            "regression",
            _regression,
            f"{_SKLEARN} (make_regression)",
            _FREE,
        ),
        BuiltIn(
            "worms",
            "teeth of 100 worms, a distribution without features",
            "regression",
            _worms,
            "W. Kurt, Kullback-Leibler divergence explained, 2017",
            "counts, free to use",
            ("teeth",),
        ),
        BuiltIn("iris", "three species by four lengths", "multiclass", _iris, "R. A. Fisher, 1936", _UCI),
        BuiltIn("wine", "three cultivars by 13 analyses", "multiclass", _wine, "M. Forina et al., 1988", _UCI),
        BuiltIn(
            "breast_cancer",
            "malignant or benign by 30 measures of cell nuclei",
            "binary",
            _breast_cancer,
            "W. Street, W. Wolberg, O. Mangasarian, 1993",
            _UCI,
            ("cancer",),
        ),
        BuiltIn(
            "digits", "handwritten digits, 8 x 8 pixels", "multiclass", _digits, "E. Alpaydin, C. Kaynak, 1998", _UCI
        ),
        BuiltIn(
            "diabetes",
            "disease progression in a year by ten measures",
            "regression",
            _diabetes,
            "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, 2004",
            "shipped by scikit-learn",
        ),
    ],
)
