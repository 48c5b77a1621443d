"""A job, which a worker is given, and its outcome, which a worker returns. Both travel between processes as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Protocol


class Reporter(Protocol):
    """How a trial reports to its study."""

    def __call__(self, step: int, metrics: Mapping[str, float], /) -> bool:
        """Reports metrics at a training step; False means that the trial is pruned and must stop."""
        ...

    def pausing(self) -> bool:
        """Whether the trial must save a checkpoint and pause; cheap enough to be called before every step."""
        ...


@dataclass(frozen=True)
class TrialSettings:
    """What a trial needs besides its configuration; the same for all trials of a study.

    Attributes:
        data: path of the clip file.
        classifier_seed: seed of the motion classifier that trials are evaluated with.
        objectives: names of the objectives that a trial must measure (`tuning.search.objectives`).
        score_test: every trial is scored on the test split at its end, not only confirming runs.
        lpips, fvd: files of weights for these metrics; None leaves the metric out.
        extractor: of the keypoints that the keypoint classifier scores; None leaves it out.
    """

    data: str = ""
    classifier_seed: int = 0
    objectives: tuple[str, ...] = ()
    score_test: bool = False
    lpips: str | None = None
    fvd: str | None = None
    extractor: str | None = None

    def files(self) -> dict[str, str]:
        """The settings that name a file, by field: every node that runs trials needs these files."""
        named = {"data": self.data, "lpips": self.lpips, "fvd": self.fvd}
        return {name: path for name, path in named.items() if path}

    def with_files(self, paths: Mapping[str, str]) -> TrialSettings:
        """The same with other paths for the fields that `files` names."""
        values: dict[str, Any] = {**paths}
        return replace(self, **values)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self) | {"objectives": list(self.objectives)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> TrialSettings:
        """The inverse of `to_dict`."""
        return TrialSettings(**{**values, "objectives": tuple(values["objectives"])})


@dataclass(frozen=True)
class Job:
    """One attempt at one trial.

    Attributes:
        trainable: `package.module:function`, called as `function(job, report, directory)`.
        config: the complete configuration, as `amc.config.Config.to_dict` gives it.
        params: the searched parameters by dotted name; `config` includes them.
        budget: training steps of the complete trial.
        directory: checkpoint folder of this attempt.
        samples: folder of sample pictures; it outlives the checkpoints.
        settings: see `TrialSettings`.
        extra: JSON values for trainables other than `tuning.workers.trial`, such as a benchmark's or a test's.
        memory: limit in bytes; None is no limit.
        alone: the trial gets a device to itself, because it ran out of memory beside others.
        pause_file: see `tuning.workers.pause_file`.
        generator: file for the trained generator, if the run is scored on the test split.
    """

    study: str
    key: str
    role: str
    attempt: int
    trainable: str
    config: Mapping[str, Any]
    params: Mapping[str, Any]
    seed: int
    budget: int
    directory: str
    samples: str
    log: str
    settings: TrialSettings = field(default_factory=TrialSettings)
    extra: Mapping[str, Any] = field(default_factory=dict)
    memory: int | None = None
    alone: bool = False
    pause_file: str = ""
    generator: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {one.name: getattr(self, one.name) for one in fields(self)} | {"settings": self.settings.to_dict()}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Job:
        """The inverse of `to_dict`."""
        return Job(**{**values, "settings": TrialSettings.from_dict(values["settings"])})

    def dumps(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict())

    @staticmethod
    def loads(text: str) -> Job:
        """The inverse of `dumps`."""
        return Job.from_dict(json.loads(text))


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended, if its process did not crash.

    Attributes:
        value: the first objective, if the trial ran to its budget.
        scores: metrics measured once at the end, such as accuracy on the test split.
        failure: why the trial failed; empty if it did not.
        note: what a complete trial lacks, and why.
        cause: of the failure, if it lies outside the trial (`tuning.workers.failures`).
        paused: the trial saved a checkpoint; its next attempt resumes from there.
        sheet: the score sheet as JSON values; None if the trial was not scored on the test split.
        scorer: identifies the way of scoring that made the sheet.
    """

    value: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""
    note: str = ""
    cause: str = ""
    paused: bool = False
    sheet: Mapping[str, Any] | None = field(default=None, repr=False)  # too long for the log
    scorer: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `Outcome(**…)` is the inverse."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {"scores": dict(self.scores), "sheet": None if self.sheet is None else dict(self.sheet)}


Trainable = Callable[[Job, Reporter, Path], Outcome]
