"""`run_search.py`: a hyperparameter search of AMC-GAN from the command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from amc.command import Parser, run
from amc.data.chosen import choose
from amc.errors import UserError
from amc.training.finished import JUDGE
from amc.training.finished import classifier as motion_classifier
from analysis.records import Records, StudyRow
from tuning import options
from tuning.pruners import PRUNERS, pruner
from tuning.samplers import SAMPLERS, sampler
from tuning.search_space import search_space
from tuning.sources import Confirming, Sampled, Source
from tuning.study import Ending, Study, checked_name, run_study, sigterm_as_interrupt
from tuning.summary import confirmed, table
from tuning.tracking_store import ui_command


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code of `run_search.py`: 0, 2 (wrong use), 3 (no successful trial) or 130 (interrupted)."""
    parser = _parser()

    def search() -> int:
        args = parser.parse_args(argv)
        study = prepared_study(args)
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
    if args.seed < 0:
        raise UserError(f"--seed {args.seed}: give 0 or more")
    for name, known in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
        if getattr(args, name) not in known:
            raise UserError(f"unknown {name} {getattr(args, name)!r}: choose {', '.join(known)}")
    if args.study is not None:
        checked_name(args.study)
    if args.out.exists() and not args.out.is_dir():
        raise UserError(f"--out {args.out} is no folder")
    preset = options.preset_of(args)
    wanted, devices = options.checked_resources(args)
    tracking, record = options.checked_tracking(args.tracking_uri), options.checked_record(args.record)
    prepared = choose(args.dataset, args.data, preset)
    space = search_space(prepared.config, args.space)
    chosen = sampler(args.sampler, space, args.seed)
    base = space.base
    print(prepared.source.announcement, file=sys.stderr)
    classifier = motion_classifier(prepared.config, prepared.data, JUDGE)
    defaults = options.DEFAULTS[preset]
    trials = defaults.trials if args.trials is None else args.trials
    seeds = defaults.confirm_seeds if args.confirm_seeds is None else args.confirm_seeds
    searching = Sampled(space, chosen, trials, args.seed)
    sources: list[Source] = [searching, Confirming(searching, seeds, args.seed)]
    row = StudyRow(
        name=args.study or options.default_study(base, "search"),
        uid="",
        kind="search",
        preset=preset,
        seed=args.seed,
        dataset=options.described(prepared, classifier),
        config=base.to_dict(),
        space=space.to_dict(),
        settings={
            "trials": trials,
            "confirm_seeds": seeds,
            "sampler": args.sampler,
            "pruner": args.pruner,
            "workers": wanted.workers,
            "cpus_per_trial": wanted.cpus,
            "gpus_per_trial": wanted.gpus,
        },
        versions=options.versions(),
        created=0.0,
    )
    return Study(
        row=row,
        sources=sources,
        pruner=pruner(args.pruner, base.training.steps, max(defaults.first_rung, base.training.evaluate_every)),
        runs=args.out,
        resources=wanted,
        devices=devices,
        record=record,
        tracking=tracking,
        settings={"data": str(prepared.source.path.absolute()), "classifier_seed": JUDGE},
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
