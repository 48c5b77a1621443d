"""Which parameters of a search mattered: PED-ANOVA on its trials, against what shuffled values give."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.figures.drawing import Drawing, canvas
from analysis.figures.search.search_trials import SearchTrials, position_in_range
from analysis.figures.style import BLUE, GREY, VERMILLION, WIDTH, arm_rows, grid_lines
from analysis.record.states import COMPLETE

FEWEST = 20  # ended trials: with fewer, importances say more about chance than about parameters
GOOD = 5  # trials at least among the good ones, as the method's authors advise
SHARE = 0.1  # of the trials are the good ones, where that is `GOOD` or more
SHUFFLES = 100
LEVEL = 95  # percentile of the shuffles
SHOWN = 20  # parameters


def importance(search: SearchTrials) -> Drawing | None:
    """A row a parameter, the most important first; None with too few trials (`too_few` says so)."""
    if too_few(search):
        return None
    found, chance = importances(search), shuffled(search)
    names = sorted(found, key=lambda name: (-found[name], name))[:SHOWN]
    figure = canvas(WIDTH, 1.3 + 0.26 * len(names))
    axes = figure.subplots()
    arm_rows(axes, names)
    grid_lines(axes)
    values, floor = [100 * found[name] for name in names], [100 * chance[name] for name in names]
    above = [value > low for value, low in zip(values, floor, strict=True)]
    axes.barh(range(len(names)), values, height=0.55, color=[BLUE if one else "white" for one in above],
              edgecolor=[BLUE if one else GREY for one in above])  # fmt: skip
    axes.plot(floor, range(len(names)), linestyle="none", marker="|", markersize=13, markeredgewidth=2,
              color=VERMILLION, label=f"{LEVEL}% of shuffled values give less")  # fmt: skip
    axes.set_xlim(left=0)
    axes.set_xlabel("importance (PED-ANOVA), % of all parameters'")
    figure.legend(loc="outside lower center")
    clear = [name for name, one in zip(names, above, strict=True) if one]
    return Drawing(
        "importance",
        "Which hyperparameters mattered",
        f"Importance of each parameter for being among the best {good(search)} of {len(search.trials)} ended trials "
        "(PED-ANOVA; pruned trials count as worse than complete ones). Red ticks: what chance alone gives, from "
        f"{SHUFFLES} shuffles of the trials' values; a hollow bar that ends before its tick shows nothing. "
        "Importance tells how much a parameter mattered, not which value is best. " + search.facts,
        "Bar chart of importances. Above chance: " + (", ".join(clear) or "none") + ".",
        figure,
    )


def too_few(search: SearchTrials) -> str:
    """Why there is no figure of importances; empty where there is one."""
    if not search.space:
        return "The search has no parameters on record, so their importance is not shown."
    if len(search.trials) < FEWEST:
        return f"Importances are not shown: they need {FEWEST} ended trials, and there are {len(search.trials)}."
    if len(search.complete) < good(search):
        return f"Importances are not shown: they need {good(search)} complete trials, there are {len(search.complete)}."
    return ""


def good(search: SearchTrials) -> int:
    """How many trials count as good ones."""
    return max(GOOD, math.ceil(SHARE * len(search.trials)))


def importances(search: SearchTrials) -> dict[str, float]:
    """{parameter: share}, which sum to 1 (or are all 0)."""
    return _evaluated(search, _ranks(search))


def shuffled(search: SearchTrials) -> dict[str, float]:
    """{parameter: the share that `LEVEL` percent of shuffled values stay below}; the same at every call."""
    random, ranks = np.random.default_rng(0), _ranks(search)
    rounds = [_evaluated(search, random.permutation(ranks)) for _ in range(SHUFFLES)]
    return {name: float(np.percentile([one.get(name, 0.0) for one in rounds], LEVEL)) for name in rounds[0]}


def _ranks(search: SearchTrials) -> npt.NDArray[np.float64]:
    """(n,) larger is better: of complete trials by value, below them those that were stopped early."""
    order = sorted(range(len(search.trials)), key=lambda i: (_standing(search, i), search.trials[i].number))
    ranks = np.empty(len(order))
    last, rank = None, -1.0
    for i in order:
        standing = _standing(search, i)
        rank, last = (rank if standing == last else rank + 1), standing
        ranks[i] = rank
    return ranks


def _standing(search: SearchTrials, place: int) -> tuple[bool, int, float]:
    trial = search.trials[place]
    complete = trial.state == COMPLETE
    return complete, 0 if complete else trial.step, float(trial.value or 0.0)


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
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=good(search) / len(trials))
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
    """The parameters that lie in the space; those of a trial that was handed in may not."""
    known = {
        name: value
        for name, value in params.items()
        if name in space and 0 <= position_in_range(space[name], value) <= 1
    }
    return {name: _plain([value])[0] for name, value in known.items()}


def _plain(choices: Sequence[Any]) -> list[Any]:
    return [value if isinstance(value, bool | int | float | str) or value is None else str(value) for value in choices]
