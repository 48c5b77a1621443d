"""What a driver prepares for runs that are scored on the test split, so that no worker has to."""

from __future__ import annotations

from amc.config import Config
from amc.data.prepared import TrainingData
from amc.evaluation.judges.identity import IdentityClassifier
from amc.evaluation.judges.motion_classifier import TrainedClassifier
from amc.evaluation.judges.standard import SECOND, classifier, identity_classifier
from amc.evaluation.scores import has_subjects


def others(config: Config, data: TrainingData) -> list[TrainedClassifier | IdentityClassifier]:
    """The judges besides the one that selects, trained now (with progress on the screen) where need be.

    They are the second motion classifier, and the subject classifier where there are subjects enough to tell apart.
    """
    second = classifier(config, data, SECOND)
    return [second, identity_classifier(config, data)] if has_subjects(data) else [second]
