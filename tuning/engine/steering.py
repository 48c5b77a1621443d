"""Commands by which a person steers a running study: what each kind does, and the combined effect of all taken.

A command is a row of the record (`analysis.record.command_writing`). The driver takes pending ones in order, within a
second or two. What a command changes is either in the record, in the transaction that marks it as taken, or follows
from the taken commands themselves (`Steering`), so a restarted driver knows it too.

To add a kind, add its handler to `HANDLERS`, and its arguments to `tuning.cli.steering`.
"""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from amc.errors import UserError, first_line
from analysis.record.command_writing import Effect
from analysis.record.rows import CommandRow, TrialRow
from analysis.record.states import DONE, ENDED, REFUSED, RUNNING, WAITING
from analysis.record.writing import RecordWriter, stopping
from tuning.engine.sources import ListedTrials, Proposal, RaceOfFinalists, SampledTrials, TrialSource
from tuning.search.space_changes import changed, description

STOP_TRIAL, ADD_TRIALS, PAUSE, RESUME, PRIORITY = "stop-trial", "add-trials", "pause", "resume", "priority"
SPACE = "space"


@dataclass(frozen=True)
class Steering:
    """The combined effect of all commands taken so far.

    Attributes:
        added: trials beyond those that the study's own command asks for.
        paused: the command that paused the study; None if it is not paused.
        priorities: {trial key: rank}; the largest rank runs first.
        space_changes: of the search space, in order (`tuning.search.space_changes`).
    """

    added: int = 0
    paused: CommandRow | None = None
    priorities: Mapping[str, int] = field(default_factory=dict)
    space_changes: Sequence[str] = ()

    @classmethod
    def from_commands(cls, commands: Sequence[CommandRow]) -> Steering:
        """The result of all commands of a study, in order of arrival; pending and refused ones have none."""
        taken = [command for command in commands if command.outcome == DONE]
        pauses = [command for command in taken if command.kind in (PAUSE, RESUME)]
        return cls(
            sum(int(command.arguments["count"]) for command in taken if command.kind == ADD_TRIALS),
            pauses[-1] if pauses and pauses[-1].kind == PAUSE else None,
            {command.arguments["trial"]: command.id for command in taken if command.kind == PRIORITY},
            tuple(command.arguments["changes"] for command in taken if command.kind == SPACE),
        )

    def steered(self, source: TrialSource) -> TrialSource:
        """A source of trials, as the commands have changed it."""
        if isinstance(source, SampledTrials):
            return _with_changes(replace(source, count=source.count + self.added), self.space_changes)[0]
        if isinstance(source, RaceOfFinalists):
            return replace(source, search=self.steered(source.search))
        return source


def ignored_changes(steering: Steering, sources: Sequence[TrialSource]) -> list[str]:
    """A line about each change of the space on record that does not fit the space of the study's own command."""
    sampled = [source for source in sources if isinstance(source, SampledTrials)]
    return [line for source in sampled for line in _with_changes(source, steering.space_changes)[1]]


def _with_changes(source: SampledTrials, changes: Sequence[str]) -> tuple[SampledTrials, list[str]]:
    """The source of a study's command after all recorded changes, and a line about each change that no longer fits.

    The space file may have been edited in between, so that a parameter is gone or a value is outside its range; or
    the sampler is another one, which cannot be used on the changed space.
    """
    ignored = []
    for text in changes:
        try:
            source = source.with_space(changed(source.space, text))
        except UserError as error:
            ignored.append(f"space {text}: no longer possible, ignored ({error})")
    return source, ignored


class SteeredStudy(Protocol):
    """What handlers need of a study's engine; `tuning.engine.engine.Engine` documents each member."""

    record: RecordWriter
    steering: Steering
    sources: Sequence[TrialSource]

    def trials(self) -> list[TrialRow]:
        """All trials of the study."""
        ...

    def add(self, proposal: Proposal) -> None:
        """Adds a trial to the record."""
        ...


class CommandRefused(Exception):
    """A command that cannot be carried out; the message says why."""


@dataclass(frozen=True)
class Reply:
    """What a handler decided.

    Attributes:
        message: what the command does, for the person who typed it.
        effect: on the record.
    """

    message: str
    effect: Effect = lambda connection: None


Handler = Callable[[SteeredStudy, CommandRow], Reply]
"""Decides on a command and raises `CommandRefused` if it cannot be carried out. The effect does all that must be done
once; what else the handler does may be repeated."""


def take(engine: SteeredStudy, command: CommandRow) -> CommandRow:
    """Takes a pending command; returns it as it is on record then."""
    handler = HANDLERS.get(command.kind)
    try:
        if handler is None:
            raise CommandRefused(f"the program that runs the study does not know the command {command.kind}")
        reply = handler(engine, command)
    except CommandRefused as refusal:
        return engine.record.take_command(command.id, REFUSED, str(refusal))
    except Exception as error:  # left pending, the command would stop this driver and all later ones
        return engine.record.take_command(command.id, REFUSED, first_line(error))
    return engine.record.take_command(command.id, DONE, reply.message, reply.effect)


def add_command(record: RecordWriter, study: str, kind: str, arguments: Mapping[str, Any]) -> CommandRow:
    """Adds a command of the user of this process."""
    return record.add_command(study, uuid.uuid4().hex, this_user(), kind, arguments)


def command_line(command: CommandRow) -> str:
    """A command with its author and outcome, in one line."""
    outcome = {DONE: command.message, REFUSED: f"refused: {command.message}"}.get(command.outcome, "pending")
    return f"command {command.id} by {command.author}: {command.text}: {outcome}"


def this_user() -> str:
    """user@host of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may have no entry for its user
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _stop_trial(engine: SteeredStudy, command: CommandRow) -> Reply:
    trial = _trial(engine, command)
    if trial.state in ENDED:
        raise CommandRefused(f"{trial.key} has already ended: {trial.state} at step {trial.step}/{trial.budget}")
    reason = f"stopped by {command.author}"
    return Reply(f"{trial.key} stopped at step {trial.step}/{trial.budget}", stopping(trial.study, trial.key, reason))


def _add_trials(engine: SteeredStudy, command: CommandRow) -> Reply:
    more = int(command.arguments["count"])
    sampled = [
        replace(source, count=source.count + more) for source in engine.sources if isinstance(source, SampledTrials)
    ]
    if not sampled:
        raise CommandRefused("this study runs a list of trials; rerun its own command with more --seeds or --arms")
    if all(source.is_exhausted(engine.trials()) for source in sampled):
        raise CommandRefused(
            "all points of the grid have been tried; widen a range with python -m tuning space, or rerun the study "
            "with another --sampler"
        )
    return Reply(f"the study has {sum(source.planned(engine.trials()) for source in sampled)} trials now")


def _pause(engine: SteeredStudy, command: CommandRow) -> Reply:
    if engine.steering.paused is not None:
        raise CommandRefused(f"the study was already paused by {engine.steering.paused.author}")
    running = sum(trial.state == RUNNING for trial in engine.trials())
    return Reply(
        f"paused; running trials ({running}) save a checkpoint and stop. "
        f"To continue: python -m tuning resume {command.study}"
    )


def _resume(engine: SteeredStudy, command: CommandRow) -> Reply:
    if engine.steering.paused is None:
        raise CommandRefused("the study is not paused")
    return Reply(f"resumed; it was paused by {engine.steering.paused.author}")


def _priority(engine: SteeredStudy, command: CommandRow) -> Reply:
    trial = _trial(engine, command, listed=True)
    if trial.state != WAITING:
        raise CommandRefused(f"{trial.key} is not waiting: it is {trial.state}")
    return Reply(f"{trial.key} runs next")


def _trial(engine: SteeredStudy, command: CommandRow, *, listed: bool = False) -> TrialRow:
    """The trial that a command names; with `listed` also one that is still to be added to the record, which it does."""
    key = command.arguments["trial"]
    if listed and all(trial.key != key for trial in engine.trials()):
        for source in engine.sources:
            if isinstance(source, ListedTrials) and (proposal := source.find(key, engine.trials())) is not None:
                engine.add(proposal)
    found = next((trial for trial in engine.trials() if trial.key == key), None)
    if found is None:
        raise CommandRefused(f"the study has no trial {key}")
    return found


def _space(engine: SteeredStudy, command: CommandRow) -> Reply:
    source = next((source for source in engine.sources if isinstance(source, SampledTrials)), None)
    if source is None:
        raise CommandRefused("this study runs a list of trials: it has no search space")
    try:
        after = source.with_space(changed(source.space, command.arguments["changes"]))
    except UserError as error:
        raise CommandRefused(str(error)) from error
    return Reply(f"{description(source.space, after.space)}; this applies to trials proposed from now on")


HANDLERS: Mapping[str, Handler] = {
    STOP_TRIAL: _stop_trial,
    ADD_TRIALS: _add_trials,
    PAUSE: _pause,
    RESUME: _resume,
    PRIORITY: _priority,
    SPACE: _space,
}
