"""The keypoint regressor on toy clips, whose first keypoint is the middle of a square and whose second never moves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.keypoints.extractor import nothing_found, valid_points
from amc.evaluation.keypoints.regressor import Regressor, cached_regressor, held_out_error, shifted
from tests.evaluation.keypoints.quick import REGRESSOR, quick_regressor
from tests.toy import toy_config, toy_data

CONFIG = toy_config()
NAN = math.nan


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return toy_data()


@pytest.fixture(scope="module")
def regressor(data: TrainingData) -> Regressor:
    return quick_regressor(CONFIG, data)


def test_it_finds_the_square_on_subjects_it_has_not_seen(data: TrainingData, regressor: Regressor) -> None:
    assert regressor.error.pixels < 1
    assert regressor.error.found > 0.95
    test = data.split.test
    assert regressor.error.frames == len(test) * 8
    found = regressor(data.clips.frames[test])
    true = valid_points(data.clips.keypoints[test], data.clips.keypoints_valid[test])
    assert held_out_error(found, true) == regressor.error
    assert np.nanmean(np.abs(found[:, :, 0] - true[:, :, 0])) < 1


def test_points_of_a_frame_do_not_depend_on_other_frames(data: TrainingData, regressor: Regressor) -> None:
    frames = data.clips.frames[:40]
    np.testing.assert_array_equal(regressor(frames)[7:9], regressor(frames[7:9]))


def test_what_it_is_not_sure_of_is_not_found(data: TrainingData, regressor: Regressor) -> None:
    strict = replace(regressor, confident=1.1)  # a probability is at most 1
    assert nothing_found(strict(data.clips.frames[:3])).all()


def test_a_keypoint_that_is_never_valid_cannot_be_learned(data: TrainingData) -> None:
    valid = data.clips.keypoints_valid.copy()
    valid[..., 1] = False
    with pytest.raises(UserError, match="no valid keypoint 'centre', from which"):
        cached_regressor(CONFIG, replace(data, clips=replace(data.clips, keypoints_valid=valid)))
    none = np.zeros_like(valid)
    with pytest.raises(UserError, match=r"have no keypoints, from which .* --keypoints"):
        cached_regressor(CONFIG, replace(data, clips=replace(data.clips, keypoints_valid=none)))


def test_invalid_keypoints_teach_nothing(data: TrainingData) -> None:
    """The coordinates of an invalid keypoint are a filler: the trained weights do not depend on them."""
    rng = np.random.default_rng(0)
    valid = rng.random(data.clips.keypoints_valid.shape) < 0.5
    trained = []
    for filler in (0.0, 9.0):
        points = np.where(valid[..., None], data.clips.keypoints, np.float32(filler))
        info = replace(data.clips.info, fingerprint=f"{filler:064}")
        clips = replace(data.clips, keypoints=points, keypoints_valid=valid, info=info)
        made = cached_regressor(CONFIG, replace(data, clips=clips), recipe=replace(REGRESSOR, steps=3))
        trained.append(made.network.state_dict())
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])


def test_error_by_hand() -> None:
    true = np.array([[[[0, 0], [6, 8], [NAN, NAN]], [[1, 1], [NAN, NAN], [NAN, NAN]]]], np.float32)
    found = np.array([[[[3, 4], [6, 9], [2, 2]], [[NAN, NAN], [5, 5], [NAN, NAN]]]], np.float32)
    error = held_out_error(found, true)
    assert error.pixels == pytest.approx((5 + 1) / 2)
    assert error.share == pytest.approx((5 + 1) / 2 / 10)  # the diagonal of a box of 6 x 8
    assert error.found == pytest.approx(2 / 3)
    assert error.frames == 2


def test_points_move_with_their_frames() -> None:
    frames = torch.zeros(50, 3, 12, 12)
    frames[:, :, 5, 6] = 1
    moved, points = shifted(frames, np.full((50, 1, 2), (6, 5), np.float32), 3, np.random.default_rng(0))
    assert len({tuple(p) for p in points[:, 0].tolist()}) > 20
    for frame, (x, y) in zip(moved, points[:, 0].long().tolist(), strict=True):
        assert frame[0].nonzero().tolist() == [[y, x]]
