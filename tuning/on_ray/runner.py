"""Runs a study on Ray Tune: a searcher that asks the engine for jobs, a scheduler that passes on what they report.

Ray Tune gives trials their resources, wherever in the cluster these are; what is known of the study is in the engine's
record alone. Nothing of Tune's own state is kept: its folder is temporary, and `Tuner.restore` is never used.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import ray
from ray import tune
from ray.exceptions import RayError
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from amc.errors import UserError
from analysis.record.database import first_line
from tuning.engine.engine import Engine
from tuning.on_ray.actor import BEGAN, DIED, END, REPORT, TrialActor
from tuning.on_ray.node_files import NodeFile, home
from tuning.workers.job import Job, Outcome
from tuning.workers.resources import Resources

_START_SECONDS = 30.0  # that the start of an actor is given
_LOOK_SECONDS = 10.0  # between two looks at the nodes
_PAUSE_SECONDS = 5.0  # that trials get to save where they are when the study is stopped


def run_on_ray(
    engine: Engine,
    wanted: Resources,
    modules: list[str],
    storage: Path,
    *,
    stopping: Callable[[], bool],
    files: Sequence[NodeFile] = (),
) -> None:
    """Runs jobs until the engine has no more, or `stopping` says so; then all that run are given back.

    Within a `tuning.on_ray.ray_session.session`.

    Args:
        modules: what each worker's trial server imports before its first trial.
        storage: an empty folder for what Tune writes and nobody reads.
        files: that nodes other than this one get a copy of.
    """
    slots = TrialSlots(engine, wanted, modules, stopping)
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(wanted.workers)  # else workers are started one after the other
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    logging.getLogger("ray.air").setLevel(logging.CRITICAL)
    tuner = tune.Tuner(
        tune.with_resources(
            tune.with_parameters(TrialActor, files=list(files), home=home()),
            lambda config: _needed(wanted, alone=config["alone"]),
        ),
        tune_config=tune.TuneConfig(
            search_alg=JobSearcher(slots),
            scheduler=EngineScheduler(slots),
            num_samples=-1,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="study",
            storage_path=str(storage),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            stop=StopAll(slots),
        ),
    )
    try:
        with contextlib.suppress(Interrupted):
            tuner.fit()
    except (RayError, tune.TuneError) as error:
        engine.fatal_error = engine.fatal_error or f"Ray ended under the study ({first_line(error)})"
    finally:
        # Where the record can't be written, the next driver finds them RUNNING and adopts them.
        with contextlib.suppress(UserError):
            for job in slots.jobs.values():
                engine.interrupt(job)


def _needed(wanted: Resources, *, alone: bool) -> tune.PlacementGroupFactory:
    gpus = max(wanted.gpus, 1.0) if alone and wanted.gpus else wanted.gpus
    return tune.PlacementGroupFactory([{"CPU": wanted.cpus, "GPU": gpus}])


class TrialSlots:
    """Which of Tune's trials runs which job, shared by searcher and scheduler."""

    def __init__(self, engine: Engine, wanted: Resources, modules: list[str], stopping: Callable[[], bool]) -> None:
        self.engine, self.modules, self.stopping = engine, modules, stopping
        self.workers, self.threads, self.gpus = wanted.workers, wanted.cpus, wanted.gpus
        self.jobs: dict[str, Job] = {}  # by Tune's trial: those under way
        self.taken: set[str] = set()  # Tune's trials that have an actor or wait for one
        self.starting: dict[str, float] = {}  # those that have not been heard of yet, and since when
        self.begun: set[str] = set()  # those whose job has a process of its own
        self.next_look = time.monotonic() + _START_SECONDS
        self.until = math.inf  # when trials that were asked to pause are given up

    def __reduce__(self) -> tuple[type[object], tuple[()]]:
        """Tune pickles all it is given in order to restore it some day; there is nothing here to restore."""
        return object, ()

    @property
    def done(self) -> bool:
        """Whether nothing runs and nothing will."""
        with self._troubled():
            return not self.jobs and self.engine.finished
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The next job as a configuration of Tune's; None when there is no room or no job."""
        if len(self.taken) >= self.workers:
            return None
        with self._troubled():
            trial = self.engine.next_trial()
            # On a GPU Ray sees to it that the trial has a whole one; main memory it shares with all that run.
            if trial is None or (not self.gpus and self.jobs and (trial.alone or self._one_is_alone())):
                return None
            job = self.engine.next_job()
            if job is None:
                return None
            self.jobs[trial_id] = job
            self.taken.add(trial_id)
            self.starting[trial_id] = time.monotonic()
            self.begun.discard(trial_id)
            return {"job": job.dumps(), "modules": self.modules, "threads": self.threads, "alone": job.alone}
        return None

    def _one_is_alone(self) -> bool:
        return any(job.alone for job in self.jobs.values())

    def on_message(self, trial_id: str, message: str) -> bool:
        """Takes a message of `TrialActor`; returns whether Tune's trial goes on."""
        self.starting.pop(trial_id, None)
        job = self.jobs.get(trial_id)
        kind, content = json.loads(message)
        with self._troubled():
            if job is not None and kind == BEGAN:
                self.begun.add(trial_id)
                self.engine.began(job)
                return True
            if job is not None and kind == REPORT:
                if self.engine.report(job, content["step"], content["metrics"]):
                    return True
                del self.jobs[trial_id]
                return False
            if job is not None and kind in (END, DIED):
                del self.jobs[trial_id]
                if kind == END:
                    self.engine.finish(job, Outcome(**content))
                else:
                    self.engine.lost(job, **content, began=trial_id in self.begun)
            # An actor that is let go is given to the next trial, or closed when there is none. Keep it until there is
            # one. And Tune gives it to a trial whose own actor is still starting, closing that one, so that trials
            # shorter than the start of an actor would run one at a time: keep it, too, until all have started. But not
            # for long: what does not start may be waiting for this very actor's room, when a node was lost.
            if self.starting:
                return max(self.starting.values()) > time.monotonic() - _START_SECONDS
            return not (self.engine.stocked() or self.engine.finished)
        return False

    def on_exit(self, trial_id: str) -> None:
        """Takes the end of Tune's trial; a job that was still under way is lost."""
        self.taken.discard(trial_id)
        self.starting.pop(trial_id, None)
        job = self.jobs.pop(trial_id, None)
        if job is None:
            return
        with self._troubled():
            if self.engine.stopping or self.engine.fatal_error:
                self.engine.interrupt(job)
            else:
                self.engine.lost(job, "the worker process died", began=trial_id in self.begun)

    def should_stop(self) -> bool:
        """Whether the run shall end at once: it was interrupted, and its trials have saved where they are."""
        self._look_at_nodes()
        if not (self.engine.fatal_error or self.stopping()):
            return False
        if not self.engine.stopping:
            self.until = time.monotonic() + _PAUSE_SECONDS
            with contextlib.suppress(OSError):
                self.engine.pause()
        return self.jobs.keys() <= self.starting.keys() or time.monotonic() > self.until

    def _look_at_nodes(self) -> None:
        """Where nothing but trials that don't start is left, asks whether there is any node for them."""
        now = time.monotonic()
        if self.jobs and self.jobs.keys() <= self.starting.keys() and now > self.next_look:
            self.next_look = now + _LOOK_SECONDS
            if not any(node["Alive"] for node in ray.nodes()):  # type: ignore[no-untyped-call]
                self.engine.fatal_error = self.engine.fatal_error or "no node of Ray's is left to run trials"

    @contextlib.contextmanager
    def _troubled(self) -> Iterator[None]:
        """A record that can't be written is told at the end of the run: Tune would make a failed trial of it."""
        try:
            yield
        except UserError as error:
            self.engine.fatal_error = self.engine.fatal_error or str(error)


class JobSearcher(Searcher):
    """Tune's view of the engine as a source of trials."""

    def __init__(self, slots: TrialSlots) -> None:
        super().__init__()
        self.slots = slots

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """See `Searcher`."""
        if self.slots.done:
            return cast("None", Searcher.FINISHED)  # a string, whatever Ray's annotation says
        return self.slots.suggest(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """See `Searcher`."""
        self.slots.on_exit(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""


class EngineScheduler(FIFOScheduler):
    """Passes results to the engine and its decisions to Tune."""

    def __init__(self, slots: TrialSlots) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.slots = slots

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """See `TrialScheduler`."""
        go_on = self.slots.on_message(trial.trial_id, result["message"])
        return str(TrialScheduler.CONTINUE if go_on else TrialScheduler.STOP)


class Interrupted(BaseException):
    """The command was interrupted. No `Exception`: Tune would first wait for its actors to stop by themselves."""


class StopAll(tune.Stopper):
    """Ends Tune's run when the command was interrupted."""

    def __init__(self, slots: TrialSlots) -> None:
        self.slots = slots

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No single trial is stopped this way."""
        return False

    def stop_all(self) -> bool:
        """See `Stopper`."""
        if self.slots.should_stop():
            raise Interrupted
        return False
