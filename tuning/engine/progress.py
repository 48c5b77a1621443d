"""Shows the progress of a running study: a bar with the time left on a terminal, one line per trial elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import shorten
from typing import Any, TextIO

from tqdm import tqdm

from analysis.record.rows import CommandRow, TrialRow
from analysis.record.states import COMPLETE, ENDED
from tuning.engine.engine import EngineCallback
from tuning.engine.steering import command_line
from tuning.search.objectives import ACCURACY, TITLES

REASON = 200  # characters of a failure's reason; `summary.json` and the trial's log have all of it


class StudyProgress(EngineCallback):
    """Prints progress in training steps. A trial that ended early counts with its full budget.

    Args:
        trials: returns the study's trials.
        planned: returns how many trials there will be.
        stream: written to; standard error by default.
    """

    def __init__(
        self, trials: Callable[[], list[TrialRow]], planned: Callable[[], int], stream: TextIO | None = None
    ) -> None:
        self.trials, self.planned = trials, planned
        self.out = sys.stderr if stream is None else stream
        self.start_time = time.monotonic()
        self.best: float | None = None
        self.done_before = self._done_steps()
        self.bar = self._bar() if self.out.isatty() else None

    def on_start(self, trial: TrialRow) -> None:
        """Prints a line if the trial resumes."""
        if trial.attempts > 1:
            self._line(f"{trial.key} resumes from step {trial.step} (attempt {trial.attempts})")
        self._update_bar()

    def on_report(self, trial: TrialRow, step: int, metrics: Mapping[str, float]) -> None:
        """Moves the bar, and prints the first objective that the study reports."""
        value = trial.value if step == trial.step else None  # a resumed trial sends earlier reports again
        if value is not None:
            if self.best is None and self.bar is None:
                self._line(f"{trial.key} at step {step}/{trial.budget}: first {objectives_text(trial)}")
            self.best = value if self.best is None else max(self.best, value)
        self._update_bar()

    def on_end(self, trial: TrialRow) -> None:
        """Prints how the trial ended."""
        self._update_bar()
        if trial.state not in ENDED:
            return
        self._line(f"{end_line(trial)}{self._time_left()}")

    def on_command(self, command: CommandRow) -> None:
        """Prints a person's command and its outcome."""
        self._update_bar()
        self._line(command_line(command))

    def close(self) -> None:
        """Removes the bar."""
        if self.bar is not None:
            self.bar.close()

    def _bar(self) -> tqdm[Any]:
        # Steps arrive a report at a time, so each update is drawn; steps of earlier runs do not count for the speed.
        return tqdm(
            desc="study",
            unit=" steps",
            total=self._total_steps(),
            initial=self.done_before,
            miniters=1,
            mininterval=0,
            smoothing=0,
            file=self.out,
            dynamic_ncols=True,
            leave=False,
        )

    def _line(self, text: str) -> None:
        if self.bar is not None:
            self.bar.write(text, file=self.out)
        else:
            with contextlib.suppress(OSError):  # the reader may have ended
                print(text, file=self.out, flush=True)

    def _done_steps(self) -> int:
        return done_steps(self.trials())

    def _total_steps(self) -> int:
        return total_steps(self.trials(), self.planned())

    def _time_left(self) -> str:
        done, total = self._done_steps(), self._total_steps()
        new = done - self.done_before
        if not new or done >= total:
            return ""
        seconds = (time.monotonic() - self.start_time) / new * (total - done)
        left = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
        return f"; {done}/{total} steps, about {left} left"

    def _update_bar(self) -> None:
        if self.bar is None:
            return
        self.bar.total = self._total_steps()
        if self.best is not None:
            self.bar.set_postfix_str(f"best {100 * self.best:.1f}%", refresh=False)
        self.bar.update(max(0, self._done_steps() - self.bar.n))
        self.bar.refresh()


def done_steps(trials: Iterable[TrialRow]) -> int:
    """Training steps that are done; a trial that ended early counts with its full budget."""
    return sum(trial.budget if trial.state in ENDED else trial.step for trial in trials)


def total_steps(trials: Sequence[TrialRow], planned: int) -> int:
    """Training steps of a study that will have `planned` trials; those to come have the largest budget so far."""
    budget = max((trial.budget for trial in trials), default=0)
    return sum(trial.budget for trial in trials) + budget * max(0, planned - len(trials))


def end_line(trial: TrialRow) -> str:
    """How a trial ended, such as "trial-0003 PRUNED at step 10/20, validation accuracy 12.5%, 30 s"."""
    value = "" if trial.value is None else f", {objectives_text(trial)}"
    at = "" if trial.state == COMPLETE else f" at step {trial.step}/{trial.budget}"
    reason = f" ({shorten(trial.reason, REASON, placeholder='…')})" if trial.reason else ""
    return f"{trial.key} {trial.state}{at}{value}, {trial.seconds:.0f} s{reason}"


def objectives_text(trial: TrialRow) -> str:
    """Every objective of a trial, such as "validation accuracy 12.5%", and the log-likelihood."""
    values = trial.values or {ACCURACY.metric: trial.value}
    shown = [f"{TITLES.get(name, name)} {100 * value:.1f}%" for name, value in values.items() if value is not None]
    shown += [] if trial.log_likelihood is None else [f"log-likelihood {trial.log_likelihood:.4f}"]
    return ", ".join(shown) + (" (violates a constraint)" if trial.violation else "")
