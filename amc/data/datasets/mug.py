"""MUG (Aifanti, Papachristou and Delopoulos, 2010): its emotions, its keypoints, and how the paper cuts its clips."""

from __future__ import annotations

# Class names, in the paper's order.
EMOTIONS: tuple[str, ...] = ("anger", "disgust", "fear", "happy", "sad", "surprise")

# The paper's 11 keypoints: name, and index of the landmark (`amc.data.datasets.landmarks`), which counts from 0.
# Appendix B.1 counts from 1: 2, 9, 16, 20, 25, 38, 42, 45, 47, 52, 58. Counted from 0, they would not be symmetric.
_KEYPOINTS = {
    "right_jaw": 1,
    "chin": 8,
    "left_jaw": 15,
    "right_brow": 19,
    "left_brow": 24,
    "right_upper_eyelid": 37,
    "right_lower_eyelid": 41,
    "left_upper_eyelid": 44,
    "left_lower_eyelid": 46,
    "upper_lip": 51,
    "lower_lip": 57,
}
KEYPOINT_NAMES: tuple[str, ...] = tuple(_KEYPOINTS)
KEYPOINT_LANDMARKS: tuple[int, ...] = tuple(_KEYPOINTS.values())

# Clips of the paper (appendix B.1): 32 frames around the peak of the expression, at a random stride.
BEFORE_PEAK, AFTER_PEAK = 23, 8  # frames
STRIDES = (1, 2, 3)

# Indices into KEYPOINT_NAMES, (left, right), that a horizontal flip exchanges.
PAIRS: tuple[tuple[int, int], ...] = ((2, 0), (4, 3), (7, 5), (8, 6))


def peak_index(frames: int) -> int:
    """Index of the peak in a clip of T frames: 23 for the paper's 32, and in proportion otherwise."""
    return round(BEFORE_PEAK * (frames - 1) / (BEFORE_PEAK + AFTER_PEAK))
