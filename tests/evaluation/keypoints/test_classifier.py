"""The keypoint classifier on the true keypoints of toy clips: a point that moves right or down."""

from __future__ import annotations

import numpy as np
import pytest

from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.keypoints.classifier import (
    NO_CLASS,
    TrainedKeypointClassifier,
    cached_keypoint_classifier,
    usable,
)
from amc.evaluation.keypoints.extractor import Points, nothing_found, valid_points
from tests.evaluation.keypoints.quick import CLASSIFIER
from tests.toy import toy_config, toy_data

CONFIG = toy_config()


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return toy_data()


def points_of(data: TrainingData, part: str) -> Points:
    clips = getattr(data.split, part)
    return valid_points(data.clips.keypoints[clips], data.clips.keypoints_valid[clips])[:, -4:]


@pytest.fixture(scope="module")
def classifier(data: TrainingData) -> TrainedKeypointClassifier:
    return cached_keypoint_classifier(
        CONFIG, data, lambda: (points_of(data, "train"), points_of(data, "test")), "true", recipe=CLASSIFIER
    )


def test_it_tells_right_from_down(data: TrainingData, classifier: TrainedKeypointClassifier) -> None:
    assert classifier.test_accuracy >= 0.95
    predicted = classifier.predict(points_of(data, "test"))
    assert float(np.mean(predicted == data.clips.label[data.split.test])) == classifier.test_accuracy


def test_the_class_of_a_clip_does_not_depend_on_other_clips(
    data: TrainingData, classifier: TrainedKeypointClassifier
) -> None:
    points = points_of(data, "train")
    np.testing.assert_array_equal(classifier.predict(points)[2:4], classifier.predict(points[2:4]))


def test_a_clip_with_too_few_points_has_no_class(data: TrainingData, classifier: TrainedKeypointClassifier) -> None:
    points = points_of(data, "test")[:4].copy()
    points[0, :3] = np.nan  # 3 of 4 frames without any point
    points[1, :2] = np.nan  # half of them
    points[2, :, 1] = np.nan  # every frame still has a point
    points[3] = np.nan
    np.testing.assert_allclose(nothing_found(points).mean(1), [0.75, 0.5, 0, 1])
    assert usable(points).tolist() == [False, True, True, False]
    assert (classifier.predict(points) == NO_CLASS).tolist() == [True, False, False, True]


def test_clips_without_points_are_left_out_of_training(data: TrainingData) -> None:
    train, test = points_of(data, "train").copy(), points_of(data, "test")
    train[::2] = np.nan
    made = cached_keypoint_classifier(CONFIG, data, lambda: (train, test), "half", recipe=CLASSIFIER)
    half = len(train) // 2
    assert made.details["clips"] == {"train": half, "left_out": len(train) - half, "test": len(test)}
    train[:] = np.nan
    with pytest.raises(UserError, match=f"found in 0 of {len(train)} real training clips"):
        cached_keypoint_classifier(CONFIG, data, lambda: (train, test), "none", recipe=CLASSIFIER)
