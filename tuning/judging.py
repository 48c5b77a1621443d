"""What a driver prepares for runs that are scored on the test split, so that no worker has to."""

from __future__ import annotations

from amc.config import Config
from amc.data.prepared import TrainingData
from amc.evaluation.classifier import TrainedClassifier
from amc.evaluation.identity import IdentityClassifier
from amc.evaluation.scoring import has_subjects
from amc.training.finished import SECOND, classifier, identity_classifier


def others(config: Config, data: TrainingData) -> list[TrainedClassifier | IdentityClassifier]:
    """The judges besides the one that selects, trained now (with progress on the screen) where need be.

    They are the second motion classifier, and the subject classifier where there are subjects enough to tell apart.
    """
    second = classifier(config, data, SECOND)
    return [second, identity_classifier(config, data)] if has_subjects(data) else [second]
