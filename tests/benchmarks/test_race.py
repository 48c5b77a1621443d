"""The simulation of races."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import race


def test_without_noise_nothing_is_lost_or_promised() -> None:
    draw = np.random.default_rng(0)
    search = race.simulate_search("none", 20, 10.0, 0.0, draw)
    assert search.cost == 20 == len(search.trials)
    found = race.simulate_race(search, 3, 3, 0.0, draw)
    assert (found.behind, found.behind_without) == (0.0, 0.0)
    assert (found.promise, found.fresh) == pytest.approx((0.0, 0.0))
    assert found.cost == found.runs / 20


def test_halving_costs_less_and_one_finalist_is_what_a_search_returns() -> None:
    draw = np.random.default_rng(0)
    search = race.simulate_search("halving", 50, 10.0, 12.0, draw)
    assert search.cost < 25
    assert 1 <= len(search.trials) < 25
    found = race.simulate_race(search, 1, 3, 12.0, draw)
    assert (found.runs, found.behind, found.behind_without) == (3, 0.0, 0.0)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--studies", "3", "--spread", "10", "--size", "2x2", "1x3", "--pruners", "halving", "--json"]
    assert race.main(arguments) == 0
    (search,) = json.loads(capsys.readouterr().out)["searches"]
    assert [(row["finalists"], row["seeds"]) for row in search["races"]] == [(2, 2), (1, 3)]
    assert search["races"][1]["gain"] == 0.0
    assert race.main([*arguments[:-1]]) == 0
    assert "pruner halving, spread 10" in capsys.readouterr().out
