"""The catalogue of classical models: thin records over scikit-learn, none of them written again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lossmith._catalogue import Catalogue
from lossmith._names import parse_name
from lossmith.estimators._classical_spec import Classical, Face

__all__ = ["CLASSICAL", "classical"]

LINEAR = "sklearn.linear_model"
ENSEMBLE = "sklearn.ensemble"
SQUARED: Mapping[str, Mapping[str, Any]] = {"mean_squared_error": {}}
LOG: Mapping[str, Mapping[str, Any]] = {"binary_crossentropy": {}}
LIKELIHOOD: Mapping[str, Mapping[str, Any]] = {"none: class densities": {}}
VOTES: Mapping[str, Mapping[str, Any]] = {"none: votes of neighbours": {}}


def _losses(**names: Any) -> dict[str, dict[str, Any]]:
    return {name: {"loss": value} if isinstance(value, str) else dict(value) for name, value in names.items()}


def _polynomial(estimator: Any, values: Mapping[str, Any]) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    return make_pipeline(PolynomialFeatures(values["degree"], include_bias=False), StandardScaler(), estimator)


def _one_versus_rest(estimator: Any, _values: Mapping[str, Any]) -> Any:
    from sklearn.multiclass import OneVsRestClassifier

    return OneVsRestClassifier(estimator)


def _both(
    regressor: str, classifier: str, *, regression: Any = SQUARED, classification: Any = LOG, **defaults: Any
) -> dict[str, Face]:
    return {
        "regression": Face(regressor, regression, defaults),
        "classification": Face(classifier, classification, defaults),
    }


_TREE_REGRESSION = {
    "mean_squared_error": {"criterion": "squared_error"},
    "mean_absolute_error": {"criterion": "absolute_error"},
    "poisson": {"criterion": "poisson"},
}
_TREE_CLASSES = {"brier": {"criterion": "gini"}, "binary_crossentropy": {"criterion": "entropy"}}
_BOOSTING = _losses(mean_squared_error="squared_error", mean_absolute_error="absolute_error", huber="huber")
_BOOSTING["quantile"] = {"loss": "quantile", "alpha": 0.5}
_HIST = _losses(mean_squared_error="squared_error", mean_absolute_error="absolute_error")
_HIST |= {"quantile": {"loss": "quantile", "quantile": 0.5}, "poisson": {"loss": "poisson"}, "gamma": {"loss": "gamma"}}
_SGD_CLASSES = _losses(
    hinge="hinge", binary_crossentropy="log_loss", modified_huber="modified_huber", squared_hinge="squared_hinge"
)
_SGD_NUMBERS = _losses(
    mean_squared_error="squared_error",
    huber={"loss": "huber", "epsilon": 1.0},
    epsilon_insensitive="epsilon_insensitive",
    squared_epsilon_insensitive="squared_epsilon_insensitive",
)

CLASSICAL: Catalogue[Classical] = Catalogue(
    "classical model",
    [
        Classical("linear", "least squares without a penalty", {"regression": Face(f"{LINEAR}:LinearRegression", SQUARED)}, "Legendre, Nouvelles méthodes, 1805", ("linear_regression", "ols")),
        Classical(
            "polynomial",
            "powers and products of the inputs up to `degree`, then a linear or logistic model",
            {
                "regression": Face(f"{LINEAR}:Ridge", SQUARED, {"alpha": 1e-6}, _polynomial, {"degree": 2}),
                "classification": Face(f"{LINEAR}:LogisticRegression", LOG, {"max_iter": 500}, _polynomial, {"degree": 2}),
            },
            "Gergonne, Application de la méthode des moindres quarrés, 1815",
        ),
        Classical("ridge", "linear model with a penalty of squared weights", _both(f"{LINEAR}:Ridge", f"{LINEAR}:RidgeClassifier", classification={"mean_squared_error": {}}), "Hoerl, Kennard, Ridge regression, 1970"),
        Classical("lasso", "linear model with a penalty of absolute weights: some become exactly 0", {"regression": Face(f"{LINEAR}:Lasso", SQUARED, {"alpha": 0.01})}, "Tibshirani, Regression shrinkage and selection via the lasso, 1996"),
        Classical("elastic_net", "linear model with both penalties", {"regression": Face(f"{LINEAR}:ElasticNet", SQUARED, {"alpha": 0.01})}, "Zou, Hastie, Regularization and variable selection via the elastic net, 2005", ("elasticnet",)),
        Classical("logistic", "linear log-odds; the multinomial form for several classes", {"classification": Face(f"{LINEAR}:LogisticRegression", LOG, {"max_iter": 500})}, "Cox, The regression analysis of binary sequences, 1958", ("logistic_regression",)),
        Classical("logistic_one_vs_rest", "one logistic model for each class against the rest, the largest wins", {"classification": Face(f"{LINEAR}:LogisticRegression", LOG, {"max_iter": 500}, _one_versus_rest)}, "Rifkin, Klautau, In defense of one-vs-all classification, 2004", ("one_vs_rest",)),
        Classical(
            "sgd",
            "linear model by stochastic gradient descent under one of many losses",
            {"regression": Face(f"{LINEAR}:SGDRegressor", _SGD_NUMBERS), "classification": Face(f"{LINEAR}:SGDClassifier", _SGD_CLASSES)},
            "Robbins, Monro, A stochastic approximation method, 1951",
        ),
        Classical(
            "linear_svm",
            "linear model with the largest margin",
            {
                "regression": Face("sklearn.svm:LinearSVR", _losses(epsilon_insensitive="epsilon_insensitive", squared_epsilon_insensitive="squared_epsilon_insensitive"), {"max_iter": 5000}),
                "classification": Face("sklearn.svm:LinearSVC", _losses(squared_hinge="squared_hinge", hinge="hinge"), {"max_iter": 5000}),
            },
            "Cortes, Vapnik, Support-vector networks, 1995",
        ),
        Classical(
            "svm",
            "largest margin in a space of kernels (`kernel=rbf`, `linear`, `poly`); its time grows with the square of the rows",
            _both("sklearn.svm:SVR", "sklearn.svm:SVC", regression={"epsilon_insensitive": {}}, classification={"hinge": {}}),
            "Boser, Guyon, Vapnik, A training algorithm for optimal margin classifiers, 1992",
            ("svc", "svr"),
        ),
        Classical("knn", "mean or vote of the nearest rows (`n_neighbors`, `metric`, `weights`)", _both("sklearn.neighbors:KNeighborsRegressor", "sklearn.neighbors:KNeighborsClassifier", regression=VOTES, classification=VOTES), "Cover, Hart, Nearest neighbor pattern classification, 1967", ("nearest_neighbours", "k_nearest_neighbors")),
        Classical("lda", "a normal density for each class with one covariance: straight borders", {"classification": Face("sklearn.discriminant_analysis:LinearDiscriminantAnalysis", LIKELIHOOD)}, "Fisher, The use of multiple measurements in taxonomic problems, 1936"),
        Classical("qda", "a normal density for each class with its own covariance", {"classification": Face("sklearn.discriminant_analysis:QuadraticDiscriminantAnalysis", LIKELIHOOD, {"reg_param": 1e-3})}, "Smith, Some examples of discrimination, 1947"),
        Classical("naive_bayes", "a normal density for each class, inputs independent within it", {"classification": Face("sklearn.naive_bayes:GaussianNB", LIKELIHOOD)}, "Maron, Automatic indexing, 1961"),
        Classical("tree", "one decision tree (`max_depth`, `min_samples_split`, `ccp_alpha` prunes)", _both("sklearn.tree:DecisionTreeRegressor", "sklearn.tree:DecisionTreeClassifier", regression=_TREE_REGRESSION, classification=_TREE_CLASSES), "Breiman, Friedman, Olshen, Stone, Classification and regression trees, 1984", ("decision_tree", "cart")),
        Classical("bagging", "trees on bootstrap samples, averaged", _both(f"{ENSEMBLE}:BaggingRegressor", f"{ENSEMBLE}:BaggingClassifier", classification={"brier": {}}, n_estimators=50), "Breiman, Bagging predictors, 1996"),
        Classical("random_forest", "trees on bootstrap samples that see random inputs at each split", _both(f"{ENSEMBLE}:RandomForestRegressor", f"{ENSEMBLE}:RandomForestClassifier", regression=_TREE_REGRESSION, classification=_TREE_CLASSES), "Breiman, Random forests, 2001"),
        Classical("extra_trees", "trees on all rows whose cuts are drawn at random, the best of them kept", _both(f"{ENSEMBLE}:ExtraTreesRegressor", f"{ENSEMBLE}:ExtraTreesClassifier", regression=_TREE_REGRESSION, classification=_TREE_CLASSES), "Geurts, Ernst, Wehenkel, Extremely randomized trees, 2006"),
        Classical(
            "adaboost",
            "weak learners one after the other on rows that weigh more the worse they are predicted (SAMME; R2 for numbers)",
            {
                "regression": Face(f"{ENSEMBLE}:AdaBoostRegressor", {"mean_absolute_error": {"loss": "linear"}, "mean_squared_error": {"loss": "square"}, "exponential": {"loss": "exponential"}}),
                "classification": Face(f"{ENSEMBLE}:AdaBoostClassifier", {"exponential": {}}),
            },
            "Freund, Schapire, A decision-theoretic generalization of on-line learning, 1997",
        ),
        Classical(
            "gradient_boosting",
            "trees on the negative gradient of the loss",
            {
                "regression": Face(f"{ENSEMBLE}:GradientBoostingRegressor", _BOOSTING),
                "classification": Face(f"{ENSEMBLE}:GradientBoostingClassifier", _losses(binary_crossentropy="log_loss", exponential="exponential")),
            },
            "Friedman, Greedy function approximation, 2001",
        ),
        Classical(
            "hist_gradient_boosting",
            "gradient boosting on binned inputs: fast on many rows",
            {
                "regression": Face(f"{ENSEMBLE}:HistGradientBoostingRegressor", _HIST),
                "classification": Face(f"{ENSEMBLE}:HistGradientBoostingClassifier", LOG),
            },
            "Ke and others, LightGBM, 2017",
            ("hgb",),
        ),
        Classical(
            "rbf",
            "Gaussian units beside a linear tail, by least squares, or under any loss of the catalogue",
            {
                "regression": Face("lossmith.estimators:RBFNetworkRegressor", SQUARED, any_loss=True),
                "classification": Face("lossmith.estimators:RBFNetworkClassifier", {"brier": {}}, any_loss=True),
            },
            "Broomhead, Lowe, Multivariable functional interpolation and adaptive networks, 1988",
            ("rbf_network",),
        ),
        Classical("k_means", "centres that rows are nearest to, from several starts", {"clustering": Face("sklearn.cluster:KMeans", {"squared distance": {}}, {"n_init": 10})}, "Lloyd, Least squares quantization in PCM, 1982", ("kmeans",)),
        Classical("pca", "directions of largest variance", {"reduction": Face("sklearn.decomposition:PCA", {"squared reconstruction error": {}})}, "Pearson, On lines and planes of closest fit, 1901"),
        Classical("gaussian_mixture", "a mixture of normal densities by expectation maximisation", {"density": Face("sklearn.mixture:GaussianMixture", {"negative log-likelihood": {}})}, "Dempster, Laird, Rubin, Maximum likelihood from incomplete data, 1977", ("gmm",)),
        Classical("som", "units on a grid that spread over the rows", {"reduction": Face("lossmith.estimators:SelfOrganizingMap", {"none: competitive learning": {}})}, "Kohonen, Self-Organizing Maps, 2001"),
    ],
)  # fmt: skip


def classical(name: str | Classical) -> Classical:
    """Return the classical model of a name with its values, as in `random_forest:n_estimators=300`.

    Use it to have any model of the catalogue as scikit-learn has it, for `fit` and for pipelines.

    Raises
    ------
    UnknownNameError
        No such model, or it has no such argument.

    Examples
    --------
    >>> str(classical("knn:n_neighbors=3"))
    'knn:n_neighbors=3'
    """
    if isinstance(name, Classical):
        return name
    base, values = parse_name(name)
    return CLASSICAL[base].configured(**values)
