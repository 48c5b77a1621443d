"""`run_all.py`: every arm of Table 4 with several seeds, on the study engine, to a table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ablations.arms import Arm, chosen, configured
from amc.command import NO_SUCCESS, Parser, run
from amc.config import Config, from_dict
from amc.data.chosen import choose
from amc.errors import UserError
from amc.evaluation.judges import place
from amc.training.finished import JUDGE
from amc.training.finished import classifier as motion_classifier
from analysis.ablation_table import ablation_table, markdown, write_tables
from analysis.records import Records, StudyRow
from analysis.snapshot import looked_at
from analysis.states import TRIAL
from tuning import options
from tuning.planning.dry_run import show_forecast
from tuning.pruners import pruner
from tuning.sources import MOST_SEED, SEEDS, Listed, Proposal, best, of_role
from tuning.study import Study, checked_name, run_study, sigterm_as_interrupt
from tuning.tracking.store import ui_command

SEEDS_DEFAULT = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code of `run_all.py`: 0, 2 (wrong use), 3 (no successful run) or 130 (interrupted)."""
    parser = _parser()

    def ablate() -> int:
        args = parser.parse_args(argv)
        study = prepared_study(args)
        if args.dry_run:
            return show_forecast(study, as_json=args.json)
        ending = run_study(study)
        with Records(study.record or study.folder / "record.db") as records:
            content = ablation_table(records, study.row.name)
        write_tables(content, study.folder / "tables", "table4")
        out = sys.stderr if args.json else sys.stdout
        print(markdown(content), file=out)
        if ending.code == NO_SUCCESS:
            print("error: no run succeeded; the reasons are in DIR/STUDY/logs", file=sys.stderr)
        print(f"tables: {study.folder / 'tables'}", file=out)
        print(f"look at all studies: {ui_command(study.target)}", file=out, flush=True)
        if args.json:
            print(json.dumps(content, indent=2))
        return ending.code

    with sigterm_as_interrupt():
        return run(ablate)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="run_all.py", description="Run the ablation arms of Table 4; the same command goes on.")
    options.add_options(parser)
    ablation = parser.add_argument_group("ablation")
    ablation.add_argument("--table", default="4", choices=("4",), help="of the paper (4)")
    ablation.add_argument("--arms", metavar="SLUGS", help="such as no_ya,no_ym (all); Ours always runs")
    ablation.add_argument("--seeds", type=int, default=SEEDS_DEFAULT, metavar="N", help=f"an arm ({SEEDS_DEFAULT})")
    ablation.add_argument("--from-study", metavar="NAME", help="begin from the best configuration of a search in --out")
    return parser


def prepared_study(args: argparse.Namespace) -> Study:
    """The study that the arguments ask for, its data and classifier ready.

    Raises:
        UserError: what is wrong.
    """
    if args.seeds < 1:
        raise UserError(f"--seeds {args.seeds}: give 1 or more")
    if not 0 <= args.seed <= MOST_SEED:
        raise UserError(f"--seed {args.seed}: give 0 or more, at most {MOST_SEED}")
    arms = chosen(args.arms)
    if args.study is not None:
        checked_name(args.study)
    if args.out.exists() and not args.out.is_dir():
        raise UserError(f"--out {args.out} is no folder")
    if args.dataset is None and args.data is None:
        args.dataset = "natops"
    until = options.checked_end(args)
    preset = options.preset_of(args)
    wanted, devices = options.checked_resources(args)
    tracking, record = options.checked_tracking(args.tracking_uri), options.checked_record(args.record)
    found = best_of(args.out, record, args.from_study) if args.from_study else None
    prepared = choose(args.dataset, args.data, preset, args.split_rule)
    base = prepared.config if found is None else _checked(found, prepared.config, args.from_study)
    print(prepared.source.announcement, file=sys.stderr)
    classifier = motion_classifier(prepared.config, prepared.data, JUDGE)
    wanted = options.fitted_resources(args, wanted, devices, base, prepared)
    row = StudyRow(
        name=args.study or options.default_study(base, "table4"),
        uid="",
        kind="table4",
        preset=preset,
        seed=args.seed,
        dataset=options.described(prepared, classifier),
        config=base.to_dict(),
        space={},
        settings={
            "seeds": args.seeds,
            "arms": [_described(arm) for arm in arms],
            "from_study": args.from_study,
            **options.resource_settings(wanted),
        },
        versions=options.versions(),
        created=0.0,
    )
    return Study(
        row=row,
        sources=[Listed(listed(base, arms, args.seeds, args.seed))],
        pruner=pruner("none", base.training.steps, base.training.evaluate_every),
        runs=args.out,
        resources=wanted,
        devices=devices,
        record=record,
        tracking=tracking,
        joined=args.address is not None,
        files=("data",),
        cached=[place(classifier.key)],
        until=until,
        settings={
            "data": str(prepared.source.path.absolute()),
            "classifier_seed": JUDGE,
            "score_test": True,
        },
    )


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


def best_of(runs: Path, record: str | None, study: str) -> Config:
    """The configuration of a search's best trial, from the record that was named or the search's own.

    Raises:
        UserError: no such study, or no complete trial in it.
    """
    path = runs / study / "record.db"
    for address in (path,) if record is None else (record, path):
        with looked_at(address) as records:
            if records is None or all(row.name != study for row in records.studies()):
                continue
            found = best(of_role(records.trials(study), TRIAL))
            if found is None:
                raise UserError(f"--from-study {study!r}: it has no complete trial yet")
            return from_dict(found.config)
    raise UserError(f"--from-study {study!r}: there is no {path}; give the name of a search in --out")


def _checked(found: Config, mine: Config, study: str) -> Config:
    """The found configuration on this study's data and preset."""
    if (found.model, found.dataset, found.split) != (mine.model, mine.dataset, mine.split):
        raise UserError(
            f"--from-study {study!r} searched {found.dataset.name} at preset {found.preset}, "
            f"split by {found.split.rule}: ask for the same"
        )
    return replace(found, switches=mine.switches)


def _described(arm: Arm) -> dict[str, object]:
    facts = asdict(arm)
    return {"arm": facts["slug"], "title": facts["title"], "paper": facts["paper"], "changes": dict(arm.changes)}
