"""Who measures generated clips: the classifiers of a study, and the networks of whose weights the user gave a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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
from amc.evaluation.metrics.fvd import load_fvd
from amc.evaluation.metrics.lpips import load_lpips
from amc.evaluation.score_sheet import VERSION


class PerceptualDistance(Protocol):
    """LPIPS."""

    @property
    def digest(self) -> str:
        """Of its weights."""
        ...

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8], /) -> NDArray[np.floating]:
        """Distances (n,) of videos (n, t, H, W, 3), means over frames."""
        ...


class VideoFeatures(Protocol):
    """The network of FVD."""

    @property
    def digest(self) -> str:
        """Of its weights."""
        ...

    def features(self, video: NDArray[np.uint8], /) -> NDArray[np.floating]:
        """(n, d) of a video (n, t, H, W, 3)."""
        ...


@dataclass(frozen=True)
class Judges:
    """Of one data set and preset.

    Attributes:
        motion: the one that accuracy is measured by.
        second: trained with another seed.
        identity: names subjects; None where there are too few to learn.
        lpips, fvd: where the user gave their weights.
        real: by part of the split, what was found about real clips, the same for every generator; filled as it is
            asked for.
    """

    motion: TrainedClassifier
    second: TrainedClassifier
    identity: IdentityClassifier | None = None
    lpips: PerceptualDistance | None = None
    fvd: VideoFeatures | None = None
    real: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict, repr=False, compare=False)

    def scorer(self) -> str:
        """A digest of all that decides what is measured and how: clips (by the classifiers' keys), judges, draws."""
        about = {
            "version": VERSION,
            "motion": self.motion.key,
            "second": self.second.key,
            "identity": self.identity.key if self.identity else None,
            "lpips": self.lpips.digest if self.lpips else None,
            "fvd": self.fvd.digest if self.fvd else None,
            "seed": TEST_SEED,
        }
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def cached_judges(config: Config, data: TrainingData, settings: Mapping[str, Any]) -> Judges:
    """The judges that the settings of a study ask for; classifiers are trained now if no earlier run did.

    Args:
        settings: `classifier_seed` (of the first classifier); `lpips`, `fvd` (files of weights; absent or None: not
            measured).

    Raises:
        UserError: a file of weights that cannot serve, or an unwritable cache folder.
    """
    lpips, fvd = settings.get("lpips"), settings.get("fvd")
    return Judges(
        motion=cached_classifier(data.clips, data.split, config, seed=int(settings.get("classifier_seed", JUDGE))),
        second=cached_classifier(data.clips, data.split, config, seed=SECOND),
        identity=cached_identity_classifier(config, data) if has_subjects(data) else None,
        lpips=load_lpips(Path(lpips)) if lpips else None,
        fvd=load_fvd(Path(fvd)) if fvd else None,
    )


def has_subjects(data: TrainingData) -> bool:
    """Whether a subject classifier can be trained: two training subjects with two sources each."""
    try:
        divide(data.clips, data.split, RECIPE.held_out)
    except UserError:
        return False
    return True
