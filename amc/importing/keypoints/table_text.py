"""Reads a table as spreadsheets and other programs save it: its encoding, separator, decimal commas and padding."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# Cells that mean "no value", in lower case.
_MISSING = frozenset({"", "nan", "na", "n/a", "#n/a", "null", "none", "-", "--", "nat"})


@dataclass
class TableText:
    """A table as text.

    Attributes:
        comments: the lines before the column names that start with `#`, with their numbers from 1.
        header: the column names.
        line: number of the line with the column names.
        separator: what separates cells.
        remarks: what differs from UTF-8 text with commas and decimal points.
    """

    comments: list[tuple[int, str]]
    header: list[str]
    line: int
    separator: str
    remarks: list[str]
    _lines: list[str] = field(repr=False)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yields line number and cells of each row that is not empty; cells without a value are empty."""
        reader = csv.reader(self._lines[self.line :], delimiter=self.separator)
        for cells in reader:
            stripped = [_value(cell) for cell in cells]
            if any(stripped):
                while len(stripped) > len(self.header) and not stripped[-1]:
                    stripped.pop()
                yield self.line + reader.line_num, stripped


def decoded(data: bytes) -> tuple[str, str]:
    """The text of a file, and the name of its encoding unless that is UTF-8.

    Raises:
        UnicodeDecodeError: the bytes are no text.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16"), "UTF-16"
    some = data[:4000]
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if len(some) > 3 and some[start::2].count(0) > len(some) // 3:
            return data.decode(encoding).lstrip("\ufeff"), "UTF-16"
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        return data.decode("cp1252"), "Windows-1252, as it is not UTF-8"


def table_text(data: bytes, known: Callable[[str], bool]) -> TableText:
    """Splits a file into comments, column names and rows.

    Args:
        data: the file.
        known: whether a column name is one that the table may have; the separator that gives most of them is used.

    Raises:
        UnicodeDecodeError: the bytes are no text.
        csv.Error: no column names can be read.
    """
    text, encoding = decoded(data)
    lines = text.splitlines(keepends=True)
    comments: list[tuple[int, str]] = []
    remarks = [f"read as {encoding}"] if encoding else []
    for number, line in enumerate(lines, start=1):
        content = line.strip()
        if content.lstrip('"').startswith("#"):
            comments.append((number, _comment(content)))
        elif content.strip(",;\t| ") and not re.fullmatch(r"sep=.?", content, re.IGNORECASE):  # written by Excel
            header, separator = _header(line, known)
            remarks += [f"separated by {SEPARATORS[separator]}"] if separator != "," else []
            return TableText(comments, header, number, separator, remarks, lines)
    return TableText(comments, [], len(lines), ",", remarks, lines)


def _header(line: str, known: Callable[[str], bool]) -> tuple[list[str], str]:
    best, separator = next(csv.reader([line])), ","
    for other in SEPARATORS:
        cells = next(csv.reader([line], delimiter=other))
        if sum(map(known, cells)) > sum(map(known, best)):
            best, separator = cells, other
    return [cell.strip() for cell in best], separator


def _comment(text: str) -> str:
    """A comment line without the quotes and empty cells that spreadsheets add."""
    if text.startswith('"'):
        after = text[text.find('"', 1) + 1 :][:1]
        cells = next(csv.reader([text], delimiter=after if after in SEPARATORS else ","))
        text = ",".join(cell for cell in cells if cell)
    return text.rstrip(",;\t| ")


def _value(cell: str) -> str:
    stripped = cell.strip()
    return "" if stripped.lower() in _MISSING else stripped
