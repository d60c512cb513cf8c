"""Every reader of files, with sound files to begin from: what it does not refuse in words of its own is a finding."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from data_readers import (
    arrays_to_lint,
    arrow,
    column_of_file,
    data_set,
    idx,
    labels_files,
    names_with_parameters,
    packed_idx,
    packed_text,
    parquet,
    pickles,
    pictures,
    table_of_text,
    text_file,
)
from model_readers import (
    archive_file,
    comparison_json,
    damaged_store,
    estimator_file,
    generative_file,
    keras_file,
    kind_of_file,
    language_model_file,
    map_file,
    models_json,
    monitor_store,
    network_file,
    profile_json,
    profile_parquet,
    raw_model_file,
    store_file,
)


@dataclass(frozen=True, slots=True)
class Target:
    """A reader.

    Attributes
    ----------
    what : str
        In words, for the report.
    prepare : callable
        `prepare() -> make, read`: `make(rng)` gives the bytes of one input, `read(data)` reads them.
    share : float
        Of all inputs.
    """

    what: str
    prepare: Callable[[], tuple[Callable[[random.Random], bytes], Callable[[bytes], Any]]]
    share: float


TARGETS: dict[str, Target] = {
    "csv": Target("CSV and other delimited text, as a table", table_of_text, 0.012),
    "data": Target("CSV, to a data set that is split and encoded", data_set, 0.003),
    "csv.gz": Target("gzip", packed_text, 0.14),
    "parquet": Target("Parquet", parquet, 0.02),
    "arrow": Target("Arrow IPC", arrow, 0.02),
    "idx": Target("IDX (MNIST)", idx, 0.17),
    "idx.gz": Target("IDX, packed", packed_idx, 0.05),
    "pickle": Target("pickle batches (CIFAR)", pickles, 0.14),
    "npy": Target("npy and npz of labels", labels_files, 0.03),
    "npz": Target("npz of arrays to lint", arrays_to_lint, 0.02),
    "picture": Target("PNG and JPEG", pictures, 0.012),
    "tensors": Target("model file, byte by byte", raw_model_file, 0.12),
    "network": Target("model file of a network, content forged", network_file, 0.008),
    "estimator": Target("model file of an RBF network, forged", estimator_file, 0.012),
    "map": Target("model file of a self-organizing map, forged", map_file, 0.012),
    "language": Target("model file of a language model, forged", language_model_file, 0.012),
    "generative": Target("model file of a generative model, forged", generative_file, 0.0008),
    "kind": Target("kind of a model file", kind_of_file, 0.05),
    "profile": Target("drift profile, JSON", profile_json, 0.03),
    "profile.parquet": Target("drift profile, Parquet", profile_parquet, 0.02),
    "monitor": Target("state of a drift monitor", monitor_store, 0.004),
    "store": Target("store of runs", store_file, 0.006),
    "repair": Target("store of runs, repaired", damaged_store, 0.003),
    "archive": Target("run as Parquet", archive_file, 0.008),
    "comparison": Target("comparison, JSON", comparison_json, 0.0005),
    "models": Target("comparison of models, JSON", models_json, 0.004),
    "keras": Target(".keras files before Keras opens them", keras_file, 0.004),
    "text": Target("text to learn from", text_file, 0.06),
    "names": Target("losses by name or JSON", names_with_parameters, 0.015),
    "column": Target("column of a file, for divergences", column_of_file, 0.008),
}  # fmt: skip
