"""The written tables' views as tables of the page."""

from __future__ import annotations

import re

from analysis.report.formatting import MINUS, NONE, without_folders
from analysis.report.page import HtmlTable
from analysis.tables.text_table import TextTable

_NEGATIVE = re.compile(r"-(?=\d)")


def grid(view: TextTable, words: frozenset[int] = frozenset({0})) -> HtmlTable:
    """The same cells, with true minus signs and dashes, and no folders; references are set apart."""
    rows = (*view.rows, *view.references)
    shown = tuple((row[0], *map(_typeset, row[1:])) for row in rows)
    aside = frozenset(range(len(view.rows), len(rows)))
    return HtmlTable(view.head, shown, view.caption, words, tuple(map(without_folders, view.notes)), aside)


def parts(view: TextTable, most: int, shared: int = 2) -> tuple[HtmlTable, ...]:
    """A wide table as several, each with the first `shared` columns and at most `most` of the others.

    The caption stands above the first, the notes below the last.
    """
    starts = range(shared, len(view.head), most) or [shared]
    return tuple(
        grid(
            TextTable(
                view.caption if place == 0 else "",
                _cut(view.head, shared, start, most),
                tuple(_cut(row, shared, start, most) for row in view.rows),
                tuple(_cut(row, shared, start, most) for row in view.references),
                view.notes if place == len(starts) - 1 else (),
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
