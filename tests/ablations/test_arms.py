"""Arms as data: each changes only what it names, and Ours is always there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ablations.arms import (
    MORE,
    OURS,
    SEEDS_APART,
    TABLE_4,
    Arm,
    arm_config,
    check_arms,
    describe_arm,
    resolve_pairs,
    select_arms,
)
from ablations.study import arm_proposals
from amc.config import natops
from amc.errors import UserError

SWITCHES_OFF = {
    "ours": set(),
    "no_ya": {"ya", "da"},
    "no_ym": {"ym", "dm", "ldaux"},
    "no_y": {"ya", "ym", "mismatched", "ldaux", "lrank"},
    "no_yprime": {"mismatched", "lrank"},
    "no_da": {"da"},
    "no_dm": {"dm", "ldaux"},
    "no_ldaux": {"ldaux"},
    "no_lgaux": {"lgaux"},
    "no_lrank": {"lrank"},
}


def test_the_arms_are_the_papers_with_its_figures() -> None:
    assert [arm.slug for arm in TABLE_4] == list(SWITCHES_OFF)
    assert [arm.paper for arm in TABLE_4] == [91.12, 4.75, 7.62, 5.52, 86.80, 85.97, 79.23, 81.05, 88.29, 90.83]


@pytest.mark.parametrize("arm", TABLE_4, ids=lambda arm: arm.slug)
def test_an_arm_changes_only_what_it_names(arm) -> None:  # type: ignore[no-untyped-def]
    base = natops("compact")
    mine, theirs = base.flat(), arm_config(base, arm, 7).flat()
    changed = {name for name in mine if mine[name] != theirs[name]}
    assert changed == {"seed"} | {f"switches.{name}" for name in SWITCHES_OFF[arm.slug]}
    assert theirs["seed"] == 7


def test_seeds_are_paired_and_come_one_after_the_other() -> None:
    proposals = arm_proposals(natops("smoke"), TABLE_4, 2, 3)
    assert len({p.key for p in proposals}) == 20
    assert [p.config.seed for p in proposals] == [3_000_000] * 10 + [3_000_001] * 10
    assert [p.number for p in proposals] == list(range(20))


def test_ours_runs_whatever_is_chosen() -> None:
    assert [arm.slug for arm in select_arms("no_ym, no_ya")] == [OURS, "no_ya", "no_ym"]
    assert select_arms(None) == TABLE_4
    with pytest.raises(UserError, match="unknown arm no_such"):
        select_arms("no_such")


def slugs(arms: tuple[Arm, ...]) -> list[str]:
    return [arm.slug for arm in arms]


def test_all_means_the_papers_arms_and_more_are_named() -> None:
    assert select_arms("all") == TABLE_4
    assert slugs(select_arms("all,ours_again")) == [*slugs(TABLE_4), "ours_again"]
    assert slugs(select_arms("gram_channel")) == [OURS, "gram_channel"]


def test_the_same_arm_with_seeds_of_its_own() -> None:
    (again,) = (arm for arm in select_arms("ours_again") if arm.slug != OURS)
    base = natops("smoke")
    assert arm_config(base, again, 7) == replace(base, seed=7 + again.seed_shift)
    pair = arm_proposals(base, select_arms("ours_again"), 3, 2)
    seeds = {p.config.seed for p in pair}
    assert len(seeds) == 6
    # No trial or confirming run of a search has them.
    assert all(2_000_000 <= seed < 2_500_000 for seed in seeds)


def test_a_pair_brings_its_two_arms_and_has_the_changes_of_both() -> None:
    arms = select_arms("no_da_no_lrank")
    assert slugs(arms) == [OURS, "no_da", "no_lrank", "no_da_no_lrank"]
    assert arms[-1].changes == {"switches.da": False, "switches.lrank": False}
    base = natops("smoke")
    assert arm_config(base, arms[-1], 3).switches == replace(base.switches, da=False, lrank=False)


def test_every_row_of_the_module_can_run() -> None:
    for base in (natops("smoke"), natops("compact"), natops("paper")):
        check_arms(resolve_pairs([*TABLE_4, *MORE]), base, 10)


def test_a_users_row_is_one_row() -> None:
    mine = (
        Arm("no_smoothing", "No label smoothing", {"readings.smoothing_start": 0.0}),
        Arm("no_smoothing_no_da", "Neither", of=("no_smoothing", "no_da")),
    )
    arms = select_arms("no_smoothing_no_da", more=mine)
    assert slugs(arms) == [OURS, "no_da", "no_smoothing", "no_smoothing_no_da"]
    check_arms(arms, natops("smoke"), 3)
    keys = [p.key for p in arm_proposals(natops("smoke"), arms, 1, 0)]
    assert keys == ["ours-seed-0", "no_da-seed-0", "no_smoothing-seed-0", "no_smoothing_no_da-seed-0"]


def test_what_the_record_has_of_a_row() -> None:
    ours, lrank = (arm for arm in select_arms("no_lrank"))
    assert describe_arm(ours) == {"arm": "ours", "title": "Ours", "paper": 91.12, "changes": {}}
    assert describe_arm(lrank)["changes"] == {"switches.lrank": False}
    facts = {arm.slug: describe_arm(arm) for arm in select_arms("ours_again,no_da_no_lrank")}
    assert facts["ours_again"] == {
        "arm": "ours_again",
        "title": "Ours, other seeds",
        "paper": None,
        "changes": {},
        "seed_shift": 10_000,
    }
    assert facts["no_da_no_lrank"]["of"] == ["no_da", "no_lrank"]
    assert facts["no_da_no_lrank"]["changes"] == {"switches.da": False, "switches.lrank": False}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Arm("no_da", "Again"), "in the table twice"),
        (Arm("../up", "Up"), "use lower-case letters, digits and '_'"),
        (Arm("No_Da", "Capitals"), "use lower-case letters, digits and '_'"),
        (Arm("a" * 41, "Long"), "at most 40"),
        (Arm("", "Nothing"), "use lower-case letters, digits and '_'"),
        (Arm("all", "All"), "not 'all'"),
        (Arm("pair", "Pair", of=("no_da", "no_such")), "both must be rows"),
        (Arm("pair", "Pair", of=("no_da", "no_da")), "two different arms"),
        (Arm("pair", "Pair", of=("ours", "no_da")), "two different arms"),
        (Arm("pair", "Pair", {"switches.dm": False}, of=("no_da", "no_dm")), "leave its own changes empty"),
        (Arm("pair", "Pair", of=("no_da", "no_da_no_dm")), "no pairs themselves"),
        (Arm("pair", "Pair", of=("no_da", "ours_again")), "same seed shift"),
        (Arm("pair", "Pair", seed_shift=5_000, of=("no_da", "no_dm")), "same seed shift"),
    ],
)
def test_rows_that_cannot_be_in_the_table(row: Arm, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        select_arms("all", more=(*MORE, row))
    assert "\n" not in str(caught.value)


def test_a_pair_that_changes_a_setting_to_two_values() -> None:
    rows = (
        Arm("a", "A", {"weights.rank": 1.0}),
        Arm("b", "B", {"weights.rank": 2.0}),
        Arm("ab", "Both", of=("a", "b")),
    )
    with pytest.raises(UserError, match=r"they change weights\.rank to different values"):
        select_arms("ab", more=rows)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (Arm("x", "X", {"switches.no_such": False}), "arm 'x': unknown setting 'switches.no_such'"),
        (Arm("x", "X", {"weights.rank": "much"}), "does not fit its type"),
        (Arm("x", "X", {"readings.gram": "both"}), "choose one of spatial, channel"),
        (Arm("x", "X", {"rows.real": -1.0}), "must be at least"),
        (Arm("x", "X"), "arm 'x' is the same run as 'ours'"),
        (Arm("x", "X", {"readings.gram": "spatial"}), "arm 'x' is the same run as 'ours'"),
        (Arm("x", "X", of=("no_dm", "no_ldaux")), "arm 'x' is the same run as 'no_dm'"),
        (Arm("x", "X", {"training.steps": 5}), "all arms share training.steps"),
        (Arm("x", "X", {"seed": 5}), "all arms share seed"),
        (Arm("x", "X", {"split.seed": 5}), "all arms share split.seed"),
        (Arm("x", "X", {"model.frames": 5}), "all arms share model.frames"),
        (Arm("x", "X", seed_shift=-1), "seed_shift -1 is not in"),
        (Arm("x", "X", seed_shift=500_000), "seed_shift 500000 is not in"),
        (Arm("x", "X", seed_shift=10), "seed shifts 0 and 10 overlap"),
    ],
)
def test_rows_that_cannot_be_compared(row: Arm, said: str) -> None:
    arms = select_arms("x,no_dm,no_ldaux", more=(row,))
    with pytest.raises(UserError, match=said) as caught:
        check_arms(arms, natops("smoke"), 3)
    assert "\n" not in str(caught.value)


def test_more_seeds_than_lie_between_two_arms() -> None:
    check_arms(TABLE_4, natops("smoke"), SEEDS_APART)
    with pytest.raises(UserError, match="give at most 1000"):
        check_arms(TABLE_4, natops("smoke"), SEEDS_APART + 1)


def test_an_arm_that_the_best_of_a_search_is_already() -> None:
    base = natops("smoke")
    found = replace(base, readings=replace(base.readings, gram="channel"))
    with pytest.raises(UserError, match="'gram_channel' is the same run as 'ours'"):
        check_arms(select_arms("gram_channel"), found, 3)
