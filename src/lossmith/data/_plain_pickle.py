"""Reading the pickles in which CIFAR is published, without running anything that they say.

A pickle is a program for a stack machine. Here its instructions are read by `pickletools`, which only parses, and the few
that a dictionary of numbers, texts and one byte array needs are followed; every other one is refused. The two calls that
NumPy writes for an array are known by name and answered by this module itself: no name is ever looked up.
"""

from __future__ import annotations

import codecs
import functools
import io
import pickletools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lossmith._errors import DataError

__all__ = ["read_plain_pickle"]

MOST_AXES = 4
LONGEST_NAME = 100  # characters of a dotted name
_MARK = object()
_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_TYPES = {"u1": np.uint8, "i8": np.int64, "i4": np.int32, "uint8": np.uint8}
_LONG = {"BINSTRING": "latin-1", "BINUNICODE": "utf-8", "BINBYTES": "latin-1"}  # after a length in four bytes
_PLACE = 1 << 16  # bytes from which a text is a place in the file and not taken out of it
_PUSHED = {
    "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "BINFLOAT", "FLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE", "UNICODE", "BINBYTES", "SHORT_BINBYTES",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_OPERATIONS = {operation.code.encode("latin-1"): operation for operation in pickletools.opcodes}
_MAKERS: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_GETS = {"BINGET", "LONG_BINGET", "GET"}
_PUTS = {"BINPUT", "LONG_BINPUT", "PUT"}
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Name(str):
    """A dotted name in a pickle: compared, never imported."""

    __slots__ = ()


class _Type:
    """An element type of an array: what NumPy writes as a call of `dtype`."""

    def __init__(self, code: str) -> None:
        self.code = code


class _Place:
    """A long text of a pickle, such as the pixels of its pictures: where it stands, so that the file alone holds it."""

    def __init__(self, view: memoryview, codec: str) -> None:
        self.view = view
        self.codec = codec

    @functools.cached_property
    def text(self) -> str:
        """The text, made once however often a pickle puts it somewhere."""
        return str(self.view, self.codec)

    @functools.cached_property
    def values(self) -> np.ndarray:
        """The bytes that the text stands for."""
        if self.codec != "utf-8":
            return np.frombuffer(self.view, np.uint8)
        # what Python 3 writes for Python 2: every byte is a character, of which UTF-8 makes one or two
        pieces = [self.view[start : start + _PLACE] for start in range(0, len(self.view), _PLACE)]
        n_characters = sum(np.count_nonzero(np.frombuffer(piece, np.uint8) & 0xC0 != 0x80) for piece in pieces)
        decoder = codecs.getincrementaldecoder("utf-8")()
        found, done = np.empty(n_characters, np.uint8), 0
        for piece in pieces:
            values = np.frombuffer(decoder.decode(piece, final=piece is pieces[-1]).encode("latin-1"), np.uint8)
            found[done : done + len(values)] = values
            done += len(values)
        return found


class _Array:
    """An array whose contents follow: what NumPy writes as a call of `_reconstruct`."""

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def fill(self, state: Any) -> None:
        _, shape, kind, columns_first, data = _as(state, tuple)
        if type(shape) is not tuple or not len(shape) <= MOST_AXES or any(type(side) is not int for side in shape):
            raise ValueError("an array without a plain shape")
        if not isinstance(kind, _Type) or not isinstance(data, str | bytes | _Place):
            raise ValueError("an array without a type or without bytes")
        if isinstance(data, _Place):
            data = data.values.data
        data = data.encode("latin-1") if isinstance(data, str) else data
        element = _TYPES[kind.code]
        wanted = int(np.prod(shape, dtype=object)) * np.dtype(element).itemsize
        if wanted != len(data):
            raise ValueError(f"an array of shape {shape} with {len(data)} bytes")
        self.value = np.frombuffer(data, element).reshape(shape, order="F" if columns_first else "C")


def read_plain_pickle(data: bytes, *, name: str) -> dict[str, Any]:
    """Return the dictionary in a pickle that holds texts, numbers, lists and arrays, and nothing else.

    Raises
    ------
    DataError
        The pickle asks for anything else, or is cut off.

    Examples
    --------
    >>> read_plain_pickle(b"(dS'labels'\\n(lp0\\nI3\\nas.", name="batch")
    {'labels': [3]}
    """
    try:
        value = _run(data)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, UnicodeError) as error:
        raise DataError(
            f"{name!r} holds no plain data ({' '.join(str(error).split())[:120]})",
            expected="a pickle of a dictionary of texts, numbers, lists and arrays, as CIFAR is published",
            advice="fetch the file again from its official place; nothing in it was run",
        ) from error
    if not isinstance(value, dict):
        raise DataError(f"{name!r} holds a {type(value).__name__}", expected="a dictionary", advice="check the file")
    return {_text(key): _finished(item) for key, item in value.items()}


def _text(key: Any) -> str:
    if isinstance(key, _Place):
        return key.text
    # a longer way to write anything else: tuples within tuples take for ever
    return key.decode("latin-1") if isinstance(key, bytes) else key if isinstance(key, str) else str(_as(key, int))


def _finished(item: Any) -> Any:
    if isinstance(item, _Array):
        return item.value
    if isinstance(item, list):
        return [_text(entry) if isinstance(entry, bytes | _Place) else entry for entry in item]
    return _text(item) if isinstance(item, bytes | _Place) else item


def _instructions(data: bytes) -> Iterator[tuple[str, Any]]:
    """Give the names and arguments of the instructions of a pickle; a long text is a `_Place`."""
    stream = io.BytesIO(data)
    name = ""
    while name != "STOP":
        code = stream.read(1)
        operation = _OPERATIONS.get(code)
        if operation is None:
            raise ValueError(f"it has no instruction {code!r}" if code else "it has no end")
        name, start = operation.name, stream.tell()
        length = int.from_bytes(data[start : start + 4], "little") if name in _LONG else 0
        if _PLACE <= length <= len(data) - start - 4:
            stream.seek(start + 4 + length)
            yield name, _Place(memoryview(data)[start + 4 : start + 4 + length], _LONG[name])
        else:
            yield name, operation.arg.reader(stream) if operation.arg else None


def _run(data: bytes) -> Any:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for code, argument in _instructions(data):
        if code in _PUSHED:
            stack.append(argument)
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _MAKERS:
            stack.append(_MAKERS[code]())
        elif code in _PUTS:
            memo[int(argument)] = stack[-1]
        elif code == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif code in _GETS:
            stack.append(memo[int(argument)])
        elif code == "MARK":
            stack.append(_MARK)
        elif code in _SHORT_TUPLES:
            stack[-_SHORT_TUPLES[code] :] = [tuple(stack[-_SHORT_TUPLES[code] :])]
        elif code == "GLOBAL":
            stack.append(_name(argument.replace(" ", ".")))
        elif code == "STACK_GLOBAL":
            module, name = (_as(part, str) for part in stack[-2:])
            stack[-2:] = [_name(f"{module}.{name}")]
        elif code not in ("PROTO", "FRAME", "STOP"):
            _change(code, stack)
    return stack.pop()


def _name(text: str) -> _Name:
    if len(text) > LONGEST_NAME:
        raise ValueError("it names something at great length")
    return _Name(text)


def _since_mark(stack: list[Any]) -> list[Any]:
    place = len(stack) - 1 - stack[::-1].index(_MARK)
    items = stack[place + 1 :]
    del stack[place:]
    return items


def _change(code: str, stack: list[Any]) -> None:
    """Follow an instruction that builds something out of what lies on the stack."""
    if code == "TUPLE":
        stack.append(tuple(_since_mark(stack)))
    elif code == "LIST":
        stack.append(_since_mark(stack))
    elif code == "DICT":
        items = _since_mark(stack)
        stack.append(dict(_pairs(items)))
    elif code == "APPEND":
        item = stack.pop()
        _as(stack[-1], list).append(item)
    elif code == "APPENDS":
        items = _since_mark(stack)
        _as(stack[-1], list).extend(items)
    elif code == "SETITEM":
        key, item = stack[-2:]
        del stack[-2:]
        _as(stack[-1], dict).update(_pairs([key, item]))
    elif code == "SETITEMS":
        items = _since_mark(stack)
        _as(stack[-1], dict).update(_pairs(items))
    elif code == "REDUCE":
        arguments = stack.pop()
        stack[-1] = _called(stack[-1], arguments)
    elif code == "BUILD":
        state = stack.pop()
        if isinstance(stack[-1], _Array):
            stack[-1].fill(state)
        elif not isinstance(stack[-1], _Type):
            raise ValueError("it sets the state of an object")
    else:
        raise ValueError(f"it uses the instruction {code}")


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    """Return keys with what belongs to them; a key that is a tuple of tuples can take for ever to hash."""
    if any(type(key) not in (str, bytes, int) for key in items[::2]):
        raise ValueError("it has keys other than texts and numbers")
    return list(zip(items[::2], items[1::2], strict=True))


def _as(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"it fills a {type(value).__name__} as if it were a {kind.__name__}")
    return value


def _called(function: Any, arguments: Any) -> Any:
    if not isinstance(function, _Name) or type(arguments) is not tuple:
        raise ValueError("it calls what is no name")
    first = arguments[0] if arguments else None
    if function == "numpy.dtype" and type(first) is str and first in _TYPES:
        return _Type(first)
    if function in {f"{module}._reconstruct" for module in _MODULES} and isinstance(first, _Name):
        if first == "numpy.ndarray":
            return _Array()
    elif function == "__builtin__.bytes" and arguments == ():
        return b""
    # how Python 3 writes bytes for Python 2
    elif function == "_codecs.encode" and arguments[1:] in (("latin1",), ("latin-1",)):
        return first if isinstance(first, _Place) else _as(first, str).encode("latin-1")
    raise ValueError(f"it calls {function!r}")
