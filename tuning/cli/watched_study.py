"""What `watch` shows of a study at one moment, read from its record alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from analysis.record.race import runs_left, winner
from analysis.record.ranking import first_objective, ranked
from analysis.record.reading import RecordReader
from analysis.record.rows import CommandRow, Score, StudyRow, TrialRow
from analysis.record.states import CONFIRM, ENDED, FAILED, RUNNING, STATES, TRIAL, WAITING
from tuning.cli.study_options import running
from tuning.engine.progress import done_steps, objectives_text, total_steps
from tuning.engine.sources import of_role
from tuning.engine.steering import Steering
from tuning.planning.durations import format_duration


@dataclass(frozen=True)
class WatchedStudy:
    """A study at one moment.

    Attributes:
        trials: confirming runs included.
        curves: {trial key: {step: score}}.
        running: whether a process runs the study.
        now: seconds since 1970.
    """

    study: StudyRow
    trials: Sequence[TrialRow]
    curves: Mapping[str, Mapping[int, Score]]
    commands: Sequence[CommandRow]
    running: bool
    now: float

    @classmethod
    def read(cls, records: RecordReader, study: str, out: Path) -> WatchedStudy:
        """Reads a study's record.

        Raises:
            UserError: there is no such study, or the database does not respond.
        """
        # The lock first: a study that is found running may end before its trials are read, but not the other way round.
        now_running = running(records, study, out)
        return cls(
            records.study(study),
            records.trials(study),
            records.scores_by_step(study),
            records.commands(study),
            now_running,
            time.time(),
        )

    @cached_property
    def steering(self) -> Steering:
        """The combined effect of the commands."""
        return Steering.from_commands(self.commands)

    @cached_property
    def best(self) -> TrialRow | None:
        """The best trial, by the race if there was one; None if none is complete."""
        return winner(self.trials, self.study.space)

    def planned(self, role: str) -> int:
        """How many trials, or confirming runs at most, the study will have, by its settings and commands."""
        settings = self.study.settings
        known = len(of_role(self.trials, role))
        if role == CONFIRM:
            finalists, seeds = int(settings.get("finalists", 1)), int(settings.get("confirm_seeds", 0))
            searched = of_role(self.trials, TRIAL)
            if len(searched) >= self.planned(TRIAL) and all(trial.state in ENDED for trial in searched):
                return known + runs_left(self.trials, finalists, seeds, self.study.space)
            wanted = finalists * seeds
        elif "arms" in settings:
            wanted = len(settings["arms"]) * int(settings.get("seeds", 1))
        else:
            wanted = int(settings.get("trials", 0)) + self.steering.added
        return max(wanted, known)

    def status(self) -> str:
        """Whether the study runs, in a few words."""
        pause = self.steering.paused
        if not self.running:
            return "not running"
        return "running" if pause is None else f"paused by {pause.author}"

    def counts(self) -> str:
        """Trials by state, such as "5/12 trials: 2 RUNNING, 3 COMPLETE"."""
        searched, runs = of_role(self.trials, TRIAL), of_role(self.trials, CONFIRM)
        states = Counter(trial.state for trial in self.trials)
        shown = ", ".join(f"{states[state]} {state}" for state in STATES if states[state])
        most = self.planned(CONFIRM)
        race = f" and {len(runs)} of at most {most} runs with new seeds" if most else ""
        return f"{len(searched)}/{self.planned(TRIAL)} trials{race}: {shown or 'none started'}"

    def best_text(self) -> str:
        """The best trial with its objectives; while none is complete, that with the best report."""
        chosen = self.best
        if chosen is not None:
            return f"best {chosen.key}: {objectives_text(chosen)}"
        reported = [trial for trial in self.trials if trial.value is not None and trial.state != FAILED]
        if not reported:
            return "best: none, no trial has reported yet"
        leading = max(reported, key=lambda one: (-(one.violation or 0.0), first_objective(one) or 0.0, -one.number))
        text = f"{objectives_text(leading)} at step {leading.step}/{leading.budget}"
        return f"best: no trial is complete; {leading.key} has {text}"

    def progress(self) -> str:
        """Steps, and the time left at the pace so far. A trial that ended early counts with its full budget."""
        planned = self.planned(TRIAL) + self.planned(CONFIRM)
        done, total = done_steps(self.trials), total_steps(self.trials, planned)
        text = f"{done}/{total} steps" if total else "no steps yet"
        work = sum(trial.seconds + self._running_seconds(trial) for trial in self.trials)
        if not self.running or self.steering.paused is not None or not done or done >= total or not work:
            return text
        seconds = work / done * (total - done) / max(1, int(self.study.settings.get("workers") or 1))
        return f"{text}, about {format_duration(seconds)} left"

    def ordered(self) -> list[TrialRow]:
        """The trials in the order in which they are shown: running, waiting, the others by rank, failed ones."""
        running_now = [trial for trial in self.trials if trial.state == RUNNING]
        waiting = [trial for trial in self.trials if trial.state == WAITING]
        ranks = self.steering.priorities
        waiting.sort(key=lambda trial: -ranks.get(trial.key, 0))
        runs = [trial for trial in of_role(self.trials, CONFIRM) if trial.state not in (RUNNING, WAITING)]
        listed = [*running_now, *waiting, *runs, *ranked(of_role(self.trials, TRIAL))]
        known = {trial.key for trial in listed}
        return [*listed, *(trial for trial in self.trials if trial.key not in known)]

    def note(self, trial: TrialRow) -> str:
        """What is remarkable about a trial, in a few words."""
        chosen = self.best
        notes = ["best"] if chosen is not None and chosen.key == trial.key else []
        if trial.state == WAITING and trial.key in self.steering.priorities:
            notes.append("next")
        if trial.violation:
            notes.append("violates a constraint")
        if trial.reason:
            notes.append(trial.reason)
        return "; ".join(notes)

    def _running_seconds(self, trial: TrialRow) -> float:
        return max(0.0, self.now - trial.started) if trial.state == RUNNING and trial.started is not None else 0.0
