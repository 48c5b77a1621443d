from __future__ import annotations

import io

from amc.config import Config
from analysis.record.states import COMPLETE, FAILED, PRUNED, RUNNING, WAITING
from tests.tuning.toy_rows import trial_row
from tuning.engine.progress import StudyProgress


def test_a_line_a_trial_and_the_time_left(base: Config) -> None:
    rows = [trial_row(base, 0, state=RUNNING, attempts=1)]
    out = io.StringIO()
    progress = StudyProgress(lambda: rows, lambda: 4, out)
    progress.on_start(rows[0])
    rows[0] = trial_row(base, 0, state=RUNNING, step=10, value=0.25, attempts=1)
    progress.on_report(rows[0], 10, {"val/accuracy": 0.25})
    progress.on_end(trial_row(base, 0, state=WAITING, attempts=1))
    assert out.getvalue() == "trial-0000 at step 10/20: first validation accuracy 25.0%\n"
    out.truncate(0)
    out.seek(0)
    rows[0] = trial_row(base, 0, state=COMPLETE, value=0.5, step=20, seconds=3.2)
    progress.on_end(rows[0])
    assert out.getvalue().startswith("trial-0000 COMPLETE, validation accuracy 50.0%, 3 s; 20/80 steps, about ")


def test_what_stopped_early_need_not_be_done_any_more(base: Config) -> None:
    rows = [
        trial_row(base, 0, state=PRUNED, value=0.1, step=5),
        trial_row(base, 1, state=FAILED, reason="Diverged: bad"),
    ]
    out = io.StringIO()
    progress = StudyProgress(lambda: rows, lambda: 2, out)
    progress.on_end(rows[0])
    progress.on_end(rows[1])
    assert out.getvalue().splitlines() == [
        "trial-0000 PRUNED at step 5/20, validation accuracy 10.0%, 0 s",
        "trial-0001 FAILED at step 0/20, 0 s (Diverged: bad)",
    ]


def test_a_trial_that_goes_on_says_so(base: Config) -> None:
    out = io.StringIO()
    progress = StudyProgress(list, lambda: 1, out)
    progress.on_start(trial_row(base, 3, state=RUNNING, step=15, attempts=2))
    assert out.getvalue() == "trial-0003 resumes from step 15 (attempt 2)\n"
