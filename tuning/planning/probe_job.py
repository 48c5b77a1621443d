"""What a probe's process does: a trial in short, by the code of the trial itself, timed piece by piece.

Every report is a rendezvous: `tuning.planning.probe` answers when all processes have come so far, so that they do the
same things at the same time and share memory bandwidth and caches as trials will.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from amc.config import from_dict
from amc.data.conditions import Batches
from amc.data.training_data import TrainingData, prepare
from amc.evaluation.generation import VALIDATION_SEED
from amc.evaluation.judges.identity import cached_identity_classifier, identity_evaluation
from amc.evaluation.judges.motion_classifier import TrainedClassifier, cached_classifier
from amc.evaluation.pictures.samples import write_samples
from amc.evaluation.validation import recognised
from amc.machine.capabilities import keep_memory
from amc.machine.cuda_graph import WARM_UP
from amc.selftest import memory
from amc.training import checkpoint
from amc.training.run import Run
from tuning.workers.job import Job, Outcome, Reporter

READY, WARM, STEPPED, LOOKED, DONE = range(1, 6)  # reports, in this order
_WARM = 2  # steps that are not counted, unless the first is too slow for that
_SLOW = 10.0  # seconds of a step
_LOOK_CLIPS = 32  # of a look that would take longer than `_LOOK_SECONDS`: as many as are generated together
_LOOK_SECONDS = 5.0


def run(job: Job, report: Reporter, directory: Path) -> Outcome:
    """Times steps for the `seconds` of the job's settings, then a look, a checkpoint and pictures.

    Reports, in seconds unless said otherwise: READY `load`; WARM `warm` and `steps`; STEPPED `step` (mean) and `steps`
    (how many); LOOKED `look` (of the whole validation split), `save` and `bytes` (of the checkpoint); DONE `end` and
    `bytes` (of the pictures).
    """
    began = time.perf_counter()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    keep_memory()
    config = from_dict(job.config)
    data = prepare(config, Path(job.settings.data))
    classifier = cached_classifier(data.clips, data.split, config, seed=job.settings.classifier_seed)
    training = _Training(Run(config, data))
    report(READY, {"load": time.perf_counter() - began})
    warm = training.warmed()
    report(WARM, {"warm": warm, "steps": training.run.step})
    each, count = training.timed(float(job.extra["seconds"]))
    report(STEPPED, {"step": each, "steps": count})
    look = _look(training.run, data, classifier)
    if "appearance" in job.settings.objectives:
        look += _identity(training.run, look)
    path = directory / checkpoint.FILE
    save = _seconds(lambda: training.run.save(path))
    report(LOOKED, {"look": look, "save": save, "bytes": path.stat().st_size})
    pictures = directory / "samples"
    end = _seconds(lambda: write_samples(training.run.generator, config, data, pictures, device=training.run.device))
    report(DONE, {"end": end, "bytes": sum(file.stat().st_size for file in pictures.iterdir())})
    return Outcome(value=0.0)


class _Training:
    """Steps as `amc.training.loop.train` does them, without its looks."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.batches = Batches(run.config, run.data, run.device)

    def step(self) -> None:
        run = self.run
        run.training_step(self.batches(run.step), run.step)
        run.update_ema()
        run.step += 1

    def warmed(self) -> float:
        """Seconds of the first steps: compilation, graphs, memory, code that is loaded on first use."""
        count = WARM_UP + 2 if self.run.training_step.machine.graphed else _WARM
        spent = 0.0
        while self.run.step < count and (self.run.step == 0 or spent < _SLOW or self.run.training_step.machine.graphed):
            spent += _seconds(self.step)
        return spent

    def timed(self, seconds: float) -> tuple[float, int]:
        """Mean seconds of a step, over as many as begin within `seconds`, and how many these were."""
        spent, count = 0.0, 0
        while spent < seconds:
            spent += _seconds(self.step)
            count += 1
        return spent / count, count


def _look(run: Run, data: TrainingData, classifier: TrainedClassifier) -> float:
    """Seconds of a look at the whole validation split; of a large one a part is timed."""
    clips = data.split.validation
    part = clips[:_LOOK_CLIPS]

    def look(at: Any) -> float:
        return _seconds(lambda: recognised(run.generator, run.config, data, classifier, at, VALIDATION_SEED))

    first = look(part)
    whole = first * len(clips) / len(part)
    return whole if len(part) == len(clips) or whole > _LOOK_SECONDS else look(clips)


def _identity(run: Run, look: float) -> float:
    """Seconds of what the objective `appearance` adds to a look; where a look is long, about as much again."""
    if look > _LOOK_SECONDS:
        return look
    measured = identity_evaluation(cached_identity_classifier(run.config, run.data))
    return _seconds(lambda: measured(run, lambda: None))


def peak(job: Job, report: Reporter, directory: Path) -> Outcome:
    """Peak memory of a trial: data, networks, two steps and the first clips of a look, in a process of its own.

    Scores, all in bytes: `host`, of main memory; with a GPU also `device`, of it, and its `free` and `total` ones.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    keep_memory()
    config = from_dict(job.config)
    context, free = _context() if torch.cuda.is_available() else (0, 0)
    trained: list[_Training] = []

    def grow(number: int) -> None:
        if not trained:
            data = prepare(config, Path(job.settings.data))
            trained.append(_Training(Run(config, data)))
        trained[0].step()
        if number:
            run = trained[0].run
            classifier = cached_classifier(run.data.clips, run.data.split, config, seed=job.settings.classifier_seed)
            recognised(
                run.generator, config, run.data, classifier, run.data.split.validation[:_LOOK_CLIPS], VALIDATION_SEED
            )

    host = _host_peak(grow)
    if not torch.cuda.is_available():
        return Outcome(value=0.0, scores={"host": host})
    left, _ = torch.cuda.mem_get_info()
    _, total = torch.cuda.mem_get_info()
    beside = max(0, free - context - left - torch.cuda.memory_reserved())  # libraries' own workspaces
    device = context + beside + torch.cuda.max_memory_reserved()
    return Outcome(value=0.0, scores={"host": host, "device": device, "free": free, "total": total})


def _host_peak(work: Callable[[int], None]) -> int:
    if memory.available():
        return memory.added_by(work)
    for number in range(2):
        work(number)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _context() -> tuple[int, int]:
    """Bytes of the GPU that a process takes by being there, and how many are free before it is.

    Another process is there first and looks at what it leaves free; the difference to what this one sees is one more
    process.
    """
    reading, writing = os.pipe()
    waiting, done = os.pipe()
    child = os.fork()  # CUDA has not been started yet, so it may be started in the child
    if child == 0:
        try:
            os.close(done)
            os.write(writing, str(torch.cuda.mem_get_info()[0]).encode())
            os.read(waiting, 1)  # until the parent has looked, too
        finally:
            os._exit(0)
    os.close(writing)
    os.close(waiting)
    try:
        before = int(os.read(reading, 64))
        return _difference(before, torch.cuda.mem_get_info()[0])
    finally:
        os.close(done)
        os.close(reading)
        os.waitpid(child, 0)


def _difference(one: int, two: int) -> tuple[int, int]:
    """A process's own bytes, and those free without any, from those free beside one and beside two."""
    context = max(0, one - two)
    return context, one + context


def _seconds(work: Callable[[], Any]) -> float:
    """Seconds that `work` takes, the device's queue emptied."""
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started
