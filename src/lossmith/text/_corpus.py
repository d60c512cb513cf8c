"""Text as numbers: cleaning, tokens, vocabulary, and a split by position."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lossmith._errors import DataError, InvalidInputError
from lossmith.data._bounded import read_whole
from lossmith.data._files import find_file

__all__ = ["UNKNOWN", "Corpus", "Vocabulary", "clean", "make_corpus", "read_text", "tokenize"]

LevelOfText = Literal["char", "word"]

UNKNOWN = "\ufffd"  # stands for what a vocabulary leaves out
LEAST = 200  # characters or words, below which there is nothing to learn from
_WORDS = re.compile(r"\w+|[^\w\s]|\s")
_GUTENBERG = re.compile(r"\*\*\*\s*(START|END) OF (?:THE|THIS) PROJECT GUTENBERG[^*]*\*\*\*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens that a model knows, in a fixed order.

    Attributes
    ----------
    level : {"char", "word"}
    tokens : tuple of str
    """

    level: LevelOfText
    tokens: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str, *, strict: bool = True) -> np.ndarray:
        """Return the numbers of the tokens of a text, shape (n_tokens,), int32.

        Raises
        ------
        InvalidInputError
            A token that the vocabulary lacks, where `strict` or where it has none for unknown ones.

        Examples
        --------
        >>> Vocabulary("char", ("a", "b")).encode("abba").tolist()
        [0, 1, 1, 0]
        """
        places = {token: place for place, token in enumerate(self.tokens)}
        found = tokenize(text, self.level)
        missing = sorted({token for token in found if token not in places})
        unknown = places.get(UNKNOWN)
        if missing and (strict or unknown is None):
            shown = ", ".join(map(repr, missing[:5])) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            raise InvalidInputError(
                f"text with {shown}, unknown to the model",
                expected=f"{'characters' if self.level == 'char' else 'words'} of its training text",
                advice="leave them out",
            )
        return np.array([places.get(token, unknown) for token in found], np.int32)

    def decode(self, numbers: Sequence[int] | np.ndarray) -> str:
        """Return the text of a sequence of tokens.

        Examples
        --------
        >>> Vocabulary("char", ("a", "b")).decode([1, 0])
        'ba'
        """
        return "".join(self.tokens[int(number)] for number in numbers)


@dataclass(frozen=True, slots=True)
class Corpus:
    """A text, cut by position: what comes first is trained on, what comes last is held out.

    Attributes
    ----------
    name : str
    vocabulary : Vocabulary
    train, validation : ndarray of int32
        Numbers of tokens.
    train_text, validation_text : str
    fingerprint : str
        SHA-256 of the cleaned text.
    decisions : tuple of str
        What cleaning did.
    """

    name: str
    vocabulary: Vocabulary
    train: np.ndarray
    validation: np.ndarray
    train_text: str
    validation_text: str
    fingerprint: str
    decisions: tuple[str, ...]


def read_text(path: str | os.PathLike[str], *, data_dir: str | os.PathLike[str] | None = None) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 with its mark.

    Use it for books and corpora; `path` is looked for from the working folder, then below `data_dir`.

    Raises
    ------
    DataError
        No such file, no text, or not in UTF-8.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("to be")
    ...     file.flush()
    ...     read_text(file.name)
    'to be'
    """
    try:
        place = find_file(path, data_dir=data_dir)
    except DataError as error:
        raise DataError(error.received, expected="a text file", advice=error.advice) from None
    data = read_whole(place)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{str(place)!r} is no text in UTF-8 (byte {error.start})",
            expected="a text file in UTF-8",
            advice="convert it, for example with iconv -t UTF-8",
        ) from error
    if "\0" in text:
        raise DataError(f"{str(place)!r} holds zero bytes", expected="a text file", advice="give a file of plain text")
    return text


def tokenize(text: str, level: LevelOfText) -> list[str]:
    """Return the tokens of a text: characters, or words, marks and spaces; together they are the text again.

    Use it to see what a model reads; `level` is "char" or "word".

    Examples
    --------
    >>> tokenize("Doug saw Jane.", "word")
    ['Doug', ' ', 'saw', ' ', 'Jane', '.']
    """
    return list(text) if level == "char" else _WORDS.findall(text)


def clean(text: str, *, lowercase: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return a text with one kind of line end and composed characters, and what was done to it.

    Examples
    --------
    >>> clean("One\\r\\nTWO", lowercase=True)
    ('one\\ntwo', ('line ends made \\\\n', 'made lower case'))
    """
    done = []
    found = list(_GUTENBERG.finditer(text))
    if found and found[0].group(1).upper() == "START":
        last = found[-1] if found[-1].group(1).upper() == "END" else None
        text = text[found[0].end() : last.start() if last else None].strip("\r\n") + "\n"
        done.append("licence of Project Gutenberg left out")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        done.append("line ends made \\n")
    composed = unicodedata.normalize("NFC", text)
    if composed != text:
        text = composed
        done.append("characters composed (NFC)")
    if lowercase:
        text = text.lower()
        done.append("made lower case")
    return text, tuple(done)


def make_corpus(
    text: str,
    *,
    name: str = "text",
    level: LevelOfText = "char",
    validation: float = 0.1,
    first: int | None = None,
    lowercase: bool = False,
    words: int = 10_000,
) -> Corpus:
    """Return a text as a corpus: cleaned, cut by position, with its vocabulary.

    Use it to train on a text in pieces that you choose; `train_text` calls it with its defaults.

    Parameters
    ----------
    text : str
    name : str
    level : {"char", "word"}
    validation : float
        Share of the tokens held out at the end.
    first : int, optional
        Only this many characters from the start.
    lowercase : bool
    words : int
        Most frequent words that are kept, of a language model of words; all others are one token.

    Raises
    ------
    InvalidInputError
        An option out of range.
    DataError
        Too little text.

    Examples
    --------
    >>> corpus = make_corpus("to be or not to be\\n" * 20, validation=0.25)
    >>> len(corpus.vocabulary), len(corpus.train), len(corpus.validation)
    (8, 285, 95)
    """
    if level not in ("char", "word"):
        raise InvalidInputError(f"level {level!r}", expected="char or word")
    if not 0 < validation < 1:
        raise InvalidInputError(f"validation share {validation:g}", expected="a share in (0, 1)", advice="0.1 is usual")
    if first is not None and first < 1:
        raise InvalidInputError(f"first {first} characters", expected="at least 1")
    if words < 2:
        raise InvalidInputError(f"{words} words", expected="at least 2")
    text, done = clean(text, lowercase=lowercase)
    if first is not None and first < len(text):
        text = text[:first]
        done = (*done, f"only the first {first:,} characters")
    tokens = tokenize(text, level)
    cut = int(len(tokens) * (1 - validation))
    if cut < LEAST or len(tokens) - cut < 2:
        raise DataError(
            f"a text of {len(tokens):,} {'characters' if level == 'char' else 'words'} of which {validation:.3g} is held out",
            expected=f"at least {LEAST} to train on and 2 held out",
            advice="give a longer text, or hold out a tenth of it",
        )
    kept = sorted(set(tokens))
    if level == "word":
        counts = Counter(tokens[:cut])
        if len(set(tokens)) > words or len(set(tokens)) > len(counts):
            kept = [UNKNOWN, *sorted(token for token, _ in counts.most_common(words - 1))]
            done = (*done, f"{len(kept) - 1:,} words kept of {len(set(tokens)):,}")
    vocabulary = Vocabulary(level, tuple(kept))
    if len(vocabulary) < 2:
        raise DataError(f"a text of {kept[0]!r} alone", expected="two different tokens or more", advice="give a text")
    places = {token: place for place, token in enumerate(kept)}
    numbers = np.array([places.get(token, 0) for token in tokens], np.int32)
    return Corpus(
        name=name,
        vocabulary=vocabulary,
        train=numbers[:cut],
        validation=numbers[cut:],
        train_text="".join(tokens[:cut]),
        validation_text="".join(tokens[cut:]),
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        decisions=done,
    )
