"""Figures of a study, drawn from its record alone: `draw_all` for arms by seeds, `draw_search` for a search."""

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
from analysis.figures.ablation.figure3 import strips
from analysis.figures.ablation.judges import judges
from analysis.figures.ablation.quality_by_frame import PSNR, SSIM, frames
from analysis.figures.ablation.recall import recall
from analysis.figures.drawing import Drawing, Figure, written
from analysis.figures.search.budget import search_budget
from analysis.figures.search.importance import importance
from analysis.figures.search.parallel import parallel
from analysis.figures.search.search_trials import search_trials
from analysis.record.reading import RecordReader
from analysis.tables.ablation import ablation_content
from analysis.tables.metrics import metrics_content
from analysis.tables.study_scores import StudyScores

NAMES = (
    "accuracies", "differences", "curves", "budget", "confusion", "recall", "judges", "behaviour", "psnr_by_frame",
    "ssim_by_frame", "figure3", "search_budget", "importance", "parallel",
)  # fmt: skip
"""Of every figure that there is."""

__all__ = ["Figure", "draw_all", "draw_search"]


def draw_all(scores: StudyScores, records: RecordReader, samples: Path | None, folder: Path) -> list[Figure]:
    """Draws every figure that a study of arms has the material for, and writes it as SVG and PNG.

    Those of the search that the configuration came from follow, where the same record has it.

    Args:
        samples: folder with the runs' sample pictures, KEY/figure3.png; None or missing leaves their figure out.
        folder: where to write; made when there is something to write.

    Raises:
        UserError: the folder can't be written.
    """
    table, metrics = ablation_content(scores), metrics_content(scores)
    figures = _written(
        (
            lambda: accuracies(scores, table),
            lambda: differences(scores, table),
            lambda: curves(scores),
            lambda: budget(scores, table),
            lambda: confusion(scores),
            lambda: recall(scores),
            lambda: judges(scores),
            lambda: behaviour(scores, metrics),
            lambda: frames(scores, PSNR),
            lambda: frames(scores, SSIM),
            lambda: strips(scores, samples),
        ),
        folder,
        scores.row.name,
    )
    source = scores.row.settings.get("from_study")
    if source in {row.name for row in records.studies()}:
        figures += _search(records, str(source), folder)
    return _alone(figures, folder)


def draw_search(records: RecordReader, study: str, folder: Path) -> list[Figure]:
    """Draws every figure that a search has the trials for, and writes it as SVG and PNG.

    Raises:
        UserError: there is no such study, or the folder can't be written.
    """
    return _alone(_search(records, study, folder), folder)


def _search(records: RecordReader, study: str, folder: Path) -> list[Figure]:
    search = search_trials(records, study)
    return _written(
        (lambda: search_budget(search), lambda: importance(search), lambda: parallel(search)), folder, study
    )


def _written(draws: Sequence[Callable[[], Drawing | None]], folder: Path, study: str) -> list[Figure]:
    found = [written(draw, folder, f"{study} {number}") for number, draw in enumerate(draws)]
    return [figure for figure in found if figure is not None]


def _alone(figures: list[Figure], folder: Path) -> list[Figure]:
    """The figures; older ones in `folder` that were not drawn this time are removed."""
    try:
        for name in set(NAMES) - {figure.name for figure in figures}:
            for suffix in ("svg", "png"):
                (folder / f"{name}.{suffix}").unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write figures to {folder}: {error.strerror or error}") from error
    return figures
