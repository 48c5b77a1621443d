"""What trials cost, as medians over the trials on record in --out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median

from amc.config import AMC_GAN
from amc.errors import UserError
from analysis.record.reading import open_if_present
from analysis.record.rows import Point, StudyRow, TrialRow
from analysis.record.states import COMPLETE, ENDED
from analysis.tables.layout.cells import plural
from tuning.engine.study import Study
from tuning.planning.forecast import TrialCosts

STEP, EVALUATION = "time/step_seconds", "time/evaluation_seconds"
_LONGEST_LAUNCH = 120.0  # seconds; a study whose first trial started later was interrupted before it

# Studies that agree in these have about equal costs.
_SETTINGS = ("machine", "workers", "cpus_per_trial", "gpus_per_trial")
_CONFIG = ("method", "model", "machine")
_DATA = ("name", "reduction", "clips", "split")


def recorded_costs(study: Study, method: str, *, launch: float, score_ratio: float) -> TrialCosts | None:
    """Costs of a method's trials in comparable studies in --out; None if there are none.

    Args:
        launch: seconds of the command besides the time from a study's creation to its first trial.
        score_ratio: see `typical_costs`.
    """
    timed: list[dict[str, float]] = []
    launches, folders, keys = [], [], set()
    for path in sorted(study.runs.glob("*/record.db")):
        for row, trials, points in _comparable_studies(path, study.row):
            mine = [trial for trial in trials if trial.config.get("method", {}).get("name", AMC_GAN.name) == method]
            found = [trial_seconds(trial, points) for trial in mine]
            if any(found):
                timed += [each for each in found if each]
                keys |= {trial.key for trial in mine}
                folders.append(path.parent)
                launches.append(min(trial.started for trial in trials if trial.started is not None) - row.created)
    files = [file for folder in folders for file in folder.glob("checkpoints/*/*/*.safetensors")]
    if not files:
        return None
    # Only the best trials keep their checkpoints, which may all be of other methods.
    checkpoints = [_bytes(file) for file in files if file.parts[-3] in keys] or [_bytes(file) for file in files]
    samples = [_bytes(each) for folder in folders for each in folder.glob("samples/*") if each.is_dir()]
    costs = typical_costs(timed, score_ratio)
    ended, names = plural(len(timed), "finished trial"), ", ".join(folder.name for folder in folders)
    return replace(
        costs,
        kind="record",
        text=f"{ended} on this machine ({names}): {costs.step:.3g} s per step",
        launch=launch + median([each for each in launches if each < _LONGEST_LAUNCH] or [0.0]),
        checkpoint=max(checkpoints),
        samples=round(fmean(samples or [0])),
    )


def comparable(one: StudyRow, other: StudyRow) -> bool:
    """Whether trials of two studies cost the same: equal preset, data, objectives, machine and resources per trial."""
    return (
        one.preset == other.preset
        and all(one.config.get(name) == other.config.get(name) for name in _CONFIG)
        and all(one.dataset.get(name) == other.dataset.get(name) for name in _DATA)
        and all(one.settings.get(name) == other.settings.get(name) for name in _SETTINGS)
        and one.settings.get("machine") is not None
        and list(one.goal.get("objectives", ())) == list(other.goal.get("objectives", ()))
    )


def trial_seconds(trial: TrialRow, points: Sequence[Point]) -> dict[str, float]:
    """Seconds of a trial's parts; empty if it was interrupted or not timed.

    `scored` takes the place of `end` for a trial that was scored on the test split. A pruned trial has neither: its
    pictures are written after its end on record.

    Args:
        points: reports of the trial and maybe of others.
    """
    mine = sorted((point for point in points if point.key == trial.key), key=lambda point: point.step)
    timed = bool(mine) and all(STEP in point.metrics and EVALUATION in point.metrics for point in mine)
    if trial.state not in ENDED or trial.attempts != 1 or trial.started is None or not timed:
        return {}
    first, last = mine[0], mine[-1]
    step = median(point.metrics[STEP] for point in mine)
    evaluation = median(point.metrics[EVALUATION] for point in mine)
    if len(mine) > 1:  # between two reports are also a checkpoint, and writing the report to the record
        between = (last.timestamp - first.timestamp) / 1000 - (last.step - first.step) * step
        evaluation = max(evaluation, between / (len(mine) - 1))
    began = first.timestamp / 1000 - first.step * first.metrics[STEP] - evaluation
    found = {"step": step, "evaluation": evaluation, "start": max(0.0, began - trial.started)}
    if trial.state == COMPLETE and trial.ended is not None:
        found["scored" if trial.scores else "end"] = max(0.0, trial.ended - last.timestamp / 1000)
    return found


def typical_costs(timed: Sequence[Mapping[str, float]], score_ratio: float) -> TrialCosts:
    """Medians over trials.

    Args:
        timed: results of `trial_seconds`.
        score_ratio: duration of scoring relative to an evaluation, used if no trial was scored.
    """
    typical = {name: median(each[name] for each in timed if name in each) for name in set().union(*timed)}
    scored, evaluation = typical.get("scored"), typical["evaluation"]
    end = typical.get("end", scored or 0.0)  # without an unscored trial, scoring is part of the end
    score = score_ratio * evaluation if scored is None else max(0.0, scored - end)
    return TrialCosts(step=typical["step"], evaluation=evaluation, start=typical["start"], end=end, score=score)


def _comparable_studies(path: Path, mine: StudyRow) -> list[tuple[StudyRow, list[TrialRow], list[Point]]]:
    with suppress(UserError), open_if_present(path) as records:
        if records is None:
            return []
        rows = [row for row in records.studies() if comparable(row, mine)]
        return [(row, records.trials(row.name), records.points(row.name)) for row in rows]
    return []


def _bytes(path: Path) -> int:
    """Size of a file, or of all files in a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
