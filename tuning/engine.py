"""The study engine: hands out trials, takes their reports, and decides; knows neither Ray nor MLflow.

A runner (`tuning.local`, `tuning.ray_runner`) asks `next_job` whenever it has room, passes on what a job reports, and
says how it ended. All state is in the record, so an engine that is made again after any interruption goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.records import TrialRow
from analysis.states import COMPLETE, ENDED, FAILED, OPEN, PRUNED, TRIAL, WAITING
from tuning import checkpoints
from tuning.job import Job, Outcome
from tuning.pruners import Pruner
from tuning.record import Record
from tuning.sources import Source, of_role

OBJECTIVE = "val/accuracy"


@dataclass(frozen=True)
class Plan:
    """What an engine needs besides the record.

    Attributes:
        sources: asked in this order; a later one may wait for what an earlier one found.
        folder: DIR/<study>.
        trainable: `package.module:function`.
        settings: for the trainable.
        prunes: roles whose trials may be stopped early.
    """

    study: str
    sources: Sequence[Source]
    pruner: Pruner
    folder: Path
    trainable: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    objective: str = OBJECTIVE
    prunes: frozenset[str] = frozenset({TRIAL})


class Watcher:
    """Is told what happens; the default ignores it."""

    def began(self, trial: TrialRow) -> None:
        """An attempt began in its process."""

    def reported(self, trial: TrialRow, step: int, metrics: Mapping[str, float]) -> None:
        """A report arrived."""

    def ended(self, trial: TrialRow) -> None:
        """A trial ended for good, or (state WAITING) its attempt was given up."""


class Engine:
    """See the module's text. Methods are called by one thread."""

    def __init__(self, record: Record, plan: Plan, watchers: Sequence[Watcher] = ()) -> None:
        self.record, self.plan, self.watchers = record, plan, watchers
        self.stopping = False  # set from outside: no new jobs
        record.adopt(plan.study)
        self.tidy()

    def next_job(self) -> Job | None:
        """The next attempt to run, already RUNNING on record; None if there is none now."""
        if self.stopping or not self.stocked():
            return None
        waiting = [trial for trial in self.trials() if trial.state == WAITING]
        # Interrupted trials first, and searching before confirming.
        chosen = min(waiting, key=lambda trial: (trial.attempts == 0, trial.role != TRIAL, trial.number))
        return self._job(self.record.begin(self.plan.study, chosen.key))

    def began(self, job: Job) -> None:
        """Takes the beginning of a job: its process is up."""
        self.record.started(self.plan.study, job.key, job.attempt)
        trial = self.record.trial(self.plan.study, job.key)
        for watcher in self.watchers:
            watcher.began(trial)

    def stocked(self) -> bool:
        """Whether a trial waits to be run; a source is asked for one if not."""
        trials = self.trials()
        if any(trial.state == WAITING for trial in trials):
            return True
        curves = self.record.curves(self.plan.study)
        for source in self.plan.sources:
            proposal = source.propose(trials, curves)
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
                return True
        return False

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing is left to run, or (when stopping) nothing shall be run."""
        if self.stopping:
            return True
        return not any(trial.state in OPEN for trial in self.trials()) and not self.stocked()

    def report(self, job: Job, step: int, metrics: Mapping[str, float]) -> bool:
        """Takes a report; False means that the job shall stop: it is pruned, or no longer counts."""
        study, plan = self.plan.study, self.plan
        if not self.record.report(study, job.key, job.attempt, step, metrics, objective=plan.objective):
            return False
        trial = self.record.trial(study, job.key)
        for watcher in self.watchers:
            watcher.reported(trial, step, metrics)
        # A continued trial sends its earlier reports again; they were judged when they first came.
        if step < trial.step or step >= job.budget or job.role not in plan.prunes:
            return True
        searched = of_role(self.trials(), job.role)
        curves = self.record.curves(study)
        numbers = {other.key: other.number for other in searched}
        if not plan.pruner.prune(job.key, step, {key: curves[key] for key in numbers}, numbers):
            return True
        self._end(job, PRUNED, Outcome())
        return False

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Takes the end of a job that ended by itself."""
        self._end(job, FAILED if outcome.failure else COMPLETE, outcome)

    def lost(self, job: Job, reason: str) -> None:
        """Takes the death of a worker: the trial waits for its next attempt, unless it keeps dying."""
        before = self.record.trial(self.plan.study, job.key)
        self.record.release(self.plan.study, job.key, job.attempt, reason, stalled=True)
        self._told_end(before)

    def interrupt(self, job: Job) -> None:
        """Gives a job back because the study is being stopped."""
        before = self.record.trial(self.plan.study, job.key)
        self.record.release(self.plan.study, job.key, job.attempt, "interrupted")
        self._told_end(before)

    def trials(self) -> list[TrialRow]:
        """All trials of the study."""
        return self.record.trials(self.plan.study)

    def planned(self) -> int:
        """How many trials the study will have, as far as is known."""
        trials = self.trials()
        return sum(source.planned(trials) for source in self.plan.sources)

    def _end(self, job: Job, state: str, outcome: Outcome) -> None:
        before = self.record.trial(self.plan.study, job.key)
        self.record.finish(
            self.plan.study,
            job.key,
            job.attempt,
            state,
            value=outcome.value,
            scores=outcome.scores,
            reason=outcome.failure,
        )
        self._told_end(before)

    def _told_end(self, before: TrialRow) -> None:
        after = self.record.trial(self.plan.study, before.key)
        if after.state == before.state:
            return
        if after.state in ENDED:
            self.tidy()
        for watcher in self.watchers:
            watcher.ended(after)

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
            log=str(folder / "logs" / f"{trial.key}.log"),
            settings=self.plan.settings,
        )
