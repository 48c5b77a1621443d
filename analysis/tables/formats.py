"""A table written as Markdown, LaTeX, CSV and JSON: nothing that a name may hold breaks any of them."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amc.atomic import atomic_write
from amc.errors import UserError

PAGE, GAP = 100, 2  # signs that a page of LaTeX's `article` is wide, in small print; those between two columns
PAGE_ROWS = 40  # that fit on it below a long caption


@dataclass(frozen=True)
class View:
    """A table as people read it.

    Attributes:
        caption: a sentence or two that stand above it.
        head: H titles of the columns; the first is of text, the others of numbers.
        rows: H cells each.
        references: rows below a rule, such as chance and real clips.
        notes: sentences below it.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    references: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """A table in all its forms.

    Attributes:
        name: of its files, without ending.
        content: for JSON.
        view: for Markdown and LaTeX.
        records: for CSV, a row each, all with the same names.
    """

    name: str
    content: Mapping[str, Any]
    view: View
    records: Sequence[Mapping[str, Any]]


def write(table: Written, folder: Path) -> None:
    """Writes NAME.{md,csv,tex,json} into `folder`, each at once and whole.

    Raises:
        UserError: it can't be written.
    """
    texts = {
        "json": json.dumps(table.content, indent=2, allow_nan=False) + "\n",
        "md": markdown(table.view),
        "csv": csv_text(table.records),
        "tex": latex(table.view, label=table.name),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in texts.items():
            with atomic_write(folder / f"{table.name}.{suffix}") as partial:
                partial.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"cannot write tables to {folder}: {error.strerror}; give another --out") from error


def number(value: float | None, form: str = ".1f") -> str:
    """A cell; "-" where nothing is known."""
    return "-" if value is None or not math.isfinite(value) else format(value, form)


def span(interval: Sequence[float] | None, form: str = ".1f") -> str:
    """A cell with an interval."""
    return "-" if interval is None else f"{interval[0]:{form}} to {interval[1]:{form}}"


def p_value(p: float | None) -> str:
    """A cell with a p."""
    return "-" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def markdown(view: View) -> str:
    """Pipes and line breaks in cells, and what would be HTML or emphasis, are escaped."""
    lines = [_markdown(view.caption), "", _line(view.head), "| --- |" + " ---: |" * (len(view.head) - 1)]
    lines += [_line(row) for row in (*view.rows, *view.references)]
    if view.notes:
        lines += ["", *(f"- {_markdown(note)}" for note in view.notes)]
    return "\n".join(lines) + "\n"


def csv_text(records: Sequence[Mapping[str, Any]]) -> str:
    """Numbers as they are, a column each: an interval has two, a mapping one for each of its entries.

    Text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    rows = [_spread(record) for record in records]
    found = list(dict.fromkeys(name for row in rows for name in row))
    # A row without an interval or a mapping has one empty cell, where other rows have theirs.
    parts = {name: [o for o in found if o.startswith((f"{name}.", f"{name}_low", f"{name}_high"))] for name in found}
    names = list(dict.fromkeys(part for name in found for part in parts[name] or [name]))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_plain(name) for name in names])
    writer.writerows([[_plain(row.get(name)) for name in names] for row in rows])
    return out.getvalue()


def latex(view: View, label: str) -> str:
    """A `table` for any document class, with no package but LaTeX's own.

    Where there are more columns than a page is wide, or more rows than it is long, the others follow in tables that
    continue it, beside the first column again.
    """
    blocks = [(columns, rows) for rows in _pages(view) for columns in _blocks(view)]
    lines = []
    for part, (columns, rows) in enumerate(blocks):
        lines += [
            "\\begin{table}[htbp]",
            "\\centering\\scriptsize\\setlength{\\tabcolsep}{2pt}\\renewcommand{\\arraystretch}{1.15}",
            f"\\caption{{{tex(view.caption)}}}\\label{{tab:{_label(label)}}}"
            if part == 0
            else "\\addtocounter{table}{-1}\\caption{Continued.}",
            "\\par\\vspace{4pt}",
            *_tabular(view, columns, rows),
        ]
        if part == len(blocks) - 1:
            lines += [f"\\par\\smallskip\\raggedright {tex(note)}" for note in view.notes]
        lines.append("\\end{table}")
    return "\n".join([*lines, ""])


def tex(text: str) -> str:
    """`text` as LaTeX prints it; a character that plain LaTeX has no sign for becomes a question mark."""
    return "".join(_TEX.get(character) or (character if " " <= character <= "~" else "?") for character in _flat(text))


_TEX = {
    "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "$": "\\$", "&": "\\&", "#": "\\#", "%": "\\%", "_": "\\_",
    "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\ensuremath{<}", ">": "\\ensuremath{>}",
    "|": "\\ensuremath{|}", '"': "''", "'": "'", "`": "\\`{}",
    "[": "{[}", "*": "{*}", "]": "{]}", "\u2212": "\\ensuremath{-}", "\u2013": "--", "\u2014": "---", "\u2018": "`",
    "\u2019": "'", "\u2026": "\\ldots{}", "\u00d7": "\\ensuremath{\\times}", "\u00b1": "\\ensuremath{\\pm}",
    "\u2264": "\\ensuremath{\\le}", "\u2265": "\\ensuremath{\\ge}", "\u00b7": "\\ensuremath{\\cdot}",
    "\u221a": "\\ensuremath{\\surd}", "\u00b0": "\\ensuremath{^\\circ}", "\u2191": "\\ensuremath{\\uparrow}",
    "\u2193": "\\ensuremath{\\downarrow}", "\u2192": "\\ensuremath{\\rightarrow}", "\u2032": "\\ensuremath{'}",
    "\u03c1": "\\ensuremath{\\rho}", "\u03c4": "\\ensuremath{\\tau}", "\u03b1": "\\ensuremath{\\alpha}",
    "\u03b2": "\\ensuremath{\\beta}", "\u03bb": "\\ensuremath{\\lambda}", "\u00b2": "\\ensuremath{^2}",
    "\u00e4": '\\"a', "\u00f6": '\\"o', "\u00fc": '\\"u', "\u00c4": '\\"A', "\u00d6": '\\"O', "\u00dc": '\\"U',
    "\u00df": "\\ss{}", "\u00e9": "\\'e", "\u00e8": "\\`e", "\u00e0": "\\`a", "\u00e7": "\\c{c}", "\u00f1": "\\~n",
    "\u00a0": "~",
}  # fmt: skip

# ASCII punctuation that starts something in Markdown or HTML; parentheses and full stops start nothing by themselves.
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|~#"} | {"&": "&amp;"})


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_markdown(cell) for cell in cells) + " |"


def _markdown(text: str) -> str:
    return _flat(text).translate(_MARKDOWN)


def _flat(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _blocks(view: View) -> list[list[int]]:
    """Columns that fit on a page side by side, the first in each."""
    cells = (*view.rows, *view.references)
    wide = [max([_head_width(title), *(len(row[column]) for row in cells)]) for column, title in enumerate(view.head)]
    blocks = [[0]]
    for column in range(1, len(wide)):
        if wide[0] + sum(wide[other] + GAP for other in (*blocks[-1][1:], column)) > PAGE and len(blocks[-1]) > 1:
            blocks.append([0])
        blocks[-1].append(column)
    return blocks


def _pages(view: View) -> list[slice]:
    """Rows that fit on a page one below the other."""
    return [slice(start, start + PAGE_ROWS) for start in range(0, len(view.rows), PAGE_ROWS)] or [slice(0)]


def _head_width(title: str) -> int:
    return max(map(len, _halves(title)))


def _halves(title: str) -> tuple[str, ...]:
    """A column's title on two lines, or one, as narrow as can be."""
    words = title.split()
    cuts = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(1, len(words))]
    return min(cuts, key=lambda lines: max(map(len, lines)), default=(title,))


def _tabular(view: View, columns: Sequence[int], rows: slice) -> list[str]:
    last = rows.stop >= len(view.rows)

    def row(cells: Sequence[str]) -> str:
        return " & ".join(_tex_cell(cells[column]) for column in columns) + " \\\\"

    return [
        f"\\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}",
        "\\hline",
        " & ".join(_tex_head(view.head[column]) for column in columns) + " \\\\",
        "\\hline",
        *map(row, view.rows[rows]),
        *(["\\hline", *map(row, view.references)] if view.references and last else []),
        "\\hline",
        "\\end{tabular}",
    ]


def _tex_head(title: str) -> str:
    lines = [tex(line) for line in _halves(title)]
    return lines[0] if len(lines) == 1 else f"\\shortstack[r]{{\\strut {lines[0]}\\\\{lines[1]}}}"


def _tex_cell(text: str) -> str:
    """A hyphen before a number is a minus."""
    return re.sub(r"(?<![\w.])-(?=\d)", r"\\ensuremath{-}", tex(text))


def _label(name: str) -> str:
    return "".join(character if character.isalnum() and character.isascii() else "-" for character in name)


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


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return json.dumps(value)
    if isinstance(value, str):
        text = _flat(value)
        return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
    return value
