"""Mutants that no test can notice, or none should, each with the reason: module -> what was changed -> why."""

from __future__ import annotations

__all__ = ["EQUIVALENT"]

EQUIVALENT: dict[str, dict[str, str]] = {
    "compare.store": {
        "connection.close() -> left out": "the interpreter closes a connection that nobody holds",
        "self._mine.add(run) -> left out": "the identity dies with the store, so that its runs are interrupted either way",
        "self._mine.clear() -> left out": "the store is closed: nobody asks again",
        "if self._mine -> if not": "the identity dies with the store, so that its runs are interrupted either way",
        "self._mine.discard(run) -> left out": "closing the store then takes an owner away that is not there",
    },
    "compare._sqlite": {
        "connection.execute('PRAGMA synchronous = FULL') -> left out": "FULL is what SQLite does where nothing is said; whether the disk was waited for shows when power fails",
        "trial.flush() -> left out": "closing the file writes the same bytes",
        "True -> False": "of a folder that is not there: it is said before anything is opened, for reading or for writing",
    },
    "compare.repair": {
        "connection.close() -> left out": "the interpreter closes a connection that nobody holds",
        "True -> False": "whether instances of a record have slots or can be changed, which no caller depends on",
    },
    "compare.archive": {
        "False -> True": "statistics of Parquet, which no reader asks for; a store that is not made where it is only read",
        "200 -> 201": "how many characters of somebody else's words are shown",
    },
    "compare._rows": {
        "True -> False": "whether instances of a record have slots or can be changed, which no caller depends on",
    },
    "compare._carving": {
        "length > size * len(pages) -> length >= size * len(pages)": "a row as large as the file has no room for its page's header",
        "length > most -> length >= most": "both formulas give the same at the limit",
        "len(page) - 1 -> len(page) + 1": "what is read beyond the page is refused one step later",
        "len(text) >= place + 4 -> len(text) > place + 4": "a file that ends there has no rows",
        "1 -> 2": "of numbers above 511 both forms accept powers of two alone",
        "8 -> 9": "a page that ends there has no rows",
    },
    "_tensor_file": {
        "os.fstat(stream.fileno()).st_size - 8 -> os.fstat(stream.fileno()).st_size + 8": "a header cut off is refused as no JSON one step later",
        "2 <= length <= min(os.fstat(stream.fileno()).st_size - 8, MOST_HEADER) -> 2 < length <= min(os.fstat(stream.fileno()).st_size - 8, MOST_HEADER)": "a header of two characters names no format",
    },
    "data._image_folder": {
        "255 -> 256": "Pillow takes 256 for 255",
    },
    "data._downloads": {
        "160 -> 161": "how many characters of somebody else's words are shown",
    },
    "data._human_labels": {
        "True -> False": "whether instances of a record have slots or can be changed, which no caller depends on",
        "np.abs(shares.sum(axis=1) - 1).max() > 1e-06 -> np.abs(shares.sum(axis=1) - 1).max() >= 1e-06": "no sum is that far from 1 to the last bit",
    },
    "lint._keras_file": {
        "120 -> 121": "how many characters of somebody else's words are shown",
    },
    "drift._state": {
        "if TYPE_CHECKING -> if not": "a record that annotations name is imported, or not",
        "200 -> 201": "how many characters of somebody else's words are shown",
    },
    "generative._files": {
        "False -> True": "a parameter with parameters of its own is no plain data, and is refused whether or not these are listed beside it",
        "True -> False": "the default of a method in a protocol, which is never called",
    },
    "data._delimited": {
        "False -> True": "what is inferred where the types of all columns are given",
    },
    "data._files": {
        "65536 -> 65537": "of the share alone: between a thousandth of the one and of the other lies no whole number",
    },
    "data._image_files": {
        "6 -> 7": "both marks are in the first six bytes",
        "1 -> 2": "one byte more is read of a file that is refused either way; NumPy takes any negative number for the axis to be found",
        "False -> True": "what MD5 is used for, which only builds of Python without MD5 ask for",
    },
    "data._plain_pickle": {
        "len(data) - start -> len(data) + start": "a text that ends beyond the file is refused one step later, where its end is missing",
    },
}
