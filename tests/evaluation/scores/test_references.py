"""A study's own sheets: real clips with the floor of distances, and still ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amc.evaluation.judges.motion_classifier import accuracy, predict
from amc.evaluation.score_sheet import LAST_SEEN, REAL, STILL
from amc.evaluation.scores.references import matching_training_clips, references
from tests.evaluation.scores.known import toy_judges
from tests.toy import toy_clips, toy_config, toy_data

CONFIG = toy_config()
DATA = toy_data(clips=toy_clips(subjects=8, repetitions=4))


def test_references_are_what_classifiers_see_in_real_and_in_still_clips() -> None:
    judges = toy_judges(CONFIG, DATA)
    found = references(CONFIG, DATA, judges)
    assert found.keys() == {REAL, STILL}
    label = DATA.clips.label[DATA.split.test]
    assert np.mean(np.array(found[REAL].predicted) == label) == judges.motion.test_accuracy
    frames = DATA.clips.frames[DATA.split.test]
    still = predict(judges.motion.network, np.repeat(frames[:, :1], CONFIG.model.frames, axis=1), CONFIG.model.frames)
    assert np.mean(np.array(found[STILL].predicted) == label) == accuracy(still, label)
    for sheet in found.values():
        assert sheet.label == tuple(label)
        assert sheet.numbers["features"] == len(label)
        assert len(sheet.clips["identity"]) > 0
    assert found[REAL].clips.keys() == {"motion_energy", "identity"}
    assert not found[REAL].frames
    assert min(found[REAL].clips["motion_energy"]) > 0
    assert found[STILL].clips.keys() == {"psnr", "ssim", "motion_energy", "identity"}
    assert max(found[STILL].clips["motion_energy"]) == 0
    assert found[STILL].numbers["frechet_distance"] > found[REAL].numbers["frechet_distance"]
    assert references(CONFIG, DATA, judges) == found


def test_the_last_seen_frame_is_the_last_that_is_not_scored_and_then_stands_still() -> None:
    judges, length = toy_judges(CONFIG, DATA), CONFIG.model.frames
    plain, found = references(CONFIG, DATA, judges), references(CONFIG, DATA, judges, last_seen=True)
    assert {key: found[key] for key in plain} == plain
    sheet, frames = found[LAST_SEEN], DATA.clips.frames[DATA.split.test]
    held = frames.copy()
    held[:, 4:] = frames[:, 3:4]  # d = 4
    expected = predict(judges.motion.network, held, length)
    assert sheet.predicted == tuple(expected.argmax(1).tolist())
    assert sheet.frames["ssim"][:3] == (1, 1, 1)  # frames 2 to 4 are real
    assert max(sheet.frames["ssim"][3:]) < 1


def test_the_floor_is_of_training_clips_with_the_same_classes() -> None:
    test, label = DATA.split.test, DATA.clips.label
    chosen = matching_training_clips(DATA, test)
    assert len(set(chosen)) == len(test)
    assert np.isin(chosen, DATA.split.train).all()
    assert sorted(label[chosen]) == sorted(label[test])
    assert matching_training_clips(DATA, test).tolist() == chosen.tolist()


def test_the_floor_takes_all_training_clips_of_a_class_with_fewer() -> None:
    few = DATA.split.train[:5]
    data = replace(DATA, split=replace(DATA.split, train=few))
    assert set(matching_training_clips(data, np.arange(len(data.clips.label)))) == set(few)


def test_two_clips_are_enough_and_one_has_no_distances() -> None:
    judges = replace(toy_judges(CONFIG, DATA), identity=None, real={})
    one = replace(DATA, split=replace(DATA.split, test=DATA.split.test[:1]))
    assert not references(CONFIG, one, judges)[STILL].numbers
    two = replace(DATA, split=replace(DATA.split, test=DATA.split.test[:2]))
    numbers = references(CONFIG, two, replace(judges, real={}))[STILL].numbers
    assert numbers["features"] == 2
    assert numbers == pytest.approx(numbers, nan_ok=False)
