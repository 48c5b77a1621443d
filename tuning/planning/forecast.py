"""What a study will take, before it is started: its schedule simulated with the real pruner. Arithmetic alone.

The trials' learning curves are not known, so they are drawn at random, exchangeable: every order of the trials is as
likely as any other. That settles how many steps asynchronous halving lets through, which is most of the forecast.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis.record.rows import Score
from analysis.record.states import CONFIRM, TRIAL
from tuning.search.pruners import Pruner
from tuning.search.pruners.nop import NopPruner

Curves = Mapping[str, Mapping[int, float]]
"""{trial key: {step: objective}}"""

DRAWS = 100  # simulated studies, where they are small
_LOOKS = 20_000  # simulated looks in all: large studies vary less, and need fewer draws


@dataclass(frozen=True)
class Costs:
    """Seconds of a trial's parts, with as many other trials beside it as there will be.

    Attributes:
        step: of a training step of the study's own configuration, its batch included.
        look: of a look at the validation split, with the checkpoint and the report that go with it.
        start: from the beginning of a trial's process to its first step.
        end: of a trial's pictures.
        score: of scoring a run on the test split.
        launch: of the command itself: Ray's start and end, and the workers' imports.
    """

    step: float
    look: float
    start: float
    end: float
    score: float
    launch: float


@dataclass(frozen=True)
class Load:
    """One trial that is to be run.

    Attributes:
        budget, every: steps of a complete trial, and between two looks.
        work: arithmetic of its step, relative to the study's own configuration.
        done: steps that its checkpoint has.
        tested: it is scored on the test split at its end.
    """

    key: str
    number: int
    budget: int
    every: int
    work: float = 1.0
    role: str = TRIAL
    done: int = 0
    tested: bool = False


@dataclass(frozen=True)
class Workload:
    """What is left of a study.

    Attributes:
        loads: in the order in which they are handed out.
        workers: trials at once.
        confirm: runs of the best trial when all others have ended; each takes the budget of `loads` or `confirmation`.
        confirmation: such a run, its work relative to the best trial's; None where there are none.
        curves: {trial key: {step: objective}} of the trials on record.
        numbers: of the trials on record.
        complete: work of the trials on record that are complete, by key.
        confirmed: confirming runs on record, by the trial that they repeat.
    """

    loads: Sequence[Load]
    workers: int
    confirm: int = 0
    confirmation: Load | None = None
    curves: Curves = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    complete: Mapping[str, float] = field(default_factory=dict)
    confirmed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Simulated:
    """One simulated study.

    Attributes:
        runs: how many ran, confirming ones included.
        busy: seconds that workers were at work, all together.
        wall: seconds until the last one ended.
    """

    runs: int
    steps: int
    busy: float
    wall: float


@dataclass(frozen=True)
class Forecast:
    """Means over simulated studies.

    Attributes:
        wall_range: seconds if every trial were pruned at the first chance, and if none were.
        steps_range: likewise.
    """

    runs: float
    steps: float
    busy: float
    wall: float
    wall_range: tuple[float, float]
    steps_range: tuple[int, int]


def forecast(work: Workload, costs: Costs, pruner: Pruner, *, seed: int = 0, draws: int | None = None) -> Forecast:
    """What the workload will take.

    Args:
        draws: simulated studies; None: as many as the size of the study leaves time for.
    """
    rng = np.random.default_rng(seed)
    looks = sum(len(range(load.done, load.budget, load.every)) for load in work.loads)
    count = draws or max(3, min(DRAWS, _LOOKS // max(1, looks)))
    found = []
    for _ in range(count):
        drawn = rng.random(len(work.loads))
        values = {load.key: float(value) for load, value in zip(work.loads, drawn, strict=True)}
        found.append(simulate(work, costs, pruner, values, _ranked(work.curves, rng)))
    # Each trial worse than all before it is pruned wherever anything may be.
    falling = {load.key: -1.0 - load.number for load in work.loads}
    known = _ranked(work.curves, rng)
    least, most = (simulate(work, costs, rule, falling, known) for rule in (pruner, NopPruner()))
    return Forecast(
        runs=sum(each.runs for each in found) / count,
        steps=sum(each.steps for each in found) / count,
        busy=sum(each.busy for each in found) / count,
        wall=sum(each.wall for each in found) / count,
        wall_range=(min(least.wall, most.wall), max(least.wall, most.wall)),
        steps_range=(min(least.steps, most.steps), max(least.steps, most.steps)),
    )


def simulate(work: Workload, costs: Costs, pruner: Pruner, values: Mapping[str, float], known: Curves) -> Simulated:
    """The study, look by look, on its workers.

    Args:
        values: of each load, at every look.
        known: curves of the trials on record, on the same scale.
    """
    return _Schedule(work, costs, pruner, values, known).run()


class _Schedule:
    """A simulation under way: events in the order of their times."""

    def __init__(
        self,
        work: Workload,
        costs: Costs,
        pruner: Pruner,
        values: Mapping[str, float],
        known: Curves,
    ) -> None:
        self.work, self.costs, self.pruner, self.values = work, costs, pruner, values
        self.curves = {key: {step: Score((value,)) for step, value in curve.items()} for key, curve in known.items()}
        self.numbers = dict(work.numbers) | {load.key: load.number for load in work.loads if load.role == TRIAL}
        self.queue = list(reversed(work.loads))
        self.searching = sum(load.role == TRIAL for load in work.loads)
        self.final = {
            key: (max(curve.items())[1], work.complete[key])
            for key, curve in known.items()
            if curve and key in work.complete
        }
        self.idle = work.workers
        self.events: list[
            tuple[float, int, Load, int | None]
        ] = []  # time, order, load, step of its look or None: freed
        self.order = itertools.count()
        self.runs = self.steps = 0
        self.busy = 0.0

    def run(self) -> Simulated:
        now = 0.0
        if not self.searching:
            self._confirm()
        self._hand_out(now)
        while self.events:
            now, _, load, step = heapq.heappop(self.events)
            if step is None:
                self.idle += 1
                if load.role == TRIAL and load.key in self.final:
                    self._ended()
            elif self._looked(load, step):
                self._next_look(load, step, now)
            else:
                self._end(load, step, now)
            self._hand_out(now)
        return Simulated(self.runs, self.steps, self.busy, now + (self.costs.launch if self.runs else 0.0))

    def _hand_out(self, now: float) -> None:
        while self.idle and self.queue:
            load = self.queue.pop()
            self.idle -= 1
            self.runs += 1
            self.busy += self.costs.start
            self._next_look(load, load.done, now + self.costs.start)

    def _next_look(self, load: Load, step: int, now: float) -> None:
        at = min(load.budget, (step // load.every + 1) * load.every)
        spent = (at - step) * self.costs.step * load.work + (self.costs.look if at > step else 0.0)
        self.steps += at - step
        self.busy += spent
        self._push(now + spent, load, at)

    def _looked(self, load: Load, step: int) -> bool:
        """Whether the trial goes on after its look."""
        if load.role != TRIAL:
            return step < load.budget
        curve = self.curves.setdefault(load.key, {})
        curve[step] = Score((self.values[load.key],))
        if step >= load.budget:
            self.final[load.key] = (self.values[load.key], load.work)
            return False
        return not self.pruner.should_prune(load.key, step, self.curves, self.numbers)

    def _end(self, load: Load, step: int, now: float) -> None:
        complete = step >= load.budget
        spent = self.costs.end + (self.costs.score if load.tested and complete else 0.0)
        self.busy += spent
        self._push(now + spent, load, None)
        if load.role == TRIAL and not complete:
            self._ended()

    def _ended(self) -> None:
        """Counts the end of a trial: a pruned one's is its last look, a complete one's comes with its pictures."""
        self.searching -= 1
        if not self.searching:
            self._confirm()

    def _confirm(self) -> None:
        """Queues the runs that follow a search: the best trial with fresh seeds."""
        like = self.work.confirmation
        if like is None or not self.final:
            return
        best = max(self.final, key=lambda key: self.final[key][0])
        left = self.work.confirm - self.work.confirmed.get(best, 0)
        run = Load("", 0, like.budget, like.every, like.work * self.final[best][1], CONFIRM, 0, like.tested)
        self.queue[:0] = [run] * max(0, left)

    def _push(self, time: float, load: Load, step: int | None) -> None:
        heapq.heappush(self.events, (time, next(self.order), load, step))


def _ranked(curves: Curves, rng: np.random.Generator) -> dict[str, dict[int, float]]:
    """Curves on record with random values in (0, 1) in place of their own, in the same order at every step."""
    found: dict[str, dict[int, float]] = {key: {} for key in curves}
    for step in sorted({step for curve in curves.values() for step in curve}):
        keys = sorted((key for key in curves if step in curves[key]), key=lambda key: _value(curves[key][step]))
        for key, value in zip(keys, np.sort(rng.random(len(keys))), strict=True):
            found[key][step] = float(value)
    return found


def _value(value: float) -> float:
    return value if value == value else float("-inf")


def checkpoint_count(kept: int, left: int, workers: int, keep: int) -> int:
    """Most checkpoints there are at once: of running trials, each while it replaces its own, and of the best `keep`.

    Args:
        kept: of the trials on record.
        left: trials to come, confirming runs included.
    """
    running = min(workers, left)
    return max(kept, min(keep, kept + max(0, left - running)) + 2 * running)
