"""Names that mean harm, in every place where a name may stand: they are kept as they are, and nothing follows them."""

from __future__ import annotations

import csv
import io
import os

import numpy as np
import polars as pl
import pytest

import lossmith
from lossmith._errors import StoreError
from lossmith.compare.repair import repair
from lossmith.compare.store import Store

NAMES = (
    "'; DROP TABLE runs; --", '"; DELETE FROM groups; --', "x' OR '1'='1", "%s%n{0}{x}", "<script>alert(1)</script>", "a\nb", "\u202egnp.exe",
    "=HYPERLINK(\"http://x\")", "@SUM(A1)", "+1+1", "-1-1", "../../etc/passwd", "nul", " ", "é" * 200, "\U0001f600", "a\x7fb",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_in_a_store_come_back_and_change_nothing(tmp_path, name):
    place = tmp_path / "runs.db"
    with Store.open(place) as store:
        other = store.create_run(kind="compare", name="other", settings={}, data={}, fingerprint="f", versions={})
        run = store.create_run(
            kind=name, name=name, settings={name: name}, data={"source": name}, fingerprint=name, versions={name: name}
        )
        store.save_group(other, "a", {"x": np.zeros(1)})
        store.save_group(run, name, {name: np.arange(3)})
        store.finish(run, name, 1.0, summary=name)
    for path in (place, repair(place).path):
        with Store.open(path, create=False, read_only=True) as store:
            row = store.run(run)
            assert (row.kind, row.name, row.settings, row.fingerprint, row.summary) == (
                name,
                name,
                {name: name},
                name,
                name,
            )
            assert store.groups(run)[name][name].tolist() == [0, 1, 2] and store.result(run) == name
            assert store.group_keys(other) == ("a",) and len(store.runs()) == 2


@pytest.mark.slow
def test_names_in_a_table_are_text_in_the_report_and_cells_in_csv(tmp_path):
    rng = np.random.default_rng(0)
    rows = 80
    frame = pl.DataFrame({
        "<script>alert(1)</script>": rng.normal(size=rows), "=1+1": rng.normal(size=rows), "'; DROP TABLE runs; --": rng.choice(["<b>", "\"'>"], rows),
        "y": np.where(np.arange(rows) % 2, "=cmd|' /C calc'!A0", "<img src=x onerror=alert(1)>"),
    })  # fmt: skip
    options = {"losses": "bce", "model": "mlp:hidden=3", "seeds": 2, "epochs": 1, "learning_rates": "configured"}
    result = lossmith.compare(frame, target="y", **options)
    result.report(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    for raw in ("<script>alert(1)", "<img src=x"):
        assert raw not in page
    assert "&lt;script&gt;alert(1)" in page or "\\u003cscript" in page
    text = io.StringIO(result.trials.write_csv())
    assert all(len(row) == result.trials.width for row in csv.reader(text))


def test_a_file_whose_name_is_no_text(tmp_path):
    """Linux takes any bytes for a name; what can be neither stored nor printed becomes a sign."""
    place = os.fsdecode(os.fsencode(tmp_path / "b") + b"\xff.csv")
    with open(place, "w") as file:
        file.write("x,y\n" + "".join(f"{n * 0.5},{n % 2}\n" for n in range(40)))
    dataset = lossmith.load(place, target="y")
    assert dataset.name == "b\ufffd" and dataset.source.endswith("b\ufffd.csv")


def test_a_text_of_half_characters_is_no_damage(tmp_path):
    with Store.open(tmp_path / "runs.db") as store, pytest.raises(StoreError, match=r"half characters, 'a\\udcff'"):
        store.create_run(kind="compare", name="a\udcff", settings={}, data={}, fingerprint="f", versions={})
