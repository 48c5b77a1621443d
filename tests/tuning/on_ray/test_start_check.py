"""What Ray needs of a machine: each lack is one line that names what to set, at once."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amc import cgroups
from amc.errors import UserError
from tuning.on_ray import start_check
from tuning.on_ray.ray_session import StartWatch, _environment, dead_child
from tuning.on_ray.start_check import check_machine, raised_limit
from tuning.on_ray.worker_path import ROOT, python_command, without_current_folder, worker_pythonpath

CODE = """from tuning.on_ray.start_check import *
try:
    check_machine(2)
    print('fine')
except UserError as error:
    print(error)
"""


def checked(*wrap: str, limits: str = "") -> str:
    """What the check says in a process of its own."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    shell = ["bash", "-c", f'{limits} exec "$@"', "_", *wrap, sys.executable, "-c", CODE]
    done = subprocess.run(shell, env=environment, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot be tried here: {done.stderr.splitlines()[-1:]}")
    return done.stdout.strip()


def test_this_machine_is_fine() -> None:
    check_machine(2)


def test_a_soft_limit_is_raised_and_a_hard_one_is_named() -> None:
    assert checked(limits="ulimit -S -n 64;") == "fine"
    line = "Ray cannot start: the limit of open files is 200; raise it: ulimit -n 1024"
    assert checked(limits="ulimit -n 200;") == line


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to become another user")
def test_a_limit_of_processes_is_named() -> None:
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    said = checked(*as_nobody, limits="ulimit -u 100;")
    assert said.startswith("Ray cannot start: the process limit of this user is 100 and ")
    assert "raise the limit: ulimit -u " in said


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("unshare") is None, reason="needs root and unshare")
def test_a_machine_without_loopback() -> None:
    said = checked("unshare", "--net")
    assert said.startswith("Ray cannot start: 127.0.0.1 does not answer (")
    assert said.endswith("activate the loopback interface: ip link set lo up")


def test_a_container_with_few_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "free_processes", lambda: 50)
    with pytest.raises(UserError, match=r"may start 50 more processes, and Ray needs about 600; raise its limit"):
        check_machine(2)


def test_limits_are_not_raised_beyond_what_closing_files_can_take() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert raised_limit(resource.RLIMIT_NOFILE) == max(before[0], min(before[1], start_check.MOST_FILES))


def test_a_path_with_a_space_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/my venv/bin/python")
    assert python_command() == {"py_executable": "'/opt/my venv/bin/python'"}
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    assert python_command() == {}


def test_workers_import_from_the_checkout_and_not_from_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"lib:/opt/b::{ROOT}")
    assert worker_pythonpath() == f"{ROOT}:{tmp_path}/lib:/opt/b"
    empty = tmp_path / "empty"
    empty.mkdir()
    with without_current_folder(empty):
        assert Path.cwd() == empty
    assert Path.cwd() == tmp_path
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with without_current_folder(empty):
        assert Path.cwd() == empty


def test_a_session_has_a_token_of_its_own_and_absolute_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No file in the home folder is needed, and the token of a cluster is not used."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/nowhere/token")
    monkeypatch.setenv("AMC_CACHE", "cache")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    with _environment():
        assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
        assert os.environ["AMC_CACHE"] == str(tmp_path / "cache")
    assert "RAY_AUTH_TOKEN" not in os.environ
    assert os.environ["AMC_CACHE"] == "cache"


def test_a_process_of_ray_that_ended_interrupts_the_start(tmp_path: Path) -> None:
    program = tmp_path / "gcs_server"
    shutil.copy(shutil.which("true") or "/bin/true", program)
    assert dead_child() == ""
    child = subprocess.Popen([program])
    watch = StartWatch(tmp_path)
    try:
        watch.start()
        with pytest.raises(KeyboardInterrupt):
            time.sleep(60)
    finally:
        watch.close()
        child.wait()
    assert watch.reason.startswith("Ray cannot start (its process gcs_server ended): ")


def test_stop_signals_interrupt_a_start_and_handlers_go_back() -> None:
    from tuning.on_ray.ray_session import _interruptible

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), _interruptible():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
