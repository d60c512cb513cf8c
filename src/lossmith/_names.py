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
        An assignment without `=`, or an empty name.

    Examples
    --------
    >>> parse_name("sgd:momentum=0.9,nesterov=true")
    ('sgd', {'momentum': 0.9, 'nesterov': True})
    >>> parse_name("mlp:hidden=64x64")
    ('mlp', {'hidden': '64x64'})
    """
    name, _, assignments = text.strip().partition(":")
    if not name:
        raise InvalidInputError(f"an empty name in {text!r}", expected="name or name:key=value,...")
    values: dict[str, Value] = {}
    for assignment in filter(None, (part.strip() for part in assignments.split(","))):
        key, equals, value = assignment.partition("=")
        if not equals or not value:
            raise InvalidInputError(
                f"{assignment!r} in {text!r}", expected="key=value", advice="for example sgd:momentum=0.9,nesterov=true"
            )
        values[key.strip()] = _value(value)
    return name.strip(), values


def format_name(name: str, values: dict[str, Value]) -> str:
    """Return the text that `parse_name` reads back.

    Examples
    --------
    >>> format_name("sgd", {"momentum": 0.9, "nesterov": True})
    'sgd:momentum=0.9,nesterov=true'
    """
    if not values:
        return name

    def shown(value: Value) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:g}" if isinstance(value, float) else str(value)

    return name + ":" + ",".join(f"{key}={shown(value)}" for key, value in values.items())


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
