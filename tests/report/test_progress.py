"""The live line: time left from a clock, plain lines off a terminal, nothing when quiet."""

from __future__ import annotations

import io
import re

from rich.console import Console

from lossmith.report import ProgressDisplay


class Clock:
    """A clock that moves when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def run(display, clock, steps, *, every=1.0, stage="training"):
    with display as progress:
        for done in range(steps + 1):
            progress(done, steps, stage, f"best so far: huber {done}")
            clock.now += every


def test_quiet_shows_nothing():
    stream = io.StringIO()
    run(ProgressDisplay(Console(file=stream), quiet=True), Clock(), 10)
    assert stream.getvalue() == ""


def test_pipe_gets_a_plain_line_every_ten_seconds():
    stream, clock = io.StringIO(), Clock()
    run(ProgressDisplay(Console(file=stream, width=20), clock=clock), clock, 40)
    lines = stream.getvalue().splitlines()
    assert "\x1b" not in stream.getvalue() and "\r" not in stream.getvalue()
    assert [line.split(",")[0].split() for line in lines] == [
        ["training", f"{done}/40", f"{done / 40:.0%}"] for done in (0, 10, 20, 30, 40)
    ]
    assert "30 s left, best so far: huber 10" in lines[1]  # 10 of 40 runs in 10 s
    assert "left" not in lines[-1]


def test_each_stage_has_its_own_clock():
    stream, clock = io.StringIO(), Clock()
    with ProgressDisplay(Console(file=stream), clock=clock) as progress:
        progress(0, 2, "reading", "")
        clock.now += 500
        progress(10, 30, "training", "")
        clock.now += 10
        progress(20, 30, "training", "")
    assert "training 20/30 67%, 10 s left" in re.sub(" +", " ", stream.getvalue().splitlines()[-1])


def test_terminal_redraws_one_line_and_leaves_nothing():
    stream, clock = io.StringIO(), Clock()
    console = Console(file=stream, force_terminal=True, width=120)
    run(ProgressDisplay(console, clock=clock), clock, 200, every=0.001)
    shown = stream.getvalue()
    assert "\x1b[2K" in shown  # erased at the end
    assert shown.count("training") <= 12  # never one redraw for each of 200 reports


def test_names_cannot_move_the_cursor_of_the_live_line():
    stream = io.StringIO()
    with ProgressDisplay(Console(file=stream)) as progress:
        progress(0, 1, "a\x1b[2J", "[red]b\n")
    assert stream.getvalue() == "a\\x1b[2J 0/1   0%, [red]b\\n\n"


def test_parts_of_a_run_and_a_stage_that_ends_more_than_once():
    stream, clock = io.StringIO(), Clock()
    with ProgressDisplay(Console(file=stream), clock=clock) as progress:
        for done in (0.3, 299.6, 300.0, 300.0, 300.0):
            progress(done, 300, "training", "")
    counts = [line.split()[1] for line in stream.getvalue().splitlines()]
    assert counts == ["0/300", "300/300"]


def test_empty_stage_is_no_division_by_zero():
    stream = io.StringIO()
    with ProgressDisplay(Console(file=stream)) as progress:
        progress(0, 0, "planning", "")
    assert stream.getvalue().startswith("planning 0/0")


def test_a_notebook_shows_one_bar_that_is_updated():
    shown, now = [], [0.0]
    with ProgressDisplay(cell=shown.append, clock=lambda: now[0]) as progress:
        for done in range(11):
            progress(done, 10, "training", "best so far: <b>huber</b>")
            now[0] += 0.1
    # every quarter of a second, the first and the last
    assert 4 <= len(shown) <= 7
    assert 'value="0.0000"' in shown[0] and 'value="1.0000"' in shown[-1]
    assert "&lt;b&gt;huber&lt;/b&gt;" in shown[0] and "<b>" not in shown[0] and "10/10" in shown[-1]


def test_a_comparison_in_a_notebook_shows_its_progress_by_itself(monkeypatch):
    import sys
    import types

    import lossmith

    updates = []

    class Handle:
        def update(self, page):
            updates.append(page)

    class ZMQInteractiveShell:
        pass

    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = ZMQInteractiveShell
    display.HTML = str
    display.display = lambda page, display_id: updates.append(page) or Handle()
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    lossmith.compare("circles", losses="bce", seeds=2, epochs=1, learning_rates="configured")
    assert updates and "<progress" in updates[-1]
