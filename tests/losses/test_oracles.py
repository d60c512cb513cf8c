"""Every loss equals its definition in 40-digit arithmetic; every loss has one."""

from __future__ import annotations

import pytest

from loss_draws import every_configuration
from loss_oracles import BATCHES, ORACLES, check_oracle
from lossmith.losses import EVERY


@pytest.mark.parametrize("loss", [loss for loss in every_configuration() if loss.name not in BATCHES], ids=str)
def test_equals_definition(loss) -> None:
    check_oracle(loss)


def test_every_loss_has_a_definition() -> None:
    assert set(ORACLES) | set(BATCHES) == set(EVERY)
