"""What trials that were stopped early would have come to, so that they can be compared with those that were not.

A trial that was stopped stands at a value of few steps. Ranking it behind every complete trial would put the first
trials of a search, which asynchronous halving lets through for want of others, before all later ones that were stopped
on better values; ranking its value as it is would mix values of few steps with values of many.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, PRUNED

ENOUGH = 3  # trials that went further, to say what going further brings


def extrapolated(trials: Sequence[TrialRow], curves: Mapping[str, Mapping[int, float]]) -> dict[str, float]:
    """Values at the end of trials that were stopped early, by key; those that too little is known of are left out.

    A trial's value rises, by forecast, as much as the values of those that went further did from that step to their
    end: by the median. From the latest stop to the earliest, so that forecast ends serve for earlier stops; without
    them an early stop would be judged by the few trials that ran to their end alone.
    """
    ends = {t.key: t.value for t in trials if t.state == COMPLETE and t.value is not None and math.isfinite(t.value)}
    stopped: dict[int, dict[str, float]] = {}
    for trial in trials:
        if trial.state == PRUNED and trial.value is not None and math.isfinite(trial.value):
            stopped.setdefault(trial.step, {})[trial.key] = trial.value
    found: dict[str, float] = {}
    for step in sorted(stopped, reverse=True):
        passed = ((end, curves.get(key, {}).get(step, math.nan)) for key, end in (ends | found).items())
        rises = [end - value for end, value in passed if math.isfinite(value)]
        if len(rises) >= ENOUGH:
            rise = statistics.median(rises)
            found |= {key: value + rise for key, value in stopped[step].items()}
    return found
