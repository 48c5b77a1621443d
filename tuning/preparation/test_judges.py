"""Classifiers that the driver trains before any run is scored on the test split, so that no worker has to."""

from __future__ import annotations

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.evaluation.judges.identity import IdentityClassifier
from amc.evaluation.judges.motion_classifier import TrainedClassifier
from amc.evaluation.judges.standard import SECOND, classifier, identity_classifier
from amc.evaluation.scores.test_judges import has_subjects


def train(config: Config, data: TrainingData) -> list[TrainedClassifier | IdentityClassifier]:
    """Trains the judges besides the motion classifier that selects, with progress on the screen, unless cached.

    Returns:
        The second motion classifier, and the subject classifier if there are enough subjects to train one.
    """
    second = classifier(config, data, SECOND)
    return [second, identity_classifier(config, data)] if has_subjects(data) else [second]
