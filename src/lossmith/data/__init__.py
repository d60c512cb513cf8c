"""Data sets: reading, task detection, encoding, splitting, label noise.

`load` reads anything, `split` gives three parts, `fit_encoder` turns columns into inputs. Everything decided on the way
is written down in `Dataset.decisions` and `Dataset.columns`.
"""

from __future__ import annotations

from lossmith.data._bounded import check_archive
from lossmith.data._built_in import BUILT_IN, BuiltIn, worms_counts
from lossmith.data._downloads import keras_folder
from lossmith.data._encoder import PIXEL, Encoder, fit_encoder
from lossmith.data._files import read_columnar
from lossmith.data._human_labels import HUMAN_LABELS, HumanLabels
from lossmith.data._image_folder import load_image_folder
from lossmith.data._image_sets import IMAGE_SETS, ImageSet, load_image_set
from lossmith.data._load import load
from lossmith.data._noise import replace_labels
from lossmith.data._parquet_check import check_parquet_file
from lossmith.data._rows import NewRows, read_features, read_rows
from lossmith.data._spec import Column, ColumnKind, Dataset, Split, Task
from lossmith.data._split import published_split, split
from lossmith.data._windows import windows

__all__ = [
    "BUILT_IN",
    "HUMAN_LABELS",
    "IMAGE_SETS",
    "PIXEL",
    "BuiltIn",
    "Column",
    "ColumnKind",
    "Dataset",
    "Encoder",
    "HumanLabels",
    "ImageSet",
    "NewRows",
    "Split",
    "Task",
    "check_archive",
    "check_parquet_file",
    "fit_encoder",
    "keras_folder",
    "load",
    "load_image_folder",
    "load_image_set",
    "published_split",
    "read_columnar",
    "read_features",
    "read_rows",
    "replace_labels",
    "split",
    "windows",
    "worms_counts",
]
