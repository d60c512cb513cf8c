"""`profile`: the reference, counted once."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean
from lossmith.drift._counting import Lookup, count, lookup
from lossmith.drift._edges import RULES, checked_edges, fit_edges
from lossmith.drift._kinds import Kind, as_levels, as_numbers, decide, family
from lossmith.drift._records import MOST_LEVELS, ColumnProfile, Profile
from lossmith.drift._source import Source, Values, open_source

__all__ = ["counted", "profile"]

SAMPLE = 131_072  # rows from which edges are fitted: a quantile of so many is off by 0.14 % of the rows at most
_THREADS = min(8, os.cpu_count() or 1)


def profile(
    data: Any,
    *,
    rule: str = "quantile",
    n_bins: int = 32,
    edges: Mapping[str, Sequence[float]] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    columns: Sequence[str] | None = None,
    like: Profile | None = None,
    name: str = "",
) -> Profile:
    """Return the profile of a reference: cells for each column and the rows in each, in one pass.

    Use it once on the data that a model was built on; `compare` and `Monitor` then need only this, a few kilobytes.
    Cells are placed by the reference alone. Values beyond its range, levels it never had and missing values have cells
    of their own. Profiles with the same cells (`like=`) merge exactly.

    Parameters
    ----------
    data : path, frame, array, mapping of arrays, or a list of these
        Parquet files, CSV files of 128 MB and more and lazy frames are read piece by piece and may be larger than memory.
    rule : {"quantile", "freedman_diaconis", "bayesian_blocks"}
        How edges are placed, from at most 131,072 rows from all over the data; see `RULES`.
    n_bins : int
        Of the quantile rule.
    edges : mapping of str to sequence of float, optional
        Edges that are given, by column.
    kinds : mapping of str to str, optional
        Kinds that are given, by column: numeric, integer, date, text, boolean, category.
    columns : sequence of str, optional
        Only these.
    like : Profile, optional
        Take kinds and cells from this profile.
    name : str

    Raises
    ------
    DataError, InvalidInputError, UnknownNameError
        Data that cannot be read; a column, rule or kind that is unknown; edges that do not increase.

    Examples
    --------
    >>> reference = profile(np.random.default_rng(0).normal(size=(1000, 2)))
    >>> reference["column_1"].kind, reference["column_1"].cells.sum()
    ('numeric', np.int64(1000))
    >>> later = profile(np.random.default_rng(1).normal(size=(500, 2)), like=reference)
    >>> reference.merge(later).n_rows
    1500
    """
    source = open_source(data, name=name)
    if like is not None:
        given = (edges, kinds, columns)
        if any(value is not None for value in given) or rule != "quantile" or n_bins != 32:
            raise InvalidInputError(
                "like= with other choices", expected="like= alone", advice="the cells are those of `like`"
            )
        return counted(source, like)
    chosen = _chosen(columns, source.names)
    _known({*(edges or {}), *(kinds or {})}, chosen)
    RULES[rule]
    blank = _declared(source, chosen, rule, n_bins, edges or {}, kinds or {})
    return counted(source, Profile(source.name, 0, blank))


def _chosen(columns: Sequence[str] | None, names: Sequence[str]) -> list[str]:
    if columns is None:
        return list(names)
    asked = [columns] if isinstance(columns, str) else list(columns)
    _known(asked, names)
    return list(dict.fromkeys(asked))


def _known(asked: Iterable[str], names: Sequence[str]) -> None:
    for column in sorted(asked):
        if column not in names:
            raise UnknownNameError(f"no column {column!r}", advice=did_you_mean(column, names))


def _declared(
    source: Source,
    names: Sequence[str],
    rule: str,
    n_bins: int,
    edges: Mapping[str, Sequence[float]],
    kinds: Mapping[str, Kind],
) -> dict[str, ColumnProfile]:
    """Return columns with cells and no counts."""
    fit_edges(np.zeros(1), rule=rule, n_bins=n_bins)
    sample = source.sample(names, SAMPLE)

    def declare(name: str) -> ColumnProfile:
        kind, notation = decide(sample[name])
        kind = _given_kind(name, kinds[name]) if name in kinds else kind
        if name in edges and family(kind) != "ordered":
            raise InvalidInputError(
                f"edges for column {name!r}, which is a {kind}", expected="edges for columns of numbers",
                advice=f"say kinds={{{name!r}: 'numeric'}} if it is one",
            )  # fmt: skip
        column = ColumnProfile(name, kind, source.types[name], 0, notation)
        if not column.ordered:
            return column
        if name in edges:
            return replace(column, edges=checked_edges(edges[name], column=name), rule="given")
        values, _ = as_numbers(sample[name], kind, notation)
        values = values[np.isfinite(values)]
        return replace(column, edges=fit_edges(values, rule=rule, n_bins=n_bins), rule=RULES[rule].name)

    with ThreadPoolExecutor(_THREADS) as threads:
        return dict(zip(names, threads.map(declare, names), strict=True))


def _given_kind(name: str, kind: str) -> Kind:
    known: tuple[Kind, ...] = ("numeric", "integer", "date", "text", "boolean", "category")
    for one in known:
        if one == kind:
            return one
    raise UnknownNameError(f"unknown kind {kind!r} of column {name!r}", advice=did_you_mean(kind, known))


def counted(source: Source, like: Profile) -> Profile:
    """Return the rows of a source, counted in the cells of another profile; columns it lacks are left out."""
    names = [name for name in like.columns if name in source.names]
    tables = {name: lookup(like[name].edges) for name in names if like[name].ordered}
    found: dict[str, ColumnProfile] = {}
    with ThreadPoolExecutor(_THREADS) as threads:
        for batch in source.batches(names):

            def of_batch(name: str, batch: Mapping[str, Values] = batch) -> ColumnProfile:
                return _counted(batch[name], like[name], source.types[name], tables.get(name))

            for name, part in zip(names, threads.map(of_batch, names), strict=True):
                found[name] = found[name].merged(part) if name in found else part
    return Profile(source.name, source.height, found, source.notes)


def _counted(values: Values, like: ColumnProfile, dtype: str, table: Lookup | None) -> ColumnProfile:
    n = len(values)
    blank = ColumnProfile(like.name, like.kind, dtype, n, like.notation, like.rule, like.edges)
    if like.kind == "unsupported":
        missing = values.null_count() if isinstance(values, pl.Series) else 0
        return replace(blank, missing=missing, invalid=n - missing)
    if table is not None:
        numbers, invalid = as_numbers(values, like.kind, like.notation)
        held = count(numbers, table)
        whole = like.kind in ("integer", "numeric") and n > 2 and held.n == n and held.high - held.low == n - 1
        return replace(
            blank, cells=held.cells, missing=held.n_missing - invalid, invalid=invalid, infinite=held.n_infinite,
            mean=held.mean if math.isfinite(held.mean) else 0.0, squares=held.squares if math.isfinite(held.squares) else 0.0,
            low=held.low, high=held.high, counter=whole and bool((np.diff(numbers) == 1).all()),
        )  # fmt: skip
    levels, invalid = as_levels(values, like.kind)
    held_by = levels.drop_nulls().value_counts(name="held").sort(by=levels.name or "").rows()
    column = replace(blank, levels=dict(held_by), missing=levels.null_count() - invalid, invalid=invalid)
    return column.in_buckets() if like.bucketed or len(column.levels) > MOST_LEVELS else column
