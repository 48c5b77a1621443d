"""68 facial landmarks by dlib, an optional dependency, with a predictor file that the user provides.

dlib's predictor gives landmarks for any box, so only boxes of its face detector count: a frame without one has none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc.data.datasets.landmarks import LANDMARKS
from amc.errors import UserError
from amc.evaluation.keypoints.enlarged import enlarged, from_enlarged
from amc.evaluation.keypoints.extractor import Points

NAME = "dlib"
FILE = "shape_predictor_68_face_landmarks.dat"
_HOW = f"give --extractor {NAME}:PATH/{FILE} (dlib.net/files)"


@dataclass(frozen=True)
class Dlib:
    """dlib's frontal face detector and its predictor of 68 landmarks."""

    detector: Any
    predictor: Any
    key: str
    name: str = NAME

    def __call__(self, frames: NDArray[np.uint8], /) -> Points:
        """The landmarks (n, t, 68, 2) of clips (n, t, H, W, 3), of the largest face in each frame."""
        points = np.full((*frames.shape[:2], LANDMARKS, 2), np.nan, np.float32)
        for number, clip in enumerate(frames):
            found = np.stack([self._landmarks(frame) for frame in enlarged(clip)])
            points[number] = from_enlarged(found, clip.shape[1])
        return points

    def about(self) -> Mapping[str, Any]:
        """The hash of the predictor file."""
        return {"extractor": self.name, "predictor": self.key}

    def _landmarks(self, image: NDArray[np.uint8]) -> NDArray[np.float64]:
        faces = list(self.detector(image, 1)) or list(self.detector(image, 0))
        if not faces:
            return np.full((LANDMARKS, 2), np.nan)
        shape = self.predictor(image, max(faces, key=lambda box: box.area()))
        return np.array([(shape.part(i).x, shape.part(i).y) for i in range(LANDMARKS)], np.float64)


def load_dlib(given: Path | None) -> Dlib:
    """dlib with the predictor in a file.

    Raises:
        UserError: dlib is not installed, or the file is missing or is not a predictor of 68 landmarks.
    """
    try:
        import dlib
    except ImportError as error:
        raise UserError(
            f"--extractor {NAME}: dlib is not installed; run `pip install 'amc-gan[dlib]'`, then {_HOW}"
        ) from error
    if given is None:
        raise UserError(f"--extractor {NAME} needs a file of weights: {_HOW}")
    if not given.is_file():
        raise UserError(f"--extractor {NAME}:{given}: file not found; {_HOW}")
    try:
        predictor = dlib.shape_predictor(str(given))
        blank = predictor(np.zeros((8, 8, 3), np.uint8), dlib.rectangle(0, 0, 7, 7))
    except RuntimeError as error:
        raise UserError(f"--extractor {NAME}:{given} is not a dlib shape predictor; {_HOW}") from error
    if blank.num_parts != LANDMARKS:
        raise UserError(f"--extractor {NAME}:{given} predicts {blank.num_parts} landmarks, not {LANDMARKS}; {_HOW}")
    with given.open("rb") as file:
        key = hashlib.file_digest(file, "sha256").hexdigest()
    return Dlib(dlib.get_frontal_face_detector(), predictor, key)
