"""A table as text cells, before it is written in a format."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TextTable:
    """A table as it is printed.

    Attributes:
        caption: one or two sentences above the table.
        head: H column titles; the first column holds text, the others numbers.
        rows: H cells each.
        references: rows below a rule, such as chance and real clips.
        notes: sentences below the table.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    references: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
