"""What generators are given when they are scored: draws that differ in one thing, the same for every arm."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from amc.data.conditions import TestConditions as Conditions
from amc.data.conditions import test_conditions as conditions_of
from amc.evaluation.scores.draws import draws, versions
from tests.toy import toy_clips, toy_config, toy_data

CONFIG = toy_config()
DATA = toy_data()
TEST = DATA.split.test


def same(a: Conditions, b: Conditions) -> dict[str, bool]:
    return {field.name: bool((getattr(a, field.name) == getattr(b, field.name)).all()) for field in fields(Conditions)}


def test_each_draw_differs_from_the_first_in_one_thing() -> None:
    drawn = draws(CONFIG, DATA, TEST, 1)
    assert len(fields(drawn)) == versions(CONFIG)
    assert all(same(drawn.first, conditions_of(CONFIG, DATA, TEST, 1)).values())
    assert same(drawn.first, drawn.other_noise) == {"clips": True, "velocity_of": True, "noise": False}
    assert same(drawn.first, drawn.other_velocity) == {"clips": True, "velocity_of": False, "noise": True}
    assert same(drawn.first, drawn.own) == {"clips": True, "velocity_of": False, "noise": True}
    assert drawn.own.velocity_of.tolist() == TEST.tolist()


def test_the_other_velocities_are_another_training_clips_of_the_class() -> None:
    drawn = draws(CONFIG, DATA, TEST, 1)
    label = DATA.clips.label
    assert (drawn.other_velocity.velocity_of != drawn.first.velocity_of).all()
    assert np.isin(drawn.other_velocity.velocity_of, DATA.split.train).all()
    assert label[drawn.other_velocity.velocity_of].tolist() == label[TEST].tolist()


def test_a_class_of_one_training_clip_lends_the_same_velocities() -> None:
    data = toy_data(clips=toy_clips(subjects=6, repetitions=1))
    train = data.split.train
    alone = np.array([train[data.clips.label[train] == c][0] for c in range(2)])
    data = replace(data, split=replace(data.split, train=alone))
    drawn = draws(CONFIG, data, data.split.test, 1)
    assert drawn.other_velocity.velocity_of.tolist() == drawn.first.velocity_of.tolist()


def test_neither_other_clips_nor_the_arm_nor_its_seed_matter() -> None:
    whole = draws(CONFIG, DATA, TEST, 1)
    arm = replace(CONFIG, seed=9, switches=replace(CONFIG.switches, ym=False, dm=False, ldaux=False))
    backwards = draws(arm, DATA, TEST[::-1], 1)
    for field in fields(whole):
        mine, theirs = getattr(whole, field.name), getattr(backwards, field.name)
        assert mine.noise.tolist() == theirs.noise[::-1].tolist()
        assert mine.velocity_of.tolist() == theirs.velocity_of[::-1].tolist()
    part = whole.part(slice(2, 4))
    assert part.other_noise.noise.tolist() == whole.other_noise.noise[2:4].tolist()
    assert part.own.clips.tolist() == TEST[2:4].tolist()
