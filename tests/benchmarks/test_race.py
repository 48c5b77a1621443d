"""The simulation of races."""

from __future__ import annotations

import json

import numpy as np
import pytest

from analysis.record.states import COMPLETE
from benchmarks import race


def test_accuracies_of_random_configurations_are_normal_around_50() -> None:
    function = race.accuracies(10.0, 0.0)
    true = [100 * function.true(point) for point in np.random.default_rng(1).random((4000, 6))]
    assert np.percentile(true, [15.87, 50, 84.13]) == pytest.approx([40, 50, 60], abs=1)
    assert 100 * function.curve(np.full(6, 0.5), 30, np.random.default_rng(0))[-1] == 100 * function.true(
        np.full(6, 0.5)
    )


def test_a_search_has_the_trials_asked_for_and_costs_all_their_steps() -> None:
    search = race.simulate_search(3, "random+none", 7, 10.0, 12.0)
    assert (search.cost, len(search.trials), len(search.true)) == (7, 7, 7)
    assert [trial.seed for trial in sorted(search.trials, key=lambda trial: trial.number)] == list(range(7))


def test_without_noise_nothing_is_lost_or_promised() -> None:
    search = race.simulate_search(0, "random+none", 20, 10.0, 0.0)
    assert search.cost == 20 == len(search.trials)
    found = race.simulate_race(search, 3, 3, 0.0, np.random.default_rng(0))
    assert (found.behind, found.behind_without) == (0.0, 0.0)
    assert (found.promise, found.fresh) == pytest.approx((0.0, 0.0))
    assert found.cost == found.runs / 20


def test_halving_costs_less_and_one_finalist_is_what_a_race_returns() -> None:
    search = race.simulate_search(0, "random+halving", 50, 10.0, 12.0)
    assert search.cost < 25
    assert len(search.trials) == 50
    assert 1 <= sum(trial.state == COMPLETE for trial in search.trials) < 25
    found = race.simulate_race(search, 1, 3, 12.0, np.random.default_rng(0))
    assert (found.runs, found.behind) == (3, 0.0)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--studies", "3", "--spread", "10", "--size", "2x2", "1x3", "--searches", "random+halving", "--json"]
    assert race.main(arguments) == 0
    (search,) = json.loads(capsys.readouterr().out)["searches"]
    assert [(row["finalists"], row["seeds"]) for row in search["races"]] == [(2, 2), (1, 3)]
    assert search["races"][1]["within"] == 1.0  # of one finalist, it returns the best
    assert race.main([*arguments[:-1]]) == 0
    assert "random+halving, spread 10" in capsys.readouterr().out
