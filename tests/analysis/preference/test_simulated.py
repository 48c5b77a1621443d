"""Simulated raters with a known preference: intervals cover it, and who answers at random is excluded."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from analysis.preference.answers import Answer
from analysis.preference.assignment import questions_for
from analysis.preference.exclusion import rater_records
from analysis.preference.power import simulate
from analysis.statistics.intervals import crossed_interval
from analysis.statistics.levels import ALPHA
from analysis.statistics.mean_squares import mean_squares
from tests.analysis.preference.made_videos import made_study
from tests.analysis.preference.simulated_raters import AT


@pytest.mark.parametrize("preference", [0.05, 0.5, 0.77])
@pytest.mark.parametrize(("raters", "conditions"), [(10, 100), (4, 30)])
def test_intervals_cover_the_true_preference_in_at_least_93_percent(
    raters: int, conditions: int, preference: float
) -> None:
    answers = simulate(preference, raters, conditions, 2000, np.random.default_rng(3))
    low, high = crossed_interval(mean_squares(answers), ALPHA)
    assert np.mean((low <= preference) & (preference <= high)) >= 0.93


def test_a_rater_who_flips_coins_on_every_question_is_excluded_as_often_as_the_design_says(tmp_path: Path) -> None:
    _, design = made_study(tmp_path)
    rng, raters = np.random.default_rng(0), 1500
    answers = [
        Answer(rater, position, question.id, str(rng.choice(question.choices)), None, None, AT)
        for rater in range(raters)
        for position, question in enumerate(questions_for(design, rater))
    ]
    by_rater = [answers[i : i + len(answers) // raters] for i in range(0, len(answers), len(answers) // raters)]
    excluded = [rater_records(design, one)[0].excluded is not None for one in by_rater]
    stated = design.exclusion.coin_excluded
    assert np.mean(excluded) == pytest.approx(stated, abs=4 * math.sqrt(stated * (1 - stated) / raters))
