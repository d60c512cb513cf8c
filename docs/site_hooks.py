"""What the site needs beside the pages: README and CONTRIBUTING, pages of the Python interface, and formulas as MathML.

Nothing is fetched when the site is built or read.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
# the first page is home.md; the README is a tour, the list of all pages another
OUTSIDE = {
    "README.md": "tour.md", "docs/home.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md", "SECURITY.md": "SECURITY.md",
    "CITATION.cff": "CITATION.cff", "LICENSE": "LICENSE", "docs/index.md": "pages.md",
}  # fmt: skip
_CODE = re.compile(r"(^(`{3,}).*?^\2\s*$|`[^`\n]*`)", re.MULTILINE | re.DOTALL)
_MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$([^$\n]+?)\$(?![\w$])", re.DOTALL)


def packages() -> list[str]:
    """Return the public packages, those that the front door names and that say what they make public."""
    tree = ast.parse((ROOT / "src/lossmith/__init__.py").read_text(encoding="utf-8"))
    names = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    )
    return [name for name in names if (ROOT / "src/lossmith" / name / "__init__.py").is_file()]


def on_files(files: Files, config: Any) -> Files:
    """Add pages that lie outside of the folder, pictures that they show, and one page for each package."""
    for name in ("index.md", "home.md"):
        if (found := files.get_file_from_path(name)) is not None:
            files.remove(found)
    for name, place in OUTSIDE.items():
        text = re.sub(r"\]\(docs/", "](", (ROOT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, place, content=_moved(text, "")))
    for number in sorted((ROOT / "docs" / "adr").glob("*.md")):
        place = f"decisions/{number.name}"
        files.append(File.generated(config, place, content=number.read_text(encoding="utf-8")))
    listed = []
    for name in packages():
        files.append(File.generated(config, f"api/{name}.md", content=f"# lossmith.{name}\n\n::: lossmith.{name}\n"))
        listed.append(f"- [lossmith.{name}]({name}.md)")
    index = "\n".join(["# Python interface", "", "Everything public, from its docstrings.", "", *listed, ""])
    files.append(File.generated(config, "api/index.md", content=index))
    return files


def _moved(text: str, up: str) -> str:
    """Return the text with links that lead to where pages are on the site; `up` leads to its top."""
    text = re.sub(r"\]\((?:\.\./)*index\.md", f"]({up}pages.md", text) if not up else text
    text = re.sub(r"\]\((?:\.\./)*README\.md", f"]({up}tour.md", text)
    text = re.sub(r"\]\((?:\.\./)*home\.md", f"]({up}index.md", text)
    text = re.sub(r"\]\((?:\.\./)*(CONTRIBUTING|CHANGELOG|SECURITY)\.md", rf"]({up}\1.md", text)
    return re.sub(r"\]\(adr/", "](decisions/", text)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to pages outside of the folder round, and formulas into MathML."""
    text = markdown if page.file.generated_by else _moved(markdown, "../" * page.file.src_uri.count("/"))
    pieces = _CODE.split(text)
    # split gives text, code, fence, text, code, fence, ...
    return "".join(
        formulas(piece) if k % 3 == 0 else piece for k, piece in enumerate(pieces) if k % 3 != 2 and piece is not None
    )


def on_page_content(html: str, **_: Any) -> str:
    """Turn formulas of docstrings into MathML."""
    parts = re.split(r"(<pre.*?</pre>|<code.*?</code>|<math.*?</math>)", html, flags=re.DOTALL)
    return "".join(part if k % 2 else formulas(part) for k, part in enumerate(parts))


def formulas(text: str) -> str:
    """Return the text with formulas between dollars as MathML."""

    def made(found: re.Match[str]) -> str:
        block, inline = found.groups()
        source = (block or inline).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        return convert(source, display="block" if block else "inline")

    return _MATH.sub(made, text)
