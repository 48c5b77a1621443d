from __future__ import annotations

import json
from pathlib import Path

import pytest

from amc.config import natops
from amc.errors import UserError
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


def test_grid_walks_every_combination_once_and_ends(tmp_path: Path) -> None:
    space = small(
        tmp_path,
        **{
            "switches.lgaux": {"kind": "bool"},
            "weights.l1": {"kind": "log", "low": 0.1, "high": 10.0, "when": ["switches.lgaux"]},
            "readings.gram": {"kind": "categorical", "choices": ["spatial", "channel"]},
        },
    )
    found = params_of(run("grid", space, 100))
    # 2 readings x (3 weights with the term, 1 without it), and Table B's own l1 = 3 that lies between the grid's.
    assert len(found) == 9
    assert len({json.dumps(params, sort_keys=True) for params in found}) == 9
    assert found[0] == {"switches.lgaux": True, "weights.l1": 3.0, "readings.gram": "spatial"}


def test_a_grid_too_large_is_refused() -> None:
    with pytest.raises(UserError, match=r"points .at most 100,000"):
        create_sampler("grid", SPACE, 0)
