"""Score sheets: what was measured of a run's generated clips on the test split, clip by clip where it can be.

A run is scored once when it ends, and again (without training) when the way of scoring changed. Beside the runs' sheets
a study has two of its own: the test clips themselves, and clips that repeat their first frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from amc.errors import UserError

VERSION = 1  # of what a sheet holds and how it is measured
REAL, STILL = "reference:real", "reference:still"  # keys of the study's own sheets
DIGITS = 6  # significant, of what is kept


@dataclass(frozen=True)
class ScoreSheet:
    """The scores of one generator on C test clips of T frames.

    Attributes:
        label: (C,) the class that was asked for; the same clips in the same order for every run of a study.
        subject: (C,) whose first frame was given; -1 where subjects are unknown.
        predicted: (C,) the class that the motion classifier sees.
        predicted_second: (C,) the class that the second classifier sees, trained with another seed.
        clips: (C,) each, a value a clip: `psnr` (dB) and `ssim` (-1 to 1) with true velocities, `diversity_noise` and
            `diversity_velocity` (mean absolute pixel difference of two draws, 0 to 1), `motion_energy` (mean absolute
            difference of neighbouring frames, 0 to 1), `identity` (fraction of frames; of other clips, those of
            training subjects), `lpips` where it was asked for.
        frames: (T - 1,) each, means over clips: `psnr` and `ssim` of frames 2 to T.
        numbers: one value for all clips: `frechet_distance` and `kernel_distance` on the motion classifier's features,
            `features` (clips that they are of), `fvd` where it was asked for.
    """

    label: tuple[int, ...]
    subject: tuple[int, ...]
    predicted: tuple[int, ...]
    predicted_second: tuple[int, ...] = ()
    clips: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    frames: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, numbers rounded to `DIGITS`; the inverse of `from_dict`."""
        content = asdict(self)
        for name in ("clips", "frames"):
            content[name] = {key: [_rounded(value) for value in values] for key, values in content[name].items()}
        content["numbers"] = {key: _rounded(value) for key, value in content["numbers"].items()}
        return {"version": VERSION, **content}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> ScoreSheet:
        """The sheet that `to_dict` wrote.

        Raises:
            UserError: it is of another version.
        """
        if content.get("version") != VERSION:
            raise UserError(
                f"a score sheet is of version {content.get('version')}, this program reads {VERSION}: "
                "run the command that made the study again, it scores again without training"
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
