"""Text of strangers made harmless."""

from __future__ import annotations

import unicodedata

__all__ = ["plain"]


def plain(text: str) -> str:
    """Return `text` with every control, format or line character made visible: no name can move the cursor or a column.

    Examples
    --------
    >>> plain("a\\tb\\x1b[31m")
    'a\\\\tb\\\\x1b[31m'
    """
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return "".join(
        character.encode("unicode_escape").decode("ascii") if unicodedata.category(character) in hidden else character
        for character in str(text)
    )
