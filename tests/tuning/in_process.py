"""Runs a study's trials in this process, one after the other, without Ray."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tuning.engine.engine import Engine
from tuning.workers.job import Job
from tuning.workers.trial_server import run_job


def run_in_process(engine: Engine, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Runs jobs until the engine has no more, or `stopping` returns True; then the running trial is paused."""
    while not engine.stopping and (job := engine.next_job()) is not None:
        engine.started(job)
        try:
            outcome = run_job(job, _EngineReporter(engine, job, stopping))
        except KeyboardInterrupt:
            engine.interrupt(job)
            raise
        engine.finish(job, outcome)
        engine.stopping = stopping() or bool(engine.fatal_error)


@dataclass(frozen=True)
class _EngineReporter:
    engine: Engine
    job: Job
    stopping: Callable[[], bool]

    def __call__(self, step: int, metrics: Mapping[str, float], /) -> bool:
        return self.engine.report(self.job, step, metrics)

    def pausing(self) -> bool:
        return self.stopping()
