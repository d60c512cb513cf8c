"""Texts as tokens and back, and files of language models that were forged."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools

import numpy as np
import pytest

from lossmith import _tensor_file as tensor_file
from lossmith._errors import DataError, InvalidInputError, ModelFileError
from lossmith.text import LanguageModel, make_corpus, read_text
from lossmith.text._corpus import UNKNOWN, Vocabulary, clean
from lossmith.text._model import FORMAT
from lossmith.text._network import Architecture, initial_weights, weight_shapes
from lossmith.text._sampling import Sampling

VERSE = "to be or not to be, "
RING = Architecture(3, "simple_rnn", (3,), 0)


@pytest.fixture
def model() -> LanguageModel:
    architecture = Architecture(3, "simple_rnn", (2,), 0)
    return LanguageModel(
        architecture, Vocabulary("char", ("a", "b", "\n")), initial_weights(architecture, seed=0), {"n": 1}
    )


def test_tokens_that_a_model_does_not_know():
    words = Vocabulary("word", (UNKNOWN, "a", "b"))
    assert words.encode("a b c", strict=False).tolist() == [1, 0, 2, 0, 0]
    with pytest.raises(
        InvalidInputError,
        match=r"text with ' ', 'c', unknown to the model; expected words of its training text; leave them out",
    ):
        words.encode("a b c")
    letters = Vocabulary("char", ("a",))
    for strict in (True, False):  # without a token for what is unknown there is nothing to put in its place
        with pytest.raises(
            InvalidInputError, match=r"text with 'b', 'c', 'd', 'e', 'f' and 2 more, unknown .*; expected characters of"
        ):
            letters.encode("hgfedcba", strict=strict)
    with pytest.raises(InvalidInputError, match=r"text with 'b', 'c', 'd', 'e', 'f', unknown"):
        letters.encode("fedcba")
    found = letters.encode("aa")
    assert found.dtype == np.int32 and found.tolist() == [0, 0]


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_both_orders_of_bytes(tmp_path, mark):
    path = tmp_path / "t.txt"
    path.write_bytes(mark + "naïve".encode("utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"))
    assert read_text(path) == "naïve"
    path.write_bytes(b"\xef\xbb\xbf" + "naïve".encode())
    assert read_text(path) == "naïve"
    path.write_bytes("abcdä".encode("latin-1") + b"x")
    with pytest.raises(DataError, match=r"is no text in UTF-8 \(byte 4\); .*iconv"):
        read_text(path)
    path.write_bytes(mark + b"a")
    with pytest.raises(DataError, match="no text in UTF-8"):
        read_text(path)


def test_a_text_below_a_folder_of_data(tmp_path, monkeypatch):
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "t.txt").write_text("x", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert read_text("t.txt", data_dir="books") == "x"
    with pytest.raises(DataError, match=r"no file 't\.txt'; expected a text file"):
        read_text("t.txt")


START, END = "*** START OF THIS PROJECT GUTENBERG EBOOK A ***", "*** end of the project gutenberg ebook a ***"


@pytest.mark.parametrize(
    "text, wanted",
    [
        (f"licence\n{START}\r\n\r\nverse\n\n{END}\nlicence", "verse\n"),
        (f"licence\n{START}\nverse", "verse\n"),
        (f"a\n{END}\nb", f"a\n{END}\nb"),
        (f"{START}\none\n{START}\ntwo", f"one\n{START}\ntwo\n"),
    ],
)
def test_the_licence_of_a_book(text, wanted):
    found, done = clean(text)
    assert found == wanted
    assert done == (("licence of Project Gutenberg left out",) if found != text else ())


def test_the_end_of_a_line_is_one_character():
    assert clean("a\r\n\rb\n") == ("a\n\nb\n", ("line ends made \\n",))
    assert clean("a\nB") == ("a\nB", ()) and clean("E\u0301") == ("\u00c9", ("characters composed (NFC)",))
    assert clean("B", lowercase=True) == ("b", ("made lower case",))


def test_a_corpus_says_what_was_left_out():
    text = VERSE * 40
    corpus = make_corpus(text, validation=0.25, first=400, name="hamlet")
    assert corpus.train_text + corpus.validation_text == text[:400] and len(corpus.validation) == 100
    assert corpus.decisions == ("only the first 400 characters",) and corpus.name == "hamlet"
    assert corpus.fingerprint == hashlib.sha256(text[:400].encode()).hexdigest()
    assert corpus.vocabulary.decode(corpus.validation) == corpus.validation_text
    assert corpus.train.dtype == np.int32 == corpus.validation.dtype
    assert make_corpus(text, first=len(text)).decisions == () == make_corpus(text, first=10**6).decisions


def test_the_least_text():
    """200 to train on and 2 held out, and not one fewer of either."""
    assert len(make_corpus(("ab" * 200)[:222], validation=0.099).train) == 200
    with pytest.raises(
        DataError,
        match=r"a text of 221 characters of which 0\.099 is held out; expected at least 200 to train on and 2",
    ):
        make_corpus(("ab" * 200)[:221], validation=0.099)
    assert len(make_corpus("ab" * 200, validation=0.005).validation) == 2
    with pytest.raises(DataError, match="2 held out"):
        make_corpus("ab" * 200, validation=0.0025)
    with pytest.raises(DataError, match=r"a text of 40 words"):
        make_corpus("a b " * 10, level="word")


def test_words_that_are_kept():
    """The most frequent of the words that are trained on; one token stands for the rest."""
    text = "a b a b a c " * 60 + "d e " * 10
    every = make_corpus("a b " * 200, level="word", words=3)
    assert every.vocabulary.tokens == (" ", "a", "b") and every.decisions == ()
    some = make_corpus(text, level="word", validation=0.1, words=3)
    assert some.vocabulary.tokens == (UNKNOWN, " ", "a") and some.decisions == ("2 words kept of 6",)
    numbers = {" ": 1, "a": 2}
    assert some.train[:6].tolist() == [2, 1, 0, 1, 2, 1]
    assert [numbers.get(token, 0) for token in ["d", " ", "e", " "]] == some.validation[-4:].tolist()
    # words that are held out alone are unknown, however many may be kept
    late = make_corpus("a b " * 200 + "z " * 20, level="word", validation=0.05, words=100)
    assert late.vocabulary.tokens == (UNKNOWN, " ", "a", "b") and late.decisions == ("3 words kept of 4",)
    with pytest.raises(InvalidInputError, match="1 words; expected at least 2"):
        make_corpus(text, words=1)
    make_corpus(text, first=None, words=2)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_shares_that_hold_out_nothing_or_all(share):
    with pytest.raises(InvalidInputError, match=r"expected a share in \(0, 1\); 0\.1 is usual"):
        make_corpus(VERSE * 40, validation=share)


# files


def test_a_model_is_its_file(model, tmp_path):
    model.save(tmp_path / "m")
    again = LanguageModel.load(tmp_path / "m")
    assert (
        again.vocabulary == model.vocabulary and again.architecture == model.architecture and again.record == {"n": 1}
    )
    assert all(np.array_equal(again.weights[name], value) for name, value in model.weights.items())


FORGED = {
    "another kind": (lambda c, t: c.update(kind="vae"), "not that of a language model"),
    "another level": (lambda c, t: c.update(level="page"), "not that of a language model"),
    "an entry more": (lambda c, t: c.update(more=1), "not that of a language model"),
    "an entry less": (lambda c, t: c.pop("record"), "not that of a language model"),
    "a token twice": (lambda c, t: c.update(tokens=["a", "a", "b"]), "what does not belong there"),
    "a token that is a number": (lambda c, t: c.update(tokens=["a", "b", 3]), "what does not belong there"),
    "tokens that are a number": (lambda c, t: c.update(tokens=3), "damaged"),
    "a width below zero": (lambda c, t: c.update(hidden=[-1]), "what does not belong there"),
    "a width beyond all": (lambda c, t: c.update(hidden=[2**20 + 1]), "what does not belong there"),
    "a width that is large": (lambda c, t: c.update(hidden=[2**20]), "weights do not fit"),
    "a width that is half": (lambda c, t: c.update(hidden=[2.5]), "what does not belong there"),
    "an embedding below zero": (lambda c, t: c.update(embedding=-1), "what does not belong there"),
    "a record that is a list": (lambda c, t: c.update(record=[]), "what does not belong there"),
    "a token less": (lambda c, t: c["tokens"].pop(), "weights do not fit"),
    "a cell that is none": (lambda c, t: c.update(cell="os.system"), "damaged"),
    "a weight less": (lambda c, t: t.pop("dense/bias"), "weights do not fit"),
    "a weight more": (lambda c, t: t.update(more=np.zeros(1, np.float32)), "weights do not fit"),
    "a weight of double precision": (
        lambda c, t: t.update({"dense/bias": np.zeros(3)}),
        "dense/bias holds what is no finite number",
    ),
    "a weight that is no number": (
        lambda c, t: t.update({"dense/bias": np.array([0, np.nan, 0], np.float32)}),
        "dense/bias holds what is no finite number of single precision",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_is_refused(model, tmp_path, name):
    change, words = FORGED[name]
    configuration, tensors = tensor_file.unpack(model.to_bytes(), format=FORMAT)
    change(configuration, tensors)
    (tmp_path / "m").write_bytes(tensor_file.pack(configuration, tensors, format=FORMAT))
    with pytest.raises(ModelFileError) as error:
        LanguageModel.load(tmp_path / "m")
    said = str(error.value)
    assert words in said and str(tmp_path / "m") in said and "\n" not in said


def test_what_a_model_is_asked_for(model):
    with pytest.raises(InvalidInputError, match="a text of 1 tokens; expected 2 or more"):
        model.nats("a")
    assert np.isfinite(model.nats("ab"))
    with pytest.raises(InvalidInputError, match="length 0; expected at least 1"):
        model.generate("a", length=0)
    with pytest.raises(InvalidInputError, match="an empty stop text"):
        model.generate("a", stop="")
    whole = model.generate("a", length=30, seed=1)
    assert len(whole) == 31 and whole[0] == "a"
    cut = model.generate("a", length=30, seed=1, stop="b")
    assert cut == whole[: whole.index("b", 1) + 1]
    assert model.described()["hidden"] == (2,) and model.described()["level"] == "char"


def test_nats_are_those_of_the_recurrence(model):
    """Each token after the first, from the state that the tokens before it left: h = tanh(W x + U h + b)."""
    w = {name: value.astype(np.float64) for name, value in model.weights.items()}
    h, nats = np.zeros(2), []
    for now, after in itertools.pairwise([0, 1, 1, 2, 0]):
        h = np.tanh(w["0/kernel"][now] + h @ w["0/recurrent"] + w["0/bias"])
        raw = h @ w["dense/kernel"] + w["dense/bias"]
        nats.append(np.log(np.exp(raw).sum()) - raw[after])
    assert model.nats("abb\na") == pytest.approx(np.mean(nats), rel=1e-5)
    assert model.nats("ab") == pytest.approx(nats[0], rel=1e-5)


def test_words_that_a_model_does_not_know_have_a_probability():
    """Where only the last bias is not zero, the law of a token is that bias, whatever stands before it."""
    law = np.array([0.1, 0.2, 0.3, 0.4])
    architecture = Architecture(4, "gru", (2,), 0)
    weights = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(architecture).items()}
    weights["dense/bias"] = np.log(law).astype(np.float32)
    model = LanguageModel(architecture, Vocabulary("word", (UNKNOWN, " ", "a", "b")), weights)
    assert model.nats("a zebra b") == pytest.approx(-np.log([0.2, 0.1, 0.2, 0.4]).mean(), rel=1e-5)
    assert model.nats("A B") == pytest.approx(-np.log([0.2, 0.1]).mean(), rel=1e-5)
    lower = dataclasses.replace(model, record={"lowercase": True})
    assert lower.nats("A B") == pytest.approx(-np.log([0.2, 0.4]).mean(), rel=1e-5)
    assert model.generate("zebra", length=3, how=Sampling(greedy=True)) == "zebrabbb"
    drawn = list(model.stream("zebra", length=2000, seed=2))
    assert UNKNOWN not in drawn  # and the others share its probability: 0.3 / 0.9 of a, with a deviation of 0.0105
    assert abs(drawn.count("a") / 2000 - 1 / 3) < 0.042


def test_what_is_written_where_nothing_is_said(model):
    """500 tokens from seed 0, at temperature 1."""
    bold = dataclasses.replace(model, weights={name: 4 * value for name, value in model.weights.items()})
    assert bold.generate("a") == bold.generate("a", length=500, how=Sampling(), seed=0)
    assert len(bold.generate("a")) == 501 and len(bold.generate("a", length=1)) == 2
    first, second = ("".join(bold.stream("a", length=40, seed=seed)) for seed in (0, 1))
    assert "".join(bold.stream("a", length=40)) == first != second
    lower = dataclasses.replace(bold, record={"lowercase": True})
    assert lower.generate("A", length=40) == "A" + first


@pytest.mark.parametrize("tokens, wanted", [("\nab", "ab\na"), ("a\nb", "ba\nb"), ("ab\n", "ab\na"), ("abc", "abca")])
def test_a_text_begins_as_after_a_line_end(tokens, wanted):
    """Or after the last token where the model knows none: each token of this network is followed by the next in its list."""
    following = np.roll(np.eye(3, dtype=np.float32), 1, axis=1)
    weights = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(RING).items()}
    weights |= {"0/kernel": 5 * np.eye(3, dtype=np.float32), "dense/kernel": 20 * following}
    model = LanguageModel(RING, Vocabulary("char", tuple(tokens)), weights)
    assert model.generate(length=4, how=Sampling(greedy=True)) == wanted


def test_a_model_cannot_be_changed(model):
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.weights = {}
    assert not hasattr(model, "__dict__")
