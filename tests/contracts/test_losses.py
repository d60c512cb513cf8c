"""The contract of losses over the whole catalogue, at the defaults and away from them."""

from __future__ import annotations

import pytest

from loss_contract import CHECKS, FLAG_CHECKS, check_double
from loss_draws import rest_of_grid, some_configurations
from lossmith.losses import EVERY, PUBLISHED


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("loss", some_configurations(), ids=str)
def test_every_loss(loss, check) -> None:
    check(loss)


@pytest.mark.parametrize("check", FLAG_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("loss", some_configurations(), ids=str)
def test_flags(loss, check) -> None:
    check(loss)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [*some_configurations(), *rest_of_grid(), *PUBLISHED.values()], ids=str)
def test_double_precision(loss) -> None:
    check_double(loss)


@pytest.mark.slow
@pytest.mark.parametrize("check", [*CHECKS, *FLAG_CHECKS], ids=lambda check: check.__name__)
@pytest.mark.parametrize("loss", rest_of_grid(), ids=str)
def test_rest_of_the_grid(loss, check) -> None:
    check(loss)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("loss", PUBLISHED.values(), ids=str)
def test_published_losses(loss, check) -> None:
    check(loss)


def test_no_name_is_in_both_catalogues() -> None:
    assert not set(EVERY) & set(PUBLISHED)
    assert all(name.startswith("keras_") for name in PUBLISHED)
