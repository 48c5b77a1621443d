"""The trial itself: one training run of AMC-GAN, from its job's configuration; what a worker calls.

Data and judges were prepared by the driver; here they are only loaded.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from amc.config import from_dict
from amc.data.prepared import prepare
from amc.evaluation import standalone
from amc.evaluation.judges.identity import cached_identity_classifier, measure
from amc.evaluation.judges.motion_classifier import cached_classifier
from amc.evaluation.scores import cached_judges, headline, score, show
from amc.evaluation.standalone import save_velocities
from amc.training.checkpoint import FILE, BrokenCheckpoint
from amc.training.generator_file import save_generator
from amc.training.loop import Run, train
from analysis.record.states import CONFIRM
from tuning.workers.job import Job, Outcome, Reporter


class _Paused(Exception):
    """The trial is wanted to stop for now, while it is scored."""


def run(job: Job, report: Reporter, directory: Path) -> Outcome:
    """Trains to the job's budget, going on from the checkpoint in `directory`; pictures go to the job's samples.

    Runs that nothing is selected by (confirming ones, and those of a list, whose settings say `score_test`) are scored
    on the test split, once.

    Raises:
        Diverged: a loss is no longer finite.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    config = from_dict(job.config)
    data = prepare(config, Path(job.settings["data"]))
    classifier = cached_classifier(data.clips, data.split, config, seed=int(job.settings["classifier_seed"]))
    wanted = "appearance" in job.settings.get("objectives", ())
    kept = Path(job.samples)
    # Not in `directory`: the checkpoints of a trial that was pruned are deleted while it makes its pictures.
    made = kept.with_name(f".{kept.name}.{job.attempt}")
    training = partial(
        train,
        config,
        data,
        classifier,
        directory=directory,
        report=report,
        measures=[measure(cached_identity_classifier(config, data))] if wanted else [],
        pausing=report.pausing,
        samples=made,
    )
    try:
        result = training()
    except BrokenCheckpoint as error:
        print(f"{error}; this trial begins anew", file=sys.stderr)
        (directory / FILE).unlink()
        result = training()
    if result.paused:
        return Outcome(paused=True)
    if result.stopped:
        _keep(made, kept)
        return Outcome()
    save_velocities(directory / standalone.FILE, data)  # with them the checkpoint can do without the data
    if job.role != CONFIRM and not job.settings.get("score_test", False):
        _keep(made, kept)
        return Outcome(value=result.value)
    ended = Run(config, data)
    ended.load(directory / FILE)
    save_generator(Path(job.generator), ended)
    show(ended.generator, config, data, made)
    _keep(made, kept)
    try:
        return _scored(job, ended, result.value, report.pausing)
    except _Paused:
        return Outcome(paused=True)


def _scored(job: Job, ended: Run, value: float, pausing: Callable[[], bool]) -> Outcome:
    def between() -> None:
        if pausing():
            raise _Paused

    judges = cached_judges(ended.config, ended.data, job.settings)
    sheet = score(ended.generator, ended.config, ended.data, judges, between=between)
    return Outcome(value=value, scores=headline(sheet), sheet=sheet.to_dict(), scorer=judges.scorer())


def _keep(made: Path, kept: Path) -> None:
    """Puts pictures in their place, whole: the tracker may look at any moment. Earlier attempts' half-made ones go.

    The process of an attempt that no longer counts may be a moment behind: its pictures are the same, and it leaves
    those alone that a later attempt is making.
    """
    if not made.is_dir():
        return
    shutil.rmtree(kept, ignore_errors=True)
    with contextlib.suppress(OSError):  # the other one was faster
        made.rename(kept)
    for left in kept.parent.glob(f".{kept.name}.*"):
        if int(left.name.rpartition(".")[2]) <= int(made.name.rpartition(".")[2]):
            shutil.rmtree(left, ignore_errors=True)
