"""Records of earlier schema versions: read as they are, upgraded by writers."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from amc.config import Config
from analysis.record import upgrading
from analysis.record.reading import RecordReader
from analysis.record.schema import SCHEMA_VERSION, VERSIONS, command_table, metadata, schema_table
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row, trial_row

ROOT = Path(__file__).resolve().parents[3]
ADDED = {4: [command_table]}  # tables by the schema version that added them


def downgrade(url: str, version: int) -> None:
    """Makes a record what it was in an earlier schema version."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for later in range(version + 1, SCHEMA_VERSION + 1):
            for table in ADDED.get(later, ()):
                table.drop(connection)
        connection.execute(sa.update(schema_table).values(version=version))
    engine.dispose()


def make_version_3(path: Path, base: Config) -> None:
    with RecordWriter(path) as record:
        record.create_study(study_row(base))
        record.add_trial(trial_row(base))
    downgrade(f"sqlite:///{path}", 3)


def version(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        (found,) = connection.execute("select version from amc_schema").fetchone()
    return int(found)


def test_a_version_3_record_is_read_as_it_is(tmp_path: Path, base: Config) -> None:
    path = tmp_path / "record.db"
    make_version_3(path, base)
    before = path.read_bytes()
    with RecordReader(path) as records:
        assert [trial.key for trial in records.trials("toy")] == ["trial-0000"]
        assert records.commands("toy") == []
        assert path.read_bytes() == before
        with RecordWriter(path) as record:  # upgrades it while it is being read
            record.add_command("toy", "1" * 32, "ann@here", "pause", {})
        assert [command.kind for command in records.commands("toy")] == ["pause"]


def test_a_writer_upgrades_a_record_to_the_tables_of_a_new_one(tmp_path: Path, base: Config) -> None:
    path = tmp_path / "record.db"
    make_version_3(path, base)
    with RecordWriter(path) as record:
        assert [trial.key for trial in record.trials("toy")] == ["trial-0000"]
        with record.engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert version(path) == SCHEMA_VERSION


def test_an_upgrade_that_is_killed_leaves_the_record_as_it_was(tmp_path: Path, base: Config) -> None:
    path = tmp_path / "record.db"
    make_version_3(path, base)
    command = f"""
import os, signal
from analysis.record import upgrading
from analysis.record.writing import RecordWriter
add = upgrading._STEPS[3]
def add_and_die(operations):
    add(operations)
    os.kill(os.getpid(), signal.SIGKILL)
upgrading._STEPS[3] = add_and_die
RecordWriter({str(path)!r})
"""
    killed = subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    with RecordReader(path) as records:
        assert records.commands("toy") == []
        assert len(records.trials("toy")) == 1
    assert version(path) == 3
    with RecordWriter(path) as record:
        record.add_command("toy", "1" * 32, "ann@here", "pause", {})
    assert version(path) == SCHEMA_VERSION


def _open(path: Path) -> None:
    RecordWriter(path).close()


def test_two_processes_may_upgrade_a_record_at_once(tmp_path: Path, base: Config) -> None:
    path = tmp_path / "record.db"
    make_version_3(path, base)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.map(_open, [path] * 8, chunksize=1)
    assert version(path) == SCHEMA_VERSION


@pytest.mark.parametrize("step", upgrading._STEPS)
def test_every_step_starts_from_a_version_that_is_read(step: int) -> None:
    assert step in VERSIONS[:-1]
