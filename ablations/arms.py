"""The arms of Table 4: a row of the paper, what it changes, and the accuracy that the paper reports.

A user's own arm is one more row; a pair of arms that is to be looked at for interaction is a row with both changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amc.config import Config, with_overrides
from amc.errors import UserError


@dataclass(frozen=True)
class Arm:
    """One row of an ablation table.

    Attributes:
        slug: its name on the command line and in files.
        title: its name in the paper.
        changes: settings that differ from Ours, by dotted name.
        paper: accuracy in percent on NATOPS that the paper reports; None where it has no such row.
    """

    slug: str
    title: str
    changes: Mapping[str, Any]
    paper: float | None


def _off(*switches: str) -> dict[str, Any]:
    return {f"switches.{name}": False for name in switches}


OURS = "ours"
TABLE_4: tuple[Arm, ...] = (
    Arm(OURS, "Ours", {}, 91.12),
    Arm("no_ya", "No ya", _off("ya", "da"), 4.75),
    Arm("no_ym", "No ym", _off("ym", "dm", "ldaux"), 7.62),
    Arm("no_y", "No y, y'", _off("ya", "ym", "mismatched", "ldaux", "lrank"), 5.52),
    Arm("no_yprime", "No y'", _off("mismatched", "lrank"), 86.80),
    Arm("no_da", "No Da", _off("da"), 85.97),
    Arm("no_dm", "No Dm", _off("dm", "ldaux"), 79.23),
    Arm("no_ldaux", "No LDaux", _off("ldaux"), 81.05),
    Arm("no_lgaux", "No LGaux", _off("lgaux"), 88.29),
    Arm("no_lrank", "No Lrank", _off("lrank"), 90.83),
)


def chosen(slugs: str | None, arms: Sequence[Arm] = TABLE_4) -> tuple[Arm, ...]:
    """The arms that a comma-separated list names, in the table's order; Ours is always among them. None: all.

    Raises:
        UserError: an unknown arm.
    """
    if slugs is None:
        return tuple(arms)
    wanted = {slug.strip() for slug in slugs.split(",") if slug.strip()} | {OURS}
    known = {arm.slug for arm in arms}
    if wanted - known:
        raise UserError(f"unknown arm {', '.join(sorted(wanted - known))}: choose from {', '.join(sorted(known))}")
    return tuple(arm for arm in arms if arm.slug in wanted)


def configured(base: Config, arm: Arm, seed: int) -> Config:
    """What a run of an arm is configured as: `base`, the arm's changes, and the training seed, nothing else."""
    return with_overrides(base, {**arm.changes, "seed": seed})
