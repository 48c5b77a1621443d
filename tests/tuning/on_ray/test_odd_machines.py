"""Studies of toy trials by their real command, on machines and in folders that are unlike a developer's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.record.reading import RecordReader
from analysis.record.states import COMPLETE

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # MLflow's own
# Another entry point than `python -m`, which would put the current folder first on the driver's own path.
DRIVER = f"import sys; sys.path[0] = {str(ROOT)!r}; from tests.tuning.toy_study import main; from pathlib import Path; "
DRIVER += "from amc.cli.command import run; import json; "
DRIVER += "sys.exit(run(lambda: main(Path(sys.argv[1]), int(sys.argv[2]), {}, *sys.argv[3:])))"


def command(folder: Path, trials: int, *more: str, python: str = sys.executable) -> list[str]:
    return [python, "-c", DRIVER, str(folder), str(trials), *more]


def test_a_path_with_a_space_another_package_of_our_name_and_no_home(tmp_path: Path) -> None:
    """All at once, because each takes a start of Ray: they would break a study at different places."""
    spaced = tmp_path / "my tools"
    spaced.mkdir()
    (spaced / "venv").symlink_to(Path(sys.prefix))
    for name in ("analysis", "tuning", "amc"):
        (tmp_path / "work" / name).mkdir(parents=True)
        (tmp_path / "work" / name / "__init__.py").write_text(f"raise RuntimeError('not our {name}')")
    runs = tmp_path / "runs#1 50%"
    environment = {name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "AMC_CACHE")}
    environment |= {"HOME": str(tmp_path / "none"), "RAY_AUTH_TOKEN_PATH": "/nowhere", "AMC_CACHE": "cache"}
    python = str(spaced / "venv" / "bin" / "python")
    done = subprocess.run(
        command(runs, 1, python=python),
        cwd=tmp_path / "work",
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    with RecordReader(runs / "toy" / "record.db") as records:
        assert [trial.state for trial in records.trials("toy")] == [COMPLETE, COMPLETE]
    assert (runs / "mlflow.db").stat().st_size
    assert sorted(path.name for path in runs.iterdir()) == [".mlflow.db.lock", "artifacts", "mlflow.db", "toy"]


def test_a_worker_that_cannot_start_ends_the_study(tmp_path: Path) -> None:
    """Ray is told of a Python that does not exist, as where quoting it goes wrong."""
    code = "from tuning.on_ray import ray_session, start_problems; start_problems.DIED_SECONDS = 2.0; "
    code += "ray_session.python_command = lambda: {'py_executable': '/no/such python'}; "
    started = [sys.executable, "-c", code + DRIVER, str(tmp_path), "1"]
    done = subprocess.run(started, cwd=tmp_path, capture_output=True, text=True, timeout=400)
    assert done.returncode == 2, done.stderr
    error = next(line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert "no worker can be started on this machine (its log: bash: line 1: /no/such: No such file" in error
    assert "Traceback" not in done.stderr


def test_ray_that_cannot_start_leaves_nothing(tmp_path: Path) -> None:
    limited = ["bash", "-c", 'ulimit -n 200; exec "$@"', "_"]
    record = tmp_path / "central.db"
    for more in ([], [str(record)]):
        done = subprocess.run(
            [*limited, *command(tmp_path / "runs", 1, *more)], cwd=tmp_path, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 2, done.stderr
        line = "error: Ray cannot start: the limit of open files is 200; raise it: ulimit -n 1024"
        assert done.stderr.splitlines() == [line]
        assert list(tmp_path.iterdir()) == []


def test_two_ctrl_c_leave_no_process(tmp_path: Path) -> None:
    started = [sys.executable, "-m", "tests.tuning.toy_study", str(tmp_path), "2", json.dumps({"pause": 5.0})]
    with subprocess.Popen(started, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True) as driver:
        deadline = time.monotonic() + 300
        while not list(tmp_path.glob("toy/steps.txt")):
            assert driver.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        mine = f"_{driver.pid}/"  # ends the name of Ray's session folder
        assert daemons(mine)
        driver.send_signal(signal.SIGINT)
        time.sleep(0.5)
        driver.send_signal(signal.SIGINT)
        assert driver.wait(60) == 130
        deadline = time.monotonic() + 60
        while daemons(mine) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert daemons(mine) == []


def daemons(mark: str) -> list[str]:
    """Command lines of Ray's processes of a session."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "amc-ray-" in text and mark in text:
            found.append(text[:100])
    return found
