"""Parameters frozen and ranges changed while a study goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amc.config import natops
from amc.errors import UserError
from analysis.record.states import COMPLETE
from tests.tuning.search.samplers.toy_search import params_of, run, small
from tests.tuning.toy_rows import trial_row
from tuning.engine.sources import SampledTrials
from tuning.search.default_space import search_space
from tuning.search.samplers import SAMPLERS, SearchHistory, create_sampler
from tuning.search.space import Space
from tuning.search.space_changes import changed, description

BASE = natops("smoke")
SPACE = search_space(BASE)
NAMES = [row.name for row in SPACE.parameters]


def log(low: float, high: float, **more: object) -> dict[str, object]:
    return {"kind": "log", "low": low, "high": high, **more}


@given(st.fixed_dictionaries({name: st.floats(0, 1) for name in NAMES}))
def test_what_is_frozen_has_its_value_in_every_point(units: dict[str, float]) -> None:
    space = changed(SPACE, "--freeze switches.lrank=false --freeze weights.gan=2 --range weights.l1=10:20")
    params = space.decode(units)
    assert params["switches.lrank"] is False if "switches.lrank" in params else not params["switches.mismatched"]
    assert params["weights.gan"] == 2.0
    assert isinstance(params["weights.gan"], float)
    assert not {"weights.rank", "margins.appearance"} & set(params)
    assert 10 <= params.get("weights.l1", 10) <= 20


@pytest.mark.parametrize("name", SAMPLERS)
def test_later_proposals_of_every_sampler_follow_and_earlier_trials_stay(name: str, tmp_path: Path) -> None:
    gram = {"kind": "categorical", "choices": ["spatial", "channel"]}
    space = small(tmp_path, **{"weights.gan": log(0.1, 10), "weights.rank": log(1, 1000), "readings.gram": gram})
    before = run(name, space, 14)
    late = changed(space, "--freeze readings.gram=channel --range weights.rank=200:400 --freeze weights.gan=3")
    after = run(name, late, 18, start=before)
    assert params_of(after)[:14] == params_of(before)
    new = params_of(after)[14:]
    assert new
    for params in new:
        assert (params["readings.gram"], params["weights.gan"]) == ("channel", 3.0)
        assert 200 <= float(str(params["weights.rank"])) <= 400.0001


def test_a_source_with_another_space_has_its_sampler_there() -> None:
    source = SampledTrials(SPACE, create_sampler("random", SPACE, 0), 9, 0, tried=[{"weights.gan": 5.0}])
    later = source.with_space(changed(SPACE, "--freeze weights.gan=2"))
    trials = [trial_row(BASE, 0, params={"weights.gan": 5.0}, state=COMPLETE)]
    trials.append(trial_row(BASE, 1, params=SPACE.default(), state=COMPLETE))
    proposal = later.propose(trials, {})
    assert proposal is not None
    assert proposal.config.weights.gan == 2.0
    # What a person wants tried is not changed by that.
    first = later.propose([], {})
    assert first is not None
    assert first.params == {"weights.gan": 5.0}


def test_thawed_and_changed_back_it_is_what_it_was() -> None:
    there = changed(SPACE, "--freeze weights.gan=2 --range weights.rank=20:50")
    assert changed(there, "--unfreeze weights.gan --range weights.rank=10:1000") == SPACE


@pytest.mark.parametrize("value", ["false", "False"])
def test_a_switch_is_frozen_as_json_or_as_it_is_printed(value: str) -> None:
    after = changed(SPACE, f"--freeze switches.lrank={value}")
    assert [row.frozen for row in after.parameters if row.name == "switches.lrank"] == [False]


def test_changes_are_told() -> None:
    space = changed(SPACE, "--freeze switches.ldaux=false --freeze weights.gan=2.5 --range weights.rank=20:50")
    assert description(SPACE, space) == (
        "weights.gan is frozen at 2.5; switches.ldaux is frozen at False; "
        "weights.rank is searched from 20 to 50 instead of 10 to 1000; "
        "without effect then, and not searched: weights.ce, weights.mse"
    )
    assert description(space, changed(space, "--unfreeze weights.gan")) == "weights.gan is searched again (0.1 to 10)"
    assert description(SPACE, SPACE) == "nothing changed"


def test_a_prior_counts_while_it_is_in_the_range(tmp_path: Path) -> None:
    space = small(tmp_path, **{"weights.rank": log(1, 1000, prior=30.0)})
    after = changed(space, "--range weights.rank=100:1000")
    assert not after.has_priors
    assert "prior" not in after.to_dict()["parameters"]["weights.rank"]
    assert description(space, after).endswith("the prior 30.0 of weights.rank is outside that, and not used")
    assert changed(space, "--range weights.rank=10:1000").has_priors
    assert changed(after, "--range weights.rank=1:1000") == space


BAD = {
    "--freeze weights.rnak=2": "the study does not search 'weights.rnak'; it searches ",
    "--freeze optimizer.beta1=0.5": "the study does not search 'optimizer.beta1'",
    "--freeze weights.gan": "'weights.gan': expected --freeze NAME=VALUE",
    "--freeze weights.gan=": "expected --freeze NAME=VALUE",
    "--freeze weights.gan=11": r"'weights.gan' cannot be frozen at 11: it is not in its range \(0.1 to 10\)",
    "--freeze weights.gan=much": "'much' does not fit its type",
    "--freeze weights.gan=nan": "does not fit its type",
    "--freeze switches.da=1": r"'switches.da' cannot be frozen at 1: it is not in its range \(False, True\)",
    "--unfreeze weights.gan": "'weights.gan' is not frozen",
    "--range weights.gan=1": "'weights.gan=1': expected --range NAME=LOW:HIGH",
    "--range weights.gan=a:2": "'a' is not a number; expected --range NAME=LOW:HIGH",
    "--range weights.gan=2:1": "low must be below high",
    "--range weights.gan=0:1": "low must be above 0",
    "--range weights.gan=1:nan": "low must be below high, both finite",
    "--range switches.da=0:1": r"'switches.da' has choices \(False, True\) and no range: freeze it at one of them",
    "--freeze weights.gan=2 --range weights.gan=3:4": "frozen at 2.0, which is not in the range .*: unfreeze it",
    " ".join(f"--freeze {row.name}={json.dumps(SPACE.default()[row.name])}" for row in SPACE.parameters): (
        "no parameter would be left to search"
    ),
}


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_changed_is_one_line(text: str) -> None:
    with pytest.raises(UserError, match=BAD[text]) as caught:
        changed(SPACE, text)
    assert "\n" not in str(caught.value)


def test_a_range_may_grow_and_evidence_outside_a_range_stays(tmp_path: Path) -> None:
    space: Space = changed(small(tmp_path, **{"weights.rank": log(10, 100)}), "--range weights.rank=1:1000")
    (row,) = space.parameters
    assert (row.from_unit(0.0), row.from_unit(1.0)) == pytest.approx((1.0, 1000.0))
    narrow = changed(space, "--range weights.rank=10:100")
    outside = trial_row(BASE, 0, params={"weights.rank": 1.0}, state=COMPLETE, value=0.9, step=20)
    history = SearchHistory([outside], {outside.key: {20: 0.9}})
    for name in SAMPLERS:
        params = create_sampler(name, narrow, 0).propose(5, history)
        assert params is not None
        assert 10 <= params["weights.rank"] <= 100
