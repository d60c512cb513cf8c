"""A store of many runs is listed, and one thing of it read, without reading the rest: statements and rows are counted, not seconds."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from lossmith._errors import StoreError
from lossmith.compare import best_model, stored
from lossmith.compare.store import Store

GROUPS = 4


def filled(path, n_runs):
    with Store.open(path) as store:
        for number in range(n_runs):
            run = store.create_run(
                kind="compare", name=f"data {number}", settings={"settings": {"losses": ["bce"], "seeds": 2}},
                data={"source": "circles"}, fingerprint="f", versions={},
            )  # fmt: skip
            for place in range(GROUPS):
                store.save_group(run, f"units-1/{place:05d}", {"test": np.full((3, 4), place)})
            store.save_group(run, stored.WINNER, {"file": np.zeros(5, np.uint8)})
            if number % 2:
                store.finish(run, json.dumps({"large": "x" * 100_000}), 1.0, summary=f"verdict {number}")


class Counted:
    """Counts the statements that a store carries out, and the rows of arrays and results that they touch."""

    def __init__(self, store):
        self.statements = []
        store._connection.set_trace_callback(self.statements.append)

    def of(self, word):
        return sum(word in statement for statement in self.statements)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    for size in (4, 40):
        filled(folder / f"{size}.db", size)
    return folder


def test_listing_is_one_statement_that_asks_for_no_array_and_no_result(stores):
    for size in (4, 40):
        with Store.open(stores / f"{size}.db", read_only=True) as store:
            counted = Counted(store)
            rows = store.runs()
        assert len(rows) == size
        assert [row.n_groups for row in rows] == [GROUPS + 1] * size
        assert [row.summary for row in rows[1::2]] == [f"verdict {number}" for number in range(1, size, 2)]
        assert len(counted.statements) == 1
        assert counted.of("payload") == 0
        assert "results.result," not in counted.statements[0] and " result," not in counted.statements[0]


def test_the_groups_of_a_run_are_counted_by_its_index(stores):
    with Store.open(stores / "40.db", read_only=True) as store:
        plan = store._connection.execute(
            "EXPLAIN QUERY PLAN SELECT id, (SELECT count(*) FROM groups WHERE groups.run = runs.id) FROM runs"
        ).fetchall()
    words = " ".join(row[3] for row in plan)
    assert "SEARCH groups USING COVERING INDEX" in words, words


def test_the_newest_open_run_is_found_without_reading_results(stores):
    with Store.open(stores / "40.db", read_only=True) as store:
        counted = Counted(store)
        assert stored._latest_open(store) == 39
        assert len(counted.statements) == 1


def test_the_model_of_a_run_is_one_array_of_it(stores, monkeypatch):
    counted = []
    opened = Store.open.__func__

    def watched(cls, *arguments, **options):
        store = opened(cls, *arguments, **options)
        counted.append(Counted(store))
        return store

    monkeypatch.setattr(Store, "open", classmethod(watched))
    with pytest.raises(ValueError, match="model of run 2"):  # five zeros are no model
        best_model(2, store=stores / "40.db")
    assert counted[0].of("SELECT payload") == 1


def test_groups_by_name(stores):
    with Store.open(stores / "4.db", read_only=True) as store:
        assert list(store.groups(1, ["units-1/00002", "no such group"])) == ["units-1/00002"]
        assert store.groups(1, []) == {}
        assert len(store.groups(1)) == GROUPS + 1
        with pytest.raises(StoreError, match="no run 9"):
            store.groups(9, ["winner"])


@pytest.mark.slow
def test_memory_of_listing_does_not_grow_with_what_is_stored(tmp_path):
    script = """
        import resource, sys
        from lossmith.compare.store import Store
        with Store.open(sys.argv[1], read_only=True) as store:
            print(len(store.runs()))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
    peaks = []
    for n_runs, size in ((20, 1_000), (20, 2_000_000)):
        path = tmp_path / f"{size}.db"
        with Store.open(path) as store:
            for _ in range(n_runs):
                run = store.create_run(kind="compare", name="x", settings={}, data={}, fingerprint="", versions={})
                store.save_group(run, "units-1/00000", {"a": np.zeros(size, np.uint8)})
                store.finish(run, "x" * size, 1.0)
        code = "\n".join(
            line.strip(" ") if not line.startswith("            ") else "    " + line.strip()
            for line in script.splitlines()
        )
        ended = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        count, peak = map(int, ended.stdout.split())
        assert count == n_runs
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 8_000  # kilobytes, where 80 MB more are stored
