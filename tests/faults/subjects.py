"""The store and everything that reads files of strangers: each module, and the tests that are about it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ROOT", "SUBJECTS", "path_of"]

ROOT = Path(__file__).resolve().parents[2]
_STORE = ("compare/test_store.py", "compare/test_store_damage.py", "compare/test_archive.py", "compare/test_repair.py")
_TABLES = (
    "data/test_read_files.py",
    "data/test_bad_input.py",
    "data/test_unusual_files.py",
    "data/test_damaged_files.py",
)
_LIMITS = "faults/test_documented_limits.py"
_IMAGES = ("data/test_image_sets.py", "data/test_known_images.py")

# module -> tests that are about it, the quickest first
SUBJECTS: dict[str, tuple[str, ...]] = {
    "compare.store": (*_STORE, "faults/test_store_limits.py"),
    "compare._sqlite": (*_STORE, "faults/test_store_limits.py", "faults/test_hostile_names.py", _LIMITS),
    "compare._rows": (*_STORE, "faults/test_store_limits.py"),
    "compare.ownership": ("compare/test_ownership.py", "compare/test_store.py", "faults/test_store_limits.py"),
    "compare._carving": ("compare/test_repair.py",),
    "compare.repair": ("compare/test_repair.py", "compare/test_store_damage.py"),
    "compare.archive": ("compare/test_archive.py",),
    "compare._json": ("compare/test_json.py",),
    "_tensor_file": ("faults/test_tensor_file.py", "estimators/test_estimator_files.py", _LIMITS),
    "compare._model_schema": ("compare/test_model_schema.py", "compare/test_model_limits.py", "compare/test_model_file.py"),
    "compare._restored": ("compare/test_model_file.py", "compare/test_model_limits.py"),
    "compare.model_file": ("compare/test_model_file.py", "compare/test_model_limits.py"),
    "estimators._files": ("estimators/test_estimator_files.py",),
    "estimators._classical_file": ("estimators/test_classical_file.py", _LIMITS),
    "generative._files": ("generative/test_generative_files.py",),
    "text._corpus": ("text/test_corpus_files.py", "text/test_language_models.py", "text/test_ngrams.py"),
    "text._model": ("text/test_corpus_files.py", "text/test_language_models.py"),
    "data._bounded": ("data/test_bounded.py", _LIMITS),
    "data._files": (*_TABLES, "data/test_bounded.py"),
    "data._delimited": (*_TABLES, _LIMITS),
    "data._parquet_check": ("data/test_parquet_check.py", _LIMITS),
    "data._plain_pickle": ("data/test_plain_pickle.py", "data/test_image_sets.py", "data/test_unusual_files.py"),
    "data._image_files": (*_IMAGES, "data/test_unusual_files.py", _LIMITS),
    "data._image_sets": _IMAGES,
    "data._human_labels": (*_IMAGES, "data/test_unusual_files.py", _LIMITS),
    "data._downloads": _IMAGES,
    "data._image_folder": ("data/test_image_folder.py", _LIMITS),
    "lint._keras_file": ("lint/test_keras_file.py", _LIMITS),
    "drift._profile_file": ("drift/test_profile_files.py",),
    "drift._state": ("drift/test_monitor_state.py", "drift/test_monitor.py"),
}  # fmt: skip


def path_of(module: str) -> Path:
    """Return the source file of a module of lossmith."""
    return ROOT / "src" / "lossmith" / Path(*module.split(".")).with_suffix(".py")
