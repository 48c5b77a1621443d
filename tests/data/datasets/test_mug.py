"""The names of MUG: six emotions, the paper's 11 keypoints and their pairs."""

from __future__ import annotations

from amc.data.datasets.landmarks import MIRROR
from amc.data.datasets.mug import EMOTIONS, KEYPOINT_LANDMARKS, KEYPOINT_NAMES, PAIRS
from amc.importing.keypoints.table import left_right_pairs
from tests.importing.mug.made_takes import neutral_face


def test_emotions_are_in_the_papers_order() -> None:
    assert EMOTIONS == ("anger", "disgust", "fear", "happy", "sad", "surprise")


def test_the_papers_landmarks_count_from_0() -> None:
    assert tuple(i + 1 for i in KEYPOINT_LANDMARKS) == (2, 9, 16, 20, 25, 38, 42, 45, 47, 52, 58)
    assert len(KEYPOINT_NAMES) == len(KEYPOINT_LANDMARKS) == 11


def test_pairs_follow_from_the_names() -> None:
    assert left_right_pairs(KEYPOINT_NAMES) == PAIRS


def test_pairs_are_what_a_flip_exchanges() -> None:
    mirror_of = {a: int(MIRROR[a]) for a in KEYPOINT_LANDMARKS}
    assert set(mirror_of.values()) == set(KEYPOINT_LANDMARKS)
    exchanged = {(i, KEYPOINT_LANDMARKS.index(other)) for i, (a, other) in enumerate(mirror_of.items()) if a != other}
    assert {*PAIRS, *((j, i) for i, j in PAIRS)} == exchanged


def test_the_subjects_left_is_on_the_right_of_the_picture() -> None:
    assert all(neutral_face()[KEYPOINT_LANDMARKS[left], 0] > 0 for left, _ in PAIRS)
