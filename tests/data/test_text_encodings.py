"""Texts of other encodings and characters that a piece of a file ends within."""

from __future__ import annotations

from lossmith.data import _files


def test_characters_cut_in_two_and_texts_of_other_encodings(tmp_path):
    """A text of more than a megabyte is looked at in pieces; so is the start of a text, from which separators are told."""
    for lead in range(3):
        rows = "a,y\n" + "b" * lead + "日本語日本語,1\n" * 60_000
        (tmp_path / "t.csv").write_bytes(rows.encode())
        found = _files.read_table(tmp_path / "t.csv")
        assert found.frame["a"].to_list() == ["b" * lead + "日本語日本語"] + ["日本語日本語"] * 59_999
        assert found.decisions[0].startswith("Read as UTF-8 text separated by commas")
        (tmp_path / "t.csv").write_bytes(rows.encode("utf-16"))
        other = _files.read_table(tmp_path / "t.csv")
        assert other.frame.equals(found.frame) and "UTF-16" in other.decisions[0]
        (tmp_path / "t.csv").write_bytes(rows.encode("utf-8-sig"))
        assert _files.read_table(tmp_path / "t.csv").frame.equals(found.frame)
    (tmp_path / "t.csv").write_bytes(b"a,y\n" + "größer,1\n".encode("cp1252") * 200_000)
    found = _files.read_table(tmp_path / "t.csv")
    assert found.frame["a"].unique().to_list() == ["größer"] and "Latin-1" in found.decisions[0]
    (tmp_path / "t.csv").write_bytes(b"a,y\n" + b"\xe4\x81,1\n" * 9)  # a byte that Windows does not use
    assert _files.read_table(tmp_path / "t.csv").frame["a"].unique().to_list() == ["\xe4\x81"]
