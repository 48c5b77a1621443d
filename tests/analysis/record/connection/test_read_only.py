"""Reading a record changes nothing: neither a byte, a time nor a file, whatever state its writer left it in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from amc.config import Config
from amc.errors import UserError
from analysis.record.lookup import find_config
from analysis.record.reading import RecordReader, open_if_present
from analysis.record.writing import RecordWriter
from tests.file_states import file_states
from tests.tuning.toy_rows import study_row, trial_row

KEY = "trial-0000"
Make = Callable[[Path, Config], None]


def write(path: Path, base: Config) -> None:
    with RecordWriter(path) as record:
        record.create_study(study_row(base))
        record.add_trial(trial_row(base))
        attempt = record.begin("toy", KEY).attempts
        record.report("toy", KEY, attempt, 10, {"val/accuracy": 0.5})
        record.finish("toy", KEY, attempt, "COMPLETE")


def kill_in_a_transaction(path: Path) -> None:
    """Kills a writer of the record with SIGKILL when half of its transaction is in the file."""
    script = textwrap.dedent(f"""
        import os, signal, sys
        sys.path[:0] = {sys.path!r}
        from analysis.record.connection.database import write_transaction
        from analysis.record.writing import RecordWriter
        record = RecordWriter({str(path)!r})
        with write_transaction(record.engine) as connection:
            connection.exec_driver_sql("PRAGMA cache_size=1")  # so that changed pages go to the file at once
            connection.exec_driver_sql("UPDATE trial SET reason = 'half'")
            connection.exec_driver_sql("DELETE FROM point")
            connection.exec_driver_sql("CREATE TABLE filling (text)")
            for _ in range(2000):
                connection.exec_driver_sql("INSERT INTO filling VALUES (hex(randomblob(500)))")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    before = path.read_bytes()
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    assert path.read_bytes() != before, "the transaction must have reached the file"
    assert path.with_name(f"{path.name}-journal").read_bytes()[:8] == bytes.fromhex("d9d505f920a163d7")


def killed_in_a_transaction(path: Path, base: Config) -> None:
    write(path, base)
    kill_in_a_transaction(path)


def check(path: Path) -> None:
    """The record at `path` is as `write` left it, however it is read."""
    with RecordReader(path) as reader:
        assert reader.trial("toy", KEY).reason == ""
        assert reader.curves("toy") == {KEY: {10: 0.5}}
    with open_if_present(path) as found:
        assert found is not None
        assert [trial.state for trial in found.trials("toy")] == ["COMPLETE"]


@pytest.mark.parametrize("make", [write, killed_in_a_transaction])
def test_reading_changes_nothing(make: Make, base: Config, tmp_path: Path) -> None:
    path = tmp_path / "toy" / "record.db"
    make(path, base)
    before = file_states(path.parent)
    check(path)
    find_config(tmp_path, "toy", None)
    assert file_states(path.parent) == before


def test_a_linked_record_is_rolled_back_as_well(base: Config, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    killed_in_a_transaction(tmp_path / "elsewhere" / "record.db", base)
    link = tmp_path / "record.db"
    link.symlink_to(tmp_path / "elsewhere" / "record.db")
    check(link)


def test_the_next_writer_rolls_a_killed_transaction_back(base: Config, tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    killed_in_a_transaction(path, base)
    check(path)
    with RecordWriter(path) as record:
        assert record.trial("toy", KEY).reason == ""
    check(path)


def test_a_reader_that_is_open_when_a_writer_is_killed_goes_on(base: Config, tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    write(path, base)
    with RecordReader(path) as reader:
        kill_in_a_transaction(path)
        assert reader.trial("toy", KEY).reason == ""
        with RecordWriter(path) as record:
            record.update_study("toy", settings={"trials": 9})
        assert reader.study("toy").settings == {"trials": 9}  # not a copy from before


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder to fill; `with_permissions_of_a_reader` then makes it read-only."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)
        Path(name).chmod(0o755)


@contextmanager
def with_permissions_of_a_reader(folder: Path) -> Iterator[None]:
    """Makes a folder read-only for the block; root, whom permissions do not bind, runs it as nobody."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("make", [write, killed_in_a_transaction])
def test_a_record_in_a_read_only_folder_can_be_read(make: Make, base: Config, read_only_folder: Path) -> None:
    path = read_only_folder / "record.db"
    make(path, base)
    with with_permissions_of_a_reader(read_only_folder):
        before = file_states(read_only_folder)
        check(path)
        assert file_states(read_only_folder) == before


def test_readers_and_a_writer_do_not_disturb_each_other(base: Config, tmp_path: Path) -> None:
    path, failures, stop = tmp_path / "record.db", [], threading.Event()
    write(path, base)

    def read() -> None:
        try:
            while not stop.is_set():
                with RecordReader(path) as reader:
                    keys = {trial.key for trial in reader.trials("toy")}
                    assert keys <= reader.curves("toy").keys()
                    assert keys <= reader.scores_by_step("toy").keys()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    with RecordWriter(path) as record, record.lock_study("toy"):
        for number in range(1, 40):
            record.add_trial(trial_row(base, number))
            attempt = record.begin("toy", f"trial-{number:04d}").attempts
            record.report("toy", f"trial-{number:04d}", attempt, 10, {"val/accuracy": 0.5})
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_missing_or_empty_record_is_none_and_another_file_an_error(tmp_path: Path) -> None:
    with open_if_present(tmp_path / "record.db") as records:
        assert records is None
    (tmp_path / "record.db").touch()
    with open_if_present(tmp_path / "record.db") as records:
        assert records is None
    (tmp_path / "record.db").write_text("shopping list")
    with pytest.raises(UserError, match="file is not a database"), open_if_present(tmp_path / "record.db"):
        pass
