"""A search of toy trials by a sampler alone, for the samplers' tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from amc.config import natops
from analysis.record.states import COMPLETE
from tests.tuning.toy_rows import trial_row
from tuning.search.default_space import search_space
from tuning.search.samplers import SearchHistory, create_sampler
from tuning.search.space import Space

BASE = natops("smoke")
SPACE = search_space(BASE)


def small(tmp_path: Path, **parameters: object) -> Space:
    file = tmp_path / "space.json"
    file.write_text(json.dumps({"only": True, "parameters": parameters}))
    return search_space(BASE, file)


def run(name: str, space: Space, count: int, seed: int = 0, start: SearchHistory | None = None) -> SearchHistory:
    """A search one trial after the other, on a height that is best where all weights are their smallest."""
    history = start or SearchHistory([], {})
    for number in range(len(history.trials), count):
        # A sampler of its own for every trial, as after a restart.
        params = create_sampler(name, space, seed).propose(number, history)
        if params is None:
            break
        units = [row.to_unit(params[row.name]) for row in space.parameters if row.name in params]
        value = 1 - sum(units) / len(units)
        trial = trial_row(BASE, number, params=params, state=COMPLETE, value=value, step=20)
        history = SearchHistory([*history.trials, trial], {**history.curves, trial.key: {20: value}})
    return history


def params_of(history: SearchHistory) -> list[dict[str, object]]:
    return [dict(trial.params) for trial in history.trials]


def random_history(count: int) -> SearchHistory:
    """Complete trials at random points, with four random reports each."""
    draw = np.random.default_rng(0)
    trials, curves = [], {}
    for number in range(count):
        params = SPACE.decode({row.name: float(draw.random()) for row in SPACE.parameters})
        curve = {step: float(draw.random()) for step in (1, 3, 9, 20)}
        trials.append(trial_row(BASE, number, params=params, state=COMPLETE, value=curve[20], step=20))
        curves[trials[-1].key] = curve
    return SearchHistory(trials, curves, budget=20)
