"""A short trial, run before a study in processes of its own: what a trial costs, and how much memory it takes.

It belongs to no study; the files that it writes are in a temporary folder.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

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
_SLOW_STEP = 10.0  # seconds
_CLIPS = 32  # generated together; only these are timed if a whole evaluation takes longer than `_SLOW_EVALUATION`
_SLOW_EVALUATION = 5.0  # seconds
_CUDA_CONTEXT = 2**29  # bytes of a GPU that a process takes before it allocates any tensor


@dataclass(frozen=True)
class ProbeResult:
    """Seconds, bytes and peak memory of a trial, as means over the processes.

    Attributes:
        imports: seconds until a process has started.
        start, step, evaluation, end: seconds, as in `TrialCosts`.
        steps: number of timed steps per process.
        checkpoint_bytes, sample_bytes: size of the files that a trial leaves.
        host: peak main memory in bytes.
        device: peak memory of its GPU; 0 without a GPU.
        device_free, device_total: memory of the GPU: free without the trial, and in total.
    """

    imports: float
    start: float
    step: float
    evaluation: float
    end: float
    steps: int
    checkpoint_bytes: int
    sample_bytes: int
    host: int
    device: int = 0
    device_free: int = 0
    device_total: int = 0


def run_probe(
    config: Config, settings: TrialSettings, wanted: Resources, *, processes: int = 1, seconds: float = SECONDS
) -> ProbeResult:
    """Runs short trials in parallel processes, which share caches and memory bandwidth.

    Args:
        settings: of the study's trials. Data and classifier must exist.
        seconds: for how long steps are timed. At 0 one step is.

    Raises:
        UserError: A process failed or died.
    """
    trial = partial(_short_trial, config, settings, wanted, seconds, time.time())
    try:
        with closing(crash_safe_map(trial, range(processes), processes)) as results:
            found = list(results)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"the probe failed: {type(error).__name__}: {error}") from error
    finished = [result for result in found if not isinstance(result, WorkerDied)]
    if len(finished) < processes:
        raise UserError("the probe died, possibly out of memory: give fewer --workers, or choose a smaller --preset")
    means = {name: fmean(each[name] for each in finished) for name in finished[0]}
    whole = {name: round(mean) for name, mean in means.items() if isinstance(finished[0][name], int)}
    return ProbeResult(**(means | whole))  # type: ignore[arg-type]


def gpus_of(number: int, gpus: float) -> list[int]:
    """Indices of the GPUs of one of several parallel trials, as Ray assigns them.

    Args:
        number: of the trial, from 0.
        gpus: per trial; a fraction means that it shares a GPU.
    """
    if gpus >= 1:
        return list(range(number * int(gpus), (number + 1) * int(gpus)))
    return [number // int(1 / gpus + 1e-9)]


def _short_trial(
    config: Config, settings: TrialSettings, wanted: Resources, seconds: float, began: float, number: int
) -> dict[str, float]:
    """The fields of `ProbeResult`, measured in this process.

    Args:
        began: time at which the processes were started.
        number: of this process among those in parallel.
    """
    imports = time.time() - began
    if wanted.gpus:
        visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
        mine = (visible[gpu] if gpu < len(visible) else str(gpu) for gpu in gpus_of(number, wanted.gpus))
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
    torch.set_num_threads(wanted.cpus)
    keep_memory()
    on_gpu = torch.cuda.is_available()
    free = torch.cuda.mem_get_info()[0] if on_gpu else 0  # beside this process's context
    found, host = _with_peak_memory(lambda: _timed_trial(config, settings, seconds))
    if on_gpu:
        left, total = torch.cuda.mem_get_info()
        libraries = max(0, free - left - torch.cuda.memory_reserved())  # workspaces outside of PyTorch's allocator
        device = _CUDA_CONTEXT + libraries + torch.cuda.max_memory_reserved()
        found |= {"device": device, "device_free": free + _CUDA_CONTEXT, "device_total": total}
    return found | {"imports": imports, "host": host}


def _timed_trial(config: Config, settings: TrialSettings, seconds: float) -> dict[str, float]:
    """Seconds of the parts of a trial, and bytes of its files."""
    began = time.perf_counter()
    data = prepare(config, Path(settings.data))
    run = Run(config, data)
    batches = Batches(config, data, run.device)
    classifier = cached_classifier(data.clips, data.split, config, seed=settings.classifier_seed)
    loaded = time.perf_counter() - began

    def step() -> None:
        run.training_step(batches(run.step), run.step)
        run.update_ema()
        run.step += 1

    # The first steps compile, record graphs, allocate memory and load code.
    warm_up = [_seconds(step)]
    more = WARM_UP + 1 if run.training_step.machine.graphed else int(warm_up[0] < _SLOW_STEP)
    warm_up += [_seconds(step) for _ in range(more)]
    timed = [_seconds(step)]
    while sum(timed) < seconds:
        timed.append(_seconds(step))
    each = fmean(timed)

    clips = data.split.validation

    def evaluate(count: int) -> None:
        recognised(run.generator, config, data, classifier, clips[:count], VALIDATION_SEED)

    evaluation = _seconds(lambda: evaluate(_CLIPS)) * len(clips) / min(_CLIPS, len(clips))
    fast = evaluation <= _SLOW_EVALUATION
    if fast:
        evaluation = _seconds(lambda: evaluate(len(clips)))
    if "appearance" in settings.objectives:  # this objective generates as many clips again
        identity = identity_evaluation(cached_identity_classifier(config, data)) if fast else None
        evaluation += _seconds(lambda: identity(run, lambda: None)) if identity else evaluation
    with tempfile.TemporaryDirectory(prefix="amc-probe-", ignore_cleanup_errors=True) as name:
        path, pictures = Path(name) / "checkpoint.safetensors", Path(name) / "samples"
        save = _seconds(lambda: run.save(path))
        end = _seconds(lambda: write_samples(run.generator, config, data, pictures, device=run.device))
        return {
            "start": loaded + max(0.0, sum(warm_up) - len(warm_up) * each),
            "step": each,
            "steps": len(timed),
            "evaluation": evaluation + save,
            "end": end,
            "checkpoint_bytes": path.stat().st_size,
            "sample_bytes": sum(file.stat().st_size for file in pictures.iterdir()),
        }


def _seconds(work: Callable[[], Any]) -> float:
    """Seconds that `work` takes, including what it queues on the GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _with_peak_memory(work: Callable[[], dict[str, float]]) -> tuple[dict[str, float], int]:
    """The result of `work`, and the bytes of main memory that it takes at its peak."""
    found: dict[str, float] = {}
    if memory.available():
        host = memory.added_by(lambda part: None if part else found.update(work()))
    else:
        found = work()
        host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return found, host
