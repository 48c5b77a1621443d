"""Commands on a running study, with its driver in a thread or missing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from amc.config import Config
from analysis.record.connection.lock import study_lock
from analysis.record.reading import RecordReader
from analysis.record.schema import command_table, schema_table
from analysis.record.states import COMPLETE, DONE, REFUSED, RUNNING
from analysis.record.writing import RecordWriter
from tests.file_states import file_states
from tests.tuning.engine.test_engine import engine
from tuning.cli import steering
from tuning.cli.studies import main


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering, "PATIENCE", 0.5)


@contextmanager
def driver(record: RecordWriter, base: Config, folder: Path) -> Iterator[RecordWriter]:
    """Drives the study `toy`, with one running trial, and takes commands."""
    done = threading.Event()
    with study_lock(folder / "toy" / ".lock", "toy"):
        driving = engine(record, base, folder / "toy")
        driving.next_job()

        def drive() -> None:
            while not done.wait(0.05):
                driving.take_commands()

        thread = threading.Thread(target=drive)
        thread.start()
        try:
            yield record
        finally:
            done.set()
            thread.join()


def test_a_command_tells_what_the_driver_did(
    record: RecordWriter,
    base: Config,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steering, "PATIENCE", 60.0)
    with driver(record, base, tmp_path):
        assert main(["add-trials", "toy", "3", "--out", str(tmp_path)]) == 0
        assert capsys.readouterr().out == "command 1: the study has 7 trials now\n"
        changes = ["--freeze", "weights.gan=2", "--range", "weights.l1=0.4:0.5"]
        assert main(["space", "toy", *changes, "--out", str(tmp_path)]) == 0
        assert capsys.readouterr().out == (
            "command 2: weights.gan is frozen at 2.0; weights.l1 is searched from 0.4 to 0.5 instead of 0.3 to 30; "
            "this applies to trials proposed from now on\n"
        )
        assert main(["space", "toy", "--freeze", "weights.gan=200", "--out", str(tmp_path)]) == 2
        assert capsys.readouterr() == (
            "",
            "error: command 3 (space --freeze weights.gan=200) was refused: 'weights.gan' cannot be frozen at 200: "
            "it is not in its range (0.1 to 10)\n",
        )
        assert main(["stop-trial", "toy", "trial-0000", "--out", str(tmp_path), "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (shown["kind"], shown["outcome"], shown["arguments"]) == ("stop-trial", DONE, {"trial": "trial-0000"})
        assert main(["stop-trial", "toy", "trial-0000", "--out", str(tmp_path)]) == 2
        assert capsys.readouterr() == (
            "",
            "error: command 5 (stop-trial trial-0000) was refused: trial-0000 has already ended: PRUNED at step 0/20\n",
        )
    main(["status", "toy", "--out", str(tmp_path)])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("command ")]
    assert [line.split(": ", 2)[1] for line in lines] == [
        "add-trials 3",
        "space --freeze weights.gan=2 --range weights.l1=0.4:0.5",
        "space --freeze weights.gan=200",
        "stop-trial trial-0000",
        "stop-trial trial-0000",
    ]
    assert "@" in lines[0].split(":")[0]


@pytest.mark.parametrize("command", [["pause"], ["resume"], ["stop-trial"], ["add-trials"], ["priority"], ["space"]])
def test_a_study_that_is_not_running_takes_no_command(
    command: list[str], record: RecordWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record.close()
    before = file_states(tmp_path)
    argument = {
        "stop-trial": ["trial-0000"],
        "priority": ["trial-0000"],
        "add-trials": ["2"],
        "space": ["--unfreeze", "weights.gan"],
    }.get(command[0], [])
    assert main([*command, "toy", *argument, "--out", str(tmp_path)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error == "error: study 'toy' is not running, so the command cannot be carried out: start the study first\n"
    assert file_states(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pause", "nosuch"], "no study 'nosuch' in"),
        (["add-trials", "toy", "0"], "add-trials"),
        (["add-trials", "toy", "many"], "add-trials"),
        (["stop-trial", "toy"], "required: TRIAL"),
        (["space", "toy"], "give at least one of --freeze NAME=VALUE, --unfreeze NAME and --range NAME=LOW:HIGH"),
    ],
)
def test_wrong_arguments_are_one_line(
    arguments: list[str], message: str, record: RecordWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert record.commands("toy") == []


def test_a_driver_that_does_not_answer_finds_the_command_later(
    record: RecordWriter, base: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with study_lock(tmp_path / "toy" / ".lock", "toy"):
        assert main(["add-trials", "toy", "3", "--out", str(tmp_path)]) == 0
    assert "has not carried it out yet" in capsys.readouterr().out
    (taken,) = engine(record, base, tmp_path / "toy").take_commands()
    assert taken.outcome == DONE


def test_a_driver_of_an_earlier_version_takes_no_command(
    record: RecordWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with record.engine.begin() as connection:
        command_table.drop(connection)
        connection.execute(sa.update(schema_table).values(version=3))
    with study_lock(tmp_path / "toy" / ".lock", "toy"):
        assert main(["pause", "toy", "--out", str(tmp_path)]) == 2
    assert "is run by an earlier version of this program" in capsys.readouterr().err
    with RecordReader(tmp_path / "toy" / "record.db") as records:
        assert not records.has_commands()


def test_a_stop_that_meets_the_end_of_its_trial_is_refused(
    record: RecordWriter, base: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with study_lock(tmp_path / "toy" / ".lock", "toy"):
        driving = engine(record, base, tmp_path / "toy")
        job = driving.next_job()
        assert job is not None
        assert record.trial("toy", job.key).state == RUNNING
        main(["stop-trial", "toy", job.key, "--out", str(tmp_path)])  # while it runs
        record.finish("toy", job.key, 1, COMPLETE, value=0.5)
        driving.cache.refresh(job.key)
        (taken,) = driving.take_commands()
    assert (taken.outcome, taken.message) == (REFUSED, "trial-0000 has already ended: COMPLETE at step 0/20")
    assert record.trial("toy", job.key).state == COMPLETE
