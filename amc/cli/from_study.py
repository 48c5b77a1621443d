"""`--from-study`: trains the configuration of a study's trial, for example at another preset.

Studies are kept by another package, which this one does not import. It offers its look-up as an entry point of the
group `amc.studies`: a function `(runs, study, trial) -> TrialConfig`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from amc.config import DATASETS, Config, with_overrides
from amc.dotted_fields import shown
from amc.errors import UserError

ENTRY_POINTS = "amc.studies"


@dataclass(frozen=True)
class TrialConfig:
    """The configuration of one trial of a study.

    Attributes:
        study: its name.
        trial: key of the trial, such as `trial-0004`.
        state: of the trial, such as COMPLETE.
        preset: of the study.
        dataset: name of the study's data.
        origin: of these data: `procedural`, `natops`, `mug` or `folder`.
        value: validation accuracy of the trial, a fraction; None without one.
        method: name of the method that the study searched.
        settings: by dotted name: what the study fixed for all trials, and the parameters of this one.
    """

    study: str
    trial: str
    state: str
    preset: str
    dataset: str
    origin: str
    value: float | None
    method: str
    settings: Mapping[str, Any]

    def implied_dataset(self) -> str:
        """The value of `--dataset` if the user gave neither that nor `--data`.

        Raises:
            UserError: the study used a clip file, which its name alone does not lead to.
        """
        if self.dataset not in DATASETS:
            raise UserError(f"study {self.study} used the clip file {self.dataset!r}: give it with --data FILE.h5")
        # Checked before a stand-in is made, which may take long.
        if self.origin != "procedural" and not os.environ.get("AMC_DATA"):
            raise UserError(
                f"study {self.study} used a clip file (origin={self.origin}): give it with --data FILE.h5, "
                f"or give --dataset {self.dataset} to use the stand-in"
            )
        return self.dataset

    def check_origin(self, origin: str) -> None:
        """Checks that the data found by the study's data set name have the study's origin.

        Raises:
            UserError: a stand-in would silently replace real clips, or the other way round.
        """
        if origin != self.origin:
            raise UserError(
                f"study {self.study} used data of origin={self.origin}, but {self.dataset} here has origin={origin}: "
                f"give the study's clip file with --data FILE.h5, or give --dataset {self.dataset} to use the data here"
            )

    def without(self, name: str) -> TrialConfig:
        """The same without one setting."""
        return replace(self, settings={key: value for key, value in self.settings.items() if key != name})

    def applied(self, config: Config) -> Config:
        """`config` with the trial's settings."""
        return with_overrides(config, self.settings)

    def announcement(self, config: Config) -> str:
        """One line that says which trial's settings are used and what they change in `config`."""
        before, after = config.flat(), self.applied(config).flat()
        changed = [
            f"{name} {shown(before[name])} -> {shown(value)}" for name, value in after.items() if value != before[name]
        ]
        accuracy = "" if self.value is None else f", validation accuracy {self.value:.1%}"
        state = "" if self.state == "COMPLETE" else f", {self.state}"
        return (
            f"configuration: {len(self.settings)} settings of {self.trial} of study {self.study} "
            f"({self.dataset}, preset {self.preset}{state}{accuracy}); changes to preset {config.preset}: "
            f"{', '.join(changed) or 'none'}"
        )


def find_config(runs: Path, study: str, trial: str | None, base: Config) -> TrialConfig:
    """The configuration of a trial of the study in RUNS/STUDY.

    Args:
        runs: the folder of studies.
        study: its name.
        trial: key or number of the trial; None for the best one.
        base: a configuration of the method that is to be trained, of any data set and preset.

    Raises:
        UserError: there is no such study or trial, it has another method, its settings do not fit this version's
            configuration, or no installed package can look studies up.
    """
    offered = list(entry_points(group=ENTRY_POINTS))
    if not offered:
        raise UserError(
            "--from-study: no installed package can look up studies: install this project with "
            "'pip install -e .' in its folder, or the amc-gan package"
        )
    found: TrialConfig = offered[0].load()(runs, study, trial)
    if found.method != base.method.name:
        raise UserError(f"study {study} searched method {found.method!r}: give --method {found.method}")
    try:
        found.applied(base)  # all presets have the same names and types of settings
    except UserError as error:
        raise UserError(f"the settings of {found.trial} of study {study} cannot be used: {error}") from error
    return found
