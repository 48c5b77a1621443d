"""What pruners have in common: rungs, and who stands where on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from analysis.record.ranking import places
from analysis.record.rows import Score

Curves = Mapping[str, Mapping[int, Score]]
"""{trial key: {step: how it stood}} of all trials of a search, ended ones too."""

ETA = 3  # of the trials at a rung, the best one in ETA goes on


class Pruner(Protocol):
    """Decides whether a trial goes on."""

    def should_prune(self, key: str, step: int, curves: Curves, numbers: Mapping[str, int]) -> bool:
        """Whether trial `key` ends after its report at `step`, which `curves` has.

        Args:
            numbers: each trial's number within the search.
        """
        ...


@dataclass(frozen=True)
class SuccessiveHalving:
    """Asynchronous successive halving over given rungs (Li et al. 2020, in the variant that stops trials).

    Attributes:
        steps: the rungs, ascending; a trial stands on one with its first report at or after that step.
        eta: of the trials that ever stood on a rung, the best `1/eta` go on from it, and at least one does.
    """

    steps: tuple[int, ...]
    eta: int = ETA

    def should_prune(self, key: str, step: int, curves: Curves) -> bool:
        """Whether the report at `step` took the trial to a rung on which it is not good enough.

        `analysis.record.ranking` says who is better. The first to reach a rung always goes on; so does whoever ties
        with the
        last that may, since equal scores are common (accuracy over a few dozen clips) and no reason to prefer either.
        """
        curve = curves[key]
        for rung in self.steps:
            if step_at_rung(curve, rung) != step:
                continue
            if not curve[step].known:
                return True
            stands = ((other, at) for other, row in curves.items() if (at := step_at_rung(row, rung)) is not None)
            scores = {other: score for other, at in stands if (score := curves[other][at]).known}
            place = dict(zip(scores, places(list(scores.values())), strict=True))
            if place[key] >= max(1, len(scores) // self.eta):
                return True
        return False


def step_at_rung(steps: Iterable[int], rung: int) -> int | None:
    """The step with which a trial stands on a rung: that of its first report there or beyond."""
    return min((step for step in steps if step >= rung), default=None)


def geometric_rungs(first: int, budget: int, eta: int = ETA) -> tuple[int, ...]:
    """Rungs at `first`, `first * eta`, ... below the budget: at the budget a trial is complete anyway."""
    rungs: list[int] = []
    step = max(1, first)
    while step < budget:
        rungs.append(step)
        step *= eta
    return tuple(rungs)
