"""A Matplotlib figure as SVG for a page: text as text, the page's colours, titles for screen readers, the same bytes every time."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from lossmith.report._canvas import Titles
from lossmith.report._palette import LIGHT

__all__ = ["svg"]

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_TOKENS = {color: name for name, color in LIGHT.items()}
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_MARKS = {f"{_SVG}{name}" for name in ("use", "path")}
# what a browser assumes anyway, or what the page's own style sheet says
_DROPPED = {
    "font",
    "font-family",
    "stroke-linejoin",
    "stroke-linecap",
    "stroke-miterlimit",
    "stroke-dashoffset",
    "font-stretch",
    "font-style",
}
_SHARED = {"class", "stroke-width", "fill-opacity", "stroke-opacity", "opacity", "fill", "stroke"}
_FONT = re.compile(r"(?:(\d+(?:\.\d+)?)px)")


def svg(figure: Figure, *, key: str, title: str, description: str, titles: Titles | None = None) -> str:
    """Return `figure` as an SVG element to put into a page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    key : str
        Letters, digits and hyphens; prefix of every id, different for every figure of a page.
    title, description : str
        What screen readers say.
    titles : dict or None
        Texts for single marks, by the id of their group.

    Returns
    -------
    str
        Colours of the palette are classes (`f-c0`, `s-ink`), everything else presentation attributes: no style attribute, no
        script, no reference outside the element, no font of this machine.
    """
    stream = io.StringIO()
    parameters = {"svg.fonttype": "none", "svg.hashsalt": "lossmith", "svg.image_inline": True, "path.simplify": True}
    with rc_context(parameters), warnings.catch_warnings():
        # the page's reader has glyphs that the font of the layout lacks
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        _write(figure, stream)
    root = ElementTree.fromstring(stream.getvalue())  # noqa: S314 - Matplotlib wrote it a line ago
    for parent, child in list(_pairs(root)):
        if (
            child.tag.endswith("metadata")
            or (child.tag == f"{_SVG}defs" and not len(child))
            or child.tag == f"{_SVG}style"
        ):
            parent.remove(child)
    _name_marks(root, titles or {})
    _identify(root, key)
    for element in root.iter():
        _restyle(element)
        _shorten(element)
    _tidy(root)
    _describe(root, key, title, description)
    ElementTree.register_namespace("", _SVG[1:-1])
    text = ElementTree.tostring(root, encoding="unicode")
    # inside HTML an element needs no name space, and a page without any address is easy to check
    return text.replace(' xmlns="http://www.w3.org/2000/svg"', "", 1)


def _write(figure: Figure, stream: io.StringIO) -> None:
    """Write a figure without its grounds, as `savefig(transparent=True)` does, which draws everything twice."""
    grounds = [figure.patch, *[axes.patch for axes in figure.axes]]
    before = [ground.get_facecolor() for ground in grounds], [ground.get_edgecolor() for ground in grounds]
    try:
        for ground in grounds:
            ground.set_facecolor("none")
            ground.set_edgecolor("none")
        canvas = FigureCanvasSVG(figure)
        canvas.print_svg(stream, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    finally:
        for ground, face, edge in zip(grounds, *before, strict=True):
            ground.set_facecolor(face)
            ground.set_edgecolor(edge)


def _pairs(root: ElementTree.Element) -> Iterator[tuple[ElementTree.Element, ElementTree.Element]]:
    for parent in root.iter():
        for child in list(parent):
            yield parent, child


def _name_marks(root: ElementTree.Element, titles: Titles) -> None:
    for group in root.iter(f"{_SVG}g"):
        texts = titles.get(group.get("id", ""))
        if texts is None:
            continue
        group.set("class", "marks")
        in_defs = {id(mark) for defs in group.iter(f"{_SVG}defs") for mark in defs.iter()}
        marks = [mark for mark in group.iter() if mark.tag in _MARKS and id(mark) not in in_defs]
        if len(texts) == 1 and len(marks) != 1:
            marks = [group]
        for mark, text in zip(marks, texts, strict=False):
            if len(marks) == len(texts):
                name = ElementTree.Element(f"{_SVG}title")
                name.text = text
                mark.insert(0, name)


def _identify(root: ElementTree.Element, key: str) -> None:
    """Keep only the ids that something refers to, as the figure's key and a number."""
    short: dict[str, str] = {}
    for element in root.iter():
        target = element.attrib.pop(_HREF, None)
        named = re.search(r"url\(#([^)]+)\)", element.get("clip-path", ""))
        if target is not None:
            element.set("href", "#" + short.setdefault(target[1:], f"{key}-{len(short)}"))
        if named is not None:
            element.set("clip-path", f"url(#{short.setdefault(named.group(1), f'{key}-{len(short)}')})")
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in short:
            element.set("id", short[name])


def _restyle(element: ElementTree.Element) -> None:
    declared = element.attrib.pop("style", "")
    pairs = [part.split(":", 1) for part in declared.split(";") if ":" in part]
    style = {name.strip(): value.strip() for name, value in pairs}
    if element.tag == f"{_SVG}text":
        size = _FONT.search(style.get("font", "") + style.get("font-size", ""))
        style["font-size"] = size.group(1) if size else "9"
        style.setdefault("fill", LIGHT["ink"])
    names = [element.get("class", "")]
    for name, value in style.items():
        token = _TOKENS.get(value.lower())
        if name in ("fill", "stroke") and token is not None:
            names.append(f"{name[0]}-{token}")
        elif name not in _DROPPED:
            element.set(name, value)
    chosen = " ".join(filter(None, names))
    if chosen:
        element.set("class", chosen)


def _shorten(element: ElementTree.Element) -> None:
    for name in ("x", "y", "transform", "width", "height", "viewBox", "font-size", "stroke-dasharray"):
        value = element.get(name)
        if value is not None:
            element.set(name, " ".join(_NUMBER.sub(_two if name == "transform" else _one, value).split()))
    if element.get("transform", "").startswith(("rotate(0 ", "rotate(-0 ")):
        del element.attrib["transform"]
    if "d" in element.attrib:
        element.set("d", compact(element.attrib["d"]))


def _one(found: re.Match[str]) -> str:
    return f"{float(found.group()):.1f}".removesuffix(".0")


def _two(found: re.Match[str]) -> str:
    return f"{float(found.group()):.2f}".rstrip("0").rstrip(".")


def compact(path: str) -> str:
    """Return a path in tenths of a unit, each point relative to the one before: less than half as long.

    Examples
    --------
    >>> compact("M 10.04 20 L 11.1 19.5 L 11.1 19.5 z ")
    'M10 20l1.1-.5z'
    """
    words = path.split()
    if set(words) & {"C", "Q"} or not words:
        return " ".join(_NUMBER.sub(_one, path).split())
    parts: list[str] = []
    x = y = place = 0
    command, moved = "", False
    while place < len(words):
        if words[place] in "MLz":
            command = words[place]
            place += 1
        if command == "z":
            parts.append("z")
            continue
        to_x, to_y = (round(10 * float(word)) for word in words[place : place + 2])
        place += 2
        if command == "M":
            parts.append(f"M{_tenths(to_x)}{_joined(to_y)}l")
            moved = False
        elif (to_x, to_y) != (x, y) or (not moved and place >= len(words)):
            first = parts[-1].endswith("l")
            parts.append((_tenths(to_x - x) if first else _joined(to_x - x)) + _joined(to_y - y))
            moved = True
        x, y = to_x, to_y
    return "".join(parts).replace("lz", "z").removesuffix("l").replace("lM", "M")


def _tenths(count: int) -> str:
    text = f"{count / 10:.1f}".removesuffix(".0")
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _joined(count: int) -> str:
    text = _tenths(count)
    return text if text.startswith("-") else f" {text}"


def _tidy(element: ElementTree.Element) -> None:
    """Drop white space and empty groups; say once, on the group, what all its marks have in common."""
    if element.tag != f"{_SVG}text":
        element.text = element.text if element.text and element.text.strip() else None
    for child in list(element):
        child.tail = None if not (child.tail or "").strip() else child.tail
        _tidy(child)
        if child.tag == f"{_SVG}g" and len(child) == 0:
            element.remove(child)
        elif child.tag == f"{_SVG}g" and not child.attrib and len(child) == 1:
            element[list(element).index(child)] = child[0]
    marks = [child for child in element if child.tag == f"{_SVG}use"]
    if (
        element.tag == f"{_SVG}g"
        and len(marks) > 1
        and len(marks) == len(element) - sum(child.tag == f"{_SVG}defs" for child in element)
    ):
        for name in sorted(_SHARED & set(marks[0].keys())):
            value = marks[0].get(name)
            if name not in element.attrib and all(mark.get(name) == value for mark in marks):
                element.set(name, str(value))
                for mark in marks:
                    del mark.attrib[name]


def _describe(root: ElementTree.Element, key: str, title: str, description: str) -> None:
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-desc")
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(f"{_SVG}{tag}", {"id": f"{key}-{tag}"})
        element.text = text
        root.insert(place, element)
