"""A page inside another one, as notebooks show it."""

from __future__ import annotations

import html as escaping

__all__ = ["framed"]


def framed(page: str, *, title: str, height: str) -> str:
    """Return the page inside a frame of its own, so that neither its styles nor its scripts reach the notebook.

    Examples
    --------
    >>> framed("<p>1</p>", title="Result", height="2rem").count("&lt;p&gt;")
    1
    """
    box = f"width: 100%; height: {escaping.escape(height, quote=True)}; border: 0"
    source = escaping.escape(page, quote=True)
    return f'<iframe title="{title}" sandbox="allow-scripts" style="{box}" srcdoc="{source}"></iframe>'
