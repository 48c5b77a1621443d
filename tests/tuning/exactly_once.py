"""What "every trial ran exactly once" means, as a pure function of what a study left behind.

The same function judges this project's engine after kill -9 (`test_kills`) and the plain stack of Ray Tune, Optuna and
MLflow after the same (`test_peer_kills`): a check that nothing can fail would prove nothing.

A trial has an attempt for every time it was started; attempts are numbered from 1. It reports at every multiple of
`every` and at its budget, and has written a checkpoint before it reports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypedDict

Curve = Sequence[tuple[int, float]]  # (training step, value) in the order of arrival
STATUS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAILED": "FAILED"}  # of MLflow's run, by the trial's state


class Row(TypedDict):
    """A trial as the record has it."""

    key: str
    state: str
    attempts: int


class Run(TypedDict):
    """A run as MLflow has it; `trial_key` is empty for the study's own."""

    run_id: str
    role: str
    trial_key: str
    status: str
    curve: Curve


def violations(
    rows: Sequence[Row],
    runs: Sequence[Run],
    curves: Mapping[str, Curve],
    executed: Iterable[tuple[str, int, int]],
    finished: Mapping[str, int],
    *,
    trials: int,
    every: int,
    budget: int,
    parents: int = 1,
) -> list[str]:
    """What is wrong with a study that has ended, a line each; nothing if all is well.

    Args:
        curves: the record's, by trial.
        executed: (trial, attempt, step) for every step that was really trained, as the trials themselves wrote down.
        finished: the trials that were on record as ended when the driver was killed, each with the attempt it ended in.
        trials: how many there must be, confirming ones included.
        parents: how many runs of MLflow there must be besides, of role "study".
    """
    steps: dict[str, dict[int, set[int]]] = {}
    for key, attempt, step in executed:
        steps.setdefault(key, {}).setdefault(attempt, set()).add(step)
    return [
        *_rows(rows, trials),
        *_runs(rows, runs, parents),
        *_run_curves(rows, runs, curves),
        *_curves(rows, curves, every, budget),
        *_again(rows, steps, finished),
        *_executed(rows, steps, every, budget),
    ]


def _rows(rows: Sequence[Row], trials: int) -> Iterator[str]:
    if len(rows) != trials:
        yield f"trials: {len(rows)} on record, not {trials}"
    for key, count in Counter(row["key"] for row in rows).items():
        if count > 1:
            yield f"trials: {key} is on record {count} times"
    for row in rows:
        if row["state"] not in STATUS:
            yield f"trials: {row['key']} is {row['state']}, it has not ended"


def _runs(rows: Sequence[Row], runs: Sequence[Run], parents: int) -> Iterator[str]:
    own = sum(run["role"] == "study" for run in runs)
    if own != parents:
        yield f"runs: {own} of the study itself, not {parents}"
    count = Counter(run["trial_key"] for run in runs if run["role"] != "study")
    states = {row["key"]: row["state"] for row in rows}
    for key in sorted(states.keys() | count.keys()):
        if key not in states:
            yield f"runs: {count[key]} of {key!r}, which is no trial"
        elif count[key] != 1:
            yield f"runs: {count[key]} of {key}, not one"
    for run in runs:
        name = run["trial_key"] or run["role"]
        if run["status"] not in STATUS.values():
            yield f"runs: that of {name} is {run['status']}, it has not ended"
            continue
        wanted = STATUS.get(states.get(run["trial_key"], ""), run["status"])
        if run["status"] != wanted:
            yield f"runs: that of {name} is {run['status']}, not {wanted}"


def _run_curves(rows: Sequence[Row], runs: Sequence[Run], curves: Mapping[str, Curve]) -> Iterator[str]:
    keys = {row["key"] for row in rows}
    for run in runs:
        key = run["trial_key"]
        if run["role"] == "study" or key not in keys:
            continue
        if sorted(run["curve"]) != sorted(curves.get(key, ())):
            at = [step for step, _ in run["curve"]]
            yield f"runs: the curve of {key}, at steps {at}, is not the record's"


def _curves(rows: Sequence[Row], curves: Mapping[str, Curve], every: int, budget: int) -> Iterator[str]:
    whole = [*range(every, budget, every), budget]
    for row in rows:
        at = [step for step, _ in curves.get(row["key"], ())]
        if len(set(at)) < len(at):
            yield f"curves: {row['key']} has a step twice: {at}"
        elif at != whole[: len(at)]:
            yield f"curves: {row['key']} has a gap: {at}"
        elif row["state"] == "COMPLETE" and at != whole:
            yield f"curves: {row['key']} is complete, its curve ends at step {at[-1] if at else 0}"
        elif row["state"] == "PRUNED" and not at:
            yield f"curves: {row['key']} is pruned, and has never reported"


def _again(
    rows: Sequence[Row], steps: Mapping[str, Mapping[int, set[int]]], finished: Mapping[str, int]
) -> Iterator[str]:
    attempts = {row["key"]: row["attempts"] for row in rows}
    for key, ended in sorted(finished.items()):
        later = sum(len(done) for attempt, done in steps.get(key, {}).items() if attempt > ended)
        if later:
            yield f"again: {key} had ended in attempt {ended}, and trained {later} more steps"
        if key not in attempts:
            yield f"again: {key} had ended, and is gone from the record"
        elif attempts[key] != ended:
            yield f"again: {key} had ended in attempt {ended}, and is at {attempts[key]}"


def _executed(
    rows: Sequence[Row], steps: Mapping[str, Mapping[int, set[int]]], every: int, budget: int
) -> Iterator[str]:
    for row in rows:
        key, before = row["key"], set[int]()
        for attempt, done in sorted(steps.get(key, {}).items()):
            # What follows the last checkpoint is trained again; it can't be more than lies between two of them.
            if len(done & before) > every:
                yield f"steps: {key} trained {len(done & before)} steps again in attempt {attempt}, above {every}"
            before |= done
        missing = set(range(1, budget + 1)) - before
        if row["state"] == "COMPLETE" and missing:
            yield f"steps: {key} is complete, and never trained {len(missing)} of {budget} steps"
