"""Metrics that are measured on request: LPIPS and FVD by the user's checkpoints, and keypoints by an extractor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amc.config import Config
from amc.data.training_data import TrainingData
from amc.errors import UserError
from amc.evaluation.keypoints.judge import check_extractor
from amc.evaluation.metrics.fvd import check_length, load_fvd
from amc.evaluation.metrics.lpips import load_lpips

NONE = Path("none")
_DIGEST: Mapping[str, Callable[[Path], str]] = {
    "lpips": lambda path: load_lpips(path).digest,
    "fvd": lambda path: load_fvd(path).digest,
}


@dataclass(frozen=True)
class MetricCheckpoints:
    """Checkpoints by metric, `lpips` or `fvd`; metrics without one are not measured.

    Attributes:
        paths: absolute paths of the files.
        digests: SHA-256 of the files.
        extractor: of keypoints, as in --extractor; None if no keypoint classifier scores the runs.
    """

    paths: dict[str, str]
    digests: dict[str, str] = field(default_factory=dict)
    extractor: str | None = None

    def check(self, config: Config, data: TrainingData) -> None:
        """Checks that the metrics can measure clips of this configuration, before anything is trained.

        Raises:
            UserError: The clips are too short for FVD, or have no keypoints that the extractor could learn from.
        """
        if "fvd" in self.paths:
            check_length(config.model.frames - 1)  # the first frame is given, not generated
        if self.extractor:
            check_extractor(self.extractor, data)

    def settings(self) -> dict[str, Any]:
        """What the study's record keeps of them."""
        return {
            **self.paths,
            **({"digests": self.digests} if self.digests else {}),
            **({"extractor": self.extractor} if self.extractor else {}),
        }


def load_checkpoints(lpips: Path | None, fvd: Path | None, extractor: str | None = None) -> MetricCheckpoints:
    """The files of `--lpips` and `--fvd`, each read once, and `--extractor`; an unusable one is reported early.

    Raises:
        UserError: A file is missing, broken, or a checkpoint of another network, or the extractor cannot be used.
    """
    asked = None if extractor in (None, str(NONE)) else check_extractor(str(extractor))
    given = {name: path for name, path in (("lpips", lpips), ("fvd", fvd)) if path is not None and path != NONE}
    digests = {name: _DIGEST[name](path) for name, path in given.items()}
    return MetricCheckpoints({name: str(path.absolute()) for name, path in given.items()}, digests, asked)


def with_recorded(given: MetricCheckpoints, dropped: Collection[str], recorded: Mapping[str, Any]) -> MetricCheckpoints:
    """The given checkpoints and those on record. Without the latter, every run would lose its scores by that metric.

    Args:
        dropped: metrics that the user no longer wants.
        recorded: settings of the study on record.

    Raises:
        UserError: A file that the study was scored with is missing or has changed.
    """
    paths, digests = dict(given.paths), dict(given.digests)
    for name in _DIGEST.keys() & recorded.keys() - given.paths.keys() - set(dropped):
        path = Path(recorded[name])
        advice = f"the study was scored with --{name} {path}: provide that file again, or give --{name} none"
        try:
            digest = _DIGEST[name](path)
        except UserError as error:
            raise UserError(f"{error}; {advice}") from error
        if digest != recorded.get("digests", {}).get(name, digest):
            raise UserError(f"{path} has changed; {advice}")
        paths[name], digests[name] = str(path), digest
    extractor = given.extractor or (None if "extractor" in dropped else recorded.get("extractor"))
    if extractor and not given.extractor:
        try:
            check_extractor(extractor)
        except UserError as error:
            raise UserError(f"{error}; the study was scored with it: provide it, or give --extractor none") from error
    return MetricCheckpoints(paths, digests, extractor)
