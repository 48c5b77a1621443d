"""Value against steps trained for every trial of a search, and the best value against the steps of all trials."""

from __future__ import annotations

from itertools import accumulate

from analysis.figures.drawing import Drawing, new_figure
from analysis.figures.search.search_trials import SearchTrials
from analysis.figures.style import BLACK, BLUE, ORANGE, VERMILLION, WIDTH, grid_lines
from analysis.record.ranking import first_objective
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE


def search_budget(search: SearchTrials) -> Drawing | None:
    """Two panels; None before the first trial has finished."""
    if not search.trials:
        return None
    figure = new_figure(WIDTH, 3.4)
    left, right = figure.subplots(1, 2, sharey=True)
    kinds = (("complete", search.complete, "o", BLUE), ("pruned", _pruned(search), "x", VERMILLION),
             ("confirming run", search.confirm, "^", ORANGE))  # fmt: skip
    for label, trials, marker, colour in kinds:
        if trials:
            left.plot([trial.step for trial in trials], [_value(search, trial) for trial in trials], linestyle="none",
                      marker=marker, color=colour, markersize=6, alpha=0.8, label=label)  # fmt: skip
    left.set_xlabel("steps trained")
    left.set_ylabel(search.axis)
    left.set_xlim(left=0)
    spent, best = best_so_far(search)
    if best:
        right.step(spent, best, where="post", color=BLACK, linewidth=1.6, label="best complete trial so far")
        right.plot(spent, best, linestyle="none", marker=".", color=BLACK)
    right.set_xlabel("steps of all trials")
    right.set_xlim(left=0)
    for axes in (left, right):
        grid_lines(axes, "both")
        axes.margins(y=0.06)
    figure.legend(loc="outside lower center", ncols=4)
    top = max(search.trials, key=lambda trial: (trial.state == COMPLETE, first_objective(trial)))
    return Drawing(
        "search_budget",
        "Search budget and best value",
        "Left: last value of each trial against the steps it was trained for; crosses are pruned trials. Right: best "
        "complete trial so far against the steps of all trials, in the order in which they finished. The best of many "
        "values from single seeds is biased upwards: see the confirming runs. " + search.facts,
        f"Scatter of steps against {search.axis} for {len(search.trials)} trials; the best is {top.key} with "
        f"{_value(search, top):.3g}.",
        figure,
    )


def best_so_far(search: SearchTrials) -> tuple[list[float], list[float]]:
    """Returns the steps spent when each complete trial finished, and the best value by then."""
    ordered = sorted(search.trials, key=lambda trial: (trial.ended or 0.0, trial.number))
    spent = list(accumulate(float(trial.step) for trial in ordered))
    places = [place for place, trial in enumerate(ordered) if trial.state == COMPLETE]
    best = list(accumulate((_value(search, ordered[place]) for place in places), max))
    return [spent[place] for place in places], best


def _pruned(search: SearchTrials) -> tuple[TrialRow, ...]:
    return tuple(trial for trial in search.trials if trial.state != COMPLETE)


def _value(search: SearchTrials, trial: TrialRow) -> float:
    return search.scale * float(trial.value or 0.0)
