"""Lists of trials and of points may grow anywhere: what is on record stays, what comes later is numbered after it."""

from __future__ import annotations

from pathlib import Path

from ablations.arms import select_arms
from ablations.study import arm_proposals
from amc.config import natops
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import trial_row
from tuning.engine.sources import ListedTrials, SampledTrials
from tuning.search.default_space import search_space
from tuning.search.samplers import create_sampler
from tuning.search.space import Parameter, Space, checked_space


def test_arms_and_seeds_that_are_added_later_find_a_place(tmp_path: Path) -> None:
    base = natops("smoke")
    study = StudyRow("s", "", "table4", "smoke", 0, {}, base.to_dict(), {}, {}, {}, 0.0)
    with RecordWriter(tmp_path / "record.db") as record, record.lock_study("s"):
        record.create_study(study)
        for arms, seeds, added in (("no_ym", 1, 2), ("no_ym", 2, 2), ("no_ya,no_ym", 2, 2), ("all,ours_again", 2, 16)):
            source = ListedTrials(arm_proposals(base, select_arms(arms), seeds, 0))
            before = len(record.trials("s"))
            while (p := source.propose(record.trials("s"), {})) is not None:
                config = p.config.to_dict()
                trial = TrialRow("s", p.key, p.role, p.number, None, "WAITING", p.params, config, p.config.seed, 40)
                assert record.add_trial(trial).key == p.key
            assert len(record.trials("s")) == before + added
            # A shorter list plans no fewer than there are.
            assert source.planned(record.trials("s")) == len(record.trials("s"))
            assert ListedTrials(()).planned(record.trials("s")) == len(record.trials("s"))
        trials = record.trials("s")
    assert [trial.number for trial in trials] == list(range(22))
    assert len({trial.key for trial in trials}) == 22


SPACE = checked_space(
    natops("smoke"), [Parameter("weights.rank", "log", 1.0, 1000.0), Parameter("weights.gan", "log", 0.1, 10.0)], {}
)


def proposed(
    points: list[dict[str, float]], trials: list[TrialRow], count: int, space: Space = SPACE
) -> list[TrialRow]:
    """The trials after those of a search that tries points first, each proposed by a source of its own."""
    trials = list(trials)
    for _ in range(count):
        source = SampledTrials(space, create_sampler("random", space, 0), 100, 0, tried=points)
        proposal = source.propose(trials, {})
        assert proposal is not None
        assert proposal.number == len(trials)
        trials.append(trial_row(natops("smoke"), proposal.number, params=proposal.params))
    return trials


def test_points_come_first_and_once_and_later_ones_next() -> None:
    first = {"weights.rank": 3.0, "weights.gan": 2.0}
    second, third = {**first, "weights.rank": 7.0}, {**first, "weights.rank": 11.0}
    trials = proposed([first, second], [], 4)
    assert [dict(trial.params) for trial in trials[:3]] == [first, second, SPACE.default()]
    # The same file again tries nothing twice; what a longer one adds comes next, also before what it had.
    assert proposed([first, second], trials[:2], 2) == trials
    later = proposed([third, first, second], trials, 2)
    assert later[4].params == third
    assert dict(later[5].params) not in (first, second, third, SPACE.default())
    # Without the file the search goes on as ever.
    assert all(dict(trial.params) not in (first, second) for trial in proposed([], trials[:2], 2)[2:])


def test_a_point_that_the_search_had_already_is_not_tried_again() -> None:
    source = SampledTrials(SPACE, create_sampler("random", SPACE, 0), 100, 0, tried=[SPACE.default()])
    trials = proposed([], [], 2)
    assert source.untried(trials) == []
    proposal = source.propose(trials, {})
    assert proposal is not None
    assert proposal.params != SPACE.default()


def test_the_values_of_priors_come_after_the_points_and_the_base_configuration() -> None:
    known = [Parameter("weights.rank", "log", 1.0, 1000.0, prior=30.0)]
    space = checked_space(natops("smoke"), known, {})
    trials = proposed([{"weights.rank": 3.0}], [], 3, space)
    assert [trial.params["weights.rank"] for trial in trials] == [3.0, 100.0, 30.0]
    assert search_space(natops("smoke")).with_priors() == search_space(natops("smoke")).default()
