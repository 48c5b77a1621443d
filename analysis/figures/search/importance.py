"""Importance of a search's parameters by PED-ANOVA, compared with shuffled values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.figures.drawing import Drawing, new_figure
from analysis.figures.search.search_trials import SearchTrials, position_in_range
from analysis.figures.style import BLUE, GREY, VERMILLION, WIDTH, arm_rows, grid_lines
from analysis.record.ranking import first_objective
from analysis.record.states import COMPLETE

FEWEST = 20  # finished trials; with fewer, importances are mostly noise
GOOD = 5  # fewest good trials, as the authors of the method advise
SHARE = 0.1  # share of the trials that are good, if that is `GOOD` or more
SHUFFLES = 100
PERCENTILE = 95  # over the shuffles
SHOWN = 20  # most parameters shown


def importance(search: SearchTrials) -> Drawing | None:
    """One row per parameter, most important first; None if there are too few trials (see `too_few`)."""
    if too_few(search):
        return None
    found, chance = importances(search), shuffled(search)
    names = sorted(found, key=lambda name: (-found[name], name))[:SHOWN]
    figure = new_figure(WIDTH, 1.3 + 0.26 * len(names))
    axes = figure.subplots()
    arm_rows(axes, names)
    grid_lines(axes)
    values, floor = [100 * found[name] for name in names], [100 * chance[name] for name in names]
    above = [value > low for value, low in zip(values, floor, strict=True)]
    axes.barh(range(len(names)), values, height=0.55, color=[BLUE if one else "white" for one in above],
              edgecolor=[BLUE if one else GREY for one in above])  # fmt: skip
    axes.plot(floor, range(len(names)), linestyle="none", marker="|", markersize=13, markeredgewidth=2,
              color=VERMILLION, label=f"{PERCENTILE}th percentile for shuffled values")  # fmt: skip
    axes.set_xlim(left=0)
    axes.set_xlabel("importance (PED-ANOVA), % of the total")
    figure.legend(loc="outside lower center")
    clear = [name for name, one in zip(names, above, strict=True) if one]
    return Drawing(
        "importance",
        "Hyperparameter importance",
        f"Importance of each parameter for being among the best {good_count(search)} of {len(search.trials)} finished "
        f"trials (PED-ANOVA; pruned trials rank below complete ones). Red ticks: {PERCENTILE}th percentile over "
        f"{SHUFFLES} shuffles of the trials' values; a hollow bar does not exceed it, so it is no evidence of "
        "importance. Importance measures how much a parameter matters, not which value is best. " + search.facts,
        "Bar chart of importances. Above the level of shuffled values: " + (", ".join(clear) or "none") + ".",
        figure,
    )


def too_few(search: SearchTrials) -> str:
    """Returns the reason why importances cannot be computed; empty if they can."""
    if not search.space:
        return "Importances are not shown: the record has no search space."
    if len(search.trials) < FEWEST:
        return f"Importances are not shown: they need {FEWEST} finished trials, but there are {len(search.trials)}."
    if len(search.complete) < good_count(search):
        needed, complete = good_count(search), len(search.complete)
        return f"Importances are not shown: they need {needed} complete trials, but there are {complete}."
    return ""


def good_count(search: SearchTrials) -> int:
    """Returns the number of trials that count as good."""
    return max(GOOD, math.ceil(SHARE * len(search.trials)))


def importances(search: SearchTrials) -> dict[str, float]:
    """Returns {parameter: importance}; they sum to 1, or are all 0."""
    return _evaluated(search, _ranks(search))


def shuffled(search: SearchTrials) -> dict[str, float]:
    """Returns {parameter: `PERCENTILE`th percentile of its importance for shuffled values}; deterministic."""
    random, ranks = np.random.default_rng(0), _ranks(search)
    rounds = [_evaluated(search, random.permutation(ranks)) for _ in range(SHUFFLES)]
    return {name: float(np.percentile([one.get(name, 0.0) for one in rounds], PERCENTILE)) for name in rounds[0]}


def _ranks(search: SearchTrials) -> npt.NDArray[np.float64]:
    """(n,) ranks, larger is better: complete trials by value, above pruned trials by step and value."""
    order = sorted(range(len(search.trials)), key=lambda i: (_sort_key(search, i), search.trials[i].number))
    ranks = np.empty(len(order))
    last, rank = None, -1.0
    for i in order:
        key = _sort_key(search, i)
        rank, last = (rank if key == last else rank + 1), key
        ranks[i] = rank
    return ranks


def _sort_key(search: SearchTrials, place: int) -> tuple[bool, int, float]:
    trial = search.trials[place]
    complete = trial.state == COMPLETE
    return complete, 0 if complete else trial.step, first_objective(trial) or 0.0


def _evaluated(search: SearchTrials, ranks: npt.NDArray[np.float64]) -> dict[str, float]:
    import optuna  # slow to import

    spread = {name: _distribution(row) for name, row in search.space.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        trials = [
            optuna.trial.create_trial(
                params=(params := _inside(trial.params, search.space)),
                distributions={name: spread[name] for name in params},
                value=float(rank),
            )
            for trial, rank in zip(search.trials, ranks, strict=True)
        ]
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=good_count(search) / len(trials))
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            study = optuna.create_study(direction="maximize")
        finally:
            optuna.logging.set_verbosity(before)
        study.add_trials(trials)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(found.get(name, 0.0)) for name in spread}


def _distribution(row: Mapping[str, Any]) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if row["kind"] in ("categorical", "bool"):
        return CategoricalDistribution(_plain(row["choices"]))
    if row["kind"] == "int":
        return IntDistribution(int(row["low"]), int(row["high"]))
    return FloatDistribution(float(row["low"]), float(row["high"]), log=row["kind"] == "log")


def _inside(params: Mapping[str, Any], space: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The parameters inside the space; those of user-supplied trials may be outside."""
    known = {
        name: value
        for name, value in params.items()
        if name in space and 0 <= position_in_range(space[name], value) <= 1
    }
    return {name: _plain([value])[0] for name, value in known.items()}


def _plain(choices: Sequence[Any]) -> list[Any]:
    return [value if isinstance(value, bool | int | float | str) or value is None else str(value) for value in choices]
