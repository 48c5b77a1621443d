"""Arms as data: each changes only what it names, and Ours is always there."""

from __future__ import annotations

import pytest

from ablations.arms import OURS, TABLE_4, chosen, configured
from ablations.cli import listed
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
    mine, theirs = base.flat(), configured(base, arm, 7).flat()
    changed = {name for name in mine if mine[name] != theirs[name]}
    assert changed == {"seed"} | {f"switches.{name}" for name in SWITCHES_OFF[arm.slug]}
    assert theirs["seed"] == 7


def test_seeds_are_paired_and_come_one_after_the_other() -> None:
    proposals = listed(natops("smoke"), TABLE_4, 2, 3)
    assert len({p.key for p in proposals}) == 20
    assert [p.config.seed for p in proposals] == [3_000_000] * 10 + [3_000_001] * 10
    assert [p.number for p in proposals] == list(range(20))


def test_ours_runs_whatever_is_chosen() -> None:
    assert [arm.slug for arm in chosen("no_ym, no_ya")] == [OURS, "no_ya", "no_ym"]
    assert chosen(None) == TABLE_4
    with pytest.raises(UserError, match="unknown arm no_such"):
        chosen("no_such")
