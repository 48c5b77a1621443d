"""What a study of arms by seeds has found so far: the one thing that tables, figures and report are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from amc.errors import UserError
from amc.evaluation.score_sheet import REAL, STILL, ScoreSheet
from analysis.record.reading import RecordReader
from analysis.record.rows import SheetRow, StudyRow, TrialRow
from analysis.record.states import COMPLETE, FAILED, TRIAL

OURS = "ours"
PAPERS = "natops"  # the data set of the paper's Table 4
ACCURACY = "test/accuracy"
CURVE = "val/accuracy"

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Run:
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
    runs: tuple[Run, ...]
    planned: int

    @cached_property
    def complete(self) -> tuple[Run, ...]:
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

    @cached_property
    def correct_second(self) -> Bools:
        """(S, C): the same of the second classifier; (0, 0) where there is none."""
        return _rows([correct(sheet, second=True) for sheet in self.sheets.values() if sheet.predicted_second])

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
    def failed(self) -> tuple[Run, ...]:
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


def load(records: RecordReader, study: str) -> StudyScores:
    """What the record has of a study of arms by seeds.

    Arms and seeds that have complete runs stay where a later command asked for fewer; `row.settings["seeds"]` is then
    the most that an arm has. Where runs have sheets all figures are of one scorer's, that of the most runs.

    Raises:
        UserError: there is no such study, it is of another kind, or its runs were scored on different clips.
    """
    row, trials = records.study(study), records.trials(study, TRIAL)
    if not is_ablation(row):
        raise UserError(f"study {study!r} is a {row.kind}: it has no arms")
    sheets, curves = records.score_sheets(study), records.curves(study, CURVE)
    done = {trial.key for trial in trials if trial.state == COMPLETE}
    scorer = _scorer([made for key, made in sheets.items() if key in done])
    # Without runs that are scored the references are all there is.
    common = scorer or _scorer([made for key, made in sheets.items() if key in (REAL, STILL)])
    current = {key: made.sheet for key, made in sheets.items() if made.scorer == common}
    arms = tuple(_arm(arm, row, trials, current, curves, bool(scorer)) for arm in _arms(row, trials))
    _check_clips(study, current)
    most = max([int(row.settings["seeds"]), *(len(arm.complete) for arm in arms)])
    return StudyScores(
        row=replace(row, settings={**row.settings, "seeds": most}),
        arms=arms,
        real=current.get(REAL),
        still=current.get(STILL),
        chance=float(row.dataset["chance"]),
        class_names=_class_names(row),
        clipwise=bool(scorer),
        unscored=len(done - current.keys()) if scorer else 0,
        scorer=scorer,
    )


def is_ablation(row: StudyRow) -> bool:
    """Whether a study is one of arms by seeds."""
    return bool(row.settings.get("arms"))


def correct(sheet: ScoreSheet, *, second: bool = False) -> Bools:
    """(C,): whether the motion classifier, or the second one, sees the class that was asked for."""
    predicted = sheet.predicted_second if second else sheet.predicted
    right: Bools = np.equal(np.asarray(predicted), np.asarray(sheet.label))
    return right


def _arms(row: StudyRow, trials: Sequence[TrialRow]) -> list[Mapping[str, Any]]:
    """The arms that the last command asked for, and after them those that have complete runs all the same.

    Of the latter the record's trials tell the changes; how their seeds are paired with the others' is in their keys.
    """
    arms: list[Mapping[str, Any]] = list(row.settings["arms"])
    asked = {arm["arm"] for arm in arms}
    mine = {arm["arm"]: int(arm.get("seed_shift", 0)) for arm in arms}
    seeds = {_replicate(t): t.seed - mine[t.params["arm"]] for t in trials if t.params.get("arm") in asked}
    for trial in trials:
        slug = trial.params.get("arm")
        if trial.state == COMPLETE and slug is not None and slug not in asked:
            asked.add(slug)
            shift = trial.seed - seeds.get(_replicate(trial), trial.seed)
            changes = {name: value for name, value in trial.params.items() if name != "arm"}
            title = str(slug).replace("_", " ").capitalize()
            arms.append({"arm": slug, "title": title, "paper": None, "changes": changes, "seed_shift": shift})
    return arms


def _replicate(trial: TrialRow) -> str:
    """Such as "seed-0" of "no_da-seed-0"."""
    return trial.key.removeprefix(f"{trial.params.get('arm')}-")


def _arm(
    arm: Mapping[str, Any],
    row: StudyRow,
    trials: Sequence[TrialRow],
    sheets: Mapping[str, ScoreSheet],
    curves: Mapping[str, Mapping[int, float]],
    by_sheet: bool,
) -> ArmScores:
    slug, shift = arm["arm"], int(arm.get("seed_shift", 0))
    mine = sorted((t for t in trials if t.params.get("arm") == slug), key=lambda trial: trial.seed)
    runs = tuple(
        Run(
            key=trial.key,
            seed=trial.seed - shift,
            state=trial.state,
            accuracy=_accuracy(trial, sheets.get(trial.key), by_sheet),
            sheet=sheets.get(trial.key),
            curve=curves.get(trial.key, {}),
            cost=trial.seconds,
            attempts=trial.attempts,
            reason=trial.reason,
            budget=trial.budget,
        )
        for trial in mine
    )
    last = any(one["arm"] == slug for one in row.settings["arms"])
    asked = {f"{slug}-seed-{number}" for number in range(int(row.settings["seeds"]))} if last else set()
    changes, of = arm.get("changes", {}), tuple(arm.get("of") or ())
    paper = arm["paper"] if row.dataset.get("name") == PAPERS else None
    planned = len(asked | {run.key for run in runs if run.state == COMPLETE})
    return ArmScores(slug, arm["title"], paper, changes, of, runs, planned)


def _accuracy(trial: TrialRow, sheet: ScoreSheet | None, by_sheet: bool) -> float | None:
    """Of a complete run: its sheet's where runs have sheets, so that no two ways of scoring are mixed."""
    if trial.state != COMPLETE:
        return None
    if by_sheet:
        return None if sheet is None else float(correct(sheet).mean())
    return trial.scores.get(ACCURACY)


def _scorer(sheets: Sequence[SheetRow]) -> str:
    """The scorer of the most sheets, of several that one which was used last; empty without sheets."""
    times = Counter(made.scorer for made in sheets)
    used = {made.scorer: made.created for made in sorted(sheets, key=lambda made: made.created)}
    return max(times, key=lambda scorer: (times[scorer], used[scorer]), default="")


def _check_clips(study: str, sheets: Mapping[str, ScoreSheet]) -> None:
    first: tuple[str, ScoreSheet] | None = None
    for key, sheet in sheets.items():
        first = first or (key, sheet)
        same = sheet.label == first[1].label and sheet.subject == first[1].subject
        whole = len(sheet.predicted) == len(sheet.label) and len(sheet.predicted_second) in (0, len(sheet.label))
        if not (same and whole):
            raise UserError(
                f"study {study!r}: {key} was scored on other clips than {first[0]}, the two cannot be compared; "
                "run the command that made the study again, it scores again without training"
            )


def _class_names(row: StudyRow) -> tuple[str, ...]:
    named = row.settings.get("class_names")
    if named:
        return tuple(map(str, named))
    count = int(row.dataset.get("classes") or round(1 / float(row.dataset["chance"])))
    return tuple(f"class {number}" for number in range(count))


def _rows(rows: Sequence[Bools]) -> Bools:
    stacked: Bools = np.stack(rows) if rows else np.zeros((0, 0), dtype=np.bool_)
    return stacked
