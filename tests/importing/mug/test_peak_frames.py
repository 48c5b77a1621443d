"""PeakFrame frames, by action units and by landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from amc.importing.mug.alignment import AlignmentError
from amc.importing.mug.openface.table import FaceTrack
from amc.importing.mug.peak_frames import (
    ACTION_UNITS,
    LANDMARK_DISPLACEMENT,
    PeakFrame,
    find_peak,
    peak_by_displacement,
    peak_by_units,
)
from tests.importing.mug.made_takes import face, strengths


def test_the_greatest_intensity_of_any_of_its_own_units() -> None:
    units = {
        6: np.array([0.0, 1.0, 2.0, 0.5]),
        12: np.array([0.0, 2.5, 0.0, 1.0]),
        4: np.array([5.0, 0.0, 0.0, 5.0]),  # not one of a happy face
    }
    assert peak_by_units(units, "happy") == PeakFrame(1, ACTION_UNITS, 12)
    assert peak_by_units(units, "sad") == PeakFrame(0, ACTION_UNITS, 4)


def test_equal_intensities_give_the_first_frame_and_failures_count_for_nothing() -> None:
    units = {12: np.array([np.nan, 3.0, 3.0, np.nan])}
    assert peak_by_units(units, "happy") == PeakFrame(1, ACTION_UNITS, 12)


@pytest.mark.parametrize("units", [{}, {4: np.array([1.0, 2.0])}, {12: np.zeros(2)}, {12: np.full(2, np.nan)}])
def test_no_peak_without_an_intensity(units: dict[int, np.ndarray]) -> None:
    assert peak_by_units(units, "happy") is None


def _moving(frames: int, peak: int) -> np.ndarray:
    """A face that drifts, turns and comes nearer all the time, with an expression in between."""
    out = []
    for i, s in enumerate(strengths(frames, peak)):
        turn = np.exp(0.01j * i) * (1 + 0.004 * i)
        z = ((face(s) - 80) @ [1, 1j]) * turn
        out.append(np.stack([z.real, z.imag], axis=1) + 80 + 0.5 * i)
    return np.stack(out)


@pytest.mark.parametrize("peak", [12, 25, 33])
def test_displacement_finds_the_expression_in_a_moving_head(peak: int) -> None:
    found = peak_by_displacement(_moving(50, peak))
    assert found.source == LANDMARK_DISPLACEMENT
    assert found.unit == 0
    assert abs(found.frame - peak) <= 1


def test_displacement_with_frames_missing() -> None:
    points = _moving(50, 25)
    points[[0, 7, 24]] = np.nan
    assert abs(peak_by_displacement(points).frame - 25) <= 1
    with pytest.raises(AlignmentError):
        peak_by_displacement(np.full((5, 68, 2), np.nan))


def test_units_are_preferred() -> None:
    points = _moving(50, 25)
    rise = np.zeros(50)
    rise[31] = 2.0
    assert find_peak(FaceTrack(points, {12: rise}), "happy") == PeakFrame(31, ACTION_UNITS, 12)
    assert find_peak(FaceTrack(points, {12: rise}), "anger").source == LANDMARK_DISPLACEMENT
