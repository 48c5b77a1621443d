"""What is left of a study, from its sources and its record."""

from __future__ import annotations

from typing import Any

import pytest

from amc.config import Config, with_overrides
from tests.tuning.toy_rows import trial_row
from tuning.engine.sources import ListedTrials, Proposal, RaceOfFinalists, SampledTrials, TrialSource
from tuning.planning.forecast import PlannedRun
from tuning.planning.workload import relative_step_cost, workload
from tuning.search.default_space import search_space
from tuning.search.samplers import create_sampler


def searching(base: Config, count: int, seeds: int = 2) -> list[TrialSource]:
    space = search_space(base)
    search = SampledTrials(space, create_sampler("random", space, 0), count, 0)
    return [search, RaceOfFinalists(search, 1, seeds, 0)]


def left(base: Config, sources: list[TrialSource], trials: list[Any] | None = None, **changes: Any) -> Any:
    values = {"base": base, "scored": False} | changes
    return workload(sources, trials or [], **values)


def test_a_new_search(base: Config) -> None:
    found = left(base, searching(base, 3))
    assert found.trials == [PlannedRun(n, 20, 10) for n in range(3)]
    assert found.confirming == [PlannedRun(n, 20, 10, scored=True) for n in range(2)]
    assert found.ended == []


def test_a_search_half_done(base: Config) -> None:
    trials = [
        trial_row(base, 0, state="COMPLETE", step=20, value=0.5, attempts=1),
        trial_row(base, 1, state="PRUNED", step=10, value=0.2, attempts=1),
        trial_row(base, 2, state="WAITING"),
        trial_row(base, 3, state="RUNNING", step=10, value=0.3, attempts=1),
    ]
    found = left(base, searching(base, 6), trials)
    assert [(run.number, run.done) for run in found.trials] == [(3, 10), (2, 0), (4, 0), (5, 0)]
    assert len(found.confirming) == 2
    assert [(run.number, run.budget) for run in found.ended] == [(0, 20), (1, 10)]


def test_confirming_runs_on_record(base: Config) -> None:
    trials = [
        trial_row(base, 0, state="COMPLETE", step=20, value=0.5, attempts=1),
        trial_row(base, 0, key="confirm-0000", role="confirm", parent="trial-0000", state="RUNNING", attempts=1),
    ]
    found = left(base, searching(base, 1), trials)
    assert found.trials == []
    # One is resumed and one has not started yet.
    assert found.confirming == [PlannedRun(n, 20, 10, scored=True) for n in range(2)]


def test_nothing_confirms_a_search_whose_trials_all_failed(base: Config) -> None:
    trials = [trial_row(base, 0, state="FAILED", attempts=3)]
    assert left(base, searching(base, 1), trials).left == []


def test_a_list_is_scored_on_the_test_split(base: Config) -> None:
    rows = tuple(Proposal(f"arm-{n}", "trial", n, base) for n in range(2))
    found = left(base, [ListedTrials(rows)], scored=True)
    assert found.trials == [PlannedRun(n, 20, 10, scored=True) for n in range(2)]
    assert found.confirming == []


def test_listed_trials_cost_as_much_as_their_arithmetic(base: Config) -> None:
    def listed(*configs: Config) -> list[TrialSource]:
        return [ListedTrials(tuple(Proposal(f"arm-{n}", "trial", n, each) for n, each in enumerate(configs)))]

    cheaper = with_overrides(base, {"switches.dm": False})
    assert relative_step_cost(searching(base, 3), base) == 1.0
    assert relative_step_cost(listed(base, with_overrides(base, {"seed": 9, "weights.gan": 5.0})), base) == 1.0
    assert relative_step_cost(listed(cheaper), base) < 0.8
    both = relative_step_cost(listed(base, cheaper), base)
    assert both == pytest.approx((1 + relative_step_cost(listed(cheaper), base)) / 2)
