"""Studies of toy trials on Ray that score their runs, with something to do before and after: stopped in each part."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from amc.evaluation.score_sheet import ScoreSheet
from analysis.record.reading import RecordReader
from analysis.record.states import COMPLETE
from tests.tuning import toy_trials
from tests.tuning.on_ray.test_runner import end, exactly_once, start, tracked
from tuning.tracking.store import default_store, open_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.filterwarnings("default")]  # MLflow's own
CLIPS = 5_000  # of a sheet of 100 kB
SLOW = 3000.0  # seconds of a hook that is going to be interrupted; `end` does not wait for it


def stopped(process: subprocess.Popen[str], begun: Path) -> str:
    """SIGTERM when the file is there: the command ends before the hook would; what it printed."""
    deadline = time.monotonic() + 600
    while not begun.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    code, errors = end(process)
    assert code == 130, errors
    assert "Traceback" not in errors
    return errors


def test_a_study_is_stopped_in_every_part_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    stopped(start(tmp_path, 2, clips=CLIPS, before=SLOW, results=0.0), folder / "before" / "begun")
    with RecordReader(folder / "record.db") as records:
        assert records.study("toy").settings["trials"] == 2
        assert records.trials("toy") == []
    assert not (folder / "tables").exists()
    stopped(start(tmp_path, 2, clips=CLIPS, before=0.0, results=SLOW), folder / "tables" / "begun")
    assert (folder / "before" / "trials").read_text() == "0\n"
    assert not (folder / "tables" / "trials").exists()
    assert {run.info.status for run in tracked(tmp_path) if run.data.tags["amc.role"] == "study"} == {"SCHEDULED"}
    with RecordReader(folder / "record.db") as records:
        rows = {row.key: row for row in records.trials("toy")}
    code, errors = end(start(tmp_path, 2, clips=CLIPS, before=0.0, results=0.0))
    assert code == 0, errors
    assert exactly_once(tmp_path, 2) == rows  # trained once, before the second stop
    assert (folder / "tables" / "trials").read_text() == f"{len(rows)}\n"
    with RecordReader(folder / "record.db") as records:
        sheets = records.score_sheets("toy")
    assert set(sheets) == {key for key, row in rows.items() if row.state == COMPLETE}
    expected = ScoreSheet.from_dict(toy_trials.sheet(CLIPS))
    client = open_store(default_store(tmp_path), tmp_path)
    for run in tracked(tmp_path):
        key = run.data.tags.get("amc.trial_key")
        files = {file.path for file in client.list_artifacts(run.info.run_id)}
        if key is None:
            assert "tables" in files
        elif key in sheets:
            assert sheets[key].sheet == expected
            content = json.loads(Path(client.download_artifacts(run.info.run_id, "sheet.json")).read_text())
            assert ScoreSheet.from_dict(content) == expected
        else:
            assert "sheet.json" not in files
    assert len(json.dumps(toy_trials.sheet(CLIPS))) > 90_000
