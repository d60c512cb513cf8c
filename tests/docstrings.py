"""The public interface: every object that a package lists in `__all__`, and what its docstring lacks."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lossmith

NUMBERS = re.compile(r"ndarray|Floats|\bArray\b|array")


@dataclass(frozen=True, slots=True)
class Public:
    """One public object: where people import it from, and what it is."""

    name: str
    value: Any

    @property
    def text(self) -> str:
        return inspect.getdoc(self.value) or ""

    @property
    def kind(self) -> str:
        if inspect.isclass(self.value):
            return "record" if dataclasses.is_dataclass(self.value) else "class"
        return "function"


def packages() -> list[str]:
    """Return the public packages."""
    return [
        name
        for name in lossmith.__all__
        if isinstance(value := getattr(lossmith, name), types.ModuleType) and hasattr(value, "__path__")
    ]


def public() -> Iterator[Public]:
    """Yield every public function and class once."""
    seen: set[int] = set()
    for package in packages():
        module = importlib.import_module(f"lossmith.{package}")
        for name in module.__all__:
            value = getattr(module, name)
            if (inspect.isclass(value) or inspect.isfunction(value)) and id(value) not in seen:
                seen.add(id(value))
                yield Public(f"lossmith.{package}.{name}", value)


def lacking(one: Public) -> list[str]:
    """Return what the docstring of a public object lacks.

    A record says what its fields are; when to use it is said by the function that returns or takes it. An exception, and a class that is a
    type of arrays alone, has no example.
    """
    text, found = one.text, []
    first = text.split("\n\n")[0]
    if not text or "\n" in first.strip() or not first.rstrip().endswith((".", ":")):
        found.append("one line")
    if one.kind != "record" and not re.search(r"\bUse (it|them|this|these)\b|\b(for|where|when)\b", text):
        found.append("when to use it")
    plain = one.kind == "class" and issubclass(one.value, BaseException | tuple)
    if ">>>" not in text and one.kind != "record" and not plain:
        found.append("an example")
    if one.kind == "function":
        found += _of_a_function(one.value, text)
    elif one.kind == "record":
        fields = [entry.name for entry in dataclasses.fields(one.value) if not entry.name.startswith("_")]
        if missing := [name for name in fields if not re.search(rf"\b{name}\b", text)]:
            found.append(f"fields {', '.join(missing)}")
    return found


def _of_a_function(function: Any, text: str) -> Iterator[str]:
    signature = inspect.signature(function)
    for other in re.findall(
        r"\bthose of `(\w+)`", text
    ):  # parameters and errors that are said once, for a family of functions
        text += inspect.getdoc(getattr(inspect.getmodule(function), other, None)) or ""
        home = importlib.import_module(".".join(function.__module__.split(".")[:2]))
        text += inspect.getdoc(getattr(home, other, None)) or ""
    names = [
        name
        for name, entry in signature.parameters.items()
        if entry.kind not in (entry.VAR_KEYWORD, entry.VAR_POSITIONAL)
    ]
    if missing := [name for name in names if not re.search(rf"\b{name}\b", text)]:
        yield f"parameters {', '.join(missing)}"
    arrays = [name for name in names if NUMBERS.search(str(signature.parameters[name].annotation))]
    if arrays and "shape" not in text and not re.search(r"\(n_\w+", text):
        yield "shapes"
    source = inspect.getsource(function)
    if re.search(r"^\s+raise \w*Error\b", source, re.MULTILINE) and "Raises" not in text:
        yield "Raises"
