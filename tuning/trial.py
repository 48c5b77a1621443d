"""The trial itself: one training run of AMC-GAN, from its job's configuration; what a worker calls.

Data and classifier were prepared by the driver; here they are only loaded.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import torch

from amc.config import from_dict
from amc.data.prepared import prepare
from amc.evaluation.classifier import cached_classifier
from amc.training.loop import score_test, train
from analysis.states import CONFIRM
from tuning.job import Job, Outcome, Report


def run(job: Job, report: Report, directory: Path) -> Outcome:
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
    result = train(config, data, classifier, directory=directory, report=report)
    _keep(directory / "samples", Path(job.samples))
    if result.stopped:
        return Outcome()
    tested = job.role == CONFIRM or job.settings.get("score_test", False)
    scores = score_test(config, data, classifier, directory) if tested else {}
    return Outcome(value=result.value, scores=scores)


def _keep(made: Path, kept: Path) -> None:
    """Moves pictures out of the checkpoint's folder, all at once: the tracker may look at any moment."""
    if not made.is_dir():
        return
    partial = kept.with_name(f".{kept.name}.{os.getpid()}")
    shutil.copytree(made, partial)
    shutil.rmtree(kept, ignore_errors=True)
    partial.rename(kept)
