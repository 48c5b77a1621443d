from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from optuna.trial import TrialState

from amc.config import Config
from analysis.record.rows import TrialRow
from analysis.record.states import COMPLETE, FAILED, PRUNED, RUNNING, WAITING
from tests.tuning.search.samplers.toy_search import BASE, SPACE, run, small
from tests.tuning.toy_rows import trial_row
from tuning.search.samplers import SearchHistory, create_sampler
from tuning.search.samplers.tpe import TPESampler


def test_states_and_values_in_optuna() -> None:
    params = SPACE.default()
    rows = [
        trial_row(BASE, 0, params=params, state=COMPLETE, value=0.5, step=20),
        trial_row(BASE, 1, params=params, state=PRUNED, value=0.2, step=10),
        trial_row(BASE, 2, params=params, state=FAILED, reason="diverged"),
        trial_row(BASE, 3, params=params, state=RUNNING, step=5),
        trial_row(BASE, 4, params=params, state=WAITING),
    ]
    curves = {"trial-0000": {10: 0.3, 20: 0.5}, "trial-0001": {5: 0.1, 10: 0.2}, "trial-0003": {5: 0.1}}
    converted = [TPESampler(SPACE, 0).to_optuna(row, SearchHistory(rows, curves)) for row in rows]
    states = [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING, TrialState.RUNNING]
    assert [trial.state for trial in converted] == states
    assert [trial.value for trial in converted[:1]] == [0.5]
    assert converted[1].intermediate_values == {5: 0.1, 10: 0.2}
    assert TPESampler(SPACE, 0).propose(5, SearchHistory(rows, curves)) is not None


def test_violations_reach_optuna() -> None:
    params = SPACE.default()
    rows = [
        trial_row(BASE, 0, params=params, state=COMPLETE, value=0.5, step=20, violation=0.0),
        trial_row(BASE, 1, params=params, state=PRUNED, value=0.2, step=10, violation=0.75),
        trial_row(BASE, 2, params=params, state=RUNNING, value=0.2, step=10, violation=0.5),
    ]
    history = SearchHistory(rows, {"trial-0001": {10: 0.2}})
    converted = [TPESampler(SPACE, 0).to_optuna(row, history) for row in rows]
    assert [trial.constraints for trial in converted] == [{"violation": 0.0}, {"violation": 0.75}, {}]


def test_several_objectives_become_ranks_and_pruned_trials_stay_pruned() -> None:
    def row(number: int, state: str, *found: float | None, step: int = 20) -> TrialRow:
        values = dict(zip(("val/accuracy", "val/appearance"), found, strict=True))
        return trial_row(BASE, number, params=SPACE.default(), state=state, value=found[0], values=values, step=step)

    rows = [
        row(0, COMPLETE, 0.5, 0.5),
        row(1, COMPLETE, 0.4, 0.4),
        row(2, PRUNED, 0.9, 0.9, step=10),
        row(3, PRUNED, 0.1, 0.95, step=10),
        row(4, COMPLETE, 0.6, None),
        row(5, PRUNED, 0.95, 0.1, step=5),
        row(6, RUNNING, 0.1, 0.1, step=5),
    ]
    history = SearchHistory(rows, {trial.key: {trial.step: trial.value or 0.0} for trial in rows})
    converted = [TPESampler(SPACE, 0).to_optuna(row, history) for row in rows]
    assert [trial.state.name for trial in converted] == [
        "COMPLETE", "COMPLETE", "PRUNED", "PRUNED", "FAIL", "PRUNED", "RUNNING"
    ]  # fmt: skip
    assert [trial.value for trial in converted[:2]] == [0.0, -1.0]
    assert [dict(trial.intermediate_values) for trial in converted[2:]] == [{10: -2}, {10: -3}, {}, {5: -4}, {}]
    assert TPESampler(SPACE, 0).propose(7, history) is not None


def test_values_outside_a_changed_range_are_left_out(tmp_path: Path) -> None:
    space = small(tmp_path, **{"weights.gan": {"kind": "log", "low": 0.5, "high": 2.0}})
    row = trial_row(BASE, 0, params={"weights.gan": 7.0, "weights.rank": 3.0}, state=COMPLETE, value=0.5)
    assert TPESampler(space, 0).to_optuna(row, SearchHistory([row], {})).params == {}


def test_running_trials_keep_proposals_apart(base: Config) -> None:
    """Two workers ask one after the other, with nothing finished in between."""
    history = run("tpe", SPACE, 12)
    first = create_sampler("tpe", SPACE, 0).propose(12, history)
    assert first is not None
    running = replace(trial_row(base, 12), params=first, state=RUNNING)
    second = create_sampler("tpe", SPACE, 0).propose(13, SearchHistory([*history.trials, running], history.curves))
    assert second != first
