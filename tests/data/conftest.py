"""A small clip file to read, damage and copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from amc.standins.natops import synthesize


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in at its smallest: 60 clips of 3 classes and 20 subjects, 16 x 16 pixels, 8 frames. Read-only."""
    path = Path(tmp_path_factory.mktemp("small")) / "small.h5"
    synthesize(path, clips=60, size=16, frames=8, classes=3, seed=0, workers=1)
    path.chmod(0o444)
    return path
