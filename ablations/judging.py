"""What judges an ablation's runs at their end: classifiers, made once by the driver, and networks that a user gives."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from amc.config import Config
from amc.data.prepared import TrainingData
from amc.evaluation.fvd import check_length, load_fvd
from amc.evaluation.lpips import load_lpips
from amc.evaluation.scoring import Judges, cached_judges, has_subjects
from amc.training.finished import JUDGE
from tuning.judging import others


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
    if lpips is not None:
        digests["lpips"] = load_lpips(lpips).digest
    if fvd is not None:
        digests["fvd"] = load_fvd(fvd).digest
    given = {"lpips": lpips, "fvd": fvd}
    return Options({name: str(path.absolute()) for name, path in given.items() if path is not None}, digests)


def prepared_judges(config: Config, data: TrainingData, asked: Options) -> Judges:
    """The judges, trained now where need be, with progress on the screen.

    Where the data have too few subjects nothing can tell them apart: a line says so, and identity is not measured.
    """
    others(config, data)
    if not has_subjects(data):
        print("identity kept is not measured: too few training subjects to tell apart", file=sys.stderr)
    return cached_judges(config, data, {"classifier_seed": JUDGE, **asked.named})
