"""DIR/STUDY belongs to one study: a record that does not have it neither uses nor deletes its files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from amc.config import Config
from amc.errors import UserError
from analysis.record.states import COMPLETE
from analysis.record.writing import RecordWriter
from tests.file_states import file_states
from tests.tuning.toy_rows import study_row, trial_row
from tuning.cli.studies import main as studies
from tuning.engine.folder_owner import FILE, check_owner, write_owner

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(record: RecordWriter, base: Config, tmp_path: Path) -> Path:
    """A study's folder with a checkpoint of its only trial."""
    record.add_trial(trial_row(base))
    record.begin("toy", "trial-0000")
    record.finish("toy", "trial-0000", 1, COMPLETE, value=0.5)
    checkpoint = tmp_path / "toy" / "checkpoints" / "trial-0000" / "attempt-1" / "checkpoint.safetensors"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"the best")
    return tmp_path / "toy"


def own(folder: Path, address: Path | None = None) -> None:
    address = address or folder / "record.db"
    with RecordWriter(address) as record:
        write_owner(folder, record.study("toy").uid, address)


def refused(folder: Path, address: Path | str) -> str:
    before = file_states(folder.parent)
    with pytest.raises(UserError) as caught:
        check_owner(folder, "toy", address)
    assert file_states(folder.parent) == before
    return str(caught.value)


def test_its_own_record_is_accepted_wherever_it_has_been_moved(folder: Path, tmp_path: Path) -> None:
    check_owner(folder, "toy", folder / "record.db")  # of a version that wrote no owner
    own(folder)
    check_owner(folder, "toy", folder / "record.db")
    shutil.move(folder / "record.db", tmp_path / "moved.db")
    check_owner(folder, "toy", tmp_path / "moved.db")
    check_owner(tmp_path / "new", "new", tmp_path / "new" / "record.db")


def test_a_record_made_with_another_option_is_named(folder: Path, base: Config, tmp_path: Path) -> None:
    elsewhere = tmp_path / "central.db"
    shutil.move(folder / "record.db", elsewhere)
    own(folder, elsewhere)
    line = refused(folder, folder / "record.db")
    assert line.startswith(f"{folder} belongs to the study in sqlite:///{elsewhere}, not in sqlite:///{folder}")
    assert f"rerun with --record sqlite:///{elsewhere} to resume it" in line
    own(folder, elsewhere)
    with RecordWriter(tmp_path / "other.db") as other:
        other.create_study(study_row(base))
    assert f"rerun with --record sqlite:///{elsewhere} to resume it" in refused(folder, tmp_path / "other.db")


def test_the_default_record_is_named_by_leaving_the_option_out(folder: Path, tmp_path: Path) -> None:
    own(folder)
    assert "rerun without --record to resume it" in refused(folder, tmp_path / "other.db")


@pytest.mark.parametrize("marked", [True, False])
def test_a_record_that_was_lost(folder: Path, marked: bool) -> None:
    if marked:
        own(folder)
    (folder / "record.db").unlink()
    line = refused(folder, folder / "record.db")
    assert line.startswith(f"{folder} has results of a study that is not in sqlite:///{folder}/record.db: restore")


def test_a_record_that_was_lost_and_made_anew(folder: Path, base: Config) -> None:
    own(folder)
    (folder / "record.db").unlink()
    with RecordWriter(folder / "record.db") as record:
        record.create_study(study_row(base))
    assert "has results of a study that is not in" in refused(folder, folder / "record.db")


def test_the_owner_holds_no_password(folder: Path) -> None:
    write_owner(folder, "0" * 32, "postgresql://me:secret@host/records")
    assert "secret" not in (folder / FILE).read_text()
    assert "--record postgresql+psycopg://me@host/records" in refused(folder, folder / "other.db")


def test_deleting_a_study_of_another_record_leaves_the_folder(
    folder: Path, base: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own(folder)
    other = tmp_path / "other.db"
    with RecordWriter(other) as record:
        record.create_study(study_row(base))
    assert studies(["delete", "toy", "--out", str(tmp_path), "--record", str(other)]) == 2
    assert "belongs to the study in" in capsys.readouterr().err
    assert (folder / "checkpoints" / "trial-0000" / "attempt-1" / "checkpoint.safetensors").is_file()


def test_the_command_refuses_and_changes_nothing(folder: Path, tmp_path: Path) -> None:
    own(folder)
    before = {path: content for path, (content, *_) in file_states(folder).items()}
    command = [sys.executable, "-m", "tests.tuning.toy_study", str(tmp_path), "1", "{}", str(tmp_path / "forgot.db")]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert re.fullmatch(r"error: .* belongs to the study in .*: rerun without --record .*\n", done.stderr)
    after = {path: content for path, (content, *_) in file_states(folder).items() if path != ".lock"}
    assert after == before
    assert not (tmp_path / "forgot.db").exists()
