"""A short measurement before a study: as many processes as there will be trials at once, each doing a trial in short.

They are started as trials are, through trial servers, but without Ray and outside of any study: all they write is in a
temporary folder.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from amc.config import Config
from amc.errors import UserError
from tuning.planning import probe_job
from tuning.workers.job import Job, Outcome, TrialSettings
from tuning.workers.resources import Resources
from tuning.workers.worker import JobCrashed, JobReported, JobStarted, TrialWorker

SECONDS = 10.0  # of steps
LIMIT = 120.0  # seconds for the whole probe, the imports included
_ROOT = Path(__file__).resolve().parents[2]
_Message = TypeVar("_Message", JobStarted, JobReported, Outcome)


@dataclass(frozen=True)
class Probe:
    """What was measured; seconds are means over the processes.

    Attributes:
        imports: seconds until the first trial's process is there.
        load: of data, classifier and networks.
        warm: what the first steps took beyond the later ones.
        step, look, save, end: as in `tuning.planning.forecast.Costs`, look and save apart.
        checkpoint_bytes, sample_bytes: what a trial leaves on disk.
        steps: how many were timed, in each process.
        processes: at once.
    """

    imports: float
    load: float
    warm: float
    step: float
    look: float
    save: float
    end: float
    checkpoint_bytes: int
    sample_bytes: int
    steps: int
    processes: int


@dataclass(frozen=True)
class Peak:
    """Peak memory of a trial in bytes.

    Attributes:
        host: of main memory.
        device: of its GPU, None without one.
        free, total: of a GPU, with nothing of ours on it, and in all.
    """

    host: int
    device: int | None = None
    free: int = 0
    total: int = 0


def probe(
    config: Config, settings: TrialSettings, wanted: Resources, *, processes: int, seconds: float = SECONDS
) -> Probe:
    """Measures trials of `config` side by side.

    Args:
        settings: of the study: where the data are, the classifier's seed. Data and classifier must be there.
        processes: at once.
        seconds: for which steps are timed.

    Raises:
        UserError: a process died or did not end; the message says what to do.
    """
    with _workers(processes, wanted) as (workers, folder):
        began = time.monotonic()
        for number, worker in enumerate(workers):
            worker.start(_job(f"probe-{number}", "run", config, settings, folder, {"seconds": seconds}))
        for worker in workers:
            _expected(worker, JobStarted)
        imports = time.monotonic() - began
        found: list[dict[str, float]] = []  # a row a phase: means over processes
        for _ in range(probe_job.READY, probe_job.DONE + 1):
            reports = [_expected(worker, JobReported).metrics for worker in workers]
            found.append({name: statistics.fmean(each[name] for each in reports) for name in reports[0]})
            for worker in workers:
                worker.answer(True)
        for worker in workers:
            _expected(worker, Outcome)
    ready, warm, stepped, looked, done = found
    return Probe(
        imports=imports,
        load=ready["load"],
        warm=max(0.0, warm["warm"] - warm["steps"] * stepped["step"]),
        step=stepped["step"],
        look=looked["look"],
        save=looked["save"],
        end=done["end"],
        checkpoint_bytes=round(looked["bytes"]),
        sample_bytes=round(done["bytes"]),
        steps=round(stepped["steps"]),
        processes=processes,
    )


def peak(config: Config, settings: TrialSettings, wanted: Resources) -> Peak:
    """Peak memory of one trial of `config`; see `probe`."""
    with _workers(1, wanted) as ((worker,), folder):
        worker.start(_job("peak", "peak", config, settings, folder, {}))
        _expected(worker, JobStarted)
        scores = _expected(worker, Outcome).scores
    device = round(scores["device"]) if "device" in scores else None
    return Peak(round(scores["host"]), device, round(scores.get("free", 0)), round(scores.get("total", 0)))


@contextmanager
def _workers(count: int, wanted: Resources) -> Iterator[tuple[Sequence[TrialWorker], Path]]:
    """Trial servers on their way up, each on the GPU that it would get, and a folder that ends with them."""
    workers = [TrialWorker([probe_job.__name__], wanted.cpus) for _ in range(count)]
    with tempfile.TemporaryDirectory(prefix="amc-probe-", ignore_cleanup_errors=True) as name:
        watchdog = threading.Timer(LIMIT, _give_up, [workers])
        watchdog.daemon = True
        try:
            for number, worker in enumerate(workers):
                with _environment(_variables(number, wanted.gpus)):
                    worker.open(Path(name) / "logs" / "workers.log")
            watchdog.start()
            yield workers, Path(name)
        finally:
            watchdog.cancel()
            for worker in workers:
                worker.close()


def _give_up(workers: Sequence[TrialWorker]) -> None:
    for worker in workers:
        if worker.process is not None:
            worker.process.kill()  # whoever waits for its next message hears of its death


def _variables(number: int, gpus: float) -> dict[str, str]:
    """Environment of a server: where the packages are, and its GPUs, dealt as Ray deals them."""
    known = [str(_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    found = {"PYTHONPATH": os.pathsep.join(dict.fromkeys(known))}
    if gpus:
        visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
        places = devices_of(number, gpus)
        names = [visible[place] if place < len(visible) else str(place) for place in places]
        found["CUDA_VISIBLE_DEVICES"] = ",".join(names)
    return found


def devices_of(number: int, gpus: float) -> list[int]:
    """Places of the GPUs of the `number`th trial at once (from 0): several of them, or one that it shares."""
    if gpus >= 1:
        return list(range(number * int(gpus), (number + 1) * int(gpus)))
    return [number // int(1 / gpus + 1e-9)]


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _expected(worker: TrialWorker, kind: type[_Message]) -> _Message:
    """The worker's next message, which must be of this kind.

    Raises:
        UserError: it is not: the process failed or died.
    """
    message = worker.next()
    if isinstance(message, Outcome) and message.failure:
        raise UserError(f"the probe failed: {message.failure}")
    if isinstance(message, JobCrashed):
        raise UserError(
            f"the probe did not end: {message.reason}. If memory ran out, give fewer --workers or a smaller --preset"
        )
    assert isinstance(message, kind), message
    return message


def _job(
    key: str, function: str, config: Config, settings: TrialSettings, folder: Path, extra: Mapping[str, Any]
) -> Job:
    return Job(
        study="probe",
        key=key,
        role="probe",
        attempt=1,
        trainable=f"{probe_job.__name__}:{function}",
        config=config.to_dict(),
        params={},
        seed=config.seed,
        budget=config.training.steps,
        directory=str(folder / key / "attempt-1"),
        samples=str(folder / "samples" / key),
        log=str(folder / "logs" / f"{key}.log"),
        settings=settings,
        extra=extra,
    )
