"""Tables that an author pastes into a paper: booktabs, siunitx columns, the paper's symbols, notes below."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.tables.layout.cells import printable
from analysis.tables.layout.latex import label_of, tex
from analysis.tables.layout.text_table import TextTable

PACKAGES = "% Needs \\usepackage{booktabs} and \\usepackage{siunitx}."
# Names in titles of arms, in column heads and in notes, in the symbols of the paper.
_SYMBOLS = {
    "ya": "\\mathbf{y}_a",
    "ym": "\\mathbf{y}_m",
    "y'": "\\mathbf{y}'",
    "y": "\\mathbf{y}",
    "Da": "D_a",
    "Dm": "D_m",
    "LDaux": "\\mathcal{L}^{D}_{\\mathrm{aux}}",
    "LGaux": "\\mathcal{L}^{G}_{\\mathrm{aux}}",
    "Lrank": "\\mathcal{L}_{\\mathrm{rank}}",
}
_SYMBOL = re.compile(r"(?<![\w'])(?:ya|ym|y'|y|Da|Dm|LDaux|LGaux|Lrank)(?![\w'])")
_HEADS = {"p (Holm)": "$p$ (Holm)", "p": "$p$", "minus Ours": "$\\Delta$ Ours", "minus AMC-GAN": "$\\Delta$ ours"}
_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.(\d+))?")
_SPAN = re.compile(r"([+-]?\d+\.?\d*) to ([+-]?\d+\.?\d*)")


def paper_table(table: TextTable, label: str) -> str:
    """Returns a `table` environment with the caption above and the notes below; large tables have small print."""
    wide = len(table.head) >= 10
    size = "\\scriptsize" if wide else "\\footnotesize" if len(table.rows) > 20 else "\\small"
    lines = [
        PACKAGES,
        "\\begin{table}[tbp]",
        f"\\centering{size}\\setlength{{\\tabcolsep}}{{{2 if wide else 3}pt}}",
        f"\\caption{{{tex(table.caption)}}}\\label{{tab:{label_of(label)}}}",
        "\\par\\smallskip",
        *_tabular(table),
    ]
    if table.notes:
        notes = "\\\\[1pt]\n".join(map(with_symbols, table.notes))
        lines.append(f"\\par\\smallskip\\begin{{minipage}}{{\\linewidth}}\\footnotesize\n{notes}\n\\end{{minipage}}")
    return "\n".join([*lines, "\\end{table}", ""])


def paper_body(table: TextTable) -> str:
    """Returns the `tabular` alone, for `\\input` into a table with the author's own caption."""
    return "\n".join([PACKAGES, *_tabular(table), ""])


def with_symbols(text: str) -> str:
    """Escapes text, such as a title or a note, and sets the names of the model's parts as in the paper."""
    found, end = [], 0
    for match in _SYMBOL.finditer(text := printable(text)):
        found += [_escaped(text[end : match.start()]), f"${_SYMBOLS[match[0]]}$"]
        end = match.end()
    return "".join([*found, _escaped(text[end:])])


def _escaped(text: str) -> str:
    """Escapes a part of a title; unlike `tex`, keeps a blank at its ends."""
    return f"{' ' * text.startswith(' ')}{tex(text)}{' ' * (text.endswith(' ') and len(text) > 1)}"


def _tabular(table: TextTable) -> list[str]:
    cells = [*table.rows, *table.references]
    columns = [[row[place] for row in cells] for place in range(len(table.head))]
    formats = ["", *(_number_format(column) for column in columns[1:])]
    kinds = "".join(f"S[{form}]" if form else "l" if place == 0 else "c" for place, form in enumerate(formats))
    heads = [_HEADS.get(title, with_symbols(title)) for title in table.head]

    def line(row: Sequence[str]) -> str:
        others = [_cell(text, bool(form)) for text, form in zip(row[1:], formats[1:], strict=True)]
        return " & ".join([with_symbols(row[0]), *others]) + " \\\\"

    return [
        f"\\begin{{tabular}}{{@{{}}{kinds}@{{}}}}",
        "\\toprule",
        " & ".join(f"{{{head}}}" for head in heads) + " \\\\",
        "\\midrule",
        *map(line, table.rows),
        *(["\\midrule", *map(line, table.references)] if table.references else []),
        "\\bottomrule",
        "\\end{tabular}",
    ]


def _number_format(column: Sequence[str]) -> str:
    """Options of an `S` column; empty if a cell is neither a number nor missing, nor a small p."""
    found = [_NUMBER.fullmatch(cell) for cell in column if cell != "-" and not cell.startswith("< ")]
    if not found or None in found:
        return ""
    numbers = [match for match in found if match is not None]
    sign = max((match[1] for match in numbers), key=len)
    whole = max(len(match[2]) for match in numbers)
    decimals = max(len(match[3] or "") for match in numbers)
    plus = "retain-explicit-plus," if any(match[1] == "+" for match in numbers) else ""
    return f"{plus}table-format={'-' if sign else ''}{whole}.{decimals}"


def _cell(text: str, numeric: bool) -> str:
    if text == "-":
        return "{--}"
    span = _SPAN.fullmatch(text)
    if span is not None:
        return f"{{[}}${span[1]}$, ${span[2]}${{]}}"
    if text.startswith("< "):
        return f"{{$<{text[2:]}$}}"
    return text if numeric else tex(text)
