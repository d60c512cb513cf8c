"""A report is written whole or not at all."""

from __future__ import annotations

import os

import pytest

from lossmith._errors import InvalidInputError
from lossmith.report._files import write


def test_folders_are_created_and_nothing_else_is_left(tmp_path):
    path = write(tmp_path / "a" / "b" / "report.html", "ä\n")
    assert path.read_bytes() == "ä\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_mask()


def current_mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_failure_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InvalidInputError, match="No space left on device"):
        write(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InvalidInputError, match="is a folder"):
        write(tmp_path, "x")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(InvalidInputError, match="cannot write"):
        write(tmp_path / "a" / "report.html", "x")
