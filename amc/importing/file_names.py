"""File names that can be printed and stored."""

from __future__ import annotations

import os


def printable(name: str) -> str:
    """Escapes bytes that cannot be decoded and characters that cannot be printed; distinct names stay distinct."""
    text = os.fsencode(name).decode("utf-8", errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
