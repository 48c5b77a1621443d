"""The keypoint judge in score sheets: known generators on toy clips, and what `--extractor` may be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.keypoints import judge as judge_module
from amc.evaluation.keypoints.extractor import Points
from amc.evaluation.keypoints.judge import KeypointJudge, cached_keypoint_judge, check_extractor
from amc.evaluation.keypoints.openface import load_openface
from amc.evaluation.keypoints.regressor import Regressor, cached_regressor
from amc.evaluation.keypoints.summary import summary
from amc.evaluation.score_sheet import REAL, STILL
from amc.evaluation.scores.headline import headline
from amc.evaluation.scores.references import references
from amc.evaluation.scores.score import KeypointsNotScored, score
from amc.evaluation.scores.test_judges import Judges
from tests.evaluation.keypoints.quick import CLASSIFIER, REGRESSOR
from tests.evaluation.scores.known import copier, oracle, toy_judges
from tests.toy import toy_clips, toy_config, toy_data

CONFIG = toy_config()


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return toy_data(clips=toy_clips(subjects=8, repetitions=4))


@pytest.fixture(scope="module")
def judges(data: TrainingData) -> Judges:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge_module.regressor, "cached_regressor", quickly(cached_regressor, REGRESSOR))
        patch.setattr(
            judge_module, "cached_keypoint_classifier", quickly(judge_module.cached_keypoint_classifier, CLASSIFIER)
        )
        found = cached_keypoint_judge(CONFIG, data)
    return replace(toy_judges(CONFIG, data), keypoints=found)


def quickly(make, recipe):  # type: ignore[no-untyped-def]
    return lambda *args, **more: make(*args, **more, recipe=recipe)


class Blind:
    """An extractor that finds nothing."""

    name, key = "blind", "b"

    def __call__(self, frames: NDArray[np.uint8], /) -> Points:
        return np.full((*frames.shape[:2], 2, 2), np.nan, np.float32)

    def about(self) -> dict[str, object]:
        return {"extractor": self.name}


def keypoints_of(judges: Judges) -> KeypointJudge:
    assert judges.keypoints is not None
    return judges.keypoints


def test_accuracies_of_known_generators(data: TrainingData, judges: Judges) -> None:
    known = headline(score(oracle(data), CONFIG, data, judges))
    assert known["test/keypoint_accuracy"] >= 0.95
    assert known["test/keypoint_missing"] == 0
    assert known["test/keypoint_points_missing"] < 0.1
    still = headline(score(copier(), CONFIG, data, judges))
    assert still["test/keypoint_accuracy"] <= 0.6


def test_references(data: TrainingData, judges: Judges) -> None:
    sheets = references(CONFIG, data, judges)
    judge = keypoints_of(judges)
    assert np.mean(sheets[REAL].clips["keypoint_accuracy"]) == pytest.approx(judge.classifier.test_accuracy)
    assert np.mean(sheets[STILL].clips["keypoint_accuracy"]) <= 0.6


def test_a_generator_without_keypoints_is_wrong_on_every_clip(data: TrainingData, judges: Judges) -> None:
    blind = replace(judges, keypoints=replace(keypoints_of(judges), extractor=Blind()))
    found = headline(score(oracle(data), CONFIG, data, blind))
    assert found["test/keypoint_accuracy"] == 0
    assert found["test/keypoint_missing"] == found["test/keypoint_points_missing"] == 1


def test_a_frame_with_one_point_is_found_and_the_other_points_are_missing(judges: Judges) -> None:
    class Half(Blind):
        """Finds one of two points."""

        def __call__(self, frames: NDArray[np.uint8], /) -> Points:
            points = super().__call__(frames)
            points[:, :, 0] = 3
            return points

    judge = replace(keypoints_of(judges), extractor=Half())
    found = judge.measure(np.zeros((2, 7, 16, 16, 3), np.uint8))
    assert found["keypoint_missing"].tolist() == [0, 0]
    assert found["keypoint_points_missing"].tolist() == [0.5, 0.5]


def test_all_frames_without_tables_are_written_before_the_user_is_told(
    data: TrainingData, judges: Judges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge_module, "CHUNK", 3)
    count = len(data.split.train) + len(data.split.test)
    with pytest.raises(UserError, match=f"{count} of {count} clips have no table in {tmp_path}"):
        cached_keypoint_judge(CONFIG, data, f"openface:{tmp_path}")
    frames = data.clips.frames[np.concatenate([data.split.train, data.split.test]), -4:]
    assert len(list(tmp_path.iterdir())) == len({clip.tobytes() for clip in frames})

    folder = tmp_path / "generated"
    folder.mkdir()
    lacking = replace(judges, keypoints=replace(keypoints_of(judges), extractor=load_openface(folder)))
    without = score(oracle(data), CONFIG, data, replace(judges, keypoints=None))
    with pytest.raises(KeypointsNotScored, match=f"{len(without.label)} of {len(without.label)} clips") as caught:
        score(oracle(data), CONFIG, data, lacking, chunk=3)
    assert caught.value.sheet.predicted == without.predicted
    assert caught.value.sheet.clips.keys() == without.clips.keys()
    made = data.clips.frames[data.split.test, -4:]
    assert len(list(folder.iterdir())) == len({clip.tobytes() for clip in made})


def test_other_scores_and_their_scorer_stay_as_they_are(data: TrainingData, judges: Judges) -> None:
    without = replace(judges, keypoints=None)
    assert judges.scorer() != without.scorer()
    with_it, plain = (headline(score(copier(), CONFIG, data, each)) for each in (judges, without))
    assert {name: with_it[name] for name in plain} == plain
    assert with_it.keys() - plain.keys() == {
        "test/keypoint_accuracy",
        "test/keypoint_missing",
        "test/keypoint_points_missing",
    }


def test_what_is_said_beside_accuracies(judges: Judges) -> None:
    judge = keypoints_of(judges)
    extractor = judge.extractor
    assert isinstance(extractor, Regressor)
    text = summary(judge.about())
    assert text.startswith(f"regressor, whose error on {extractor.error.frames} real test frames is ")
    assert f"{extractor.error.pixels:.2f} pixels" in text
    assert [network.key for network in judge.networks] == [extractor.key, judge.classifier.key]
    assert "no ground-truth landmarks" in summary({"extractor": "openface"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("openpose", "unknown extractor 'openpose': choose regressor, openface, dlib"),
        ("regressor:here", "regressor takes no path"),
        ("openface:/nowhere/FeatureExtraction", "missing or not executable"),
    ],
)
def test_extractors_that_cannot_be_used(given: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_extractor(given)


def test_landmarks_in_real_clips_are_looked_for_once(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch, judges: Judges
) -> None:
    seen: list[int] = []
    inner = keypoints_of(judges).extractor

    class Counting(Blind):
        name, key = "counting", "c"

        def __call__(self, frames: NDArray[np.uint8], /) -> Points:
            seen.append(len(frames))
            assert frames.shape[1] == 4  # the last T - d
            return inner(frames)

    monkeypatch.setattr(judge_module, "_EXTERNAL", {"openface": lambda path: Counting()})
    quick = quickly(judge_module.cached_keypoint_classifier, replace(CLASSIFIER, steps=2))
    monkeypatch.setattr(judge_module, "cached_keypoint_classifier", quick)
    for _ in range(2):
        cached_keypoint_judge(CONFIG, data, "openface")
    assert sum(seen) == len(data.split.train) + len(data.split.test)
