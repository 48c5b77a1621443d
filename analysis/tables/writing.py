"""All tables of a study, written into a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from analysis.record.reading import RecordReader
from analysis.tables.ablation import ablation_written
from analysis.tables.cost import cost_written
from analysis.tables.formats import Written, write
from analysis.tables.judges import judges_written
from analysis.tables.metrics import metrics_written
from analysis.tables.recall import confusion_written, recall_written
from analysis.tables.search import search_written
from analysis.tables.study import StudyScores

CLIPWISE: Sequence[Callable[[StudyScores], Written]] = (
    metrics_written,
    recall_written,
    confusion_written,
    judges_written,
)


def tables_of(scores: StudyScores) -> list[Written]:
    """Table 4 and the others; those of single clips only where sheets are."""
    scored = any(arm.sheets for arm in scores.arms)
    return [make(scores) for make in (ablation_written, *(CLIPWISE if scored else ()), cost_written)]


def write_all(scores: StudyScores, folder: Path) -> list[Written]:
    """Writes every table of a study of arms by seeds, each in four forms.

    Raises:
        UserError: it can't be written.
    """
    tables = tables_of(scores)
    for table in tables:
        write(table, folder)
    return tables


def write_search(records: RecordReader, study: str, folder: Path) -> list[Written]:
    """Writes a search's trials in four forms.

    Raises:
        UserError: it can't be written.
    """
    table = search_written(records, study)
    write(table, folder)
    return [table]
