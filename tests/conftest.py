"""What holds for all tests: one thread (bit identity holds at one thread count), a cache of the session's own, and
no library that reports its use home."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# Before torch, Ray or MLflow are imported, and inherited by the commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"

import pytest
import torch

# Started in the background without job control, this process ignores SIGINT, and so would the commands it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder of this test session, shared by its tests and the commands they start."""
    folder = Path(tmp_path_factory.mktemp("cache"))
    os.environ["AMC_CACHE"] = str(folder)
    os.environ.pop("AMC_DATA", None)
    return folder
