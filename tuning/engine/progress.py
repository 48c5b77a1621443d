"""What a person sees of a running study: one bar with the time left on a terminal, a line a trial elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from tqdm import tqdm

from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, ENDED
from tuning.engine.engine import EngineCallback
from tuning.search.objectives import ACCURACY, TITLES


class StudyProgress(EngineCallback):
    """Counts steps: a trial that ended early counts as all of its steps, since they need not be taken any more.

    Args:
        trials: gives the study's trials.
        planned: gives how many trials there will be.
    """

    def __init__(
        self, trials: Callable[[], list[TrialRow]], planned: Callable[[], int], stream: TextIO | None = None
    ) -> None:
        self.trials, self.planned = trials, planned
        self.out = sys.stderr if stream is None else stream
        self.began_at = time.monotonic()
        self.best: float | None = None
        self.spent_before = self._done()
        self.bar = self._bar() if self.out.isatty() else None

    def began(self, trial: TrialRow) -> None:
        """See `EngineCallback`; silent unless the trial goes on."""
        if trial.attempts > 1:
            self._line(f"{trial.key} goes on from step {trial.step} (attempt {trial.attempts})")
        self._move()

    def reported(self, trial: TrialRow, step: int, metrics: Mapping[str, float]) -> None:
        """See `EngineCallback`."""
        value = trial.value if step == trial.step else None  # else an earlier report was sent again
        if value is not None:
            if self.best is None and self.bar is None:
                self._line(f"{trial.key} at step {step}/{trial.budget}: first {_shown(trial)}")
            self.best = value if self.best is None else max(self.best, value)
        self._move()

    def ended(self, trial: TrialRow) -> None:
        """See `EngineCallback`."""
        self._move()
        if trial.state not in ENDED:
            return
        value = "" if trial.value is None else f", {_shown(trial)}"
        at = "" if trial.state == COMPLETE else f" at step {trial.step}/{trial.budget}"
        reason = f" ({trial.reason})" if trial.reason else ""
        self._line(f"{trial.key} {trial.state}{at}{value}, {trial.seconds:.0f} s{reason}{self._left()}")

    def close(self) -> None:
        """Takes the bar away."""
        if self.bar is not None:
            self.bar.close()

    def _bar(self) -> tqdm[Any]:
        # Steps come in lumps, a report at a time, so each is drawn. What was done before says nothing of the speed.
        return tqdm(
            desc="study",
            unit=" steps",
            total=self._total(),
            initial=self.spent_before,
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
            with contextlib.suppress(OSError):  # whoever reads it may have ended first
                print(text, file=self.out, flush=True)

    def _done(self) -> int:
        return sum(trial.budget if trial.state in ENDED else trial.step for trial in self.trials())

    def _total(self) -> int:
        trials = self.trials()
        budget = max((trial.budget for trial in trials), default=0)
        return sum(trial.budget for trial in trials) + budget * max(0, self.planned() - len(trials))

    def _left(self) -> str:
        done, total = self._done(), self._total()
        new = done - self.spent_before
        if not new or done >= total:
            return ""
        seconds = (time.monotonic() - self.began_at) / new * (total - done)
        left = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
        return f"; {done}/{total} steps, about {left} left"

    def _move(self) -> None:
        if self.bar is None:
            return
        self.bar.total = self._total()
        if self.best is not None:
            self.bar.set_postfix_str(f"best {100 * self.best:.1f}%", refresh=False)
        self.bar.update(max(0, self._done() - self.bar.n))
        self.bar.refresh()


def _shown(trial: TrialRow) -> str:
    """Every objective of a scored trial, such as "validation accuracy 12.5%"."""
    values = trial.values or {ACCURACY.metric: trial.value}
    shown = [f"{TITLES.get(name, name)} {100 * value:.1f}%" for name, value in values.items() if value is not None]
    return ", ".join(shown) + (" (against a constraint)" if trial.violation else "")
