"""Simulates workers that train trials in parallel, so that searches see reports in a realistic order.

A worker runs one trial at a time and reports each of its steps until the trial is complete or pruned. Trials differ in
seconds per step. The simulation ends when all workers together have made as many steps as the budget.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from benchmarks.fidelity_functions import Function, Vector

SPREAD = 0.3  # standard deviation of the logarithm of a trial's seconds per step


@dataclass(frozen=True)
class Resumed:
    """A search's decision to continue trial `number`, which it stopped after step `step`."""

    number: int
    step: int


class SimulatedSearch(Protocol):
    """A search that `simulate` runs. Trials are numbered from 0 in the order in which they begin."""

    def begin(self, number: int) -> Vector | Resumed:
        """What an idle worker does: the point of the new trial `number`, or a stopped trial that continues."""
        ...

    def report(self, number: int, step: int, value: float) -> bool:
        """Handles a report; returns whether the trial continues, which it never does after its last step."""
        ...

    def incumbents(self) -> Mapping[str, Vector | None]:
        """The point that the search would return if it ended now, by selection rule; None if it has none yet."""
        ...


@dataclass(frozen=True)
class SimulationSetup:
    """Settings that all searches of a comparison share.

    Attributes:
        steps: number of steps of a complete trial.
        budget: number of steps of all trials together.
        workers: trials in parallel.
        milestones: numbers of steps after which the regret is noted; the last one is the budget.
    """

    steps: int
    budget: int
    workers: int
    milestones: tuple[int, ...]


@dataclass(frozen=True)
class SimulatedRun:
    """The result of a simulated search.

    Attributes:
        regrets: of the incumbent at each milestone, by selection rule; infinite if there was none.
        begun: number of trials that began.
        complete: number of trials that completed all steps.
    """

    regrets: Mapping[str, tuple[float, ...]]
    begun: int
    complete: int


def simulate(
    search: SimulatedSearch, function: Function, setting: SimulationSetup, seed: int, trials: float = math.inf
) -> SimulatedRun:
    """Runs a search until the budget is used up, or until this number of trials have ended.

    Noise and speed of a trial depend only on `seed` and the trial's number, so that searches can be paired.
    """
    curves: dict[int, Vector] = {}
    seconds: dict[int, float] = {}
    events: list[tuple[float, int, int]] = []  # (time, trial, step): when the trial completes the step

    def begin(now: float) -> None:
        number = len(curves)
        chosen = search.begin(number)
        if isinstance(chosen, Resumed):
            heapq.heappush(events, (now + seconds[chosen.number], chosen.number, chosen.step + 1))
            return
        draw = np.random.default_rng([seed, number])
        seconds[number] = float(np.exp(SPREAD * draw.standard_normal()))
        curves[number] = function.curve(chosen, setting.steps, draw)
        heapq.heappush(events, (now + seconds[number], number, 1))

    for _ in range(setting.workers):
        begin(0.0)
    regrets: dict[str, list[float]] = {}
    complete = 0
    for used in range(1, setting.budget + 1):
        if not events:
            break
        now, number, step = heapq.heappop(events)
        goes_on = search.report(number, step, float(curves[number][step - 1]))
        complete += step == setting.steps
        if goes_on and step < setting.steps:
            heapq.heappush(events, (now + seconds[number], number, step + 1))
        elif used < setting.budget and len(curves) < trials:
            begin(now)
        if used in setting.milestones:
            for rule, point in search.incumbents().items():
                regrets.setdefault(rule, []).append(math.inf if point is None else function.regret(point))
    return SimulatedRun({rule: tuple(values) for rule, values in regrets.items()}, len(curves), complete)


def milestones(budget: int, shares: Sequence[float] = (0.25, 0.5, 1.0)) -> tuple[int, ...]:
    """Numbers of steps at these shares of a budget."""
    return tuple(sorted({max(1, round(budget * share)) for share in shares}))
