"""Monitoring over time: false alarms as rare as promised, changes found and dated, a state that survives."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing

import numpy as np
import polars as pl
import pytest

from lossmith import drift
from lossmith._errors import LossmithError, MissingExtraError, StoreError
from lossmith.drift._sequential import Evidence, e_value, simes


def table(n: int, seed: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"a": rng.normal(shift, 1, n), "b": rng.normal(size=n), "c": rng.choice(["x", "y", "z"], n)}


def test_evidence_of_uniform_p_values_is_at_most_one_on_average():
    """The integral of k p^(k - 1) over (0, 1) is 1 (a power rule), also after rounding p up to a grid."""
    from scipy.integrate import quad

    assert math.isclose(quad(e_value, 0, 1)[0], 1.0, rel_tol=1e-6)
    grid = np.arange(1, 501) / 500
    assert np.mean([e_value(p) for p in grid]) <= 1.0
    assert simes([0.02, 0.02, 0.9]) == pytest.approx(0.03) and simes([]) == 1.0


def test_the_run_length_without_change_is_at_least_what_is_asked_for():
    rng = np.random.default_rng(0)
    lengths = []
    for _ in range(300):
        seen = Evidence()
        while seen.total < 50:
            seen = seen.after(float(rng.random()))
        lengths.append(seen.windows)
    assert np.mean(lengths) >= 50 - 3 * np.std(lengths) / math.sqrt(300)


def test_no_change_no_alarm_even_with_a_small_reference():
    """Windows against a fixed reference of 300 rows would share its chance deviations; against all rows before they do not."""
    monitor = drift.Monitor(table(300, 1), window=100, run_length=200)
    monitor.update(table(3000, 2))
    assert len(monitor.windows) == 30 and not monitor.alarms
    p = np.array([window.p_value for window in monitor.windows])
    assert (p < 0.05).mean() < 0.2
    assert monitor.reference.n_rows == 3300


def test_a_change_is_found_and_dated():
    monitor = drift.Monitor(table(3000, 3), window=200)
    assert not any(window.alarm for window in monitor.update(table(2000, 4)))
    found = monitor.update(table(1000, 5, 0.5))
    first = next(window for window in found if window.alarm)
    assert first.number <= 12 and first.since == 11 and first.drifted == ("a",) and "mean" in first.words
    assert (first.first, first.last) == (200 * (first.number - 1) + 1, 200 * first.number)


def test_a_small_change_adds_up():
    monitor = drift.Monitor(table(20_000, 6), window=500)
    monitor.update(table(2000, 7))
    windows = monitor.update(table(20_000, 8, 0.12))
    alone = [window for window in windows[:3] if window.alarm]
    assert not alone and any(window.alarm for window in windows[:25])


def test_rows_in_any_portions_give_the_same_windows():
    rows = pl.DataFrame(table(1050, 9, 0.2))
    whole, parts = (drift.Monitor(table(1000, 10), window=250) for _ in range(2))
    whole.update(rows)
    for start in range(0, 1050, 35):
        parts.update(rows[start : start + 35])
    assert whole.windows == parts.windows and len(whole.windows) == 4
    assert whole.flush() == parts.flush() and whole.windows[-1].rows == 50
    assert whole.table().height == 5


def test_windows_by_time():
    hours = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 11), "1h", eager=True, closed="left")
    stream = pl.DataFrame({"when": hours, **dict(table(240, 11).items())})
    monitor = drift.Monitor(
        table(1000, 12) | {"when": np.datetime64("2023-01-01") + np.arange(1000).astype("timedelta64[h]")},
        window="1d",
        time="when",
    )
    assert len(monitor.update(stream[:100])) == 4 and len(monitor.update(stream[100:])) == 5
    assert [window.rows for window in monitor.windows] == [24] * 9
    assert monitor.flush()[0].time.startswith("2024-01-10")
    with pytest.raises(LossmithError, match="go back"):
        monitor.update(stream[[5, 3]])


def test_performance_is_watched_through_errors():
    rng = np.random.default_rng(13)

    def labelled(n: int, wrong: float) -> dict[str, np.ndarray]:
        truth = rng.integers(0, 2, n)
        return {"x": rng.normal(size=n), "y": truth, "p": np.where(rng.random(n) < wrong, 1 - truth, truth)}

    monitor = drift.Monitor(labelled(3000, 0.1), window=300, target="y", prediction="p")
    assert not any(window.alarm for window in monitor.update(labelled(1500, 0.1)))
    alarms = [window for window in monitor.update(labelled(900, 0.3)) if window.alarm]
    assert alarms and alarms[0].drifted[0] == "(error)"


def test_the_state_survives(tmp_path):
    store = tmp_path / "deep" / "watch.db"
    kept, live = drift.Monitor(table(1000, 14), window=200, store=store), drift.Monitor(table(1000, 14), window=200)
    for seed in (15, 16):
        kept.update(table(330, seed))
        live.update(table(330, seed))
    again = drift.Monitor.open(store)
    assert again.windows == live.windows and repr(again) == repr(live)
    assert again.update(table(500, 17, 1.0)) == live.update(table(500, 17, 1.0))
    assert again.alarms and drift.Monitor.open(store).alarms == again.alarms
    with pytest.raises(StoreError, match="holds a monitor already"):
        drift.Monitor(table(100, 0), store=store)
    again.restart(table(1000, 18, 1.0))
    assert not drift.Monitor.open(store).update(table(200, 19, 1.0))[0].alarm


def test_damaged_state_is_one_clear_error(tmp_path):
    with pytest.raises(StoreError, match="no file"):
        drift.Monitor.open(tmp_path / "none.db")
    (tmp_path / "text.db").write_text("this is no database at all, but text " * 20)
    with pytest.raises(StoreError):
        drift.Monitor.open(tmp_path / "text.db")
    store = tmp_path / "watch.db"
    drift.Monitor(table(100, 0), store=store)
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE monitor SET value = '{}' WHERE key = 'state'")
    with pytest.raises(StoreError, match="no sound monitor"):
        drift.Monitor.open(store)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("CREATE TABLE people (name TEXT)")
    with pytest.raises(StoreError, match="another database"):
        drift.Monitor(table(100, 0), store=other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 0}, "window=0"),
        ({"window": "1 day", "time": "t"}, "window='1 day'"),
        ({"window": "1d"}, "without time"),
        ({"window": 10, "time": "a"}, "with a window of 10 rows"),
        ({"run_length": 1}, "run_length"),
        ({"target": "c"}, "both or none"),
        ({"target": "c", "prediction": "nope"}, "no column 'nope'"),
    ],
)
def test_wrong_monitors_are_clear_errors(options, words):
    with pytest.raises(LossmithError, match=words):
        drift.Monitor(table(100, 0), **options)


def test_missing_columns_and_changed_types_alarm_at_once():
    monitor = drift.Monitor(table(1000, 20), window=100)
    assert monitor.update({name: values for name, values in table(100, 21).items() if name != "b"})[0].alarm
    monitor = drift.Monitor(table(1000, 20), window=100)
    assert monitor.update(table(100, 21) | {"b": ["oops"] * 100})[0].alarm


def test_change_points_are_located():
    rng = np.random.default_rng(22)
    stream = np.concatenate([rng.normal(size=700), rng.normal(1.2, 1, 500), rng.normal(1.2, 3, 800)])
    found = drift.change_points(stream)
    assert len(found) == 2
    for change, truth in zip(found, (700, 1200), strict=True):
        assert abs(change.row - truth) < 40 and change.low <= truth <= change.high
    levels = ["a", "b"] * 300 + ["a", "b", "b", "b"] * 150
    assert abs(drift.change_points(levels)[0].row - 600) < 60
    assert drift.change_points(rng.normal(size=1500)) == ()
    with pytest.raises(LossmithError, match="60 rows"):
        drift.change_points(np.arange(60.0))


def test_change_points_of_autocorrelated_rows_need_blocks():
    rng = np.random.default_rng(23)
    noise = rng.normal(size=900)
    slow = np.convolve(noise, np.ones(30) / 30, mode="valid")
    assert drift.change_points(slow, level=0.05) != ()
    assert drift.change_points(slow, level=0.05, block=100) == ()


def test_concept_detectors_ask_for_river_or_find_the_change():
    rng = np.random.default_rng(24)
    errors = (rng.random(3000) < np.repeat([0.1, 0.4], [2000, 1000])).astype(int)
    try:
        import river  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match="lossmith\\[river\\]"):
            drift.concept_drift(errors)
    else:
        for method in ("adwin", "ddm", "page_hinkley"):
            found = [row for row in drift.concept_drift(errors, method=method) if row >= 2000]
            assert found and found[0] < 2400, method
    with pytest.raises(LossmithError, match="unknown method"):
        drift.concept_drift(errors, method="adwn")
    with pytest.raises(LossmithError, match="other than 0 and 1"):
        drift.concept_drift([0.5], method="ddm")


def autoregression(n: int, seed: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    """Return x(t) = 0.8 x(t - 1) + noise, of unit variance."""
    from scipy.signal import lfilter

    noise = np.random.default_rng(seed).normal(0, 0.6, n + 200)
    return {"x": lfilter([1.0], [1.0, -0.8], noise)[200:] + shift}


def test_rows_that_are_alike_to_their_neighbours_need_blocks(tmp_path):
    """Rows with autocorrelation 0.8 are worth a ninth of independent ones: relabelling single rows alarms at nothing."""
    stream = autoregression(3000, 11)
    single = drift.Monitor(autoregression(2000, 10), window=300)
    single.update(stream)
    store = tmp_path / "state.db"
    blocked = drift.Monitor(autoregression(2000, 10), window=300, blocks="auto", store=store)
    blocked.update({"x": stream["x"][:1500]})
    again = drift.Monitor.open(store)
    again.update({"x": stream["x"][1500:]})
    assert single.alarms and not again.alarms and len(again.windows) == 10
    assert np.mean([window.p_value < 0.05 for window in again.windows]) <= 0.2
    assert again.update(autoregression(600, 12, 1.5))[-1].alarm
    profile = drift.profile(autoregression(500, 1))
    with pytest.raises(LossmithError, match="rows of the reference, in their order"):
        drift.Monitor(profile, blocks=20)
    with pytest.raises(LossmithError, match="blocks='x'"):
        drift.Monitor(autoregression(500, 1), blocks="x")
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("DELETE FROM monitor WHERE key = 'history'")
    with pytest.raises(StoreError, match="rows of its reference are gone"):
        drift.Monitor.open(store)
