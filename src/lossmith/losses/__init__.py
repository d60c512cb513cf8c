"""The catalogue of losses.

`LOSSES` maps every name and alias to its record; `get` also reads parameters, as in `huber:delta=2`.
"""

from __future__ import annotations

import json

from lossmith._catalogue import Catalogue
from lossmith._errors import InvalidInputError
from lossmith.losses import _regression
from lossmith.losses._spec import Encoding, Head, Interval, Loss, Parameter, Task

__all__ = ["LOSSES", "Encoding", "Head", "Interval", "Loss", "Parameter", "Task", "get"]

LOSSES: Catalogue[Loss] = Catalogue("loss", [*_regression.RECORDS])


def get(name: str) -> Loss:
    """Return the loss of that name, with parameters after a colon if any.

    Raises
    ------
    UnknownNameError
        No such loss or parameter.
    DomainError
        A parameter outside its interval.

    Examples
    --------
    >>> get("mse").name
    'mean_squared_error'
    >>> get("huber:delta=2").configuration
    {'delta': 2.0}
    >>> get(get("huber:delta=2").to_json()).configuration
    {'delta': 2.0}
    """
    if name.lstrip().startswith("{"):
        described = json.loads(name)
        return LOSSES[described["name"]].configured(**described["parameters"])
    base, _, assignments = name.partition(":")
    values = {}
    for assignment in filter(None, assignments.split(",")):
        parameter, equals, value = assignment.partition("=")
        try:
            values[parameter.strip()] = float(value)
        except ValueError:
            raise InvalidInputError(
                f"{assignment!r} in {name!r}", expected="parameter=number", advice="for example huber:delta=2"
            ) from None
    return LOSSES[base].configured(**values)
