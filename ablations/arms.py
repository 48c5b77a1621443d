"""The arms of an ablation study as a table of data: those of Table 4, and more that run if named with --arms.

To add an arm, add a row to `MORE`:

    Arm("no_smoothing", "No label smoothing", {"readings.smoothing_start": 0.0}),

`changes` are settings of `amc.config.Config` by dotted name. For the interaction of two arms, name both; the row then
has the changes of both, and the study's tables show how much the effect exceeds the sum of the two:

    Arm("no_dm_no_lrank", "No Dm, no Lrank", of=("no_dm", "no_lrank")),

Then run `run_all.py --arms all,no_smoothing,no_dm_no_lrank`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from amc.config import Config, with_overrides
from amc.errors import UserError
from analysis.record.states import OURS


@dataclass(frozen=True)
class Arm:
    """One row of an ablation table.

    Attributes:
        slug: name on the command line and in files.
        title: name in tables, as in the paper.
        changes: settings that differ from Ours, by dotted name; empty in a row with `of`.
        paper: accuracy on NATOPS that the paper reports, in percent; None if the paper has no such row.
        seed_shift: added to the training seeds. With 0, they are the same as those of the other arms.
        of: the two arms whose interaction it shows; empty for other arms.
    """

    slug: str
    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    paper: float | None = None
    seed_shift: int = 0
    of: tuple[str, str] | tuple[()] = ()


def _off(*switches: str) -> dict[str, Any]:
    return {f"switches.{name}": False for name in switches}


ALL = "all"  # on the command line: the arms of Table 4
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
# Arms that are not in the paper. They run only if --arms names them.
MORE: tuple[Arm, ...] = (
    # Ours with other seeds: if a study calls it different from Ours, its other differences cannot be trusted either.
    Arm("ours_again", "Ours, other seeds", seed_shift=10_000),
    Arm("gram_channel", "Channel Gram", {"readings.gram": "channel"}),  # R1
    Arm("no_da_no_dm", "No Da, no Dm", of=("no_da", "no_dm")),  # does one compensate for the other?
    Arm("no_da_no_lrank", "No Da, no Lrank", of=("no_da", "no_lrank")),  # is ranking by Dm enough without Da?
    Arm("no_ya_no_lgaux", "No ya, no LGaux", of=("no_ya", "no_lgaux")),  # what makes an invented person move?
    Arm("no_ldaux_no_lgaux", "No LDaux, no LGaux", of=("no_ldaux", "no_lgaux")),
)

SEEDS_APART = 1_000  # smallest distance between the seeds of two arms, and the most seeds per arm
MOST_SHIFT = 400_000  # training seeds from 500,000 on are those of confirming runs
# Settings of the clips and judges, and of AMC-GAN's parts that all methods' data depend on: the same in a comparison.
CLIPS_AND_JUDGES = (
    "seed",
    "preset",
    "dataset",
    "split",
    "model.size",
    "model.frames",
    "model.classifier_width",
    "model.discarded_frames",
    "readings.heatmap_variance",
    "readings.long_clips",
    "readings.test_velocity",
    "readings.velocity_quantile",
)
# Settings that no arm may change: all train on the same clips, to the same budget, and are scored in the same way.
SHARED = (*CLIPS_AND_JUDGES, "training.steps", "training.batch", "training.evaluate_every")
SLUG = re.compile(r"[a-z0-9][a-z0-9_]{0,39}")


def select_arms(slugs: str | None, table: Sequence[Arm] = TABLE_4, more: Sequence[Arm] = MORE) -> tuple[Arm, ...]:
    """The arms that --arms selects, in the order of the tables, with the changes of pairs filled in.

    Ours is always included, and so are the two arms of an interaction.

    Args:
        slugs: comma-separated; `all` and None mean all of `table`.

    Raises:
        UserError: An arm is unknown, or a row of the tables is invalid.
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
    """The rows, with the changes of both arms filled in for interactions.

    Raises:
        UserError: A slug is used twice or cannot be a file name, or two arms cannot be combined.
    """
    rows: dict[str, Arm] = {}
    for arm in arms:
        if not SLUG.fullmatch(arm.slug) or arm.slug == ALL:
            raise UserError(
                f"arm {arm.slug!r}: use lower-case letters, digits and '_', at most 40 characters, and not {ALL!r}"
            )
        if arm.slug in rows:
            raise UserError(f"arm {arm.slug!r} is in the table twice: rename one")
        rows[arm.slug] = arm
    return tuple(replace(arm, changes=_of_both(arm, rows)) if arm.of else arm for arm in rows.values())


def _of_both(pair: Arm, rows: Mapping[str, Arm]) -> dict[str, Any]:
    """The changes of both arms of an interaction."""
    said = f"arm {pair.slug!r} of {' and '.join(map(repr, pair.of))}"
    if len(set(pair.of)) != 2 or OURS in pair.of:
        raise UserError(f"{said}: name two different arms other than {OURS}")
    if pair.changes:
        raise UserError(f"{said}: leave its own changes empty; it has those of both")
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
    """Checks that the arms can be compared, given the base configuration and the number of seeds.

    Raises:
        UserError: An arm changes an unknown setting, one that all arms share, or gives it an invalid value; two arms
            are the same run; the seeds of two arms overlap.
    """
    if seeds > SEEDS_APART:
        raise UserError(f"--seeds {seeds}: give at most {SEEDS_APART}")
    made: dict[tuple[Config, int], str] = {}
    for arm in arms:
        if not 0 <= arm.seed_shift <= MOST_SHIFT:
            raise UserError(f"arm {arm.slug!r}: seed_shift {arm.seed_shift} is not in 0 to {MOST_SHIFT}")
        shared = [name for name in arm.changes if any(f"{name}.".startswith(f"{fixed}.") for fixed in SHARED)]
        if shared:
            raise UserError(f"arm {arm.slug!r}: all arms share {', '.join(shared)}; to change it, start another study")
        try:
            config = arm_config(base, replace(arm, seed_shift=0), base.seed)
        except UserError as error:
            raise UserError(f"arm {arm.slug!r}: {error}") from error
        same = made.setdefault((config, arm.seed_shift), arm.slug)
        if same != arm.slug:
            raise UserError(f"arm {arm.slug!r} is the same run as {same!r}: remove one of them")
    for one, other in combinations(sorted({arm.seed_shift for arm in arms}), 2):
        if other - one < SEEDS_APART:
            raise UserError(f"seed shifts {one} and {other} overlap: they must differ by at least {SEEDS_APART}")


def arm_config(base: Config, arm: Arm, seed: int) -> Config:
    """The configuration of a run: the base, the arm's changes and the training seed, nothing else."""
    return with_overrides(base, {**arm.changes, "seed": seed + arm.seed_shift})


def describe_arm(arm: Arm) -> dict[str, Any]:
    """The arm as the record has it; fields that are missing have the defaults of `Arm`."""
    facts: dict[str, Any] = {"arm": arm.slug, "title": arm.title, "paper": arm.paper, "changes": dict(arm.changes)}
    return facts | ({"seed_shift": arm.seed_shift} if arm.seed_shift else {}) | ({"of": list(arm.of)} if arm.of else {})
