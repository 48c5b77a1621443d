"""`run_search.py`: a hyperparameter search from the command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from amc.argument_types import integer
from amc.cli.command import NO_SUCCESS, Parser, run_parsed
from amc.cli.method_option import add_method_option
from amc.errors import UserError
from amc.evaluation.judges.identity import IdentityClassifier
from amc.evaluation.judges.judge_cache import cache_files
from amc.evaluation.judges.motion_classifier import TrainedClassifier
from amc.evaluation.judges.standard import JUDGE, identity_classifier
from amc.evaluation.judges.standard import classifier as motion_classifier
from amc.methods import load_config
from analysis.record.reading import RecordReader, open_if_present
from analysis.record.rows import ImportedRow, StudyRow
from analysis.record.states import CONFIRM, TRIAL
from analysis.tables.layout.cells import plural
from tuning.cli import options
from tuning.engine.interruption import sigterm_as_interrupt
from tuning.engine.sources import RaceOfFinalists, SampledTrials, untried
from tuning.engine.steering import Steering
from tuning.engine.study import Ending, Study, run_study
from tuning.engine.summary import confirmed, table
from tuning.planning.dry_run import show_forecast
from tuning.planning.parallel_trials import largest_config
from tuning.preparation import test_judges
from tuning.preparation.defaults import DEFAULTS, PRUNER, SAMPLER, default_study
from tuning.preparation.folds import SplitData, check_folds, judge_plan, splits_of_runs
from tuning.preparation.preparation import Preparation, build_study, prepare, study_row
from tuning.search.constraints import parse_constraint
from tuning.search.default_space import search_space
from tuning.search.goal import Goal
from tuning.search.objectives import OBJECTIVES, parse_objectives
from tuning.search.pruners import PRUNERS, create_pruner
from tuning.search.samplers import SAMPLERS, create_sampler
from tuning.search.space import Space
from tuning.search.tried_points import read_points
from tuning.search.warm_start import find_imported, imported_history
from tuning.tracking.store import ui_command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `run_search.py` and returns its exit code.

    Returns:
        0 on success, 2 after wrong arguments or data, 3 if no trial succeeded, 130 if interrupted.
    """
    return run_parsed(_parser(), argv)


def _parser() -> Parser:
    parser = Parser(
        prog="python tuning/run_search.py",
        description="Search the hyperparameters of AMC-GAN or another method. Rerun the same command to resume.",
    )
    add_arguments(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Runs the search, or its forecast, and returns the exit code."""
    with sigterm_as_interrupt():
        study = prepare_study(args)
        if args.dry_run:
            return show_forecast(study, as_json=args.json)
        ending = run_study(study)
        show(study, ending, as_json=args.json)
        return ending.code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a search."""
    options.add_options(parser)
    search = parser.add_argument_group("search")
    search.add_argument(
        "--trials",
        type=integer(1),
        metavar="N",
        help=f"total number of trials; raise it to add more (default: {_by_preset('trials')})",
    )
    search.add_argument(
        "--confirm-seeds",
        type=integer(0),
        metavar="N",
        help="maximum number of runs per finalist, each with a new seed, in the race after the search "
        f"(default: {_by_preset('confirm_seeds')})",
    )
    search.add_argument(
        "--finalists",
        type=integer(1),
        metavar="N",
        help="number of the most promising configurations, which are compared on new seeds after the search; "
        f"the winner is returned (default: {_by_preset('finalists')})",
    )
    add_method_option(search)
    search.add_argument("--space", type=Path, metavar="FILE", help="TOML or JSON file that changes the search space")
    search.add_argument(
        "--try",
        dest="tried",
        type=Path,
        metavar="FILE",
        help="TOML or JSON file of points to run first; they count as trials",
    )
    search.add_argument(
        "--allow-space-change",
        action="store_true",
        help="resume the study although its space, base configuration, objectives or constraints have changed",
    )
    search.add_argument(
        "--objectives",
        default="accuracy",
        metavar="NAMES",
        help=f"comma-separated objectives to maximize, from {', '.join(OBJECTIVES)}; "
        "the best trial is chosen by the first (default: accuracy)",
    )
    search.add_argument(
        "--constraint",
        action="append",
        default=[],
        metavar="EXPR",
        help="bound on a reported metric, such as 'seconds_per_step <= 0.5'; trials that violate it rank last; "
        "may be repeated",
    )
    search.add_argument("--warm-start", metavar="STUDY", help="learn from the finished trials of another study")
    search.add_argument(
        "--sampler", metavar="NAME", help=f"{', '.join(SAMPLERS)} (default: {SAMPLER}, or that of the resumed study)"
    )
    search.add_argument(
        "--pruner", metavar="NAME", help=f"{', '.join(PRUNERS)} (default: {PRUNER}, or that of the resumed study)"
    )
    parser.set_defaults(run=run)


def _by_preset(name: str) -> str:
    """A default of each preset, for --help."""
    return ", ".join(f"{getattr(row, name)} for {preset}" for preset, row in DEFAULTS.items())


def prepare_study(args: argparse.Namespace, fixed: Mapping[str, Any] | None = None) -> Study:
    """The study that the arguments describe, with its data read and its classifiers trained.

    Args:
        fixed: settings of all trials, by dotted name, which are not searched.

    Raises:
        UserError: An argument or the data cannot be used. Nothing of the study has been created then.
    """
    _check(args)
    goal = Goal(parse_objectives(args.objectives), tuple(parse_constraint(text) for text in args.constraint))
    prepared = prepare(args, args.method)
    space = search_space(prepared.config, args.space, fixed)
    if args.split_rule not in (None, space.base.split.rule):
        raise UserError(
            f"--split-rule {args.split_rule}: the space {args.space} fixes {space.base.split.rule}; remove one of them"
        )
    prepared = prepared.with_base(space.base)  # a space file may fix how clips are cut and split
    name = args.study or default_study(prepared.config, "search")
    _choose_defaults(args, prepared, name)
    sampling = create_sampler(args.sampler, space, args.seed)
    tried = _tried_points(args, prepared, space, name)
    imported = find_imported(args.warm_start, name, args.out, prepared.record, goal, args.method)
    prepared.announce()
    identity = _identity(prepared, goal)
    judge = motion_classifier(prepared.config, prepared.chosen.data, JUDGE)
    trials, finalists, seeds = _counts(args, prepared.preset)
    # Only confirming runs are scored on the test split, and a dry run scores nothing.
    folds = args.folds or 0
    _check_confirming(prepared, name, folds)
    splits = splits_of_runs(prepared.config, prepared.chosen.data, folds, seeds) if seeds else []
    also = [] if args.dry_run else [judge for split in splits for judge in _fold_judges(split)]
    prepared = prepared.packed(largest_config(space.base, space.parameters))
    row = _row(prepared, judge, identity, name, space, goal, imported, tried)
    sampled = SampledTrials(space, sampling, trials, args.seed, imported_history(imported, row, space, goal), tried)
    base = space.base.training
    return build_study(
        prepared,
        row,
        [sampled, RaceOfFinalists(sampled, finalists, seeds, args.seed, row.space, folds)],
        create_pruner(args.pruner, base.steps, max(DEFAULTS[prepared.preset].first_rung, base.evaluate_every), space),
        settings=replace(prepared.settings, objectives=tuple(goal.measured_objectives)),
        cached=cache_files(judge, identity, *also),
        imported=imported,
        allow_changes=args.allow_space_change,
        merge_settings=_merge_settings,
        judges=judge_plan(splits, judge) if folds and splits else None,
    )


def _check_confirming(prepared: Preparation, study: str, folds: int) -> None:
    """Checks --folds against the confirming runs on record.

    Raises:
        UserError: They have other test splits.
    """
    with open_if_present(prepared.record_address(study)) as records:
        for run in () if records is None else records.trials(study, CONFIRM):
            check_folds(study, load_config(run.config).split.folds, folds)


def _tried_points(args: argparse.Namespace, prepared: Preparation, space: Space, study: str) -> list[dict[str, Any]]:
    """The points of --try.

    Raises:
        UserError: The file or a point is invalid, or the study has too few trials for the points that are left to run.
    """
    if args.tried is None:
        return []
    points = read_points(args.tried, space)
    with open_if_present(prepared.record_address(study)) as records:
        trials = [] if records is None else records.trials(study, TRIAL)
        added = 0 if records is None else Steering.from_commands(records.commands(study)).added
    left, count = len(untried(points, trials)), _counts(args, prepared.preset)[0] + added
    if len(trials) + left > count and left:
        raise UserError(
            f"--try {args.tried} has {plural(left, 'point')} to run, and a total of {plural(count, 'trial')} leaves "
            f"room for {max(0, count - len(trials))}: give --trials {len(trials) + left - added} or more"
        )
    return points


def _fold_judges(split: SplitData) -> list[TrainedClassifier | IdentityClassifier]:
    """The judges of confirming runs that have this test split."""
    return [motion_classifier(split.config, split.data, JUDGE), *test_judges.train(split.config, split.data)]


def _check(args: argparse.Namespace) -> None:
    """Checks the options that only a search has.

    Raises:
        UserError: A sampler or pruner is unknown.
    """
    for name, known in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
        if getattr(args, name) not in (None, *known):
            raise UserError(f"unknown {name} {getattr(args, name)!r}: choose {', '.join(known)}")


def _choose_defaults(args: argparse.Namespace, prepared: Preparation, study: str) -> None:
    """Sets options that are not given to those of the study on record, else to the defaults.

    A study from before the race has one finalist: a study that was finished then does not go on.
    """
    with open_if_present(prepared.record_address(study)) as records:
        row = None if records is None else records.find_study(study)
    known = {"sampler": SAMPLER, "pruner": PRUNER} | ({} if row is None else dict(row.settings))
    for name in ("sampler", "pruner"):
        setattr(args, name, getattr(args, name) or known[name])
    if row is not None and args.finalists is None:
        args.finalists = int(row.settings.get("finalists", 1))
    if row is not None and args.confirm_seeds is None:
        args.confirm_seeds = row.settings.get("confirm_seeds")


def _counts(args: argparse.Namespace, preset: str) -> tuple[int, int, int]:
    """Numbers of trials, of finalists, and of runs of each finalist: as given, else the preset's defaults."""
    defaults = DEFAULTS[preset]
    given = ((getattr(args, name), getattr(defaults, name)) for name in ("trials", "finalists", "confirm_seeds"))
    trials, finalists, seeds = (default if number is None else number for number, default in given)
    return trials, finalists, seeds


def _merge_settings(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings asked for, with the points that earlier commands tried: tables mark their trials."""
    points = list(wanted.get("tried", ()))
    points = [*(point for point in known.get("tried", ()) if point not in points), *points]
    return {**wanted, **({"tried": points} if points else {})}


def _identity(prepared: Preparation, goal: Goal) -> IdentityClassifier | None:
    """The subject classifier, if the objective `appearance` is measured with it."""
    if "appearance" not in goal.measured_objectives:
        return None
    return identity_classifier(prepared.config, prepared.chosen.data)


def _row(
    prepared: Preparation,
    judge: TrainedClassifier,
    identity: IdentityClassifier | None,
    name: str,
    space: Space,
    goal: Goal,
    imported: Sequence[ImportedRow],
    tried: Sequence[Mapping[str, Any]],
) -> StudyRow:
    trials, finalists, seeds = _counts(prepared.args, prepared.preset)
    return study_row(
        prepared,
        judge,
        name=name,
        kind="search",
        dataset={"identity": identity.about()} if identity else {},
        settings={
            "trials": trials,
            "finalists": finalists,
            "confirm_seeds": seeds,
            **({"confirm_folds": prepared.args.folds} if prepared.args.folds else {}),
            "sampler": prepared.args.sampler,
            "pruner": prepared.args.pruner,
            "warm_start": sorted({found.source for found in imported}),
            **({"tried": list(tried)} if tried else {}),
        },
        space=space.to_dict(),
        goal=goal.to_dict(),
    )


def show(study: Study, ending: Ending, *, as_json: bool) -> None:
    """Prints the result: a table, or the summary as JSON with everything else on standard error."""
    out = sys.stderr if as_json else sys.stdout
    with RecordReader(study.record_address) as records:
        print(table(records, study.row.name), file=out)
        line = confirmed(records, study.row.name)
    if line:
        print(line, file=out)
    if ending.code == NO_SUCCESS:
        print(
            f"error: no trial succeeded; see the table above and the logs in {study.folder / 'logs'}", file=sys.stderr
        )
    print(f"summary: {study.folder / 'summary.json'}", file=out)
    print(f"to open MLflow: {ui_command(study.target)}", file=out, flush=True)
    if as_json:
        print(json.dumps(ending.summary, indent=2))
