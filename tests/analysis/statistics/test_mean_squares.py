"""Designs with folds over subjects, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.statistics.intervals import crossed_interval
from analysis.statistics.mean_squares import mean_squares


def test_one_run_per_fold_by_hand() -> None:
    # Two folds of one run each; in each two subjects with two clips. Runs' means are 3 and 7, so their squared standard
    # error is (2^2 + 2^2) / 1 / 2 = 4.
    folds = [np.array([[1.0, 3.0, 3.0, 5.0]]), np.array([[4.0, 6.0, 8.0, 10.0]])]
    found = mean_squares(folds, subjects=[np.array([0, 0, 1, 1])] * 2)
    assert (float(found.mean), float(found.run), found.seeds, found.clips) == (5.0, 4.0, 2, 8)
    clips, subjects = found.units
    # Clips: squares within folds 8 and 20 with 3 degrees each, 28 / 6 over 8 clips. Nothing is shared by two runs.
    assert (float(clips.floor), float(clips.shared), clips.df) == pytest.approx((28 / 6 / 8, 0.0, 6))
    # Subjects: means 2, 4 and 5, 9; squares 2 and 8 with 1 degree each, 10 / 2 over 4 subjects.
    assert (float(subjects.floor), float(subjects.shared), subjects.df) == pytest.approx((10 / 2 / 4, 0.0, 2))


def test_two_runs_per_fold_share_its_subjects() -> None:
    # Subjects alone differ, by 2 within each of two folds: s^2 = 2 for each, and the mean of 4 has variance 2 / 4.
    folds = [np.array([[1.0, 3.0], [1.0, 3.0]]), np.array([[1.0, 3.0], [1.0, 3.0]])]
    found = mean_squares(folds, subjects=[np.array([0, 1])] * 2)
    subjects = found.units[1]
    assert float(found.run) == 0.0
    # (m - 1) / m R / (R - 1) of it is missing in the spread of the R runs, m in a fold: 1 / 2 x 4 / 3.
    assert float(subjects.shared) == pytest.approx(0.5 * 2 / 3)
    assert float(subjects.floor + subjects.shared) == pytest.approx(0.5)


@given(arrays(np.bool_, (3, 2, 6)), st.integers(0, 100))
def test_the_order_of_folds_runs_and_clips_does_not_matter(values: np.ndarray, number: int) -> None:
    draw, subjects = np.random.default_rng(number), np.array([0, 0, 0, 1, 1, 2])
    order = [draw.permutation(6) for _ in values]
    folds = list(zip(values, [subjects] * 3, strict=True))
    moved = [(fold[::-1][:, place], ids[place]) for (fold, ids), place in zip(folds[::-1], order, strict=True)]
    one, other = (
        crossed_interval(mean_squares([a for a, _ in lot], subjects=[b for _, b in lot]), 0.05)
        for lot in (folds, moved)
    )
    assert np.asarray(one) == pytest.approx(np.asarray(other))


@given(arrays(np.bool_, (3, 1, 8)))
def test_subjects_never_make_an_interval_narrower_and_it_is_never_a_point(values: np.ndarray) -> None:
    folds, subjects = list(values), [np.array([0, 0, 1, 1, 2, 2, 3, 3])] * 3
    clips = crossed_interval(mean_squares(folds), 0.05)
    both = crossed_interval(mean_squares(folds, subjects=subjects), 0.05)
    assert 0 <= both[0] <= clips[0] + 1e-12
    assert clips[1] - 1e-12 <= both[1] <= 1
    assert both[1] > both[0]
