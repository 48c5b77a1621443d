"""How far each rater is, as a table for the terminal."""

from __future__ import annotations

import statistics
from pathlib import Path

from analysis.preference.answers import read_answers, read_progress
from analysis.preference.assignment import questions_for
from analysis.preference.design import read_design


def status_lines(folder: Path) -> list[str]:
    """One line a rater: answers, their state, the median time of an answer, and when the last one came.

    Raises:
        UserError: the design or the answers cannot be read.
    """
    design = read_design(folder)
    progress = {rater.rater: rater for rater in read_progress(folder)}
    seconds: dict[int, list[float]] = {}
    for answer in read_answers(folder):
        if answer.seconds is not None:
            seconds.setdefault(answer.rater, []).append(answer.seconds)
    lines = [f"{'rater':>5}  {'answers':>11}  {'state':<12}  {'median time':>11}  last answer (UTC)"]
    answered = total = 0
    for rater in sorted({*range(design.raters), *progress}):
        questions = len(questions_for(design, rater))
        found = progress.get(rater)
        count = found.answered if found else 0
        if count >= questions:
            state = "finished"
        elif count:
            state = "started"
        else:
            state = "consented" if found and found.consented else "not started"
        median = f"{statistics.median(seconds[rater]):.1f} s" if rater in seconds else "-"
        last = (found.last_answer_at if found else None) or "-"
        lines.append(f"{rater:>5}  {count:>4} of {questions:>3}  {state:<12}  {median:>11}  {last}".rstrip())
        answered, total = answered + count, total + questions
    return [*lines, f"{answered} of {total} answers"]
