"""What a study of arms by seeds has found so far: the one thing that tables, figures and report are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from amc.evaluation.score_sheet import ScoreSheet
from analysis.record.rows import StudyRow
from analysis.record.states import COMPLETE, FAILED

OURS = "ours"
ACCURACY = "test/accuracy"

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ArmRun:
    """One trial of an arm.

    Attributes:
        seed: pairs runs of different arms: the training seed without the shift of an arm that has seeds of its own.
        accuracy: on the test split, 0 to 1; None until the run is complete, and where it was not scored in the same
            way as the others.
        sheet: clip by clip, of the study's scorer; None in records older than score sheets and until a run is scored.
        curve: {training step: accuracy on the validation split}.
        cost: seconds of training and scoring.
    """

    key: str
    seed: int
    state: str
    accuracy: float | None
    sheet: ScoreSheet | None
    curve: Mapping[int, float]
    cost: float
    attempts: int
    reason: str
    budget: int


@dataclass(frozen=True)
class ArmScores:
    """An arm and its runs.

    Attributes:
        paper: accuracy in percent that the paper reports; None where it has no such row.
        of: the two arms that this one combines; empty for most.
        runs: all that the record has, by seed.
        planned: runs that were asked for, by the command that made the study last or by one before it.
    """

    slug: str
    title: str
    paper: float | None
    changes: Mapping[str, Any]
    of: tuple[str, ...]
    runs: tuple[ArmRun, ...]
    planned: int

    @cached_property
    def complete(self) -> tuple[ArmRun, ...]:
        """The runs that are complete, scored or not, by seed."""
        return tuple(run for run in self.runs if run.state == COMPLETE)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the complete runs, ascending."""
        return tuple(run.seed for run in self.complete)

    @cached_property
    def sheets(self) -> dict[int, ScoreSheet]:
        """{seed: sheet} of the complete runs that have one."""
        return {run.seed: run.sheet for run in self.complete if run.sheet is not None}

    @cached_property
    def accuracies(self) -> dict[int, float]:
        """{seed: test accuracy, 0 to 1}."""
        return {run.seed: run.accuracy for run in self.complete if run.accuracy is not None}

    @cached_property
    def curves(self) -> dict[int, Mapping[int, float]]:
        """{seed: {step: validation accuracy}} of the complete runs."""
        return {run.seed: run.curve for run in self.complete}

    @cached_property
    def correct(self) -> Bools:
        """(S, C): whether the motion classifier sees the class that was asked for; rows as in `sheets`."""
        return _rows([correct(sheet) for sheet in self.sheets.values()])

    @property
    def cost(self) -> float:
        """Seconds that all runs took, complete or not."""
        return sum(run.cost for run in self.runs)


@dataclass(frozen=True)
class StudyScores:
    """A study of arms by seeds.

    Attributes:
        arms: in the table's order, those without runs among them.
        real: scores of the test clips themselves; None where there are none of the study's scorer.
        still: scores of clips that repeat their first frame.
        chance: accuracy of guessing, 0 to 1.
        class_names: K, in the order of the labels.
        clipwise: whether runs have sheets, so that statistics cross seeds and clips.
        unscored: complete runs without a sheet of the study's scorer, which are left out; 0 if no run has a sheet.
        scorer: digest of the one scorer that all figures are by; empty if no run has a sheet.
    """

    row: StudyRow
    arms: tuple[ArmScores, ...]
    real: ScoreSheet | None
    still: ScoreSheet | None
    chance: float
    class_names: tuple[str, ...]
    clipwise: bool
    unscored: int = 0
    scorer: str = ""

    @property
    def planned(self) -> int:
        """Runs that were asked for."""
        return sum(arm.planned for arm in self.arms)

    @property
    def finished(self) -> int:
        """Runs that are complete."""
        return sum(len(arm.complete) for arm in self.arms)

    @cached_property
    def failed(self) -> tuple[ArmRun, ...]:
        """Runs that were given up."""
        return tuple(run for arm in self.arms for run in arm.runs if run.state == FAILED)

    @cached_property
    def by_slug(self) -> dict[str, ArmScores]:
        """The arms by name."""
        return {arm.slug: arm for arm in self.arms}

    @property
    def ours(self) -> ArmScores | None:
        """The arm that all are compared to."""
        return self.by_slug.get(OURS)

    @property
    def real_accuracy(self) -> float:
        """Of the motion classifier on the test clips themselves, 0 to 1; of the data set's facts without a sheet."""
        if self.real is not None:
            return float(correct(self.real).mean())
        return float(self.row.dataset["real_accuracy"]["test"])

    @property
    def guessing(self) -> tuple[float, float]:
        """Least and most that a generator can reach that is not told the class, 0 to 1.

        Whatever it shows, its accuracy is a mean of the classes' shares among the test clips; without a sheet chance
        is all that is known.
        """
        known = self.real or next((sheet for arm in self.arms for sheet in arm.sheets.values()), None)
        if known is None:
            return self.chance, self.chance
        shares = np.bincount(known.label, minlength=len(self.class_names)) / len(known.label)
        return float(shares.min()), float(shares.max())

    @property
    def still_accuracy(self) -> float | None:
        """Of the motion classifier on clips that repeat their first frame, 0 to 1; None where not measured."""
        return None if self.still is None else float(correct(self.still).mean())


def correct(sheet: ScoreSheet, *, second: bool = False) -> Bools:
    """(C,): whether the motion classifier, or the second one, sees the class that was asked for."""
    predicted = sheet.predicted_second if second else sheet.predicted
    right: Bools = np.equal(np.asarray(predicted), np.asarray(sheet.label))
    return right


def _rows(rows: Sequence[Bools]) -> Bools:
    stacked: Bools = np.stack(rows) if rows else np.zeros((0, 0), dtype=np.bool_)
    return stacked
