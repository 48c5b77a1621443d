"""What a worker is given, and what it gives back. Both travel as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol


class Reporter(Protocol):
    """A trial's way to its study."""

    def __call__(self, step: int, metrics: Mapping[str, float], /) -> bool:
        """Tells how the trial stands; False means: stop now, this trial is not worth more."""
        ...

    def pausing(self) -> bool:
        """Whether the trial shall save a checkpoint and end for now; cheap enough to be asked before every step."""
        ...


@dataclass(frozen=True)
class Job:
    """One attempt at one trial.

    Attributes:
        trainable: `package.module:function`, called as `function(job, report, directory)`.
        params: dotted names that the search chose; `config` is complete and has them in it.
        directory: of this attempt's checkpoints.
        samples: where pictures are kept that outlive the checkpoints.
        generator: where a run that is scored on the test split leaves its generator.
        settings: what the trainable needs besides the configuration, such as where the data are.
        memory: bytes that it may take; None is no limit.
        alone: it has its device to itself, since it ran out of memory beside others.
        pause_file: the file in which its driver asks it to pause (`tuning.workers.pause_file`).
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
    settings: Mapping[str, Any] = field(default_factory=dict)
    memory: int | None = None
    alone: bool = False
    pause_file: str = ""
    generator: str = ""

    def dumps(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def loads(text: str) -> Job:
        """The inverse of `dumps`."""
        return Job(**json.loads(text))


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended by itself.

    Attributes:
        value: the objective, where the trial ran to its end.
        scores: measured once at the end, such as accuracy on the test split.
        failure: why it failed; empty if it did not.
        cause: of the failure, if it is not the trial's own (`tuning.workers.failures`).
        paused: it saved a checkpoint and goes on from there in its next attempt.
        sheet: its score sheet (`amc.evaluation.score_sheet`), as JSON values; None where it was not scored on the test
        split.
        scorer: which way of scoring the sheet is of.
    """

    value: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""
    cause: str = ""
    paused: bool = False
    sheet: Mapping[str, Any] | None = field(default=None, repr=False)  # the log needs none of it
    scorer: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; `Outcome(**…)` is the inverse."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {"scores": dict(self.scores), "sheet": None if self.sheet is None else dict(self.sheet)}


Trainable = Callable[[Job, Reporter, Path], Outcome]
