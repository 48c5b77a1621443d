"""Workers that train trials in parallel in simulated time, so that searches see the events in a realistic order.

A worker takes a trial and reports each of its steps until the search ends it, then takes the next. Trials differ in
seconds per step. When the steps of all workers together reach the budget, everything stops.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from benchmarks.fidelity_functions import Function, Vector

SPREAD = 0.3  # standard deviation of the logarithm of a trial's seconds a step


class SimulatedSearch(Protocol):
    """What the clock drives. Trials are numbered from 0 in the order in which they begin."""

    def begin(self, number: int) -> Vector:
        """The point of trial `number`, which begins now."""
        ...

    def report(self, number: int, step: int, value: float) -> bool:
        """Takes a report; whether the trial goes on. It never does after its last step."""
        ...

    def incumbents(self) -> Mapping[str, Vector | None]:
        """The point that the search would return if it ended now, by each rule of choosing; None: it has none yet."""
        ...


@dataclass(frozen=True)
class SimulationSetup:
    """What all searches of a comparison share.

    Attributes:
        steps: of a complete trial.
        budget: steps of all trials together.
        workers: trials at once.
        milestones: numbers of steps at which the incumbent is looked at; the last one is the budget.
    """

    steps: int
    budget: int
    workers: int
    milestones: tuple[int, ...]


@dataclass(frozen=True)
class SimulatedRun:
    """What came of a search.

    Attributes:
        regrets: by rule, of the incumbent at each milestone; infinite where there was none.
        begun: number of trials that began.
        complete: number of trials that ran all their steps.
    """

    regrets: Mapping[str, tuple[float, ...]]
    begun: int
    complete: int


def simulate(search: SimulatedSearch, function: Function, setting: SimulationSetup, seed: int) -> SimulatedRun:
    """Drives a search until the budget is used up.

    Noise and speed follow from the seed and a trial's number, so that searches are compared in pairs.
    """
    curves: dict[int, Vector] = {}
    seconds: dict[int, float] = {}
    events: list[tuple[float, int, int]] = []  # time, trial, step: when a step will have been made

    def begin(now: float) -> None:
        number = len(curves)
        draw = np.random.default_rng([seed, number])
        seconds[number] = float(np.exp(SPREAD * draw.standard_normal()))
        curves[number] = function.curve(search.begin(number), setting.steps, draw)
        heapq.heappush(events, (now + seconds[number], number, 1))

    for _ in range(setting.workers):
        begin(0.0)
    regrets: dict[str, list[float]] = {}
    complete = 0
    for used in range(1, setting.budget + 1):
        now, number, step = heapq.heappop(events)
        goes_on = search.report(number, step, float(curves[number][step - 1]))
        complete += step == setting.steps
        if goes_on and step < setting.steps:
            heapq.heappush(events, (now + seconds[number], number, step + 1))
        elif used < setting.budget:
            begin(now)
        if used in setting.milestones:
            for rule, point in search.incumbents().items():
                regrets.setdefault(rule, []).append(math.inf if point is None else function.regret(point))
    return SimulatedRun({rule: tuple(values) for rule, values in regrets.items()}, len(curves), complete)


def milestones(budget: int, shares: Sequence[float] = (0.25, 0.5, 1.0)) -> tuple[int, ...]:
    """Numbers of steps at these shares of a budget."""
    return tuple(sorted({max(1, round(budget * share)) for share in shares}))
