"""Short measurements before a study, in processes of their own: what a trial costs, and how much memory it takes.

They run outside of any study; the files that they write are in temporary folders.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from amc.config import Config
from amc.data.conditions import Batches
from amc.data.training_data import prepare
from amc.errors import UserError
from amc.evaluation.generation import VALIDATION_SEED
from amc.evaluation.judges.identity import cached_identity_classifier, identity_evaluation
from amc.evaluation.judges.motion_classifier import cached_classifier
from amc.evaluation.pictures.samples import write_samples
from amc.evaluation.validation import recognised
from amc.machine.capabilities import keep_memory
from amc.machine.cuda_graph import WARM_UP
from amc.processes import WorkerDied, crash_safe_map
from amc.selftest import memory
from amc.training.run import Run
from tuning.workers.job import TrialSettings
from tuning.workers.resources import Resources

SECONDS = 10.0  # for which steps are timed
_WARM_UP = 2  # steps that are not timed, unless the first one takes longer than `_SLOW_STEP`
_SLOW_STEP = 10.0  # seconds
_CLIPS = 32  # generated together; only these are timed if a whole evaluation takes longer than `_SLOW_EVALUATION`
_SLOW_EVALUATION = 5.0  # seconds
_CUDA_CONTEXT = 2**29  # bytes of a GPU that a process takes before it allocates any tensor
T = TypeVar("T")


@dataclass(frozen=True)
class MeasuredCosts:
    """Costs of a trial; seconds are means over the processes.

    Attributes:
        imports: until a process has started.
        start, step, evaluation, end: as in `TrialCosts`.
        checkpoint_bytes, sample_bytes: size of the files that a trial leaves.
        steps: number of timed steps per process.
    """

    imports: float
    start: float
    step: float
    evaluation: float
    end: float
    checkpoint_bytes: int
    sample_bytes: int
    steps: int


@dataclass(frozen=True)
class PeakMemory:
    """Peak memory of a trial, in bytes.

    Attributes:
        host: of main memory.
        device: of its GPU; None without a GPU.
        free, total: of the GPU: free without the trial, and in total.
    """

    host: int
    device: int | None = None
    free: int = 0
    total: int = 0


def measure_costs(
    config: Config, settings: TrialSettings, wanted: Resources, *, processes: int, seconds: float = SECONDS
) -> MeasuredCosts:
    """Times trials of a configuration in parallel processes, which share caches and memory bandwidth.

    Args:
        settings: of the study's trials. Data and classifier must exist.
        seconds: for how long steps are timed.

    Raises:
        UserError: A process failed or died.
    """
    began = time.time()
    found = _in_processes(partial(_time_trial, config, settings, wanted, seconds), processes)
    values = {name: fmean(each[name] for each in found) for name in found[0]}
    sizes = {name: round(values.pop(name)) for name in ("checkpoint_bytes", "sample_bytes", "steps")}
    return MeasuredCosts(values.pop("started") - began, **values, **sizes)  # type: ignore[arg-type]


def measure_memory(config: Config, settings: TrialSettings, wanted: Resources) -> PeakMemory:
    """Measures the peak memory of one trial. Arguments and errors are those of `measure_costs`."""
    return _in_processes(partial(_peak_memory, config, settings, wanted), 1)[0]


def gpus_of(number: int, gpus: float) -> list[int]:
    """Indices of the GPUs of one of several parallel trials, as Ray assigns them.

    Args:
        number: of the trial, from 0.
        gpus: per trial; a fraction means that it shares a GPU.
    """
    if gpus >= 1:
        return list(range(number * int(gpus), (number + 1) * int(gpus)))
    return [number // int(1 / gpus + 1e-9)]


def _in_processes(function: Callable[[int], T], count: int) -> Sequence[T]:
    """Runs `function(number)` in that many parallel processes."""
    try:
        with closing(crash_safe_map(function, range(count), count)) as results:
            found = list(results)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"the probe failed: {type(error).__name__}: {error}") from error
    finished = [result for result in found if not isinstance(result, WorkerDied)]
    if len(finished) < count:
        raise UserError("the probe died, possibly out of memory: give fewer --workers, or choose a smaller --preset")
    return finished


class _ShortTraining:
    """Training steps as in `amc.training.loop.train`, on the data of a study; prepares this process for them.

    Args:
        number: of this process among those in parallel.
    """

    def __init__(self, config: Config, settings: TrialSettings, wanted: Resources, number: int) -> None:
        if wanted.gpus:
            visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
            mine = (visible[gpu] if gpu < len(visible) else str(gpu) for gpu in gpus_of(number, wanted.gpus))
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
        torch.set_num_threads(wanted.cpus)
        keep_memory()
        self.config, self.settings = config, settings
        self.cuda = torch.cuda.is_available()

    def load(self) -> None:
        """Reads the data, builds the networks and loads the classifier that evaluates."""
        self.data = prepare(self.config, Path(self.settings.data))
        self.run = Run(self.config, self.data)
        self.batches = Batches(self.config, self.data, self.run.device)
        seed = self.settings.classifier_seed
        self.classifier = cached_classifier(self.data.clips, self.data.split, self.config, seed=seed)

    def step(self) -> None:
        """One training step."""
        run = self.run
        run.training_step(self.batches(run.step), run.step)
        run.update_ema()
        run.step += 1

    def evaluate(self, clips: NDArray[np.intp]) -> None:
        """Evaluates these clips."""
        recognised(self.run.generator, self.config, self.data, self.classifier, clips, VALIDATION_SEED)

    def seconds(self, work: Callable[[], Any]) -> float:
        """Seconds that `work` takes, including what it queues on the GPU."""
        if self.cuda:
            torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        if self.cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - started

    def warm_up(self) -> float:
        """Seconds of the first steps, which compile, record graphs, allocate memory and load code."""
        graphed = self.run.training_step.machine.graphed
        count, spent = WARM_UP + 2 if graphed else _WARM_UP, 0.0
        while self.run.step < count and (self.run.step == 0 or spent < _SLOW_STEP or graphed):
            spent += self.seconds(self.step)
        return spent

    def timed_steps(self, seconds: float) -> tuple[float, int]:
        """Mean seconds of a step over as many steps as start within `seconds`, and their number."""
        spent, count = 0.0, 0
        while spent < seconds:
            spent += self.seconds(self.step)
            count += 1
        return spent / count, count

    def timed_evaluation(self) -> float:
        """Seconds of an evaluation on the whole validation split, extrapolated if it is slow."""
        clips = self.data.split.validation
        part = clips[:_CLIPS]
        whole = self.seconds(lambda: self.evaluate(part)) * len(clips) / len(part)
        if len(part) < len(clips) and whole <= _SLOW_EVALUATION:
            whole = self.seconds(lambda: self.evaluate(clips))
        if "appearance" not in self.settings.objectives:
            return whole
        if whole > _SLOW_EVALUATION:
            return 2 * whole  # the objective `appearance` generates as many clips again
        identity = identity_evaluation(cached_identity_classifier(self.config, self.data))
        return whole + self.seconds(lambda: identity(self.run, lambda: None))


def _time_trial(
    config: Config, settings: TrialSettings, wanted: Resources, seconds: float, number: int
) -> dict[str, float]:
    """Does a trial in short and times its parts: fields of `MeasuredCosts`, and when this process started."""
    started, began = time.time(), time.perf_counter()
    training = _ShortTraining(config, settings, wanted, number)
    training.load()
    loaded, run = time.perf_counter() - began, training.run
    first, count = training.warm_up(), run.step
    step, steps = training.timed_steps(seconds)
    evaluation = training.timed_evaluation()
    with tempfile.TemporaryDirectory(prefix="amc-probe-", ignore_cleanup_errors=True) as name:
        path, pictures = Path(name) / "checkpoint.safetensors", Path(name) / "samples"
        save = training.seconds(lambda: run.save(path))
        end = training.seconds(lambda: write_samples(run.generator, config, run.data, pictures, device=run.device))
        return {
            "started": started,
            "start": loaded + max(0.0, first - count * step),
            "step": step,
            "evaluation": evaluation + save,
            "end": end,
            "checkpoint_bytes": path.stat().st_size,
            "sample_bytes": sum(file.stat().st_size for file in pictures.iterdir()),
            "steps": steps,
        }


def _peak_memory(config: Config, settings: TrialSettings, wanted: Resources, number: int) -> PeakMemory:
    """Peak memory of data, networks, two steps and a part of an evaluation."""
    training = _ShortTraining(config, settings, wanted, number)
    free = torch.cuda.mem_get_info()[0] if training.cuda else 0  # beside this process's context

    def work(step: int) -> None:
        if step == 0:
            training.load()
        training.step()
        if step == 1:
            training.evaluate(training.data.split.validation[:_CLIPS])

    host = _peak_host_memory(work)
    if not training.cuda:
        return PeakMemory(host)
    left, total = torch.cuda.mem_get_info()
    libraries = max(0, free - left - torch.cuda.memory_reserved())  # workspaces outside of PyTorch's allocator
    device = _CUDA_CONTEXT + libraries + torch.cuda.max_memory_reserved()
    return PeakMemory(host, device, free + _CUDA_CONTEXT, total)


def _peak_host_memory(work: Callable[[int], None]) -> int:
    """Bytes of main memory that `work(0)` and `work(1)` take at their peak."""
    if memory.available():
        return memory.added_by(work)
    for number in range(2):
        work(number)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
