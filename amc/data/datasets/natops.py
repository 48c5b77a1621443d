"""Facts of NATOPS (Song, Demirdjian and Davis, 2011): its gestures and body joints, as clip files name them."""

from __future__ import annotations

# Class names. NATOPS numbers the gestures from 1 in this order.
GESTURE_NAMES: tuple[str, ...] = (
    "I Have Command",
    "All Clear",
    "Not Clear",
    "Spread Wings",
    "Fold Wings",
    "Lock Wings",
    "Up Hook",
    "Down Hook",
    "Remove Tiedowns",
    "Remove Chocks",
    "Insert Chocks",
    "Move Ahead",
    "Turn Left",
    "Turn Right",
    "Next Marshaller",
    "Slow Down",
    "Stop",
    "Nosegear Steering",
    "Hot Brakes",
    "Brakes On",
    "Brakes Off",
    "Install Tiedowns",
    "Fire",
    "Cut Engine",
)

# The nine joints, in the order of a clip file's keypoints. Left and right are the subject's own.
KEYPOINT_NAMES: tuple[str, ...] = (
    "head",
    "chest",
    "navel",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
)

# Indices into KEYPOINT_NAMES, (left, right), that a horizontal flip exchanges.
PAIRS: tuple[tuple[int, int], ...] = ((3, 4), (5, 6), (7, 8))
