"""`run_search.py`: a hyperparameter search of AMC-GAN from the command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from amc.cli.command import Parser, run
from amc.cli.data_options import choose
from amc.data.prepared import prepare
from amc.errors import UserError
from amc.evaluation.judges import judge_cache as judges
from amc.evaluation.judges.standard import JUDGE, identity_classifier
from amc.evaluation.judges.standard import classifier as motion_classifier
from analysis.record.reading import Records, StudyRow
from tuning.cli import options
from tuning.cli import test_judges as judging
from tuning.engine.sources import ConfirmingRuns, SampledTrials, TrialSource
from tuning.engine.study import Ending, Study, run_study, sigterm_as_interrupt
from tuning.engine.summary import confirmed, table
from tuning.planning.dry_run import show_forecast
from tuning.planning.fitting import largest
from tuning.search.constraints import parse_constraint
from tuning.search.default_space import search_space
from tuning.search.goal import Goal
from tuning.search.objectives import OBJECTIVES, parse_objectives
from tuning.search.pruners import PRUNERS, create_pruner
from tuning.search.samplers import SAMPLERS, create_sampler
from tuning.search.warm_start import find_imported, imported_history
from tuning.tracking.store import ui_command


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code of `run_search.py`: 0, 2 (wrong use), 3 (no successful trial) or 130 (interrupted)."""
    parser = _parser()

    def search() -> int:
        args = parser.parse_args(argv)
        study = prepared_study(args)
        if args.dry_run:
            return show_forecast(study, as_json=args.json)
        ending = run_study(study)
        show(study, ending, as_json=args.json)
        return ending.code

    with sigterm_as_interrupt():
        return run(search)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="run_search.py", description="Search AMC-GAN's hyperparameters; the same command goes on.")
    options.add_options(parser)
    search = parser.add_argument_group("search")
    search.add_argument("--trials", type=int, metavar="N", help="how many in all; more than before adds (by preset)")
    search.add_argument("--confirm-seeds", type=int, metavar="N", help="runs of the best with fresh seeds (by preset)")
    search.add_argument("--space", type=Path, metavar="FILE", help="TOML or JSON that narrows or extends the space")
    search.add_argument(
        "--allow-space-change",
        action="store_true",
        help="go on with another space, base configuration, objectives or constraints than the study began with",
    )
    search.add_argument(
        "--objectives",
        default="accuracy",
        metavar="NAMES",
        help=f"what to maximise, the first decides the best: {','.join(OBJECTIVES)} (accuracy)",
    )
    search.add_argument(
        "--constraint",
        action="append",
        default=[],
        metavar="EXPR",
        help="METRIC OPERATOR NUMBER, such as 'seconds_per_step <= 0.5'; may be repeated",
    )
    search.add_argument("--warm-start", metavar="STUDY", help="learn from the ended trials of another study")
    search.add_argument("--sampler", default="tpe", help=f"{', '.join(SAMPLERS)} (tpe)")
    search.add_argument("--pruner", default="halving", help=f"{', '.join(PRUNERS)} (halving)")
    return parser


def prepared_study(args: argparse.Namespace) -> Study:
    """The study that the arguments ask for, its data and classifier ready.

    Whatever can be wrong is found here, the cheap things first, before anything of the study is created.

    Raises:
        UserError: what is wrong.
    """
    if args.trials is not None and args.trials < 1:
        raise UserError(f"--trials {args.trials}: give 1 or more")
    if args.confirm_seeds is not None and args.confirm_seeds < 0:
        raise UserError(f"--confirm-seeds {args.confirm_seeds}: give 0 or more")
    options.check_study(args)
    for name, known in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
        if getattr(args, name) not in known:
            raise UserError(f"unknown {name} {getattr(args, name)!r}: choose {', '.join(known)}")
    until = options.checked_end(args)
    goal = Goal(parse_objectives(args.objectives), tuple(parse_constraint(text) for text in args.constraint))
    preset = options.preset_of(args)
    wanted, devices = options.checked_resources(args)
    tracking, record = options.checked_tracking(args.tracking_uri), options.checked_record(args.record)
    prepared = choose(args.dataset, args.data, preset, args.split_rule)
    space = search_space(prepared.config, args.space)
    chosen = create_sampler(args.sampler, space, args.seed)
    base = space.base
    if args.split_rule not in (None, base.split.rule):
        raise UserError(
            f"--split-rule {args.split_rule}: the space {args.space} fixes {base.split.rule}; drop one of them"
        )
    if base != prepared.config:  # what a space file fixes may change the clips, their split and so their judge
        prepared = replace(prepared, config=base, data=prepare(base, prepared.source.path))
    name = args.study or options.default_study(base, "search")
    imported = find_imported(args.warm_start, name, args.out, record, goal)
    print(prepared.source.announcement, file=sys.stderr)
    identity = identity_classifier(prepared.config, prepared.data) if "appearance" in goal.measured_objectives else None
    classifier = motion_classifier(prepared.config, prepared.data, JUDGE)
    defaults = options.DEFAULTS[preset]
    trials = defaults.trials if args.trials is None else args.trials
    seeds = defaults.confirm_seeds if args.confirm_seeds is None else args.confirm_seeds
    # Confirming runs are scored on the test split, by more judges than trials are selected by; a forecast needs none.
    also = judging.others(prepared.config, prepared.data) if seeds and not args.dry_run else []
    wanted = options.fitted_resources(args, wanted, devices, largest(base, space.parameters), prepared)
    row = StudyRow(
        name=name,
        uid="",
        kind="search",
        preset=preset,
        seed=args.seed,
        dataset=options.described(prepared, classifier) | ({"identity": identity.about()} if identity else {}),
        config=base.to_dict(),
        space=space.to_dict(),
        settings={
            "trials": trials,
            "confirm_seeds": seeds,
            "sampler": args.sampler,
            "pruner": args.pruner,
            "warm_start": sorted({found.source for found in imported}),
            **options.resource_settings(wanted),
        },
        versions=options.versions(),
        created=0.0,
        goal=goal.to_dict(),
    )
    searching = SampledTrials(space, chosen, trials, args.seed, imported_history(imported, row, space, goal))
    sources: list[TrialSource] = [searching, ConfirmingRuns(searching, seeds, args.seed)]
    return Study(
        row=row,
        sources=sources,
        pruner=create_pruner(args.pruner, base.training.steps, max(defaults.first_rung, base.training.evaluate_every)),
        runs=args.out,
        resources=wanted,
        devices=devices,
        record=record,
        tracking=tracking,
        joined=args.address is not None,
        files=("data",),
        cached=judges.files(classifier, identity, *also),
        until=until,
        imported=imported,
        allow_changes=args.allow_space_change,
        settings={
            "data": str(prepared.source.path.absolute()),
            "classifier_seed": JUDGE,
            "objectives": goal.measured_objectives,
        },
    )


def show(study: Study, ending: Ending, *, as_json: bool) -> None:
    """Prints what was found: a table for people, or the summary as JSON with the rest on standard error."""
    out = sys.stderr if as_json else sys.stdout
    with Records(study.record or study.folder / "record.db") as records:
        print(table(records, study.row.name), file=out)
        line = confirmed(records, study.row.name)
    if line:
        print(line, file=out)
    if ending.code == 3:
        print("error: no trial succeeded; the reasons are in the table and in DIR/STUDY/logs", file=sys.stderr)
    print(f"summary: {study.folder / 'summary.json'}", file=out)
    print(f"look at all studies: {ui_command(study.target)}", file=out, flush=True)
    if as_json:
        print(json.dumps(ending.summary, indent=2))
