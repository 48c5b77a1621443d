"""The trial itself: one training run, from the configuration of its job; called by a worker.

The driver has prepared data and classifiers; here they are only loaded.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from amc.data.training_data import prepare
from amc.errors import UserError
from amc.evaluation import clip_maker
from amc.evaluation.clip_maker import save_velocities
from amc.evaluation.judges.identity import cached_identity_classifier, identity_evaluation
from amc.evaluation.judges.motion_classifier import cached_classifier
from amc.evaluation.keypoints.judge import cached_keypoint_judge
from amc.evaluation.pictures.sample_gif import write_sample_gif
from amc.evaluation.pictures.samples import write_samples
from amc.evaluation.scores.headline import headline
from amc.evaluation.scores.score import KeypointsNotScored, score
from amc.evaluation.scores.test_judges import cached_judges
from amc.evaluation.validation import last_accuracy, validation
from amc.methods import load_config
from amc.training.checkpoint import FILE, BrokenCheckpoint
from amc.training.generator_file import save_generator
from amc.training.loop import Paused, train
from amc.training.run import Run
from analysis.record.states import CONFIRM
from tuning.workers.job import Job, Outcome, Reporter


def run(job: Job, report: Reporter, directory: Path) -> Outcome:
    """Trains to the job's budget, resuming from the checkpoint in `directory`, and writes sample pictures.

    Confirming runs of a search, and all trials of a study with `score_test`, are scored on the test split,
    once. Nothing is selected by these scores: the race is decided by validation accuracy. If keypoints cannot be
    scored, the run has all other scores, and the next command of the study scores it again.

    Returns:
        The outcome; its value is the last validation accuracy, in [0, 1].

    Raises:
        Diverged: a loss is no longer finite.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    config = load_config(job.config)
    data = prepare(config, Path(job.settings.data))
    classifier = cached_classifier(data.clips, data.split, config, seed=job.settings.classifier_seed)
    evaluations = [validation(classifier)]
    if "appearance" in job.settings.objectives:
        evaluations.append(identity_evaluation(cached_identity_classifier(config, data)))
    samples = Path(job.samples)
    # Not in `directory`: the checkpoints of a pruned trial are deleted while it writes its pictures.
    drafts = samples.with_name(f".{samples.name}.{job.attempt}")
    training = partial(
        train, config, data, directory=directory, report=report, evaluations=evaluations, pausing=report.pausing
    )
    try:
        result = training()
    except BrokenCheckpoint as error:
        print(f"{error}; restarting the trial from step 0", file=sys.stderr)
        (directory / FILE).unlink()
        result = training()
    if result.paused:
        return Outcome(paused=True)
    trained = result.run
    write_samples(trained.generator, config, data, drafts, device=trained.device)
    if result.stopped:
        _publish(drafts, samples)
        return Outcome()
    save_velocities(directory / clip_maker.FILE, data)  # with them the checkpoint can be used without the data
    value = last_accuracy(trained.curve)
    if job.role != CONFIRM and not job.settings.score_test:
        _publish(drafts, samples)
        return Outcome(value=value)
    save_generator(Path(job.generator), trained)
    write_sample_gif(trained.generator, config, data, drafts)
    _publish(drafts, samples)
    try:
        return _scored(job, trained, value, report.pausing)
    except Paused:
        return Outcome(paused=True)


def _scored(job: Job, trained: Run, value: float, pausing: Callable[[], bool]) -> Outcome:
    def check_pause() -> None:
        if pausing():
            raise Paused

    asked = job.settings
    judges = cached_judges(
        trained.config,
        trained.data,
        classifier_seed=asked.classifier_seed,
        lpips=asked.lpips,
        fvd=asked.fvd,
    )
    note, with_keypoints = "", judges
    try:
        if asked.extractor:
            keypoints = cached_keypoint_judge(trained.config, trained.data, asked.extractor)
            with_keypoints = replace(judges, keypoints=keypoints)
    except UserError as error:
        note = f"keypoints were not scored when the run ended: {error}"
    try:
        sheet = score(trained.generator, trained.config, trained.data, with_keypoints, check_pause=check_pause)
        judges = with_keypoints
    except KeypointsNotScored as error:  # the scorer is that without keypoints, so the run counts as not up to date
        note, sheet = f"keypoints were not scored when the run ended: {error}", error.sheet
    return Outcome(value=value, scores=headline(sheet), sheet=sheet.to_dict(), scorer=judges.scorer(), note=note)


def _publish(drafts: Path, samples: Path) -> None:
    """Moves finished pictures to their place at once, because they may be copied to MLflow at any moment.

    Unfinished pictures of earlier attempts are deleted. The process of a superseded attempt may run a moment longer:
    its pictures are the same, and it does not delete those of a later attempt.
    """
    if not drafts.is_dir():
        return
    shutil.rmtree(samples, ignore_errors=True)
    with contextlib.suppress(OSError):  # the other process was faster
        drafts.rename(samples)
    for left in samples.parent.glob(f".{samples.name}.*"):
        if int(left.name.rpartition(".")[2]) <= int(drafts.name.rpartition(".")[2]):
            shutil.rmtree(left, ignore_errors=True)
