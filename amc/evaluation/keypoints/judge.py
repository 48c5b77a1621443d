"""The keypoint judge: an extractor, and the classifier of the keypoints that it finds in generated clips."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from amc.cache import cache_dir, make_once
from amc.config import Config
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.judges.judge_cache import Judge
from amc.evaluation.keypoints import dlib_landmarks, openface, regressor
from amc.evaluation.keypoints.classifier import TrainedKeypointClassifier, cached_keypoint_classifier
from amc.evaluation.keypoints.extractor import KeypointExtractor, Points, nothing_found, points_missing
from amc.evaluation.keypoints.summary import MISSING, POINTS_MISSING
from amc.progress import console

CHUNK = 64  # clips that an extractor is given at a time
_EXTERNAL: Mapping[str, Callable[[Path | None], KeypointExtractor]] = {
    openface.NAME: openface.load_openface,
    dlib_landmarks.NAME: dlib_landmarks.load_dlib,
}
EXTRACTORS = (regressor.NAME, *_EXTERNAL)
HELP = (
    "also measure the accuracy of a classifier that sees only keypoints; keypoint extractor: "
    f"{regressor.NAME} (trained on the data set's own keypoints), {openface.NAME}[:PROGRAM or FOLDER of tables], or "
    f"{dlib_landmarks.NAME}:FILE (68-point shape predictor)"
)


@dataclass(frozen=True)
class KeypointJudge:
    """Names the motion of clips by keypoints alone (section 4.1, appendix B.4).

    Attributes:
        frames: T - d, the number of frames that are looked at, the last ones (R15).
    """

    extractor: KeypointExtractor
    classifier: TrainedKeypointClassifier
    frames: int

    @property
    def key(self) -> str:
        """A hash of everything that its output depends on besides the frames."""
        return hashlib.sha256(f"{self.extractor.key} {self.classifier.key}".encode()).hexdigest()

    @property
    def networks(self) -> tuple[Judge, ...]:
        """Its networks that are cached."""
        found = (self.classifier,)
        return (self.extractor, *found) if isinstance(self.extractor, regressor.Regressor) else found

    def measure(self, video: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Classes of videos (n, t, H, W, 3), t >= T - d, by keypoints found in their frames.

        Returns:
            `keypoint_predicted` (n,), `NO_CLASS` where more than half of the frames are without keypoints;
            `keypoint_missing` (n,), the fraction of these frames; and `keypoint_points_missing` (n,), the fraction of
            the keypoints of all frames that were not found.

        Raises:
            UserError: the extractor cannot find keypoints in these videos.
        """
        points = self.extractor(video[:, video.shape[1] - self.frames :])
        return {
            "keypoint_predicted": self.classifier.predict(points),
            MISSING: nothing_found(points).mean(axis=1),
            POINTS_MISSING: points_missing(points),
        }

    def about(self) -> dict[str, Any]:
        """Facts that are recorded beside accuracies, as JSON values."""
        return {
            **self.extractor.about(),
            "real_accuracy": self.classifier.test_accuracy,
            "keypoint_classifier": self.classifier.key,
        }


def check_extractor(given: str, data: TrainingData | None = None) -> str:
    """Checks the value of `--extractor`, before anything is trained.

    Args:
        data: that it will be used on, if they are known already.

    Returns:
        The value, its path absolute if it is that of a file or folder.

    Raises:
        UserError: unknown extractor, one that is not installed, or data without keypoints that it could learn from.
    """
    name, path = _parsed(given)
    if name in _EXTERNAL:
        _EXTERNAL[name](path)
    elif data is not None:
        regressor.check_keypoints(data)
    return f"{name}:{path.absolute()}" if path is not None and path.exists() else given


def cached_keypoint_judge(config: Config, data: TrainingData, given: str = regressor.NAME) -> KeypointJudge:
    """The keypoint judge of these data; its networks are trained now, with progress on the screen, unless cached.

    Args:
        given: the value of `--extractor`: a name of `EXTRACTORS`, and a path after a colon where there is one.

    Raises:
        UserError: the extractor cannot be used, or the data have no keypoints.
    """
    name, path = _parsed(given)
    frames = config.model.frames - config.model.discarded_frames
    extractor: KeypointExtractor
    if name in _EXTERNAL:
        extractor = _EXTERNAL[name](path)
    else:
        with console("training the keypoint regressor", "batch") as progress:
            extractor = regressor.cached_regressor(config, data, progress=progress)

    def points() -> tuple[Points, Points]:
        train = data.split.train
        found = _found_in_real(extractor, data, np.concatenate([train, data.split.test]), frames)
        return found[: len(train)], found[len(train) :]

    with console("training the keypoint classifier", "batch") as progress:
        classifier = cached_keypoint_classifier(
            config,
            data,
            points,
            extractor.key,
            progress=progress,
        )
    return KeypointJudge(extractor, classifier, frames)


def _parsed(given: str) -> tuple[str, Path | None]:
    name, _, path = given.partition(":")
    if name not in EXTRACTORS:
        raise UserError(f"unknown extractor {name!r}: choose {', '.join(EXTRACTORS)}")
    if path and name not in _EXTERNAL:
        raise UserError(f"--extractor {given}: {name} takes no path")
    return name, Path(path).expanduser() if path else None


def _found_in_real(extractor: KeypointExtractor, data: TrainingData, clips: NDArray[np.int64], frames: int) -> Points:
    """Points in the last `frames` frames of real clips; cached, since external extractors are slow."""
    video = data.clips.frames
    about = f"{extractor.key} {data.clips.info.fingerprint} {data.clips.reduction} {video.shape} {frames} "
    name = hashlib.sha256(about.encode() + clips.astype("<i8").tobytes()).hexdigest()

    def make(partial: Path) -> None:
        found, missing = [], []
        with console(f"finding keypoints in real clips ({extractor.name})", "clip") as progress:
            for start in range(0, len(clips), CHUNK):
                progress(start, len(clips))
                try:
                    found.append(extractor(video[clips[start : start + CHUNK], -frames:]))
                except openface.MissingTables as error:  # the frames of the other clips are written, too
                    missing.append(error)
            progress(len(clips), len(clips))
        if missing:
            raise openface.MissingTables(sum(error.absent for error in missing), len(clips), missing[0].tables)
        save_file({"points": np.concatenate(found)}, partial)

    points: Points = load_file(make_once(cache_dir() / "keypoints" / f"{name}.safetensors", make))["points"]
    return points
