"""Velocities and their scale, and a clip file made ready for a configuration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amc.config import with_overrides
from amc.data.clips import Clips
from amc.data.training_data import TrainingData, prepare, velocities, velocity_scale
from tests.toy import toy_clips, toy_config


def test_velocities_are_steps_in_pixels() -> None:
    points = np.array([[[[0, 0], [5, 5]], [[2, -1], [5, 6]], [[2, 0], [4, 6]]]], np.float32)
    valid = np.ones((1, 3, 2), np.bool_)
    assert velocities(points, valid).tolist() == [[[2, -1, 0, 1], [0, 1, -1, 0]]]


def test_a_step_from_or_to_an_invalid_point_is_zero() -> None:
    points = np.array([[[[0, 0]], [[9, 9]], [[1, 1]], [[2, 3]]]], np.float32)
    valid = np.array([[[True], [False], [True], [True]]])
    assert velocities(points, valid).tolist() == [[[0, 0], [0, 0], [1, 2]]]


def test_scale_is_the_quantile_of_what_moves() -> None:
    moving = np.concatenate([np.zeros(1000), np.arange(1, 102)]).astype(np.float32)
    assert velocity_scale(moving, 0.99) == pytest.approx(100.0)
    assert velocity_scale(-moving, 1.0) == 101.0
    assert velocity_scale(np.zeros(3, np.float32), 0.99) == 1.0


def prepared(monkeypatch: pytest.MonkeyPatch, clips: Clips, **overrides: object) -> TrainingData:
    """`prepare` of clips that were loaded."""
    monkeypatch.setattr("amc.data.training_data.load_clips", lambda *_, **__: clips)
    config = with_overrides(toy_config(), {name.replace("__", "."): value for name, value in overrides.items()})
    return prepare(config, Path("unread.h5"))


def test_velocities_are_scaled_by_training_clips_and_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """R14: steps of 4 px in one training clip, of 1 px in the others, and of 9 px in all test clips."""
    clips = toy_clips()
    split = prepared(monkeypatch, clips).split
    clips.keypoints[split.test] *= 9
    clips.keypoints[split.train[0]] *= 4
    made = prepared(monkeypatch, clips, readings__velocity_quantile=0.5)
    assert made.velocity_scale == 1.0
    assert made.velocity.dtype == np.float32
    assert (made.velocity.min(), made.velocity.max()) == (0.0, 1.0)
    assert made.velocity[split.test].max() == 1.0  # 9, clipped
    made = prepared(monkeypatch, clips, readings__velocity_quantile=1.0)
    assert made.velocity_scale == 4.0
    assert made.velocity[split.train[1]].max() == 0.25


def test_the_split_is_the_configurations(monkeypatch: pytest.MonkeyPatch) -> None:
    """R17 and R18: six subjects of eight clips."""
    sizes = {}
    for overrides in ({}, {"split__rule": "random"}, {"split__validation_share": 0.4}):
        split = prepared(monkeypatch, toy_clips(), **overrides).split
        sizes[tuple(overrides)] = (split.rule, len(split.train), len(split.validation), len(split.test))
    assert sizes == {
        (): ("subject", 32, 8, 8),
        ("split__rule",): ("random", 34, 4, 10),  # 48 x 1,810 / 8,835 = 9.8
        ("split__validation_share",): ("subject", 24, 16, 8),
    }
    assert not np.array_equal(prepared(monkeypatch, toy_clips(), split__seed=5).split.test, split.test)


def test_longer_clips_are_cut_by_the_configurations_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """R22."""
    asked = []

    def load(path: Path, *, size: int, frames: int, rule: str) -> Clips:
        asked.append((size, frames, rule))
        return toy_clips()

    for rule in ("first", "even"):
        monkeypatch.setattr("amc.data.training_data.load_clips", load)
        prepare(with_overrides(toy_config(), {"readings.long_clips": rule}), Path("unread.h5"))
    assert asked == [(16, 8, "first"), (16, 8, "even")]
