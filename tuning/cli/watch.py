"""`python -m tuning watch STUDY`: shows a study while another process runs it, on this host or another one.

It reads the record and writes nothing. On a terminal it is a live view; elsewhere it prints a line per change.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live

from amc.errors import UserError
from analysis.record.reading import RecordReader
from analysis.record.states import ENDED, WAITING
from tuning.cli.study_options import add_study_options, record_address
from tuning.cli.watch_view import StudyView, printable
from tuning.cli.watched_study import WatchedStudy
from tuning.engine.progress import end_line
from tuning.engine.steering import command_line

SECONDS = 2.0  # between reads of the record
PATIENCE = 120.0  # seconds for which a record that does not respond is asked again


def add_watch(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the sub-command."""
    text = "show a running study live; print one line per change if the output is not a terminal"
    action = actions.add_parser("watch", help=text, description=f"{text[0].upper()}{text[1:]}.")
    add_study_options(action, json=False)
    action.set_defaults(run=watch)


def watch(args: argparse.Namespace) -> int:
    """Shows a study until it is not running any more."""
    console = Console()
    with RecordReader(record_address(args)) as records:
        snapshots = _snapshots(records, args)
        live = sys.stdout.isatty() and not console.is_dumb_terminal
        last = _on_terminal(snapshots, console) if live else _as_lines(snapshots)
    if live:
        console.print(StudyView(last), end="")
    _print(f"{args.study} is not running: {last.counts()}; {last.best_text()}")
    return 0


def _on_terminal(snapshots: Iterator[tuple[WatchedStudy, str]], console: Console) -> WatchedStudy:
    last, _ = next(snapshots)
    with Live(StudyView(last), console=console, screen=True, auto_refresh=False) as live:
        for snapshot, problem in snapshots:
            last = snapshot
            live.update(StudyView(last, problem), refresh=True)
    return last


def _as_lines(snapshots: Iterator[tuple[WatchedStudy, str]]) -> WatchedStudy:
    last, known_problem = next(snapshots)
    if last.running:
        _print(f"{last.study.name} is {last.status()}: {last.counts()}; {last.best_text()}; {last.progress()}")
    for snapshot, problem in snapshots:
        for line in changes(last, snapshot):
            _print(line)
        if problem != known_problem:
            _print(problem or "the record responds again")
        last, known_problem = snapshot, problem
    return last


def changes(before: WatchedStudy, after: WatchedStudy) -> list[str]:
    """What has happened between two snapshots, a line each: trials that started or ended, commands, a better best."""
    lines = []
    known = {trial.key: trial for trial in before.trials}
    for trial in after.trials:
        earlier = known.get(trial.key)
        if earlier is not None and (earlier.state, earlier.attempts) == (trial.state, trial.attempts):
            continue
        at = f"step {trial.step}/{trial.budget}"
        if trial.state in ENDED:
            lines.append(end_line(trial))
        elif trial.state == WAITING:
            lines += [] if earlier is None else [f"{trial.key} waits at {at} ({trial.reason})"]
        else:
            lines.append(f"{trial.key} starts" if trial.attempts == 1 else f"{trial.key} resumes from {at}")
    earlier_commands = {command.id: command for command in before.commands}
    lines += [command_line(command) for command in after.commands if earlier_commands.get(command.id) != command]
    best, best_before = after.best, before.best
    if best is not None and (best_before is None or best_before.key != best.key):
        lines.append(f"{after.best_text()}; {after.progress()}")
    if after.running and before.status() != after.status():
        lines.append(f"{after.study.name} is {after.status()}")
    return lines


def _snapshots(records: RecordReader, args: argparse.Namespace) -> Iterator[tuple[WatchedStudy, str]]:
    """Snapshots until the study is not running, each with the problem of the last read; "" if there was none."""
    last, problem, since = WatchedStudy.read(records, args.study, args.out), "", time.monotonic()
    while True:
        yield last, problem
        if not problem and not last.running:
            return
        time.sleep(SECONDS)
        try:
            last, problem, since = WatchedStudy.read(records, args.study, args.out), "", time.monotonic()
        except UserError as error:
            if time.monotonic() > since + PATIENCE:
                raise
            problem = f"{error}: trying again"


def _print(line: str) -> None:
    print(printable(line), flush=True)
