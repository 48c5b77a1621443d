"""Writes all tables of a study into a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from analysis.record.reading import RecordReader
from analysis.scores.study_scores import TABLE_3, StudyScores
from analysis.tables.confusion import confusion_table
from analysis.tables.cost import cost_table
from analysis.tables.judges import judges_table
from analysis.tables.keypoints import has_keypoints, keypoints_table
from analysis.tables.layout.formats import Table, style_of, write
from analysis.tables.metrics import metrics_table
from analysis.tables.recall import recall_table
from analysis.tables.search import search_table
from analysis.tables.subjects import subjects_table
from analysis.tables.table3 import methods_table
from analysis.tables.table4 import ablation_table

CLIPWISE: Sequence[Callable[[StudyScores], Table]] = (
    metrics_table,
    recall_table,
    confusion_table,
    judges_table,
)


def tables_of(scores: StudyScores) -> list[Table]:
    """Returns Table 3 or 4 and the other tables; those computed from single clips only if there are score sheets."""
    scored = any(arm.sheets for arm in scores.arms)
    by_subject = (subjects_table,) if scores.subjects else ()
    by_keypoints = (keypoints_table,) if has_keypoints(scores) else ()
    first = methods_table([scores]) if scores.row.kind == TABLE_3 else ablation_table(scores)
    others = (*by_keypoints, *by_subject, *(CLIPWISE if scored else ()), cost_table)
    return [first, *(make(scores) for make in others)]


def write_ablation_tables(scores: StudyScores, folder: Path, style: str | None = None) -> list[Table]:
    """Writes every table of an ablation study, each in four formats.

    Args:
        style: of the LaTeX files, one of `layout.formats.STYLES`; by default the style of those in the folder.

    Raises:
        UserError: a file cannot be written.
    """
    tables, style = tables_of(scores), style or style_of(folder)
    for table in tables:
        write(table, folder, style)
    return tables


def write_methods_table(
    studies: Sequence[StudyScores], folder: Path, name: str | None = None, style: str | None = None
) -> Table:
    """Writes Table 3 of several data sets, whose other tables are in the folders of their studies.

    Args:
        studies: one for each data set.
        name: of the table's study; by default that of the studies.
        style: of the LaTeX files; by default the style of those in the folder.

    Raises:
        UserError: the studies cannot be in one table, or a file cannot be written.
    """
    table = methods_table(studies, name)
    write(table, folder, style or style_of(folder))
    return table


def write_search_tables(records: RecordReader, study: str, folder: Path) -> list[Table]:
    """Writes the table of a search's trials in four formats.

    Raises:
        UserError: a file cannot be written.
    """
    table = search_table(records, study)
    write(table, folder)
    return [table]
