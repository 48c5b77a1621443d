"""A later command for other arms or seeds, and what the study's settings then say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.arms import MORE, TABLE_4, Arm, describe_arm, resolve_pairs, select_arms
from ablations.merge_arms import merge_arms
from amc.errors import UserError

EVERY = resolve_pairs([*TABLE_4, *MORE])


def settings(*arms: Arm, seeds: int = 3, **more: Any) -> dict[str, Any]:
    return {"seeds": seeds, "arms": [describe_arm(arm) for arm in arms], **more}


def test_fewer_arms_and_seeds_take_nothing_away() -> None:
    whole = settings(*TABLE_4, seeds=3, workers=2)
    assert merge_arms(whole, settings(*select_arms("no_da,no_dm"), seeds=1, workers=4)) == {**whole, "workers": 4}


def test_more_of_both_are_added_in_the_tables_order() -> None:
    found = merge_arms(settings(*select_arms("no_da,ours_again"), seeds=2), settings(*select_arms("no_ya"), seeds=6))
    assert [arm["arm"] for arm in found["arms"]] == ["ours", "no_ya", "no_da", "ours_again"]
    assert found["seeds"] == 6


def test_an_arm_whose_row_is_gone_stays_last() -> None:
    found = merge_arms(settings(TABLE_4[0], Arm("gone", "Gone")), settings(*TABLE_4[:2]))
    assert [arm["arm"] for arm in found["arms"]] == ["ours", "no_ya", "gone"]


def test_the_newest_title_counts_but_another_arm_of_that_name_is_refused() -> None:
    known = settings(*TABLE_4[:2])
    renamed = replace(TABLE_4[1], title="No appearance", paper=None)
    assert merge_arms(known, settings(TABLE_4[0], renamed))["arms"][1]["title"] == "No appearance"
    for changed in (replace(TABLE_4[1], changes={"switches.ya": False}), replace(TABLE_4[1], seed_shift=10_000)):
        with pytest.raises(UserError, match=r"arm 'no_ya' is on record with another (changes|seed_shift) \(.*\): give"):
            merge_arms(known, settings(TABLE_4[0], changed))


some = st.lists(st.sampled_from(EVERY), unique_by=lambda arm: arm.slug)


@given(some, some, st.integers(1, 9), st.integers(1, 9))
def test_joining_is_the_same_either_way_and_twice(one: list[Arm], other: list[Arm], few: int, many: int) -> None:
    first, second = settings(*one, seeds=few), settings(*other, seeds=many)
    both = merge_arms(first, second)
    assert both == merge_arms(second, first) == merge_arms(both, first) == merge_arms(both, both)
    assert [arm["arm"] for arm in both["arms"]] == [arm.slug for arm in EVERY if arm in one or arm in other]
    assert both["seeds"] == max(few, many)
