"""Look-up by name and alias, order, and honest errors."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lossmith._catalogue import Catalogue
from lossmith._errors import InvalidInputError, UnknownNameError


@dataclass(frozen=True, slots=True)
class Tree:
    name: str
    aliases: tuple[str, ...] = ()
    height: float = 1.0


OAK, BEECH, ASH = Tree("oak_tree", ("quercus",), 30.0), Tree("beech"), Tree("ash", ("European-Ash",), 20.0)
TREES = Catalogue("tree", [OAK, BEECH, ASH])


@pytest.mark.parametrize("name", ["oak_tree", "oak-tree", "OAK TREE", " Oak_Tree ", "Quercus"])
def test_names_and_aliases_in_any_spelling(name):
    assert TREES[name] is OAK
    assert name in TREES


def test_an_alias_with_dash_and_capitals_is_found():
    assert TREES["european_ash"] is ASH


def test_order_and_length_count_records_not_aliases():
    assert list(TREES) == ["oak_tree", "beech", "ash"]
    assert len(TREES) == 3
    assert list(TREES.values()) == [OAK, BEECH, ASH]
    assert TREES.get("pine") is None
    assert 3 not in TREES


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"^unknown tree 'beach'; did you mean 'beech'\?$"):
        TREES["beach"]
    with pytest.raises(LookupError):
        TREES["zzz"]


@pytest.mark.parametrize("second", [Tree("elm", ("Oak-Tree",)), Tree("QUERCUS"), Tree("elm", ("quercus",))])
def test_two_records_may_not_share_a_name(second):
    with pytest.raises(InvalidInputError, match="claimed by both 'oak_tree' and"):
        Catalogue("tree", [OAK, second])


def test_one_record_may_name_itself_twice():
    assert Catalogue("tree", [Tree("elm", ("ELM",))])["Elm"].name == "elm"


def test_two_records_of_one_name_do_not_replace_each_other():
    with pytest.raises(InvalidInputError, match="claimed by both"):
        Catalogue("tree", [Tree("elm", height=1.0), Tree("elm", height=2.0)])


def test_filter_keeps_order_kind_and_aliases():
    tall = TREES.filter(lambda tree: tree.height > 10)
    assert list(tall) == ["oak_tree", "ash"]
    assert tall["quercus"] is OAK
    with pytest.raises(UnknownNameError, match="unknown tree 'beech'"):
        tall["beech"]
    assert repr(tall) == "<Catalogue of 2 tree records: oak_tree, ash>"
