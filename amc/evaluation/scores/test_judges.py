"""The judges of generated clips: the classifiers of a study, and LPIPS and FVD if the user provided weights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.generation import TEST_SEED
from amc.evaluation.judges.identity import RECIPE, IdentityClassifier, cached_identity_classifier
from amc.evaluation.judges.motion_classifier import TrainedClassifier, cached_classifier
from amc.evaluation.judges.standard import JUDGE, SECOND
from amc.evaluation.judges.subject_frames import divide
from amc.evaluation.keypoints.judge import KeypointJudge, cached_keypoint_judge
from amc.evaluation.metrics.fvd import load_fvd
from amc.evaluation.metrics.lpips import load_lpips
from amc.evaluation.score_sheet import VERSION


class PerceptualDistance(Protocol):
    """The interface of LPIPS."""

    @property
    def digest(self) -> str:
        """A hash of its weights."""
        ...

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8], /) -> NDArray[np.floating]:
        """Distances (n,) of videos (n, t, H, W, 3), means over frames."""
        ...


class VideoFeatures(Protocol):
    """The interface of the FVD network."""

    @property
    def digest(self) -> str:
        """A hash of its weights."""
        ...

    def features(self, video: NDArray[np.uint8], /) -> NDArray[np.floating]:
        """(n, d) of a video (n, t, H, W, 3)."""
        ...


@dataclass(frozen=True)
class Judges:
    """The judges of one data set and preset.

    Attributes:
        motion: the classifier that accuracy is measured with.
        second: the same network trained with another seed.
        identity: the subject classifier; None if there are too few subjects.
        lpips, fvd: None unless the user provided weights.
        keypoints: names the motion by keypoints alone; None unless it was requested.
        real: measurements of the real clips by part of the split; computed on first use.
    """

    motion: TrainedClassifier
    second: TrainedClassifier
    identity: IdentityClassifier | None = None
    lpips: PerceptualDistance | None = None
    fvd: VideoFeatures | None = None
    keypoints: KeypointJudge | None = None
    real: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict, repr=False, compare=False)

    def scorer(self) -> str:
        """A hash of everything that scores depend on besides the generator: clips, judges, draws."""
        about = {
            "version": VERSION,
            "motion": self.motion.key,
            "second": self.second.key,
            "identity": self.identity.key if self.identity else None,
            "lpips": self.lpips.digest if self.lpips else None,
            "fvd": self.fvd.digest if self.fvd else None,
            "seed": TEST_SEED,
        } | ({"keypoints": self.keypoints.key} if self.keypoints else {})
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def cached_judges(
    config: Config,
    data: TrainingData,
    *,
    classifier_seed: int = JUDGE,
    lpips: str | None = None,
    fvd: str | None = None,
    extractor: str | None = None,
) -> Judges:
    """The judges of the test split; classifiers are trained now unless they are cached.

    Args:
        classifier_seed: seed of the motion classifier that accuracy is measured with.
        lpips, fvd: files of weights; None leaves the metric out.
        extractor: of keypoints, as in `--extractor`; None leaves the keypoint classifier out.

    Raises:
        UserError: the extractor cannot be used, a file of weights cannot be used, or the cache folder is not writable.
    """
    return Judges(
        motion=cached_classifier(data.clips, data.split, config, seed=classifier_seed),
        second=cached_classifier(data.clips, data.split, config, seed=SECOND),
        identity=cached_identity_classifier(config, data) if has_subjects(data) else None,
        lpips=load_lpips(Path(lpips)) if lpips else None,
        fvd=load_fvd(Path(fvd)) if fvd else None,
        keypoints=cached_keypoint_judge(config, data, extractor) if extractor else None,
    )


def has_subjects(data: TrainingData) -> bool:
    """Whether a subject classifier can be trained: at least two training subjects with two sources each."""
    try:
        divide(data.clips, data.split, RECIPE.held_out)
    except UserError:
        return False
    return True
