"""Where a private Ray instance keeps its files, and what its logs tell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from amc.errors import UserError
from analysis.record.connection.lock import this_process
from tuning.on_ray import session_folder as folders
from tuning.on_ray.session_folder import kill_processes, last_log_line, session_folder, worker_died_at_start


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a path that is short enough; it is all that the machine has for temporary files."""
    folder = Path("/tmp") / f"amc-{os.getpid() % 10000}"
    folder.mkdir()
    monkeypatch.setattr(folders, "_PARENTS", ())
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder  # type: ignore[misc]
    shutil.rmtree(folder)


def test_the_folder_follows_tmpdir_and_goes(short: Path) -> None:
    with session_folder() as folder:
        assert folder.parent == short
        assert len(f"{folder}/session_2026-11-29_10-29-59_750286_3189300/sockets/plasma_store") <= 107
    assert list(short.iterdir()) == []


def test_a_folder_with_a_long_path_is_not_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    assert long not in folders.parents()
    assert Path("/tmp") in folders.parents()


def test_without_any_folder_the_line_names_what_to_set(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", f"{short}/no")
    line = r"no temporary folder \(/tmp/amc-.*: No such file or directory\): set TMPDIR"
    with pytest.raises(UserError, match=line), session_folder():
        pass


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_a_folder_that_may_not_be_written(short: Path) -> None:
    """Root may write anything, so it gives up that capability."""
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from tuning.on_ray import session_folder as folders\n"
        "folders._PARENTS = ()\n"
        "try:\n    with folders.session_folder(): print('written')\n"
        "except Exception as error: print(error)"
    )
    short.chmod(0o555)
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    done = subprocess.run([*without, sys.executable, "-c", code, *sys.path], capture_output=True, text=True)
    assert done.stdout.startswith(f"Ray cannot start: it has no temporary folder ({short}: Permission denied): set")


def test_processes_of_a_killed_driver_are_ended_with_its_folder(short: Path) -> None:
    left = short / "amc-ray-12345678"
    (left / "session_1").mkdir(parents=True)
    (left / "lock").write_text(this_process())
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen([*sleep, f"--log_dir={left}/session_1"]) as its, subprocess.Popen(sleep) as other:
        with session_folder():
            assert its.wait(60) == -9
            assert not left.exists()
        assert other.poll() is None
        other.kill()


def test_a_folder_that_another_driver_has_just_made_stays(short: Path) -> None:
    """Between the two steps of making it, the folder has no lock, or one that nobody holds yet."""
    for name in ("amc-ray-12345678", "amc-ray-23456789"):
        (short / name).mkdir()
    (short / "amc-ray-23456789" / "lock").touch()
    with session_folder():
        pass
    assert sorted(path.name for path in short.iterdir()) == ["amc-ray-12345678", "amc-ray-23456789"]


def test_only_processes_of_the_folder_are_killed(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen([*sleep, f"{tmp_path}/a/x"]) as mine, subprocess.Popen([*sleep, f"{tmp_path}/ab/x"]) as other:
        kill_processes(tmp_path / "a")
        assert mine.wait(60) == -9
        assert other.poll() is None
        other.kill()


def test_the_last_line_of_a_log_is_the_workers_own(tmp_path: Path) -> None:
    """As Ray 2.60 writes it if a worker's Python does not exist."""
    logs = tmp_path / "session_latest" / "logs"
    logs.mkdir(parents=True)
    assert last_log_line(tmp_path) == ""
    assert not worker_died_at_start(tmp_path)
    (logs / "raylet.err").write_text("bash: line 1: /no/such: No such file or directory\n")
    assert not worker_died_at_start(tmp_path)
    with (logs / "raylet.err").open("a") as log:
        log.write(
            "[2026-11-29 10:34:55,146 E 4121 4121] (raylet) worker_pool.cc:660: Some workers of the worker "
            "process(4692) have not registered within the timeout. The process is dead, probably it crashed during "
            "start.\n"
        )
    assert last_log_line(tmp_path) == "bash: line 1: /no/such: No such file or directory"
    assert worker_died_at_start(tmp_path)
    (logs / "worker-0123.err").write_text("Traceback\nModuleNotFoundError: No module named 'torch'\n")
    assert last_log_line(tmp_path) == "ModuleNotFoundError: No module named 'torch'"
