"""Checkpoints for LPIPS and FVD that the user provides with --lpips and --fvd."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amc.config import Config
from amc.errors import UserError
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
    """

    paths: dict[str, str]
    digests: dict[str, str] = field(default_factory=dict)

    def check(self, config: Config) -> None:
        """Checks that the metrics can measure clips of this configuration, before anything is trained.

        Raises:
            UserError: The clips are too short for FVD.
        """
        if "fvd" in self.paths:
            check_length(config.model.frames - 1)  # the first frame is given, not generated


def load_checkpoints(lpips: Path | None, fvd: Path | None) -> MetricCheckpoints:
    """The files of `--lpips` and `--fvd`, each read once, so that an unusable one is reported early.

    Raises:
        UserError: A file is missing, broken, or a checkpoint of another network.
    """
    given = {name: path for name, path in (("lpips", lpips), ("fvd", fvd)) if path is not None and path != NONE}
    digests = {name: _DIGEST[name](path) for name, path in given.items()}
    return MetricCheckpoints({name: str(path.absolute()) for name, path in given.items()}, digests)


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
    return MetricCheckpoints(paths, digests)
