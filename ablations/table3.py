"""`run_all.py --table 3`: methods by data sets by seeds, each method tuned first if that is asked for.

Each data set has a study of its own, DIR/<study>-<data set>, whose arms are the methods. Each search has one, too,
DIR/<study>-<data set>-<method>-search. The table of all data sets and its report are written to DIR/<study>.

`--table keypoints` is the same study, whose runs are also scored by keypoints alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

from ablations.comparison import Comparison, check_comparison, comparison_study
from ablations.merge_arms import study_on_record
from ablations.methods import Compared, Tuned, check_search, method_config, method_entries, select_methods
from ablations.metric_checkpoints import NONE, MetricCheckpoints, load_checkpoints
from ablations.results import REPORT, TABLES
from ablations.study import with_record
from amc.cli.command import NO_SUCCESS, Parser
from amc.cli.preset import chosen_preset
from amc.config import DATASETS, Switches, configure
from amc.errors import UserError
from amc.evaluation.keypoints.judge import EXTRACTORS
from amc.evaluation.keypoints.regressor import NAME as REGRESSOR
from amc.stop_signals import INTERRUPTED
from amc.training.macs import training_step_macs
from analysis.record.members import write_members
from analysis.record.race import winner
from analysis.record.reading import RecordReader
from analysis.record.states import COMPLETE, OURS
from analysis.scores.load_study import load_study
from analysis.scores.study_scores import TABLE_3
from analysis.tables.keypoints import NAME as KEYPOINTS
from analysis.tables.keypoints import keypoints_table
from analysis.tables.layout.cells import plural
from analysis.tables.layout.formats import markdown
from analysis.tables.table3 import methods_content, methods_text
from analysis.tables.write_tables import write_methods_table
from tuning.cli import search
from tuning.engine.study import DONE, Ending, Study, checked_name, run_study
from tuning.planning.dry_run import dry_run, forecast_text
from tuning.preparation import checks
from tuning.preparation.defaults import default_study
from tuning.preparation.preparation import Preparation, prepare
from tuning.tracking.store import ui_command

DEFAULT = {"3": "natops,mug", KEYPOINTS: "mug"}  # data sets; the paper has keypoint accuracies of MUG alone


@dataclass(frozen=True)
class Part:
    """The comparison on one data set.

    Attributes:
        args: the options of the command, for this data set and study.
        study: name of the study.
    """

    args: argparse.Namespace
    study: str


class Stopped(Exception):
    """The command ends before all studies have: one was interrupted or failed, or the time is used up."""

    def __init__(self, code: int) -> None:
        self.code = code


def run(args: argparse.Namespace) -> int:
    """Runs what is left of the searches and of the comparison on every data set, and writes the results.

    Returns:
        0 on success, 3 if no run succeeded, 130 if interrupted.

    Raises:
        UserError: An argument or the data cannot be used. Nothing of a study has been created then.
    """
    methods = select_methods(args.arms)
    if args.table == KEYPOINTS and args.extractor == str(NONE):
        raise UserError(f"--table {KEYPOINTS} needs an extractor: give --extractor one of {', '.join(EXTRACTORS)}")
    load_checkpoints(args.lpips, args.fvd, args.extractor)  # unusable ones are reported before a stand-in is made
    if args.from_study is not None:
        raise UserError("--from-study starts Table 4 from a search: give --tune N to tune every method of Table 3")
    until = checks.deadline(args)
    args.preset = chosen_preset(args.preset)
    parts = _check(args, _parts(args), methods)
    names = "-".join(part.args.dataset or "data" for part in parts)
    joint = parts[0].study if len(parts) == 1 else checked_name(args.study or f"{names}-{args.preset}-{TABLE_3}")
    if len(parts) > 1 and (args.out / joint / "record.db").exists():
        raise UserError(f"--study {joint!r} is the name of a study in {args.out}: give another one for the whole table")
    if args.dry_run:
        return _forecast(args, parts, methods)
    ended: list[tuple[Study, Ending]] = []
    try:
        searched = parts if args.tune else []
        tuned = {part.study: {each.slug: _tuned(part, each, until) for each in methods} for part in searched}
        for part in parts:
            study = _comparison(part, methods, tuned.get(part.study, {}), until)
            ended.append((study, run_study(study)))
            _go_on(ended[-1][1], until)
    except Stopped as stop:
        _show_unfinished(args, ended, len(parts))
        return stop.code
    return _show(args, joint, ended)


def _parts(args: argparse.Namespace) -> list[Part]:
    """The data sets, each with its own options."""
    checks.check_study(args)
    names = [name.strip() for name in (args.dataset or DEFAULT[args.table]).split(",") if name.strip()]
    if not names:
        raise UserError(f"--dataset {args.dataset!r} names no data set: choose from {', '.join(DATASETS)}")
    if args.data is not None:
        if args.dataset is not None and len(names) > 1:
            raise UserError("--data FILE.h5 has one data set: give --dataset with one name, or leave it out")
        names = names[:1] if args.dataset is not None else [""]
    if len(set(names)) < len(names):
        raise UserError(f"--dataset {args.dataset} names a data set twice")
    parts = []
    for name in names:
        mine = argparse.Namespace(**{**vars(args), "dataset": name or None})
        study = args.study if len(names) == 1 else args.study and f"{args.study}-{name}"
        parts.append(Part(mine, study or ""))
    return parts


def _check(args: argparse.Namespace, parts: Sequence[Part], methods: Sequence[Compared]) -> list[Part]:
    """The parts with the names of their studies, checked before anything of a study is created.

    Raises:
        UserError: Data cannot be read, a method or its search does not fit them, runs cannot be scored on them, only
            some of the data are procedural, or a study on record was run otherwise.
    """
    for part in parts:  # before a stand-in is made, which may take long
        name = part.args.dataset
        if part.args.data is None and name not in DATASETS:
            raise UserError(f"unknown data set {name!r}: choose one of {', '.join(DATASETS)}, or give --data FILE.h5")
        for each in methods:
            method_config(configure(name if name in DATASETS else "natops", args.preset), each.name)
    checked, origins = [], {}
    for part in parts:
        prepared = prepare(part.args)
        config = prepared.config
        for each in methods:
            own = method_config(config, each.name)
            if args.tune:
                check_search(own)
        origins[config.dataset.name] = prepared.chosen.source.origin
        checked.append(replace(part, study=checked_name(part.study or default_study(config, TABLE_3))))
        _check_tuning(args, checked[-1].study)
        check_comparison(*_with_record(prepared, checked[-1].study))
    if len({origin == "procedural" for origin in origins.values()}) > 1:
        listed = ", ".join(f"{name} has origin={origin}" for name, origin in origins.items())
        raise UserError(f"a table cannot mix recorded and procedural clips ({listed}): give one --dataset at a time")
    return checked


def _check_tuning(args: argparse.Namespace, study: str) -> None:
    known = study_on_record(args.record or args.out / study / "record.db", study)
    if known is not None and known.settings.get("tune") != args.tune:
        before = known.settings.get("tune")
        was, give = (f"tuned with {before} trials", f"--tune {before}") if before else ("not tuned", "no --tune")
        raise UserError(f"the methods of study {study!r} were {was}: give {give} to resume it, or another --study")


def _forecast(args: argparse.Namespace, parts: Sequence[Part], methods: Sequence[Compared]) -> int:
    documents = []
    for part in parts:
        if args.tune:
            documents += [dry_run(_search(part, each, None)) for each in methods]
        documents.append(dry_run(_comparison(part, methods, {}, None)))
    text = "\n".join(map(forecast_text, documents))
    print(json.dumps({"studies": documents}, indent=2) if args.json else text, flush=True)
    return DONE


def _tuned(part: Part, compared: Compared, until: float | None) -> Tuned:
    """Runs what is left of a method's search; returns what it found."""
    study = _search(part, compared, until)
    ending = run_study(study)
    with RecordReader(study.record_address) as records:
        trials = records.trials(study.row.name)
    _go_on(ending, until)
    chosen = winner(trials, study.row.space)
    if chosen is None:
        print(
            f"error: no trial of {study.row.name} succeeded; see the logs in {study.folder / 'logs'}", file=sys.stderr
        )
        raise Stopped(NO_SUCCESS)
    return Tuned(
        chosen.params,
        {
            "trial": chosen.key,
            "is_base": chosen.number == 0,  # the sampler begins with the base configuration
            "validation_accuracy": chosen.value,
            "failed": sum(trial.state != COMPLETE for trial in trials),
        },
    )


def _search(part: Part, compared: Compared, until: float | None) -> Study:
    """The search of a method: all options that it shares with the command, defaults for the others."""
    parser = Parser()
    search.add_arguments(parser)
    shared = vars(_with_budget(part.args, until))
    own = {
        "method": compared.name,
        "study": f"{part.study}-{compared.method.name}-search",
        "trials": part.args.tune,
        "confirm_seeds": 0,
        # Methods differ in when their clips first show a motion, so stopping trials early would favour some.
        "pruner": "none",
        "folds": None,  # each trial is judged on the validation clips of the first split
    }
    args = argparse.Namespace(**{**vars(parser.parse_args([])), **shared, **own})
    # The comparison is with the whole of AMC-GAN, so a search must not turn a part of it off.
    whole = compared.slug == OURS
    return search.prepare_study(args, fixed=_switches() if whole else {})


def _switches() -> dict[str, bool]:
    return {f"switches.{name}": value for name, value in asdict(Switches()).items()}


def _with_record(prepared: Preparation, study: str) -> tuple[Preparation, MetricCheckpoints]:
    """The split of the first fold, and what runs are scored by: as asked for, and as the study on record was."""
    args = prepared.args
    asked = load_checkpoints(args.lpips, args.fvd, args.extractor)
    prepared, _, checkpoints = with_record(prepared, study, asked)
    if args.table == KEYPOINTS and checkpoints.extractor is None:
        checkpoints = replace(checkpoints, extractor=REGRESSOR)
    return prepared, checkpoints


def _comparison(part: Part, methods: Sequence[Compared], tuned: Mapping[str, Tuned], until: float | None) -> Study:
    args = _with_budget(part.args, until)
    prepared, checkpoints = _with_record(prepare(args), part.study)
    entries = method_entries(prepared.config, methods, tuned)
    comparison = Comparison(
        kind=TABLE_3,
        entries=entries,
        largest=max((entry.config for entry in entries), key=training_step_macs),
        settings={"tune": args.tune} if args.tune else {},
        last_seen=True,
        new_seeds=bool(args.tune),
    )
    return comparison_study(prepared, part.study, comparison, checkpoints)


def _with_budget(args: argparse.Namespace, until: float | None) -> argparse.Namespace:
    """The options with what is left of the time budget."""
    if until is None:
        return args
    return argparse.Namespace(**{**vars(args), "time_budget": f"{max(0.01, until - time.monotonic()):.2f}s"})


def _go_on(ending: Ending, until: float | None) -> None:
    """Ends the command after a study that was interrupted, or for which there was not enough time."""
    if ending.code == INTERRUPTED:
        raise Stopped(INTERRUPTED)
    if ending.unfinished:
        raise Stopped(DONE)


def _show_unfinished(args: argparse.Namespace, ended: Sequence[tuple[Study, Ending]], data_sets: int) -> None:
    """Prints the table of the data sets whose comparison has started, as far as it is on record."""
    if ended:
        _show(args, None, ended)
    elif args.json:
        print(json.dumps({"rows": []}))
    if len(ended) < data_sets:
        started = f"{len(ended)} of {plural(data_sets, 'data set')}"
        print(f"unfinished: the comparison has started on {started}", file=sys.stderr)


def _show(args: argparse.Namespace, joint: str | None, ended: Sequence[tuple[Study, Ending]]) -> int:
    """Prints the table and where the results are.

    Args:
        joint: the study of the whole table, for which table and report of several data sets are written; None if the
            table is unfinished.
    """
    out = sys.stderr if args.json else sys.stdout
    with ExitStack() as stack:
        found = [(stack.enter_context(RecordReader(study.record_address)), study.row.name) for study, _ in ended]
        scores = [load_study(records, name) for records, name in found]
        content = methods_content(scores, joint)
        if joint is not None and len(ended) > 1:
            folder = args.out / joint
            write_methods_table(scores, folder / TABLES, joint)
            from analysis.report.joint_page import write_joint_report  # matplotlib takes seconds to import

            write_joint_report(found, args.out, folder, joint)
            write_members(folder, [name for _, name in found])
    shown: dict[str, Any] = content
    texts = [methods_text(content)]
    if args.table == KEYPOINTS:
        tables = [keypoints_table(each) for each in scores]
        texts = [table.text for table in tables]
        shown = dict(tables[0].content) if len(tables) == 1 else {"tables": [table.content for table in tables]}
    print("\n".join(map(markdown, texts)), file=out)
    whole = [] if joint is None else [args.out.absolute() / joint]
    for folder in dict.fromkeys([*whole, *(study.folder for study, _ in ended)]):
        for name in (TABLES, REPORT):
            if (folder / name).exists():
                print(f"{name.partition('.')[0]}: {folder / name}", file=out)
    failed = [study.folder / "logs" for study, ending in ended if ending.code == NO_SUCCESS]
    for folder in failed:
        print(f"error: no run succeeded; see the logs in {folder}", file=sys.stderr)
    print(f"to open MLflow: {ui_command(ended[0][0].target)}", file=out, flush=True)
    if args.json:
        print(json.dumps(shown, indent=2))
    return NO_SUCCESS if failed else DONE
