"""H3-12 to H3-16: feasible regions, a linear and quadratic programmes, and multipliers of the handbook, by SciPy."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import LinearConstraint, linprog, minimize

from lossmith.studies._rows import faulty
from lossmith.studies._spec import Row, Study, StudyResult

__all__ = ["STUDY"]

CLAIMS = {
    "H3-12": "the region x + y <= 5, x - y >= 1, x >= 0, y >= 0",
    "H3-13": "production plan with 100 hours of labour: A 50 h, B 4,950 h",
    "H3-14": "least squares of x under x >= 0 and sum(x) <= 1",
    "H3-15": "least squares of x on the line x0 + x1 = 1; constraints are composed",
    "H3-16": "the multiplier of x0 + x1 = 1 is 0.5",
}

Progress = Callable[[float, int, str, str], None]


def run(*, quick: bool = False, progress: Progress | None = None) -> StudyResult:
    """Solve every problem; nothing is random."""
    del quick
    if progress is not None:
        progress(0, 1, "computing", "constraints")
    return StudyResult("constraints", (_region(), _plan(), _bounded(), _line(), _multiplier()))


def _corners(matrix: Any, bounds: Any) -> np.ndarray:
    """Return the corners of {x: matrix x <= bounds} in the plane, in order around it."""
    found = []
    for one, other in combinations(range(len(matrix)), 2):
        pair = matrix[[one, other]]
        if abs(np.linalg.det(pair)) > 1e-12:
            point = np.linalg.solve(pair, bounds[[one, other]])
            if (matrix @ point <= bounds + 1e-9).all():
                found.append(point)
    corners = np.unique(np.round(found, 9) + 0.0, axis=0)
    centre = corners.mean(axis=0)
    return corners[np.argsort(np.arctan2(*(corners - centre).T[::-1]))]


def _area(corners: np.ndarray) -> float:
    x, y = corners.T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)


def _region() -> Row:
    matrix = np.array([[1.0, 1], [-1, 1], [-1, 0], [0, -1]])
    bounds = np.array([5.0, -1, 0, 0])
    corners = _corners(matrix, bounds)
    area = _area(corners)
    # the listing draws the border of a mask on a grid of 100 points over [0, 6]
    grid = np.linspace(0, 6, 100)
    inside = np.array([[x + y <= 5 for x in grid] for y in grid])
    shift = float(np.mean([5 - (grid[row.sum() - 1] + y) for row, y in zip(inside, grid, strict=True) if row.any()]))
    text = ", ".join(f"({x + 0.0:.0f}, {y + 0.0:.0f})" for x, y in corners.round())
    return faulty(
        "H3-12", CLAIMS["H3-12"], "a figure; its listing defines Z3 and draws z3",
        f"corners {text}, area {area:.0f}",
        {"area": area, "corners": float(len(corners)), "shift": shift},
        wrong=abs(area - 4) < 1e-9 and {(1, 0), (5, 0), (3, 2)} == {(round(x), round(y)) for x, y in corners},
        remark="as printed it stops at an undefined name; contours of true and false at 0 lie up to half a cell beside the lines, and the two "
        "bounds at 0 have none, since their masks are true everywhere",
    )  # fmt: skip


def _plan() -> Row:
    cost, bounds = [-2.0, -3.0], [-50.0, -30.0]
    listed = linprog(cost, A_ub=[[-1, 0], [0, -1], [1, 1]], b_ub=[*bounds, 5000.0])
    stated = linprog(cost, A_ub=[[-1, 0], [0, -1], [1, 1]], b_ub=[*bounds, 100.0])
    duals = stated.ineqlin.marginals
    wrong = np.allclose(listed.x, [50, 4950]) and np.allclose(stated.x, [50, 50])
    return faulty(
        "H3-13", CLAIMS["H3-13"], "A 50.0 h, B 4950.0 h",
        f"with the 100 hours that the text states: A {stated.x[0]:.0f} h, B {stated.x[1]:.0f} h, profit {-stated.fun:.0f}; duals "
        f"{', '.join(f'{value + 0.0:.0f}' for value in duals.round())}",
        {"a": float(stated.x[0]), "b": float(stated.x[1]), "profit": float(-stated.fun), "listed_b": float(listed.x[1])},
        wrong=bool(wrong),
        remark="the listing leaves the limit of 100 hours out and takes the budget of $5,000 for hours: its plan works 5,000 of them. Without "
        "a price of an hour the budget cannot be written down",
    )  # fmt: skip


def _squares(x: np.ndarray) -> float:
    return float(x @ x)


def _bounded() -> Row:
    limits = [LinearConstraint([1, 1], -np.inf, 1)]
    found = minimize(
        _squares,
        [0.4, 0.4],
        jac=lambda x: 2 * x,
        bounds=[(0, None)] * 2,
        constraints=limits,
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    # a barrier by hand: minimise t f - sum of logarithms, Newton, t times ten (interior point)
    x, t = np.array([0.3, 0.3]), 1.0
    while t < 1e9:
        for _ in range(50):
            rest = 1 - x.sum()
            slope = 2 * t * x - 1 / x + 1 / rest
            bend = np.diag(2 * t + 1 / x**2) + 1 / rest**2
            step = np.linalg.solve(bend, slope)
            length = 1.0
            while (x - length * step <= 0).any() or (x - length * step).sum() >= 1:
                length /= 2
            x = x - length * step
            if slope @ step < 1e-14:
                break
        t *= 10
    printed = np.array([2.0e-10, 3.0])
    return faulty(
        "H3-14", CLAIMS["H3-14"], "value 5.999999998779675 at [2.0e-10 3.0]",
        f"value {found.fun:.1g} at [{found.x[0]:.1g} {found.x[1]:.1g}]; a logarithmic barrier ends at [{x[0]:.1g} {x[1]:.1g}]",
        {"value": float(found.fun), "barrier": float(np.abs(x).max()), "printed_sum": float(printed.sum())},
        wrong=found.fun < 1e-4 and np.abs(x).max() < 1e-4 and printed.sum() > 1,
        remark="the optimum is 0 at [0 0]; the printed point has the sum 3, which its own constraint forbids, and its value would be 9: the "
        "output belongs to another problem",
    )  # fmt: skip


def _all_of(*constraints: dict[str, Any]) -> list[dict[str, Any]]:
    """Return constraints composed of constraints: the higher level is the list of the lower one."""
    return list(constraints)


def _line() -> Row:
    on_line = {"type": "eq", "fun": lambda x: x.sum() - 1}
    positive = {"type": "ineq", "fun": lambda x: x}
    found = minimize(_squares, [0.9, 0.1], jac=lambda x: 2 * x, constraints=_all_of(on_line, positive), method="SLSQP")
    tilted = {"type": "ineq", "fun": lambda x: x[0] - 0.7}
    more = minimize(
        _squares,
        [0.9, 0.1],
        jac=lambda x: 2 * x,
        constraints=_all_of(*_all_of(on_line, positive), tilted),
        method="SLSQP",
    )
    close = np.allclose(found.x, 0.5, atol=1e-6) and np.allclose(more.x, [0.7, 0.3], atol=1e-6)
    return Row(
        "H3-15", CLAIMS["H3-15"], "[0.5 0.5]", f"[{found.x[0]:.4f} {found.x[1]:.4f}], value {found.fun:.4f}",
        "reproduced" if close else "differs",
        f"with x0 >= 0.7 composed with it: [{more.x[0]:.2f} {more.x[1]:.2f}]",
        {"x0": float(found.x[0]), "value": float(found.fun), "tilted": float(more.x[0])},
    )  # fmt: skip


def _multiplier() -> Row:
    # stationarity 2 x + lambda = 0 for both, and the line: three linear equations
    system = np.array([[2.0, 0, 1], [0, 2, 1], [1, 1, 0]])
    x0, x1, multiplier = np.linalg.solve(system, [0.0, 0, 1])
    residuals = [abs(2 * x0 + multiplier), abs(2 * x1 + multiplier), abs(x0 + x1 - 1)]
    value = x0**2 + x1**2
    return faulty(
        "H3-16", CLAIMS["H3-16"], "Lagrange multiplier: 0.4999999999999994",
        f"lambda = {multiplier:.0f} at [{x0:.1f} {x1:.1f}]; largest residual of the conditions {max(residuals):.0e}",
        {"multiplier": float(multiplier), "value": float(value), "residual": max(residuals)},
        wrong=abs(multiplier + 1) < 1e-12 and abs(value - 0.5) < 1e-12,
        remark="what is printed is the value of the objective, 0.5. The multiplier of the listing is a number that is put in and changes "
        "nothing. The conditions of Karush, Kuhn and Tucker also ask for feasibility and complementary slackness",
    )  # fmt: skip


STUDY = Study(
    name="constraints",
    source="H3",
    title="Optimisation under constraints",
    claims=tuple(CLAIMS),
    run=run,
    reference="Handbook of Deep Learning Models, Volume One, chapter 3",
)
