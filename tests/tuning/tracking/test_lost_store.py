"""The store is a copy: deleted, moved or reached by another path, the next command brings all of it back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from amc.config import Config
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row
from tests.tuning.tracking.finished_study import copy_to_mlflow, end_trial
from tuning.cli.studies import main
from tuning.tracking.mlflow_runs import MlflowRuns
from tuning.tracking.store import default_store, normalized, open_store, sqlite_address, sqlite_file
from tuning.tracking.store_file import UnusableStore
from tuning.tracking.sync_thread import SyncThread

pytestmark = pytest.mark.filterwarnings("default")  # MLflow's own
VOLATILE = ("amc.results", "amc.best")  # tags: a digest of documents that name the runs' ids


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a new store: making one takes seconds."""
    folder = tmp_path_factory.mktemp("empty")
    open_store(default_store(folder), folder)
    return folder / "mlflow.db"


@pytest.fixture
def runs(base: Config, tmp_path: Path, empty_store: Path) -> Path:
    """DIR with a finished study of two trials, copied to its store."""
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    with RecordWriter(folder / "toy" / "record.db") as record:
        record.create_study(study_row(base))
        for number, value in enumerate((0.5, 0.75)):
            end_trial(record, base, folder, number, value)
        (folder / "toy" / "tables").mkdir()
        (folder / "toy" / "tables" / "search.md").write_text("a table")
        copy_to_mlflow(record, folder)
    return folder


def content(runs: Path, target: str | None = None) -> dict[str, Any]:
    """All that the store has of the study, without ids."""
    target = target or default_store(runs)
    client: Any = open_store(target, runs)
    found: dict[str, Any] = {}
    for run in client.search_runs([client.get_experiment_by_name("toy").experiment_id]):
        key = run.data.tags.get("amc.trial_key", "")
        assert key not in found
        metrics = {
            name: [(at.step, at.value, at.timestamp) for at in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
        }
        tags = {name: text for name, text in run.data.tags.items() if name.startswith("amc.") and name not in VOLATILE}
        found[key] = (run.info.status, run.info.start_time, run.data.params, metrics, tags, files(client, run))
    assert set(found) == {"", "trial-0000", "trial-0001"}
    return found


def files(client: Any, run: Any) -> dict[str, bytes]:
    """The artifacts that the store gives for a run; those that name runs' ids by their names alone."""
    folder = Path(client.download_artifacts(run.info.run_id, ""))
    ids = ("summary.json", "table.txt", "MLmodel")
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): b"" if path.name in ids else path.read_bytes() for path in paths}


def best_makes_clips(target: str) -> bool:
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(target)
    try:
        model = mlflow.pyfunc.load_model("models:/toy@best")
        clips = model.predict({"image": np.zeros((1, 16, 16, 3), np.uint8), "label": np.array([1])})
    finally:
        mlflow.set_tracking_uri(before)
    return bool(clips.shape[0] == 1)


def next_command(runs: Path, target: str | None = None) -> None:
    """With other settings than before, which are parameters of the study's own run."""
    as_another_process()
    with RecordWriter(runs / "toy" / "record.db") as record:
        record.update_study("toy", settings={"trials": 4, "workers": 1})
        assert copy_to_mlflow(record, runs, target).problems == []


def as_another_process() -> None:
    """Forgets what MLflow keeps in memory of files: each command is a process of its own."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

    for engine in [*SqlAlchemyStore._engine_map.values(), *Registry._engine_map.values()]:
        engine.dispose()
    _artifact_repos_cache.clear()


def deleted(runs: Path) -> Path:
    (runs / "mlflow.db").unlink()
    return runs


def deleted_with_artifacts(runs: Path) -> Path:
    shutil.rmtree(runs / "artifacts")
    return deleted(runs)


def without_artifacts(runs: Path) -> Path:
    shutil.rmtree(runs / "artifacts")
    return runs


def moved(runs: Path) -> Path:
    return Path(shutil.move(runs, runs.with_name("else where")))


def linked(runs: Path) -> Path:
    (runs.parent / "link").symlink_to(runs)
    return runs.parent / "link"


def run_deleted(runs: Path) -> Path:
    """By the UI's button; MLflow keeps such a run until `mlflow gc`."""
    client: Any = open_store(default_store(runs), runs)
    for run in client.search_runs([client.get_experiment_by_name("toy").experiment_id]):
        client.delete_run(run.info.run_id)
    return runs


def run_gone(runs: Path) -> Path:
    client: Any = open_store(default_store(runs), runs)
    for run in client.search_runs([client.get_experiment_by_name("toy").experiment_id]):
        client.delete_run(run.info.run_id)
        client._tracking_client.store._hard_delete_run(run.info.run_id)  # what `mlflow gc` calls
    return runs


def replaced(runs: Path) -> Path:
    """By the store of another DIR, which has runs of another study of this name."""
    client: Any = open_store(default_store(runs), runs)
    experiment = client.get_experiment_by_name("toy").experiment_id
    for run in client.search_runs([experiment]):
        client.set_tag(run.info.run_id, "amc.study_id", "0" * 32)
        client.delete_run(run.info.run_id)
    for version in client.search_model_versions("name = 'toy'"):
        client.delete_model_version("toy", version.version)
    return runs


@pytest.mark.parametrize(
    "lose",
    [deleted, deleted_with_artifacts, without_artifacts, moved, linked, run_deleted, run_gone, replaced],
    ids=lambda lose: str(lose.__name__),
)
def test_the_next_command_brings_everything_back(runs: Path, lose: Callable[[Path], Path], empty_store: Path) -> None:
    before = content(runs)
    now = lose(runs)
    as_another_process()
    if not (now / "mlflow.db").exists():
        shutil.copy(empty_store, now / "mlflow.db")  # as it is made, in a fraction of the time
    next_command(now)
    after = content(now)
    params = {key: value for key, value in after[""][2].items() if key != "workers"}
    after[""] = (*after[""][:2], params, *after[""][3:])
    assert after == before
    assert best_makes_clips(default_store(now))
    next_command(now)
    assert {key: row[3:] for key, row in content(now).items()} == {key: row[3:] for key, row in before.items()}


def test_a_moved_store_can_be_read_without_its_old_place(runs: Path) -> None:
    now = moved(runs)
    next_command(now)
    assert not runs.exists()  # nothing is written to the old place
    assert main(["delete", "toy", "--out", str(now)]) == 0
    client: Any = open_store(default_store(now), now)
    assert client.search_runs([client.get_experiment_by_name("toy").experiment_id]) == []


def test_all_spellings_of_a_path_are_one_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    address = f"sqlite:///{tmp_path}/mlflow.db"
    for spelling in ("sqlite:///mlflow.db", "sqlite:///./x/../mlflow.db", f"sqlite:///{tmp_path}/link/mlflow.db"):
        assert normalized(spelling) == address
    assert default_store(Path("link")) == default_store(Path()) == address
    assert normalized("http://127.0.0.1:5000") == "http://127.0.0.1:5000"


@pytest.mark.parametrize("name", ["a b", "a#b", "50%", "a%41b", "a?b", "a?x=1&y", "a+@:;é"])
def test_any_name_of_a_folder_is_an_address(name: str, tmp_path: Path, empty_store: Path) -> None:
    runs = tmp_path / name
    runs.mkdir()
    assert sqlite_file(sqlite_address(runs / "mlflow.db")) == runs / "mlflow.db"
    shutil.copy(empty_store, runs / "mlflow.db")
    client: Any = open_store(default_store(runs), runs)
    experiment = client.create_experiment("toy", artifact_location=(runs / "artifacts" / "toy").as_uri())
    run = client.create_run(experiment).info.run_id
    client.log_text(run, "text", "text.txt")
    assert (runs / "artifacts" / "toy" / run / "artifacts" / "text.txt").read_text() == "text"
    again: Any = open_store(default_store(runs), runs)
    assert len(again.search_runs([experiment])) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


def garbage(path: Path) -> None:
    path.write_bytes(b"shopping list " * 1000)


def foreign(path: Path) -> None:
    with RecordWriter(path):
        pass


def old_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0123456789ab'")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (garbage, "is not an MLflow store (file is not a database): move it away, then rerun the same command"),
        (foreign, "is a database of another program, not an MLflow store: move it away"),
        (old_schema, "was made by another version of MLflow: move it away, then rerun the same command"),
        (folder, "is a folder: move it away"),
    ],
)
def test_a_store_that_cannot_be_used_is_named_once(
    spoil: Callable[[Path], None], said: str, record: RecordWriter, tmp_path: Path, empty_store: Path
) -> None:
    path = tmp_path / "mlflow.db"
    if spoil is not foreign:
        shutil.copy(empty_store, path)
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    lines = thread_lines(record, tmp_path)
    assert len(lines) == 1
    assert lines[0].startswith(f"MLflow gets no data: {path} {said}")
    assert before == (path.read_bytes() if path.is_file() else b"")


def thread_lines(record: RecordWriter, runs: Path) -> list[str]:
    """What the thread says at the end of a study; it gives up at once."""
    lines: list[str] = []
    thread = SyncThread(MlflowRuns(record, "toy", runs=runs, folder=runs, target=default_store(runs)), lines.append)
    thread.start()
    thread.finish("FINISHED")
    thread.join(60)
    assert not thread.is_alive()
    assert thread.unusable
    assert not thread.wait(60)
    return lines


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_a_store_that_may_not_be_written(tmp_path: Path, empty_store: Path) -> None:
    """Root may write anything, so it gives up that capability."""
    path = tmp_path / "mlflow.db"
    shutil.copy(empty_store, path)
    path.chmod(0o444)
    code = (
        "import sys; from pathlib import Path; sys.path[:0] = sys.argv[2:]\n"
        "from tuning.tracking.store_file import UnusableStore, check_database\n"
        "try: check_database(Path(sys.argv[1]))\n"
        "except UnusableStore as error: print(error)"
    )
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    done = subprocess.run([*without, sys.executable, "-c", code, str(path), *sys.path], capture_output=True, text=True)
    line = f"{path} cannot be written: change its permissions, or give another --tracking-uri\n"
    assert (done.stdout, done.stderr) == (line, "")


@pytest.mark.parametrize("error", [RuntimeError("odd"), KeyError("x"), SystemExit(3), UserWarning("a warning")])
def test_whatever_is_raised_the_thread_tries_again(
    error: BaseException, record: RecordWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uncaught: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", uncaught.append)
    lines: list[str] = []
    tracker = MlflowRuns(record, "toy", runs=tmp_path, folder=tmp_path, target=default_store(tmp_path))
    results: list[BaseException | None] = [error, None]

    def sync(**_: Any) -> None:
        result = results.pop(0)
        if result is not None:
            raise result

    monkeypatch.setattr(tracker, "sync", sync)
    thread = SyncThread(tracker, lines.append)
    thread.start()
    thread.finish("FINISHED")
    assert thread.wait(60)
    assert len(lines) == 1
    assert "the study continues" in lines[0]
    assert uncaught == []


@pytest.mark.slow
def test_warnings_that_are_errors_and_a_proxy(tmp_path: Path, empty_store: Path, record: RecordWriter) -> None:
    """In a process of its own, since both are read when Python or MLflow start; the proxy answers nobody."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    record.close()
    code = (
        "import sys; from pathlib import Path\n"
        "from analysis.record.writing import RecordWriter\n"
        "from tuning.tracking.mlflow_runs import MlflowRuns; from tuning.tracking.sync_thread import SyncThread\n"
        "folder = Path(sys.argv[1])\n"
        "from tuning.tracking.store import default_store\n"
        "with RecordWriter(folder / 'toy' / 'record.db') as record:\n"
        "    runs = MlflowRuns(record, 'toy', runs=folder, folder=folder, target=default_store(folder))\n"
        "    thread = SyncThread(runs, print); thread.start(); thread.finish('FINISHED'); print(thread.wait(300))\n"
        "import requests; print(requests.utils.should_bypass_proxies('http://127.0.0.1:5000', None))\n"
        "print(requests.utils.should_bypass_proxies('http://example.org', None))"
    )
    environment: Mapping[str, str] = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONWARNINGS": "error::DeprecationWarning,error::UserWarning",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "internal.example.org",
    }
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True", "False"], done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_an_unusable_store_is_an_error_of_a_command_that_needs_it(tmp_path: Path) -> None:
    garbage(tmp_path / "mlflow.db")
    with pytest.raises(UnusableStore, match="is not an MLflow store"):
        open_store(default_store(tmp_path), tmp_path)
