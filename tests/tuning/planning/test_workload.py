"""What is left of a study, from its sources and its record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ablations.comparison import proposals
from ablations.methods import method_entries, select_methods
from amc.config import Config, natops, with_overrides
from amc.methods import with_method
from tests.tuning.toy_rows import trial_row
from tuning.engine.sources import ListedTrials, Proposal, RaceOfFinalists, SampledTrials, TrialSource
from tuning.planning.forecast import PlannedRun
from tuning.planning.workload import relative_step_cost, typical_configs, workload
from tuning.search.default_space import search_space
from tuning.search.samplers import create_sampler


def searching(base: Config, count: int, seeds: int = 2) -> list[TrialSource]:
    space = search_space(base)
    search = SampledTrials(space, create_sampler("random", space, 0), count, 0)
    return [search, RaceOfFinalists(search, 1, seeds, 0, {})]


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


def test_methods_of_table_3_have_steps_of_their_own() -> None:
    base = natops("compact")
    rows = proposals(method_entries(base, select_methods(None), {}), 2, 0)
    found = left(base, [ListedTrials(rows)], scored=True)
    steps = {"amc_gan": 1800, "cdna": 2400, "adv_gdl": 4000, "mcnet": 2400}
    assert [(run.method, run.budget) for run in found.trials] == 2 * list(steps.items())
    assert [run.number for run in found.trials] == list(range(8))
    # One run is on record, and one that this command does not list.
    names = {"key": "cdna-seed-0", "attempts": 1, "state": "COMPLETE", "step": 2400, "budget": 2400}
    other = with_overrides(with_method(base, "mcnet"), {"training.evaluate_every": 300})
    trials = [
        trial_row(base, 0, **names, config=rows[1].config.to_dict()),
        trial_row(base, 1, key="mine-seed-0", state="RUNNING", step=600, budget=2400, config=other.to_dict()),
    ]
    found = left(base, [ListedTrials(rows)], trials, scored=True)
    assert found.trials[0] == PlannedRun(1, 2400, 300, 600, scored=True, method="mcnet")
    methods = ["amc_gan", "adv_gdl", "mcnet", *steps]
    assert found.trials[1:] == [
        PlannedRun(2 + n, steps[name], 400 if name == "adv_gdl" else 200, scored=True, method=name)
        for n, name in enumerate(methods)
    ]


def test_listed_trials_are_evaluated_as_often_as_their_configurations_say(base: Config) -> None:
    rows = [Proposal(f"arm-{n}", "trial", n, with_overrides(base, {"training.evaluate_every": n})) for n in (5, 10)]
    assert [run.every for run in left(base, [ListedTrials(tuple(rows))]).trials] == [5, 10]


def test_each_method_has_a_configuration_to_measure(base: Config) -> None:
    rows = proposals(method_entries(base, select_methods("cdna"), {}), 2, 3)
    mcnet = with_method(base, "mcnet")
    trials = [trial_row(base, 0, key="mcnet-seed-0", config=mcnet.to_dict())]
    found = typical_configs([ListedTrials(rows)], trials, base)
    assert found == {
        "amc_gan": base,
        "cdna": replace(with_method(base, "cdna"), seed=rows[0].config.seed),
        "mcnet": mcnet,
    }


def test_listed_trials_cost_as_much_as_their_arithmetic(base: Config) -> None:
    def listed(*configs: Config) -> list[TrialSource]:
        return [ListedTrials(tuple(Proposal(f"arm-{n}", "trial", n, each) for n, each in enumerate(configs)))]

    cheaper = with_overrides(base, {"switches.dm": False})
    assert relative_step_cost(searching(base, 3), base) == 1.0
    assert relative_step_cost(listed(base, with_overrides(base, {"seed": 9, "weights.gan": 5.0})), base) == 1.0
    assert relative_step_cost(listed(cheaper), base) < 0.8
    both = relative_step_cost(listed(base, cheaper), base)
    assert both == pytest.approx((1 + relative_step_cost(listed(cheaper), base)) / 2)
    # A method's steps are compared with each other, not with those of another method.
    cdna = with_method(base, "cdna")
    assert relative_step_cost(listed(base, cdna), base) == relative_step_cost(listed(base, cdna), cdna) == 1.0
