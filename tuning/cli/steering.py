"""`python -m tuning {stop-trial,add-trials,pause,resume,priority,space}`: steers a study that another process runs.

The command is written to the record, where the study's driver takes it (`tuning.engine.steering`). So it works from any
host that reaches the record, and whoever is killed, the command is not lost.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from amc.argument_types import integer
from amc.errors import UserError
from analysis.record.reading import RecordReader
from analysis.record.rows import CommandRow
from analysis.record.states import REFUSED
from analysis.record.writing import RecordWriter
from tuning.cli.study_options import add_study_options, record_address, running
from tuning.engine import steering

PATIENCE = 20.0  # seconds to wait for the driver
_PAUSE = 0.2  # seconds between reads of the record


@dataclass(frozen=True)
class StudyCommand:
    """A command as it is typed.

    Attributes:
        kind: of the command on record.
        about: for --help.
        add_arguments: adds its own arguments.
        read: their values for the record, as JSON values, in the order in which they are shown.
    """

    kind: str
    about: str
    add_arguments: Callable[[argparse.ArgumentParser], object] = lambda parser: None
    read: Callable[[argparse.Namespace], dict[str, Any]] = lambda args: {}


def _add_trial(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trial", metavar="TRIAL", help="key of the trial, such as trial-0003")


def _add_count(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("count", type=integer(1), metavar="N", help="number of trials to add")


class _Change(argparse.Action):
    """Collects the changes of a space in the order in which they are given, as words of a command line."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        namespace.changes = [*(namespace.changes or []), str(option), str(values)]


def _add_changes(parser: argparse.ArgumentParser) -> None:
    for option, form, text in (
        ("--freeze", "NAME=VALUE", "propose only this value of a parameter from now on"),
        ("--unfreeze", "NAME", "search a frozen parameter again"),
        ("--range", "NAME=LOW:HIGH", "search a number in this range from now on"),
    ):
        parser.add_argument(option, action=_Change, dest="changes", metavar=form, help=f"{text}; may be repeated")


def _changes(args: argparse.Namespace) -> dict[str, Any]:
    if not args.changes:
        raise UserError("give at least one of --freeze NAME=VALUE, --unfreeze NAME and --range NAME=LOW:HIGH")
    return {"changes": shlex.join(args.changes)}


STUDY_COMMANDS = (
    StudyCommand(
        steering.STOP_TRIAL,
        "end a trial of a running study as PRUNED",
        _add_trial,
        lambda args: {"trial": args.trial},
    ),
    StudyCommand(
        steering.ADD_TRIALS,
        "add trials to a running search, beyond its --trials",
        _add_count,
        lambda args: {"count": args.count},
    ),
    StudyCommand(steering.PAUSE, "let the trials of a running study save a checkpoint and wait for resume"),
    StudyCommand(steering.RESUME, "continue a study that was paused"),
    StudyCommand(
        steering.PRIORITY,
        "run a waiting trial of a running study next",
        _add_trial,
        lambda args: {"trial": args.trial},
    ),
    StudyCommand(steering.SPACE, "freeze parameters or change ranges of a running search", _add_changes, _changes),
)


def add_steering_commands(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the sub-commands."""
    for command in STUDY_COMMANDS:
        action = actions.add_parser(command.kind, help=command.about, description=f"{_sentence(command.about)}.")
        add_study_options(action)
        command.add_arguments(action)
        action.set_defaults(run=lambda args, command=command: steer(args, command.kind, command.read(args)))


def steer(args: argparse.Namespace, kind: str, arguments: Mapping[str, Any]) -> int:
    """Writes a command to the record of a running study, waits for its outcome and prints it.

    Raises:
        UserError: the study is not running, which writes nothing, or its driver refused the command.
    """
    address, study = record_address(args), args.study
    with RecordReader(address) as records:
        records.study(study)
        if not running(records, study, args.out):
            raise UserError(
                f"study {study!r} is not running, so the command cannot be carried out: start the study first"
            )
        if not records.has_commands():
            raise UserError(
                f"study {study!r} is run by an earlier version of this program, which takes no commands: "
                "interrupt it and rerun its command with this version"
            )
    with RecordWriter(address) as record:
        command = steering.add_command(record, study, kind, arguments)
        command = _wait(record, command, args)
    if args.json:
        print(json.dumps(asdict(command), indent=2))
    elif command.taken is None:
        print(
            f"command {command.id} is pending: the process that runs the study has not carried it out yet. It, or the "
            f"next process that resumes the study, will do so. To check: python -m tuning status {study}"
        )
    elif command.outcome != REFUSED:
        print(f"command {command.id}: {command.message}")
    if command.outcome == REFUSED:
        raise UserError(f"command {command.id} ({command.text}) was refused: {command.message}")
    return 0


def _wait(records: RecordReader, command: CommandRow, args: argparse.Namespace) -> CommandRow:
    """The command when the driver has taken it, or as it is when there is no driver or no more patience."""
    deadline = time.monotonic() + PATIENCE
    next_check = time.monotonic() + 2.0  # seconds; the lock is checked less often than the record
    while True:
        command = next(each for each in records.commands(command.study) if each.uid == command.uid)
        now = time.monotonic()
        if command.taken is not None or now > deadline:
            return command
        if now > next_check:
            if not running(records, command.study, args.out):
                return command
            next_check = now + 2.0
        time.sleep(_PAUSE)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
