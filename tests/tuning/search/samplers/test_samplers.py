from __future__ import annotations

import json
from pathlib import Path

import pytest

from amc.errors import UserError
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, FAILED, PRUNED
from tests.tuning.search.samplers.toy_search import BASE, SPACE, params_of, run, small
from tests.tuning.toy_rows import trial_row
from tuning.search.samplers import SAMPLERS, SearchHistory, create_sampler
from tuning.search.space import Space


@pytest.mark.parametrize("name", ["tpe", "gp", "random", "cmaes"])
def test_a_rebuilt_search_goes_on_as_the_undisturbed_one(name: str) -> None:
    whole = run(name, SPACE, 14)
    half = SearchHistory(whole.trials[:6], {t.key: whole.curves[t.key] for t in whole.trials[:6]})
    assert params_of(run(name, SPACE, 14, start=half)) == params_of(whole)
    assert params_of(whole)[0] == SPACE.default()
    distinct = {json.dumps(params, sort_keys=True) for params in params_of(whole)}
    assert len(distinct) == 14
    assert params_of(run(name, SPACE, 4, seed=1))[1:] != params_of(whole)[1:4]


@pytest.mark.parametrize("name", ["tpe", "gp", "cmaes"])
def test_learning_samplers_beat_chance(name: str, tmp_path: Path) -> None:
    ranges = {
        f"weights.{weight}": {"kind": "log", "low": 0.01, "high": 100.0}
        for weight in ("gan", "rank", "ce", "mse", "l1")
    }
    space = small(tmp_path, **ranges)

    def late(which: str) -> float:
        values = [t.value or 0.0 for seed in range(3) for t in run(which, space, 40, seed).trials[30:]]
        return sum(values) / len(values)

    assert late(name) > late("random") + 0.1


def aimed(name: str, space: Space, count: int, seed: int, **found: object) -> list[TrialRow]:
    """A search whose trials are told with values and violation computed from the first weight's place."""
    history = SearchHistory([], {})
    for number in range(count):
        params = create_sampler(name, space, seed).propose(number, history)
        assert params is not None
        unit = space.parameters[0].to_unit(params[space.parameters[0].name])
        row = trial_row(BASE, number, params=params, state=COMPLETE, step=20, **{k: f(unit) for k, f in found.items()})  # type: ignore[operator]
        history = SearchHistory([*history.trials, row], {})
    return list(history.trials)


@pytest.mark.parametrize("name", ["tpe", "gp", "cmaes"])
def test_learning_samplers_keep_away_from_what_a_constraint_forbids(name: str, tmp_path: Path) -> None:
    space = small(tmp_path, **{"weights.gan": {"kind": "log", "low": 0.01, "high": 100.0},
                               "weights.rank": {"kind": "log", "low": 0.01, "high": 100.0}})  # fmt: skip
    # Larger is better, but above the middle it is forbidden.
    late = [
        trial
        for seed in range(2)
        for trial in aimed(name, space, 40, seed, value=lambda u: u, violation=lambda u: max(0.0, u - 0.5))[25:]
    ]
    held = [trial.value or 0.0 for trial in late if trial.violation == 0]
    assert len(held) > 0.5 * len(late)
    assert sum(held) / len(held) > 0.3


@pytest.mark.parametrize("name", ["tpe", "gp", "cmaes"])
def test_learning_samplers_go_to_the_front_of_two_objectives(name: str, tmp_path: Path) -> None:
    space = small(tmp_path, **{"weights.gan": {"kind": "log", "low": 0.01, "high": 100.0},
                               "weights.rank": {"kind": "log", "low": 0.01, "high": 100.0}})  # fmt: skip

    # Between 0.6 and 0.8 one rises as the other falls; elsewhere both fall.
    def values(unit: float) -> dict[str, float]:
        return {"val/accuracy": 1 - abs(unit - 0.6), "val/appearance": 1 - abs(unit - 0.8)}

    def near(which: str) -> float:
        found = [
            trial
            for seed in range(2)
            for trial in aimed(which, space, 40, seed, values=values, value=lambda u: values(u)["val/accuracy"])[25:]
        ]
        row = space.parameters[0]
        return sum(0.5 <= row.to_unit(trial.params[row.name]) <= 0.9 for trial in found) / len(found)

    assert near(name) > near("random") + 0.15


def test_ranking_puts_early_stopped_trials_last() -> None:
    rows = [
        trial_row(BASE, 0, state=PRUNED, value=0.9, step=10),
        trial_row(BASE, 1, state=COMPLETE, value=0.4, step=20),
        trial_row(BASE, 2, state=COMPLETE, value=0.6, step=20),
        trial_row(BASE, 3, state=FAILED, value=0.99, step=5),
    ]
    assert SearchHistory(rows, {}).ranks == {"trial-0002": 0, "trial-0001": 1, "trial-0000": 2}


def test_categorical_for_all(tmp_path: Path) -> None:
    space = small(tmp_path, **{"readings.gram": {"kind": "categorical", "choices": ["spatial", "channel"]}})
    for name in SAMPLERS:
        found = {params["readings.gram"] for params in params_of(run(name, space, 8))}
        assert found == {"spatial", "channel"}, name


def test_unknown_sampler() -> None:
    with pytest.raises(UserError, match="unknown sampler 'bayes': choose from tpe, gp, random, cmaes, grid"):
        create_sampler("bayes", SPACE, 0)
