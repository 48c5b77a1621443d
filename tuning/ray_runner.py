"""Runs a study on Ray Tune: a searcher that asks the engine for jobs, a scheduler that passes on what they report.

Ray Tune gives trials their resources, wherever in the cluster these are; what is known of the study is in the engine's
record alone. Nothing of Tune's own state is kept: its folder is temporary, and `Tuner.restore` is never used.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

# Read by Ray when it is imported, and inherited by its processes.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # no CSV, JSON or TensorBoard files
os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # signals are the command's business
os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "1000000"  # Tune's state is never restored
os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
os.environ["TUNE_PRINT_ALL_TRIAL_ERRORS"] = "0"  # a lost worker is told in the record

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from amc.errors import UserError
from tuning.engine import Engine
from tuning.job import Job, Outcome
from tuning.lock import driving
from tuning.ray_worker import BEGAN, DIED, END, REPORT, TrialActor

_SESSION = "amc-ray-"
OBJECT_STORE = 128 * 1024**2  # bytes; jobs and reports are small


@dataclass(frozen=True)
class Resources:
    """What trials may use: `workers` at once, each with so many CPU cores and (a fraction of) GPUs."""

    workers: int
    cpus: int
    gpus: float


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resources(workers: int | None, cpus: int | None, gpus: float | None, *, devices: int) -> Resources:
    """Checked resources; what is None is chosen: one core and no GPU a trial, or a GPU where there are any.

    Args:
        devices: GPUs of this machine.

    Raises:
        UserError: more than the machine has. (Ray would wait for ever.)
    """
    have = cores()
    cpus = 1 if cpus is None else cpus
    gpus = min(1.0, float(devices)) if gpus is None else gpus
    if cpus < 1 or (workers is not None and workers < 1) or gpus < 0:
        raise UserError("--workers and --cpus-per-trial must be 1 or more, --gpus-per-trial 0 or more")
    if gpus > 1 and gpus != int(gpus):
        raise UserError(f"--gpus-per-trial {gpus:g}: give a whole number, or a fraction below 1")
    if cpus > have:
        raise UserError(f"--cpus-per-trial {cpus}: this machine has {have} CPU cores; ask for at most {have}")
    if gpus > devices:
        raise UserError(f"--gpus-per-trial {gpus:g}: this machine has {devices} GPUs; ask for at most {devices}")
    room = have // cpus
    if gpus:
        room = min(room, int(devices // gpus) if gpus >= 1 else devices * int(1 / gpus))
    workers = room if workers is None else workers
    if workers > room:
        raise UserError(
            f"--workers {workers}: this machine has room for {room} such trials at once; ask for at most {room}"
        )
    return Resources(workers, cpus, gpus)


@contextlib.contextmanager
def local_ray(wanted: Resources, *, devices: int) -> Iterator[Path]:
    """A Ray instance of this machine alone, ended with the block; gives a folder that ends with it, too."""
    root = str(Path(__file__).resolve().parent.parent)
    known = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    # Ray's processes inherit it, so workers find the packages wherever the command was started from.
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(known))
    with _session() as session:
        ray.init(
            address="local",
            num_cpus=wanted.workers * wanted.cpus,
            num_gpus=devices,
            object_store_memory=OBJECT_STORE,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=str(session),
        )
        try:
            yield session
        finally:
            ray.shutdown()


@contextlib.contextmanager
def _session() -> Iterator[Path]:
    """A folder for one Ray instance, which Ray itself would keep for ever; those of killed drivers go, too.

    Not under $TMPDIR: the path of a Unix socket may have 107 characters.
    """
    for left in Path("/tmp").glob(f"{_SESSION}*"):
        with contextlib.suppress(UserError, OSError), driving(left / "lock", "that session"):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_SESSION, dir="/tmp", ignore_cleanup_errors=True) as folder:
        session = Path(folder)
        with driving(session / "lock", "this session"):
            yield session


def run_on_ray(
    engine: Engine, wanted: Resources, modules: list[str], storage: Path, *, stopping: Callable[[], bool]
) -> None:
    """Runs jobs until the engine has no more, or `stopping` says so; then all that run are given back.

    Args:
        modules: what each worker's trial server imports before its first trial.
        storage: an empty folder for what Tune writes and nobody reads.
    """
    slots = Slots(engine, wanted.workers, modules, wanted.cpus, stopping)
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(wanted.workers)  # else workers are started one after the other
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    logging.getLogger("ray.air").setLevel(logging.CRITICAL)
    tuner = tune.Tuner(
        tune.with_resources(TrialActor, {"cpu": wanted.cpus, "gpu": wanted.gpus}),
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
    finally:
        for job in slots.jobs.values():
            engine.interrupt(job)


class Slots:
    """Which of Tune's trials runs which job, shared by searcher and scheduler."""

    def __init__(
        self, engine: Engine, workers: int, modules: list[str], threads: int, stopping: Callable[[], bool]
    ) -> None:
        self.engine, self.workers, self.modules, self.threads = engine, workers, modules, threads
        self.stopping = stopping
        self.jobs: dict[str, Job] = {}  # by Tune's trial: those under way
        self.taken: set[str] = set()  # Tune's trials that have an actor or wait for one
        self.starting: set[str] = set()  # those that have not been heard of yet

    def __reduce__(self) -> tuple[type[object], tuple[()]]:
        """Tune pickles all it is given in order to restore it some day; there is nothing here to restore."""
        return object, ()

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The next job as a configuration of Tune's; None when there is no room or no job."""
        if len(self.taken) >= self.workers:
            return None
        job = self.engine.next_job()
        if job is None:
            return None
        self.jobs[trial_id] = job
        self.taken.add(trial_id)
        self.starting.add(trial_id)
        return {"job": job.dumps(), "modules": self.modules, "threads": self.threads}

    def heard(self, trial_id: str, message: str) -> bool:
        """Takes a message of `TrialActor`; returns whether Tune's trial goes on."""
        self.starting.discard(trial_id)
        job = self.jobs.get(trial_id)
        kind, content = json.loads(message)
        if job is not None and kind == BEGAN:
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
                self.engine.lost(job, content["reason"])
        # An actor that is let go is given to the next trial, or closed when there is none. Keep it until there is
        # one. And Tune gives it to a trial whose own actor is still starting, closing that one, so that trials
        # shorter than the start of an actor would run one at a time: keep it, too, until all have started.
        return bool(self.starting) or not (self.engine.stocked() or self.engine.finished)

    def gone(self, trial_id: str) -> None:
        """Takes the end of Tune's trial; a job that was still under way is lost."""
        self.taken.discard(trial_id)
        self.starting.discard(trial_id)
        job = self.jobs.pop(trial_id, None)
        if job is None:
            return
        if self.engine.stopping:
            self.engine.interrupt(job)
        else:
            self.engine.lost(job, "the worker process died")


class JobSearcher(Searcher):
    """Tune's view of the engine as a source of trials."""

    def __init__(self, slots: Slots) -> None:
        super().__init__()
        self.slots = slots

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """See `Searcher`."""
        if self.slots.engine.finished and not self.slots.jobs:
            return cast("None", Searcher.FINISHED)  # a string, whatever Ray's annotation says
        return self.slots.suggest(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """See `Searcher`."""
        self.slots.gone(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""


class EngineScheduler(FIFOScheduler):
    """Passes results to the engine and its decisions to Tune."""

    def __init__(self, slots: Slots) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.slots = slots

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """See `TrialScheduler`."""
        go_on = self.slots.heard(trial.trial_id, result["message"])
        return str(TrialScheduler.CONTINUE if go_on else TrialScheduler.STOP)


class Interrupted(BaseException):
    """The command was interrupted. No `Exception`: Tune would first wait for its actors to stop by themselves."""


class StopAll(tune.Stopper):
    """Ends Tune's run when the command was interrupted."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No single trial is stopped this way."""
        return False

    def stop_all(self) -> bool:
        """See `Stopper`."""
        if self.slots.stopping():
            self.slots.engine.stopping = True
            raise Interrupted
        return False
