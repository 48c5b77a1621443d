"""Converts text tables to tables of the page."""

from __future__ import annotations

import re

from analysis.report.formatting import MINUS, NONE, without_folders
from analysis.report.page import HtmlTable
from analysis.tables.layout.text_table import TextTable

_NEGATIVE = re.compile(r"-(?=\d)")


def html_table(table: TextTable, words: frozenset[int] = frozenset({0})) -> HtmlTable:
    """Returns the table with typographic minus signs and dashes, and without folders; references are marked."""
    rows = (*table.rows, *table.references)
    shown = tuple((row[0], *map(_typeset, row[1:])) for row in rows)
    aside = frozenset(range(len(table.rows), len(rows)))
    return HtmlTable(table.head, shown, table.caption, words, tuple(map(without_folders, table.notes)), aside)


def split_table(table: TextTable, most: int, shared: int = 2) -> tuple[HtmlTable, ...]:
    """Splits a wide table into several with the first `shared` columns and at most `most` other columns each.

    The first part has the caption, the last one the notes.
    """
    starts = range(shared, len(table.head), most) or [shared]
    return tuple(
        html_table(
            TextTable(
                table.caption if place == 0 else "",
                _cut(table.head, shared, start, most),
                tuple(_cut(row, shared, start, most) for row in table.rows),
                tuple(_cut(row, shared, start, most) for row in table.references),
                table.notes if place == len(starts) - 1 else (),
            )
        )
        for place, start in enumerate(starts)
    )


def _cut(cells: tuple[str, ...], shared: int, start: int, most: int) -> tuple[str, ...]:
    return cells[:shared] + cells[start : start + most]


def _typeset(cell: str) -> str:
    if cell == "-":
        return NONE
    return _NEGATIVE.sub(MINUS, cell) if _numeric(cell) else without_folders(cell)


def _numeric(cell: str) -> bool:
    return bool(cell) and set(cell) <= set("0123456789.+-e% to[],<>=()")
