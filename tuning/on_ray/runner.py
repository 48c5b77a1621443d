"""Runs a study on Ray Tune: a searcher that asks the engine for jobs, and a scheduler that passes on their reports.

Ray Tune places trials and gives them their resources, anywhere in the cluster. The state of the study is in the
engine's record alone: nothing of Tune's own state is kept. Its folder is temporary, and `Tuner.restore` is never used.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import ray
from ray import tune
from ray.exceptions import RayError
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from amc.errors import UserError, first_line
from analysis.record.rows import TrialRow
from tuning.on_ray.actor import CRASHED, OUTCOME, REPORT, STARTED, TrialActor
from tuning.on_ray.clusters import ClusterWatch
from tuning.on_ray.node_files import NodeFile, driver_node
from tuning.on_ray.nodes import living_nodes, trials_on
from tuning.on_ray.start_problems import StartCheck
from tuning.workers.job import Job, Outcome
from tuning.workers.resources import Resources

_START_SECONDS = 30.0  # an actor that has not started after this time is no longer waited for
_NODE_CHECK_SECONDS = 10.0  # between checks of which nodes are alive
_COMMAND_CHECK_SECONDS = 1.0  # between checks for persons' commands
_PAUSE_SECONDS = 5.0  # that trials get to save a checkpoint when the study is stopped


class StudyEngine(Protocol):
    """What the runner needs of a study's engine; `tuning.engine.engine.Engine` documents each member."""

    stopping: bool
    fatal_error: str

    @property
    def has_waiting(self) -> bool:
        """Whether a trial waits to be run."""
        ...

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to run."""
        ...

    def fill(self) -> None:
        """Adds a trial from the sources if none waits."""
        ...

    def next_trial(self) -> TrialRow | None:
        """The waiting trial that runs next."""
        ...

    def next_job(self) -> Job | None:
        """Starts an attempt at the next trial."""
        ...

    def started(self, job: Job) -> None:
        """Notes that a job's process has started."""
        ...

    def report(self, job: Job, step: int, metrics: Mapping[str, float]) -> bool:
        """Records a report; False means that the job must stop."""
        ...

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Records the outcome of a job."""
        ...

    def worker_lost(self, job: Job, reason: str, cause: str = "", *, started: bool = True) -> None:
        """Records that a job's process died."""
        ...

    def interrupt(self, job: Job) -> None:
        """Returns a job because the study is being stopped."""
        ...

    def take_commands(self) -> object:
        """Takes the pending commands of persons."""
        ...

    def pause(self) -> None:
        """Hands out no more jobs and asks running trials to pause."""
        ...

    def abort(self, reason: str) -> None:
        """Notes why the study cannot continue."""
        ...


def run_on_ray(
    engine: StudyEngine,
    resources: Resources,
    modules: list[str],
    folder: Path,
    *,
    stop_requested: Callable[[], bool],
    on_cluster: bool = False,
    files: Sequence[NodeFile] = (),
) -> None:
    """Runs jobs until the engine has no more or `stop_requested` returns True; then running jobs are returned to it.

    Call it within a `tuning.on_ray.ray_session.session`.

    Args:
        modules: imported by each worker's trial server before its first trial.
        folder: of the session; Tune writes files there that are not used.
        on_cluster: Ray was joined, not started here.
        files: copied to nodes other than this one.
    """
    starts = StartCheck(None if on_cluster else folder, resources)
    slots = TrialSlots(engine, resources, modules, stop_requested, starts)
    watch = _watch_cluster(slots) if on_cluster else None
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(resources.workers)  # else workers start one after the other
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    logging.getLogger("ray.air").setLevel(logging.CRITICAL)
    try:
        with contextlib.suppress(Interrupted):
            _tuner(slots, resources, folder / "tune", files).fit()
    except (RayError, tune.TuneError) as error:
        engine.abort(f"Ray stopped while the study was running ({first_line(error)})")
    finally:
        # If the record cannot be written, the next driver finds these jobs RUNNING and adopts them.
        with contextlib.suppress(UserError):
            for job in slots.jobs.values():
                engine.interrupt(job)
        if watch is not None and not engine.fatal_error:
            watch.close()  # else it stays: Ray's shutdown may wait for a cluster that has ended


def _watch_cluster(slots: TrialSlots) -> ClusterWatch:
    def end_now(reason: str) -> None:
        with contextlib.suppress(UserError):
            for job in list(slots.jobs.values()):
                slots.engine.interrupt(job)
        with contextlib.suppress(OSError):
            print(f"error: {reason}: rerun the same command to resume", file=sys.stderr, flush=True)
        os._exit(2)

    watch = ClusterWatch(ray.get_runtime_context().gcs_address, slots.engine.abort, end_now)
    watch.start()
    return watch


def _tuner(slots: TrialSlots, resources: Resources, storage: Path, files: Sequence[NodeFile]) -> tune.Tuner:
    trainable = tune.with_resources(
        tune.with_parameters(TrialActor, files=list(files), driver=driver_node()),
        lambda config: _placement(resources, alone=config["alone"]),
    )
    return tune.Tuner(
        trainable,
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


def _placement(resources: Resources, *, alone: bool) -> tune.PlacementGroupFactory:
    gpus = max(resources.gpus, 1.0) if alone and resources.gpus else resources.gpus
    return tune.PlacementGroupFactory([{"CPU": resources.cpus, "GPU": gpus}])


class TrialSlots:
    """Which of Tune's trials runs which job; shared by the searcher, the scheduler and the stopper.

    Attributes:
        jobs: running jobs, by the id of Tune's trial.
        occupied: ids of Tune's trials that have an actor or wait for one.
        starting: ids of Tune's trials that have not sent a message yet, with the time at which they were created.
        started: ids of Tune's trials whose job has a process.
        room: how many trials run at once: less than `workers` after the loss of a node.
        pause_deadline: `time.monotonic()` after which pausing trials are no longer waited for.
    """

    def __init__(
        self,
        engine: StudyEngine,
        resources: Resources,
        modules: list[str],
        stop_requested: Callable[[], bool],
        starts: StartCheck | None = None,
    ) -> None:
        self.engine, self.modules, self.stop_requested = engine, modules, stop_requested
        self.workers, self.threads, self.gpus = resources.workers, resources.cpus, resources.gpus
        self.room = self.workers
        self.starts = starts or StartCheck(None, resources)
        self.jobs: dict[str, Job] = {}
        self.occupied: set[str] = set()
        self.starting: dict[str, float] = {}
        self.started: set[str] = set()
        self.next_node_check = time.monotonic() + _NODE_CHECK_SECONDS
        self.next_command_check = time.monotonic()
        self.pause_deadline = math.inf

    def __reduce__(self) -> tuple[type[object], tuple[()]]:
        """Tune pickles its arguments to restore them later; there is nothing here to restore."""
        return object, ()

    def is_finished(self) -> bool:
        """Whether nothing runs and nothing is left to run."""
        if self.jobs:
            return False
        with self._abort_on_record_error():
            self.engine.fill()
            if self.engine.is_finished:
                self.engine.take_commands()  # one that has arrived since the last check may add trials
                self.engine.fill()
            return self.engine.is_finished
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The next job as a configuration for Tune; None if there is no room or no job."""
        if len(self.occupied) >= self.room:
            return None
        with self._abort_on_record_error():
            self.engine.fill()
            trial = self.engine.next_trial()
            if trial is None or self._must_wait(trial):
                return None
            job = self.engine.next_job()
            if job is None:
                return None
            self.jobs[trial_id] = job
            self.occupied.add(trial_id)
            self.starting[trial_id] = time.monotonic()
            self.started.discard(trial_id)
            return {"job": job.dumps(), "modules": self.modules, "threads": self.threads, "alone": job.alone}
        return None

    def _must_wait(self, trial: TrialRow) -> bool:
        """Whether a trial waits because it, or one that runs, needs all of the main memory.

        On GPUs Ray gives such a trial a whole device.
        """
        return not self.gpus and bool(self.jobs) and (trial.alone or any(job.alone for job in self.jobs.values()))

    def on_message(self, trial_id: str, message: str) -> bool:
        """Handles a message of `TrialActor`; returns whether Tune's trial continues."""
        self.starting.pop(trial_id, None)
        job = self.jobs.get(trial_id)
        kind, content = json.loads(message)
        with self._abort_on_record_error():
            if job is not None and kind == STARTED:
                self.started.add(trial_id)
                self.engine.started(job)
                return True
            if job is not None and kind == REPORT:
                if self.engine.report(job, content["step"], content["metrics"]):
                    return True
                del self.jobs[trial_id]
                return False
            if job is not None and kind in (OUTCOME, CRASHED):
                del self.jobs[trial_id]
                if kind == OUTCOME:
                    self.engine.finish(job, Outcome(**content))
                else:
                    self.engine.worker_lost(job, **content, started=trial_id in self.started)
            return self._keeps_idle_actor()
        return False

    def _keeps_idle_actor(self) -> bool:
        """Whether an actor whose job has ended is kept instead of being released to Tune.

        - Tune closes a released actor if no trial is waiting. So it is kept until a trial is waiting.
        - Tune may give a released actor to a trial whose own actor is still starting, and close the starting one. If
          trials are shorter than the start of an actor, they would then run one at a time. So it is kept until all
          actors have started, but at most `_START_SECONDS`, and not after the loss of a node: a starting trial waits
          for the resources of this actor then.
        """
        if self.starting:
            recent = max(self.starting.values()) > time.monotonic() - _START_SECONDS
            return recent and len(self.occupied) <= self.room
        self.engine.fill()
        return not (self.engine.has_waiting or self.engine.is_finished)

    def on_exit(self, trial_id: str) -> None:
        """Handles the end of Tune's trial; a job that was still running is lost."""
        self.occupied.discard(trial_id)
        self.starting.pop(trial_id, None)
        job = self.jobs.pop(trial_id, None)
        if job is None:
            return
        with self._abort_on_record_error():
            if self.engine.stopping or self.engine.fatal_error:
                self.engine.interrupt(job)
            else:
                self.engine.worker_lost(job, "the worker process died", started=trial_id in self.started)

    def should_stop(self) -> bool:
        """Whether Tune's run ends now: the study was interrupted, and its trials have paused or had enough time."""
        self._check_nodes()
        self._check_starts()
        self._check_commands()
        if not (self.engine.fatal_error or self.stop_requested()):
            return False
        if not self.engine.stopping:
            self.pause_deadline = time.monotonic() + _PAUSE_SECONDS
            with contextlib.suppress(OSError):
                self.engine.pause()
        return self.jobs.keys() <= self.starting.keys() or time.monotonic() > self.pause_deadline

    def _check_nodes(self) -> None:
        """Adapts to lost and new nodes. Aborts the study if none is left and all trials wait for one."""
        now = time.monotonic()
        if now < self.next_node_check:
            return
        self.next_node_check = now + _NODE_CHECK_SECONDS
        nodes = living_nodes()
        room = max(1, min(self.workers, trials_on(nodes, self.threads, self.gpus)))
        if room != self.room:
            self.room = room
            print(f"{len(nodes)} Ray nodes are alive: running up to {room} trials at once", file=sys.stderr, flush=True)
        if not nodes and self.jobs and self.jobs.keys() <= self.starting.keys():
            self.engine.abort("no Ray node is left to run trials")

    def _check_commands(self) -> None:
        """Lets the engine take commands."""
        if time.monotonic() >= self.next_command_check:
            with self._abort_on_record_error():
                self.engine.take_commands()
            self.next_command_check = time.monotonic() + _COMMAND_CHECK_SECONDS

    def _check_starts(self) -> None:
        """Tells the user that workers do not start, and aborts the study if they cannot."""
        waiting = bool(self.jobs) and self.jobs.keys() <= self.starting.keys()
        waited = time.monotonic() - min(self.starting[one] for one in self.jobs) if waiting else 0.0
        problem = self.starts(waited)
        if problem:
            self.engine.abort(problem)

    @contextlib.contextmanager
    def _abort_on_record_error(self) -> Iterator[None]:
        """Aborts the study if the record cannot be written; Tune would turn the error into a failed trial."""
        try:
            yield
        except UserError as error:
            self.engine.abort(str(error))


class Interrupted(BaseException):
    """The command was interrupted. Not an `Exception`: Tune would first wait for its actors to stop by themselves."""


class JobSearcher(Searcher):
    """Shows Tune the engine as a source of trials."""

    def __init__(self, slots: TrialSlots) -> None:
        super().__init__()
        self.slots = slots

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """See `Searcher`.

        While no trial runs, as in a paused study, Tune calls only this, for up to ten minutes.
        """
        if self.slots.should_stop():
            raise Interrupted
        if self.slots.is_finished():
            return cast("None", Searcher.FINISHED)  # a string, though Ray's annotation says otherwise
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
        proceed = self.slots.on_message(trial.trial_id, result["message"])
        return str(TrialScheduler.CONTINUE if proceed else TrialScheduler.STOP)


class StopAll(tune.Stopper):
    """Ends Tune's run when the command was interrupted."""

    def __init__(self, slots: TrialSlots) -> None:
        self.slots = slots

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Single trials are never stopped this way."""
        return False

    def stop_all(self) -> bool:
        """See `Stopper`."""
        if self.slots.should_stop():
            raise Interrupted
        return False
