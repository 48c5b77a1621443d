"""Scoring a run that ended: what is measured of its generated clips on the test split, clip by clip."""

from amc.evaluation.pictures.sample_gif import show, show_real, write_row
from amc.evaluation.scores.draws import PASSES
from amc.evaluation.scores.headline import headline
from amc.evaluation.scores.references import references
from amc.evaluation.scores.score import score
from amc.evaluation.scores.test_judges import Judges, cached_judges, has_subjects

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
