"""Results of a study: tables, figures and the report, made from its record."""

from __future__ import annotations

from pathlib import Path

from analysis.record.reading import RecordReader
from analysis.record.writing import RecordWriter
from analysis.scores.growth import settings_with_look
from analysis.scores.load_study import load_study
from analysis.tables.layout.formats import BODY
from analysis.tables.write_tables import write_ablation_tables

TABLES, FIGURES, REPORT = "tables", "figures", "report.html"  # in DIR/<study>
TABLE_NAMES = {"table3", "table4", "keypoints", "subjects", "metrics", "recall", "confusion", "judges", "cost"}
FORMS = ("json", "md", "csv", "tex")


def write_results(records: RecordReader, study: str, folder: Path) -> None:
    """Writes tables, figures and the report; those of an unfinished study say so.

    LaTeX files keep the style in which `python -m analysis tables` last wrote them.
    Tables from an earlier run that no longer apply are removed, as `analysis.figures` does with figures.

    Args:
        folder: DIR/<study>.

    Raises:
        UserError: The record cannot be read, its score sheets do not match, or the folder cannot be written.
    """
    from analysis.report.write import write_report  # matplotlib takes seconds to import

    for part in (folder / TABLES, folder / FIGURES):
        for left in part.glob(".*"):  # left half-written by a command that was killed
            left.unlink(missing_ok=True)
    for left in folder.glob(f".{REPORT}.*"):
        left.unlink(missing_ok=True)
    written = {table.name for table in write_ablation_tables(load_study(records, study), folder / TABLES)}
    for name in TABLE_NAMES - written:
        for ending in (*(f".{form}" for form in FORMS), BODY):
            (folder / TABLES / f"{name}{ending}").unlink(missing_ok=True)
    write_report(records, study, folder, folder)  # draws the figures, too


def note_results(records: RecordWriter, study: str) -> None:
    """Notes in the record that results were written: adding seeds to a study with known results changes its error.

    Raises:
        UserError: The record cannot be read or written.
    """
    settings = settings_with_look(records.study(study).settings, load_study(records, study))
    records.update_study(study, settings=settings)
