"""The peak frame of a take: where its expression is strongest, by action units or else by landmarks.

Appendix B.1: "We identify one peak frame from each video that contains the maximum AU intensity (regardless of AU)",
among the units of the video's own emotion. Without intensities (`ACTION_UNITS` is then never claimed) the peak is where
the landmarks of brows, eyes, nose and mouth are farthest from where they were in the take's first frames, the head's
own motion removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.action_units import measured
from amc.importing.mug.alignment import Unalignable, fit
from amc.importing.mug.openface_table import Face

ACTION_UNITS = "action-units"
LANDMARK_DISPLACEMENT = "landmark-displacement"

_FIRST = 5  # frames at the start that show the neutral face
_SMOOTH = 5  # frames over which displacement is averaged: landmarks jitter


@dataclass(frozen=True)
class Peak:
    """Where an expression is strongest.

    Attributes:
        frame: from 0.
        source: `ACTION_UNITS` or `LANDMARK_DISPLACEMENT`.
        unit: the strongest action unit, or 0 where the source is not action units.
    """

    frame: int
    source: str
    unit: int = 0


def find_peak(face: Face, emotion: str) -> Peak:
    """The peak by action units where the emotion's own have an intensity above 0, else by landmarks.

    Raises:
        Unalignable: neither is there.
    """
    return peak_by_units(face.units, emotion) or peak_by_displacement(face.landmarks)


def peak_by_units(units: Mapping[int, NDArray[np.float64]], emotion: str) -> Peak | None:
    """The first frame with the greatest intensity of any of the emotion's units; None where all are 0 or absent.

    Args:
        units: action unit -> intensity (n,), NaN where there is none.
        emotion: one of `amc.data.datasets.mug.EMOTIONS`.
    """
    own = [unit for unit in measured(emotion) if unit in units]
    if not own:
        return None
    strength = np.nan_to_num(np.stack([units[unit] for unit in own]), nan=0.0)
    frame = int(strength.max(axis=0).argmax())
    row = int(strength[:, frame].argmax())
    return Peak(frame, ACTION_UNITS, own[row]) if strength[row, frame] > 0 else None


def peak_by_displacement(landmarks: NDArray[np.float64]) -> Peak:
    """The frame whose landmarks, each frame's face brought to one place and size, are farthest from the first frames'.

    Args:
        landmarks: (n, 68, 2) in pixels, NaN where not found.

    Raises:
        Unalignable: no frame's face can be aligned.
    """
    moved: dict[int, NDArray[np.float64]] = {}
    why = Unalignable("no frame with landmarks")
    for i in np.flatnonzero(~np.isnan(landmarks).all(axis=(1, 2))).tolist():
        try:
            moved[i] = fit(landmarks[i : i + 1]).move(landmarks[i], 1)
        except Unalignable as error:
            why = error
    if not moved:
        raise why
    frames = list(moved)
    # The jaw's outline slides along the cheeks when the head turns, so it says little.
    points = np.stack([moved[i][17:] if not np.isnan(moved[i][17:]).all() else moved[i] for i in frames])
    known = ~np.isnan(points).any(axis=(0, 2))
    if not known.any():
        raise Unalignable("no landmark is there in all frames")
    points = points[:, known]
    neutral = np.median(points[:_FIRST], axis=0)
    distance = np.sqrt(((points - neutral) ** 2).sum(axis=2).mean(axis=1))
    return Peak(frames[int(_averaged(distance).argmax())], LANDMARK_DISPLACEMENT)


def _averaged(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over `_SMOOTH` neighbours, fewer of them at both ends."""
    ones = np.ones(min(_SMOOTH, len(values)))
    return np.asarray(np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same"))
