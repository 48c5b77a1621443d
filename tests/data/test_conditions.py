"""Conditions and batches: what is matched, what is not, and that a step's batch is a function of seed and step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.config import with_overrides
from amc.data.conditions import (
    Batches,
    _Groups,
    centre_count,
    motion_condition,
    test_conditions,
    to_frames,
    to_video,
)
from amc.data.shared_frames import SETTING
from amc.data.training_data import prepare
from tests.toy import toy_clips, toy_config, toy_data, write_toy_file


def test_motion_condition_repeats_the_class_beside_each_velocity() -> None:
    velocity = torch.tensor([[[0.5, -1.0], [0.0, 0.25]]])
    ym = motion_condition(torch.tensor([2]), velocity, 3)
    assert ym.tolist() == [[[0, 0, 1, 0.5, -1.0], [0, 0, 1, 0.0, 0.25]]]


def test_frames_survive_the_way_to_floats_and_back() -> None:
    frames = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    video = to_video(frames)
    assert video.shape == (1, 3, 16, 16)
    assert (float(video.min()), float(video.max())) == (-1.0, 1.0)
    assert np.array_equal(to_frames(video), frames)


def test_pixels_are_scaled_to_the_last_bit_as_pytorch_scales_them() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8, 3), dtype=np.uint8)
    frames[0, 0] = np.arange(192).reshape(8, 8, 3)
    frames[0, 1] = 255 - frames[0, 0]
    expected = torch.from_numpy(frames).movedim(-1, -3).float().div_(127.5).sub_(1)
    for shape in (frames, frames[0], frames[0, 0]):
        assert to_video(shape).dtype == torch.float32
    assert torch.equal(to_video(frames), expected)
    assert to_video(frames).stride() == expected.stride()


def test_frames_that_must_not_be_written_are_copied() -> None:
    """Those of a mapped file; PyTorch would warn."""
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    frames.flags.writeable = False
    assert to_video(frames[1]).unique().tolist() == [-1.0]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_frames_are_the_same() -> None:
    config, data = toy_config(), toy_data()
    here, there = Batches(config, data)(3), Batches(config, data, torch.device("cuda"))(3)
    for name in ("clip", "motion", "other_appearance", "other_motion", "noise", "centres"):
        found = getattr(there, name)
        assert found.device.type == "cuda"
        torch.testing.assert_close(found.cpu(), getattr(here, name))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(-3, 5), min_size=1, max_size=40), st.integers(0, 2**31), st.data())
def test_a_member_of_another_group_is_drawn_as_from_a_list_of_them(
    groups: list[int], seed: int, data: st.DataObject
) -> None:
    """The same draw, and as much taken from the generator: what a seed means must not change."""
    group, own = np.array(groups), data.draw(st.sampled_from(groups))
    others = np.flatnonzero(group != own)
    if not len(others):
        others = np.arange(len(group))
    one, two = np.random.default_rng(seed), np.random.default_rng(seed)
    found = _Groups(group)
    assert [found.other(own, one) for _ in range(5)] == [int(two.choice(others)) for _ in range(5)]
    assert one.integers(2**40) == two.integers(2**40)


def test_batches_of_mapped_clips_are_those_of_clips_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMC_CACHE", str(tmp_path / "cache"))
    file, config, made = write_toy_file(tmp_path / "toy.h5"), toy_config(), []
    for place in ("memory", "mapped"):
        monkeypatch.setenv(SETTING, place)
        made.append(Batches(config, prepare(config, file)))
    for step in range(20):
        one, two = (batches(step) for batches in made)
        for name in ("clip", "motion", "other_appearance", "other_motion", "noise", "centres"):
            assert torch.equal(getattr(one, name), getattr(two, name)), name
            assert getattr(one, name).stride() == getattr(two, name).stride()


@settings(deadline=None, max_examples=25)
@given(step=st.integers(0, 10_000), seed=st.integers(0, 2**31))
def test_a_batch_is_a_function_of_seed_and_step(step: int, seed: int) -> None:
    config, data = replace(toy_config(), seed=seed), toy_data()
    first, again = Batches(config, data), Batches(config, data)
    again(step + 7)  # what was asked before must not matter
    one, two = first(step), again(step)
    for name in ("clip", "motion", "other_appearance", "other_motion", "noise", "centres"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name


def test_mismatched_conditions_differ_in_class_and_in_subject() -> None:
    config, data = toy_config(), toy_data()
    batches = Batches(config, data)
    backgrounds = {20 + 15 * s for s in np.unique(data.clips.subject[data.split.train])}
    for step in range(30):
        batch = batches(step)
        assert not (batch.motion[:, 0, :2] * batch.other_motion[:, 0, :2]).any()
        own, other = (to_frames(x)[:, -1, -1, 0] for x in (batch.appearance, batch.other_appearance))
        assert (own != other).all()
        assert set(own.tolist()) | set(other.tolist()) <= backgrounds  # training subjects alone
        assert int(batch.centres.min()) >= 1
        assert int(batch.centres.max()) <= config.model.frames - 2


def test_a_mismatched_motion_is_that_of_one_clip() -> None:
    """R20: label and velocity together."""
    config, data = toy_config(), toy_data()
    batches = Batches(config, data)
    known = {batches.motion([i], [i]).numpy().tobytes() for i in data.split.train}
    for step in range(5):
        assert {ym[None].numpy().tobytes() for ym in batches(step).other_motion} <= known


def test_without_subjects_a_mismatched_appearance_is_of_another_source() -> None:
    """R20: here a source is four clips with a background of their own."""
    clips = toy_clips()
    source = clips.source_clip // 4
    frames = clips.frames.copy()
    frames[:, :, -1, -1] = (5 * source)[:, None, None].astype(np.uint8)
    clips = replace(clips, frames=frames, subject=np.full_like(source, -1), source_clip=source)
    batches = Batches(toy_config(), toy_data(clips=clips))
    for step in range(30):
        batch = batches(step)
        own, other = (to_frames(x)[:, -1, -1, 0] for x in (batch.appearance, batch.other_appearance))
        assert (own != other).all()


@pytest.mark.parametrize(("ya", "expected"), [(True, [1, 2, 3, 4, 5, 6]), (False, [2, 3, 4, 5, 6])])
def test_da_may_see_every_triplet(ya: bool, expected: list[int]) -> None:
    """R8 with K = all: t = 2 ... T-1, counted from 0; all else in the batch stays as it is."""
    config = toy_config()
    config = replace(config, switches=replace(config.switches, ya=ya))
    every = replace(config, readings=replace(config.readings, centres=0))
    one, all_of_them = (Batches(c, toy_data())(3) for c in (config, every))
    assert all_of_them.centres.tolist() == [expected] * 4
    assert centre_count(every) == len(expected)
    assert one.centres.shape == (4, centre_count(config)) == (4, 1)
    assert torch.equal(one.noise, all_of_them.noise)
    assert torch.equal(one.clip, all_of_them.clip)


@pytest.mark.parametrize(("ya", "expected"), [(True, {1, 2, 3, 4, 5, 6}), (False, {2, 3, 4, 5, 6})])
def test_triplets_are_drawn_from_the_whole_clip(ya: bool, expected: set[int]) -> None:
    """R8: for each clip and step; x_1 is left out where the generator does not see it."""
    config = toy_config()
    config = replace(config, switches=replace(config.switches, ya=ya), readings=replace(config.readings, centres=2))
    batches = Batches(config, toy_data())
    drawn = [batches(step).centres for step in range(20)]
    assert {int(t) for centres in drawn for t in centres.flatten()} == expected
    assert len({tuple(row) for centres in drawn for row in centres.tolist()}) > 10


def test_an_epoch_shows_every_training_clip_at_most_once() -> None:
    config, data = toy_config(), toy_data()
    batches = Batches(config, data)
    steps = len(data.split.train) // config.training.batch
    seen = np.concatenate([batches._order(step) for step in range(steps)])
    assert len(set(seen.tolist())) == len(seen)
    assert set(seen.tolist()) <= set(data.split.train.tolist())
    assert not np.array_equal(batches._order(0), batches._order(steps))


def test_any_mismatch_may_hit_the_same_class() -> None:
    config = toy_config()
    config = replace(config, readings=replace(config.readings, mismatched_motion="any", mismatched_appearance="any"))
    batches = Batches(config, toy_data())
    same = [bool((b.motion[:, 0, :2] * b.other_motion[:, 0, :2]).any()) for b in map(batches, range(10))]
    assert any(same)


def test_test_conditions_take_velocities_from_training_clips_of_the_class() -> None:
    config, data = toy_config(), toy_data()
    drawn = test_conditions(config, data, data.split.test, seed=3)
    assert set(drawn.velocity_of.tolist()) <= set(data.split.train.tolist())
    assert np.array_equal(data.clips.label[drawn.velocity_of], data.clips.label[data.split.test])
    assert not np.array_equal(drawn.noise[0], drawn.noise[1])


def test_test_conditions_may_keep_the_clips_own_velocities() -> None:
    """R13, the other setting; the noise stays."""
    config, data = toy_config(), toy_data()
    drawn = test_conditions(config, data, data.split.test, seed=3)
    own = test_conditions(with_overrides(config, {"readings.test_velocity": "own"}), data, data.split.test, seed=3)
    assert np.array_equal(own.velocity_of, data.split.test)
    assert np.array_equal(own.noise, drawn.noise)


def test_test_conditions_of_a_clip_do_not_depend_on_the_others() -> None:
    config, data = toy_config(), toy_data()
    every = test_conditions(config, data, data.split.test, seed=3)
    one = test_conditions(config, data, data.split.test[2:3], seed=3)
    assert one.velocity_of[0] == every.velocity_of[2]
    assert np.array_equal(one.noise[0], every.noise[2])
    other = test_conditions(config, data, data.split.test, seed=4)
    assert not np.array_equal(other.noise, every.noise)


@pytest.mark.parametrize("subjects", [1, 2])
def test_few_subjects_still_give_batches(subjects: int) -> None:
    clips = toy_clips(subjects=subjects, repetitions=8)
    data = toy_data(clips=clips)
    assert data.split.rule == "source"
    Batches(toy_config(), data)(0)
