from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.record.rows import Score, TrialRow
from analysis.record.states import COMPLETE, FAILED, PRUNED, RUNNING, WAITING
from tests.tuning.search.samplers.toy_search import BASE, small
from tests.tuning.toy_rows import trial_row
from tuning.search.pruners import create_pruner
from tuning.search.pruners.gp import COMPLETE_TRIALS, GPPruner, predicted_ends
from tuning.search.space import Space

Curves = dict[str, dict[int, Score]]


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return small(tmp_path, **{"weights.gan": {"kind": "log", "low": 0.01, "high": 100.0}})


def search(space: Space, early_noise: float, newest: float) -> tuple[list[TrialRow], Curves]:
    """Ten complete trials that end at 1 - |unit - 0.7| after 27 steps and rise from -2, and one at `newest` that has
    reported three steps.

    The early reports are lower by `early_noise` times a half-normal number.
    """
    draw = np.random.default_rng(0)
    trials, curves = [], Curves()
    for number, unit in enumerate([*np.linspace(0, 1, 10), newest]):
        params = {"weights.gan": space.parameters[0].from_unit(float(unit))}
        last, state = (3, RUNNING) if number == 10 else (27, COMPLETE)
        left = [1 - np.log(step) / np.log(27) for step in range(1, last + 1)]
        end = 1 - abs(unit - 0.7)
        values = [float(end - 2 * rest - early_noise * rest * abs(draw.standard_normal())) for rest in left]
        row = trial_row(BASE, number, params=params, state=state, step=last, budget=27, value=values[-1])
        trials.append(row)
        curves[row.key] = {step + 1: Score((value,)) for step, value in enumerate(values)}
    return trials, curves


def prunes(space: Space | None, trials: list[TrialRow], curves: Curves, step: int = 3, budget: int = 27) -> bool:
    numbers = {trial.key: trial.number for trial in trials}
    return create_pruner("gp", budget, 3, space).should_prune("trial-0010", step, curves, numbers, trials)


def test_a_trial_whose_predicted_end_is_low_is_pruned(space: Space) -> None:
    assert prunes(space, *search(space, 0.0, 0.05))
    assert not prunes(space, *search(space, 0.0, 0.7))


def test_a_low_report_is_forgiven_where_early_reports_are_noisy(space: Space) -> None:
    trials, curves = search(space, 3.0, 0.7)
    curves["trial-0010"] = {1: Score((-5.0,)), 2: Score((-4.0,)), 3: Score((-4.0,))}
    assert not prunes(space, trials, curves)
    assert prunes(None, trials, curves)  # halving prunes it


def test_between_rungs_nothing_is_pruned(space: Space) -> None:
    trials, curves = search(space, 0.0, 0.05)
    curves["trial-0010"][4] = Score((-3.0,))
    assert not prunes(space, trials, curves, 4)  # rungs at 3 and 9


def test_until_three_trials_are_complete_trials_are_also_compared_between_rungs(space: Space) -> None:
    trials, curves = search(space, 0.0, 0.05)
    curves["trial-0010"][4] = Score((-3.0,))
    for complete in range(COMPLETE_TRIALS + 1):
        known = [replace(trial, state=COMPLETE if trial.number < complete else RUNNING) for trial in trials[:10]]
        assert prunes(space, [*known, trials[10]], curves, 4) == (complete < COMPLETE_TRIALS)
        assert not prunes(None, [*known, trials[10]], curves, 4)


def test_between_rungs_a_trial_has_a_standard_deviation_in_its_favour(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eleven trials have reached the rung, so the best three continue: the third rival is expected to end at 8."""
    trials, curves = search(space, 0.0, 0.05)
    trials = [replace(trial, state=RUNNING) for trial in trials]
    curves["trial-0010"][4] = Score((-3.0,))
    for step, mean, spread, expected in [
        (3, 7.9, 0.2, True),
        (3, 8.1, 0.2, False),
        (4, 7.9, 0.2, False),
        (4, 7.7, 0.2, True),
    ]:
        ends = {trial.key: (float(trial.number + 1), 0.5) for trial in trials} | {"trial-0010": (mean, spread)}
        monkeypatch.setattr("tuning.search.pruners.gp.predicted_ends", lambda history, space, ends=ends: ends)
        assert prunes(space, trials, curves, step) == expected, (step, mean)


@pytest.mark.parametrize("step", [3, 4])
def test_until_three_trials_are_complete_a_trial_is_stopped_only_while_one_that_may_complete_is_ahead(
    space: Space, step: int
) -> None:
    trials, curves = search(space, 0.0, 0.05)
    curves["trial-0010"] = {at: Score((-3.0,)) for at in range(1, step + 1)}
    ended = [replace(trial, state=FAILED if trial.number % 2 else PRUNED) for trial in trials[:10]] + trials[10:]
    assert not prunes(space, ended, curves, step)
    ahead = 6  # of all trials, the one at 0.67 ends best
    for state in (WAITING, RUNNING, COMPLETE):
        assert prunes(space, [replace(t, state=state) if t.number == ahead else t for t in ended], curves, step)


@pytest.mark.parametrize("seed", range(30))
def test_a_search_does_not_prune_all_its_trials(space: Space, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Whatever the process predicts from one report to the next, and whichever of three workers reports."""
    draw = np.random.default_rng(seed)
    monkeypatch.setattr(
        "tuning.search.pruners.gp.predicted_ends",
        lambda history, space: {key: (float(draw.random()), float(draw.random()) / 9) for key in history.curves},
    )
    pruner = create_pruner("gp", 27, 3, space)
    trials = [trial_row(BASE, number, state=WAITING, step=0, budget=27) for number in range(8)]
    curves: Curves = {}
    while any(trial.state == WAITING for trial in trials):
        number = draw.choice([trial.number for trial in trials if trial.state == WAITING][:3])
        trial, step = trials[number], trials[number].step + 1
        curves.setdefault(trial.key, {})[step] = Score((float(draw.random()),))
        pruned = step < 27 and pruner.should_prune(trial.key, step, curves, {}, trials)
        state = PRUNED if pruned else COMPLETE if step == 27 else WAITING
        trials[number] = replace(trial, step=step, state=state)
    assert any(trial.state == COMPLETE for trial in trials)
    assert any(trial.state == PRUNED for trial in trials)


def test_before_its_first_rung_no_trial_is_pruned(space: Space) -> None:
    trials, curves = search(space, 0.0, 0.05)
    trials = [replace(trial, state=RUNNING) for trial in trials]
    curves["trial-0010"] = {2: Score((-5.0,))}
    assert not prunes(space, trials, curves, 2)


def test_few_trials_constraints_and_several_objectives_are_left_to_halving(space: Space) -> None:
    trials, curves = search(space, 0.0, 0.05)
    few = [trials[0], trials[9], trials[10]]
    halving = create_pruner("halving", 27, 3)
    for changed in (
        {row.key: curves[row.key] for row in few},
        curves | {"trial-0010": {3: Score((5.0,), violation=1.0)}},
        {key: {at: Score((s.values[0], 0.0)) for at, s in curve.items()} for key, curve in curves.items()},
    ):
        numbers = {trial.key: trial.number for trial in trials}
        assert prunes(space, trials, changed) == halving.should_prune("trial-0010", 3, changed, numbers)


@pytest.mark.parametrize("place", [3, 4, 5])
def test_predicted_ends_are_compared_before_any_trial_is_complete(space: Space, place: int) -> None:
    """The newest trial's report is not among the best three, but its neighbours' reports are."""
    trials, curves = search(space, 0.0, 0.7)
    trials = [replace(trial, state=RUNNING, step=3) for trial in trials]
    curves = {key: {step: curve[step] for step in (1, 2, 3)} for key, curve in curves.items()}
    ranked = sorted((curve[3].values[0] for key, curve in curves.items() if key != "trial-0010"), reverse=True)
    curves["trial-0010"] = {3: Score((ranked[place] - 0.01,))}
    assert prunes(None, trials, curves)
    assert not prunes(space, trials, curves)


def test_late_rungs_are_left_out(space: Space) -> None:
    trials, curves = search(space, 0.0, 0.05)
    trials = [replace(trial, budget=30) for trial in trials]
    curves["trial-0010"] |= {step: Score((-3.0,)) for step in range(4, 28)}
    assert prunes(space, trials, curves, 9, budget=30)
    assert not prunes(space, trials, curves, 27, budget=30)
    assert create_pruner("halving", 30, 3).should_prune("trial-0010", 27, curves, {})


def test_trials_that_completed_another_budget_count_as_stopped(space: Space) -> None:
    """The study's steps were changed from 27 to 81: a trial that completed 27 is at a third."""
    trials, curves = search(space, 0.0, 0.7)
    stopped = [replace(trial, budget=81, state=PRUNED) for trial in trials[:10]]
    found = GPPruner(81, 3, space)._history(curves, trials)
    assert [trial.state for trial in found.trials] == [PRUNED] * 10 + [RUNNING]
    assert predicted_ends(found, space) == predicted_ends(replace(found, trials=[*stopped, found.trials[10]]), space)
    assert predicted_ends(found, space) != predicted_ends(GPPruner(27, 3, space)._history(curves, trials), space)


def test_only_rivals_at_the_rung_count(space: Space) -> None:
    """The newest trial ends below most, but it is the only one that has reached the second rung."""
    trials, curves = search(space, 0.0, 0.05)
    trials = [replace(trial, state=RUNNING, step=3) for trial in trials]
    curves = {key: {step: curve[step] for step in (1, 2, 3)} for key, curve in curves.items()}
    assert prunes(space, trials, curves)
    curves["trial-0010"] |= {step: Score((-1.0,)) for step in range(4, 10)}
    assert not prunes(space, trials, curves, 9)
    curves["trial-0010"][10] = Score((-1.0,))
    assert not prunes(space, trials, curves, 10)


def test_a_weight_of_zero_in_an_earlier_space(space: Space) -> None:
    trials, curves = search(space, 0.0, 0.05)
    trials[0] = replace(trials[0], params={"weights.gan": 0.0})
    assert prunes(space, trials, curves)
