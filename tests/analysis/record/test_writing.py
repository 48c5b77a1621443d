from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from amc.config import Config, natops
from amc.errors import UserError
from amc.evaluation.score_sheet import REAL, ScoreSheet
from analysis.record.connection import database
from analysis.record.rows import MlflowCursor, SheetRow, TrialStage
from analysis.record.schema import study_table
from analysis.record.states import COMPLETE, DONE, PRUNED, REFUSED
from analysis.record.writing import MAX_STALLS, RecordWriter, stopping
from tests.tuning.toy_rows import study_row, trial_row

KEY = "trial-0000"


def metrics(step: int) -> dict[str, float]:
    return {"val/accuracy": step / 100}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["report", "stale", "again", "lost"]), st.integers(1, 6)), min_size=1, max_size=25
    )
)
def test_duplicate_and_stale_reports_in_any_order_give_one_curve(events: list[tuple[str, int]]) -> None:
    """The curve has what the current attempt reported first at each step, whatever arrives late or twice."""
    with tempfile.TemporaryDirectory() as folder, RecordWriter(Path(folder) / "record.db") as record:
        base = natops("smoke")
        record.create_study(study_row(base))
        record.add_trial(trial_row(base))
        attempt = record.begin("toy", KEY).attempts
        expected: dict[int, float] = {}
        for kind, step in events:
            if kind == "report":
                assert record.report("toy", KEY, attempt, step, metrics(step))
                expected.setdefault(step, step / 100)
            elif kind == "again":  # a continued trial sends its earlier steps again, maybe with other values
                assert record.report("toy", KEY, attempt, step, {"val/accuracy": expected.get(step, 0.9)})
                expected.setdefault(step, 0.9)
            elif kind == "stale":
                assert not record.report("toy", KEY, attempt - 1, step, {"val/accuracy": -1.0})
            else:
                record.release("toy", KEY, attempt, "lost")
                assert not record.report("toy", KEY, attempt, step, {"val/accuracy": -1.0})
                attempt = record.begin("toy", KEY).attempts
        assert record.curves("toy")[KEY] == dict(sorted(expected.items()))
        trial = record.trial("toy", KEY)
        assert trial.step == max(expected, default=0)
        assert trial.value == (expected[trial.step] if expected else None)
        stamps = [point.timestamp for point in record.points("toy")]
        assert stamps == sorted(stamps)


def test_only_the_current_attempt_ends_a_trial(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    first = record.begin("toy", KEY).attempts
    record.release("toy", KEY, first, "lost")
    second = record.begin("toy", KEY).attempts
    assert not record.finish("toy", KEY, first, "COMPLETE", value=0.9)
    assert record.finish("toy", KEY, second, "COMPLETE", value=0.3)
    assert not record.finish("toy", KEY, second, "FAILED")
    assert (record.trial("toy", KEY).state, record.trial("toy", KEY).value) == ("COMPLETE", 0.3)
    with pytest.raises(ValueError, match="not waiting"):
        record.begin("toy", KEY)


def test_adding_twice_adds_once(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    record.add_trial(trial_row(base, params={"weights.gan": 99.0}))
    assert [dict(trial.params) for trial in record.trials("toy")] == [{"weights.gan": 1.0}]


def test_a_trial_whose_attempts_keep_dying_has_failed(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    states = [
        record.release("toy", KEY, record.begin("toy", KEY).attempts, "killed", stalled=True) for _ in range(MAX_STALLS)
    ]
    assert states == ["WAITING"] * (MAX_STALLS - 1) + ["FAILED"]


def test_a_report_between_two_deaths_resets_the_count(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    for step in range(1, 3 * MAX_STALLS):
        attempt = record.begin("toy", KEY).attempts
        record.report("toy", KEY, attempt, step, metrics(step))
        assert record.release("toy", KEY, attempt, "killed", stalled=True) == "WAITING"


def test_requeuing_sets_running_trials_to_waiting_and_changes_no_other(record: RecordWriter, base: Config) -> None:
    for number in range(3):
        record.add_trial(trial_row(base, number))
    record.finish("toy", KEY, record.begin("toy", KEY).attempts, "COMPLETE", value=0.5)
    record.begin("toy", "trial-0001")
    assert record.requeue_running("toy") == ["trial-0001"]
    assert [trial.state for trial in record.trials("toy")] == ["COMPLETE", "WAITING", "WAITING"]
    assert record.requeue_running("toy") == []


def test_nan_is_stored_as_no_value(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    record.report("toy", KEY, record.begin("toy", KEY).attempts, 5, {"val/accuracy": float("nan")})
    assert record.trial("toy", KEY).value is None


def test_each_mlflow_store_has_its_own_cursors(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    record.set_mlflow_cursors("toy", "sqlite:///a", {KEY: MlflowCursor("run-1", cursor=3)})
    record.set_mlflow_cursors("toy", "sqlite:///a", {KEY: MlflowCursor("run-1", cursor=9, described=True)})
    record.set_mlflow_cursors("toy", "sqlite:///b", {KEY: MlflowCursor("run-2")})
    assert record.mlflow_cursors("toy", "sqlite:///a") == {KEY: MlflowCursor("run-1", cursor=9, described=True)}
    assert record.trial("toy", KEY).mlflow_run_id == "run-2"


def test_deleting_a_study_leaves_nothing(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    record.report("toy", KEY, record.begin("toy", KEY).attempts, 5, metrics(5))
    record.delete_study("toy")
    assert record.studies() == []
    assert record.trials("toy") == []
    assert record.points("toy") == []


def test_a_killed_writer_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    """Kills a process that reports as fast as it can: every report that was confirmed is on record."""
    script = textwrap.dedent(f"""
        import sys
        sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
        from tests.tuning.toy_rows import study_row, trial_row
        from amc.config import natops
        from analysis.record.writing import RecordWriter
        record = RecordWriter({str(tmp_path / "record.db")!r})
        record.create_study(study_row(natops("smoke")))
        record.add_trial(trial_row(natops("smoke")))
        record.begin("toy", "trial-0000")
        for step in range(1, 100000):
            assert record.report("toy", "trial-0000", 1, step, {{"val/accuracy": step / 1e5}})
            print(step, flush=True)
    """)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 20:
            process.kill()
            break
    told = 20 + len(process.stdout.readlines())
    process.wait()
    process.stdout.close()
    with RecordWriter(tmp_path / "record.db") as record:
        steps = list(record.curves("toy")[KEY])
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) in (told, told + 1)


def test_the_tables_are_created_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed while it creates the tables leaves an empty database, which the next one fills."""
    script = textwrap.dedent(f"""
        import os, sys
        sys.path[:0] = {sys.path!r}
        import sqlalchemy as sa
        from analysis.record.schema import study_table
        from analysis.record.writing import RecordWriter
        sa.event.listen(study_table, "after_create", lambda *a, **k: os.kill(os.getpid(), 9))
        RecordWriter({str(tmp_path / "record.db")!r})
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with RecordWriter(tmp_path / "record.db") as record:
        assert record.studies() == []


def sheet(scorer: str = "one", created: float = 1.5, key: str = KEY) -> SheetRow:
    made = ScoreSheet((0, 1), (3, 4), (0, 0), clips={"psnr": (20.0, 21.0)}, numbers={"features": 2.0})
    return SheetRow("toy", key, scorer, created, json.loads(json.dumps(made.to_dict())))


def test_only_the_current_attempt_stores_a_score_sheet(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    first = record.begin("toy", KEY).attempts
    record.release("toy", KEY, first, "lost")
    second = record.begin("toy", KEY).attempts
    assert not record.finish("toy", KEY, first, "COMPLETE", sheet=sheet("stale"))
    assert record.score_sheets("toy") == {}
    assert record.finish("toy", KEY, second, "COMPLETE", scores={"test/accuracy": 0.5}, sheet=sheet())
    assert record.finish("toy", KEY, second, "COMPLETE", sheet=sheet("again"))  # carried out twice: the first one stays
    assert record.score_sheets("toy") == {KEY: sheet()}
    assert record.score_sheet("toy", KEY) == sheet()
    assert record.score_sheet("toy", "trial-0001") is None
    assert record.score_sheet_versions("toy") == {KEY: ("one", 1.5)}
    assert record.trial_stages("toy")[KEY] == TrialStage("COMPLETE", started=False, scored=1.5)


def test_scoring_again_replaces_sheet_and_scores_only(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    record.add_trial(trial_row(base, 1))
    record.finish(
        "toy", KEY, record.begin("toy", KEY).attempts, "COMPLETE", value=0.5, scores={"old": 1.0}, sheet=sheet()
    )
    before = record.trial("toy", KEY)
    record.put_score_sheet(sheet("two", 2.5), {"test/accuracy": 0.25})
    record.put_score_sheet(sheet("two", 3.5, REAL))
    assert record.score_sheets("toy") == {KEY: sheet("two", 2.5), REAL: sheet("two", 3.5, REAL)}
    assert record.trial("toy", KEY) == replace(before, scores={"test/accuracy": 0.25})
    assert record.trial("toy", "trial-0001").scores == {}
    assert record.trial_stages("toy")["trial-0001"].scored == 0.0
    record.delete_study("toy")
    assert record.score_sheets("toy") == {}


def test_concurrent_writers_of_the_same_rows_leave_one_of_each(record: RecordWriter, base: Config) -> None:
    """Threads with separate connections, like several programs that use one record."""
    others = [RecordWriter(record.address.render_as_string(hide_password=False)) for _ in range(6)]
    failures: list[BaseException] = []

    def race(number: int, mine: RecordWriter) -> None:
        try:
            for turn in range(5):
                mine.create_study(study_row(base, f"study-{turn}"))
                mine.add_trial(trial_row(base, turn))
                mine.put_score_sheet(sheet(f"by-{number}", float(turn), f"trial-{turn:04d}"), {"by": float(number)})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=race, args=each) for each in enumerate(others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.close()
    assert not failures
    assert len({row.uid for row in record.studies()}) == 6  # with the fixture's own
    assert [row.key for row in record.trials("toy")] == [f"trial-{turn:04d}" for turn in range(5)]
    for row in record.trials("toy"):
        # Sheet and scores are of one transaction.
        assert record.score_sheets("toy")[row.key].scorer == f"by-{row.scores['by']:.0f}"


def test_a_writer_killed_while_it_scores_leaves_a_matching_sheet_and_scores(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import sys
        sys.path[:0] = {sys.path!r}
        from tests.tuning.toy_rows import study_row, trial_row
        from amc.config import natops
        from analysis.record.rows import SheetRow
        from analysis.record.writing import RecordWriter
        record = RecordWriter({str(tmp_path / "record.db")!r})
        record.create_study(study_row(natops("smoke")))
        record.add_trial(trial_row(natops("smoke")))
        for number in range(100000):
            content = {{"number": number, "filling": ["x" * 50] * 2000}}
            row = SheetRow("toy", "trial-0000", "one", float(number), content)
            record.put_score_sheet(row, {{"number": float(number)}})
            print(number, flush=True)
    """)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 7:
            process.kill()
            break
    told = 7 + len(process.stdout.readlines())
    process.wait()
    process.stdout.close()
    with RecordWriter(tmp_path / "record.db") as record:
        number = record.trial("toy", KEY).scores["number"]
        assert number in (told, told + 1)
        assert record.score_sheets("toy")[KEY].content["number"] == number


def test_a_program_that_reads_for_long_holds_a_writer_up_and_ends_nothing(
    tmp_path: Path, base: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a backup does: it keeps SQLite's read lock, so that no writer can commit."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    path = tmp_path / "record.db"
    with RecordWriter(path) as record, closing(sqlite3.connect(path, check_same_thread=False)) as backup:
        backup.execute("BEGIN")
        backup.execute("SELECT * FROM study").fetchall()
        timer = threading.Timer(1.0, backup.rollback)
        timer.start()
        record.create_study(study_row(base))
        timer.join()
        line = capsys.readouterr().err
        assert line.endswith("(database is locked): retrying for 600 s; close the program that has the file open\n")
        assert len(line.splitlines()) == 1
        backup.execute("BEGIN")
        backup.execute("SELECT * FROM study").fetchall()
        record.lock_patience = 0.2
        with pytest.raises(UserError, match=r"\(database is locked\); close the program that has the file open"):
            record.update_study("toy", settings={"trials": 9})
        backup.rollback()
        assert record.study("toy").settings == {"trials": 4}


def test_a_command_is_added_once_and_taken_once(record: RecordWriter, base: Config) -> None:
    """Whether a retry repeats a transaction that was committed, or not."""
    record.add_trial(trial_row(base))
    first = record.add_command("toy", "1" * 32, "ann@here", "stop-trial", {"trial": "trial-0000"})
    assert record.add_command("toy", "1" * 32, "ann@here", "stop-trial", {"trial": "trial-0000"}) == first
    second = record.add_command("toy", "2" * 32, "bob@there", "pause", {})
    assert [command.text for command in record.commands("toy")] == ["stop-trial trial-0000", "pause"]
    taken = record.take_command(first.id, DONE, "stopped", stopping("toy", "trial-0000", "stopped by ann@here"))
    assert (taken.outcome, taken.message, taken.text) == (DONE, "stopped", first.text)
    assert record.take_command(first.id, REFUSED, "no") == taken
    assert record.commands("toy") == [taken, second]
    trial = record.trial("toy", "trial-0000")
    assert (trial.state, trial.reason, trial.attempts) == (PRUNED, "stopped by ann@here", 0)


def test_an_ended_trial_is_not_stopped(record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    record.begin("toy", "trial-0000")
    record.finish("toy", "trial-0000", 1, COMPLETE, value=0.5)
    before = record.trial("toy", "trial-0000")
    command = record.add_command("toy", "1" * 32, "ann@here", "stop-trial", {"trial": "trial-0000"})
    record.take_command(command.id, DONE, "", stopping("toy", "trial-0000", "stopped"))
    assert record.trial("toy", "trial-0000") == before


def test_a_command_whose_effect_fails_stays_pending(record: RecordWriter, base: Config) -> None:
    command = record.add_command("toy", "1" * 32, "ann@here", "pause", {})

    def fails(connection: sa.Connection) -> None:
        connection.execute(sa.update(study_table).values(seed=7))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        record.take_command(command.id, DONE, "", fails)
    assert record.commands("toy") == [command]
    assert record.study("toy").seed == 0


def test_commands_are_deleted_with_their_study(record: RecordWriter, base: Config) -> None:
    record.add_command("toy", "1" * 32, "ann@here", "pause", {})
    record.delete_study("toy")
    record.create_study(study_row(base))
    assert record.commands("toy") == []


def test_a_command_of_a_user_whose_name_is_not_text_is_stored(record: RecordWriter) -> None:
    command = record.add_command("toy", "1" * 32, "ann\udce9@here" + "x" * 300, "pause", {})
    assert record.commands("toy") == [command]
    assert command.author.startswith("ann?@here")
    assert len(command.author) == 200
