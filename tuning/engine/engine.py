"""The study engine: hands out trials, takes their reports and decides which continue.

This module and its class use neither Ray nor MLflow. A runner such as `tuning.on_ray.runner` calls `next_job` whenever
it has room, passes on what a job reports, and says how the job ended. `tuning.engine.study` connects the two. All state
is in the study record, so a new engine resumes after any interruption.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.record.rows import CommandRow, SheetRow, TrialRow
from analysis.record.states import COMPLETE, DONE, FAILED, OPEN, PRUNED, REFUSED, RUNNING, TRIAL, WAITING
from analysis.record.writing import RecordWriter
from tuning.engine.checkpoints import checkpoints_kept, delete_unneeded
from tuning.engine.sources import Proposal, TrialSource, of_role
from tuning.engine.steering import STOP_TRIAL, Steering, take
from tuning.engine.trial_cache import TrialCache
from tuning.search.goal import Goal
from tuning.search.pruners import Pruner
from tuning.workers.attempts import attempt_folder
from tuning.workers.failures import MEMORY, STORAGE
from tuning.workers.job import Job, Outcome, TrialSettings
from tuning.workers.pause_file import PauseFile

MAX_FAILED_STARTS = 6  # in a row; then something is wrong with the machine or the installation


@dataclass(frozen=True)
class StudyPlan:
    """What an engine needs besides the record.

    Attributes:
        sources: of trials, asked in this order; a later one may wait for the results of an earlier one.
        folder: DIR/STUDY.
        trainable: `package.module:function`, called for each trial.
        settings, extra: for the trainable; see `tuning.workers.job.Job`.
        memory: limit per trial in bytes; None is no limit.
        pruned_roles: roles whose trials may be pruned.
    """

    study: str
    sources: Sequence[TrialSource]
    pruner: Pruner
    folder: Path
    trainable: str
    settings: TrialSettings = field(default_factory=TrialSettings)
    extra: Mapping[str, Any] = field(default_factory=dict)
    memory: int | None = None
    goal: Goal = field(default_factory=Goal)
    pruned_roles: frozenset[str] = frozenset({TRIAL})


class EngineCallback:
    """Is called on events of a study; by default it does nothing."""

    def on_start(self, trial: TrialRow) -> None:
        """The process of an attempt has started."""

    def on_report(self, trial: TrialRow, step: int, metrics: Mapping[str, float]) -> None:
        """A trial reported metrics."""

    def on_end(self, trial: TrialRow) -> None:
        """A trial has ended, or (state WAITING) its attempt has."""

    def on_command(self, command: CommandRow) -> None:
        """A person's command has been taken."""


class Engine:
    """Runs the trials of one study; see the module's docstring. All methods are called by one thread.

    Attributes:
        stopping: no new jobs are handed out.
        fatal_error: why the study cannot continue, such as a full disk; empty if it can.
        steering: the combined effect of all commands taken so far.
        sources: those of the plan, as commands have changed them.
    """

    def __init__(self, record: RecordWriter, plan: StudyPlan, callbacks: Sequence[EngineCallback] = ()) -> None:
        self.record, self.plan, self.callbacks = record, plan, callbacks
        self.stopping = False
        self.fatal_error = ""
        self.failed_starts = 0  # in a row
        self.exhausted = False  # no source had another trial, and no trial has ended since
        self.pausing: set[tuple[str, int]] = set()  # (trial key, attempt) of jobs that the command pause asked to save
        self.ending: set[str] = set()  # keys of trials that a command ended and whose processes may still run
        self.steering = Steering()
        self.pause_file = PauseFile(plan.folder)
        record.requeue_running(plan.study)
        self.cache = TrialCache(record, plan.study)
        self.keep = checkpoints_kept(plan.sources)
        self._follow_commands()
        self.delete_unneeded_checkpoints()

    # Queries

    def trials(self) -> list[TrialRow]:
        """All trials of the study."""
        return self.cache.trials()

    def planned(self) -> int:
        """How many trials the study will have, as far as is known."""
        trials = self.trials()
        return sum(source.planned(trials) for source in self.sources)

    @property
    def has_waiting(self) -> bool:
        """Whether a trial on record waits for its next attempt."""
        return any(trial.state == WAITING for trial in self.trials())

    @property
    def is_finished(self) -> bool:
        """Whether no trial runs or waits and `fill` found no more, or no more trials shall be started."""
        if self.stopping or self.fatal_error:
            return True
        return self.exhausted and not any(trial.state in OPEN for trial in self.trials())

    def next_trial(self) -> TrialRow | None:
        """The waiting trial that runs next; None if there is none, or none shall be started now.

        Trials given priority come first, the last such command before earlier ones; then interrupted trials, and
        trials of the search before confirming runs.
        """
        if self._starts_none:
            return None
        waiting = [trial for trial in self.trials() if trial.state == WAITING]
        ranks = self.steering.priorities
        return min(
            waiting,
            key=lambda trial: (-ranks.get(trial.key, 0), trial.attempts == 0, trial.role != TRIAL, trial.number),
            default=None,
        )

    @property
    def _starts_none(self) -> bool:
        """Whether no trial shall be started now."""
        return self.stopping or bool(self.fatal_error) or self.steering.paused is not None

    # Commands

    def fill(self) -> None:
        """Adds one trial from the sources to the record, unless a trial waits already or none shall be started."""
        if self._starts_none or self.has_waiting:
            return
        trials = self.trials()
        for source in self.sources:
            proposal = source.propose(trials, self.cache.curves)
            if proposal is not None:
                self.add(proposal)
                return
        self.exhausted = True

    def next_job(self) -> Job | None:
        """Starts an attempt at the next trial: it is RUNNING on record from now on. None if there is none now."""
        self.fill()
        trial = self.next_trial()
        if trial is None:
            return None
        self.record.begin(self.plan.study, trial.key)
        return self._job(self.cache.refresh(trial.key))

    def pause(self) -> None:
        """Hands out no more jobs, and asks running trials to save a checkpoint and pause.

        Raises:
            OSError: the request cannot be written; no more jobs are handed out all the same.
        """
        self.stopping = True
        self.pause_file.request_pause()

    def refuse_commands(self, reason: str) -> None:
        """Refuses the pending commands of persons."""
        for command in self.record.commands(self.plan.study):
            if command.taken is None:
                refused = self.record.take_command(command.id, REFUSED, reason)
                for callback in self.callbacks:
                    callback.on_command(refused)

    def take_commands(self) -> list[CommandRow]:
        """Takes the pending commands of persons, in order; returns them. None while the study is being stopped."""
        if self.stopping or self.fatal_error:
            return []
        pending = [command for command in self.record.commands(self.plan.study) if command.taken is None]
        taken = []
        for command in pending:
            taken.append(take(self, command))
            self._after_command(taken[-1])
        return taken

    def abort(self, reason: str) -> None:
        """Notes why the study cannot continue; the first reason counts."""
        self.fatal_error = self.fatal_error or reason

    def started(self, job: Job) -> None:
        """Notes that the process of a job has started."""
        self.failed_starts = 0
        self.record.mark_started(self.plan.study, job.key, job.attempt)
        trial = self.cache.refresh(job.key)
        if job.key in self.ending:
            return
        for callback in self.callbacks:
            callback.on_start(trial)

    def report(self, job: Job, step: int, metrics: Mapping[str, float]) -> bool:
        """Records a report; False means that the job must stop: it is pruned, or was superseded by a later attempt."""
        goal = self.plan.goal
        violation = goal.violation(metrics)
        if not self.record.report(
            self.plan.study, job.key, job.attempt, step, metrics, objectives=goal.metrics, violation=violation
        ):
            self._was_stopped(job)
            return False
        trial = self.cache.refresh_curve(job.key)
        for callback in self.callbacks:
            callback.on_report(trial, step, metrics)
        missing = goal.missing(metrics)
        if missing:
            self._end_without_metric(job, missing)
            return False
        # A resumed trial sends earlier reports again; the pruner decided on them when they first came.
        resent = step < trial.step
        if resent or step >= job.budget or job.role not in self.plan.pruned_roles or not self._prunes(job, step):
            return True
        self._end(job, PRUNED, Outcome())
        return False

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Records the outcome of a job.

        A full disk is not the trial's fault: the trial waits, and the study cannot continue. A trial that ran out of
        memory is tried once more, alone on a whole device.
        """
        if outcome.cause == STORAGE:
            self.abort(outcome.failure)
        if self._was_stopped(job):
            return
        if outcome.paused and (job.key, job.attempt) in self.pausing:
            self._release(job, "paused")
        elif outcome.paused and not self.stopping:  # a signal to the trial's process, for example; not allowed for ever
            self.worker_lost(job, "the trial's process received a stop signal")
        elif outcome.paused or outcome.cause == STORAGE:
            self.interrupt(job)
        elif outcome.cause == MEMORY and not job.alone:
            self._release(job, outcome.failure, alone=True)
        else:
            self._end(job, FAILED if outcome.failure else COMPLETE, outcome)

    def worker_lost(self, job: Job, reason: str, cause: str = "", *, started: bool = True) -> None:
        """Records that a job's process died: the trial waits for its next attempt, and fails if it keeps dying.

        Args:
            cause: see `tuning.workers.failures`.
            started: whether the process had started. If not, the trial is not at fault; after several such failures
                in a row the study cannot continue.
        """
        if self._was_stopped(job):
            return
        self.failed_starts = 0 if started else self.failed_starts + 1
        if self.failed_starts >= MAX_FAILED_STARTS:
            self.abort(f"no trial can be started ({reason}; see {self.plan.folder / 'logs'})")
        if cause == MEMORY and job.alone:
            self._end(job, FAILED, Outcome(failure=reason))
        elif cause == MEMORY:
            self._release(job, reason, alone=True)
        else:
            self._release(job, reason, stalled=started)

    def interrupt(self, job: Job) -> None:
        """Returns a job because the study is being stopped; its trial waits for the next attempt."""
        if self._was_stopped(job):
            return
        self._release(job, "interrupted")

    def delete_unneeded_checkpoints(self) -> None:
        """Deletes checkpoints that no trial needs any more."""
        # A trial that is being ended may still save a checkpoint.
        rows = [row for row in self.trials() if row.key not in self.ending]
        delete_unneeded(self.plan.folder / "checkpoints", rows, self.keep)

    def add(self, proposal: Proposal) -> None:
        """Adds a trial to the record."""
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

    def _after_command(self, command: CommandRow) -> None:
        """Does what a command that was taken asks for besides its effect on the record."""
        if command.outcome == DONE:
            self._follow_commands()
            self.exhausted = False
        if command.outcome == DONE and command.kind == STOP_TRIAL:
            before = self.cache.rows[command.arguments["trial"]]
            if before.state == RUNNING:
                self.ending.add(before.key)
                with contextlib.suppress(OSError):  # then it stops at its next report
                    self.pause_file.request_stop(before.key, before.attempts)
            self._after_end(before)
        for callback in self.callbacks:
            callback.on_command(command)

    def _was_stopped(self, job: Job) -> bool:
        """Whether a person's command ended the trial of a job that ends now."""
        if job.key not in self.ending:
            return False
        self.ending.discard(job.key)
        self.delete_unneeded_checkpoints()
        return True

    def _follow_commands(self) -> None:
        """Updates what the commands on record determine."""
        paused_before = self.steering.paused is not None
        self.steering = Steering.from_commands(self.record.commands(self.plan.study))
        self.sources: Sequence[TrialSource] = [self.steering.steered(source) for source in self.plan.sources]
        paused = self.steering.paused is not None
        with contextlib.suppress(OSError):  # then running trials train on
            if paused and not paused_before:
                self.pausing |= {(trial.key, trial.attempts) for trial in self.trials() if trial.state == RUNNING}
                self.pause_file.request_pause()
            elif paused_before and not paused:
                self.pause_file.request_continue()

    def _prunes(self, job: Job, step: int) -> bool:
        trials = of_role(self.trials(), job.role)
        numbers = {trial.key: trial.number for trial in trials}
        curves = {key: self.cache.scores[key] for key in numbers}
        return self.plan.pruner.should_prune(job.key, step, curves, numbers, trials)

    def _end_without_metric(self, job: Job, missing: str) -> None:
        """Ends a job whose report lacks a metric that the goal needs.

        If no report of the study was ever complete, the name of the metric is most likely misspelt and every trial
        would fail, so the study stops instead.
        """
        if self._ever_complete():
            self._end(job, FAILED, Outcome(failure=missing))
        else:
            self.abort(missing)
            self.interrupt(job)

    def _ever_complete(self) -> bool:
        return any(
            None not in row.values.values() and (row.violation is None or math.isfinite(row.violation))
            for row in self.trials()
            if row.step
        )

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
            reason=outcome.failure or outcome.note,
        )
        self._after_end(before)

    def _release(self, job: Job, reason: str, *, stalled: bool = False, alone: bool = False) -> None:
        before = self.cache.rows[job.key]
        self.record.release(self.plan.study, job.key, job.attempt, reason, stalled=stalled, alone=alone)
        self._after_end(before)

    def _after_end(self, before: TrialRow) -> None:
        """Updates what depends on a trial's state, if the record accepted its end."""
        after = self.cache.refresh(before.key)
        if after.state == before.state:
            return
        self.exhausted = False
        self.delete_unneeded_checkpoints()
        for callback in self.callbacks:
            callback.on_end(after)

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
            directory=str(attempt_folder(folder / "checkpoints", trial.key, trial.attempts)),
            samples=str(folder / "samples" / trial.key),
            generator=str(folder / "generators" / f"{trial.key}.safetensors"),
            log=str(folder / "logs" / f"{trial.key}.log"),
            settings=self.plan.settings,
            extra=self.plan.extra,
            memory=None if trial.alone else self.plan.memory,
            alone=trial.alone,
            pause_file=str(self.pause_file.path),
        )
