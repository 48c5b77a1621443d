"""Extrapolates the values of pruned trials to their budget, so that they can be compared with complete ones.

The value of a pruned trial is that of few steps. Ranking pruned trials behind all complete ones would favour the first
trials of a search, which asynchronous halving lets through because there are no others, over later trials that were
pruned with better values. Ranking their values as they are would mix values of few steps with values of many.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from analysis.record.ranking import first_objective
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, PRUNED

MIN_TRIALS = 3  # that went further, to estimate the rise


def extrapolated(trials: Sequence[TrialRow], curves: Mapping[str, Mapping[int, float]]) -> dict[str, float]:
    """Extrapolated final values of pruned trials, by key; trials with too little evidence are left out.

    The value is assumed to rise by the median rise of the trials that went further, from that step to their end.
    Trials that were pruned latest come first, so that their extrapolated ends serve for those pruned earlier, which
    would otherwise depend on the few complete trials alone.

    Args:
        curves: {trial key: {step: first objective}}.
    """
    values = {trial.key: value for trial in trials if (value := first_objective(trial)) is not None}
    values = {key: value for key, value in values.items() if math.isfinite(value)}
    ends = {trial.key: values[trial.key] for trial in trials if trial.state == COMPLETE and trial.key in values}
    stopped: dict[int, dict[str, float]] = {}
    for trial in trials:
        if trial.state == PRUNED and trial.key in values:
            stopped.setdefault(trial.step, {})[trial.key] = values[trial.key]
    found: dict[str, float] = {}
    for step in sorted(stopped, reverse=True):
        passed = ((end, curves.get(key, {}).get(step, math.nan)) for key, end in (ends | found).items())
        rises = [end - value for end, value in passed if math.isfinite(value)]
        if len(rises) >= MIN_TRIALS:
            rise = statistics.median(rises)
            found |= {key: value + rise for key, value in stopped[step].items()}
    return found
