"""Tables as LaTeX that compiles in any document class, without packages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.tables.layout.cells import printable
from analysis.tables.layout.text_table import TextTable

PAGE_WIDTH, COLUMN_GAP = 100, 2  # characters of small print across a page of `article`, and between two columns
PAGE_ROWS = 40  # rows that fit on a page below a long caption


def latex(table: TextTable, label: str) -> str:
    """Returns a `table` environment.

    Columns or rows that do not fit on a page follow in continued tables, which repeat the first column.
    """
    blocks = [(columns, rows) for rows in _pages(table) for columns in _blocks(table)]
    lines = []
    for part, (columns, rows) in enumerate(blocks):
        lines += [
            "\\begin{table}[htbp]",
            "\\centering\\scriptsize\\setlength{\\tabcolsep}{2pt}\\renewcommand{\\arraystretch}{1.15}",
            f"\\caption{{{tex(table.caption)}}}\\label{{tab:{label_of(label)}}}"
            if part == 0
            else "\\addtocounter{table}{-1}\\caption{Continued.}",
            "\\par\\vspace{4pt}",
            *_tabular(table, columns, rows),
        ]
        if part == len(blocks) - 1:
            lines += [f"\\par\\smallskip\\raggedright {tex(note)}" for note in table.notes]
        lines.append("\\end{table}")
    return "\n".join([*lines, ""])


def tex(text: str) -> str:
    """Escapes `text` for LaTeX. A character that plain LaTeX cannot print becomes a question mark."""
    return "".join(
        _TEX.get(character) or (character if " " <= character <= "~" else "?") for character in printable(text)
    )


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


def _blocks(table: TextTable) -> list[list[int]]:
    """Groups of columns that fit on a page side by side; each starts with the first column."""
    cells = (*table.rows, *table.references)
    wide = [max([_head_width(title), *(len(row[column]) for row in cells)]) for column, title in enumerate(table.head)]
    blocks = [[0]]
    for column in range(1, len(wide)):
        if (
            wide[0] + sum(wide[other] + COLUMN_GAP for other in (*blocks[-1][1:], column)) > PAGE_WIDTH
            and len(blocks[-1]) > 1
        ):
            blocks.append([0])
        blocks[-1].append(column)
    return blocks


def _pages(table: TextTable) -> list[slice]:
    """Groups of rows that fit on a page."""
    return [slice(start, start + PAGE_ROWS) for start in range(0, len(table.rows), PAGE_ROWS)] or [slice(0)]


def _head_width(title: str) -> int:
    return max(map(len, _halves(title)))


def _halves(title: str) -> tuple[str, ...]:
    """A column title on one or two lines, as narrow as possible."""
    words = title.split()
    cuts = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(1, len(words))]
    return min(cuts, key=lambda lines: max(map(len, lines)), default=(title,))


def _tabular(table: TextTable, columns: Sequence[int], rows: slice) -> list[str]:
    last = rows.stop >= len(table.rows)

    def row(cells: Sequence[str]) -> str:
        return " & ".join(_tex_cell(cells[column]) for column in columns) + " \\\\"

    return [
        f"\\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}",
        "\\hline",
        " & ".join(_tex_head(table.head[column]) for column in columns) + " \\\\",
        "\\hline",
        *map(row, table.rows[rows]),
        *(["\\hline", *map(row, table.references)] if table.references and last else []),
        "\\hline",
        "\\end{tabular}",
    ]


def _tex_head(title: str) -> str:
    lines = [tex(line) for line in _halves(title)]
    return lines[0] if len(lines) == 1 else f"\\shortstack[r]{{\\strut {lines[0]}\\\\{lines[1]}}}"


def _tex_cell(text: str) -> str:
    """Escapes a cell; a hyphen before a number becomes a minus sign."""
    return re.sub(r"(?<![\w.])-(?=\d)", r"\\ensuremath{-}", tex(text))


def label_of(name: str) -> str:
    """Returns a name as part of a LaTeX label."""
    return "".join(character if character.isalnum() and character.isascii() else "-" for character in name)
