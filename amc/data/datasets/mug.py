"""Facts of MUG (Aifanti, Papachristou and Delopoulos, 2010): its emotions and keypoints, as clip files name them."""

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

# Indices into KEYPOINT_NAMES, (left, right), that a horizontal flip exchanges.
PAIRS: tuple[tuple[int, int], ...] = ((2, 0), (4, 3), (7, 5), (8, 6))
