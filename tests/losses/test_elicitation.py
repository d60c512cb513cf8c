"""Every loss is smallest at a perfect prediction and elicits what its record says, at the defaults and away from them."""

from __future__ import annotations

import pytest

from loss_draws import rest_of_grid, some_configurations
from loss_elicitation import check_elicited, check_perfect


@pytest.mark.parametrize("loss", some_configurations(), ids=str)
def test_best_constant(loss) -> None:
    check_elicited(loss)


@pytest.mark.parametrize("loss", some_configurations(), ids=str)
def test_perfect_prediction(loss) -> None:
    check_perfect(loss)


@pytest.mark.slow
@pytest.mark.parametrize("loss", rest_of_grid(), ids=str)
def test_rest_of_the_grid(loss) -> None:
    check_elicited(loss)
    check_perfect(loss)
