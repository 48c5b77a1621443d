"""A keypoint judge of toy clips that is quickly made."""

from __future__ import annotations

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.evaluation.keypoints.classifier import KeypointRecipe, cached_keypoint_classifier
from amc.evaluation.keypoints.judge import KeypointJudge
from amc.evaluation.keypoints.regressor import Regressor, RegressorRecipe, cached_regressor

REGRESSOR = RegressorRecipe(steps=150, batch=32)
CLASSIFIER = KeypointRecipe(steps=120, batch=32)


def quick_regressor(config: Config, data: TrainingData) -> Regressor:
    return cached_regressor(config, data, recipe=REGRESSOR)


def quick_judge(config: Config, data: TrainingData) -> KeypointJudge:
    """The judge, its classifier trained on what the regressor finds in real clips."""
    extractor = quick_regressor(config, data)
    frames = config.model.frames - config.model.discarded_frames

    def points(clips):  # type: ignore[no-untyped-def]
        return extractor(data.clips.frames[clips][:, -frames:])

    classifier = cached_keypoint_classifier(
        config, data, lambda: (points(data.split.train), points(data.split.test)), extractor.key, recipe=CLASSIFIER
    )
    return KeypointJudge(extractor, classifier, frames)
