"""The contract of divergences over the whole catalogue, at the defaults and away from them."""

from __future__ import annotations

import pytest

from divergence_contract import CHECKS, every_configuration


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("record", every_configuration(), ids=str)
def test_every_divergence(record, check) -> None:
    check(record)
