"""A disk that is really full: the study ends with one line, its record is whole, and with room again it goes on."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from analysis.record.states import FAILED
from tests.disks import mount, small_disk
from tests.tuning.killing import Search, Witness, check_the_end
from tests.tuning.toy_command import Toy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.filterwarnings("default")]  # MLflow's own
ROOM, MORE = "64m", "256m"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 64 MB."""
    with small_disk(tmp_path / "disk", ROOM) as folder:
        yield folder


def resize(disk: Path, size: str) -> None:
    done = mount("-o", f"remount,size={size}", str(disk))
    assert done.returncode == 0, done.stderr


def fill(disk: Path) -> None:
    """Takes every byte that is left."""
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        for size in (1 << 20, 1 << 12):
            try:
                while ballast.write(bytes(size)) == size:
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def is_whole(record: Path) -> bool:
    with closing(sqlite3.connect(record)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


def stops_for_want_of_room(search: Search, witness: Witness, code: int) -> None:
    """One line that names the folder and says what to do; nothing is lost, no trial has failed."""
    printed = search.printed()
    assert code == 2, printed
    assert "Traceback" not in printed
    errors = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, printed
    assert str(search.runs) in errors[0]
    assert "rerun the same command" in errors[0]
    assert "space" in errors[0] or "full" in errors[0]
    assert is_whole(search.folder / "record.db")
    look = search.look()
    witness.saw(look)
    assert FAILED not in {trial.state for trial in look.trials.values()}


def test_a_disk_that_is_too_small_and_then_fills_up_while_trials_train(disk: Path, tmp_path: Path) -> None:
    resize(disk, "1m")  # the record has room there, a checkpoint and MLflow's database have not
    search, witness = Search(tmp_path, 4, 100, 10, runs=disk / "runs"), Witness()
    stops_for_want_of_room(search, witness, search.end(search.start()))
    resize(disk, ROOM)
    driver = search.start()
    look = search.wait(driver, lambda look: len(look.points) >= 3 and bool(look.training))
    assert look is not None, search.printed()
    witness.saw(look)
    fill(disk)
    stops_for_want_of_room(search, witness, search.end(driver))
    # Still full: the same again, and still nothing is lost.
    stops_for_want_of_room(search, witness, search.end(search.start()))
    resize(disk, MORE)
    assert search.end(search.start()) == 0, search.printed()
    check_the_end(search, witness)


def test_a_full_disk_under_mlflow_alone_ends_no_training(disk: Path, tmp_path: Path) -> None:
    target = f"sqlite:///{disk}/mlflow.db"
    toy = Toy(tmp_path, 4, target, pause=0.1)
    process = toy.start(flush=5.0)
    toy.wait(process, 3)
    fill(disk)
    toy.end(process)
    assert f"MLflow at {target} does not answer" in toy.printed()
    assert "will be copied to MLflow later from its record" in toy.printed()
    points = toy.points()
    resize(disk, MORE)
    toy.end(toy.start())
    assert toy.points() == points
    toy.check()
