"""Aligns faces: brings them to the same position, size and rotation in a square crop.

A `Similarity` (scale, rotation, translation) maps a source frame to the crop. It is fitted to the median over a clip of
six points that expressions hardly move: the four eye corners, the top of the nose bridge, and the base of the nose. One
similarity per clip keeps the head's motion in the keypoints' velocities and adds no jitter.

In the crop, the distance between the eyes' centres is `EYES` of the side, and the eyes are `EYE_LINE` below the top,
which leaves room for raised brows and a dropped jaw. If the face would still come closer to the edge than `MARGIN`,
because it is long or the head moves far, the crop is enlarged around its centre, down to half the usual scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc.data.similarity import Similarity, complex_points

EYES = 0.30  # distance between the eyes' centres / side of the crop
EYE_LINE = 0.24  # distance of the eyes from the top edge / side of the crop
MARGIN = 0.03  # least distance of a landmark from the edge / side of the crop
LEAST_EYES = 4.0  # pixels between the eyes' centres; landmarks of a smaller face are useless

# Position (x, y) of the mean of some landmarks in an average face. The origin is midway between the eyes' centres, and
# their distance is 1.
_STABLE: Mapping[tuple[int, ...], tuple[float, float]] = {
    (36,): (-0.703, -0.015),
    (39,): (-0.297, 0.015),
    (42,): (0.297, 0.015),
    (45,): (0.703, -0.015),
    (27,): (0.0, -0.040),
    (33,): (0.0, 0.771),
}
# If only the paper's 11 keypoints are known: the midpoints between the eyelids.
_STABLE_OF_FEW: Mapping[tuple[int, ...], tuple[float, float]] = {(37, 41): (-0.583, -0.024), (44, 46): (0.583, -0.024)}

_REACH = (2, 98)  # percentiles over a clip between which landmarks must keep the margin; allows a few bad frames


class AlignmentError(Exception):
    """Landmarks that cannot be aligned; the message is the reason."""


def alignment(landmarks: NDArray[Any], valid: NDArray[np.bool_]) -> Similarity:
    """The similarity for all frames of a clip.

    Args:
        landmarks: (n, 68, 2) as (x, y) in pixels of the frames, NaN for unknown landmarks; frames that are not valid
            may have any values.
        valid: bool (n,), the frames to use.

    Raises:
        AlignmentError: no valid frame, no eyes, or eyes less than `LEAST_EYES` pixels apart.
    """
    points = _valid_points(landmarks, valid)
    usual = fit(points)
    return usual.widened(_margin_factor([usual] * len(points), points))


def frame_alignments(landmarks: NDArray[Any], valid: NDArray[np.bool_]) -> list[Similarity]:
    """A similarity for each frame of a clip, all with the same margin: removes the head's motion.

    Arguments and errors are those of `alignment`, except that frames that are not valid must have landmarks that can be
    aligned, such as interpolated ones.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    each = [fit(points[i : i + 1]) for i in range(len(points))]
    used = np.flatnonzero(valid).tolist()
    factor = _margin_factor([each[i] for i in used], _valid_points(points, valid))
    return [similarity.widened(factor) for similarity in each]


def fit(landmarks: NDArray[np.float64]) -> Similarity:
    """Fits the similarity that maps the median of the stable points to their positions in the crop (least squares).

    Args:
        landmarks: (n, 68, 2), NaN for unknown landmarks.

    Raises:
        AlignmentError: as in `alignment`.
    """
    for stable in (_STABLE, _STABLE_OF_FEW):
        groups = landmarks[:, [list(group) for group in stable]].mean(axis=2)  # (n, points, 2)
        known = groups[~np.isnan(groups).any(axis=(1, 2))]
        if len(known):
            break
    else:
        raise AlignmentError("no frame with the landmarks of both eyes")
    found = complex_points(np.median(known, axis=0) + 0.5)
    wanted = complex_points(np.array(list(stable.values()))) * EYES + complex(0.5, EYE_LINE)
    spread, target = found - found.mean(), wanted - wanted.mean()
    size = float((np.abs(spread) ** 2).sum())
    a = complex((np.conj(spread) * target).sum()) / size if size else 0j
    if not 0 < abs(a) * LEAST_EYES <= EYES:
        raise AlignmentError(f"the eyes are less than {LEAST_EYES:g} pixels apart, or the landmarks are not a face")
    return Similarity(a, complex(wanted.mean()) - a * complex(found.mean()))


def _valid_points(landmarks: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    points = np.asarray(landmarks, dtype=np.float64)[np.asarray(valid, dtype=np.bool_)]
    if not len(points):
        raise AlignmentError("no frame with landmarks")
    return points


def _margin_factor(similarities: Sequence[Similarity], points: NDArray[np.float64]) -> float:
    """Factor 0.5 to 1 for the crop's scale, so that the face keeps its margin."""
    # In a crop of one pixel, (0, 0) is the centre.
    moved = np.stack([s.move(frame, 1) for s, frame in zip(similarities, points, strict=True)])
    known = moved[:, ~np.isnan(moved).any(axis=(0, 2))]
    if not known.size:
        return 1.0
    low, high = np.percentile(known, _REACH, axis=0)
    farthest = max(float(-low.min()), float(high.max()))
    return max(0.5, min(1.0, (0.5 - MARGIN) / farthest)) if farthest > 0 else 1.0
