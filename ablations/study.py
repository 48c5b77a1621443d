"""Preparation of an ablation study: every arm with every seed, its data read and its judges trained."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from ablations.arms import Arm, arm_config, check_arms, describe_arm, select_arms
from ablations.merge_arms import merge_arms, study_on_record
from ablations.metric_checkpoints import NONE, MetricCheckpoints, load_checkpoints, with_recorded
from ablations.results import note_results, write_results
from ablations.scoring import Scoring
from ablations.starting_point import StartingPoint, starting_point
from amc.config import Config
from amc.evaluation.judges.judge_cache import cache_files
from amc.evaluation.judges.motion_classifier import TrainedClassifier
from amc.evaluation.judges.standard import JUDGE
from amc.evaluation.judges.standard import classifier as motion_classifier
from amc.evaluation.scores.test_judges import cached_judges, has_subjects
from amc.methods import load_config
from analysis.record.rows import StudyRow
from analysis.record.states import TRIAL
from analysis.record.writing import RecordWriter
from tuning.engine.sources import SEEDS, ListedTrials, Proposal, with_fold
from tuning.engine.study import Study
from tuning.preparation import test_judges
from tuning.preparation.defaults import default_study
from tuning.preparation.folds import SplitData, check_folds, judge_plan, splits_of_runs
from tuning.preparation.preparation import Preparation, build_study, prepare, study_row
from tuning.search.pruners import create_pruner

KIND = "table4"


def prepare_study(args: argparse.Namespace) -> Study:
    """The study that the arguments describe, with its data read and its judges trained.

    Raises:
        UserError: An argument or the data cannot be used. Nothing of the study has been created then.
    """
    arms = select_arms(args.arms)
    checkpoints = load_checkpoints(args.lpips, args.fvd)
    if args.dataset is None and args.data is None:
        args.dataset = "natops"
    prepared = prepare(args)
    name = args.study or default_study(prepared.config, KIND)
    known = study_on_record(prepared.record_address(name), name)
    if known is not None:
        dropped = [option for option in ("lpips", "fvd") if getattr(args, option) == NONE]
        checkpoints = with_recorded(checkpoints, dropped, known.settings)
    folds = args.folds or 0
    if known is not None:
        check_folds(name, load_config(known.config).split.folds, folds)
    prepared = prepared.with_base(with_fold(prepared.config, folds, 0))
    found = (
        starting_point(args.out, prepared.record, args.from_study, prepared.config, known) if args.from_study else None
    )
    if found is not None:
        prepared = prepared.with_base(found.config)
    check_arms(arms, prepared.config, args.seeds)
    checkpoints.check(prepared.config)
    splits = splits_of_runs(prepared.config, prepared.chosen.data, folds, args.seeds)
    prepared.announce()
    judge = motion_classifier(prepared.config, prepared.chosen.data, JUDGE)
    prepared = prepared.packed(prepared.config)
    row = _row(prepared, judge, name, arms, found, checkpoints)
    study = _study(prepared, row, arms, judge, checkpoints)
    # A dry run scores nothing, so it needs no other judge.
    if args.dry_run:
        return replace(study, judges=judge_plan(splits, judge) if folds else None)
    return _with_scoring(study, splits, checkpoints)


def _row(
    prepared: Preparation,
    judge: TrainedClassifier,
    name: str,
    arms: Sequence[Arm],
    found: StartingPoint | None,
    checkpoints: MetricCheckpoints,
) -> StudyRow:
    return study_row(
        prepared,
        judge,
        name=name,
        kind=KIND,
        settings={
            "seeds": prepared.args.seeds,
            "arms": [describe_arm(arm) for arm in arms],
            "from_study": prepared.args.from_study,
            **({} if found is None else found.settings()),
            "class_names": list(prepared.chosen.data.clips.info.class_names),
            **checkpoints.paths,
            **({"digests": checkpoints.digests} if checkpoints.digests else {}),
        },
    )


def _study(
    prepared: Preparation,
    row: StudyRow,
    arms: Sequence[Arm],
    judge: TrainedClassifier,
    checkpoints: MetricCheckpoints,
) -> Study:
    base, args = prepared.config, prepared.args
    return build_study(
        prepared,
        row,
        [ListedTrials(arm_proposals(base, arms, args.seeds, args.seed))],
        create_pruner("none", base.training.steps, base.training.evaluate_every),
        settings=replace(prepared.settings, score_test=True).with_files(checkpoints.paths),
        cached=cache_files(judge),
        merge_settings=merge_arms,
    )


def _with_scoring(study: Study, splits: Sequence[SplitData], checkpoints: MetricCheckpoints) -> Study:
    """The study with the judges that score its runs, and with hooks that score earlier runs and write the results."""
    if not has_subjects(splits[0].data):
        print(
            "identity kept is not measured: it needs at least two training subjects with two videos each",
            file=sys.stderr,
        )
    scorings = [_scoring(study, split, checkpoints) for split in splits]

    def scoring(record: RecordWriter, folder: Path) -> None:
        for each in scorings:
            each(record, folder)

    def results(records: RecordWriter, folder: Path) -> None:
        write_results(records, study.row.name, folder)
        note_results(records, study.row.name)

    found = [each.judges for each in scorings]
    motion = [each.motion for each in found]
    real = {"validation": fmean(m.validation_accuracy for m in motion), "test": fmean(m.test_accuracy for m in motion)}
    return replace(
        study,
        row=replace(study.row, dataset={**study.row.dataset, "real_accuracy": real}),
        cached=cache_files(*motion, *(each.second for each in found), *(each.identity for each in found)),
        before_trials=scoring,
        make_results=results,
    )


def _scoring(study: Study, split: SplitData, checkpoints: MetricCheckpoints) -> Scoring:
    """Scores the runs of one test split. Its judges are trained now, with progress, unless they are cached."""
    config, data = split.config, split.data
    motion_classifier(config, data, JUDGE)
    test_judges.train(config, data)
    judges = cached_judges(config, data, lpips=checkpoints.paths.get("lpips"), fvd=checkpoints.paths.get("fvd"))
    return Scoring(study.row.name, config, data, judges, study.until)


def arm_proposals(base: Config, arms: Sequence[Arm], seeds: int, seed: int) -> tuple[Proposal, ...]:
    """Every arm with every seed. Seeds are paired: the arms of one seed see the same clips and noise.

    If `base` has folds, the runs with seed number r are tested on fold r modulo their number.

    All arms of a seed come before the next seed, so that an unfinished study already compares the arms.

    Args:
        seeds: number of seeds per arm.
        seed: of the study.
    """
    rows = [(number, arm) for number in range(seeds) for arm in arms]
    return tuple(
        Proposal(
            key=f"{arm.slug}-seed-{number}",
            role=TRIAL,
            number=place,
            config=with_fold(arm_config(base, arm, seed * SEEDS + number), base.split.folds, number),
            params={"arm": arm.slug, **arm.changes},
        )
        for place, (number, arm) in enumerate(rows)
    )
