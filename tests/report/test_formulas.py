"""Formulas as MathML and as one line of text."""

from __future__ import annotations

import html

import pytest

from lossmith.report._math import linear, mathml


@pytest.mark.parametrize(
    "latex, text",
    [
        (r"\frac{1}{2} (z - y)^2", "1/2 (z − y)^2"),
        (r"\max(1 - y z, 0)", "max(1 − y z, 0)"),
        (r"\begin{cases} a & |z| \le \delta \\ -b & \text{otherwise} \end{cases}", "{ a if |z| ≤ δ; −b otherwise }"),
        (r"-\sum_k y_k \log \frac{y_k}{p_k}", "−∑_k y_k log(y_k / p_k)"),
        (r"\hat{y}^{-z}", "ŷ^(−z)"),
        (r"\sqrt{x + 1}", "√(x + 1)"),
        (r"\frac{", r"\frac{"),
    ],
)
def test_formulas_as_text(latex, text):
    assert linear(latex) == text.replace("ŷ", "y\u0302")


@pytest.mark.parametrize("latex", [r"\text{<script>} < 1", r"\text{<b>x</b>}", r"\text{<script>alert(1)</script>}"])
def test_markup_in_a_formula_stays_text(latex):
    assert mathml(latex) == f"<code>{html.escape(latex)}</code>"


def test_signs_of_order_are_escaped():
    assert "<b>" not in mathml(r"\frac{<b>}{2}") and "&#x0003C;" in mathml(r"\frac{<b>}{2}")


def test_block_and_inline():
    assert mathml("x", block=True).startswith('<math display="block">')
    assert mathml("x").startswith('<math display="inline">')
