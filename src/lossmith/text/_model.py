"""A trained language model: probabilities, generation, and one safe file."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from lossmith import _tensor_file as tensor_file
from lossmith._errors import InvalidInputError, LossmithError, ModelFileError
from lossmith.text._corpus import UNKNOWN, Vocabulary, clean
from lossmith.text._network import Architecture, initial_state, scores, weight_shapes
from lossmith.text._sampling import Sampling, choose

__all__ = ["FORMAT", "KIND", "LanguageModel"]

FORMAT = "lossmith text 1"
KIND = "text"


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A language model of characters or words, ready to write.

    Attributes
    ----------
    architecture : Architecture
    vocabulary : Vocabulary
    weights : mapping of str to ndarray
    record : mapping
        How it was trained and what it reached: numbers and text.

    Examples
    --------
    >>> from lossmith.text import train_text
    >>> result = train_text("to be or not to be, " * 40, hidden=(8,), epochs=1, batch_size=4, window=10)
    >>> len(result.model.generate("to be", length=10, seed=1))
    15
    """

    architecture: Architecture
    vocabulary: Vocabulary
    weights: Mapping[str, np.ndarray]
    record: Mapping[str, Any] = field(default_factory=dict)

    def stream(self, seed_text: str = "", *, length: int, how: Sampling | None = None, seed: int = 0) -> Iterator[str]:
        """Yield tokens one after the other; the first follows `seed_text`.

        Raises
        ------
        InvalidInputError
            A seed text with characters that the model does not know, or no length.
        """
        if length < 1:
            raise InvalidInputError(f"length {length}", expected="at least 1")
        seed_text = clean(seed_text, lowercase=bool(self.record.get("lowercase")))[0]
        begins = self.vocabulary.encode(seed_text or self._first(), strict=False)
        how = how or Sampling()
        rng = np.random.default_rng(seed)
        banned = tuple(k for k, token in enumerate(self.vocabulary.tokens) if token == UNKNOWN)
        state: Any = initial_state(self.architecture, 1)
        raw: Any = None
        for token in begins:
            raw, state = self._step(np.array([token]), state)
        for _ in range(length):
            token = choose(np.asarray(raw)[0], how, rng, banned=banned)
            yield self.vocabulary.tokens[token]
            raw, state = self._step(np.array([token]), state)

    def generate(
        self,
        seed_text: str = "",
        *,
        length: int = 500,
        how: Sampling | None = None,
        stop: str | None = None,
        seed: int = 0,
    ) -> str:
        """Return `seed_text` and what the model writes after it.

        Parameters
        ----------
        seed_text : str
            What the text begins with; without one it begins as after a line end.
        length : int
            Tokens to write, at most.
        how : Sampling, optional
            By default at temperature 1.
        stop : str, optional
            The text ends with its first appearance in what was written.
        seed : int
        """
        if stop == "":
            raise InvalidInputError("an empty stop text", expected="one character or more")
        written = ""
        for token in self.stream(seed_text, length=length, how=how, seed=seed):
            written += token
            if stop is not None and stop in written:
                written = written[: written.index(stop) + len(stop)]
                break
        return seed_text + written

    def _first(self) -> str:
        return "\n" if "\n" in self.vocabulary.tokens else self.vocabulary.tokens[-1]

    def _step(self, tokens: np.ndarray, state: Any) -> tuple[Any, Any]:
        return _compiled(self.architecture)(dict(self.weights), tokens, state)

    def nats(self, text: str) -> float:
        """Return the mean of -log p of the tokens of a text after its first, in nats."""
        from lossmith.text._training import evaluate

        tokens = self.vocabulary.encode(clean(text, lowercase=bool(self.record.get("lowercase")))[0], strict=False)
        if len(tokens) < 2:
            raise InvalidInputError(f"a text of {len(tokens)} tokens", expected="2 or more")
        return evaluate(self.architecture, dict(self.weights), tokens[:1], tokens[1:])

    def to_bytes(self) -> bytes:
        """Return the content of its file; the same model gives the same bytes."""
        configuration = {
            "kind": KIND,
            "level": self.vocabulary.level,
            "tokens": list(self.vocabulary.tokens),
            "cell": self.architecture.cell,
            "hidden": list(self.architecture.hidden),
            "embedding": self.architecture.embedding,
            "record": dict(self.record),
        }
        return tensor_file.pack(configuration, dict(self.weights), format=FORMAT)

    def save(self, path: tensor_file.PathType) -> None:
        """Write it to one safetensors file, whole or not at all.

        Raises
        ------
        ModelFileError
            The path cannot be written.
        """
        tensor_file.write(self.to_bytes(), path)

    @classmethod
    def load(cls, path: tensor_file.PathType) -> LanguageModel:
        """Read a model from a file; nothing in it is executed.

        Raises
        ------
        ModelFileError
            The file misses, is damaged, or holds another kind of model.
        """
        configuration, tensors = tensor_file.read(path, format=FORMAT)
        try:
            return cls._restored(configuration, tensors)
        except (KeyError, TypeError, ValueError, LossmithError) as error:
            raise tensor_file.damaged(repr(str(path)), str(error)) from error

    @classmethod
    def _restored(cls, found: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> LanguageModel:
        wanted = {"kind", "level", "tokens", "cell", "hidden", "embedding", "record"}
        if set(found) != wanted or found["kind"] != KIND or found["level"] not in ("char", "word"):
            raise ModelFileError("its configuration is not that of a language model")
        tokens, hidden = found["tokens"], found["hidden"]
        plain = all(isinstance(token, str) for token in tokens) and len(set(tokens)) == len(tokens)
        whole = all(isinstance(number, int) and 0 <= number <= 2**20 for number in [*hidden, found["embedding"]])
        if not (plain and whole and isinstance(found["record"], dict)):
            raise ModelFileError("its configuration holds what does not belong there")
        architecture = Architecture(len(tokens), found["cell"], tuple(hidden), found["embedding"])
        shapes = weight_shapes(architecture)
        if {name: value.shape for name, value in tensors.items()} != shapes:
            raise ModelFileError("its weights do not fit its configuration")
        for name, value in tensors.items():
            if value.dtype != np.float32 or not np.isfinite(value).all():
                raise ModelFileError(f"{name} holds what is no finite number of single precision")
        return cls(architecture, Vocabulary(found["level"], tuple(tokens)), dict(tensors), found["record"])

    def described(self) -> dict[str, Any]:
        """Return what it is, as plain values."""
        return {**asdict(self.architecture), "level": self.vocabulary.level, "record": dict(self.record)}


@functools.lru_cache(maxsize=8)
def _compiled(architecture: Architecture) -> Any:
    import jax

    def step(weights: Any, tokens: Any, state: Any) -> Any:
        raw, after = scores(architecture, weights, tokens[None], state)
        return raw[0], after

    return jax.jit(step)
