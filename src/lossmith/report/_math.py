"""Formulas: LaTeX as MathML, which browsers draw without any script."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup, escape

__all__ = ["mathml"]


@lru_cache(maxsize=256)
def mathml(latex: str, *, block: bool = False) -> Markup:
    """Return a formula as MathML, safe to put into a page; what cannot be read as LaTeX is shown as it is.

    Examples
    --------
    >>> mathml("x < 1")
    Markup('<math display="inline"><mrow><mi>x</mi><mo>&#x0003C;</mo><mn>1</mn></mrow></math>')
    """
    from latex2mathml.converter import convert

    try:
        made = convert(latex, display="block" if block else "inline")
    except Exception:  # noqa: BLE001 - the converter raises what it likes; a formula must not cost the report
        return Markup("<code>") + escape(latex) + Markup("</code>")  # noqa: S704 - escaped
    return Markup(made.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "", 1))  # noqa: S704 - the converter escapes
