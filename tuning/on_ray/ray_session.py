"""Ray for the duration of a study: an instance on this machine, or a cluster that is already running."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ray

from amc.cache import cache_dir
from amc.errors import UserError, first_line
from amc.stop_signals import heeded
from tuning.on_ray.session_folder import kill_processes, last_log_line, session_folder
from tuning.on_ray.start_check import check_machine
from tuning.on_ray.worker_path import python_command, without_current_folder, worker_pythonpath
from tuning.workers.resources import Resources

OBJECT_STORE = 128 * 1024**2  # bytes, for an instance on this machine: jobs and reports are small
SLOW_SECONDS = 20.0  # after which the user is told that Ray is still starting
START_SECONDS = 180.0  # after which it is given up; a busy machine may need a minute
_TOKEN = secrets.token_hex(32)  # one for all sessions of this process, because Ray reads it once
_FORCE_SECONDS = 10.0  # that the main thread then gets to notice


class RayCannotStart(UserError):
    """Ray could not be started on this machine."""


# Ray prints what its nodes say about their end, stack traces included, to the driver's standard output, whatever
# `log_to_driver` is. Standard output is for results, such as JSON.
ray._private.worker.print_to_stdstream = lambda data, ignore_prefix: None


@contextlib.contextmanager
def session(resources: Resources, *, devices: int, on_cluster: bool) -> Iterator[Path]:
    """Provides Ray within the block; yields a temporary folder that is deleted after it.

    Args:
        devices: GPUs of this machine; used when Ray is started here.
        on_cluster: `join_cluster` was called before, and trials run on that cluster.

    Raises:
        RayCannotStart: the message says what to set.
        KeyboardInterrupt: a stop signal arrived while Ray was starting.
    """
    with contextlib.ExitStack() as stack:
        try:
            if not on_cluster:
                check_machine(resources.workers)
            folder = stack.enter_context(session_folder())
            if not on_cluster:
                stack.callback(kill_processes, folder)
                stack.enter_context(_environment())
                _start(resources, devices, folder)
        except RayCannotStart:
            raise
        except UserError as error:
            raise RayCannotStart(str(error)) from error
        try:
            yield folder
        finally:
            _shut_down()


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Environment variables that Ray's processes inherit.

    - A token of this process's own, so that no file in the home folder is needed and no other study can join.
    - Paths that are relative to the current folder are made absolute.
    """
    changes = {
        "RAY_AUTH_TOKEN": _TOKEN,
        "PYTHONPATH": worker_pythonpath(),
        **({"AMC_CACHE": str(cache_dir().absolute())} if os.environ.get("AMC_CACHE") else {}),
    }
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start(resources: Resources, devices: int, folder: Path) -> None:
    """Starts Ray. A stop signal meanwhile raises KeyboardInterrupt.

    Raises:
        RayCannotStart: it could not be started.
    """
    empty = folder / "empty"
    empty.mkdir()
    watch = StartWatch(folder)
    with _interruptible(), without_current_folder(empty):
        watch.start()
        try:
            ray.init(**_options(resources, devices, folder))
        except (KeyboardInterrupt, SystemExit):  # Ray's own handler of SIGTERM exits
            _shut_down()
            if watch.reason:
                raise RayCannotStart(watch.reason) from None
            raise KeyboardInterrupt from None
        except Exception as error:  # of many classes, some of them private
            _shut_down()
            raise RayCannotStart(_message(first_line(error), folder)) from error
        finally:
            watch.close()


def _options(resources: Resources, devices: int, folder: Path) -> Mapping[str, Any]:
    return {
        "address": "local",
        "num_cpus": resources.workers * resources.cpus,
        "num_gpus": devices,
        "object_store_memory": OBJECT_STORE,
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "runtime_env": python_command() or None,
        # Ray's memory monitor would kill the actor, which is small, and not the trial, which is large. Workers that Ray
        # starts in advance would stay idle: actors get processes of their own.
        "_system_config": {"memory_monitor_refresh_ms": 0, "prestart_worker_first_driver": False},
        "_temp_dir": str(folder),
    }


def _message(reason: str, folder: Path) -> str:
    line = last_log_line(folder)
    seen = f"{reason}; its log: {line}" if line else reason
    return f"Ray cannot start ({seen}): free memory and processes on this machine, then rerun the same command"


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Stop signals raise KeyboardInterrupt within the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in heeded()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StartWatch(threading.Thread):
    """Watches Ray's start from a thread of its own, because the main thread waits for Ray.

    Attributes:
        reason: why the start was given up; empty if it was not.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(name="Ray start watch", daemon=True)
        self.folder, self.reason, self.closed = folder, "", threading.Event()

    def run(self) -> None:
        """Tells the user of a slow start, and interrupts one that cannot succeed."""
        began, told = time.monotonic(), False
        while not self.closed.wait(1.0):
            waited = time.monotonic() - began
            if waited > SLOW_SECONDS and not told:
                told = True
                line = last_log_line(self.folder)
                _print_line(f"Ray is still starting after {waited:.0f} s" + (f"; its log: {line}" if line else ""))
            dead = dead_child()
            if dead or waited > START_SECONDS:
                why = f"its process {dead} ended" if dead else f"no answer for {waited:.0f} s"
                self.reason = _message(why, self.folder)
                os.kill(os.getpid(), signal.SIGINT)
                if not self.closed.wait(_FORCE_SECONDS):
                    _print_line(f"error: {self.reason}")
                    kill_processes(self.folder)
                    os._exit(2)
                return

    def close(self) -> None:
        """Ends the watch."""
        self.closed.set()


def dead_child() -> str:
    """The name of a process of Ray that this process started and that has ended; empty if none has."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            name, _, rest = (entry / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
            state, parent = rest.split()[:2]
            if state == "Z" and int(parent) == os.getpid() and name in ("gcs_server", "raylet"):
                return name
    return ""


def _print_line(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def _shut_down() -> None:
    """Shuts Ray down, with garbage collection off.

    Ray aborts the process if any thread drops one of its references during the shutdown. Tune leaves reference cycles
    with such references, which the MLflow thread could otherwise collect at that moment.
    """
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        if collecting:
            gc.enable()
