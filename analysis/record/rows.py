"""The rows of the study record as frozen dataclasses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amc.evaluation.score_sheet import ScoreSheet
from analysis.record.equal_accuracies import ACCURACY, objective_value


@dataclass(frozen=True)
class StudyRow:
    """A study: what its trials have in common.

    Attributes:
        dataset: name, origin, fingerprint, clips, split (rule, seed and sizes), reduction, chance, real accuracies.
        settings: how the study was requested: sampler, pruner, workers and so on.
        goal: how trials are judged: `objectives` (names; the first one is a trial's value) and `constraints`, such as
            "time/step_seconds <= 0.5".
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
    """A trial; `schema.trial_table` describes the fields."""

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
    log_likelihood: float | None = None  # stored in the column `values`


@dataclass(frozen=True)
class TrialStage:
    """The few facts of a trial that show whether MLflow needs an update.

    Attributes:
        started: whether an attempt has started.
        scored: when its score sheet was made, in seconds since 1970; 0 without one.
    """

    state: str
    started: bool
    scored: float = 0.0


@dataclass(frozen=True)
class Point:
    """One report of a trial: all metrics at one training step."""

    id: int
    key: str
    step: int
    attempt: int
    timestamp: int  # milliseconds since 1970
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Score:
    """The objectives and constraints of a trial at one step.

    Attributes:
        values: one per objective, in the study's order; larger is better, NaN if not measured. An accuracy includes
            the term that orders equal accuracies (`analysis.record.equal_accuracies`).
        violation: of the study's constraints; 0 if all hold.
    """

    values: tuple[float, ...]
    violation: float = 0.0

    @classmethod
    def from_columns(
        cls,
        value: float | None,
        values: Mapping[str, float | None],
        violation: float | None,
        log_likelihood: float | None,
    ) -> Score:
        """Builds a score from columns of a trial or report; if `values` is empty, `value`, an accuracy, is the only
        objective."""
        measured = {name: math.nan if number is None else number for name, number in values.items()}
        measured = measured or {ACCURACY: math.nan if value is None else value}
        if ACCURACY in measured:
            measured[ACCURACY] = objective_value(measured[ACCURACY], log_likelihood)
        return cls(tuple(measured.values()), violation or 0.0)

    @property
    def known(self) -> bool:
        """Whether every objective was measured."""
        return not any(map(math.isnan, self.values))


@dataclass(frozen=True)
class ImportedRow:
    """An ended trial of another study; `schema.imported_table` describes the fields."""

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
    """A score sheet.

    Attributes:
        key: of the trial, or `REAL` or `STILL` for a reference of the study.
        scorer: digest of everything that determines the scores; if it differs, the trial is scored again.
        created: seconds since 1970.
        content: `ScoreSheet.to_dict()`.
    """

    study: str
    key: str
    scorer: str
    created: float
    content: Mapping[str, Any]

    @property
    def sheet(self) -> ScoreSheet:
        """The content as a `ScoreSheet`."""
        return ScoreSheet.from_dict(self.content)


@dataclass(frozen=True)
class Snapshot:
    """A study at one moment.

    Attributes:
        trials: of all roles, ordered by role and number.
        reports: ordered by trial and step.
        sheets: the score sheets of trials and references, by key.
    """

    study: StudyRow
    trials: tuple[TrialRow, ...]
    reports: tuple[Point, ...]
    sheets: Mapping[str, SheetRow]


@dataclass(frozen=True)
class MlflowCursor:
    """How much of a trial (or of the study itself, with key "") has been copied to one MLflow store.

    Attributes:
        cursor: id of the last point copied.
        described: whether the parameters have been copied.
        pictured: whether the sample clips have been copied.
        status: the last run status written.
        scored: `created` of the score sheet copied; 0 for none.
    """

    run_id: str
    cursor: int = 0
    described: bool = False
    pictured: bool = False
    status: str = ""
    scored: float = 0.0


@dataclass(frozen=True)
class CommandRow:
    """A command by which a person steers a running study; `schema.command_table` describes the fields."""

    id: int
    uid: str
    study: str
    created: float
    author: str
    kind: str
    arguments: Mapping[str, Any]
    taken: float | None = None
    outcome: str = ""
    message: str = ""

    @property
    def text(self) -> str:
        """The command as it was typed, such as "stop-trial trial-0003"."""
        return " ".join([self.kind, *map(str, self.arguments.values())])
