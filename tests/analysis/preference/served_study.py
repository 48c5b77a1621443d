"""A study of 40 pairs of two methods and the real clips, with naming, to be served in tests."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.analysis.preference.made_videos import made_study

SECRETS = ("secretnet", "othernet")  # names of the methods, which no rater may see


def make_study(folder: Path, raters: int) -> Path:
    """Creates a study in `folder`: 20 conditions, half of them with the class shown, so 40 pairs count."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        made, _ = made_study(Path(name), SECRETS, conditions=20, raters=raters, labels="both", naming=True)
        made.rename(folder)
    return folder
