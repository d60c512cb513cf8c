"""The terminal's view of a comparison: the answer in a sentence, then the table, then what to look at.

Colour only repeats what a word or a sign says. A narrow terminal loses whole columns, in the order of `_table.GIVEN_UP`, and
never wraps one; what is not a terminal gets every column, whatever its width, so that lines stay stable.
"""

from __future__ import annotations

import io
import re
import shlex
import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from lossmith._checks import Finding
from lossmith.compare._spec import Comparison
from lossmith.report import _commands as commands
from lossmith.report import _numbers as numbers
from lossmith.report import _wording as wording
from lossmith.report._quantities import find, majority_rate
from lossmith.report._recipes import train_with
from lossmith.report._table import leaderboard
from lossmith.report.factors import factor_lines

__all__ = ["show", "text"]

_SEVERITIES = {"error": "bold red", "warning": "yellow", "info": "blue"}
_ASCII = str.maketrans({"┌": "/", "│": "|", "└": "\\", "↑": "^", "↓": "v", "–": "-", "…": "~", "²": "2"})
_SHOWN_FINDINGS = 6
_UNIT = re.compile(r"(\d) (s|min|h|%|seeds?|runs?)\b")


def show(
    comparison: Comparison,
    console: Console | None = None,
    *,
    report: str | None = None,
    store: str | None = None,
    repeat: str | None = None,
) -> None:
    """Print the leaderboard of a comparison.

    Parameters
    ----------
    comparison : Comparison
    console : rich.console.Console or None
        Standard output where None. A terminal gets columns that fit its width, anything else gets all of them.
    report, store : str or None
        Where the HTML report and the store are, for the last lines.
    repeat : str or None
        Command that repeats the comparison; None writes every setting out.

    Examples
    --------
    >>> import lossmith
    >>> result = lossmith.compare("circles", losses="bce", seeds=2, epochs=1, learning_rates="configured")
    >>> import io
    >>> from rich.console import Console
    >>> page = io.StringIO()
    >>> show(result, Console(file=page), store="runs.db")
    >>> "binary_crossentropy" in page.getvalue()
    True
    """
    console = console or Console()
    width = console.width if console.is_terminal else None
    unicode = (console.encoding or "").lower().replace("-", "").startswith("utf")
    for line in _lines(comparison, width=width, report=report, store=store, repeat=repeat):
        shown = line if unicode else _ascii(line)
        console.print(shown, soft_wrap=True, highlight=False, markup=False, emoji=False)


def text(
    comparison: Comparison,
    *,
    width: int | None = None,
    color: bool = False,
    report: str | None = None,
    store: str | None = None,
    repeat: str | None = None,
) -> str:
    """Return the leaderboard as one string that ends with a newline.

    Parameters
    ----------
    comparison : Comparison
    width : int or None
        Columns available; None keeps every column.
    color : bool
        Whether to add escape sequences that repeat the words in colour.
    report, store, repeat : str or None
        See `show`.
    """
    lines = _lines(comparison, width=width, report=report, store=store, repeat=repeat)
    if not color:
        return "".join(f"{line.plain.rstrip()}\n" for line in lines)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", width=width or 1_000, no_color=False)
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)
    return stream.getvalue()


def _ascii(line: Text) -> Text:
    plain = line.plain.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
    return Text(plain) if len(plain) != len(line.plain) else Text(plain, spans=line.spans)


def _lines(
    comparison: Comparison, *, width: int | None, report: str | None, store: str | None, repeat: str | None
) -> list[Text]:
    lines = [*_prose(wording.plain(comparison.verdict), width, style="bold"), Text()]
    majority = majority_rate(comparison)
    data = f"{wording.plain(comparison.data.name)}: {wording.data_line(comparison)}"
    if majority is not None:
        data += f"; majority rate {numbers.number(majority, 3)}"
    plan = wording.plan_line(comparison) + (f", {wording.seconds(comparison.seconds)}" if comparison.seconds else "")
    for label, content in (("data", data), ("model", wording.plain(wording.model_line(comparison))), ("plan", plan)):
        lines += _labelled(label, content, width)
    table, dropped = leaderboard(comparison, width)
    lines += [Text(), *table]
    sentences = factor_lines(comparison)
    lines += [Text()] if sentences else []
    lines += [line for sentence in sentences for line in _prose(sentence, width, indent="  ")]
    notes = _notes(comparison, dropped)
    lines += [line for note in notes for line in _prose(note, width, indent="  ", first="  ")]
    price, command = wording.undecided(comparison)
    lines += _prose(price, width, indent="    ", first="  ") if price else []
    lines += [Text(f"    try: {command}")] if command else []
    lines += _not_applicable(comparison, width)
    for code, found in wording.groups(comparison.findings):
        lines += [Text(), *_finding(comparison, code, found, width)]
    lines.append(Text())
    if comparison.standings:
        best = train_with(comparison.standings[0].loss, len(comparison.data.class_names))
        lines += _prose(wording.plain(best), width, style="bold")
    if report is not None:
        lines += _labelled("report", wording.plain(report), None)
    if store is not None:
        named = "" if store == "lossmith.db" else f" --store {shlex.quote(wording.plain(store))}"
        run = comparison.run
        reopen = "" if run is None else f" (run {run}); lossmith runs show {run}{named}"
        lines += _labelled("store", f"{wording.plain(store)}{reopen}", None)
    lines += _labelled("repeat", repeat or commands.command(comparison), None)
    return lines


def _prose(content: str, width: int | None, *, indent: str = "", first: str = "", style: str = "") -> list[Text]:
    if width is None:
        return [Text(first + content, style=style)]
    wrapped = textwrap.wrap(
        _UNIT.sub("\\1\u00a0\\2", content),
        max(20, width),
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [Text(line.replace("\u00a0", " "), style=style) for line in wrapped or [first]]


def _labelled(label: str, content: str, width: int | None) -> list[Text]:
    lines = _prose(content, width, indent=" " * 8, first=f"{label:<8}")
    lines[0].stylize("dim", 0, len(label))
    return lines


def _notes(comparison: Comparison, dropped: frozenset[str]) -> list[str]:
    notes = []
    if "ece" not in dropped and any(row.calibrated and find(row.metrics, "ece") for row in comparison.standings):
        notes.append(f"* {wording.calibration(comparison)}")
    for row in comparison.standings:
        if row.same_as:
            notes.append(
                f"= {wording.plain(row.loss)} shares every gradient with {wording.plain(row.same_as)} here: trained once"
            )
    if "seeds" in dropped:
        notes += wording.failures(comparison)
    return notes


def _not_applicable(comparison: Comparison, width: int | None) -> list[Text]:
    if not comparison.not_applicable:
        return []
    lines = [Text(), Text("not applicable")]
    for row in comparison.not_applicable:
        share = f" ({row.outside:.1%} of the rows outside)" if row.outside is not None else ""
        lines += _prose(
            f"{wording.plain(row.loss)}: {wording.plain(row.reason)}{share}", width, indent="    ", first="  "
        )
    return lines


def _finding(comparison: Comparison, code: str, found: Sequence[Finding], width: int | None) -> list[Text]:
    lines = []
    for place, finding in enumerate(found[:_SHOWN_FINDINGS]):
        head = f"{wording.plain(code)} {finding.severity:<8}" if place == 0 else " " * (len(code) + 9)
        subject = f"{wording.plain(finding.subject)}: " if finding.subject else ""
        block = _prose(
            f"{subject}{wording.plain(finding.evidence)}", width, indent=" " * (len(code) + 10), first=f"{head} "
        )
        if place == 0:
            block[0].stylize(_SEVERITIES.get(finding.severity, ""), 0, len(head))
        lines += block
    margin = " " * (len(code) + 10)
    rest = [wording.plain(finding.subject) for finding in found[_SHOWN_FINDINGS:]]
    if rest:
        lines += _prose(f"and {len(rest)} more: {', '.join(rest)}", width, indent=margin, first=margin)
    advice = next((finding.advice for finding in found if finding.advice), "")
    if advice:
        lines += _prose(f"fix: {wording.plain(advice)}", width, indent=margin, first=margin)
    command = next((commands.to_try(comparison, finding) for finding in found if finding.command), "")
    if command:
        lines.append(Text(f"{margin}try: {command}"))
    return lines
