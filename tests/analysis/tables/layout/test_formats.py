"""Hostile names in every form, and files that are written whole."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amc.errors import UserError
from amc.evaluation.score_sheet import LAST_SEEN, REAL, STILL
from analysis.record.reading import RecordReader
from analysis.record.rows import SheetRow
from analysis.record.writing import RecordWriter
from analysis.scores.load_study import load_study
from analysis.scores.study_scores import StudyScores
from analysis.tables.layout.cells import p_cell, printable
from analysis.tables.layout.formats import PAPER, PLAIN, Table, csv_text, markdown, style_of, write
from analysis.tables.layout.latex import latex, tex
from analysis.tables.layout.paper import paper_body, paper_table, with_symbols
from analysis.tables.layout.text_table import TextTable
from analysis.tables.write_tables import tables_of, write_ablation_tables, write_methods_table
from tests.analysis.hand_made import DATASET, write_scores
from tests.analysis.made_study import sheet, write_study

HOSTILE = "a_b & 50% #1 ~^\\{} $x$ <b>|`\"' y\u2032 \u2212 \u2013 \u221a [x] \u00fc \u2191 Fr\u00e9chet \u4e2d"
VIEW = TextTable(
    caption=HOSTILE,
    head=("arm", f"{HOSTILE}", "[mm] *"),
    rows=((HOSTILE, "1.0", "[1]"), ("[2mm]", "*", "-")),
    references=((HOSTILE, "-", "-"),),
    notes=(HOSTILE,),
)


@given(st.text())
def test_what_latex_reads_is_escaped_whatever_the_text(text: str) -> None:
    found = tex(text)
    assert found.isascii()
    assert "\n" not in found
    for character in "&%#_$":
        assert found.count(character) == found.count(f"\\{character}")
    assert found.count("{") == found.count("}") or "\\{" in found or "\\}" in found


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2))
def test_a_markdown_row_has_as_many_cells_as_were_given(cells: list[str]) -> None:
    line = markdown(TextTable("c", ("a", "b"), (tuple(cells),))).splitlines()[4]
    assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3


@given(st.lists(st.text(), min_size=1, max_size=4))
@example([" '", "'", "'=1", "=1", " -1", "\n@x", ""])
def test_csv_reads_back_as_written_but_for_formulas(values: list[str]) -> None:
    rows = list(csv.reader(io.StringIO(csv_text([{"x": value, "y": 1} for value in values]), newline="")))
    assert len(rows) == len(values) + 1
    for row, value in zip(rows[1:], values, strict=True):
        text = printable(value)
        assert row[0] == (f"'{text}" if text[:1] in tuple("=+-@") else text)


def test_csv_spreads_intervals_and_mappings_and_keeps_negative_numbers() -> None:
    text = csv_text([{"a": -1.5, "ci95": None, "m": None}, {"a": 2, "ci95": [1, 3], "m": {"x": 4}}])
    assert text == "a,ci95_low,ci95_high,m.x\n-1.5,,,\n2,1,3,4\n"


def test_p_values_are_never_zero() -> None:
    assert [p_cell(p) for p in (None, 0.0, 0.0009, 0.05)] == ["-", "< 0.001", "< 0.001", "0.050"]


def test_wide_tables_go_on_in_another() -> None:
    wide = TextTable("c", ("arm", *(f"column {n}" for n in range(30))), (("Ours", *("12.3 (10.0 to 14.5)",) * 30),))
    text = latex(wide, "t")
    assert text.count("\\begin{table}") == text.count("\\end{table}") > 1
    assert text.count("12.3") == 30
    assert text.count("\\label{tab:t}") == 1


def test_long_tables_go_on_in_another() -> None:
    rows = tuple((f"trial-{number}", f"{number}.5") for number in range(100))
    text = latex(TextTable("c", ("trial", "%"), rows, references=(("chance", "16.7"),), notes=("a note",)), "t")
    parts = text.split("\\begin{table}")[1:]
    assert [part.count("trial-") for part in parts] == [40, 40, 20]
    assert [f"{number}.5" for number in range(100)] == re.findall(r"\d+\.5", text)
    assert ["chance" in part and "a note" in part for part in parts] == [False, False, True]
    assert text.count("\\label{tab:t}") == 1
    assert "chance" in latex(TextTable("c", ("trial", "%"), (), references=(("chance", "16.7"),)), "t")


def compile_twice(folder: Path, document: str) -> str:
    """What pdflatex prints the second time, when it knows all labels."""
    (folder / "all.tex").write_text(document)
    for _ in range(2):
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
            cwd=folder, capture_output=True, text=True, errors="replace",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
def test_every_table_compiles_in_a_minimal_article(tmp_path: Path, made_runs: Path) -> None:
    with RecordReader(made_runs / "made" / "record.db") as records:
        tables = tables_of(load_study(records, "made"))
    long = TextTable(HOSTILE * 3, ("trial", "%"), (("trial-0", "1.5"),) * 95, notes=(HOSTILE * 3,))
    parts = [latex(table.text, table.name) for table in tables] + [latex(VIEW, HOSTILE), latex(long, "long")]
    document = "\\documentclass{article}\n\\begin{document}\n" + "\n".join(parts) + "\\end{document}\n"
    printed = compile_twice(tmp_path, document)
    for warning in ("undefined", "Missing character", "too large"):
        assert warning not in printed
    made = [line for line in printed.splitlines() if line.startswith("Overfull \\hbox")]
    assert len(made) <= 1, made  # that of the hostile names


def missing_packages() -> bool:
    found = shutil.which("pdflatex") and shutil.which("kpsewhich")
    names = ("booktabs.sty", "siunitx.sty", "hyperref.sty")
    return not found or any(subprocess.run(["kpsewhich", name], capture_output=True).returncode for name in names)


METHODS = {  # arm: title, paper's accuracy, frames seen, true accuracy
    "ours": ("AMC-GAN (ours)", 91.12, 1, 0.9),
    "cdna": ("CDNA", 6.80, 1, 0.3),
    "adv_gdl": ("Adv+GDL", 8.45, 4, 0.4),
    "mcnet": ("MCnet", 12.76, 4, 0.5),
}


def methods_study(folder: Path, data: str) -> StudyScores:
    """A study of methods on a data set, with invented scores."""
    sheets = {f"{arm}-seed-{seed}": sheet(facts[3], seed) for arm, facts in METHODS.items() for seed in range(3)}
    arms = {arm: {"title": facts[0], "paper": facts[1], "frames_seen": facts[2]} for arm, facts in METHODS.items()}
    write_scores(
        folder / f"{data}.db",
        {arm: (facts[3],) * 3 for arm, facts in METHODS.items()},
        sheets=sheets,
        arms=arms,
        kind="table3",
        dataset={**DATASET, "name": data, "split": {"rule": "subject", "test": 60}},
    )
    with RecordWriter(folder / f"{data}.db") as record:
        for key in (REAL, STILL, LAST_SEEN):
            record.put_score_sheet(SheetRow("s", key, "made", 1.0, sheet(0.5, 9).to_dict()))
    with RecordReader(folder / f"{data}.db") as records:
        return load_study(records, "s")


SMALL = "\\scriptsize\\setlength{\\tabcolsep}{2pt}"
PAPER_PACKAGES = "\\usepackage{booktabs}\n\\usepackage{siunitx}\n\\usepackage{hyperref}\n"


@pytest.mark.skipif(missing_packages(), reason="no pdflatex with booktabs, siunitx and hyperref")
@pytest.mark.parametrize("done", [None, 13])
def test_the_paper_style_compiles_with_hyperref_and_its_bodies_alone(tmp_path: Path, done: int | None) -> None:
    write_study(tmp_path / "r.db", name="made", done=done)
    with RecordReader(tmp_path / "r.db") as records:
        tables = write_ablation_tables(load_study(records, "made"), tmp_path, PAPER)
    tables.append(
        write_methods_table([methods_study(tmp_path, name) for name in ("natops", "mug")], tmp_path, "t3", PAPER)
    )
    styled = [table.name for table in tables if table.paper is not None]
    assert styled == ["table4", "subjects", "table3"]
    text = "".join(f"See \\ref{{tab:{name}}}.\n\\input{{{name}.tex}}\n" for name in styled)
    text += "".join(f"\\begin{{table}}{SMALL}\\input{{{name}_body}}\\end{{table}}\n" for name in styled)
    document = f"\\documentclass{{article}}\n{PAPER_PACKAGES}\\begin{{document}}\n{text}\\end{{document}}\n"
    printed = compile_twice(tmp_path, document)
    for warning in ("undefined", "Missing character", "too large", "Overfull", "siunitx Warning"):
        assert warning not in printed


@pytest.mark.skipif(missing_packages(), reason="no pdflatex with booktabs, siunitx and hyperref")
def test_hostile_names_compile_in_the_paper_style(tmp_path: Path) -> None:
    text = paper_table(VIEW, HOSTILE)
    document = f"\\documentclass{{article}}\n{PAPER_PACKAGES}\\begin{{document}}\n{text}\\end{{document}}\n"
    assert "undefined" not in compile_twice(tmp_path, document)


def test_arms_have_the_papers_symbols() -> None:
    assert with_symbols("No Lrank") == "No $\\mathcal{L}_{\\mathrm{rank}}$"
    assert with_symbols("No y, y'") == "No $\\mathbf{y}$, $\\mathbf{y}'$"
    assert with_symbols("No Da, no Dm") == "No $D_a$, no $D_m$"
    assert with_symbols("My Day_1") == "My Day\\_1"


def test_notes_have_the_papers_symbols_too() -> None:
    note = "Not significantly different from Ours: No Lrank (4.2 points); No y, y' (50%)."
    text = paper_table(TextTable("c", ("a", "b"), (("No Lrank", "1.0"),), notes=(note,)), "t")
    assert "Ours: No $\\mathcal{L}_{\\mathrm{rank}}$ (4.2 points); No $\\mathbf{y}$, $\\mathbf{y}'$ (50\\%)." in text
    assert "Lrank" not in text


def test_columns_of_numbers_are_aligned_at_the_point() -> None:
    rows = (("x", "+1.5", "1.0 to -2.5", "< 0.001"), ("q", "-12.5", "-", "-"))
    text = paper_body(TextTable("c", ("a", "b", "c", "d"), rows))
    assert "{@{}lS[retain-explicit-plus,table-format=-2.1]c" in text
    assert "x & +1.5 & {[}$1.0$, $-2.5${]} & {$<0.001$}" in text
    assert "q & -12.5 & {--} & {--}" in text


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table("t", {"a": 1}, VIEW, [{"a": 1}])
    write(table, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["t.csv", "t.json", "t.md", "t.tex"]
    assert json.loads((tmp_path / "out" / "t.json").read_text()) == {"a": 1}
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(UserError, match="No space left on device"):
        write(table, tmp_path / "full")
    assert list((tmp_path / "full").iterdir()) == []


def test_a_body_that_is_not_written_again_is_removed(tmp_path: Path) -> None:
    table = Table("table4", {}, VIEW, [], paper=VIEW)
    body = tmp_path / "table4_body.tex"
    for again in ((table, PLAIN), (replace(table, paper=None), PAPER)):
        write(table, tmp_path, PAPER)
        assert (body.exists(), style_of(tmp_path)) == (True, PAPER)
        write(again[0], tmp_path, again[1])
        assert (body.exists(), style_of(tmp_path)) == (False, PLAIN)


def test_tables_keep_the_style_of_the_files_in_the_folder(tmp_path: Path, made_runs: Path) -> None:
    with RecordReader(made_runs / "made" / "record.db") as records:
        scores = load_study(records, "made")
    methods = [methods_study(tmp_path, "natops")]
    for style, styled in ((None, False), (PAPER, True), (None, True), (PLAIN, False), (None, False)):
        write_ablation_tables(scores, tmp_path / "4", style)
        write_methods_table(methods, tmp_path / "3", style=style)
        for name in ("4/table4", "4/subjects", "3/table3"):
            assert ("booktabs" in (tmp_path / f"{name}.tex").read_text()) == styled
            assert (tmp_path / f"{name}_body.tex").exists() == styled


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="give another --out"):
        write(Table("t", {}, VIEW, []), tmp_path / "file" / "tables")
