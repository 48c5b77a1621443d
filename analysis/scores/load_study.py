"""Reads the scores of an ablation study from its record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from amc.errors import UserError
from amc.evaluation.score_sheet import LAST_SEEN, REAL, STILL, ScoreSheet
from analysis.record.reading import RecordReader
from analysis.record.rows import SheetRow, StudyRow, TrialRow
from analysis.record.states import COMPLETE, TRIAL
from analysis.scores.study_scores import ACCURACY, TABLE_3, ArmRun, ArmScores, StudyScores, correct, test_fold

PAPER_DATASET = "natops"  # the data set of the paper's Table 4
CURVE = "val/accuracy"
IDENTITY = "identity"  # in a score sheet
Value = TypeVar("Value", int, float)


def load_study(records: RecordReader, study: str) -> StudyScores:
    """Reads the scores of an ablation study.

    Complete runs are kept even if a later command requested fewer arms or seeds; `row.settings["seeds"]` is then the
    largest number of complete runs of an arm. If runs have score sheets, only those by one scorer count: the scorer
    of the most runs, in each fold.

    Raises:
        UserError: there is no such study, it is not an ablation study, or its runs were scored on different clips.
    """
    row, trials = records.study(study), records.trials(study, TRIAL)
    if not is_ablation(row):
        raise UserError(f"study {study!r} is a {row.kind} study, not an ablation study: it has no arms")
    sheets, curves = records.score_sheets(study), records.curves(study, CURVE)
    done = {trial.key for trial in trials if trial.state == COMPLETE}
    folds = {trial.key: test_fold(trial.config) for trial in trials}
    # Each fold has judges of its own, trained on its training clips.
    by_fold = {
        fold: _scorer([made for key, made in sheets.items() if key in done and folds[key] == fold])
        for fold in {folds[key] for key in done}
    }
    used = {scorer for scorer in by_fold.values() if scorer}
    # Before any run is scored, only the references have sheets.
    common = used or {_scorer([made for key, made in sheets.items() if key not in folds])}
    current = {
        key: made.sheet
        for key, made in sheets.items()
        if made.scorer in ({by_fold[folds[key]]} if key in done else common)
    }
    scorer = "+".join(sorted(used))
    arms = tuple(_arm(arm, row, trials, current, curves, bool(scorer)) for arm in _arms(row, trials))
    clips_of = folds | {key: _reference_fold(key) for key in current if key not in folds}
    for fold in set(clips_of.values()):
        _check_clips(study, {key: one for key, one in current.items() if clips_of[key] == fold})
    most = max([int(row.settings["seeds"]), *(len(arm.complete) for arm in arms)])
    return StudyScores(
        row=replace(row, settings={**row.settings, "seeds": most}),
        arms=arms,
        real=_reference(REAL, current),
        still=_reference(STILL, current),
        chance=float(row.dataset["chance"]),
        class_names=_class_names(row),
        clipwise=bool(scorer),
        unscored=len(done - current.keys()) if scorer else 0,
        scorer=scorer,
        last_seen=_reference(LAST_SEEN, current),
    )


def _reference(key: str, sheets: Mapping[str, ScoreSheet]) -> ScoreSheet | None:
    """The reference sheet of the test split, or those of all folds as one; None if there is none."""
    found = [sheet for name, sheet in sorted(sheets.items()) if name == key or name.startswith(f"{key}:")]
    if len(found) < 2:
        return found[0] if found else None
    names = set.intersection(*(set(sheet.clips) for sheet in found))
    return ScoreSheet(
        label=_joined([sheet.label for sheet in found]),
        subject=_joined([sheet.subject for sheet in found]),
        predicted=_joined([sheet.predicted for sheet in found]),
        predicted_second=_joined([s.predicted_second for s in found]) if all(s.predicted_second for s in found) else (),
        clips={name: _joined([sheet.clips[name] for sheet in found]) for name in names},
        numbers={
            name: sum(sheet.numbers[name] for sheet in found) / len(found)
            for name in set.intersection(*(set(sheet.numbers) for sheet in found))
        },
    )


def _reference_fold(key: str) -> int | None:
    """The fold of a reference sheet, such as 1 of "reference:real:1"; None without folds."""
    number = key.rpartition(":")[2]
    return int(number) if number.isdigit() else None


def _joined(parts: Sequence[tuple[Value, ...]]) -> tuple[Value, ...]:
    return tuple(value for part in parts for value in part)


def is_ablation(row: StudyRow) -> bool:
    """Whether a study is an ablation study (arms by seeds)."""
    return bool(row.settings.get("arms"))


def _arms(row: StudyRow, trials: Sequence[TrialRow]) -> list[Mapping[str, Any]]:
    """The arms that the last command requested, then other arms with complete runs.

    The changes of the latter come from their trials, and the pairing of their seeds from the trials' keys.
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
        ArmRun(
            key=trial.key,
            seed=trial.seed - shift,
            state=trial.state,
            accuracy=_accuracy(trial, sheets.get(trial.key), by_sheet),
            sheet=_comparable(sheets.get(trial.key), test_fold(trial.config)),
            curve=curves.get(trial.key, {}),
            cost=trial.seconds,
            attempts=trial.attempts,
            reason=trial.reason,
            budget=trial.budget,
            fold=test_fold(trial.config),
        )
        for trial in mine
    )
    last = any(one["arm"] == slug for one in row.settings["arms"])
    asked = {f"{slug}-seed-{number}" for number in range(int(row.settings["seeds"]))} if last else set()
    changes, of = arm.get("changes", {}), tuple(arm.get("of") or ())
    # Methods are recorded with the figure of their own data set.
    paper = arm["paper"] if row.kind == TABLE_3 or row.dataset.get("name") == PAPER_DATASET else None
    planned = len(asked | {run.key for run in runs if run.state == COMPLETE})
    return ArmScores(
        slug,
        arm["title"],
        paper,
        changes,
        of,
        runs,
        planned,
        own_seeds=bool(shift),
        frames_seen=arm.get("frames_seen"),
        sees_motion=arm.get("sees_motion"),
        tuned=arm.get("tuned"),
    )


def _comparable(sheet: ScoreSheet | None, fold: int | None) -> ScoreSheet | None:
    """The sheet of a run; with folds, identity is one number for all clips.

    Its clips show training subjects. Folds share most of those, so the clips of different folds are not independent.
    """
    if sheet is None or fold is None or not sheet.clips.get(IDENTITY):
        return sheet
    clips = {name: values for name, values in sheet.clips.items() if name != IDENTITY}
    mean = sum(sheet.clips[IDENTITY]) / len(sheet.clips[IDENTITY])
    return replace(sheet, clips=clips, numbers={**sheet.numbers, IDENTITY: mean})


def _accuracy(trial: TrialRow, sheet: ScoreSheet | None, by_sheet: bool) -> float | None:
    """Test accuracy of a complete run; from its sheet if the study has sheets, so that scorers are never mixed."""
    if trial.state != COMPLETE:
        return None
    if by_sheet:
        return None if sheet is None else float(correct(sheet).mean())
    return trial.scores.get(ACCURACY)


def _scorer(sheets: Sequence[SheetRow]) -> str:
    """The scorer of the most sheets, the latest one among equals; empty if there are no sheets."""
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
                f"study {study!r}: {key} and {first[0]} were scored on different clips and cannot be compared; "
                "rerun the study's command to score them again without training"
            )


def _class_names(row: StudyRow) -> tuple[str, ...]:
    named = row.settings.get("class_names")
    if named:
        return tuple(map(str, named))
    count = int(row.dataset.get("classes") or round(1 / float(row.dataset["chance"])))
    return tuple(f"class {number}" for number in range(count))
