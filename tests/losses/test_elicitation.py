"""Every loss elicits what its record says, at the defaults and away from them."""

from __future__ import annotations

import pytest
from loss_draws import every_configuration
from loss_elicitation import check_elicited


@pytest.mark.parametrize("loss", every_configuration(), ids=str)
def test_best_constant(loss) -> None:
    check_elicited(loss)
