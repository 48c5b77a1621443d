"""What trials cost, computed from the record of earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from analysis.record.rows import Point, StudyRow, TrialRow
from analysis.record.states import COMPLETE, ENDED
from tuning.planning.forecast import TrialCosts

STEP, EVALUATION = "time/step_seconds", "time/evaluation_seconds"
_LONGEST_LAUNCH = 120.0  # seconds; a study whose first trial started later was interrupted before it

# Studies that agree in these have equal costs, except for the arithmetic of a step.
_SETTINGS = ("machine", "workers", "cpus_per_trial", "gpus_per_trial")
_CONFIG = ("model", "machine")
_DATA = ("name", "reduction", "clips", "split")


@dataclass(frozen=True)
class RecordedStudy:
    """A study on record with its trials and reports."""

    study: StudyRow
    trials: Sequence[TrialRow]
    points: Sequence[Point]


@dataclass(frozen=True)
class RecordedCosts:
    """Costs from a number of ended trials of some studies."""

    costs: TrialCosts
    trials: int
    studies: tuple[str, ...]


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


def recorded_costs(
    studies: Iterable[RecordedStudy],
    step_cost: Callable[[Mapping[str, Any]], float],
    *,
    launch: float,
    score_ratio: float,
) -> RecordedCosts | None:
    """Medians over the trials that ended without interruption; None if there are none.

    Args:
        step_cost: arithmetic of a configuration's step relative to that of the study to be forecast.
        launch: seconds of the command besides the time from a study's creation to its first trial.
        score_ratio: duration of scoring relative to an evaluation, used if no recorded trial was scored.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ("step", "evaluation", "start", "end", "scored", "launch")}
    count, names = 0, []
    for recorded in studies:
        points: dict[str, list[Point]] = {}
        for point in recorded.points:
            points.setdefault(point.key, []).append(point)
        each_trial = (_trial_seconds(trial, points.get(trial.key, []), step_cost) for trial in recorded.trials)
        found = [each for each in each_trial if each]
        if not found:
            continue
        for each in found:
            for name, value in each.items():
                seconds[name].append(value)
        first = min(trial.started for trial in recorded.trials if trial.started is not None)
        if 0 <= first - recorded.study.created < _LONGEST_LAUNCH:
            seconds["launch"].append(first - recorded.study.created)
        count += len(found)
        names.append(recorded.study.name)
    if not count:
        return None
    typical = {name: median(values) for name, values in seconds.items() if values}
    end = typical.get("end", typical.get("scored", 0.0))  # without an unscored trial, scoring is part of the end
    costs = TrialCosts(
        step=typical["step"],
        evaluation=typical["evaluation"],
        start=typical["start"],
        end=end,
        score=max(0.0, typical["scored"] - end) if "scored" in typical else score_ratio * typical["evaluation"],
        launch=launch + typical.get("launch", 0.0),
    )
    return RecordedCosts(costs, count, tuple(names))


def _trial_seconds(
    trial: TrialRow, points: Sequence[Point], step_cost: Callable[[Mapping[str, Any]], float]
) -> dict[str, float]:
    """Seconds of a trial's parts; empty if it was interrupted or not timed.

    `scored` takes the place of `end` for a trial that was scored on the test split. A pruned trial has neither: its
    pictures are written after its end on record.
    """
    mine = sorted(points, key=lambda point: point.step)
    timed = bool(mine) and all(STEP in point.metrics and EVALUATION in point.metrics for point in mine)
    if trial.state not in ENDED or trial.attempts != 1 or trial.started is None or not timed:
        return {}
    times = [point.timestamp / 1000 for point in mine]
    lengths = [point.step - before for point, before in zip(mine, [0, *(p.step for p in mine)], strict=False)]
    training = [length * point.metrics[STEP] for length, point in zip(lengths, mine, strict=True)]
    # Between two reports are training steps, an evaluation, a checkpoint, and writing the report to the record.
    evaluations = [
        max(after - before - spent, point.metrics[EVALUATION])
        for before, after, spent, point in zip(times, times[1:], training[1:], mine[1:], strict=False)
    ]
    evaluation = fmean(evaluations) if evaluations else mine[0].metrics[EVALUATION]
    found = {
        "step": sum(training) / sum(lengths) / step_cost(trial.config),
        "evaluation": evaluation,
        "start": max(0.0, times[0] - trial.started - training[0] - evaluation),
    }
    if trial.state == COMPLETE and trial.ended is not None:
        found["scored" if trial.scores else "end"] = max(0.0, trial.ended - times[-1])
    return found
