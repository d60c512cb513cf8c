"""Files within limits: what may be unpacked, what is no file, and how much is said before it is refused."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
import zlib
from pathlib import Path

import pytest

from lossmith import data
from lossmith._errors import DataError, ModelFileError
from lossmith._tensor_file import check_regular as check_model
from lossmith.data import _bounded


def test_gzip_is_unpacked_like_gzip_does_it():
    text = b"a,b\n" * 5000
    for packed in (
        gzip.compress(text),
        gzip.compress(text[:99]) + gzip.compress(text[99:]),
        gzip.compress(text) + bytes(512),
    ):
        assert _bounded.unpacked(io.BytesIO(packed), name="t") == gzip.decompress(packed) == text
    assert _bounded.unpacked(io.BytesIO(gzip.compress(b"")), name="t") == b""


@pytest.mark.parametrize("cut", [*range(1, 30), 60, 200])
def test_gzip_cut_off_is_refused(cut):
    packed = gzip.compress(os.urandom(400))
    with pytest.raises(DataError, match="damaged gzip file"):
        _bounded.unpacked(io.BytesIO(packed[:-cut]), name="t")
    with pytest.raises(DataError, match="damaged gzip file"):
        _bounded.unpacked(io.BytesIO(packed + b"rubbish"), name="t")


def test_the_limit_is_64_mib_or_a_hundred_times(monkeypatch):
    assert _bounded.allowed(0) == _bounded.allowed(100) == 64 * 2**20
    assert _bounded.allowed(2**20) == 100 * 2**20 and _bounded.allowed(2**40) == 2**33
    monkeypatch.setattr(_bounded, "UNPACKED", 1000)
    packed = gzip.compress(bytes(10_000))  # 29 bytes or so: a hundred times are fewer than 10,000
    assert 100 * len(packed) < 10_000
    with pytest.raises(DataError, match=r"unpacks to more than 0 MiB; .*100 times"):
        _bounded.unpacked(io.BytesIO(packed), name="t")
    monkeypatch.setattr(_bounded, "MOST_TIMES", 1)
    exact = gzip.compress(bytes(1000))
    assert _bounded.unpacked(io.BytesIO(exact), name="t") == bytes(1000)
    with pytest.raises(DataError, match="unpacks to more than"):
        _bounded.unpacked(io.BytesIO(gzip.compress(bytes(1001))), name="t")


def test_nothing_is_kept_beyond_the_limit(monkeypatch):
    """It stops at the piece that is too much, and does not unpack the rest."""
    monkeypatch.setattr(_bounded, "UNPACKED", 2**20)
    asked = []
    real = zlib.decompressobj

    def counted(**options):
        part = real(**options)

        class Part:
            eof = property(lambda self: part.eof)
            unconsumed_tail = property(lambda self: part.unconsumed_tail)
            unused_data = property(lambda self: part.unused_data)

            def decompress(self, rest, most):
                asked.append(most)
                return part.decompress(rest, most)

        return Part()

    packed = gzip.compress(bytes(2**26), 9)
    monkeypatch.setattr(_bounded, "MOST_TIMES", 1)
    monkeypatch.setattr(zlib, "decompressobj", counted)
    with pytest.raises(DataError, match="more than 1 MiB"):
        _bounded.unpacked(io.BytesIO(packed), name="t")
    assert len(asked) <= 3 and all(0 < most <= 2**20 for most in asked)


def test_pipes_and_devices(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for place in (tmp_path / "pipe", tmp_path / "link", Path("/dev/zero")):
        for check, kind in (
            (_bounded.check_regular, DataError),
            (_bounded.read_whole, DataError),
            (data.load, DataError),
            (check_model, ModelFileError),
        ):
            with pytest.raises(kind, match="is a pipe or a device"):
                check(place)
    for place in (tmp_path, tmp_path / "none", __file__):
        _bounded.check_regular(place)
        check_model(place)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        _bounded.read_whole(tmp_path / "none")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        _bounded.read_whole(tmp_path)
    (tmp_path / "a").write_bytes(b"xy")
    assert _bounded.read_whole(str(tmp_path / "a")) == b"xy"


def test_many_small_parts_are_not_read_over_and_over():
    """A part of twenty bytes is followed by others: of each no more than a page is looked at."""

    class Counted(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            found = super().read(size)
            self.taken += len(found)
            return found

    packed = Counted(gzip.compress(b"") * 3000 + gzip.compress(b"ab" * 2**20))
    assert _bounded.unpacked(packed, name="t") == b"ab" * 2**20
    assert packed.taken < 3002 * 5000


def test_a_file_beyond_memory(tmp_path, monkeypatch):
    class Full(io.FileIO):
        def readall(self):
            raise MemoryError

    (tmp_path / "a").write_bytes(b"xy")
    monkeypatch.setattr(Path, "open", lambda path, *_, **__: Full(path))
    for read in (_bounded.read_whole, _bounded.read_unpacked):
        with pytest.raises(DataError, match="does not fit into memory"):
            read(tmp_path / "a")


def test_a_file_or_what_gzip_packed_in_it(tmp_path):
    """From a file, and from a pipe, which cannot go back to its start."""
    for content in (b"", b"\x1f", b"a,b\n" * 9, b"\x1f\x8c" + b"x" * 9):
        for written in (content, gzip.compress(content)):
            (tmp_path / "a").write_bytes(written)
            assert _bounded.read_unpacked(tmp_path / "a") == content
    (tmp_path / "a").write_bytes(gzip.compress(b"xy")[:-1])
    with pytest.raises(DataError, match="a' is a damaged gzip file"):
        _bounded.read_unpacked(tmp_path / "a")


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", gzip.compress(b"a,b\n1,2\n")], ids=["plain", "packed"])
def test_rows_from_a_pipe_may_be_packed(content):
    """Standard input is the one pipe that is read: somebody has put it there."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    kept = os.dup(0)
    try:
        os.dup2(reading, 0)
        assert _bounded.read_unpacked("/dev/stdin") == b"a,b\n1,2\n"
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(reading)


def test_archives(tmp_path, monkeypatch):
    place = tmp_path / "t.npz"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a", bytes(6000))
        packed.writestr("b", bytes(4000))
    _bounded.check_archive(place)
    monkeypatch.setattr(_bounded, "MOST_TIMES", 1)
    monkeypatch.setattr(_bounded, "UNPACKED", 10_000)
    _bounded.check_archive(place)
    monkeypatch.setattr(_bounded, "UNPACKED", 9_999)
    with pytest.raises(DataError, match="unpacks to 10,000 bytes; expected at most 9,999"):
        _bounded.check_archive(place)
    place.write_bytes(b"PK\x03\x04" + bytes(50))
    with pytest.raises(DataError, match="is a damaged archive"):
        _bounded.check_archive(place)
    with pytest.raises(DataError, match="is a damaged archive"):
        _bounded.check_archive(tmp_path / "none")


def test_standard_input_may_be_a_pipe():
    """Rows that somebody pipes in on purpose: the one pipe that is read."""
    end, other = os.pipe()
    os.close(other)
    try:
        with pytest.raises(DataError, match="is a pipe or a device"):
            _bounded.check_regular(f"/dev/fd/{end}")
    finally:
        os.close(end)
    _bounded.check_regular("/dev/stdin")


def test_only_gzip_is_unpacked():
    """What follows a gzip file, or stands in its place, is held to be gzip as well."""
    content = b"a,b\n1,2\n"
    assert _bounded.unpacked(io.BytesIO(gzip.compress(content) * 2), name="t") == content * 2
    for packed in (zlib.compress(content), gzip.compress(content) + zlib.compress(content)):
        with pytest.raises(DataError, match="damaged gzip file"):
            _bounded.unpacked(io.BytesIO(packed), name="t")


@pytest.mark.parametrize("length", range(1, 32))
def test_the_beginning_of_a_gzip_file_is_refused(length):
    packed = gzip.compress(os.urandom(30))
    assert len(packed) > 32
    with pytest.raises(DataError, match="damaged gzip file; expected a complete file"):
        _bounded.unpacked(io.BytesIO(packed[:length]), name="t")


def test_what_unpacks_to_whole_pieces():
    """The last piece leaves nothing packed behind it, and is not the end: zeros of the sizes around one and two pieces."""
    for size in (0, 1, 2**20 - 1, 2**20, 2**20 + 1, 2**21, 3 * 2**20 + 5):
        assert _bounded.unpacked(io.BytesIO(gzip.compress(bytes(size))), name="t") == bytes(size)


def test_archives_are_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    held = os.open(tmp_path / "pipe", os.O_RDWR | os.O_NONBLOCK)  # opening it for reading does not wait then
    try:
        with pytest.raises(DataError, match="is a pipe or a device"):
            _bounded.check_archive(tmp_path / "pipe")
    finally:
        os.close(held)
