from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from amc.config import Config
from amc.evaluation.score_sheet import REAL
from analysis.record.connection.lock import study_lock
from analysis.record.rows import MlflowCursor, SheetRow
from analysis.record.states import COMPLETE
from analysis.record.writing import RecordWriter
from tests.file_states import file_states
from tests.tuning.toy_rows import study_row, trial_row
from tuning.cli.studies import main


@pytest.fixture
def out(record: RecordWriter, base: Config, tmp_path: Path) -> Path:
    record.add_trial(trial_row(base))
    record.add_trial(trial_row(base, 1))
    record.begin("toy", "trial-0000")
    record.finish("toy", "trial-0000", 1, COMPLETE, value=0.5)
    return tmp_path


def test_list(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--out", str(out)]) == 0
    assert capsys.readouterr().out == "toy: toy (procedural), smoke; 1 WAITING, 1 COMPLETE; best 50.0%\n"
    with study_lock(out / "toy" / ".lock", "toy"):
        main(["list", "--out", str(out), "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["running"]
    assert main(["list", "--out", str(out / "nothing")]) == 0
    assert "no studies" in capsys.readouterr().out


def test_status(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "toy", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"trial-0000 +50\.0 .*COMPLETE", shown)
    assert "status: not running" in shown
    assert main(["status", "other", "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"error: no study 'other' in {out}; studies there: toy\n"


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["status", "toy"], ["status", "toy", "--json"]])
def test_listing_studies_changes_nothing(command: list[str], out: Path, record: RecordWriter) -> None:
    with study_lock(out / "toy" / ".lock", "toy"), record.lock_study("toy"):
        pass  # leaves lock files
    record.close()
    before = file_states(out)
    assert main([*command, "--out", str(out)]) == 0
    assert file_states(out) == before


def test_delete(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (out / "toy" / "generators").mkdir()
    (out / "toy" / "generators" / "trial-0000.safetensors").write_bytes(b"a generator")
    with study_lock(out / "toy" / ".lock", "toy"):
        assert main(["delete", "toy", "--out", str(out)]) == 2
    assert "is being run by process" in capsys.readouterr().err
    assert main(["delete", "toy", "--out", str(out)]) == 0
    assert not (out / "toy").exists()
    assert main(["delete", "toy", "--out", str(out)]) == 2


def test_one_record_that_cannot_be_used_hides_no_other(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (out / "broken").mkdir()
    (out / "broken" / "record.db").write_text("shopping list")
    assert main(["list", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("toy: ")
    assert shown.err.startswith("skipped: ")
    assert len(shown.err.splitlines()) == 1


def test_a_study_can_be_deleted_when_its_store_is_gone(
    out: Path, record: RecordWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = out / "moved" / "mlflow.db"
    record.set_mlflow_cursors("toy", f"sqlite:///{gone}", {"trial-0000": MlflowCursor("0123")})
    assert main(["delete", "toy", "--out", str(out)]) == 0, capsys.readouterr().err
    assert not gone.parent.exists()


def test_sheets_are_deleted_with_their_study_alone(
    tmp_path: Path, base: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a record that two studies share, and with tables made."""
    shared = str(tmp_path / "shared.db")
    sheet = SheetRow("toy", "trial-0000", "scorer", 1.0, {})
    with RecordWriter(shared) as record:
        for name in ("toy", "other"):
            record.create_study(study_row(base, name))
            record.add_trial(trial_row(base, study=name))
            record.put_score_sheet(replace(sheet, study=name), {"test/accuracy": 0.5})
            record.put_score_sheet(replace(sheet, study=name, key=REAL))
    for part in ("generators", "tables"):
        (tmp_path / "toy" / part).mkdir(parents=True)
    assert main(["status", "toy", "--out", str(tmp_path), "--record", shared]) == 0
    assert main(["delete", "toy", "--out", str(tmp_path), "--record", shared]) == 0, capsys.readouterr().err
    assert not (tmp_path / "toy").exists()
    with RecordWriter(shared) as record:
        assert record.score_sheets("toy") == {}
        assert set(record.score_sheets("other")) == {"trial-0000", REAL}
