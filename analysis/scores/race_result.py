"""The result of a search's race: its winner, and how far fresh seeds fall below the score it was selected by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.record.race import Contender, contenders, standings, winner
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, OPEN
from analysis.scores.estimates import as_list
from analysis.statistics.intervals import t_interval


@dataclass(frozen=True)
class Finalist:
    """A configuration that raced; scores are fractions.

    Attributes:
        key: of its best trial.
        selected: the validation score of that trial, by which it was selected.
        runs: its race runs.
        mean: validation score of the complete runs; None without any.
        fall: `selected` minus `mean`: what a selected score promises too much (the winner's curse).
        fall_interval: 95% interval of the fall of the configuration's expected score, Student's t over the new seeds;
            None for fewer than two.
        estimate: its estimated true score, from selection score and runs (`analysis.record.race`).
        close: it is the winner, or not distinguishable from it.
    """

    key: str
    selected: float
    runs: tuple[TrialRow, ...]
    mean: float | None
    fall: float | None
    fall_interval: tuple[float, float] | None
    estimate: float
    close: bool

    def to_dict(self, scale: float = 1.0) -> dict[str, Any]:
        """As JSON values; scores are multiplied by `scale`."""

        def scaled(value: float | None) -> float | None:
            return None if value is None else scale * value

        return {
            "key": self.key,
            "selected": scaled(self.selected),
            "mean": scaled(self.mean),
            "fall": scaled(self.fall),
            "fall_ci95": as_list(None if self.fall_interval is None else [scale * end for end in self.fall_interval]),
            "estimate": scaled(self.estimate),
            "close": self.close,
            "runs": [
                {"key": run.key, "seed": run.seed, "state": run.state, "value": scaled(run.value)} for run in self.runs
            ],
        }


@dataclass(frozen=True)
class RaceResult:
    """The configurations that raced, the winner first, the others by decreasing estimate."""

    finalists: tuple[Finalist, ...]

    @property
    def winner(self) -> Finalist:
        """The winner, or the leader of an unfinished race."""
        return self.finalists[0]

    @property
    def rivals(self) -> list[str]:
        """Keys of the configurations that are not distinguishable from the winner."""
        return [one.key for one in self.finalists[1:] if one.close]

    @property
    def runs(self) -> list[TrialRow]:
        """All confirming runs."""
        return [run for one in self.finalists for run in one.runs]

    @property
    def open(self) -> int:
        """Runs that have not ended."""
        return sum(run.state in OPEN for run in self.runs)

    def to_dict(self, scale: float = 1.0) -> dict[str, Any]:
        """As JSON values; scores are multiplied by `scale`."""
        return {
            "winner": self.winner.key,
            "rivals": self.rivals,
            "finalists": [one.to_dict(scale) for one in self.finalists],
        }


def race_result(trials: Sequence[TrialRow], space: Mapping[str, Any]) -> RaceResult | None:
    """The result of the race so far; None if no run of it is on record or another trial leads without a run.

    Args:
        space: of the study (`StudyRow.space`).
    """
    raced = [one for one in contenders(trials, 1, space) if one.runs]
    best = winner(trials, space)
    if best is None or best.key not in {one.trial.key for one in raced}:
        return None
    table = standings(trials, raced, space)
    close = {one.trial.key for one in table.racing} | {best.key}
    found = [
        _finalist(one, float(estimate), close=one.trial.key in close)
        for one, estimate in zip(raced, table.mean, strict=True)
    ]
    return RaceResult(tuple(sorted(found, key=lambda one: (one.key != best.key, -one.estimate))))


def _finalist(one: Contender, estimate: float, *, close: bool) -> Finalist:
    selected = one.trial.value or 0.0
    values = [run.value for run in one.runs if run.state == COMPLETE and run.value is not None]
    fall, interval = t_interval([selected - value for value in values]) if values else (None, None)
    mean = None if fall is None else selected - fall
    return Finalist(one.trial.key, selected, one.runs, mean, fall, interval, estimate, close)
