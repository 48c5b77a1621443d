from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amc.config import Config
from amc.evaluation.score_sheet import ScoreSheet
from analysis.record.rows import SheetRow
from analysis.record.states import COMPLETE, FAILED, PRUNED
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import trial_row
from tuning.tracking.mlflow_runs import MlflowRuns
from tuning.tracking.store import default_store, experiment_id, open_store, ui_command
from tuning.tracking.sync_thread import SyncThread

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests of this file: making one takes seconds."""
    return Path(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def client(runs: Path) -> Any:
    return open_store(default_store(runs), runs)


@pytest.fixture
def filled(record: RecordWriter, base: Config, tmp_path: Path) -> Iterator[RecordWriter]:
    """A complete trial, a pruned one, a failed one, an interrupted one and one that never began."""
    for number in range(5):
        record.add_trial(trial_row(base, number))
    for number in range(4):
        key = f"trial-{number:04d}"
        attempt = record.begin("toy", key).attempts
        record.mark_started("toy", key, attempt)
        for step in range(5, 5 * (4 - number) + 1, 5):
            record.report("toy", key, attempt, step, {"val/accuracy": step / 20, "loss/gan": 1 / step})
    record.finish("toy", "trial-0000", 1, COMPLETE, value=1.0, scores={"test/accuracy": 0.75})
    record.finish("toy", "trial-0001", 1, PRUNED)
    record.finish("toy", "trial-0002", 1, FAILED, reason="FloatingPointError: loss/gan not finite by step 12")
    pictures = tmp_path / "toy" / "samples" / "trial-0000"
    pictures.mkdir(parents=True)
    (pictures / "strip.png").write_bytes(b"picture")
    return record  # type: ignore[return-value]


def project(record: RecordWriter, runs: Path, tmp_path: Path, status: str = "RUNNING") -> MlflowRuns:
    mlflow_runs = MlflowRuns(record, "toy", runs=runs, folder=tmp_path / "toy", target=default_store(runs))
    mlflow_runs.sync(study_status=status)
    return mlflow_runs


def found(client: Any, record: RecordWriter) -> dict[str, Any]:
    place = client.get_experiment_by_name("toy")
    query = f"tags.`amc.study_id` = '{record.study('toy').uid}'"
    runs = client.search_runs([place.experiment_id], filter_string=query)
    keys = [run.data.tags.get("amc.trial_key", "study") for run in runs]
    assert len(keys) == len(set(keys)), "a run was made twice"
    return dict(zip(keys, runs, strict=True))


def curve(client: Any, run: Any, name: str) -> list[tuple[int, float, int]]:
    history = client.get_metric_history(run.info.run_id, name)
    return sorted((metric.step, metric.value, metric.timestamp) for metric in history)


def test_the_store_has_what_the_record_has(filled: RecordWriter, client: Any, runs: Path, tmp_path: Path) -> None:
    project(filled, runs, tmp_path)
    there = found(client, filled)
    assert {key: run.info.status for key, run in there.items()} == {
        "study": "RUNNING",
        "trial-0000": "FINISHED",
        "trial-0001": "KILLED",
        "trial-0002": "FAILED",
        "trial-0003": "RUNNING",
    }
    best = there["trial-0000"]
    assert best.data.tags["amc.role"] == "trial"
    assert best.data.tags["amc.origin"] == "procedural"
    assert best.data.tags["amc.fingerprint"] == "f" * 64
    assert best.data.tags["mlflow.parentRunId"] == there["study"].info.run_id
    assert there["study"].data.tags["amc.role"] == "study"
    assert best.data.params["weights.rank"] == "100.0"
    assert "weights.rank" not in best.data.metrics
    assert best.data.metrics["test/accuracy"] == 0.75
    expected = [(p.step, p.metrics["val/accuracy"], p.timestamp) for p in filled.points("toy") if p.key == "trial-0000"]
    assert curve(client, best, "val/accuracy") == expected
    assert [file.path for file in client.list_artifacts(best.info.run_id, "samples")] == ["samples/strip.png"]
    assert (runs / "artifacts" / "toy").is_dir()
    assert "not finite" in there["trial-0002"].data.tags["amc.reason"]
    assert {trial.mlflow_run_id for trial in filled.trials("toy")} == {
        *(run.info.run_id for key, run in there.items() if key != "study"),
        None,
    }


def test_a_trial_pruned_between_two_readings_of_the_record(
    filled: RecordWriter, client: Any, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is read before its last point, and its pictures are there only when the point is copied."""
    points = filled.points

    def prune_after_reading(study: str, *, after: int) -> Any:
        read = points(study, after=after)
        monkeypatch.undo()
        filled.report("toy", "trial-0003", 1, 10, {"val/accuracy": 0.1})
        filled.finish("toy", "trial-0003", 1, PRUNED)
        return read

    monkeypatch.setattr(filled, "points", prune_after_reading)
    mlflow_runs = project(filled, runs, tmp_path)
    assert found(client, filled)["trial-0003"].info.status == "KILLED"
    pictures = tmp_path / "toy" / "samples" / "trial-0003"
    pictures.mkdir(parents=True)
    (pictures / "strip.png").write_bytes(b"picture")
    mlflow_runs.sync(study_status="FINISHED")
    there = found(client, filled)["trial-0003"]
    assert [step for step, _, _ in curve(client, there, "val/accuracy")] == [5, 10]
    assert [file.path for file in client.list_artifacts(there.info.run_id, "samples")] == ["samples/strip.png"]


def test_projecting_twice_is_projecting_once(filled: RecordWriter, client: Any, runs: Path, tmp_path: Path) -> None:
    project(filled, runs, tmp_path)
    before = found(client, filled)
    project(filled, runs, tmp_path)
    after = found(client, filled)
    assert {key: run.to_dictionary() for key, run in after.items()} == {
        key: run.to_dictionary() for key, run in before.items()
    }


def sheet(created: float, **numbers: float) -> SheetRow:
    content = ScoreSheet((0, 1), (0, 0), (0, 0), numbers=numbers).to_dict()
    return SheetRow("toy", "trial-0000", "scorer", created, content)


def test_a_run_that_is_scored_again_has_its_new_scores_and_its_sheet(
    filled: RecordWriter, client: Any, runs: Path, tmp_path: Path
) -> None:
    project(filled, runs, tmp_path)
    first = found(client, filled)["trial-0000"]
    assert [file.path for file in client.list_artifacts(first.info.run_id)] == ["samples"]
    made = time.time() + 60
    filled.put_score_sheet(sheet(made, fvd=3.0), {"test/accuracy": 0.5, "test/psnr": 20.0})
    for _ in range(2):  # the second time there is nothing left to copy
        project(filled, runs, tmp_path)
    run = found(client, filled)["trial-0000"]
    assert (run.info.status, run.info.end_time) == ("FINISHED", first.info.end_time)
    assert run.data.metrics["test/accuracy"] == 0.5
    by_time = sorted(curve(client, run, "test/accuracy"), key=lambda row: row[2])
    assert [row[:2] for row in by_time] == [(20, 0.75), (20, 0.5)]
    assert by_time[1][2] == round(made * 1000)
    assert len(curve(client, run, "test/psnr")) == len(curve(client, run, "trial/seconds")) == 1
    artifact = Path(run.info.artifact_uri.removeprefix("file://")) / "sheet.json"
    assert ScoreSheet.from_dict(json.loads(artifact.read_text())).numbers == {"fvd": 3.0}
    artifact.write_text("a mark")
    project(filled, runs, tmp_path)
    assert artifact.read_text() == "a mark"


def test_a_tracker_that_died_after_it_copied_a_new_score(
    filled: RecordWriter, client: Any, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(filled, runs, tmp_path)
    filled.put_score_sheet(sheet(time.time() + 60), {"test/accuracy": 0.5})
    with monkeypatch.context() as patch:
        patch.setattr(filled, "set_mlflow_cursors", lambda *_: None)  # nothing is noted
        project(filled, runs, tmp_path)
    project(filled, runs, tmp_path)
    run = found(client, filled)["trial-0000"]
    assert [value for _, value, _ in curve(client, run, "test/accuracy")] == [0.5, 0.75]


def test_a_tracker_that_died_before_it_noted_anything(
    filled: RecordWriter, client: Any, runs: Path, tmp_path: Path
) -> None:
    """All was copied, nothing was noted: runs are found again by their tags, and no point counts twice."""
    project(filled, runs, tmp_path)
    before = found(client, filled)
    with filled._write() as connection:
        connection.exec_driver_sql("delete from projection")
    project(filled, runs, tmp_path)
    after = found(client, filled)
    assert {key: run.info.run_id for key, run in after.items()} == {key: run.info.run_id for key, run in before.items()}
    for key, run in after.items():
        if key != "study":
            steps = [step for step, _, _ in curve(client, run, "val/accuracy")]
            assert steps == [point.step for point in filled.points("toy") if point.key == key]


def test_a_run_left_running_is_set_right(filled: RecordWriter, client: Any, runs: Path, tmp_path: Path) -> None:
    project(filled, runs, tmp_path)
    filled.requeue_running("toy")
    project(filled, runs, tmp_path, "SCHEDULED")
    assert found(client, filled)["trial-0003"].info.status == "SCHEDULED"
    attempt = filled.begin("toy", "trial-0003").attempts
    filled.report("toy", "trial-0003", attempt, 10, {"val/accuracy": 0.5})
    filled.finish("toy", "trial-0003", attempt, COMPLETE, value=0.5)
    project(filled, runs, tmp_path, "FINISHED")
    there = found(client, filled)
    assert there["trial-0003"].info.status == "FINISHED"
    assert [step for step, _, _ in curve(client, there["trial-0003"], "val/accuracy")] == [5, 10]
    assert there["study"].info.status == "FINISHED"
    assert there["study"].data.tags["amc.best"] == "trial-0000"


def test_more_points_than_a_batch_may_have(
    record: RecordWriter, base: Config, client: Any, runs: Path, tmp_path: Path
) -> None:
    record.add_trial(trial_row(base))
    record.begin("toy", "trial-0000")
    record.mark_started("toy", "trial-0000", 1)
    for step in range(1, 32):
        record.report("toy", "trial-0000", 1, step, {"val/accuracy": 0.0, **{f"loss/{i}": 1.0 for i in range(39)}})
    project(record, runs, tmp_path)
    run = found(client, record)["trial-0000"]
    assert [step for step, _, _ in curve(client, run, "loss/38")] == list(range(1, 32))


def test_a_store_that_does_not_answer_keeps_nothing_up(record: RecordWriter, base: Config, tmp_path: Path) -> None:
    record.add_trial(trial_row(base))
    record.begin("toy", "trial-0000")
    said: list[str] = []
    target = "http://127.0.0.1:9"  # nothing listens on the discard port
    sync_thread = SyncThread(
        MlflowRuns(record, "toy", runs=tmp_path, folder=tmp_path / "toy", target=target), said.append
    )
    sync_thread.start()
    sync_thread.finish("FINISHED")
    assert not sync_thread.wait(3)
    assert len(said) == 1
    assert "does not answer" in said[0]


def test_a_fresh_store_opened_by_many_at_once(tmp_path: Path) -> None:
    """Threads of one process; the slow tests do it with processes."""
    found: list[str] = []

    def use() -> None:
        client = open_store(default_store(tmp_path), tmp_path)
        found.append(experiment_id(client, "toy", default_store(tmp_path), tmp_path))

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_a_store_whose_maker_was_killed_is_made_again(tmp_path: Path) -> None:
    """MLflow's own way of making one, killed in the middle, leaves a file that it can never open."""
    script = textwrap.dedent(f"""
        import os, sys
        sys.path[:0] = {sys.path!r}
        from pathlib import Path
        import sqlalchemy
        from tuning.tracking.store import default_store, open_store
        seen = []
        def count(*arguments):
            seen.append(1)
            if len(seen) == 150:
                os.kill(os.getpid(), 9)
        sqlalchemy.event.listen(sqlalchemy.engine.Engine, "before_cursor_execute", count)
        open_store(default_store(Path({str(tmp_path)!r})), Path({str(tmp_path)!r}))
    """)
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == -9
    assert (tmp_path / ".mlflow.db.partial").is_file()
    assert open_store(default_store(tmp_path), tmp_path).search_experiments()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [".mlflow.db.lock", "mlflow.db"]


def test_the_command_that_shows_the_store(tmp_path: Path) -> None:
    assert ui_command(default_store(tmp_path)) == (
        f"{sys.executable} -m mlflow ui --backend-store-uri sqlite:///{tmp_path}/mlflow.db --host 127.0.0.1"
    )
    assert ui_command("http://127.0.0.1:5000") == "http://127.0.0.1:5000"
