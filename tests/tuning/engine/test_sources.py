"""A list of trials may grow anywhere: what is on record stays, and what comes later is numbered after it."""

from __future__ import annotations

from pathlib import Path

from ablations.arms import select_arms
from ablations.study import arm_proposals
from amc.config import natops
from analysis.record.rows import StudyRow, TrialRow
from analysis.record.writing import RecordWriter
from tuning.engine.sources import ListedTrials


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
