"""The one file format of all models: what goes in comes out, what was changed does not, and what is asked of memory is little."""

from __future__ import annotations

import json
import os
import struct

import numpy as np
import pytest
import safetensors.numpy

from lossmith import _tensor_file as file
from lossmith._errors import ModelFileError

CONTENT = {"kind": "line", "values": [1, 2.5, None, True], "deep": {"ä": "b"}}
TENSORS = {
    "a": np.arange(6.0).reshape(2, 3),
    "b/c": np.array([True, False]),
    "empty": np.zeros((0, 2), np.float32),
    "number": np.array(3, np.int64),
}
DATA = file.pack(CONTENT, TENSORS, format="f 1")


def same(found: tuple) -> None:
    configuration, tensors = found
    assert configuration == CONTENT and tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert (
            tensors[name].dtype == value.dtype and tensors[name].shape == value.shape and (tensors[name] == value).all()
        )


def test_what_goes_in_comes_out(tmp_path):
    same(file.unpack(DATA, format="f 1"))
    file.write(DATA, tmp_path / "a" / "folder" / "m")
    file.write(DATA, tmp_path / "new" / "m")
    same(file.read(tmp_path / "new" / "m", format="f 1"))
    assert file.format_of(tmp_path / "new" / "m") == "f 1"
    fortran = file.pack(CONTENT, {**TENSORS, "a": np.asfortranarray(TENSORS["a"])}, format="f 1")
    assert fortran == DATA == file.pack(CONTENT, dict(reversed(TENSORS.items())), format="f 1")


def test_of_a_foreign_file_the_header_alone_is_read(tmp_path, monkeypatch):
    file.write(DATA, tmp_path / "m")
    monkeypatch.setattr(file, "unpack", lambda *_, **__: pytest.fail("its arrays are read"))
    with pytest.raises(ModelFileError, match="g 2"):
        file.read(tmp_path / "m", format="g 2")


def test_permissions_are_those_of_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        file.write(DATA, tmp_path / "m")
    finally:
        assert os.umask(before) == 0o027
    assert (tmp_path / "m").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("bit", [1, 16, 128])
def test_any_flip_and_any_cut_is_refused_or_changes_nothing(bit):
    for place in range(len(DATA)):
        broken = bytearray(DATA)
        broken[place] ^= bit
        try:
            found = file.unpack(bytes(broken), format="f 1")
        except ModelFileError as error:
            said = str(error)
        else:
            same(found)
            continue
        assert said.startswith("the file ") and "\n" not in said
    for length in range(len(DATA)):
        with pytest.raises(ModelFileError):
            file.unpack(DATA[:length], format="f 1")
    with pytest.raises(ModelFileError):
        file.unpack(DATA + b"\0", format="f 1")


def headed(text: str, **more: str) -> bytes:
    return safetensors.numpy.save({"a": np.zeros(2)}, metadata={"lossmith": text, **more})


def described(**changes) -> str:
    header = json.loads(DATA[8 : 8 + struct.unpack("<Q", DATA[:8])[0]])
    return json.dumps({**json.loads(header["__metadata__"]["lossmith"]), **changes})


WRONG = {
    "another format": (headed(described(format="g")), "has the format 'g'; expected 'f 1'"),
    "another checksum": (headed(described(sha256="0" * 64)), "does not fit its checksum"),
    "no checksum": (headed('{"format": "f 1", "configuration": {}}'), "not what lossmith writes"),
    "more than it should": (headed(described(more=1)), "not what lossmith writes"),
    "more metadata": (headed(described(), other="x"), "not what lossmith writes"),
    "a format that is a number": (headed('{"format": 1}'), "not what lossmith writes"),
    "a list": (headed("[]"), "not what lossmith writes"),
    "a name twice": (headed('{"format": "f 1", "format": "f 1"}'), "no JSON"),
    "a number that is none": (headed('{"format": NaN}'), "no JSON"),
    "too deep": (headed("[" * 10**5), "no JSON"),
    "no metadata": (safetensors.numpy.save({"a": np.zeros(2)}), "no model of lossmith"),
    "other metadata": (safetensors.numpy.save({"a": np.zeros(2)}, metadata={"x": "y"}), "no model of lossmith"),
    "a header that is a list": (struct.pack("<Q", 2) + b"[]", "no model of lossmith"),
    "an empty header": (struct.pack("<Q", 1) + b"{}", "no safetensors file"),
    "nothing": (b"", "no safetensors file"),
    "a header of all there is": (struct.pack("<Q", 3) + b"{}", "no safetensors file"),
    "a configuration that is no mapping": (file.pack([1], {}, format="f 1"), "does not fit its checksum"),  # type: ignore[arg-type]
    "half a character": (headed(described(configuration={"a": "\ud800"})), "does not fit its checksum"),
}


@pytest.mark.parametrize("data, words", WRONG.values(), ids=WRONG)
def test_what_is_no_model_is_refused(data, words, tmp_path):
    for opened in (
        lambda: file.unpack(data, format="f 1", name="x"),
        lambda: file.read(put(tmp_path, data), format="f 1"),
    ):
        with pytest.raises(ModelFileError) as error:
            opened()
        assert words in str(error.value) and "\n" not in str(error.value)


def put(folder, data):
    (folder / "m").write_bytes(data)
    return folder / "m"


def test_the_format_of_anything_else_is_empty(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert file.format_of(tmp_path / "pipe") == file.format_of(tmp_path / "none") == file.format_of(tmp_path) == ""
    for data in (
        b"",
        DATA[:30],
        headed("[]"),
        headed("{}"),
        headed("{"),
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2**40) + b"{}",
        safetensors.numpy.save({"a": np.zeros(2)}),
    ):
        assert file.format_of(put(tmp_path, data)) == ""


def test_a_header_beyond_the_limit_is_not_read(tmp_path, monkeypatch):
    length = struct.unpack("<Q", DATA[:8])[0]
    monkeypatch.setattr(file, "MOST_HEADER", length)
    same(file.read(put(tmp_path, DATA), format="f 1"))
    assert file.format_of(tmp_path / "m") == "f 1"
    monkeypatch.setattr(file, "MOST_HEADER", length - 1)
    with pytest.raises(ModelFileError, match="no safetensors file"):
        file.read(tmp_path / "m", format="f 1")
    assert file.format_of(tmp_path / "m") == ""


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    with pytest.raises(ModelFileError, match="cannot write"):
        file.write(DATA, put(tmp_path, b"old") / "below")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        ModelFileError, match=r"cannot write .*: No space left on device; expected a path that can be written"
    ):
        file.write(DATA, tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == b"old" and [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_long_reason_is_cut():
    said = str(file.damaged("x", "a\nb " * 400))
    assert "\n" not in said and len(said) < 420 and said.startswith("x is damaged: a b a b")


def test_a_number_beyond_all_floats_is_refused():
    """JSON may say 1e999, which Python reads as infinity, and no file of lossmith can have said that."""
    text = described().replace("2.5", "1e999")
    assert "1e999" in text
    with pytest.raises(ModelFileError, match="x is damaged: its configuration is no JSON"):
        file.unpack(headed(text), format="f 1", name="x")
