"""Preparation of an ablation study: every arm with every seed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from ablations.arms import Arm, arm_config, check_arms, describe_arm, select_arms
from ablations.comparison import Comparison, Entry, comparison_study, proposals
from ablations.merge_arms import study_on_record
from ablations.metric_checkpoints import NONE, MetricCheckpoints, load_checkpoints, with_recorded
from ablations.starting_point import starting_point
from amc.config import Config
from amc.methods import load_config
from analysis.record.rows import StudyRow
from tuning.engine.sources import Proposal, with_fold
from tuning.engine.study import Study
from tuning.preparation.defaults import default_study
from tuning.preparation.folds import check_folds
from tuning.preparation.preparation import Preparation, prepare

KIND = "table4"


def prepare_study(args: argparse.Namespace) -> Study:
    """The study that the arguments describe, with its data read and its judges trained.

    Raises:
        UserError: An argument or the data cannot be used. Nothing of the study has been created then.
    """
    arms = select_arms(args.arms)
    checkpoints = load_checkpoints(args.lpips, args.fvd, args.extractor)
    if args.dataset is None and args.data is None:
        args.dataset = "natops"
    prepared = prepare(args)
    name = args.study or default_study(prepared.config, KIND)
    prepared, known, checkpoints = with_record(prepared, name, checkpoints)
    found = (
        starting_point(args.out, prepared.record, args.from_study, prepared.config, known) if args.from_study else None
    )
    if found is not None:
        prepared = prepared.with_base(found.config)
    check_arms(arms, prepared.config, args.seeds)
    comparison = Comparison(
        kind=KIND,
        entries=arm_entries(prepared.config, arms),
        largest=prepared.config,
        settings={"from_study": args.from_study, **({} if found is None else found.settings())},
    )
    return comparison_study(prepared, name, comparison, checkpoints)


def with_record(
    prepared: Preparation, name: str, checkpoints: MetricCheckpoints
) -> tuple[Preparation, StudyRow | None, MetricCheckpoints]:
    """What the study on record adds: the first fold's split, the study itself, and the checkpoints that it measured by.

    Raises:
        UserError: The study on record has another number of folds, or its record cannot be read.
    """
    args, folds = prepared.args, prepared.args.folds or 0
    known = study_on_record(prepared.record_address(name), name)
    if known is not None:
        dropped = [option for option in ("lpips", "fvd", "extractor") if str(getattr(args, option)) == str(NONE)]
        checkpoints = with_recorded(checkpoints, dropped, known.settings)
        check_folds(name, load_config(known.config).split.folds, folds)
    return prepared.with_base(with_fold(prepared.config, folds, 0)), known, checkpoints


def arm_entries(base: Config, arms: Sequence[Arm]) -> list[Entry]:
    """The arms as entries of a comparison."""
    return [
        Entry(
            slug=arm.slug,
            config=arm_config(base, replace(arm, seed_shift=0), base.seed),
            changes=arm.changes,
            facts=describe_arm(arm),
            seed_shift=arm.seed_shift,
        )
        for arm in arms
    ]


def arm_proposals(base: Config, arms: Sequence[Arm], seeds: int, seed: int) -> tuple[Proposal, ...]:
    """Every arm with every seed; see `ablations.comparison.proposals`."""
    return proposals(arm_entries(base, arms), seeds, seed)
