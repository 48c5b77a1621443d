"""Stands for a decoder with a bug; in a module of its own, as worker processes load it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from amc.importing.video.decoding import UnreadableVideo, VideoFacts, examine

CRASHING = "crashing.avi"


def examine_or_crash(path: Path) -> VideoFacts | UnreadableVideo:
    """Ends the process as a bug in C code does, where the file has the name for it."""
    if path.name == CRASHING:
        os.kill(os.getpid(), signal.SIGSEGV)
    return examine(path)
