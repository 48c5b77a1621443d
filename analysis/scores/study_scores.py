"""Scores of an ablation study (arms by seeds), from which tables, figures and the report are made.

In a comparison of methods the arms are methods, and Ours is AMC-GAN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from amc.evaluation.score_sheet import ScoreSheet
from analysis.record.rows import StudyRow
from analysis.record.states import COMPLETE, FAILED, OURS

ACCURACY = "test/accuracy"

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TestFolds:
    """Which clips each run was tested on, in a study with folds over subjects.

    Attributes:
        fold: {seed: fold}.
        subjects: {fold: (C,) subject of each test clip}; without the folds whose subjects are unknown.
    """

    fold: Mapping[int, int]
    subjects: Mapping[int, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class ArmRun:
    """One run of an arm.

    Attributes:
        seed: index that pairs runs of different arms; the training seed minus the arm's seed shift, if it has one.
        accuracy: test accuracy, 0 to 1; None if the run is not complete or was not scored like the others.
        sheet: score sheet by the study's scorer; None if there is none.
        curve: {training step: validation accuracy}.
        cost: seconds of training and scoring.
        fold: which part of the subjects it was tested on; None if all runs have the same test split.
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
    fold: int | None = None


@dataclass(frozen=True)
class ArmScores:
    """An arm and its runs.

    Attributes:
        paper: accuracy that the paper reports, in percent; None if it has no such row.
        of: the two arms that this one combines; empty for most arms.
        runs: all recorded runs, by seed.
        planned: number of runs requested so far.
        own_seeds: whether its training seeds differ from those of Ours.
        frames_seen: number of real frames that the method is given; None in a study of a single method.
        sees_motion: whether the method is also given the motion condition; None in a study of a single method.
        tuned: what the method's search found: `trial`, the key of its best trial; `is_base`, whether that is the one
            with the settings of the preset; `validation_accuracy` of that trial, in [0, 1]; `failed`, the number of
            trials that have no result. None if it was not tuned.
    """

    slug: str
    title: str
    paper: float | None
    changes: Mapping[str, Any]
    of: tuple[str, ...]
    runs: tuple[ArmRun, ...]
    planned: int
    own_seeds: bool = False
    frames_seen: int | None = None
    sees_motion: bool | None = None
    tuned: Mapping[str, Any] | None = None

    @property
    def is_control(self) -> bool:
        """Whether this is Ours again, with other seeds: it differs from Ours by chance alone."""
        return self.own_seeds and not self.changes

    @cached_property
    def complete(self) -> tuple[ArmRun, ...]:
        """The complete runs, scored or not, by seed."""
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
    def validations(self) -> dict[int, float]:
        """{seed: validation accuracy at the last step, 0 to 1} of the complete runs."""
        return {seed: curve[max(curve)] for seed, curve in self.curves.items() if curve}

    @property
    def cost(self) -> float:
        """Total seconds of all runs, complete or not."""
        return sum(run.cost for run in self.runs)


@dataclass(frozen=True)
class StudyScores:
    """Scores of an ablation study.

    Attributes:
        arms: in the table's order, including those without runs.
        real: score sheet of the real test clips; None if there is none by the study's scorer.
        still: score sheet of clips that repeat their first frame; None likewise.
        chance: accuracy of guessing, 0 to 1.
        class_names: K names, in the order of the labels.
        clipwise: whether runs have score sheets, so that statistics can treat seeds and clips as crossed.
        unscored: number of complete runs that are excluded because they have no sheet by the study's scorer; 0 if no
            run has a sheet.
        scorer: digest of the scorer that all scores come from; empty if no run has a sheet.
        last_seen: score sheet of clips that repeat the last frame that a method may see; None if there is none.
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
    last_seen: ScoreSheet | None = None

    @property
    def planned(self) -> int:
        """Number of runs requested."""
        return sum(arm.planned for arm in self.arms)

    @property
    def finished(self) -> int:
        """Number of complete runs."""
        return sum(len(arm.complete) for arm in self.arms)

    @cached_property
    def folds(self) -> TestFolds | None:
        """Which subjects each run was tested on; None if all runs have the same test split."""
        runs = [run for arm in self.arms for run in arm.complete if run.fold is not None]
        if not runs:
            return None
        sheets = {run.fold: run.sheet for run in runs if run.fold is not None and run.sheet is not None}
        subjects = {fold: np.asarray(sheet.subject) for fold, sheet in sheets.items() if min(sheet.subject) >= 0}
        return TestFolds({run.seed: run.fold for run in runs if run.fold is not None}, subjects)

    @cached_property
    def test_sheets(self) -> tuple[ScoreSheet, ...]:
        """One sheet for each set of test clips: of each fold, or of the only test split."""
        found = {run.fold: run.sheet for arm in self.arms for run in arm.complete if run.sheet is not None}
        return tuple(found.values())

    @property
    def clips(self) -> int:
        """Number of test clips, over all folds tested so far."""
        if self.folds is None or not self.test_sheets:
            return int(self.row.dataset["split"]["test"])
        return sum(len(sheet.label) for sheet in self.test_sheets)

    @cached_property
    def subjects(self) -> tuple[int, ...]:
        """Subjects of the test clips, over all folds tested so far; without those that are unknown."""
        return tuple(sorted({name for sheet in self.test_sheets for name in sheet.subject if name >= 0}))

    @property
    def unseen_frames(self) -> int | None:
        """Number of last frames that no method has seen; None if every arm sees the first frame alone."""
        if all((arm.frames_seen or 1) == 1 for arm in self.arms):
            return None
        model = self.row.config["model"]
        return int(model["frames"] - model["discarded_frames"])

    @cached_property
    def failed(self) -> tuple[ArmRun, ...]:
        """The failed runs."""
        return tuple(run for arm in self.arms for run in arm.runs if run.state == FAILED)

    @cached_property
    def by_slug(self) -> dict[str, ArmScores]:
        """{slug: arm}."""
        return {arm.slug: arm for arm in self.arms}

    @property
    def ours(self) -> ArmScores | None:
        """The arm that all others are compared to; None if the study does not have it."""
        return self.by_slug.get(OURS)

    @property
    def real_accuracy(self) -> float:
        """Motion classifier accuracy on the real test clips, 0 to 1; from the study row if there is no sheet."""
        if self.real is not None:
            return float(correct(self.real).mean())
        return float(self.row.dataset["real_accuracy"]["test"])

    @property
    def guessing(self) -> tuple[float, float]:
        """Lowest and highest expected accuracy of a generator that does not know the class, 0 to 1.

        They are the smallest and largest share of a class among the test clips; both are `chance` if there is no sheet.
        """
        known = self.real or next((sheet for arm in self.arms for sheet in arm.sheets.values()), None)
        if known is None:
            return self.chance, self.chance
        shares = np.bincount(known.label, minlength=len(self.class_names)) / len(known.label)
        return float(shares.min()), float(shares.max())

    @property
    def last_seen_accuracy(self) -> float | None:
        """The same on clips that repeat the last frame that a method may see; None if not measured."""
        return None if self.last_seen is None else float(correct(self.last_seen).mean())

    @property
    def still_accuracy(self) -> float | None:
        """Motion classifier accuracy on clips that repeat their first frame, 0 to 1; None if not measured."""
        return None if self.still is None else float(correct(self.still).mean())


TABLE_3 = "table3"  # kind of a study whose arms are methods


def entry_word(row: StudyRow) -> str:
    """What a study calls the rows of its tables: "method" in a comparison of methods, otherwise "arm"."""
    return "method" if row.kind == TABLE_3 else "arm"


def ours_word(row: StudyRow) -> str:
    """What a study calls the row with which all others are compared."""
    return "AMC-GAN" if row.kind == TABLE_3 else "Ours"


def correct(sheet: ScoreSheet, *, second: bool = False) -> Bools:
    """Returns (C,): whether the motion classifier (or the second one) predicts the requested class."""
    predicted = sheet.predicted_second if second else sheet.predicted
    right: Bools = np.equal(np.asarray(predicted), np.asarray(sheet.label))
    return right


def test_fold(config: Mapping[str, Any]) -> int | None:
    """Returns the part of the subjects that a run with this configuration is tested on; None without folds."""
    split = config.get("split", {})
    return int(split["fold"]) if split.get("folds") else None
