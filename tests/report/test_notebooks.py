"""Notebook manners: whatever says that it shows itself in a notebook does."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import lossmith
from lossmith import _views, report


def shown_classes() -> dict[str, type]:
    found = {}
    for module in pkgutil.walk_packages(lossmith.__path__, "lossmith."):
        if module.name == "lossmith.__main__":
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and value.__module__.startswith("lossmith.") and "_repr_html_" in vars(value):
                found[value.__name__] = value
    return found


@pytest.mark.parametrize("name", sorted(shown_classes()))
def test_every_result_has_its_page_and_picture(name) -> None:
    assert report.write_report  # fills the registry
    kind = shown_classes()[name]
    for view in ("html", "plot"):
        assert (kind, view) in _views._VIEWS, f"{name} has no view {view}"


def test_the_results_of_divergences_show_themselves(tmp_path) -> None:
    from lossmith import divergence

    p, q = divergence.Pmf([0.2, 0.8]), divergence.Pmf([0.5, 0.5])
    for found in (divergence.measure(p, q), divergence.survey(p, q, ["kl", "hellinger"])):
        assert found._repr_html_().startswith("<iframe") and found.plot() is not None
        assert found.report(tmp_path / "page.html").stat().st_size > 1000
