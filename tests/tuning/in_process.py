"""Runs a study in this process, one trial after the other: for tests, and where neither Ray nor a fork is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tuning.engine.engine import Engine
from tuning.workers.job import Job
from tuning.workers.trial_server import run


def run_here(engine: Engine, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Runs jobs until the engine has no more, or `stopping` says so: then the trial that runs is paused."""
    while not engine.stopping and (job := engine.next_job()) is not None:
        engine.began(job)
        try:
            outcome = run(job, _Reports(engine, job, stopping))
        except KeyboardInterrupt:
            engine.interrupt(job)
            raise
        engine.finish(job, outcome)
        engine.stopping = stopping() or bool(engine.fatal_error)


@dataclass(frozen=True)
class _Reports:
    engine: Engine
    job: Job
    stopping: Callable[[], bool]

    def __call__(self, step: int, metrics: Mapping[str, float], /) -> bool:
        return self.engine.report(self.job, step, metrics)

    def pausing(self) -> bool:
        return self.stopping()
