"""The rows of the study record as frozen dataclasses: studies, trials, reports, imported trials and score sheets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amc.evaluation.score_sheet import ScoreSheet


@dataclass(frozen=True)
class StudyRow:
    """A study: what its trials share.

    Attributes:
        dataset: name, origin, fingerprint, clips, split (rule, seed and sizes), reduction, chance, real accuracies.
        settings: how it was asked for: sampler, pruner, workers, ...
        goal: what trials are judged by: names of `objectives`, the first of which is a trial's value, and
            `constraints` such as "time/step_seconds <= 0.5".
    """

    name: str
    uid: str
    kind: str
    preset: str
    seed: int
    dataset: Mapping[str, Any]
    config: Mapping[str, Any]
    space: Mapping[str, Any]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    created: float
    goal: Mapping[str, Any] = field(default_factory=lambda: {"objectives": ["accuracy"], "constraints": []})


@dataclass(frozen=True)
class TrialRow:
    """A trial as the record has it; the columns' comments in `trial_table` say what each field is."""

    study: str
    key: str
    role: str
    number: int
    parent: str | None
    state: str
    params: Mapping[str, Any]
    config: Mapping[str, Any]
    seed: int
    budget: int
    step: int = 0
    value: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    attempts: int = 0
    stalls: int = 0
    seconds: float = 0.0
    reason: str = ""
    mlflow_run_id: str | None = None
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    values: Mapping[str, float | None] = field(default_factory=dict)
    violation: float | None = None
    alone: bool = False


@dataclass(frozen=True)
class Point:
    """One report of a trial: all its metrics at one training step."""

    id: int
    key: str
    step: int
    attempt: int
    timestamp: int  # milliseconds since 1970
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Score:
    """How a trial stands at a step.

    Attributes:
        values: every objective in the study's order, larger is better; NaN where it was not measured.
        violation: of the study's constraints, 0 if all hold.
    """

    values: tuple[float, ...]
    violation: float = 0.0

    @property
    def known(self) -> bool:
        """Whether every objective was measured."""
        return not any(map(math.isnan, self.values))


@dataclass(frozen=True)
class ImportedRow:
    """An ended trial of another study; the columns' comments in `imported_table` say what each field is."""

    study: str
    source: str
    key: str
    source_uid: str
    number: int
    state: str
    preset: str
    dataset: Mapping[str, Any]
    config: Mapping[str, Any]
    budget: int
    curve: Mapping[int, Mapping[str, float]]  # {step: metrics}


@dataclass(frozen=True)
class SheetRow:
    """A sheet as the record has it.

    Attributes:
        key: the trial's, or `REAL` or `STILL`.
        scorer: a digest of all that decides what is measured and how; another one asks for scoring again.
        created: seconds since 1970.
    """

    study: str
    key: str
    scorer: str
    created: float
    content: Mapping[str, Any]

    @property
    def sheet(self) -> ScoreSheet:
        """The content, read."""
        return ScoreSheet.from_dict(self.content)


def scored(value: float | None, values: Mapping[str, float | None], violation: float | None) -> Score:
    """A score from the columns of a trial or a report; without `values` there is the one objective."""
    found = tuple(values.values()) or (value,)
    return Score(tuple(math.nan if number is None else number for number in found), violation or 0.0)
