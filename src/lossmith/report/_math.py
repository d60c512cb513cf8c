"""Formulas: LaTeX as MathML, which browsers draw without any script, and as one line of text for terminals."""

from __future__ import annotations

import re
from functools import lru_cache
from xml.etree import ElementTree

from markupsafe import Markup, escape

__all__ = ["linear", "mathml"]

_NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'
_PREFIX = "{http://www.w3.org/1998/Math/MathML}"
# the converter lets text through as it is: whatever is not MathML is no formula
_TAGS = frozenset(
    ["math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msup", "msub", "msubsup", "munder", "mover",
     "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom", "menclose"]
)  # fmt: skip
_ACCENTS = {"^": "\u0302", "¯": "\u0304", "―": "\u0304", "~": "\u0303"}


@lru_cache(maxsize=256)
def mathml(latex: str, *, block: bool = False) -> Markup:
    """Return a formula as MathML, safe to put into a page; what cannot be read as LaTeX is shown as it is.

    Examples
    --------
    >>> mathml("x < 1")
    Markup('<math display="inline"><mrow><mi>x</mi><mo>&#x0003C;</mo><mn>1</mn></mrow></math>')
    """
    made = _converted(latex, "block" if block else "inline")
    if made is None:
        return Markup("<code>") + escape(latex) + Markup("</code>")
    return Markup(made.replace(_NAMESPACE, "", 1))  # noqa: S704 - the converter escapes


def linear(latex: str) -> str:
    r"""Return a formula as one line of text; what cannot be read as LaTeX is returned as it is.

    Examples
    --------
    >>> linear(r"\frac{1}{2} (z - y)^2"), linear(r"\max(1 - y z, 0)")
    ('1/2 (z − y)^2', 'max(1 − y z, 0)')
    """
    made = _converted(latex, "inline")
    if made is None:
        return latex
    text = " ".join(_words(ElementTree.fromstring(made.replace(_NAMESPACE, "", 1))).split())  # noqa: S314 - our own
    text = re.sub(r"\|\s*([^|]+?)\s*\|", r" |\1| ", text)
    text = re.sub(r"([(\[{])\s+", r"\1", text).replace("{", "{ ")
    text = re.sub(r"\s+([)\],;])", r"\1", text)
    text = re.sub(r"(?<=[A-Za-z]{3}) (?=\()", "", text)
    text = re.sub(r"(^|[(\[,;{=] ?)− ", r"\1−", text)
    return " ".join(text.replace("if otherwise", "otherwise").split())


def _converted(latex: str, display: str) -> str | None:
    from latex2mathml.converter import convert

    try:
        made = str(convert(latex, display=display))
        tags = {element.tag.removeprefix(_PREFIX) for element in ElementTree.fromstring(made).iter()}  # noqa: S314
    except Exception:
        # the converter raises what it likes; a formula must not cost the report
        return None
    return made if tags <= _TAGS else None


def _words(element: ElementTree.Element) -> str:
    parts = [_words(child) for child in element]
    match element.tag:
        case "mfrac":
            short = all(len(part.strip()) == 1 for part in parts)
            return "/".join(map(str.strip, parts)) if short else f"({' / '.join(map(_grouped, parts))})"
        case "msup" | "msub" | "munder" | "mover":
            mark = "^" if element.tag in ("msup", "mover") else "_"
            if element.tag == "mover" and parts[1].strip() in _ACCENTS:
                return parts[0].strip() + _ACCENTS[parts[1].strip()]
            return f"{parts[0].strip()}{mark}{_grouped(parts[1])} "
        case "msubsup" | "munderover":
            return f"{parts[0].strip()}_{_grouped(parts[1])}^{_grouped(parts[2])} "
        case "msqrt":
            return f"√({' '.join(parts).strip()})"
        case "mtr":
            return " if ".join(part.strip() for part in parts)
        case "mtable":
            return "; ".join(parts) + " }"
        case "mspace":
            return " "
        case _:
            text = (element.text or "").strip()
            return f"{text}{' '.join(parts)}" if element.tag in ("mi", "mn", "mo", "mtext") else " ".join(parts)


def _grouped(text: str) -> str:
    text = text.strip()
    enclosed = text.startswith("(") and text.endswith(")") and ")" not in text[:-1]
    return text if re.fullmatch(r"[\w^]+|.", text) or enclosed else f"({text})"
