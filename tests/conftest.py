"""Settings for all tests: one thread (results are bit-identical at one thread count), a cache of the run's own, and no
telemetry."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

# Before torch, Ray or MLflow are imported, and inherited by the commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"

import pytest
import torch

from amc.config import Config, natops, with_overrides
from amc.standins.registry import NATOPS
from analysis.record.writing import RecordWriter
from tests.tuning.toy_rows import study_row

# Started in the background without job control, this process ignores SIGINT, and under nohup SIGHUP; the commands it
# starts would do the same.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no process of a parallel run is left with a long one; `alone` last."""
    slow, alone = ({item.path for item in items if item.get_closest_marker(name)} for name in ("slow", "alone"))
    items.sort(key=lambda item: (item.path in alone, item.path not in slow))


@pytest.fixture(autouse=True)
def _others_wait(request: pytest.FixtureRequest, session_cache: Path) -> Iterator[None]:
    """While a test marked `alone` runs, the other test processes start none."""
    with (session_cache.parent / "alone.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if request.node.get_closest_marker("alone") else fcntl.LOCK_SH)
        yield
        fcntl.flock(lock, fcntl.LOCK_UN)  # closing is not enough: a forked child may hold the file open


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder of this test run, shared by all its test processes and the commands they start.

    Classifiers and stand-ins are made once in a run: writers of the cache hold file locks and rename whole files.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # each test process of pytest-xdist has a folder of its own in it
    folder = folder / "session-cache"
    folder.mkdir(exist_ok=True)
    os.environ["AMC_CACHE"] = str(folder)
    os.environ.pop("AMC_DATA", None)
    return folder


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in at its smallest: 60 clips of 3 classes and 20 subjects, 16 x 16 pixels, 8 frames. Read-only."""
    path = Path(tmp_path_factory.mktemp("small")) / "small.h5"
    NATOPS.synthesize(path, clips=60, size=16, frames=8, classes=3, seed=0, workers=1)
    path.chmod(0o444)
    return path


@pytest.fixture
def base() -> Config:
    return with_overrides(natops("smoke"), {"training.steps": 20})


@pytest.fixture
def record(tmp_path: Path, base: Config) -> Iterator[RecordWriter]:
    """A record with an empty toy study."""
    with RecordWriter(tmp_path / "toy" / "record.db") as opened:
        opened.create_study(study_row(base))
        yield opened
