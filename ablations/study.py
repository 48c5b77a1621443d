"""The study of an ablation: every arm with every seed, its data and judges ready."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ablations.arms import Arm, check, chosen, configured, described
from ablations.merge_arms import joined, study_on_record
from ablations.results import write_results
from ablations.scoring import Scoring
from ablations.starting import start
from ablations.test_judges import NONE, Options, checked_options, prepared_judges, with_recorded
from amc.cli.data_options import Chosen, choose
from amc.config import Config
from amc.data.prepared import prepare
from amc.errors import UserError
from amc.evaluation.judges.judge_cache import files
from amc.evaluation.judges.standard import JUDGE
from amc.evaluation.judges.standard import classifier as motion_classifier
from analysis.record.reading import Records, StudyRow
from analysis.record.states import TRIAL
from tuning.cli import options
from tuning.engine.sources import SEEDS, ListedTrials, Proposal
from tuning.engine.study import Study
from tuning.search.pruners import create_pruner

KIND = "table4"


def prepared_study(args: argparse.Namespace) -> Study:
    """The study that the arguments ask for, its data and judges ready.

    Raises:
        UserError: what is wrong.
    """
    if args.seeds < 1:
        raise UserError(f"--seeds {args.seeds}: give 1 or more")
    options.check_study(args)
    arms = chosen(args.arms)
    asked = checked_options(args.lpips, args.fvd)
    if args.dataset is None and args.data is None:
        args.dataset = "natops"
    until = options.checked_end(args)
    preset = options.preset_of(args)
    wanted, devices = options.checked_resources(args)
    tracking, record = options.checked_tracking(args.tracking_uri), options.checked_record(args.record)
    prepared = choose(args.dataset, args.data, preset, args.split_rule)
    name = args.study or options.default_study(prepared.config, KIND)
    known = study_on_record(record or args.out / name / "record.db", name)
    if known is not None:
        dropped = [option for option in ("lpips", "fvd") if getattr(args, option) == NONE]
        asked = with_recorded(asked, dropped, known.settings)
    began = start(args.out, record, args.from_study, prepared.config, known) if args.from_study else None
    if began is not None:  # it may scale velocities its own way
        prepared = replace(prepared, config=began.config, data=prepare(began.config, prepared.source.path))
    base = prepared.config
    check(arms, base, args.seeds)
    asked.check(base)
    print(prepared.source.announcement, file=sys.stderr)
    classifier = motion_classifier(prepared.config, prepared.data, JUDGE)
    wanted = options.fitted_resources(args, wanted, devices, base, prepared)
    row = StudyRow(
        name=name,
        uid="",
        kind=KIND,
        preset=preset,
        seed=args.seed,
        dataset=options.described(prepared, classifier),
        config=base.to_dict(),
        space={},
        settings={
            "seeds": args.seeds,
            "arms": [described(arm) for arm in arms],
            "from_study": args.from_study,
            **({} if began is None else began.settings()),
            "class_names": list(prepared.data.clips.info.class_names),
            **asked.named,
            **({"digests": asked.digests} if asked.digests else {}),
            **options.resource_settings(wanted),
        },
        versions=options.versions(),
        created=0.0,
    )
    study = Study(
        row=row,
        sources=[ListedTrials(listed(base, arms, args.seeds, args.seed))],
        pruner=create_pruner("none", base.training.steps, base.training.evaluate_every),
        runs=args.out,
        resources=wanted,
        devices=devices,
        record=record,
        tracking=tracking,
        joined=args.address is not None,
        files=("data", *asked.named),
        join=joined,
        cached=files(classifier),
        until=until,
        settings={
            "data": str(prepared.source.path.absolute()),
            "classifier_seed": JUDGE,
            "score_test": True,
            **asked.named,
        },
    )
    # A forecast needs no judge but the one that trials report by, and scores nothing.
    return study if args.dry_run else _judged(study, prepared, asked)


def _judged(study: Study, prepared: Chosen, asked: Options) -> Study:
    """The study with all that judges its runs at their end: what workers find in the cache, and the study's hooks."""
    judges = prepared_judges(prepared.config, prepared.data, asked)
    found = files(judges.motion, judges.second, judges.identity)
    scoring = Scoring(study.row.name, prepared.config, prepared.data, judges, study.until)

    def results(records: Records, folder: Path) -> None:
        write_results(records, study.row.name, folder)

    return replace(study, cached=found, before=scoring, results=results)


def listed(base: Config, arms: Sequence[Arm], seeds: int, seed: int) -> tuple[Proposal, ...]:
    """Every arm with every seed. Seeds are paired: one training seed gives all arms the same clips and noise.

    All arms of a seed come before the next seed, so that a study half done compares arms all the same.
    """
    rows = [(number, arm) for number in range(seeds) for arm in arms]
    return tuple(
        Proposal(
            key=f"{arm.slug}-seed-{number}",
            role=TRIAL,
            number=place,
            config=configured(base, arm, seed * SEEDS + number),
            params={"arm": arm.slug, **arm.changes},
        )
        for place, (number, arm) in enumerate(rows)
    )
