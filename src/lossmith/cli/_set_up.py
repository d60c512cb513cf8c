"""What `lossmith lint` is given: a model from a file or a factory, and its data."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from lossmith._errors import DataError, InvalidInputError, UnknownNameError, did_you_mean

__all__ = ["named_loss", "read"]


def read(model: str, data: str | None, *, target: str | None = None, scale: bool = False) -> tuple[Any, Any, Any, Any]:
    """Return model, x, y and sample weights.

    Raises
    ------
    InvalidInputError
        Nothing there, or not what was expected.
    """
    if model.endswith(".py"):
        raise InvalidInputError(
            f"{model!r} without a function", expected=f"{model}:FUNCTION", advice="name what makes the model"
        )
    made = _factory(model) if ".py:" in model or (":" in model and not Path(model).exists()) else Path(model)
    if isinstance(made, tuple):
        if len(made) not in (3, 4):
            raise InvalidInputError(f"{model} returned {len(made)} values", expected="a model, or (model, x, y)")
        if data is not None:
            raise InvalidInputError(
                f"{model} brings data and {data!r} is named", expected="one of them", advice="leave the second out"
            )
        return (*made, None)[:4]
    if data is None:
        raise InvalidInputError(
            "no data",
            expected="an .npz file or a table after the model",
            advice="labels and outputs are checked on data",
        )
    return (made, *_data(data, target=target, scale=scale))


def _factory(text: str) -> Any:
    place, _, name = text.rpartition(":")
    module = _module(place)
    if not hasattr(module, name):
        found = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UnknownNameError(f"no {name!r} in {place}", advice=did_you_mean(name, found))
    function = getattr(module, name)
    if not callable(function):
        return function
    try:
        return function()
    except (Exception, SystemExit) as error:  # a user's function may raise anything
        first = next((line for line in str(error).splitlines() if line.strip()), "")
        raise InvalidInputError(
            f"{text} raised {type(error).__name__}: {' '.join(first.split())[:200]}",
            expected="a function without arguments that returns a model, or (model, x, y)",
        ) from error


def _module(place: str) -> Any:
    from lossmith.lint._keras import any_keras

    any_keras()  # before the user's import of it, so that JAX is the backend where nothing was said
    path = Path(place)
    try:
        if path.suffix != ".py":
            return importlib.import_module(place)
        if not path.is_file():
            raise InvalidInputError(f"no file {place!r}", expected="a Python file")
        description = importlib.util.spec_from_file_location(f"_lossmith_lint_{path.stem}", path)
        if description is None or description.loader is None:
            raise InvalidInputError(f"{place!r}", expected="a Python file")
        module = importlib.util.module_from_spec(description)
        sys.path.insert(0, str(path.resolve().parent))
        try:
            description.loader.exec_module(module)
        finally:
            sys.path.remove(str(path.resolve().parent))
    except InvalidInputError:
        raise
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        first = next((line for line in str(error).splitlines() if line.strip()), "")
        raise InvalidInputError(
            f"{place} cannot be imported: {type(error).__name__}: {' '.join(first.split())[:200]}",
            expected="a module that can be imported",
            advice="run it with python first",
        ) from error
    return module


def _data(source: str, *, target: str | None, scale: bool) -> tuple[Any, Any, Any]:
    if source.endswith(".npz"):
        return _arrays(Path(source))
    import numpy as np

    from lossmith.data import fit_encoder, load

    dataset = load(source, target=target)
    inputs = fit_encoder(dataset, np.arange(dataset.n_samples), scale=scale).transform(dataset.features)
    return inputs, _labels(dataset), None


def _labels(dataset: Any) -> Any:
    """Return targets as the column has them: classes that are numbers keep their numbers, others are 0, 1, ..."""
    import numpy as np

    if not dataset.class_names:
        return dataset.target
    try:
        values = np.array([float(name) for name in dataset.class_names])
    except ValueError:
        return dataset.target
    return values[dataset.target]


def _arrays(path: Path) -> tuple[Any, Any, Any]:
    import numpy as np

    from lossmith.data import check_archive

    if not path.is_file():
        raise DataError(f"no file {str(path)!r}", expected="an .npz file with the arrays x and y")
    try:
        check_archive(path)
        with np.load(path, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
    except DataError:
        raise
    # NumPy passes on what zipfile, its own parser and its allocator raise
    except Exception as error:
        raise DataError(
            f"{str(path)!r} cannot be read ({' '.join(str(error).split())[:120] or type(error).__name__})",
            expected="an .npz file of plain arrays",
            advice="write it with np.savez(path, x=x, y=y)",
        ) from error
    if "x" not in found or "y" not in found:
        raise DataError(
            f"{str(path)!r} holds {', '.join(found) or 'nothing'}",
            expected="arrays named x and y",
            advice="np.savez(path, x=x, y=y)",
        )
    return found["x"], found["y"], found.get("sample_weight")


def named_loss(name: str | None, *, from_logits: bool) -> Any:
    """Return the loss that is meant by a name: of Keras, or `lossmith:NAME`.

    Raises
    ------
    InvalidInputError
        `from_logits` for a loss that has no such setting.
    """
    if name is None:
        if from_logits:
            raise InvalidInputError("--from-logits without --loss", expected="a loss", advice="add --loss NAME")
        return None
    if name.startswith("lossmith:"):
        from lossmith.losses import get

        return get(name.removeprefix("lossmith:"))
    if not from_logits:
        return name
    from lossmith.lint._forms import form_of
    from lossmith.lint._keras import any_keras

    keras = any_keras()
    try:
        given = keras.losses.get(name)
    except ValueError:
        given = None
    form = form_of(getattr(given, "__name__", type(given).__name__)) or form_of(name)
    if form is None or not form.logits:
        raise InvalidInputError(
            f"--from-logits with {name!r}", expected="a cross-entropy of Keras", advice="others take no raw outputs"
        )
    return getattr(keras.losses, form.cls)(from_logits=True)
