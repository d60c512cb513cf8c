"""The limits that docs/safety.md names are those that are held."""

from __future__ import annotations

import importlib

import pytest
from subjects import ROOT

MIB, GIB = 2**20, 2**30
# module, name, value in numbers of one's own, and the words of the page
LIMITS = [
    ("data._delimited", "MOST_COLUMNS", 65_536, "65,536 columns"),
    ("data._bounded", "UNPACKED", 64 * MIB, "unpacks to 64 MiB, or a hundred times its size, at most 8 GiB; stopped"),
    ("data._bounded", "MOST_TIMES", 100, "unpacks to 64 MiB, or a hundred times its size, at most 8 GiB; stopped"),
    ("data._bounded", "MOST", 8 * GIB, "unpacks to 64 MiB, or a hundred times its size, at most 8 GiB; stopped"),
    ("data._parquet_check", "UNPACKED", GIB, "unpacks to 1 GiB or a hundred times its size"),
    ("data._parquet_check", "CELLS", 2**30, "2^30 cells or a hundred for each byte"),
    ("data._parquet_check", "MOST_TIMES", 100, "2^30 cells or a hundred for each byte"),
    ("data._image_folder", "PIXELS", 50_000_000, "50 million pixels each, 2 GiB together"),
    ("data._image_folder", "ROOM", 2 * GIB, "50 million pixels each, 2 GiB together"),
    ("data._image_files", "LIMIT", 256 * MIB, "256 MiB unpacked"),
    ("data._human_labels", "LARGEST", 16 * MIB, "256 MiB unpacked; 16 MiB"),
    ("_tensor_file", "MOST_HEADER", 64 * MIB, "the header at most 64 MB"),
    (
        "estimators._classical_file",
        "MEMORY",
        4 * GIB,
        "a child process with 4 GiB and a minute; 64 MiB unpacked or a hundred times its size",
    ),
    ("estimators._classical_file", "SECONDS", 60, "a child process with 4 GiB and a minute"),
    ("estimators._classical_file", "UNPACKED", 64 * MIB, "64 MiB unpacked or a hundred times its size; the same bytes"),
    ("estimators._classical_file", "MOST_TIMES", 100, "64 MiB unpacked or a hundred times its size; the same bytes"),
    ("estimators._classical_file", "LARGEST", GIB, "the same bytes are then opened; the file at most 1 GiB"),
    (
        "lint._keras_file",
        "UNPACKED",
        64 * MIB,
        "| `.keras` files to lint | 64 MiB unpacked or a hundred times its size |",
    ),
    ("lint._keras_file", "MOST_TIMES", 100, "| `.keras` files to lint | 64 MiB unpacked or a hundred times its size |"),
    ("lint._keras_file", "MOST_CONFIGURATION", 64 * MIB, "| `.keras` files to lint | 64 MiB unpacked"),
    ("compare._sqlite", "CHECKED", 16 * MIB, "all pages are checked up to 16 MiB"),
    ("compare._sqlite", "BUSY_SECONDS", 120.0, "writers wait for each other, up to two minutes"),
]


@pytest.mark.parametrize("module, name, value, words", LIMITS, ids=[f"{module}.{name}" for module, name, *_ in LIMITS])
def test_a_limit_is_what_the_page_says(module, name, value, words):
    assert getattr(importlib.import_module(f"lossmith.{module}"), name) == value
    assert words in (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
