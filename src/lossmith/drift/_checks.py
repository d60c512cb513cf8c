"""The coded checks of drift."""

from __future__ import annotations

from lossmith._catalogue import Catalogue
from lossmith._checks import Check

__all__ = ["CHECKS"]

CHECKS: Catalogue[Check] = Catalogue(
    "drift check",
    [
        Check(
            "LS701", "column-gone", "error", "A column of the reference is not in the current data.",
            "A model that needs it cannot be right.", "Restore it, or profile the reference without it.", aliases=("LS701",),
        ),
        Check(
            "LS702", "column-new", "info", "The current data have a column that the reference lacks.",
            "Nothing is known about it; it is not tested.", "Profile the reference again if it matters.", aliases=("LS702",),
        ),
        Check(
            "LS703", "type-changed", "error", "Most cells of a column hold no value of its kind, or its type is another.",
            "A change of type upstream is drift of the worst kind: everything after it reads something else.",
            "Correct the type where the data come from, or give kinds= for the reference.", aliases=("LS703",),
        ),
        Check(
            "LS704", "not-readable", "warning", "Some cells of a column hold no value of its kind.",
            "They are counted in a cell of their own.", "Correct them, or empty them if they mean missing.", aliases=("LS704",),
        ),
        Check(
            "LS705", "few-rows", "warning", "The samples are so small that only a large change can be seen.",
            "No alarm then means little.", "Collect more rows, or compare wider windows.", aliases=("LS705",),
        ),
        Check(
            "LS706", "autocorrelated", "warning", "Neighbouring rows are alike.",
            "p-values for independent rows alarm far too often: a slow wave looks like drift in every window.",
            "Say blocks='auto' (`--blocks auto`), or thin the rows.", aliases=("LS706",),
        ),
        Check(
            "LS707", "moves-with-time", "info", "A column of dates or a counter lies beyond the reference by its nature.",
            "Time passing is no drift; it is not tested.", "Leave the column out, or derive what matters (hour, weekday).",
            aliases=("LS707",),
        ),
        Check(
            "LS708", "all-missing", "warning", "A column of the reference has no value at all.",
            "Any value that appears is drift; nothing else can be said.", "Leave it out, or profile better data.",
            aliases=("LS708",),
        ),
        Check(
            "LS709", "not-applicable", "info", "A detector could not be used here.",
            "It needs the rows of the reference, numbers, or more than one column.", "Compare with data instead of a profile.",
            aliases=("LS709",),
        ),
        Check(
            "LS710", "infinite-values", "warning", "A column holds infinite numbers.",
            "They are counted in the outermost cells, and left out of means.", "Find the division by zero they come from.",
            aliases=("LS710",),
        ),
        Check(
            "LS711", "small-effect", "info", "A change is significant and smaller than the minimum effect.",
            "With a million rows everything is significant; what matters is how much changed.",
            "Lower minimum_effect (`--minimum-effect`) if such a change matters.", aliases=("LS711",),
        ),
        Check(
            "LS712", "unsupported", "info", "A column holds lists, structures or bytes.",
            "Its values are not compared, only how many are missing.", "Derive columns of numbers or text from it.",
            aliases=("LS712",),
        ),
    ],
)  # fmt: skip
