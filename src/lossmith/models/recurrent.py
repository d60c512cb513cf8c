"""Recurrent networks on sequences: simple RNN, GRU and LSTM; stacked, in both directions, on numbers or on tokens."""

from __future__ import annotations

from typing import Any

from lossmith._errors import ShapeError
from lossmith._names import Value
from lossmith.models._spec import Field, Model
from lossmith.models.mlp import read_flag, read_rate, read_widths
from lossmith.training import load_keras

__all__ = ["GRU", "LSTM", "SIMPLE_RNN"]


def _read_hidden(value: Value) -> tuple[int, ...]:
    widths = read_widths(value)
    if not widths:
        raise ValueError("at least one recurrent layer, such as 32 or 32x32")
    return widths


def _read_count(value: Value) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number of at least 0")
    return value


def _build(
    kind: str,
    input_shape: tuple[int, ...],
    units: int,
    *,
    hidden: tuple[int, ...],
    bidirectional: bool,
    dropout: float,
    tokens: int,
    embedding: int,
) -> Any:
    keras = load_keras()
    layers = keras.layers
    if len(input_shape) > 2 or (tokens and len(input_shape) != 1):
        raise ShapeError(
            f"samples of shape {input_shape} for a recurrent network",
            expected="(n_steps,) for tokens, (n_steps,) or (n_steps, n_features) for numbers",
            advice="give one sequence as one sample",
        )
    made = [keras.Input(input_shape)]
    if tokens and embedding:
        made.append(layers.Embedding(tokens, embedding))
    elif tokens:
        # one-hot: the rows of a unit matrix that is never trained
        made.append(layers.Embedding(tokens, tokens, embeddings_initializer="identity", trainable=False))
    elif len(input_shape) == 1:
        made.append(layers.Reshape((input_shape[0], 1)))
    cell = getattr(layers, kind)
    for place, width in enumerate(hidden):
        layer = cell(width, return_sequences=place < len(hidden) - 1)
        made.append(layers.Bidirectional(layer) if bidirectional else layer)
        if dropout:
            made.append(layers.Dropout(dropout))
    made.append(layers.Dense(units))
    return keras.Sequential(made)


def _family(name: str, kind: str, description: str, reference: str) -> Model:
    def build(input_shape: tuple[int, ...], units: int, **configuration: Any) -> Any:
        return _build(kind, input_shape, units, **configuration)

    return Model(
        name=name,
        description=description,
        build=build,
        inputs="any",
        fields=(
            Field("hidden", (32,), _read_hidden, "widths of the recurrent layers, such as 32x32"),
            Field("bidirectional", False, read_flag, "read the sequence from both ends"),
            Field("dropout", 0.0, read_rate, "share of values dropped after each layer"),
            Field(
                "tokens",
                0,
                _read_count,
                "number of different tokens, where steps are whole numbers from 0; 0 for numbers",
            ),
            Field("embedding", 16, _read_count, "width of the vector of a token; 0 for one-hot"),
        ),
        reference=reference,
    )


SIMPLE_RNN = _family(
    "simple_rnn",
    "SimpleRNN",
    "recurrent layers h(t) = tanh(W x(t) + U h(t-1) + b), a linear head on the last",
    "Elman, Finding structure in time, 1990",
)
GRU = _family(
    "gru",
    "GRU",
    "gated recurrent units, a linear head on the last state",
    "Cho and others, Learning phrase representations using RNN encoder-decoder, 2014",
)
LSTM = _family(
    "lstm",
    "LSTM",
    "long short-term memory, a linear head on the last state",
    "Hochreiter, Schmidhuber, Long short-term memory, 1997",
)
