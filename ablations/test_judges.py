"""What judges an ablation's runs at their end: classifiers, made once by the driver, and networks that a user gives."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amc.config import Config
from amc.data.prepared import TrainingData
from amc.errors import UserError
from amc.evaluation.judges.standard import JUDGE
from amc.evaluation.metrics.fvd import check_length, load_fvd
from amc.evaluation.metrics.lpips import load_lpips
from amc.evaluation.scores import Judges, cached_judges, has_subjects
from tuning.cli.test_judges import others

NONE = Path("none")
_LOAD: Mapping[str, Callable[[Path], str]] = {
    "lpips": lambda path: load_lpips(path).digest,
    "fvd": lambda path: load_fvd(path).digest,
}


@dataclass(frozen=True)
class Options:
    """Checkpoints that the user has given.

    Attributes:
        named: their absolute paths by the name of the job setting; those that were given alone.
        digests: SHA-256 of the files by the same names.
    """

    named: dict[str, str]
    digests: dict[str, str] = field(default_factory=dict)

    def check(self, config: Config) -> None:
        """Refuses what can't measure clips of `config`, before anything is trained for it.

        Raises:
            UserError: clips too short for FVD.
        """
        if "fvd" in self.named:
            check_length(config.model.frames - 1)  # the first is given


def checked_options(lpips: Path | None, fvd: Path | None) -> Options:
    """The files of `--lpips` and `--fvd`, each read once so that a wrong one is known before anything begins.

    Raises:
        UserError: a file that is missing, broken, or of something else.
    """
    digests: dict[str, str] = {}
    given = {name: path for name, path in (("lpips", lpips), ("fvd", fvd)) if path not in (None, NONE)}
    for name, path in given.items():
        digests[name] = _LOAD[name](path)
    return Options({name: str(path.absolute()) for name, path in given.items() if path is not None}, digests)


def with_recorded(asked: Options, dropped: Collection[str], known: Mapping[str, Any]) -> Options:
    """What is asked for, and what the study on record was scored with: without it all runs would lose these scores.

    Args:
        dropped: names that the user does not want any more.
        known: the study's settings.

    Raises:
        UserError: a file that the study was scored with is gone, or another one by now.
    """
    named, digests = dict(asked.named), dict(asked.digests)
    for name in _LOAD.keys() & known.keys() - asked.named.keys() - set(dropped):
        path = Path(known[name])
        again = f"the study was scored with --{name} {path}: give it again, or --{name} none"
        try:
            digest = _LOAD[name](path)
        except UserError as error:
            raise UserError(f"{error}; {again}") from error
        if digest != known.get("digests", {}).get(name, digest):
            raise UserError(f"{path} is another file by now; {again}")
        named[name], digests[name] = str(path), digest
    return Options(named, digests)


def prepared_judges(config: Config, data: TrainingData, asked: Options) -> Judges:
    """The judges, trained now where need be, with progress on the screen.

    Where the data have too few subjects nothing can tell them apart: a line says so, and identity is not measured.
    """
    others(config, data)
    if not has_subjects(data):
        print("identity kept is not measured: too few training subjects to tell apart", file=sys.stderr)
    return cached_judges(config, data, {"classifier_seed": JUDGE, **asked.named})
