"""The names of NATOPS: 24 gestures in the distribution's order, nine joints, three pairs."""

from __future__ import annotations

from amc.data.datasets.natops import GESTURE_NAMES, KEYPOINT_NAMES, PAIRS
from amc.importing.keypoints.table import left_right_pairs


def test_gestures_are_in_the_order_of_the_distribution() -> None:
    assert ", ".join(GESTURE_NAMES) == (
        "I Have Command, All Clear, Not Clear, Spread Wings, Fold Wings, Lock Wings, Up Hook, Down Hook, "
        "Remove Tiedowns, Remove Chocks, Insert Chocks, Move Ahead, Turn Left, Turn Right, Next Marshaller, Slow Down, "
        "Stop, Nosegear Steering, Hot Brakes, Brakes On, Brakes Off, Install Tiedowns, Fire, Cut Engine"
    )


def test_pairs_follow_from_the_names() -> None:
    assert len(KEYPOINT_NAMES) == 9
    assert left_right_pairs(KEYPOINT_NAMES) == PAIRS
