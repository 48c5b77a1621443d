"""The training loop of every method: steps, evaluations, reports, checkpoints, pauses."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from amc.config import Config
from amc.data.conditions import Batches
from amc.data.training_data import TrainingData
from amc.machine.capabilities import keep_memory
from amc.training import checkpoint
from amc.training.run import Run

ReportMetrics = Callable[[int, Mapping[str, float]], bool]
"""Called with (step, metrics) of an evaluation; returns False to stop the run."""

Evaluation = Callable[[Run, Callable[[], None]], Mapping[str, float]]
"""Called as `evaluation(run, check_pause)`; returns metrics. It calls `check_pause()` before each batch of clips."""

_CHECK_EVERY = 20  # steps between two checks that losses are finite


class Paused(Exception):
    """The caller asked the run to pause."""


@dataclass(frozen=True)
class Result:
    """How training ended.

    Attributes:
        run: the run, as trained so far.
        stopped: `report` asked it to stop before its budget was used.
        paused: it was paused and resumes from its checkpoint.
    """

    run: Run
    stopped: bool
    paused: bool


def train(
    config: Config,
    data: TrainingData,
    *,
    directory: Path,
    report: ReportMetrics,
    evaluations: Sequence[Evaluation] = (),
    pausing: Callable[[], bool] = lambda: False,
    device: torch.device | None = None,
) -> Result:
    """Trains to the budget of `config`; resumes from the checkpoint in `directory` if there is one.

    Args:
        directory: `checkpoint.safetensors` is written here at every evaluation.
        report: called after every evaluation. A resumed run first reports all its earlier evaluations again, so a
            receiver that is keyed by step misses none and counts none twice.
        evaluations: what is measured every `training.evaluate_every` steps and at the end; their metrics are merged.
        pausing: asked before every step and between the batches of an evaluation; True saves a checkpoint and ends
            for now. The resumed run equals, to the bit, a run that was never paused.

    Raises:
        Diverged: a loss is not finite.
        UserError: the checkpoint is of another configuration or data set.
        OSError: the checkpoint cannot be written.
    """
    keep_memory()
    run = Run(config, data, device)
    path = directory / checkpoint.FILE
    if path.exists():
        run.load(path)
    go_on = True
    for step, metrics in run.curve:
        go_on = report(step, metrics) and go_on
    batches = Batches(config, data, run.device)

    def check_pause() -> None:
        if pausing():
            raise Paused

    paused = False
    while go_on:
        try:
            check_pause()
            if _evaluation_is_due(run):
                _evaluate(run, evaluations, check_pause)
                # The checkpoint carries its own report: if the process is killed here, it is reported after the resume.
                run.save(path)
                go_on = report(*run.curve[-1])
            elif run.step < config.training.steps:
                _step(run, batches)
            else:
                break
        except Paused:
            run.save(path)
            paused = True
            break
    return Result(run, stopped=run.step < config.training.steps and not paused, paused=paused)


def _evaluation_is_due(run: Run) -> bool:
    training = run.config.training
    if run.step == 0 or (run.curve and run.curve[-1][0] == run.step):
        return False
    return run.step % training.evaluate_every == 0 or run.step == training.steps


def _evaluate(run: Run, evaluations: Sequence[Evaluation], check_pause: Callable[[], None]) -> None:
    """Appends the metrics of this step to the run's curve."""
    metrics = run.meter.means(run.step)
    began = time.perf_counter()
    for evaluation in evaluations:
        metrics |= evaluation(run, check_pause)
    metrics["time/evaluation_seconds"] = time.perf_counter() - began
    run.seconds += run.meter.seconds + metrics["time/evaluation_seconds"]
    metrics["time/seconds"] = run.seconds
    run.meter = type(run.meter)()
    run.curve.append((run.step, metrics))


def _step(run: Run, batches: Batches) -> None:
    began = time.perf_counter()
    batch = batches(run.step)
    run.meter.data_seconds += time.perf_counter() - began
    run.set_learning_rates()
    losses = run.training_step(batch, run.step)
    run.update_ema()
    run.step += 1
    run.meter.add(losses)
    if run.step % _CHECK_EVERY == 0:
        run.meter.check_finite(run.step)
    run.meter.seconds += time.perf_counter() - began
