"""The record on a PostgreSQL server: the same record, the study's lock, and connections that break."""

from __future__ import annotations

import inspect
import itertools
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from amc.config import Config
from amc.errors import UserError
from analysis.record.connection.address import with_driver, without_password
from analysis.record.connection.server_lock import server_lock_holder
from analysis.record.reading import RecordReader
from analysis.record.schema import metadata
from analysis.record.writing import RecordWriter
from tests.analysis.record import test_writing as test_record
from tests.analysis.record.test_upgrading import downgrade
from tests.tuning.command_kills import TYPED, check_command_kills, check_driver_kills, prepare
from tests.tuning.postgres import PASSWORD, Server, running
from tests.tuning.toy_rows import study_row, trial_row
from tuning.cli.studies import main

pytestmark = pytest.mark.slow
KEY = "trial-0000"
ROOT = Path(__file__).resolve().parents[3]
names = (f"study_{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture
def url(server: Server) -> str:
    return server.database(next(names))


@pytest.fixture
def record(url: str, base: Config) -> Iterator[RecordWriter]:
    with RecordWriter(url) as opened:
        opened.create_study(study_row(base))
        yield opened


def shared() -> list[Callable[[RecordWriter, Config], None]]:
    """The tests of the record that need no SQLite file."""
    found = [test for name, test in vars(test_record).items() if name.startswith("test_")]
    return [test for test in found if list(inspect.signature(test).parameters) == ["record", "base"]]


@pytest.mark.parametrize("test", shared(), ids=lambda test: test.__name__.removeprefix("test_"))
def test_the_record_works_as_with_sqlite(
    test: Callable[[RecordWriter, Config], None], record: RecordWriter, base: Config
) -> None:
    test(record, base)


def test_values_that_are_hard_to_store(record: RecordWriter, base: Config) -> None:
    """Numbers that JSON lacks and large seeds are stored unchanged; text that a server rejects stays readable."""
    record.add_trial(trial_row(base, seed=2**62))
    record.begin("toy", KEY)
    metrics = {"val/accuracy": float("inf"), "loss/a": float("nan"), "loss/b": 0.1}
    assert record.report("toy", KEY, 1, 5, metrics)
    assert record.finish("toy", KEY, 1, "FAILED", reason="bad\0byte, lone \ud800, größer\nsecond line")
    trial = record.trial("toy", KEY)
    assert (trial.seed, trial.value) == (2**62, None)
    assert trial.reason == "bad�byte, lone ?, größer\nsecond line"
    (point,) = record.points("toy")
    assert repr(dict(point.metrics)) == "{'loss/a': nan, 'loss/b': 0.1, 'val/accuracy': inf}"


def child(url: str, body: str) -> subprocess.Popen[str]:
    """A process with a record of a study `toy` that has one trial; `body` goes on from there."""
    script = textwrap.dedent(f"""
        import sys, time
        sys.path[:0] = {[str(ROOT), *sys.path]!r}
        from tests.tuning.toy_rows import study_row, trial_row
        from amc.config import natops
        from analysis.record.writing import RecordWriter
        record = RecordWriter({url!r})
        record.create_study(study_row(natops("smoke")))
        record.add_trial(trial_row(natops("smoke")))
    """)
    script += textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def test_a_killed_writer_loses_nothing_that_was_committed(url: str) -> None:
    process = child(
        url,
        """
        with record.lock_study("toy"):
            record.begin("toy", "trial-0000")
            for step in range(1, 100000):
                assert record.report("toy", "trial-0000", 1, step, {"val/accuracy": step / 1e5})
                print(step, flush=True)
        """,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 50:
            process.kill()
            break
    told = 50 + len(process.stdout.readlines())
    process.wait()
    process.stdout.close()
    with RecordWriter(url) as record, record.lock_study("toy"):  # at once: the lock died with its holder
        points = record.points("toy")
        assert [point.step for point in points] == list(range(1, len(points) + 1))
        assert [point.id for point in points] == sorted(point.id for point in points)
        assert len(points) in (told, told + 1)
        assert record.requeue_running("toy") == [KEY]


def test_the_lock_names_its_holder_and_is_free_once_that_is_killed(server: Server, url: str, tmp_path: Path) -> None:
    process = child(
        url,
        """
        with record.lock_study("toy"):
            print("held", flush=True)
            time.sleep(600)
        """,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    holder = f"process {process.pid} on {os.uname().nodename}"[:40]
    server.psql("DROP ROLE IF EXISTS other")
    server.psql("CREATE ROLE other LOGIN PASSWORD 'geheim/1' IN ROLE pg_read_all_data, pg_write_all_data")
    with RecordWriter(url) as record:
        with pytest.raises(UserError, match=f"being run by {holder}"), record.lock_study("toy"):
            pass
        with record.lock_study("another"):  # other studies of the same database go their way
            assert (server_lock_holder(record.engine, "another") or "").startswith(f"process {os.getpid()} on ")
        assert server_lock_holder(record.engine, "another") is None
    with RecordReader(url.replace("amc:", "other:")) as seen:  # whoever may not look into another user's sessions
        assert (server_lock_holder(seen.engine, "toy") or "").startswith(holder)
    for command in (["delete", "toy"], ["list", "--json"]):
        code = main([*command, "--out", str(tmp_path), "--record", url])
        assert code == (2 if command[0] == "delete" else 0)
    process.kill()
    process.wait()
    process.stdout.close()
    with RecordWriter(url) as record, record.lock_study("toy"):
        pass


def drivers(server: Server, record: RecordWriter) -> list[int]:
    """The server's processes for connections of drivers to this record."""
    here = f"datname = '{record.address.database}' AND application_name LIKE 'amc %'"
    found = server.psql(f"SELECT pid FROM pg_stat_activity WHERE {here}")
    return [int(line) for line in found.stdout.split()]


def test_a_broken_connection_is_replaced_and_locked_again(server: Server, record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    with record.lock_study("toy"):
        attempt = record.begin("toy", KEY).attempts
        for step in range(1, 6):
            (pid,) = drivers(server, record)
            server.psql(f"SELECT pg_terminate_backend({pid})")
            assert record.report("toy", KEY, attempt, step, {"val/accuracy": 0.1})
            assert (server_lock_holder(record.engine, "toy") or "").startswith(f"process {os.getpid()} on ")
    assert list(record.curves("toy")[KEY]) == [1, 2, 3, 4, 5]


def test_a_driver_whose_study_was_taken_over_writes_nothing_more(
    server: Server, record: RecordWriter, base: Config, url: str
) -> None:
    record.add_trial(trial_row(base))
    with RecordWriter(url) as other, record.lock_study("toy"):
        record.begin("toy", KEY)
        (pid,) = drivers(server, record)
        server.psql(f"SELECT pg_terminate_backend({pid})")
        with other.lock_study("toy"):
            with pytest.raises(UserError, match=f"is being run by process {os.getpid()} on "):
                record.report("toy", KEY, 1, 5, {"val/accuracy": 0.1})
            other.requeue_running("toy")
            other.begin("toy", KEY)
        # The other one has ended: the lock is free again, but this driver's attempt counts no longer.
        assert not record.report("toy", KEY, 1, 5, {"val/accuracy": 0.1})
    assert record.points("toy") == []


def test_a_restarting_server_delays_reports_and_loses_none(
    server: Server, record: RecordWriter, base: Config, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server is configured to lose the last commits in a crash; a driver's writes are committed synchronously."""
    with record.lock_study("toy"):
        for number in range(4):
            record.add_trial(trial_row(base, number))
        ended = threading.Event()

        def train() -> None:
            for number in range(4):
                key = f"trial-{number:04d}"
                attempt = record.begin("toy", key).attempts
                for step in range(1, 101):
                    assert record.report("toy", key, attempt, step, {"val/accuracy": step / 100})
                assert record.finish("toy", key, attempt, "COMPLETE", value=1.0)
            ended.set()

        thread = threading.Thread(target=train)
        thread.start()
        for _ in range(3):
            server.stop()
            ended.wait(0.5)
            server.start()
            ended.wait(1.0)
        thread.join(120)
        assert ended.is_set()
    assert [(trial.state, trial.attempts, trial.step) for trial in record.trials("toy")] == [("COMPLETE", 1, 100)] * 4
    assert all(list(curve) == list(range(1, 101)) for curve in record.curves("toy").values())
    said = capfd.readouterr().err
    assert "does not respond" in said
    assert PASSWORD not in said


def test_a_server_that_does_not_come_back_is_one_line(server: Server, record: RecordWriter, base: Config) -> None:
    record.add_trial(trial_row(base))
    record.patience = 0.5
    with record.lock_study("toy"):
        record.begin("toy", KEY)
        server.stop()
        try:
            with pytest.raises(UserError, match=r"cannot use the study record postgresql\+psycopg://amc@127") as caught:
                record.report("toy", KEY, 1, 5, {"val/accuracy": 0.1})
            assert PASSWORD not in str(caught.value)
            with pytest.raises(UserError, match="cannot use the study record"):  # and does not wait again
                record.trials("toy")
        finally:
            server.start()


def test_two_processes_create_the_tables_of_one_database(url: str) -> None:
    processes = [child(url, "print(len(record.studies()))") for _ in range(4)]
    for process in processes:
        out, _ = process.communicate(timeout=240)
        assert (process.returncode, out) == (0, "1\n")


def test_addresses_without_a_server_or_database(
    server: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    wrong = [
        server.url("no_such_database"),
        server.url("postgres").replace("geheim", "falsch"),
        server.url("postgres").replace(str(server.port), "1"),
    ]
    for url in wrong:
        assert main(["list", "--out", str(tmp_path), "--record", url]) == 2
        with pytest.raises(UserError, match="cannot open the study record"):
            RecordWriter(url)
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: cannot read the study record postgresql+psycopg://amc@127.0.0.1:")
        assert "geheim" not in line
        assert "falsch" not in line


def test_managing_studies_on_a_server(
    record: RecordWriter, base: Config, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record.add_trial(trial_row(base))
    place = ["--out", str(tmp_path), "--record", url]
    assert main(["list", *place]) == 0
    assert capsys.readouterr().out == "toy: toy (procedural), smoke; 1 WAITING\n"
    with record.lock_study("toy"):
        main(["list", *place])
        assert "; running" in capsys.readouterr().out
        main(["status", "toy", *place])
        assert "status: running" in capsys.readouterr().out
    assert main(["status", "toy", *place]) == 0
    assert "status: not running" in capsys.readouterr().out
    assert main(["delete", "toy", *place]) == 0
    assert main(["list", *place]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"no studies in {without_password(url)}"


def test_a_version_3_record_is_upgraded_by_the_first_of_two_writers(url: str, base: Config) -> None:
    with RecordWriter(url) as record:
        record.create_study(study_row(base))
    downgrade(url, 3)
    with RecordReader(url) as records:
        assert records.commands("toy") == []
    opened: list[RecordWriter] = []
    threads = [threading.Thread(target=lambda: opened.append(RecordWriter(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for record in opened:
        record.close()
    with RecordWriter(url) as record, record.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_commands_survive_kills_between_any_two_writes(server: Server, base: Config, tmp_path: Path) -> None:
    def prepared() -> str:
        address = server.database(next(names))
        prepare(address, base, tmp_path / "toy")
        return address

    assert check_driver_kills(prepared, base, tmp_path / "toy") >= 2 * len(TYPED)
    assert check_command_kills(server.database(next(names)), base) == [0, 0, 0, 1]


def test_a_study_is_exported_from_one_database_to_another(
    server: Server, record: RecordWriter, url: str, base: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    record.add_trial(trial_row(base))
    record.begin("toy", KEY)
    record.report("toy", KEY, 1, 5, {"val/accuracy": 0.5})
    with RecordReader(url) as reader:
        snapshot = reader.snapshot("toy")
    assert (list(snapshot.trials), list(snapshot.reports)) == (record.trials("toy"), record.points("toy"))
    target = server.database(next(names))
    for _ in range(2):
        assert main(["export", "toy", "--record", url, "--optuna", target]) == 0, capsys.readouterr().err
    assert PASSWORD not in capsys.readouterr().out
    storage = optuna.storages.RDBStorage(with_driver(target))
    study = optuna.load_study(study_name="toy", storage=storage)
    assert [trial.intermediate_values for trial in study.trials] == [{5: 0.5}]
    storage.remove_session()
    storage.engine.dispose()
    assert main(["export", "toy", "--record", url, "--optuna", url]) == 2
    assert "is the record of a study, not a database of Optuna" in capsys.readouterr().err
