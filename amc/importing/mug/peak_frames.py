"""Finds the peak frame of a take, where its expression is strongest, by action units or else by landmarks.

Appendix B.1: "We identify one peak frame from each video that contains the maximum AU intensity (regardless of AU)",
among the units of the video's own emotion. Without intensities, the peak is the frame whose landmarks of brows, eyes,
nose and mouth are farthest from their positions in the take's first frames, with the head's motion removed. The source
is then recorded as `LANDMARK_DISPLACEMENT`, never as `ACTION_UNITS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.action_units import measured
from amc.importing.mug.alignment import AlignmentError, fit
from amc.importing.mug.openface.table import FaceTrack

ACTION_UNITS = "action-units"
LANDMARK_DISPLACEMENT = "landmark-displacement"

_FIRST = 5  # frames at the start with a neutral face
_SMOOTH = 5  # frames over which displacement is averaged, because landmarks jitter


@dataclass(frozen=True)
class PeakFrame:
    """The frame in which an expression is strongest.

    Attributes:
        frame: counted from 0.
        source: `ACTION_UNITS` or `LANDMARK_DISPLACEMENT`.
        unit: the strongest action unit; 0 if the source is not action units.
    """

    frame: int
    source: str
    unit: int = 0


def find_peak(face: FaceTrack, emotion: str) -> PeakFrame:
    """The peak by action units if those of the emotion have an intensity above 0, else by landmarks.

    Raises:
        AlignmentError: neither is possible.
    """
    return peak_by_units(face.units, emotion) or peak_by_displacement(face.landmarks)


def peak_by_units(units: Mapping[int, NDArray[np.float64]], emotion: str) -> PeakFrame | None:
    """The first frame with the greatest intensity of any unit of the emotion; None if all are 0 or missing.

    Args:
        units: intensity (n,) by action unit, NaN where missing.
        emotion: one of `amc.data.datasets.mug.EMOTIONS`.
    """
    own = [unit for unit in measured(emotion) if unit in units]
    if not own:
        return None
    strength = np.nan_to_num(np.stack([units[unit] for unit in own]), nan=0.0)
    frame = int(strength.max(axis=0).argmax())
    row = int(strength[:, frame].argmax())
    return PeakFrame(frame, ACTION_UNITS, own[row]) if strength[row, frame] > 0 else None


def peak_by_displacement(landmarks: NDArray[np.float64]) -> PeakFrame:
    """The frame whose aligned landmarks are farthest from those of the first frames.

    Args:
        landmarks: (n, 68, 2) in pixels, NaN where not found.

    Raises:
        AlignmentError: the face cannot be aligned in any frame.
    """
    moved: dict[int, NDArray[np.float64]] = {}
    reason = AlignmentError("no frame with landmarks")
    for i in np.flatnonzero(~np.isnan(landmarks).all(axis=(1, 2))).tolist():
        try:
            moved[i] = fit(landmarks[i : i + 1]).move(landmarks[i], 1)
        except AlignmentError as error:
            reason = error
    if not moved:
        raise reason
    frames = list(moved)
    # Without the jaw's outline, which moves along the cheeks when the head turns.
    points = np.stack([moved[i][17:] if not np.isnan(moved[i][17:]).all() else moved[i] for i in frames])
    known = ~np.isnan(points).any(axis=(0, 2))
    if not known.any():
        raise AlignmentError("no landmark was found in all frames")
    points = points[:, known]
    neutral = np.median(points[:_FIRST], axis=0)
    distance = np.sqrt(((points - neutral) ** 2).sum(axis=2).mean(axis=1))
    return PeakFrame(frames[int(_moving_average(distance).argmax())], LANDMARK_DISPLACEMENT)


def _moving_average(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moving average over `_SMOOTH` values, fewer at both ends."""
    ones = np.ones(min(_SMOOTH, len(values)))
    return np.asarray(np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same"))
