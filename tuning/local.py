"""Runs a study in this process, one trial after the other: for tests, and where neither Ray nor a fork is wanted."""

from __future__ import annotations

from collections.abc import Mapping

from tuning.engine import Engine
from tuning.trial_server import run


def run_here(engine: Engine) -> None:
    """Runs jobs until the engine has no more."""
    while (job := engine.next_job()) is not None:
        running = job
        engine.began(running)

        def report(step: int, metrics: Mapping[str, float]) -> bool:
            return engine.report(running, step, metrics)  # noqa: B023  # called before the next round only

        try:
            outcome = run(running, report)
        except KeyboardInterrupt:
            engine.interrupt(running)
            raise
        engine.finish(running, outcome)
