"""Draws all figures of a study: `draw_all` for an ablation study, `draw_search` for a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from amc.errors import UserError
from analysis.figures.ablation.accuracies import accuracies
from analysis.figures.ablation.behaviour import behaviour
from analysis.figures.ablation.budget import budget
from analysis.figures.ablation.confusion import confusion
from analysis.figures.ablation.curves import curves
from analysis.figures.ablation.differences import differences
from analysis.figures.ablation.figure3 import figure3
from analysis.figures.ablation.judges import judges
from analysis.figures.ablation.quality_by_frame import PSNR, SSIM, quality_by_frame
from analysis.figures.ablation.recall import recall
from analysis.figures.drawing import Drawing, SavedFigure, save_figure
from analysis.figures.search.budget import search_budget
from analysis.figures.search.importance import importance
from analysis.figures.search.parallel import parallel
from analysis.figures.search.search_trials import search_trials
from analysis.record.reading import RecordReader
from analysis.scores.study_scores import StudyScores
from analysis.tables.metrics import metrics_content
from analysis.tables.table4 import ablation_content

NAMES = (
    "accuracies", "differences", "curves", "budget", "confusion", "recall", "judges", "behaviour", "psnr_by_frame",
    "ssim_by_frame", "figure3", "search_budget", "importance", "parallel",
)  # fmt: skip
"""File names, without suffix, of all figures."""


def draw_all(scores: StudyScores, records: RecordReader, samples: Path | None, folder: Path) -> list[SavedFigure]:
    """Draws every figure that the data of an ablation study allow and saves it as SVG and PNG.

    If the study started from a search in the same record, the search's figures follow.

    Args:
        samples: folder with the runs' sample pictures, KEY/figure3.png; without it `figure3` is not drawn.
        folder: output folder; created if needed.

    Raises:
        UserError: the folder cannot be written.
    """
    table, metrics = ablation_content(scores), metrics_content(scores)
    figures = _save_all(
        (
            lambda: accuracies(scores, table),
            lambda: differences(scores, table),
            lambda: curves(scores),
            lambda: budget(scores, table),
            lambda: confusion(scores),
            lambda: recall(scores),
            lambda: judges(scores),
            lambda: behaviour(scores, metrics),
            lambda: quality_by_frame(scores, PSNR),
            lambda: quality_by_frame(scores, SSIM),
            lambda: figure3(scores, samples),
        ),
        folder,
        scores.row.name,
    )
    source = scores.row.settings.get("from_study")
    if source in {row.name for row in records.studies()}:
        figures += _search(records, str(source), folder)
    return _remove_others(figures, folder)


def draw_search(records: RecordReader, study: str, folder: Path) -> list[SavedFigure]:
    """Draws every figure that the trials of a search allow and saves it as SVG and PNG.

    Raises:
        UserError: there is no such study, or the folder cannot be written.
    """
    return _remove_others(_search(records, study, folder), folder)


def _search(records: RecordReader, study: str, folder: Path) -> list[SavedFigure]:
    search = search_trials(records, study)
    return _save_all(
        (lambda: search_budget(search), lambda: importance(search), lambda: parallel(search)), folder, study
    )


def _save_all(draws: Sequence[Callable[[], Drawing | None]], folder: Path, study: str) -> list[SavedFigure]:
    found = [save_figure(draw, folder, f"{study} {number}") for number, draw in enumerate(draws)]
    return [figure for figure in found if figure is not None]


def _remove_others(figures: list[SavedFigure], folder: Path) -> list[SavedFigure]:
    """Removes figures of earlier runs from `folder` that were not drawn this time; returns `figures`."""
    try:
        for name in set(NAMES) - {figure.name for figure in figures}:
            for suffix in ("svg", "png"):
                (folder / f"{name}.{suffix}").unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write figures to {folder}: {error.strerror or error}") from error
    return figures
