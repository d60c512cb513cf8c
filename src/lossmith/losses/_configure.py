"""How to set a loss up in Keras, PyTorch and scikit-learn: code to paste, derived from the record."""

from __future__ import annotations

from collections.abc import Mapping

from lossmith.losses._domain import Encoding
from lossmith.losses._spec import Loss

__all__ = ["configure", "twin"]

_ENCODE: Mapping[Encoding, str] = {
    "standardized": "mean, deviation = y.mean(), y.std()\ny = (y - mean) / deviation  # statistics of the training rows",
    "mean_scaled": "mean = y.mean()\ny = y / mean  # mean of the training rows",
    "original": "# y stays in its own units",
    "zero_one": "# y holds 0 for class 0 and 1 for class 1",
    "minus_one_one": "y = 2 * y - 1  # class 0 becomes -1, class 1 becomes 1",
    "distribution": "# y holds class ids 0, 1, ..., one-hot rows, or soft rows that sum to 1",
    "class_ids": "# y holds class ids 0, 1, ...",
}
_BACK: Mapping[Encoding, str] = {"standardized": "mean + deviation * {}", "mean_scaled": "mean * {}"}
_ACTIVATION: Mapping[str, Mapping[str, str]] = {  # head -> library -> expression of `raw`
    "linear": {"keras": "raw[:, 0]", "torch": "raw[:, 0]"},
    "exponential": {"keras": "keras.ops.exp(raw[:, 0])", "torch": "torch.exp(raw[:, 0])"},
    "expm1": {"keras": "keras.ops.expm1(raw[:, 0])", "torch": "torch.expm1(raw[:, 0])"},
    "mean_and_log_variance": {"keras": "raw[:, 0]", "torch": "raw[:, 0]"},
    "quantiles": {"keras": "raw[:, 0]", "torch": "raw[:, 0]"},
    "median_and_log_scale": {"keras": "raw[:, 0]", "torch": "raw[:, 0]"},
    "location_scale_shape": {"keras": "raw[:, 0]", "torch": "raw[:, 0]"},
    "labels": {"keras": "keras.ops.sigmoid(raw)", "torch": "torch.sigmoid(raw)"},
    "one_versus_rest": {"keras": "keras.ops.sigmoid(raw)", "torch": "torch.sigmoid(raw)"},
    "item_scores": {"keras": "raw", "torch": "raw"},
    "embedding": {"keras": "raw", "torch": "raw"},
    "sigmoid": {"keras": "keras.ops.sigmoid(raw[:, 0])", "torch": "torch.sigmoid(raw[:, 0])"},
    "softmax": {"keras": "keras.ops.softmax(raw)", "torch": "torch.softmax(raw, -1)"},
    "margin": {"keras": "raw[:, 0]", "torch": "raw[:, 0]"},
    "ordering": {"keras": "raw[:, 0]", "torch": "raw[:, 0]"},
    "tanh_margin": {"keras": "keras.ops.tanh(raw[:, 0])", "torch": "torch.tanh(raw[:, 0])"},
    "class_scores": {"keras": "raw", "torch": "raw"},
}
_MEANING = {
    "embedding": "points; those of one kind lie together",
    "value": "predicted values",
    "probability": "probabilities",
    "score": "scores; the largest, or the sign, is the class",
}
_SKLEARN = {
    "GammaRegressor": "linear_model",
    "HistGradientBoostingRegressor": "ensemble",
    "LinearSVR": "svm",
    "GradientBoostingClassifier": "ensemble",
    "LinearSVC": "svm",
    "MLPClassifier": "neural_network",
    "MLPRegressor": "neural_network",
    "PoissonRegressor": "linear_model",
    "QuantileRegressor": "linear_model",
    "SGDClassifier": "linear_model",
    "SGDRegressor": "linear_model",
    "TransformedTargetRegressor": "compose",
    "TweedieRegressor": "linear_model",
}


def twin(loss: Loss, library: str) -> str:
    """Return the expression that makes this loss, with its parameters, in another library; empty if there is none.

    A template that leaves a parameter out holds at that parameter's default only.

    Examples
    --------
    >>> from lossmith import losses
    >>> twin(losses.get("huber:delta=2"), "torch")
    'torch.nn.HuberLoss(delta=2.0)'
    >>> twin(losses.get("binary_crossentropy:label_smoothing=0.1"), "sklearn")
    ''
    """
    template = loss.code.get(library, "")
    if any(f"{{{name}}}" not in template for name in loss.values):
        return ""
    return template.format(**loss.configuration)


def configure(loss: Loss, n_classes: int | None = None) -> dict[str, str]:
    """Return code to paste that sets `loss` up, by library: keys "keras", "torch", "sklearn".

    The code expects `x` of shape `(n_samples, n_features)` and `y` of shape `(n_samples,)` with class ids or values.
    Where a library has the loss on raw outputs, its own is used, otherwise lossmith's adapter.

    Parameters
    ----------
    loss : Loss
    n_classes : int or None
        Needed for losses of several classes; 3 if left out.

    Examples
    --------
    >>> from lossmith import losses
    >>> print(configure(losses.get("hinge"))["keras"])
    import keras
    <BLANKLINE>
    y = 2 * y - 1  # class 0 becomes -1, class 1 becomes 1
    model = keras.Sequential([
        keras.layers.Dense(50, activation="relu"),
        keras.layers.Dense(1),  # raw output, no activation
    ])
    loss = keras.losses.Hinge()
    model.compile(optimizer="sgd", loss=loss)
    model.fit(x, y)
    raw = model.predict(x)
    prediction = raw[:, 0]  # scores; the largest, or the sign, is the class
    """
    units = loss.units(3 if n_classes is None else n_classes)
    return {"keras": _keras(loss, units), "torch": _torch(loss, units), "sklearn": _sklearn(loss)}


def _prediction(loss: Loss, library: str) -> str:
    # maps that no library has stay with lossmith, which wants a plain array
    plain = "raw.detach().numpy()" if library == "torch" else "raw"
    own = f'losses.get("{loss}").predict({plain})'
    expression = _ACTIVATION.get(loss.head.name, {}).get(library, own)
    back = _BACK.get(loss.encoding, "{}").format(expression)
    return f"prediction = {back}  # {_MEANING[loss.head.gives]}"


def _keras(loss: Loss, units: int) -> str:
    encoding, prediction = _encoding(loss), _prediction(loss, "keras")
    expression = twin(loss, "keras_class_ids")
    if not expression:
        expression = twin(loss, "keras")
        if expression and loss.encoding == "distribution":
            encoding = [f"y = keras.ops.one_hot(y, {units})  # class ids 0, 1, ... become rows"]
    if not expression:
        expression = f'losses.get("{loss}").as_keras()'
    return "\n".join(
        [
            "import keras",
            *_own_import(expression + prediction),
            "",
            *encoding,
            "model = keras.Sequential([",
            '    keras.layers.Dense(50, activation="relu"),',
            f"    keras.layers.Dense({units}),  # raw output, no activation",
            "])",
            f"loss = {expression}",
            'model.compile(optimizer="sgd", loss=loss)',
            "model.fit(x, y)",
            "raw = model.predict(x)",
            prediction,
        ]
    )


def _own_import(code: str) -> list[str]:
    return ["from lossmith import losses"] if "losses.get(" in code else []


def _encoding(loss: Loss) -> list[str]:
    if loss.full_support:
        return ["# y holds rows of probabilities that sum to 1, none of them 0"]
    if loss.head.units == "n_outputs" and loss.encoding != "class_ids":
        return ["# y holds one column for each output"]
    return _ENCODE[loss.encoding].split("\n")


def _torch(loss: Loss, units: int) -> str:
    expression = twin(loss, "torch") or f'losses.get("{loss}").as_torch()'
    prediction = _prediction(loss, "torch")
    dtype = "" if loss.encoding in ("distribution", "class_ids") else ", dtype=torch.float32"
    output = "raw[:, 0]" if units == 1 and loss.encoding != "distribution" else "raw"
    return "\n".join(
        [
            "import torch",
            *_own_import(expression + prediction),
            "",
            *_encoding(loss),
            "model = torch.nn.Sequential(",
            "    torch.nn.LazyLinear(50),",
            "    torch.nn.ReLU(),",
            f"    torch.nn.Linear(50, {units}),  # raw output, no activation",
            ")",
            f"criterion = {expression}",
            "raw = model(torch.as_tensor(x, dtype=torch.float32))",
            f"criterion({output}, torch.as_tensor(y{dtype})).backward()",
            prediction,
        ]
    )


def _sklearn(loss: Loss) -> str:
    expression = twin(loss, "sklearn")
    if not expression:
        return f"# scikit-learn has no estimator that trains with {loss}"
    names = [name for name in _SKLEARN if f"{name}(" in expression]
    imports = [f"from sklearn.{_SKLEARN[name]} import {name}" for name in names]
    if "np." in expression:
        imports.insert(0, "import numpy as np\n")
    encoding, prediction = [], "model.predict(x)"
    if loss.encoding == "standardized":
        encoding, prediction = _encoding(loss), _BACK[loss.encoding].format(prediction)
    return "\n".join(
        [*imports, "", *encoding, f"model = {expression}", "model.fit(x, y)", f"prediction = {prediction}"]
    )
