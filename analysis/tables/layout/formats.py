"""Writes a table as Markdown, LaTeX, CSV and JSON. Special characters in names are escaped in each format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amc.atomic import atomic_write
from amc.errors import UserError
from analysis.tables.layout.cells import printable
from analysis.tables.layout.latex import latex
from analysis.tables.layout.paper import paper_body, paper_table
from analysis.tables.layout.text_table import TextTable


@dataclass(frozen=True)
class Table:
    """A table in all its forms.

    Attributes:
        name: file name without suffix.
        content: the JSON document.
        text: cells for Markdown and LaTeX.
        records: rows of the CSV file; a row may lack columns that others have.
        paper: cells for the paper style; None if the table has none.
    """

    name: str
    content: Mapping[str, Any]
    text: TextTable
    records: Sequence[Mapping[str, Any]]
    paper: TextTable | None = None


PLAIN, PAPER = "plain", "paper"  # styles of LaTeX files
STYLES = (PLAIN, PAPER)
BODY = "_body.tex"


def write(table: Table, folder: Path, style: str = PLAIN) -> None:
    """Writes NAME.{md,csv,tex,json} into `folder`, replacing each file atomically.

    In the style `PAPER`, NAME.tex uses booktabs and siunitx, and NAME_body.tex is its `tabular` alone. Tables that have
    no such form are written as in `PLAIN`. A NAME_body.tex that is not written is removed, since it would be outdated.

    Raises:
        UserError: a file cannot be written.
    """
    texts = {
        ".json": json.dumps(table.content, indent=2, allow_nan=False) + "\n",
        ".md": markdown(table.text),
        ".csv": csv_text(table.records),
        ".tex": latex(table.text, label=table.name),
    }
    if style == PAPER and table.paper is not None:
        texts |= {".tex": paper_table(table.paper, label=table.name), BODY: paper_body(table.paper)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in texts.items():
            with atomic_write(folder / f"{table.name}{suffix}") as partial:
                partial.write_text(text, encoding="utf-8", newline="\n")
        if BODY not in texts:
            (folder / f"{table.name}{BODY}").unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write tables to {folder}: {error.strerror}; give another --out") from error


def style_of(folder: Path) -> str:
    """Returns the style in which Table 3 or 4 was last written into `folder`; `PLAIN` if it was not."""
    return PAPER if any(folder.glob(f"table?{BODY}")) else PLAIN


def markdown(table: TextTable) -> str:
    """Returns the table as Markdown; pipes, line breaks, HTML and emphasis in cells are escaped."""
    lines = [_markdown(table.caption), "", _line(table.head), "| --- |" + " ---: |" * (len(table.head) - 1)]
    lines += [_line(row) for row in (*table.rows, *table.references)]
    if table.notes:
        lines += ["", *(f"- {_markdown(note)}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def csv_text(records: Sequence[Mapping[str, Any]]) -> str:
    """Returns the records as CSV, with unrounded numbers.

    An interval takes two columns (`_low`, `_high`), a nested mapping one per entry. Text that a spreadsheet would take
    for a formula starts with an apostrophe.
    """
    out = io.StringIO()
    rows = [_spread(record) for record in records]
    found = list(dict.fromkeys(name for row in rows for name in row))
    # A row whose interval or mapping is None has a single name for it, where other rows have its parts.
    parts = {name: [o for o in found if o.startswith((f"{name}.", f"{name}_low", f"{name}_high"))] for name in found}
    names = list(dict.fromkeys(part for name in found for part in parts[name] or [name]))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_csv_cell(name) for name in names])
    writer.writerows([[_csv_cell(row.get(name)) for name in names] for row in rows])
    return out.getvalue()


# ASCII punctuation with a meaning in Markdown or HTML; parentheses and full stops have none by themselves.
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|~#"} | {"&": "&amp;"})


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_markdown(cell) for cell in cells) + " |"


def _markdown(text: str) -> str:
    return printable(text).translate(_MARKDOWN)


def _spread(record: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            row |= _spread({f"{name}.{key}": inner for key, inner in value.items()})
        elif name.endswith("ci95") and value is not None:
            row |= {f"{name}_low": value[0], f"{name}_high": value[1]}
        else:
            row[name] = value
    return row


def _csv_cell(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return json.dumps(value)
    if isinstance(value, str):
        text = printable(value)
        return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
    return value
