"""Scoring a run that ended: what is measured of its generated clips on the test split, clip by clip."""

from amc.evaluation.scoring.draws import PASSES
from amc.evaluation.scoring.headline import headline
from amc.evaluation.scoring.judges import Judges, cached_judges, has_subjects
from amc.evaluation.scoring.references import references
from amc.evaluation.scoring.row import show, show_real, write_row
from amc.evaluation.scoring.score import score

__all__ = [
    "PASSES",
    "Judges",
    "cached_judges",
    "has_subjects",
    "headline",
    "references",
    "score",
    "show",
    "show_real",
    "write_row",
]
