"""Clips generated without the data set equal those generated with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from amc.data.clipfile import ClipInfo
from amc.data.conditions import TestConditions
from amc.errors import UserError
from amc.evaluation import clip_maker
from amc.evaluation.clip_maker import SAVED_PER_CLASS, load_clip_maker, save_velocities
from amc.evaluation.generation import generate_clips
from amc.training import checkpoint
from amc.training.run import Run
from tests.toy import toy_clips, toy_config, toy_data


@pytest.fixture(params=[0.0, 0.9], ids=["generator", "average"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    made = Run(toy_config(average=request.param), toy_data())
    if made.ema:  # another network than the one that is trained
        for parameter in made.ema.network.parameters():
            parameter.data += 0.01
    made.save(tmp_path / checkpoint.FILE)
    save_velocities(tmp_path / clip_maker.FILE, made.data)
    return made


def test_the_same_conditions_give_the_same_clips(run: Run, tmp_path: Path) -> None:
    maker = load_clip_maker(tmp_path / checkpoint.FILE, tmp_path / clip_maker.FILE)
    assert maker.class_names == ("right", "down")
    clips = np.array([0, 5, 40])
    noise = np.stack(
        [
            np.random.default_rng([7, clip_maker._SALT, row]).standard_normal(run.config.model.noise, dtype=np.float32)
            for row in range(3)
        ]
    )
    expected = generate_clips(run.generator, run.config, run.data, TestConditions(clips, clips, noise))
    image, label = run.data.clips.frames[clips, 0], run.data.clips.label[clips]
    made = maker(image, label, seed=7, velocity=run.data.velocity[clips])
    assert made.dtype == np.uint8
    assert made.shape == (3, 8, 16, 16, 3)
    np.testing.assert_array_equal(made[:, 0], image)
    np.testing.assert_array_equal(made[:, 1:], expected)


def test_saved_velocities_are_of_training_clips_of_the_class(run: Run, tmp_path: Path) -> None:
    maker = load_clip_maker(tmp_path / checkpoint.FILE, tmp_path / clip_maker.FILE)
    data = run.data
    for c, saved in enumerate(maker.saved):
        train = data.split.train[data.clips.label[data.split.train] == c]
        assert len(saved) == min(SAVED_PER_CLASS, len(train))
        there = {data.velocity[clip].tobytes() for clip in train}
        assert {one.tobytes() for one in saved} <= there
    image = np.repeat(data.clips.frames[:1, 0], 40, axis=0)
    label = np.arange(40) % 2
    first = maker(image, label, seed=1)
    np.testing.assert_array_equal(first, maker(image, label, seed=1))
    np.testing.assert_array_equal(first[:3], maker(image[:3], label[:3], seed=1))  # whatever comes after a row
    assert (first != maker(image, label, seed=2)).any()


def test_what_it_cannot_take_is_named(run: Run, tmp_path: Path) -> None:
    maker = load_clip_maker(tmp_path / checkpoint.FILE, tmp_path / clip_maker.FILE)
    image = np.zeros((2, 16, 16, 3), np.uint8)
    one = np.array([0, 1])
    for wrong, labels, message in (
        (image.astype(np.float32), one, "image is float32"),
        (image[:, :8], one, r"give uint8 \(n, 16, 16, 3\)"),
        (image[:0], one[:0], "n at least 1"),
        (image, np.array([0]), "give 2 integers"),
        (image, np.array([0.0, 1.0]), "label is float64"),
        (image, np.array([0, 2]), "the classes are 0 right, 1 down"),
        (image, np.array([-1, 0]), "the classes are 0 right, 1 down"),
    ):
        with pytest.raises(UserError, match=message):
            maker(wrong, labels)
    with pytest.raises(UserError, match=r"velocity is \(2, 3, 4\): give \(2, 7, 4\)"):
        maker(image, one, velocity=np.zeros((2, 3, 4), np.float32))


def test_files_that_do_not_belong_together(run: Run, tmp_path: Path) -> None:
    info: ClipInfo = replace(run.data.clips.info, fingerprint="1" * 64)
    other = toy_data(clips=replace(toy_clips(), info=info))
    save_velocities(tmp_path / "other.safetensors", other)
    with pytest.raises(UserError, match="belongs to different data than"):
        load_clip_maker(tmp_path / checkpoint.FILE, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="does not hold the velocities of 2 classes"):
        load_clip_maker(tmp_path / checkpoint.FILE, tmp_path / "missing.safetensors")
