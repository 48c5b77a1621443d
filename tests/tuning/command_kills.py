"""kill -9 of a driver, or of a person's command, before and after each of its commits to the record."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from amc.config import Config
from analysis.record import writable
from analysis.record.connection.database import write_transaction
from analysis.record.reading import RecordReader
from analysis.record.writing import RecordWriter
from tests.tuning.engine.test_engine import engine
from tests.tuning.toy_rows import study_row
from tuning.engine.steering import Steering, add_command

TYPED = (
    ("stop-trial", {"trial": "trial-0000"}),
    ("add-trials", {"count": 2}),
    ("pause", {}),
    ("priority", {"trial": "trial-0001"}),
    ("stop-trial", {"trial": "trial-0000"}),  # by somebody else
    ("pause", {}),
)
Ending = list[tuple[object, ...]]


def run_killed(act: Callable[[], object], moment: int) -> bool:
    """Runs `act` in a process that kills itself at this moment: 2n before its commit n, 2n + 1 after it; from 0.

    Returns:
        Whether it came so far.
    """
    child = os.fork()
    if child == 0:
        reached = iter(range(1_000))

        def die_at() -> None:
            if next(reached) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        @contextmanager
        def killing(database: sa.Engine) -> Iterator[sa.Connection]:
            with write_transaction(database) as connection:
                yield connection
                die_at()
            die_at()

        code = 1
        try:
            writable.write_transaction = killing  # type: ignore[attr-defined]
            act()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def prepare(address: str, base: Config, folder: Path) -> None:
    """A study whose driver was killed with two running trials, and with all of `TYPED` pending."""
    with RecordWriter(address) as record:
        record.create_study(study_row(base))
        driver = engine(record, base, folder)
        for _ in range(2):
            driver.next_job()
        for kind, arguments in TYPED:
            add_command(record, "toy", kind, arguments)


def drive(address: str, base: Config, folder: Path) -> None:
    """A driver that starts, and takes commands."""
    with RecordWriter(address) as record:
        engine(record, base, folder).take_commands()


def ending(address: str) -> Ending:
    """What the commands have come to."""
    with RecordReader(address) as records:
        commands = records.commands("toy")
        rows: Ending = [(row.text, row.outcome, row.message) for row in commands]
        rows += [(trial.key, trial.state, trial.attempts, trial.reason) for trial in records.trials("toy")]
    steering = Steering.from_commands(commands)
    return [*rows, (steering.added, steering.paused is not None, list(steering.priorities))]


def check_driver_kills(prepared: Callable[[], str], base: Config, folder: Path) -> int:
    """Kills a driver at every moment; another one must bring the study to the same end. Returns the number of kills.

    Args:
        prepared: returns the address of a new record after `prepare`.
    """
    address = prepared()
    drive(address, base, folder)
    expected = ending(address)
    assert expected[-1] == (2, True, ["trial-0001"])
    kills = 0
    while True:
        killed = prepared()
        if not run_killed(lambda at=killed: drive(at, base, folder), kills):  # type: ignore[misc]
            return kills
        drive(killed, base, folder)
        assert ending(killed) == expected, f"after a kill at moment {kills}"
        kills += 1


def check_command_kills(address: str, base: Config) -> list[int]:
    """Kills a person's command before and after its commit; how many commands are on record after each."""
    with RecordWriter(address) as record:
        record.create_study(study_row(base))

    def act() -> None:
        with RecordWriter(address) as record:
            add_command(record, "toy", "add-trials", {"count": 1})

    counts = []
    # The record's tables are checked in a transaction of their own first.
    for moment in range(4):
        assert run_killed(act, moment)
        with RecordReader(address) as records:
            counts.append(len(records.commands("toy")))
    return counts
