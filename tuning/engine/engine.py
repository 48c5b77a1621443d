"""The study engine: hands out trials, takes their reports, and decides; knows neither Ray nor MLflow.

A runner (`tuning.local`, `tuning.on_ray.runner`) asks `next_job` whenever it has room, passes on what a job reports,
and says how it ended. All state is in the record, so an engine that is made again after any interruption goes on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.record.rows import SheetRow, TrialRow
from analysis.record.states import COMPLETE, FAILED, OPEN, PRUNED, TRIAL, WAITING
from analysis.record.writing import RecordWriter
from tuning.engine import checkpoints
from tuning.engine.sources import TrialSource, of_role
from tuning.engine.trial_cache import TrialCache
from tuning.search.goal import Goal
from tuning.search.pruners import Pruner
from tuning.workers.failures import MEMORY, STORAGE
from tuning.workers.job import Job, Outcome
from tuning.workers.pause_file import PauseFile

MAX_FAILED_STARTS = 6  # attempts in a row that never came up: something is wrong with the machine or the installation


@dataclass(frozen=True)
class StudyPlan:
    """What an engine needs besides the record.

    Attributes:
        sources: asked in this order; a later one may wait for what an earlier one found.
        folder: DIR/<study>.
        trainable: `package.module:function`.
        settings: for the trainable.
        memory: bytes that a trial may take; None is no limit.
        prunes: roles whose trials may be stopped early.
    """

    study: str
    sources: Sequence[TrialSource]
    pruner: Pruner
    folder: Path
    trainable: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    memory: int | None = None
    goal: Goal = field(default_factory=Goal)
    prunes: frozenset[str] = frozenset({TRIAL})


class EngineCallback:
    """Is told what happens; the default ignores it."""

    def began(self, trial: TrialRow) -> None:
        """An attempt began in its process."""

    def reported(self, trial: TrialRow, step: int, metrics: Mapping[str, float]) -> None:
        """A report arrived."""

    def ended(self, trial: TrialRow) -> None:
        """A trial ended for good, or (state WAITING) its attempt was given up."""


class Engine:
    """See the module's text. Methods are called by one thread.

    Attributes:
        stopping: no new jobs are handed out.
        trouble: why the study can't go on now, such as a full disk; empty where it can.
    """

    def __init__(self, record: RecordWriter, plan: StudyPlan, callbacks: Sequence[EngineCallback] = ()) -> None:
        self.record, self.plan, self.callbacks = record, plan, callbacks
        self.stopping = False
        self.fatal_error = ""
        self.failed_starts = 0  # attempts, one after the other, whose process never came up
        self.pause_file = PauseFile(plan.folder)
        record.requeue_running(plan.study)
        self.cache = TrialCache(record, plan.study)
        self.tidy()

    def next_trial(self) -> TrialRow | None:
        """The trial whose turn it is; None if there is none now."""
        if self.stopping or self.fatal_error or not self.stocked():
            return None
        waiting = [trial for trial in self.trials() if trial.state == WAITING]
        # Interrupted trials first, and searching before confirming.
        return min(waiting, key=lambda trial: (trial.attempts == 0, trial.role != TRIAL, trial.number))

    def next_job(self) -> Job | None:
        """The next attempt to run, already RUNNING on record; None if there is none now."""
        trial = self.next_trial()
        if trial is None:
            return None
        self.record.begin(self.plan.study, trial.key)
        return self._job(self.cache.refresh(trial.key))

    def pause(self) -> None:
        """Hands out nothing more, and asks the trials that run to save and end for now."""
        self.stopping = True
        self.pause_file.ask()

    def began(self, job: Job) -> None:
        """Takes the beginning of a job: its process is up."""
        self.failed_starts = 0
        self.record.mark_started(self.plan.study, job.key, job.attempt)
        trial = self.cache.refresh(job.key)
        for callback in self.callbacks:
            callback.began(trial)

    def stocked(self) -> bool:
        """Whether a trial waits to be run; a source is asked for one if not."""
        trials = self.trials()
        if any(trial.state == WAITING for trial in trials):
            return True
        for source in self.plan.sources:
            proposal = source.propose(trials, self.cache.curves)
            if proposal is not None:
                row = TrialRow(
                    study=self.plan.study,
                    key=proposal.key,
                    role=proposal.role,
                    number=proposal.number,
                    parent=proposal.parent,
                    state=WAITING,
                    params=proposal.params,
                    config=proposal.config.to_dict(),
                    seed=proposal.config.seed,
                    budget=proposal.config.training.steps,
                )
                self.record.add_trial(row)
                self.cache.refresh(row.key)
                return True
        return False

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing is left to run, or (when stopping) nothing shall be run."""
        if self.stopping or self.fatal_error:
            return True
        return not any(trial.state in OPEN for trial in self.trials()) and not self.stocked()

    def report(self, job: Job, step: int, metrics: Mapping[str, float]) -> bool:
        """Takes a report; False means that the job shall stop: it is pruned, or no longer counts."""
        study, plan = self.plan.study, self.plan
        goal = plan.goal
        violation = goal.violation(metrics)
        if not self.record.report(
            study, job.key, job.attempt, step, metrics, objectives=goal.metrics, violation=violation
        ):
            return False
        trial = self.cache.refresh_curve(job.key)
        for callback in self.callbacks:
            callback.reported(trial, step, metrics)
        missing = goal.missing(metrics)
        if missing and self._ever_judged():
            self._end(job, FAILED, Outcome(failure=missing))
            return False
        if missing:  # a misspelt metric, most likely: every trial would fail for it
            self.fatal_error = self.fatal_error or missing
            self.interrupt(job)
            return False
        # A continued trial sends its earlier reports again; they were judged when they first came.
        if step < trial.step or step >= job.budget or job.role not in plan.prunes:
            return True
        searched = of_role(self.trials(), job.role)
        curves = self.cache.scores
        numbers = {other.key: other.number for other in searched}
        if not plan.pruner.should_prune(job.key, step, {key: curves[key] for key in numbers}, numbers):
            return True
        self._end(job, PRUNED, Outcome())
        return False

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Takes the end of a job that ended by itself.

        A full disk is no fault of the trial's: it waits, and the study can't go on. A trial that ran out of memory is
        tried again once, alone on a whole device.
        """
        if outcome.cause == STORAGE:
            self.fatal_error = self.fatal_error or outcome.failure
        if outcome.paused and not self.stopping:  # by a signal to its process, say: not for ever
            self.lost(job, "its process was told to stop")
        elif outcome.paused or outcome.cause == STORAGE:
            self.interrupt(job)
        elif outcome.cause == MEMORY and not job.alone:
            self._release(job, outcome.failure, alone=True)
        else:
            self._end(job, FAILED if outcome.failure else COMPLETE, outcome)

    def lost(self, job: Job, reason: str, cause: str = "", *, began: bool = True) -> None:
        """Takes the death of a worker: the trial waits for its next attempt, unless it keeps dying.

        Args:
            began: its process was up. One that never was is no fault of the trial's; where that goes on, the study
                can't go on.
        """
        self.failed_starts = 0 if began else self.failed_starts + 1
        if self.failed_starts >= MAX_FAILED_STARTS:
            self.fatal_error = self.fatal_error or f"no trial can be started ({reason}; see DIR/STUDY/logs)"
        if cause == MEMORY and job.alone:
            self._end(job, FAILED, Outcome(failure=reason))
        elif cause == MEMORY:
            self._release(job, reason, alone=True)
        else:
            self._release(job, reason, stalled=began)

    def interrupt(self, job: Job) -> None:
        """Gives a job back because the study is being stopped."""
        self._release(job, "interrupted")

    def _release(self, job: Job, reason: str, *, stalled: bool = False, alone: bool = False) -> None:
        before = self.cache.rows[job.key]
        self.record.release(self.plan.study, job.key, job.attempt, reason, stalled=stalled, alone=alone)
        self._told_end(before)

    def trials(self) -> list[TrialRow]:
        """All trials of the study."""
        return self.cache.trials()

    def planned(self) -> int:
        """How many trials the study will have, as far as is known."""
        trials = self.trials()
        return sum(source.planned(trials) for source in self.plan.sources)

    def _end(self, job: Job, state: str, outcome: Outcome) -> None:
        before = self.cache.rows[job.key]
        sheet = None
        if outcome.sheet is not None:
            sheet = SheetRow(self.plan.study, job.key, outcome.scorer, time.time(), outcome.sheet)
        self.record.finish(
            self.plan.study,
            job.key,
            job.attempt,
            state,
            value=outcome.value,
            scores=outcome.scores,
            sheet=sheet,
            reason=outcome.failure,
        )
        self._told_end(before)

    def _told_end(self, before: TrialRow) -> None:
        after = self.cache.refresh(before.key)
        if after.state == before.state:
            return
        self.tidy()
        for callback in self.callbacks:
            callback.ended(after)

    def _ever_judged(self) -> bool:
        """Whether any report of this study had all that its goal needs."""
        return any(
            None not in row.values.values() and (row.violation is None or math.isfinite(row.violation))
            for row in self.trials()
            if row.step
        )

    def tidy(self) -> None:
        """Deletes checkpoints that nothing needs any more."""
        checkpoints.tidy(self.plan.folder / "checkpoints", self.trials())

    def _job(self, trial: TrialRow) -> Job:
        folder = self.plan.folder
        return Job(
            study=trial.study,
            key=trial.key,
            role=trial.role,
            attempt=trial.attempts,
            trainable=self.plan.trainable,
            config=trial.config,
            params=trial.params,
            seed=trial.seed,
            budget=trial.budget,
            directory=str(checkpoints.attempt_folder(folder / "checkpoints", trial.key, trial.attempts)),
            samples=str(folder / "samples" / trial.key),
            generator=str(folder / "generators" / f"{trial.key}.safetensors"),
            log=str(folder / "logs" / f"{trial.key}.log"),
            settings=self.plan.settings,
            memory=None if trial.alone else self.plan.memory,
            alone=trial.alone,
            pause_file=str(self.pause_file.path),
        )
