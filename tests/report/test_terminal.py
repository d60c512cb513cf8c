"""The ten rules of the terminal leaderboard, each by rule and not by copied output."""

from __future__ import annotations

import io
import re
import shlex
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from lossmith.report import _commands as commands
from lossmith.report import _numbers as numbers
from lossmith.report import _wording as wording
from lossmith.report._table import GIVEN_UP, leaderboard
from lossmith.report.terminal import show, text

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def table(comparison, width=None):
    """Return the lines between the header and the first line after the table."""
    return [line.plain for line in leaderboard(comparison, width)[0]]


def rows(comparison, width=None):
    return table(comparison, width)[1 : 1 + len(comparison.standings)]


def with_verdict(comparison, place, verdict, seeds_needed=None):
    standings = list(comparison.standings)
    gap = replace(standings[place].difference, verdict=verdict, seeds_needed=seeds_needed)
    standings[place] = replace(standings[place], difference=gap)
    return replace(comparison, standings=tuple(standings))


def test_first_line_is_the_answer(circles):
    lines = text(circles).splitlines()
    assert lines[0] == circles.verdict
    header = next(place for place, line in enumerate(lines) if "test accuracy" in line)
    assert header > 0


def test_every_row_has_value_interval_difference_and_a_word_of_the_closed_list(circles):
    for standing, row in zip(circles.standings, rows(circles), strict=True):
        found = re.search(r"\[(-?\d*\.\d+) (-?\d*\.\d+)\]", row)
        assert found
        low, high = map(float, found.groups())
        assert low == pytest.approx(standing.metric.low, abs=0.006)
        assert high == pytest.approx(standing.metric.high, abs=0.006)
        words = [word for word in wording.VERDICTS if re.search(rf"\b{word}\b", row)]
        assert len(words) == 1
        assert len(re.findall(r"\[[^\]]+\]", row)) == (1 if standing.difference is None else 2)


def test_tied_ranks_are_joined_by_a_bracket(circles):
    marks = [row[: row.index(row.split()[-1])] for row in rows(circles)]
    starts = [re.match(r"\s*(\d+) (\S)", row).groups() for row in marks[:3]]
    assert starts == [("1", "┌"), ("1", "│"), ("1", "└")]
    assert not re.search("[┌│└]", "".join(rows(circles)[3:]))


@pytest.mark.parametrize("total, more", [(48, "~18 more seeds"), (31, "~1 more seed"), (None, "> 10,000 seeds")])
def test_undecided_states_the_price(circles, total, more):
    undecided = with_verdict(circles, 3, "undecided", total)
    assert rows(undecided)[3].count(f"undecided, {more}" if total else f"undecided, needs {more}") == 1
    sentence, command = wording.undecided(undecided)
    assert "squared_hinge" in sentence
    if total is None:
        assert command == "" and "no affordable number" in sentence
    else:
        assert f"; {total} seeds in all would decide it (about" in sentence
        # the other settings of these circles are what a comparison chooses by itself
        assert command == f"lossmith compare circles --losses {','.join(circles.settings.losses)} --seeds {total}"
    if total == 48:  # 18 of 30 seeds more, of 11.2 s
        assert "about 6.7 s more" in sentence
    assert (command or sentence) in text(undecided)


def test_the_command_asks_for_what_can_be_paid(circles):
    three = with_verdict(
        with_verdict(with_verdict(circles, 1, "undecided", 70), 2, "undecided", 4_000), 3, "undecided", 90
    )
    sentence, command = wording.undecided(three)
    assert "90 seeds in all would decide 2 of 3" in sentence and command.endswith("--seeds 90")
    dear = with_verdict(with_verdict(circles, 1, "undecided", 7_000), 2, "undecided", 4_000)
    assert "4,000 seeds in all would decide 1 of 2" in wording.undecided(dear)[0]


def test_decided_comparison_names_no_price(circles):
    assert wording.undecided(circles) == ("", "")


@pytest.mark.parametrize(
    "low, high, places",
    [
        (0.846, 0.850, 3),
        (0.8, 0.9, 2),
        (0.3, 0.9, 1),
        (11_700, 12_300, -2),
        (3.0, 5.0, 1),
        (0.84605, 0.84795, 4),
        (0.84605, 0.84851, 4),
    ],
)
def test_digits_follow_the_interval(low, high, places):
    assert numbers.decimals(low, high) == places
    # the half-width is 2 to 20 units of the last place
    assert 2 * (1 - 1e-9) <= (high - low) / 2 * 10.0**places < 20


@pytest.mark.parametrize(
    "value, places, options, expected",
    [
        (0.8476, 3, {}, "0.848"),
        (0.8476, 3, {"bare": True}, ".848"),
        (-0.0091, 3, {"signed": True}, "-0.009"),
        (-0.0091, 3, {"bare": True}, "-.009"),
        (0.0091, 3, {"signed": True}, "+0.009"),
        (-0.0001, 3, {"signed": True}, "0.000"),
        (12_345.0, -2, {}, "12300"),
        (10.5, 1, {"bare": True}, "10.5"),
        (float("nan"), 3, {}, "–"),
        (float("inf"), 3, {}, "inf"),
        (0.0000034, 5, {}, "3.4e-06"),
    ],
)
def test_number(value, places, options, expected):
    assert numbers.number(value, places, **options) == expected


def test_header_carries_direction_and_unit(circles, make_comparison):
    assert "test accuracy ↑" in table(circles)[0]
    loss = make_comparison(metric="log_loss", n_losses=2, n_seeds=3)
    assert "test log loss ↓ (nats)" in table(loss)[0]
    regression = make_comparison(task="regression", n_losses=2, n_seeds=3, target="price")
    assert "test RMSE ↓ (price)" in table(regression)[0]


def test_numbers_stand_below_each_other_on_the_decimal_point(circles):
    column = table(circles)[0].index("test accuracy")
    points = {line.index(".", column) for line in table(circles)[1:] if "." in line[column : column + 8]}
    assert len(points) == 1


@pytest.mark.parametrize("width", [140, 100, 80, 60, 40])
def test_no_row_is_wider_than_the_terminal(circles, hostile, make_comparison, width):
    for comparison in (circles, hostile, make_comparison(task="multiclass", n_losses=5, n_seeds=4, metric="log_loss")):
        lines = table(comparison, width)
        assert max(cell_len(line) for line in lines) <= width
        assert len(lines) == len(table(comparison))  # nothing wrapped, nothing lost
        assert all(any(word in row for word in wording.VERDICTS) for row in rows(comparison, width))


def test_columns_go_in_the_written_order(circles):
    first = ("configured", "ece", "rate", "accuracy", "seeds", "price", "long names")
    assert (*first, "metric interval", "difference interval", "difference", "bracket", "unit") == GIVEN_UP
    before: frozenset[str] = frozenset()
    for width in range(160, 30, -1):
        dropped = leaderboard(circles, width)[1]
        assert dropped == frozenset(GIVEN_UP[: len(dropped)])
        assert dropped >= before
        before = dropped
    assert before == frozenset(GIVEN_UP)
    assert leaderboard(circles, 400)[1] == frozenset()


def test_shortened_names_keep_both_ends(make_comparison):
    long = make_comparison(n_losses=8, n_seeds=3, collapsed=0)
    row = rows(long, 80)[6]
    assert "binary" in row and "0.1" in row and "…" in row


def test_colour_only_repeats_words(circles):
    colored = text(circles, color=True)
    assert "\x1b[" in colored
    assert ESCAPE.sub("", colored) == text(circles)


def test_no_color_and_pipes_have_no_escape(circles, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    show(circles, Console(file=stream, force_terminal=True, width=140))
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", stream.getvalue())
    monkeypatch.delenv("NO_COLOR")
    pipe = io.StringIO()
    show(circles, Console(file=pipe, width=80))
    assert "\x1b" not in pipe.getvalue()
    assert pipe.getvalue() == text(circles)  # stable columns, whatever the width


def test_terminal_gets_what_fits(circles):
    stream = io.StringIO()
    show(circles, Console(file=stream, force_terminal=True, width=80))
    assert ESCAPE.sub("", stream.getvalue()) == text(circles, width=80)


def test_stream_without_unicode(circles):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    show(circles, Console(file=stream))
    stream.flush()
    printed = stream.buffer.getvalue().decode("ascii")
    assert "test accuracy ^" in printed


def test_findings_come_after_the_table_grouped_by_code_with_one_command(circles):
    many = replace(circles, findings=circles.findings + circles.findings[1:2] * 8)
    lines = text(many).splitlines()
    codes = [(place, line[:5]) for place, line in enumerate(lines) if re.match(r"LS\d{3} ", line)]
    assert [code for _, code in codes] == ["LS104", "LS108", "LS112"]  # warnings before info, each once
    last_row = max(place for place, line in enumerate(lines) if "gradient boosting" in line)
    assert min(place for place, _ in codes) > last_row
    block = lines[codes[0][0] : codes[1][0]]
    assert sum("try: " in line for line in block) == 1
    assert any("and 3 more: hinge" in line for line in block)  # 9 findings of one code, 6 shown
    assert "2 of 30 seeds never left 0.50" in block[0]


@pytest.mark.parametrize("width", [None, 100, 80, 40])
def test_failed_seeds_are_counted_never_dropped(circles, width):
    shown = text(circles, width=width)
    assert "28/30 seeds" in re.sub(r"\s+", " ", shown)
    assert "29/30 seeds" in re.sub(r"\s+", " ", shown)


def test_majority_rate_stands_beside_accuracy(circles, make_comparison):
    assert re.search(r"majority +0\.500", "\n".join(table(circles)))
    assert "majority rate 0.500" in text(circles)
    by_auc = make_comparison(metric="roc_auc", n_losses=2, n_seeds=3)
    assert "accuracy ↑ (majority .500)" in table(by_auc)[0]
    bare = replace(circles, baselines=(), data=replace(circles.data, class_counts=(883, 117)))
    assert "test accuracy ↑ (majority .883)" in table(bare)[0]


def test_not_applicable_losses_say_how_many_rows_are_outside(circles):
    shown = text(circles)
    assert re.search(r"mean_squared_logarithmic_error: .*51\.4% of the rows outside", shown)
    assert "reverse_kl: needs soft targets of full support\n" in shown


def test_platt_scaled_losses_carry_an_asterisk(circles):
    lines = rows(circles)
    assert re.search(r"\.\d+\*", lines[3]) and not re.search(r"\.\d+\*", lines[0])
    assert "Platt scaling on validation data" in text(circles)


def test_losses_with_one_gradient_are_said_to_be_one(make_comparison):
    shown = text(make_comparison(task="multiclass", n_losses=3, n_seeds=4))
    assert "kl_divergence shares every gradient with categorical_crossentropy here: trained once" in shown
    assert "2 losses x" in shown  # two were trained


def test_last_lines_say_what_to_train_with_and_where_to_reopen(circles):
    lines = text(circles, report="out/circles.html", store="lossmith.db").splitlines()
    assert lines[-4].startswith("Train with binary_crossentropy. Keras: Dense(1), BinaryCrossentropy(from_logits=True")
    assert lines[-3].split() == ["report", "out/circles.html"]
    assert lines[-2].endswith("lossmith.db (run 7); lossmith runs show 7")
    assert lines[-1].startswith("repeat  lossmith compare circles --losses ")
    assert text(circles, repeat="lossmith runs repeat 7").endswith("repeat  lossmith runs repeat 7\n")


def test_command_repeats_every_setting(circles):
    words = shlex.split(commands.command(circles))
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert options["--losses"] == ",".join(circles.settings.losses)
    assert [float(rate) for rate in options["--learning-rates"].split(",")] == pytest.approx(
        circles.settings.learning_rates, rel=1e-5
    )
    expected = {"--seeds": "30", "--epochs": "200", "--batch-size": "32", "--metric": "accuracy", "--seed": "0"}
    assert options.items() >= expected.items()
    quoted = replace(circles, data=replace(circles.data, source="my data.csv", target_name="a'b"))
    assert shlex.split(commands.command(quoted))[:5] == ["lossmith", "compare", "my data.csv", "--target", "a'b"]


def test_commands_of_findings_keep_what_was_chosen(circles):
    finding = replace(circles.findings[0], command="lossmith compare ... --seeds 93")
    settings = replace(
        circles.settings, epochs=77, noise=0.2, extra={"margin_given": True, "read": {"drop": "a b,c"}}, margin=0.03
    )
    there = replace(circles, findings=(finding,), data=replace(circles.data, source="my data.csv"), settings=settings)
    (line,) = (line for line in text(there).splitlines() if "try: " in line)
    words = shlex.split(line.partition("try: ")[2])
    assert words[:5] == ["lossmith", "compare", "my data.csv", "--target", "y"]
    options = dict(zip(words[5::2], words[6::2], strict=True))
    assert options.pop("--losses") == ",".join(circles.settings.losses)
    assert options == {"--drop": "a b,c", "--epochs": "77", "--noise": "0.2", "--margin": "0.03", "--seeds": "93"}
    more = replace(finding, command="lossmith compare ... --time-limit 5m")
    assert commands.to_try(circles, more).endswith(" --seeds 30 --time-limit 5m")


def test_a_long_verdict_is_cut_for_the_headline_and_nothing_is_lost():
    many = ", ".join(f"loss_{place} (about {place} seeds would settle it)" for place in range(9))
    verdict = f"No loss beats linear (0.9 [0.8, 1.0]). Leading: a: accuracy 0.82 [0.79, 0.85], undecided against {many}; 4 seeds"
    head, rest = wording.headline(verdict)
    assert head == "No loss beats linear (0.9 [0.8, 1.0]). Leading: a: accuracy 0.82 [0.79, 0.85]"
    assert rest == f"Undecided against {many}; 4 seeds"
    assert wording.headline("x" * 400) == ("x" * 400, "")


def test_no_name_can_move_the_cursor(make_comparison):
    bad = make_comparison(hostile="\x1b[2Ja\nb\rc\u202ed", n_losses=2, n_seeds=3)
    shown = text(bad)
    assert "\x1b" not in shown and "\r" not in shown and "\u202e" not in shown
    assert len(table(bad)) == len(shown.split("loss  ", 1)[1].split("\n\nnot applicable")[0].splitlines())
    assert r"\x1b[2Ja\nb\rc\u202ed" in shown


def test_markup_in_names_stays_text(make_comparison):
    stream = io.StringIO()
    show(
        make_comparison(hostile="[red]:smile:[/]", n_losses=2, n_seeds=3),
        Console(file=stream, force_terminal=True, width=140),
    )
    assert "[red]:smile:[/]" in ESCAPE.sub("", stream.getvalue())


@pytest.mark.parametrize(
    "options",
    [
        {"n_losses": 1, "n_seeds": 1, "n_rates": 1},
        {"n_losses": 3, "n_seeds": 1},
        {"task": "regression", "n_losses": 5},
        {"task": "multiclass", "n_losses": 5, "metric": "log_loss"},
        {"n_losses": 2, "n_seeds": 3, "not_applicable": False},
    ],
)
def test_every_shape_of_comparison_is_shown(make_comparison, options):
    comparison = make_comparison(**options)
    shown = text(comparison, width=100)
    assert all(standing.loss[:6] in shown for standing in comparison.standings)
    assert "nan" not in shown.lower().replace("finance", "")


def test_comparison_without_any_standing(circles):
    shown = text(replace(circles, standings=(), baselines=(), verdict="Nothing fits."))
    assert shown.startswith("Nothing fits.\n") and "Train with" not in shown
