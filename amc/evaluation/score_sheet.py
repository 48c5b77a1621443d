"""Score sheets: all scores of a run on the test split, per clip where possible. Needs no PyTorch.

A run is scored once when it ends, and again, without training, when the way of scoring has changed. A study has two
more sheets as references: of the real test clips, and of clips that repeat their first frame. A comparison of methods
has a third: of clips that repeat the last frame that a method may see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from amc.errors import UserError

VERSION = 1  # of the content of a sheet and the definition of its scores
# Keys of the reference sheets.
REAL, STILL, LAST_SEEN = "reference:real", "reference:still", "reference:last_seen"
DIGITS = 6  # significant digits that are stored


@dataclass(frozen=True)
class ScoreSheet:
    """The scores of one generator on C test clips of T frames.

    Attributes:
        label: (C,) the requested class; the same clips in the same order for every run of a study.
        subject: (C,) the subject of the given first frame; -1 if subjects are unknown.
        predicted: (C,) the prediction of the motion classifier.
        predicted_second: (C,) the prediction of the second classifier, trained with another seed.
        clips: (C,) each, one value per clip: `psnr` (dB) and `ssim` (-1 to 1) with true velocities, `diversity_noise`
            and `diversity_velocity` (mean absolute pixel difference of two draws, 0 to 1), `motion_energy` (mean
            absolute difference of neighbouring frames, 0 to 1), `lpips` if it was requested; all of these without the
            real frames that the method sees. `identity` (fraction of frames; measured on clips of training subjects).
            With a keypoint judge also `keypoint_accuracy` (1 if the keypoint classifier recognises the requested class,
            else 0), `keypoint_missing` (fraction of the frames that it looks at in which the extractor found nothing)
            and `keypoint_points_missing` (fraction of the keypoints in these frames that it did not find).
        frames: (T - 1,) each, means over clips: `psnr` and `ssim` of frames 2 to T, also of those that the method sees.
        numbers: one value for all clips: `frechet_distance` and `kernel_distance` on the motion classifier's features,
            `features` (number of clips they are based on), `fvd` if it was requested.
    """

    label: tuple[int, ...]
    subject: tuple[int, ...]
    predicted: tuple[int, ...]
    predicted_second: tuple[int, ...] = ()
    clips: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    frames: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, rounded to `DIGITS` digits; the inverse of `from_dict`."""
        content = asdict(self)
        for name in ("clips", "frames"):
            content[name] = {key: [_rounded(value) for value in values] for key, values in content[name].items()}
        content["numbers"] = {key: _rounded(value) for key, value in content["numbers"].items()}
        return {"version": VERSION, **content}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> ScoreSheet:
        """The sheet that `to_dict` wrote.

        Raises:
            UserError: the sheet has another version.
        """
        if content.get("version") != VERSION:
            raise UserError(
                f"a score sheet has version {content.get('version')}, this program reads {VERSION}: "
                "rerun the command of the study to score its runs again without training"
            )
        label, subject, predicted, second = (
            tuple(map(int, content[name])) for name in ("label", "subject", "predicted", "predicted_second")
        )
        clips, frames = (
            {key: tuple(map(float, values)) for key, values in content[name].items()} for name in ("clips", "frames")
        )
        numbers = {key: float(value) for key, value in content["numbers"].items()}
        return ScoreSheet(label, subject, predicted, second, clips, frames, numbers)


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
