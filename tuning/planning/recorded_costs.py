"""What trials cost, from the record of earlier ones: arithmetic on its rows alone."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.record.rows import Point, StudyRow, TrialRow
from analysis.record.states import COMPLETE, ENDED
from tuning.planning.forecast import Costs

STEP, LOOK = "time/step_seconds", "time/evaluation_seconds"
_LONGEST_LAUNCH = 120.0  # seconds; beyond it the study was stopped before its first trial, and begun again later

# Seconds from a trial's last report to its end: it made pictures; it was scored as well, in an earlier way; it left a
# score sheet. The first that is known is its end without scoring.
_ENDS = ("pictures", "otherwise", "scored")

# What decides how long a step, a look and the rest of a trial take, besides a step's own arithmetic.
_SETTINGS = ("machine", "workers", "cpus_per_trial", "gpus_per_trial")
_CONFIG = ("model", "machine")


@dataclass(frozen=True)
class Recorded:
    """Costs from `trials` ended trials of `studies`."""

    costs: Costs
    trials: int
    studies: tuple[str, ...]


@dataclass(frozen=True)
class History:
    """A study on record with its trials and reports.

    Attributes:
        scored: when each score sheet was made, by trial.
    """

    study: StudyRow
    trials: Sequence[TrialRow]
    points: Sequence[Point]
    scored: Mapping[str, float] = field(default_factory=dict)


def comparable(one: StudyRow, other: StudyRow) -> bool:
    """Whether trials of two studies cost the same but for their arithmetic: preset, data, machine and its division."""
    same = one.preset == other.preset and all(one.config.get(name) == other.config.get(name) for name in _CONFIG)
    data = ("name", "reduction", "clips", "split")
    return (
        same
        and all(one.dataset.get(name) == other.dataset.get(name) for name in data)
        and all(one.settings.get(name) == other.settings.get(name) for name in _SETTINGS)
        and one.settings.get("machine") is not None
        and list(one.goal.get("objectives", ())) == list(other.goal.get("objectives", ()))
    )


def recorded_costs(
    histories: Iterable[History], work: Callable[[Mapping[str, Any]], float], *, launch: float, score: float
) -> Recorded | None:
    """Medians over ended trials that ran in one sitting; None where there are none.

    Args:
        work: arithmetic of a configuration's step relative to the study's own.
        launch: seconds of the command itself besides what lies between a study's creation and its first trial.
        score: scoring the test split relative to a look, where no trial on record was scored at its end.
    """
    parts: dict[str, list[float]] = {name: [] for name in ("step", "look", "start", *_ENDS, "launch")}
    count, studies = 0, []
    for history in histories:
        points: dict[str, list[Point]] = {}
        for point in history.points:
            points.setdefault(point.key, []).append(point)
        found = 0
        for trial in history.trials:
            mine = sorted(points.get(trial.key, []), key=lambda point: point.step)
            one_sitting = trial.state in ENDED and trial.attempts == 1 and trial.started is not None
            if one_sitting and mine and all(STEP in point.metrics and LOOK in point.metrics for point in mine):
                _take(parts, trial, mine, work(trial.config), history.scored.get(trial.key))
                found += 1
        first = min((trial.started for trial in history.trials if trial.started is not None), default=None)
        if found and first is not None and 0 <= first - history.study.created < _LONGEST_LAUNCH:
            parts["launch"].append(first - history.study.created)
        if found:
            count += found
            studies.append(history.study.name)
    if not count:
        return None
    middle = {name: statistics.median(values) if values else None for name, values in parts.items()}
    look = middle["look"] or 0.0
    end, scored = next((middle[name] for name in _ENDS if middle[name] is not None), None) or 0.0, middle["scored"]
    tested = score * look if scored is None else max(0.0, scored - end)
    costs = Costs(
        step=middle["step"] or 0.0,
        look=look,
        start=middle["start"] or 0.0,
        end=end,
        score=tested,
        launch=launch + (middle["launch"] or 0.0),
    )
    return Recorded(costs, count, tuple(studies))


def _take(
    parts: Mapping[str, list[float]], trial: TrialRow, points: Sequence[Point], work: float, scored: float | None
) -> None:
    """Adds what one trial took.

    Args:
        scored: when its score sheet was made.
    """
    times = [point.timestamp / 1000 for point in points]
    lengths = [point.step - before for point, before in zip(points, [0, *(p.step for p in points)], strict=False)]
    training = [length * point.metrics[STEP] for length, point in zip(lengths, points, strict=True)]
    parts["step"].append(sum(training) / sum(lengths) / work)
    # Between two reports lie steps, a look, a checkpoint and the way to the record.
    looks = [after - before - spent for before, after, spent in zip(times, times[1:], training[1:], strict=False)]
    looks = [max(look, point.metrics[LOOK]) for look, point in zip(looks, points[1:], strict=True)]
    look = statistics.fmean(looks) if looks else points[0].metrics[LOOK]
    parts["look"].append(look)
    assert trial.started is not None
    parts["start"].append(max(0.0, times[0] - trial.started - training[0] - look))
    if trial.state == COMPLETE and trial.ended is not None:
        if not trial.scores:
            kind = "pictures"
        else:  # a sheet that was made later says nothing of how long this trial's end was
            kind = "scored" if scored is not None and scored <= trial.ended else "otherwise"
        parts[kind].append(max(0.0, trial.ended - times[-1]))
