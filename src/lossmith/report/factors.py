"""Verdicts on several factors, as lines for the terminal and as tables for the report."""

from __future__ import annotations

from dataclasses import dataclass

from lossmith.compare._spec import Comparison, Difference
from lossmith.report import _numbers as numbers
from lossmith.report import _wording as wording

__all__ = ["FactorTable", "factor_lines", "factor_tables"]


@dataclass(frozen=True, slots=True)
class FactorTable:
    """One table: its title, header and rows of text, and the answer in a sentence."""

    title: str
    sentence: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def factor_lines(comparison: Comparison) -> list[str]:
    """Return one sentence for each factor and for each pair of factors; none where only the loss varies."""
    found = comparison.factors
    if found is None:
        return []
    lines = [wording.plain(factor.sentence) for factor in found.factors]
    lines += [wording.plain(pair.sentence) for pair in found.interactions]
    if found.left_out:
        names = ", ".join(map(wording.plain, found.left_out))
        lines.append(f"not among the factors, since it was not trained with every level of the others: {names}")
    return lines


def factor_tables(comparison: Comparison) -> list[FactorTable]:
    """Return a table for each factor and for each pair of factors."""
    found = comparison.factors
    if found is None:
        return []
    tables = []
    header = wording.metric_header(comparison)
    for factor in found.factors:
        rows = []
        for level in factor.levels:
            mean, around = numbers.estimate(level.metric)
            rows.append((wording.plain(level.name), f"{mean} {around}".strip(), *_gap(level.difference)))
        names = (factor.name, header, "against best (paired)", "verdict")
        tables.append(FactorTable(f"By {factor.name}", wording.plain(factor.sentence), names, tuple(rows)))
    for pair in found.interactions:
        rows = [
            (wording.plain(one.first), wording.plain(one.second), *_gap(one.difference, equivalent="none"))
            for one in pair.contrasts
        ]
        names = (pair.factors[0], f"with {pair.factors[1]}", "change of its difference", "interaction")
        title = f"{pair.factors[0]} x {pair.factors[1]}"
        tables.append(FactorTable(title, wording.plain(pair.sentence), names, tuple(rows)))
    return tables


def _gap(difference: Difference | None, *, equivalent: str = "equivalent") -> tuple[str, str]:
    if difference is None:
        return "", "best"
    mean, around = numbers.difference(difference)
    word = difference.verdict
    if equivalent == "none":
        word = {"equivalent": "none", "undecided": "undecided"}.get(word, "present")  # type: ignore[assignment]
    needed = difference.seeds_needed
    price = f", about {numbers.whole(needed)} seeds" if needed else ""
    return f"{mean} {around}".strip(), f"{word}{price}"
