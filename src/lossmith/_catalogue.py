"""A frozen, ordered mapping from names and aliases to records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from lossmith._errors import InvalidInputError, UnknownNameError, did_you_mean

__all__ = ["Catalogue", "Named"]


class Named(Protocol):
    """What a record needs in order to be catalogued."""

    @property
    def name(self) -> str: ...

    @property
    def aliases(self) -> tuple[str, ...]: ...


T = TypeVar("T", bound=Named)


def _key(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


class Catalogue(Mapping[str, T], Generic[T]):
    """Records by name or alias, in the order they were registered.

    Names are matched without regard to case; `-` and `_` are the same.

    Parameters
    ----------
    kind : str
        What the records are, in the singular, for error messages.
    records : iterable of records with `name` and `aliases`

    Raises
    ------
    InvalidInputError
        Two records claim one name.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> class Tree(NamedTuple):
    ...     name: str
    ...     aliases: tuple[str, ...] = ()
    >>> trees = Catalogue("tree", [Tree("oak"), Tree("beech", ("fagus",))])
    >>> trees["Fagus"].name
    'beech'
    >>> list(trees)
    ['oak', 'beech']
    """

    def __init__(self, kind: str, records: Iterable[T]) -> None:
        self.kind = kind
        self._records: dict[str, T] = {}
        self._names: dict[str, str] = {}
        for record in records:
            for name in (record.name, *record.aliases):
                owner = self._names.get(_key(name))
                # an alias may repeat its own record's name; a second record never
                if owner is not None and (owner != record.name or record.name in self._records):
                    raise InvalidInputError(
                        f"{kind} name {name!r} claimed by both {owner!r} and {record.name!r}",
                        expected="one record for each name",
                        advice="rename one of them or drop the alias",
                    )
                self._names[_key(name)] = record.name
            self._records[record.name] = record

    def __getitem__(self, name: str) -> T:
        try:
            return self._records[self._names[_key(name)]]
        except KeyError:
            raise UnknownNameError(
                f"unknown {self.kind} {name!r}", advice=did_you_mean(_key(name), self._records)
            ) from None

    def get(self, name: str, default: Any = None) -> Any:
        """Return the record, or `default` where there is none."""
        return self[name] if name in self else default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _key(name) in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"<Catalogue of {len(self)} {self.kind} records: {', '.join(self)}>"

    def filter(self, condition: Callable[[T], bool]) -> Catalogue[T]:
        """Return the records for which `condition` holds, as a catalogue."""
        return Catalogue(self.kind, [record for record in self.values() if condition(record)])
