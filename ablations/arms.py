"""The arms of an ablation study as rows of data: Table 4, and more that run when they are asked for by name.

To add an arm, add one row to `MORE`:

    Arm("no_smoothing", "No label smoothing", {"readings.smoothing_start": 0.0}),

`changes` are settings of `amc.config.Config` by dotted name. For the interaction of two arms, name them, and the row
has the changes of both; what two removals cost beyond the sum of each is then in the study's tables:

    Arm("no_dm_no_lrank", "No Dm, no Lrank", of=("no_dm", "no_lrank")),

Then `run_all.py --arms all,no_smoothing,no_dm_no_lrank`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from amc.config import Config, with_overrides
from amc.errors import UserError


@dataclass(frozen=True)
class Arm:
    """One row of an ablation table.

    Attributes:
        slug: its name on the command line and in files.
        title: its name in tables, the paper's where it is an arm of the paper.
        changes: settings that differ from Ours, by dotted name; a row with `of` takes those of both.
        paper: accuracy in percent on NATOPS that the paper reports; None where it has no such row.
        seed_shift: added to its training seeds. 0 pairs them with every other arm's; more gives it seeds of its own.
        of: the two arms whose interaction it shows, or none.
    """

    slug: str
    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    paper: float | None = None
    seed_shift: int = 0
    of: tuple[str, str] | tuple[()] = ()


def _off(*switches: str) -> dict[str, Any]:
    return {f"switches.{name}": False for name in switches}


OURS, ALL = "ours", "all"
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
# Rows beyond the paper's. They run only when --arms names them.
MORE: tuple[Arm, ...] = (
    # Equal to Ours in all but name and seeds: a study that calls it different is wrong about the others, too.
    Arm("ours_again", "Ours, other seeds", seed_shift=10_000),
    Arm("gram_channel", "Channel Gram", {"readings.gram": "channel"}),  # R1
    Arm("no_da_no_dm", "No Da, no Dm", of=("no_da", "no_dm")),  # does either stand in for the other?
    Arm("no_da_no_lrank", "No Da, no Lrank", of=("no_da", "no_lrank")),  # is ranking by Dm enough where Da is gone?
    Arm("no_ya_no_lgaux", "No ya, no LGaux", of=("no_ya", "no_lgaux")),  # who draws the motion of a made-up person?
    Arm("no_ldaux_no_lgaux", "No LDaux, no LGaux", of=("no_ldaux", "no_lgaux")),
)

SEEDS_APART = 1_000  # arms whose seeds differ at all differ by so much, and a study has fewer seeds
MOST_SHIFT = 400_000  # training seeds from half a million on belong to confirming runs of searches
# What all arms of a study share: the same clips, trained to the same budget, scored in the same way.
SHARED = (
    "seed",
    "preset",
    "dataset",
    "split",
    "model.size",
    "model.frames",
    "model.classifier_width",
    "model.discarded_frames",
    "readings.long_clips",
    "readings.test_velocity",
    "readings.velocity_quantile",
    "training.steps",
    "training.batch",
    "training.evaluate_every",
)
_SLUG = re.compile(r"[a-z0-9][a-z0-9_]{0,39}")


def select_arms(slugs: str | None, table: Sequence[Arm] = TABLE_4, more: Sequence[Arm] = MORE) -> tuple[Arm, ...]:
    """The arms that a comma-separated list names, in the tables' order, each with all of its changes.

    `all` is all of `table`, and so is None. Ours is always among them, and so are the two arms that a pair is made of.

    Raises:
        UserError: an unknown arm, or a row that cannot be used.
    """
    rows = {arm.slug: arm for arm in resolve_pairs([*table, *more])}
    wanted = {slug.strip() for slug in (slugs or ALL).split(",") if slug.strip()} | {OURS}
    if ALL in wanted:
        wanted = wanted - {ALL} | {arm.slug for arm in table}
    if wanted - rows.keys():
        unknown, known = ", ".join(sorted(wanted - rows.keys())), ", ".join([ALL, *sorted(rows)])
        raise UserError(f"unknown arm {unknown}: choose from {known}")
    wanted |= {part for slug in wanted for part in rows[slug].of}
    return tuple(arm for slug, arm in rows.items() if slug in wanted)


def resolve_pairs(arms: Sequence[Arm]) -> tuple[Arm, ...]:
    """The rows, those of two arms with the changes of both.

    Raises:
        UserError: a slug that repeats or is no safe file name, or a pair of arms that cannot be made.
    """
    rows: dict[str, Arm] = {}
    for arm in arms:
        if not _SLUG.fullmatch(arm.slug) or arm.slug == ALL:
            raise UserError(f"arm {arm.slug!r}: name it with small letters, digits and _, at most 40, and not {ALL!r}")
        if arm.slug in rows:
            raise UserError(f"arm {arm.slug!r} is in the table twice: give one of them another slug")
        rows[arm.slug] = arm
    return tuple(replace(arm, changes=_of_both(arm, rows)) if arm.of else arm for arm in rows.values())


def _of_both(pair: Arm, rows: Mapping[str, Arm]) -> dict[str, Any]:
    """The changes of the two arms that a row is made of."""
    said = f"arm {pair.slug!r} of {' and '.join(map(repr, pair.of))}"
    if len(set(pair.of)) != 2 or OURS in pair.of:
        raise UserError(f"{said}: name two different arms other than {OURS}")
    if pair.changes:
        raise UserError(f"{said}: leave its own changes empty, it has those of both")
    parts = [rows.get(slug) for slug in pair.of]
    single = [part for part in parts if part is not None and not part.of and part.seed_shift == pair.seed_shift]
    if len(single) != 2:
        raise UserError(f"{said}: both must be rows of the tables, no pairs themselves, with the same seed shift")
    first, second = (dict(part.changes) for part in single)
    clash = [name for name in first.keys() & second.keys() if first[name] != second[name]]
    if clash:
        raise UserError(f"{said}: they change {', '.join(sorted(clash))} to different values")
    return first | second


def check_arms(arms: Sequence[Arm], base: Config, seeds: int) -> None:
    """Refuses rows that cannot be compared on `base` with so many seeds.

    Raises:
        UserError: a change of an unknown setting, of one that all arms share or to a value that does not fit it; two
            rows that are the same run; seeds of different arms that overlap.
    """
    if seeds > SEEDS_APART:
        raise UserError(f"{seeds} seeds an arm: at most {SEEDS_APART}")
    made: dict[tuple[Config, int], str] = {}
    for arm in arms:
        if not 0 <= arm.seed_shift <= MOST_SHIFT:
            raise UserError(f"arm {arm.slug!r}: seed_shift {arm.seed_shift} is not in 0 to {MOST_SHIFT}")
        shared = [name for name in arm.changes if any(f"{name}.".startswith(f"{fixed}.") for fixed in SHARED)]
        if shared:
            raise UserError(f"arm {arm.slug!r}: all arms share {', '.join(shared)}; start a study of its own for it")
        try:
            config = arm_config(base, replace(arm, seed_shift=0), base.seed)
        except UserError as error:
            raise UserError(f"arm {arm.slug!r}: {error}") from error
        same = made.setdefault((config, arm.seed_shift), arm.slug)
        if same != arm.slug:
            raise UserError(f"arm {arm.slug!r} is the same run as {same!r}: change something else")
    for one, other in combinations(sorted({arm.seed_shift for arm in arms}), 2):
        if other - one < SEEDS_APART:
            raise UserError(f"seed shifts {one} and {other} overlap: keep {SEEDS_APART} between two")


def arm_config(base: Config, arm: Arm, seed: int) -> Config:
    """What a run of an arm is configured as: `base`, the arm's changes, and its training seed, nothing else."""
    return with_overrides(base, {**arm.changes, "seed": seed + arm.seed_shift})


def describe_arm(arm: Arm) -> dict[str, Any]:
    """A row as the record's settings have it; what is not there is as in `Arm`."""
    facts: dict[str, Any] = {"arm": arm.slug, "title": arm.title, "paper": arm.paper, "changes": dict(arm.changes)}
    return facts | ({"seed_shift": arm.seed_shift} if arm.seed_shift else {}) | ({"of": list(arm.of)} if arm.of else {})
