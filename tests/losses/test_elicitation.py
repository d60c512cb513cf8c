"""Every loss is smallest at a perfect prediction and elicits what its record says, at the defaults and away from them."""

from __future__ import annotations

import pytest

from loss_draws import every_configuration
from loss_elicitation import check_elicited, check_perfect


@pytest.mark.parametrize("loss", every_configuration(), ids=str)
def test_best_constant(loss) -> None:
    check_elicited(loss)


@pytest.mark.parametrize("loss", every_configuration(), ids=str)
def test_perfect_prediction(loss) -> None:
    check_perfect(loss)
