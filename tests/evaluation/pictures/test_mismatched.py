"""Figure 3's rows: which conditions each is generated from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amc.data.conditions import test_conditions as matched_conditions
from amc.data.conditions import to_video
from amc.data.training_data import TrainingData
from amc.evaluation.generation import generate_clips
from amc.evaluation.pictures.mismatched import matched_and_mismatched
from amc.methods import method_of
from amc.models.generator import Generator
from tests.methods.baselines import baseline, build
from tests.toy import toy_clips, toy_config, toy_data

CONFIG = toy_config()


class Recorder(nn.Module):
    """Stands for a generator: keeps what it was given, and shows ya in every frame."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.calls: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, ya: Tensor, ym: Tensor, z: Tensor) -> Tensor:
        self.calls.append((ya, ym, z))
        return ya[:, None].expand(-1, ym.shape[1], -1, -1, -1)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return toy_data()


def _one(data: TrainingData, clip: int, **options: int) -> tuple[list[str], Tensor, Tensor, Tensor]:
    generator = Recorder()
    chosen = np.array([clip], np.int64)
    (videos,) = matched_and_mismatched(generator, CONFIG, data, chosen, 3, **options)
    assert all(video.frames.shape == data.clips.frames[0].shape for video in videos)
    ((ya, ym, z),) = generator.calls
    return ["; ".join(video.label) for video in videos], ya, ym, z


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_each_row_differs_in_what_it_names_alone(data: TrainingData, part: str) -> None:
    clips = data.clips
    clip = int(getattr(data.split, part)[0])
    own = int(clips.label[clip])
    labels, ya, ym, z = _one(data, clip)
    matched, appearance, motion = 0, 1, 2
    assert torch.equal(ya[matched], to_video(clips.frames[clip, 0]))
    assert torch.equal(ya[motion], ya[matched])
    assert not torch.equal(ya[appearance], ya[matched])
    assert torch.equal(ym[appearance], ym[matched])
    assert ym[matched, 0, :2].argmax() == own
    assert ym[motion, 0, :2].argmax() == 1 - own
    assert not torch.equal(ym[motion, :, 2:], ym[matched, :, 2:])
    assert torch.equal(z[0].expand_as(z), z)
    # Whose first frame, and whose velocities.
    lent = [i for i in data.split.train if np.array_equal(data.velocity[i], ym[motion, :, 2:].numpy())]
    assert {int(clips.label[i]) for i in lent} == {1 - own}
    other = int(labels[2].rsplit("subject ", 1)[1])
    assert other != clips.subject[clip]
    pool = getattr(data.split, part)
    pool = pool if len(np.unique(clips.subject[pool])) > 1 else data.split.train
    assert other in clips.subject[pool]
    names = clips.info.class_names
    assert labels == [
        f"real clip; {names[own]}, subject {clips.subject[clip]}",
        f"ya, ym; both matched; {names[own]}",
        f"ya', ym; appearance mismatched; {names[own]}, subject {other}",
        f"ya, ym'; motion mismatched; {names[1 - own]}",
    ]


def test_the_matched_row_is_what_validation_generates(data: TrainingData) -> None:
    torch.manual_seed(0)
    generator = Generator(CONFIG)
    chosen = data.split.validation[:2]
    groups = matched_and_mismatched(generator, CONFIG, data, chosen, 0)
    made = generate_clips(generator, CONFIG, data, matched_conditions(CONFIG, data, chosen, 0))
    for clip, group, frames in zip(chosen, groups, made, strict=True):
        assert np.array_equal(group[0].frames, data.clips.frames[clip])
        assert np.array_equal(group[1].frames[:1], data.clips.frames[clip, :1])
        assert np.array_equal(group[1].frames[1:], frames)
        # The input frame of the second generated row is the other's.
        assert not np.array_equal(group[2].frames[0], group[1].frames[0])
    # Neither order nor number of the clips matters.
    again = matched_and_mismatched(generator, CONFIG, data, chosen[::-1][:1], 0)
    for one, two in zip(again[0], groups[1], strict=True):
        assert one.label == two.label
        assert np.array_equal(one.frames, two.frames)


def test_a_method_that_sees_four_frames_has_the_real_and_the_matched_row_alone(data: TrainingData) -> None:
    config = baseline("adv_gdl")
    predictor = build(config).networks[method_of(config).predictor]
    clip = int(data.split.validation[0])
    (group,) = matched_and_mismatched(predictor, config, data, np.array([clip]), 0)
    assert [video.label[0] for video in group] == ["real clip", "first 4 frames"]
    real, made = (video.frames for video in group)
    assert np.array_equal(made[:4], real[:4])
    assert not np.array_equal(made[4:], real[4:])


def test_a_named_class_is_the_mismatched_motion(data: TrainingData) -> None:
    clip = int(data.split.validation[0])
    other = 1 - int(data.clips.label[clip])
    labels, _, ym, _ = _one(data, clip, motion=other)
    assert labels[3].endswith(data.clips.info.class_names[other])
    assert ym[2, 0, :2].argmax() == other


def test_sources_tell_appearances_apart_where_subjects_are_unknown() -> None:
    clips = toy_clips()
    unknown = replace(clips, subject=np.full_like(clips.subject, -1), source_clip=clips.source_clip // 4)
    data = toy_data(clips=unknown)
    for clip in (int(part[0]) for part in (data.split.train, data.split.validation)):
        labels, *_ = _one(data, clip)
        assert len(labels) == 4
        assert "subject" not in "".join(labels)


def test_rows_that_the_data_cannot_fill_are_left_out(data: TrainingData) -> None:
    label = data.clips.label
    one_class = replace(data, split=replace(data.split, train=data.split.train[label[data.split.train] == 0]))
    clip = int(one_class.split.train[0])
    labels, *_ = _one(one_class, clip)
    assert [text.split(";")[0] for text in labels] == ["real clip", "ya, ym", "ya', ym"]
    subject = data.clips.subject
    alone = data.split.train[subject[data.split.train] == subject[data.split.train[0]]]
    one_subject = replace(data, split=replace(data.split, train=alone))
    labels, *_ = _one(one_subject, int(alone[0]))
    assert [text.split(";")[0] for text in labels] == ["real clip", "ya, ym", "ya, ym'"]
