"""Pickles that are read and never run: what CIFAR is published as comes out, everything else is refused, quickly."""

from __future__ import annotations

import os
import pickle
import time

import numpy as np
import pytest

from lossmith._errors import DataError
from lossmith.data._plain_pickle import read_plain_pickle

ARRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)
RECORD = {"data": ARRAY, "labels": [1, 2, 3], "names": ["a", "ä"], "rate": 1.5, "none": None, "yes": True, "no": False, "deep": [[1], (2, 3)], "big": 2**40,
          "pair": (1, 2), "three": (1, 2, 3), "one": (1,), "empty": ((), [], {}), "negative": -70_000}  # fmt: skip


@pytest.mark.parametrize("protocol", range(5))
def test_plain_data_comes_out(protocol):
    found = read_plain_pickle(pickle.dumps(RECORD, protocol), name="t")
    assert found.keys() == RECORD.keys() and np.array_equal(found["data"], ARRAY)
    for name in RECORD.keys() - {"data"}:
        assert found[name] == RECORD[name], name


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(ARRAY),
        np.arange(3),
        np.arange(4, dtype=np.int32),
        np.zeros((0, 3), np.uint8),
        np.array(5, np.uint8),
    ],
)
def test_arrays_of_every_order_and_type(array):
    found = read_plain_pickle(pickle.dumps({"data": array}, 2), name="t")["data"]
    assert found.dtype == array.dtype and np.array_equal(found, array)


def test_texts_of_python_two():
    assert read_plain_pickle(b"\x80\x02}q\x00(U\x04dataU\x02\xe4bU\x06labels]q\x01(U\x01aK\x02eu.", name="t") == {
        "data": "äb",
        "labels": ["a", 2],
    }
    assert read_plain_pickle(b"(dp0\nS'a'\np1\nI01\nsS'b'\nL5L\nsS'c'\nF1.5\ns.", name="t") == {
        "a": True,
        "b": 5,
        "c": 1.5,
    }
    assert read_plain_pickle(pickle.dumps({b"a": b"b", 3: 4}, 3), name="t") == {"a": "b", "3": 4}
    assert read_plain_pickle(b"(S'a'\n(lp1\nI1\nad.", name="t") == {"a": [1]}
    assert read_plain_pickle(b"(S'a'\n(I1\nI2\nlI3\nad.", name="t") == {"a": [1, 2, 3]}


LARGE = np.random.default_rng(7).integers(0, 256, (300, 256)).astype(np.uint8)  # as a text: 76,800 characters


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("order", "CF")
def test_long_texts_are_read_where_they_stand(protocol, order):
    """Pieces of 65,536 bytes end within characters of two bytes."""
    text = "x" + "ä" * 70_000
    record = {
        "data": np.asarray(LARGE, order=order),
        "text": text,
        "texts": [text, "b", text],
        "bytes": b"\xe4" * 70_000,
    }
    found = read_plain_pickle(pickle.dumps(record, protocol), name="t")
    assert np.array_equal(found["data"], LARGE) and found["data"].dtype == np.uint8
    assert found["text"] == text and found["texts"] == [text, "b", text]
    if protocol != 0:  # which writes such bytes as a call for each
        assert found["bytes"] == "ä" * 70_000


def written_by_python_two(pixels: bytes) -> bytes:
    """As CIFAR is published: pixels are a text of bytes."""
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    state = b"(K\x01M\x2c\x01M\x00\x01\x86" + kind + b"\x89T" + len(pixels).to_bytes(4, "little") + pixels + b"tb"
    return b"\x80\x02}U\x04data" + array + state + b"s."


def test_pixels_of_python_two_are_the_file_itself():
    data = written_by_python_two(LARGE.tobytes())
    found = read_plain_pickle(data, name="t")["data"]
    assert np.array_equal(found, LARGE)
    assert np.shares_memory(found, np.frombuffer(data, np.uint8))


@pytest.mark.parametrize("change", [-1, 1])
def test_a_long_text_of_another_length_is_refused(change):
    pixels = LARGE.tobytes()
    with pytest.raises(DataError, match="an array of shape"):
        read_plain_pickle(written_by_python_two((pixels + b"x")[: len(pixels) + change]), name="t")
    with pytest.raises(DataError, match="holds no plain data"):  # the text would end beyond the file
        read_plain_pickle(b"\x80\x02}U\x04dataT" + (70_001).to_bytes(4, "little") + bytes(69_999) + b"s.", name="t")


def test_a_long_text_is_held_once_however_often_it_is_meant():
    place = b"T" + (70_000).to_bytes(4, "little") + b"y" * 70_000 + b"q\x01"
    found = read_plain_pickle(b"\x80\x02}(U\x01a" + place + b"U\x01bh\x01u.", name="t")
    assert found["a"] is found["b"] and found["a"] == "y" * 70_000


def test_a_long_text_is_no_name_and_no_call():
    place = b"X" + (70_000).to_bytes(4, "little") + b"y" * 70_000
    for program in (
        b"\x80\x04" + place + b"\x8c\x01a\x93.",
        b"\x80\x02" + place + b")R.",
        b"\x80\x02}" + place + b"K\x01s.",
        b"\x80\x02cnumpy\ndtype\n" + place + b"\x85R.",
    ):
        with pytest.raises(DataError, match="holds no plain data"):
            read_plain_pickle(program, name="t")
    beyond = "y" * 66_000 + "€"  # no byte
    with pytest.raises(DataError, match="holds no plain data"):
        read_plain_pickle(
            written_by_python_two(b"").replace(
                b"T\x00\x00\x00\x00", b"X" + len(beyond.encode()).to_bytes(4, "little") + beyond.encode()
            ),
            name="t",
        )


class Code:
    def __reduce__(self):
        return os.system, ("touch HARM",)


def double(count: int, step: bytes, first: bytes) -> bytes:
    return first + b"".join(b"q" + bytes([n]) + b"h" + bytes([n]) + step for n in range(1, count + 1))


LONG = {
    "a key of tuples of tuples": b"\x80\x02}" + double(60, b"\x86", b"K\x01") + b"K\x01s.",
    "keys at once": b"\x80\x02}(" + double(60, b"\x86", b"K\x01") + b"K\x01u.",
    "a dictionary of them": b"\x80\x02(" + double(60, b"\x86", b"K\x01") + b"K\x01d.",
    "a type of tuples of tuples": b"\x80\x02cnumpy\ndtype\n(" + double(60, b"\x86", b"K\x01") + b"tR.",
    "a name that doubles": b"\x80\x04" + double(40, b"\x93", b"\x8c\x01a") + b".",
    "a call of tuples of tuples": b"\x80\x02" + double(60, b"\x86", b"K\x01") + b")R.",
    "an array of tuples of tuples": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01" + double(60, b"\x86", b"K\x01")
    + b"cnumpy\ndtype\nU\x02u1\x85R\x89U\x01xtb.",
    "a tuple in a tuple, deep": b"\x80\x02}" + b")" + b"\x85" * 10**5 + b"K\x01s.",
}  # fmt: skip
WRONG = {
    "code": pickle.dumps({"data": Code()}, 2),
    "code of protocol 0": pickle.dumps(Code(), 0),
    "code of protocol 4": pickle.dumps(Code(), 4),
    "a name called": b"cos\nsystem\n(S'true'\ntR.",
    "an instance": b"(cos\nsystem\no.",
    "a persistent object": b"Pabc\n.",
    "an object made": b"cos\nsystem\n)\x81.",
    "a state of a list": b"](K\x01tb.",
    "a set": pickle.dumps({1, 2}, 4),
    "nothing": b"",
    "cut off": pickle.dumps(RECORD, 2)[:-1],
    "no dictionary": pickle.dumps([1], 2),
    "nothing on the stack": b"\x80\x02.",
    "no mark": b"K\x01t.",
    "an append to a number": b"K\x01K\x02a.",
    "a call of a number": b"K\x01)R.",
    "a call without arguments": b"cnumpy\ndtype\nK\x01R.",
    "a call with none": b"cnumpy\ndtype\n)R.",
    "another array": b"cnumpy.core.multiarray\n_reconstruct\n(cos\nsystem\ntR.",
    "an array of no name": b"cnumpy.core.multiarray\n_reconstruct\n(U\x0dnumpy.ndarraytR.",
    "another codec": b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00utf-8tR.",
    "an unknown type": b"}U\x01acnumpy\ndtype\nU\x02O8\x85Rs.",
    "an unequal list of pairs": b"(U\x01ad.",
    "a forgotten place": b"h\x09.",
    "names that are no texts": b"\x80\x04K\x01K\x02\x93.",
}  # fmt: skip


@pytest.mark.parametrize("name", [*WRONG, *LONG])
def test_anything_else_is_refused_at_once(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    began = time.monotonic()
    with pytest.raises(DataError) as error:
        read_plain_pickle((WRONG | LONG)[name], name="batch")
    said = str(error.value)
    assert said.startswith("'batch' holds") and "\n" not in said and len(said) < 500
    assert time.monotonic() - began < 10 and not list(tmp_path.iterdir())


def filled(shape: object, kind: bytes, data: bytes) -> bytes:
    """A pickle of an array with a state of one's own."""
    return (b"\x80\x02}U\x01dcnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01" + pickle.dumps(shape, 2)[2:-1]
            + kind + b"\x89" + data + b"tbs.")  # fmt: skip


TYPE = b"cnumpy\ndtype\nU\x02u1\x85R"


def test_states_of_arrays():
    assert read_plain_pickle(filled((2, 1), TYPE, b"U\x02xy"), name="t")["d"].tolist() == [[120], [121]]
    for shape, kind, data in (((3,), TYPE, b"U\x02xy"), ([2], TYPE, b"U\x02xy"), ((2.0,), TYPE, b"U\x02xy"), ((True, 2), TYPE, b"U\x02xy"),
                              ((1, 1, 1, 1, 2), TYPE, b"U\x02xy"), ((2,), b"K\x01", b"U\x02xy"), ((2,), TYPE, b"K\x05"), ((-1, -2), TYPE, b"U\x02xy")):  # fmt: skip
        with pytest.raises(DataError, match="holds no plain data"):
            read_plain_pickle(filled(shape, kind, data), name="t")
    assert read_plain_pickle(filled((1, 1, 1, 2), TYPE, b"U\x02xy"), name="t")["d"].shape == (1, 1, 1, 2)


def test_arrays_filled_with_what_is_no_state():
    """A type that is none, bytes that are none, and a state that is no tuple."""
    start = b"\x80\x02}U\x01dcnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    kind = b"cnumpy\ndtype\nU\x02u1\x85R"
    assert read_plain_pickle(start + b"(K\x01K\x02\x85" + kind + b"\x89U\x02abtbs.", name="t")["d"].tolist() == [97, 98]
    for state, words in (
        (b"(K\x01K\x02\x85K\x01\x89U\x02abtb", "an array without a type or without bytes"),
        (b"(K\x01K\x02\x85" + kind + b"\x89K\x02tb", "an array without a type or without bytes"),
        (b"](K\x01K\x02\x85" + kind + b"\x89U\x02abeb", "it fills a list as if it were a tuple"),
        (b"K\x01b", "it fills a int as if it were a tuple"),
    ):
        with pytest.raises(DataError, match=words):
            read_plain_pickle(start + state + b"s.", name="t")
