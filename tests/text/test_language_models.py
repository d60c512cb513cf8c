"""Language models: text pipeline, training against Keras, evaluation, sampling, stopping, novelty, files, commands."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lossmith._errors import DataError, InvalidInputError, LossmithError, ModelFileError
from lossmith.cli import main
from lossmith.text import LanguageModel, make_corpus, read_text, tokenize, train_text
from lossmith.text._corpus import UNKNOWN, clean
from lossmith.text._network import Architecture, initial_state, initial_weights, scores, weight_shapes
from lossmith.text._training import Plan, _factor, evaluate, train
from lossmith.training import load_keras

TEXT = "the cat sat on the mat.\nthe dog sat on the log.\n" * 30

# text


def test_cleaning_says_what_it_does():
    text, done = clean("\u0041\u030aB\r\nc\r", lowercase=True)
    assert text == "\u00e5b\nc\n" and len(done) == 3
    book = "x\n*** START OF THE PROJECT GUTENBERG EBOOK M ***\n\nTomorrow\n\n*** END OF THE PROJECT GUTENBERG EBOOK M ***\ny"
    assert clean(book)[0] == "Tomorrow\n"


@pytest.mark.parametrize("level", ["char", "word"])
def test_tokens_are_the_text_again(level):
    assert "".join(tokenize(TEXT + "it's 3.5\t\u00fc!", level)) == TEXT + "it's 3.5\t\u00fc!"


def test_the_split_is_by_position_and_nothing_is_lost():
    corpus = make_corpus(TEXT, validation=0.2)
    assert corpus.train_text + corpus.validation_text == TEXT
    assert corpus.vocabulary.decode(corpus.train) == corpus.train_text
    assert len(corpus.train) == int(len(TEXT) * 0.8)


def test_rare_words_are_one_token_which_is_never_written():
    corpus = make_corpus(TEXT, level="word", words=5)
    assert corpus.vocabulary.tokens[0] == UNKNOWN and len(corpus.vocabulary) == 5
    architecture = Architecture(5, "lstm", (4,), 0)
    model = LanguageModel(architecture, corpus.vocabulary, initial_weights(architecture, seed=0))
    assert UNKNOWN not in model.generate("the", length=100)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"validation": 1.0}, r"\(0, 1\)"),
        ({"first": 0}, "at least 1"),
        ({"first": 150}, "at least 200"),
        ({"level": "letter"}, "char or word"),
        ({"level": "word", "words": 1}, "at least 2"),
    ],
)
def test_corpora_that_make_no_sense_are_refused(options, words):
    with pytest.raises(LossmithError, match=words):
        make_corpus(TEXT, **options)
    with pytest.raises(DataError, match="two different tokens"):
        make_corpus("a" * 1000)


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "latin.txt").write_bytes("Ã¤\xe4".encode("latin-1"))
    (tmp_path / "zero.txt").write_bytes(b"a\0b")
    (tmp_path / "wide.txt").write_bytes("na\u00efve".encode("utf-16"))
    for name, words in (("latin.txt", "UTF-8"), ("zero.txt", "zero bytes"), ("none.txt", "a text file")):
        with pytest.raises(DataError, match=words) as caught:
            read_text(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert read_text(tmp_path / "wide.txt") == "na\u00efve"


# network and training


def test_the_network_is_the_one_of_keras():
    """The same weights in Keras's layers give the same scores, and as many weights."""
    keras = load_keras()
    architecture = Architecture(7, "lstm", (5, 4), 3)
    weights = initial_weights(architecture, seed=1)
    tokens = np.random.default_rng(0).integers(0, 7, (6, 2))
    network = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Embedding(7, 3),
            keras.layers.LSTM(5, return_sequences=True),
            keras.layers.LSTM(4, return_sequences=True),
            keras.layers.Dense(7),
        ]
    )
    network.set_weights(list(weights.values()))
    ours, _ = scores(architecture, weights, tokens, initial_state(architecture, 2))
    np.testing.assert_allclose(np.moveaxis(np.asarray(ours), 0, 1), network(tokens.T), atol=2e-6)
    assert sum(value.size for value in weights.values()) == network.count_params()
    assert weights["0/bias"].tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10


def test_states_carry_over_windows():
    architecture = Architecture(5, "gru", (4,), 0)
    weights = initial_weights(architecture, seed=0)
    tokens = np.random.default_rng(0).integers(0, 5, (10, 3))
    whole, _ = scores(architecture, weights, tokens, initial_state(architecture, 3))
    first, state = scores(architecture, weights, tokens[:4], initial_state(architecture, 3))
    second, _ = scores(architecture, weights, tokens[4:], state)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-6)


def test_evaluation_is_the_mean_over_the_whole_text():
    """A short text is one stream: the loss of one pass over all of it, from zero state."""
    architecture = Architecture(5, "lstm", (4,), 0)
    weights = initial_weights(architecture, seed=0)
    tokens = np.random.default_rng(0).integers(0, 5, 200).astype(np.int32)
    raw, _ = scores(architecture, weights, tokens[:-1, None], initial_state(architecture, 1))
    raw = np.asarray(raw, np.float64)[:, 0]
    logs = raw - np.log(np.exp(raw).sum(-1, keepdims=True))
    expected = -logs[np.arange(199), tokens[1:]].mean()
    assert evaluate(architecture, weights, tokens[:0], tokens) == pytest.approx(expected, rel=1e-5)
    assert evaluate(architecture, weights, tokens[:1], tokens[1:]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_streams_of_a_long_text_change_little():
    """Twenty streams with 256 tokens before each, against one pass over all of it."""
    architecture = Architecture(5, "lstm", (4,), 0)
    weights = initial_weights(architecture, seed=0)
    tokens = np.random.default_rng(0).integers(0, 5, 6000).astype(np.int32)
    raw, _ = scores(architecture, weights, tokens[:-1, None], initial_state(architecture, 1))
    raw = np.asarray(raw, np.float64)[:, 0]
    logs = raw - np.log(np.exp(raw).sum(-1, keepdims=True))
    expected = -logs[np.arange(5999), tokens[1:]].mean()
    assert evaluate(architecture, weights, tokens[:0], tokens) == pytest.approx(expected, rel=1e-5)
    after = -logs[np.arange(300, 5999), tokens[301:]].mean()
    assert evaluate(architecture, weights, tokens[:301], tokens[301:]) == pytest.approx(after, rel=1e-5)


def test_training_repeats_and_learns(trained, verses, settings):
    again = train_text(verses, **settings)
    assert again.nats == trained.nats and again.sample.text == trained.sample.text
    assert trained.nats < 1.0 < math.log(len(trained.model.vocabulary))
    assert trained.bits == pytest.approx(trained.nats / math.log(2)) and trained.perplexity == pytest.approx(
        math.exp(trained.nats)
    )


@pytest.mark.slow
def test_training_never_touches_the_tokens():
    corpus = make_corpus(TEXT)
    before = corpus.train.copy()
    architecture = Architecture(len(corpus.vocabulary), "lstm", (4,), 0)
    found = train(architecture, corpus.train, Plan(epochs=1, batch_size=4, window=10), seed=0)
    LanguageModel(architecture, corpus.vocabulary, found.weights).generate("the", length=30)
    assert (corpus.train == before).all()


@pytest.mark.slow
def test_gradients_are_clipped():
    """A huge rate diverges without end; clipped by norm every step is bounded by it."""
    architecture = Architecture(5, "simple_rnn", (4,), 0)
    tokens = np.random.default_rng(0).integers(0, 5, 400).astype(np.int32)
    loose = train(architecture, tokens, Plan(epochs=1, batch_size=4, window=10, clip_norm=None, dropout=0.0), seed=0)
    tight = train(architecture, tokens, Plan(epochs=1, batch_size=4, window=10, clip_norm=1e-9, dropout=0.0), seed=0)
    value = train(
        architecture,
        tokens,
        Plan(epochs=1, batch_size=4, window=10, clip_norm=None, clip_value=1e-9, dropout=0.0),
        seed=0,
    )
    start = initial_weights(architecture, seed=0)

    def moved(found):
        return max(float(np.abs(found.weights[name] - start[name]).max()) for name in start)

    # Adam divides by the size of the gradient; only its epsilon of 1e-8 tells small ones from large ones
    assert moved(tight) < 0.3 * moved(loose) and moved(value) < 0.3 * moved(loose)


def test_the_rate_rises_then_falls():
    assert (
        _factor(0.0) == pytest.approx(0.05)
        and _factor(0.02) == pytest.approx(1.0)
        and _factor(1.0) == pytest.approx(0.01)
    )


@pytest.mark.slow
def test_a_model_that_has_gone_wrong_is_reported_and_does_not_fail():
    found = train_text(
        TEXT, hidden=(4,), epochs=1, batch_size=4, window=10, learning_rate=1e9, dropout=0.0, sample_length=5
    )
    assert found.perplexity == math.inf and found.findings[0].code == "LS531"
    assert json.loads(found.to_json())["perplexity"] is None and "does not beat" in str(found)


@pytest.mark.slow
def test_a_time_limit_ends_training_early():
    ticks = iter(range(10_000))
    tokens = np.random.default_rng(0).integers(0, 5, 4000).astype(np.int32)
    plan = Plan(epochs=50, batch_size=4, window=20, time_limit=40.0)
    found = train(Architecture(5, "simple_rnn", (4,), 0), tokens, plan, seed=0, clock=lambda: float(next(ticks)))
    assert 0 < found.epochs < 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cell": "lstmm"}, "one of: lstm"),
        ({"hidden": (0,)}, "at least 1"),
        ({"hidden": ()}, "at least 1"),
        ({"epochs": 0}, "at least 1"),
        ({"dropout": 1.0}, r"\[0, 1\)"),
        ({"learning_rate": -1.0}, "above 0"),
        ({"clip_norm": 0.0}, "above 0"),
        ({"embedding": -1}, "0 or more"),
    ],
)
def test_plans_that_make_no_sense_are_refused(options, words):
    with pytest.raises(InvalidInputError, match=words):
        train_text(TEXT, **options)


# files, views, commands


def test_a_file_is_the_model_again_and_nothing_else(trained, tmp_path):
    place = tmp_path / "m.safetensors"
    trained.model.save(place)
    again = LanguageModel.load(place)
    assert again.generate("the", length=40, seed=5) == trained.model.generate("the", length=40, seed=5)
    assert again.nats("the cat sat") == trained.model.nats("the cat sat")
    data = place.read_bytes()
    assert data == trained.model.to_bytes()
    for cut in (0, 7, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.safetensors").write_bytes(data[:cut])
        with pytest.raises(ModelFileError):
            LanguageModel.load(tmp_path / "cut.safetensors")
    for place_ in range(len(data) - 400, len(data), 37):
        (tmp_path / "bent.safetensors").write_bytes(data[:place_] + bytes([data[place_] ^ 1]) + data[place_ + 1 :])
        with pytest.raises(ModelFileError, match="checksum"):
            LanguageModel.load(tmp_path / "bent.safetensors")


@pytest.mark.parametrize("change", ["tokens", "hidden", "cell", "level", "more"])
def test_files_whose_parts_do_not_fit_are_refused(trained, tmp_path, change):
    from lossmith import _tensor_file as tensor_file
    from lossmith.text._model import FORMAT

    configuration, tensors = tensor_file.unpack(trained.model.to_bytes(), format=FORMAT)
    configuration = {
        "tokens": {**configuration, "tokens": configuration["tokens"][:-1]},
        "hidden": {**configuration, "hidden": [23]},
        "cell": {**configuration, "cell": "gru"},
        "level": {**configuration, "level": "page"},
        "more": {**configuration, "run": "rm"},
    }[change]
    place = tmp_path / "m.safetensors"
    place.write_bytes(tensor_file.pack(configuration, tensors, format=FORMAT))
    with pytest.raises(ModelFileError, match="damaged"):
        LanguageModel.load(place)


def test_weights_are_named_and_shaped():
    shapes = weight_shapes(Architecture(9, "gru", (4, 3), 0))
    assert shapes == {
        "0/kernel": (9, 12), "0/recurrent": (4, 12), "0/bias": (12,), "1/kernel": (4, 9), "1/recurrent": (3, 9), "1/bias": (9,),
        "dense/kernel": (3, 9), "dense/bias": (9,),
    }  # fmt: skip


def test_every_view(trained, tmp_path):
    assert trained.verdict in str(trained) and "sample" in str(trained)
    table = trained.table()
    assert table["nats"].is_sorted() and table.filter(table["kind"] == "model").height == 1
    assert json.loads(trained.to_json())["nats"] == trained.nats
    page = trained.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<svg" in page and "Kneser-Ney" in page and "<iframe" in trained._repr_html_()
    assert trained.plot().get_xlabel() == "epoch"


def run(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


def test_the_commands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text(TEXT, encoding="utf-8")
    fast = ["--hidden", "16", "--epochs", "2", "--batch-size", "4", "--window", "16", "-q"]
    assert run(["train", "lstm-text", "book.txt", *fast, "--cell", "gru", "--report", "r.html"]) == 0
    assert "gru 16" in capsys.readouterr().out and (tmp_path / "r.html").is_file()
    assert (
        run(["generate", "book.safetensors", "--seed-text", "the ", "--length", "30", "--training-text", "book.txt"])
        == 0
    )
    out = capsys.readouterr().out
    assert out.startswith("the ") and "longest run copied" in out
    assert run(["generate", "book.safetensors", "--n", "2", "--length", "9", "--json", "--top-k", "3"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert run(["generate", "book.safetensors", "--out", "t.txt", "--greedy", "-q"]) == 0
    assert (tmp_path / "t.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "lstm-text", "none.txt"], "no file"),
        (["train", "lstm-text", "book.txt", "--hidden", "a"], "widths"),
        (["train", "lstm-text", "book.txt", "--out", "m.h5"], ".safetensors"),
        (["train", "lstm-text", "book.txt", "--level", "page"], "char or word"),
        (["generate", "none.safetensors"], "cannot be read"),
        (["generate", "book.txt"], "no model of lossmith"),
        (["generate", "m.safetensors", "--greedy", "--top-k", "3"], "one way"),
        (["generate", "m.safetensors", "--top-p", "2"], "probability"),
        (["generate", "m.safetensors", "--report", "x.html"], "--report"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_two(arguments, words, trained, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text(TEXT, encoding="utf-8")
    trained.model.save(tmp_path / "m.safetensors")
    assert run([*arguments, "-q"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error:") and words in lines[0]
