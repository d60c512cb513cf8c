"""Fitted scikit-learn estimators as skops files: no pickle, types checked, first opened by a child process with little memory.

A skops file names the types that it builds. Only those that skops trusts (scikit-learn, NumPy, SciPy) are accepted; before
this process builds anything, a child whose memory and time are capped has to succeed.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lossmith import _tensor_file as tensor_file
from lossmith._errors import InvalidInputError, MissingExtraError, ModelFileError

__all__ = ["check_skops", "load_classical", "save_classical"]

# of address space: what Python with scikit-learn takes, and room for a model
MEMORY = 4 * 2**30
SECONDS = 60
LARGEST = 2**30  # bytes of a file
UNPACKED, MOST_TIMES = 2**26, 100  # bytes to which any may unpack, and times its size to which a larger one may
# skops does not trust trees, whose nodes name each other by number: they are accepted, and their numbers checked
TREE = "sklearn.tree._tree.Tree"
PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
# records of two numbers and of what they calibrate
ACCEPTED = (TREE, PREDICTOR, "sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration")

_CHILD = """
import resource, sys
memory, seconds, data = int(sys.argv[1]), int(sys.argv[2]), sys.stdin.buffer.read()
resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
import skops.io
names = set(skops.io.get_untrusted_types(data=data)) - set(sys.argv[3:])
if names:
    print(", ".join(sorted(names))[:300], file=sys.stderr)
    sys.exit(3)
skops.io.loads(data, trusted=sys.argv[3:])
"""


def _skops() -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise MissingExtraError(
            "skops is not installed", expected="the extra `classical`", advice="pip install 'lossmith[classical]'"
        ) from error
    return skops.io


def check_skops() -> None:
    """Say that skops is missing, before anything is trained that only it can save.

    Raises
    ------
    MissingExtraError

    Examples
    --------
    >>> check_skops()  # says nothing where it is installed
    """
    _skops()


def save_classical(estimator: Any, path: tensor_file.PathType) -> None:
    """Write a fitted scikit-learn estimator as a skops file, whole or not at all.

    Use it in place of pickle, whose files run code when they are opened.

    Raises
    ------
    MissingExtraError
        skops is not installed.
    InvalidInputError
        It is made of types that `load_classical` would refuse.
    ModelFileError
        The path cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.dummy import DummyClassifier
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_classical(DummyClassifier().fit([[0.0], [1.0]], [1, 1]), f"{folder}/majority.skops")
    ...     Path(f"{folder}/majority.skops").exists()
    True
    """
    skops = _skops()
    try:
        data = skops.dumps(estimator)
    except Exception as error:  # skops passes on whatever a type raises
        raise InvalidInputError(
            f"{type(estimator).__name__} cannot be written: {' '.join(str(error).split())[:200]}",
            expected="an estimator of scikit-learn",
        ) from error
    unknown = set(skops.get_untrusted_types(data=data)) - set(ACCEPTED)
    if unknown:
        raise InvalidInputError(
            f"{type(estimator).__name__} holds {', '.join(sorted(unknown))[:200]}",
            expected="types of scikit-learn, NumPy and SciPy alone",
            advice="save lossmith's own estimators with their save method",
        )
    tensor_file.write(data, path)


def load_classical(path: tensor_file.PathType) -> Any:
    """Read an estimator that `save_classical` wrote.

    Use it for models of scikit-learn; `path` is a file of `save_classical`.

    Raises
    ------
    MissingExtraError
        skops is not installed.
    ModelFileError
        The file misses, is damaged, holds types that are not trusted, or takes more than 4 GiB or a minute to open.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.linear_model import LinearRegression
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_classical(LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0]), f"{folder}/line.skops")
    ...     again = load_classical(f"{folder}/line.skops")
    >>> again.predict([[2.0]]).round(9).tolist()
    [5.0]
    """
    skops = _skops()
    name = repr(str(path))
    tensor_file.check_regular(path)
    try:
        with Path(path).open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            data = stream.read(min(size, LARGEST))
    except OSError as error:
        raise ModelFileError(
            f"{name} cannot be read: {error.strerror or error}", expected="a skops file", advice="check the path"
        ) from error
    if size > LARGEST:
        raise ModelFileError(f"{name} has {size:,} bytes", expected=f"at most {LARGEST:,}")
    _check_size(data, name)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-I", "-c", _CHILD, str(MEMORY), str(SECONDS), *ACCEPTED]
    try:
        child = subprocess.run(  # noqa: S603 - our own program, no shell
            command, input=data, capture_output=True, check=False, timeout=4 * SECONDS, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise tensor_file.damaged(name, "it takes too long to open") from error
    said = child.stderr.decode(errors="replace")
    if child.returncode == 3:
        raise ModelFileError(
            f"{name} holds types that are not trusted: {' '.join(said.split())[:200]}",
            expected="types of scikit-learn, NumPy and SciPy alone",
            advice="open it only if you know who wrote it, with skops itself",
        )
    if child.returncode:
        lines = said.strip().splitlines() or [f"the process that opened it ended with {child.returncode}"]
        raise tensor_file.damaged(name, lines[-1])
    found = skops.loads(data, trusted=list(ACCEPTED))
    for tree, n_features in _trees(found, set(), 0):
        if not (_is_sound(tree) if n_features < 0 else _is_sound_predictor(tree, n_features)):
            raise tensor_file.damaged(name, "a tree whose nodes or inputs do not exist")
    return found


def _check_size(data: bytes, name: str) -> None:
    """Hold what a file says it unpacks to against its size, before anything of that size is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            total = sum(entry.file_size for entry in packed.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise tensor_file.damaged(name, str(error)) from error
    if total > max(UNPACKED, MOST_TIMES * len(data)):
        raise tensor_file.damaged(name, f"it unpacks from {len(data):,} bytes to {total:,}")


def _trees(value: Any, seen: set[int], n_features: int) -> Iterator[tuple[Any, int]]:
    """Yield every tree within an estimator, its parts and their lists; with -1, or the inputs of the estimator around it."""
    if id(value) in seen or isinstance(value, str | bytes | int | float):
        return
    seen.add(id(value))
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if kind in (TREE, PREDICTOR):
        yield value, -1 if kind == TREE else n_features
    elif isinstance(value, np.ndarray):
        if value.dtype == object:
            for entry in value.ravel().tolist():
                yield from _trees(entry, seen, n_features)
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _trees(entry, seen, n_features)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _trees(entry, seen, n_features)
    elif hasattr(value, "__dict__"):
        inside = vars(value).get("n_features_in_", n_features)
        yield from _trees(vars(value), seen, inside if isinstance(inside, int) else n_features)


def _is_sound_predictor(tree: Any, n_features: int) -> bool:
    """Return the same of a tree of histogram boosting, whose nodes are records of one array."""
    nodes, bits = tree.nodes, (tree.raw_left_cat_bitsets, tree.binned_left_cat_bitsets)
    count, here = len(nodes), np.arange(len(nodes))
    inner = nodes["is_leaf"] == 0
    forward = all(
        ((nodes[side][inner] > here[inner]) & (nodes[side][inner] < count)).all() for side in ("left", "right")
    )
    chosen = inner & (nodes["is_categorical"] != 0)
    sets = all(one.ndim == 2 and one.shape[1] == 8 and (nodes["bitset_idx"][chosen] < len(one)).all() for one in bits)
    known = (nodes["feature_idx"][inner] >= 0) & (nodes["feature_idx"][inner] < n_features)
    return bool(count and forward and known.all() and (sets or not chosen.any()))


def _is_sound(tree: Any) -> bool:
    """Return whether every node leads forward to nodes that exist, and asks for inputs that exist."""
    count, here = tree.node_count, np.arange(tree.node_count)
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    inner = left != -1
    forward = all(((c[inner] > here[inner]) & (c[inner] < count)).all() for c in (left, right))
    return bool(
        forward
        and (right[~inner] == -1).all()
        and ((feature[inner] >= 0) & (feature[inner] < tree.n_features)).all()
        and len(tree.value) == count
    )
