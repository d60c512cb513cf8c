"""Names with parameters, as people type them: `huber:delta=2`, `mlp:hidden=64x64,dropout=0.2`."""

from __future__ import annotations

from lossmith._errors import InvalidInputError

__all__ = ["Value", "format_name", "parse_name", "split_names"]

Value = bool | int | float | str


def _value(text: str) -> Value:
    lowered = text.strip().lower()
    if lowered in {"true", "false"}:
        return lowered == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip()


def parse_name(text: str) -> tuple[str, dict[str, Value]]:
    """Return the name and the parameters of `name:key=value,...`.

    Values are read as true/false, integers or numbers where they look like one, and as text otherwise.

    Raises
    ------
    InvalidInputError
        An assignment without key or value, a key given twice, or an empty name.

    Examples
    --------
    >>> parse_name("sgd:momentum=0.9,nesterov=true")
    ('sgd', {'momentum': 0.9, 'nesterov': True})
    >>> parse_name("mlp:hidden=64x64")
    ('mlp', {'hidden': '64x64'})
    """
    name, _, assignments = text.strip().partition(":")
    if not name.strip():
        raise InvalidInputError(f"an empty name in {text!r}", expected="name or name:key=value,...")
    values: dict[str, Value] = {}
    for assignment in filter(None, (part.strip() for part in assignments.split(","))):
        key, _, value = (part.strip() for part in assignment.partition("="))
        if not key or not value:
            raise InvalidInputError(
                f"{assignment!r} in {text!r}", expected="key=value", advice="for example sgd:momentum=0.9,nesterov=true"
            )
        if key in values:
            raise InvalidInputError(f"{key} given twice in {text!r}", expected="each key once")
        values[key] = _value(value)
    return name.strip(), values


def format_name(name: str, values: dict[str, Value]) -> str:
    """Return the text that `parse_name` reads back: numbers keep every digit, text that looks like a number becomes one.

    Raises
    ------
    InvalidInputError
        A name, key or text with `,`, `:` or (left of the value) `=` in it, or with nothing in it.

    Examples
    --------
    >>> format_name("sgd", {"momentum": 0.9, "nesterov": True})
    'sgd:momentum=0.9,nesterov=true'
    """

    def shown(value: Value) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return repr(float(value)) if isinstance(value, float) else str(value)

    texts = {key: shown(value) for key, value in values.items()}
    for piece, separators in (
        (name, ",:="),
        *((key, ",:=") for key in texts),
        *((text, ",:") for text in texts.values()),
    ):
        if not piece.strip() or any(separator in piece for separator in separators):
            raise InvalidInputError(
                f"{piece!r} in the name {name!r}", expected=f"text without {' '.join(separators)} that is not empty"
            )
    return name if not texts else name + ":" + ",".join(f"{key}={text}" for key, text in texts.items())


def split_names(text: str) -> list[str]:
    """Return the names of a comma list; a comma inside the parameters of a name stays with it.

    Examples
    --------
    >>> split_names("mse,huber:delta=2,quantile:quantile=0.9")
    ['mse', 'huber:delta=2', 'quantile:quantile=0.9']
    >>> split_names("mlp:hidden=50,dropout=0.1,linear")
    ['mlp:hidden=50,dropout=0.1', 'linear']
    """
    names: list[str] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        if names and ":" in names[-1] and "=" in part and ":" not in part:
            names[-1] += "," + part
        else:
            names.append(part)
    return names
