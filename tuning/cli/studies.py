"""`python -m tuning`: lists studies; shows, watches, exports, steers or deletes one."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amc.cli.command import Parser, run_parsed
from amc.errors import UserError
from analysis.record.connection.address import without_password
from analysis.record.connection.lock import study_lock
from analysis.record.race import winner
from analysis.record.reading import RecordReader
from analysis.record.rows import StudyRow
from analysis.record.states import STATES, TRIAL
from analysis.record.writing import RecordWriter
from tuning.cli import export
from tuning.cli.steering import add_steering_commands
from tuning.cli.study_options import add_study_options, record_address, running
from tuning.cli.watch import add_watch
from tuning.engine.folder_owner import check_owner
from tuning.engine.sources import of_role
from tuning.engine.steering import command_line
from tuning.engine.summary import confirmed, summary, table
from tuning.tracking.model_registry import delete_versions
from tuning.tracking.store import answering, artifact_folder, default_store, open_store, sqlite_file
from tuning.tracking.study_runs import find_runs

COMMANDS = 10  # the last ones that `status` shows; `summary.json` has all of them


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `python -m tuning` and returns its exit code: 0, or 2 after wrong arguments."""
    parser = Parser(prog="python -m tuning", description="List, show, watch, steer, export and delete studies.")
    add_arguments(parser)
    return run_parsed(parser, argv)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the sub-commands."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, act, text in (
        ("list", _list, "list all studies with their states"),
        ("status", _status, "show the trials and the status of a study"),
        ("export", _export, "write a study as an Optuna study, CSV or Parquet"),
        ("delete", _delete, "delete the record, files and MLflow runs of a study"),
    ):
        action = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        add_study_options(action, study=name != "list")
        if name == "export":
            export.add_options(action)
        action.set_defaults(run=act)
    add_watch(actions)
    add_steering_commands(actions)


def _list(args: argparse.Namespace) -> int:
    rows = []
    for address in [args.record] if args.record else sorted(args.out.glob("*/record.db")):
        try:
            with RecordReader(address) as records:
                rows += [_row(records, study, args.out) for study in records.studies()]
        except UserError as error:
            if args.record:
                raise
            print(f"skipped: {error}", file=sys.stderr)
    if args.json:
        print(json.dumps(rows, indent=2))
    elif not rows:
        print(f"no studies in {without_password(args.record) if args.record else args.out}")
    else:
        print("\n".join(map(_line, rows)))
    return 0


def _status(args: argparse.Namespace) -> int:
    with RecordReader(record_address(args)) as records:
        if args.json:
            print(json.dumps(summary(records, args.study), indent=2))
            return 0
        print(table(records, args.study))
        now, line = running(records, args.study, args.out), confirmed(records, args.study)
        if line:
            print(line)
        for command in records.commands(args.study)[-COMMANDS:]:
            print(command_line(command))
    print("status: running" if now else "status: not running")
    return 0


def _export(args: argparse.Namespace) -> int:
    return export.run(args, record_address(args))


def _delete(args: argparse.Namespace) -> int:
    address, folder = record_address(args), args.out / args.study
    with RecordReader(address) as records:
        records.study(args.study)
    check_owner(folder, args.study, address)
    with study_lock(folder / ".lock", args.study):
        with RecordWriter(address) as record, record.lock_study(args.study):
            targets = _forget_runs(record, args.study, args.out)
            record.delete_study(args.study)
        for place in (folder, artifact_folder(args.out.absolute(), args.study)):
            shutil.rmtree(place, ignore_errors=True)
    removed: dict[str, Any] = {"study": args.study, "folder": str(folder), "mlflow_runs": targets}
    print(json.dumps(removed, indent=2) if args.json else f"deleted {args.study} ({folder}, {targets} MLflow runs)")
    return 0


def _forget_runs(record: RecordWriter, study: str, runs: Path) -> int:
    """Removes the study's registered model and marks its runs as deleted (`mlflow gc` frees their space).

    Raises:
        UserError: MLflow does not respond; nothing of the study has been deleted here then.
    """
    row, count = record.study(study), 0
    for target in dict.fromkeys([*record.mlflow_targets(study), default_store(runs)]):
        database = sqlite_file(target)
        if database is not None and not database.is_file():
            continue  # the store was moved, or deleted with its runs
        client = open_store(target, runs)
        with answering(target):
            delete_versions(client, row)
            experiment = client.get_experiment_by_name(study)
            for run in find_runs(client, experiment.experiment_id, row.uid) if experiment else ():
                client.delete_run(run.run_id)
                count += 1
    return count


def _row(records: RecordReader, study: StudyRow, out: Path) -> dict[str, Any]:
    trials = records.trials(study.name)
    chosen, counts = winner(trials, study.space), Counter(trial.state for trial in of_role(trials, TRIAL))
    return {
        "study": study.name,
        "kind": study.kind,
        "dataset": study.dataset.get("name"),
        "origin": study.dataset.get("origin"),
        "preset": study.preset,
        "states": {state: counts[state] for state in STATES},
        "best": None if chosen is None else chosen.value,
        "running": running(records, study.name, out),
    }


def _line(row: dict[str, Any]) -> str:
    states = ", ".join(f"{count} {state}" for state, count in row["states"].items() if count)
    parts = [f"{row['dataset']} ({row['origin']}), {row['preset']}", states or "no trials"]
    if row["best"] is not None:
        parts.append(f"best {100 * row['best']:.1f}%")
    if row["running"]:
        parts.append("running")
    return f"{row['study']}: {'; '.join(parts)}"
