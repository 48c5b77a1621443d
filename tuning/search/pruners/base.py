"""Shared by pruners: the protocol, and asynchronous successive halving over given rungs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from analysis.record.ranking import places
from analysis.record.rows import Score, TrialRow

Curves = Mapping[str, Mapping[int, Score]]
"""{trial key: {step: score}} of all trials of a search, ended ones included."""

ETA = 3  # the best 1/ETA of the trials at a rung continue


class Pruner(Protocol):
    """Decides whether a trial continues."""

    def should_prune(
        self, key: str, step: int, curves: Curves, numbers: Mapping[str, int], trials: Sequence[TrialRow] = ()
    ) -> bool:
        """Whether trial `key` is pruned after its report at `step`.

        Args:
            curves: includes the report at `step`.
            numbers: the number of each trial within the search.
            trials: of the search; empty if only the reports are known, as in a forecast of a study's duration.
        """
        ...


@dataclass(frozen=True)
class SuccessiveHalving:
    """Asynchronous successive halving over given rungs (Li et al. 2020), in the variant that stops trials.

    Attributes:
        steps: the rungs, ascending; a trial reaches a rung with its first report at or after that step.
        eta: of all trials that have reached a rung, the best `1/eta` continue, and at least one does.
    """

    steps: tuple[int, ...]
    eta: int = ETA

    def should_prune(self, key: str, step: int, curves: Curves) -> bool:
        """Whether the trial reached a rung with its report at `step` and is not among the best there.

        Trials are compared as in `analysis.record.ranking`. The first trial at a rung always continues. So does a trial
        that ties with the last one that may, which is rare: equal accuracies are ordered by their log-likelihood.
        """
        for rung in self.reached(curves[key], step):
            if not curves[key][step].known:
                return True
            reached = ((other, at) for other, row in curves.items() if (at := step_at_rung(row, rung)) is not None)
            scores = {other: score for other, at in reached if (score := curves[other][at]).known}
            place = dict(zip(scores, places(list(scores.values())), strict=True))
            if not self.continues(place[key], len(scores)):
                return True
        return False

    def reached(self, curve: Iterable[int], step: int) -> list[int]:
        """The rungs that a trial with reports at these steps reached with its report at `step`."""
        return [rung for rung in self.steps if step_at_rung(curve, rung) == step]

    def passed(self, curve: Iterable[int]) -> list[int]:
        """The rungs that a trial with reports at these steps has reached, ascending."""
        return [rung for rung in self.steps if step_at_rung(curve, rung) is not None]

    def continues(self, place: int, count: int) -> bool:
        """Whether the trial at this place, counted from 0, among `count` trials at a rung continues."""
        return place < max(1, count // self.eta)


def step_at_rung(steps: Iterable[int], rung: int) -> int | None:
    """The step of a trial's first report at or after a rung; None if it has not reached the rung."""
    return min((step for step in steps if step >= rung), default=None)


def geometric_rungs(first: int, budget: int, eta: int = ETA) -> tuple[int, ...]:
    """Rungs at `first`, `first * eta`, ... below the budget, at which a trial is complete."""
    rungs: list[int] = []
    step = max(1, first)
    while step < budget:
        rungs.append(step)
        step *= eta
    return tuple(rungs)
