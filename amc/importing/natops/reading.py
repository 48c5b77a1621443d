"""What worker processes do with a video of NATOPS: look at all of it, and later cut its clips."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amc.data.resize import area_resize
from amc.errors import UserError
from amc.importing.keypoint_source import KeypointSource, keypoint_source
from amc.importing.keypoint_table import VideoKeypoints
from amc.importing.natops.distribution import Film, Unusable, as_file
from amc.importing.natops.planning import FilmPlan
from amc.importing.video.video import DecodeError, Unreadable, VideoFacts, examine, read_frames


@dataclass(frozen=True)
class Seen:
    """A video that was decoded to its end, and what the pose estimator found in it, if it was asked."""

    facts: VideoFacts
    joints: VideoKeypoints | None


def look(film: Film, *, scratch: Path, estimate: bool) -> Seen | Unreadable:
    """Decodes a video to its end; with `estimate` also finds its joints (points in the estimator's order).

    Raises:
        UserError: the pose estimator does not work.
    """
    try:
        with as_file(film, scratch) as path:
            facts = examine(path)
            if isinstance(facts, Unreadable):
                return facts
            return Seen(facts, _estimator().find(film.name, path, facts) if estimate else None)
    except Unusable as error:
        return Unreadable(str(error))


def cut(plan: FilmPlan, *, scratch: Path, size: int) -> NDArray[np.uint8]:
    """The frames of all clips of a video, uint8 (clips, T, size, size, 3).

    Raises:
        UserError: the video is no longer what it was.
    """
    clips = np.zeros((len(plan.clips), len(plan.clips[0].at), size, size, 3), dtype=np.uint8)
    wanted: dict[int, list[tuple[int, int]]] = {}
    for i, clip in enumerate(plan.clips):
        for t, frame in enumerate(clip.at.tolist()):
            wanted.setdefault(frame, []).append((i, t))
    last, done = max(wanted), -1
    try:
        with as_file(plan.film, scratch) as path:
            for done, frame in enumerate(read_frames(path)):
                if frame.shape[:2] != (plan.facts.height, plan.facts.width):
                    raise DecodeError("its frames have another size")
                for i, t in wanted.get(done, ()):
                    clips[i, t] = area_resize(plan.clips[i].crop.of(frame), (size, size))
                if done == last:
                    return clips
        raise DecodeError(f"it had {plan.facts.frames} frames and now has {done + 1}")
    except (DecodeError, Unusable) as error:
        raise UserError(f"{plan.film.name}: changed while it was read ({error}); run this again") from error


@cache
def _estimator() -> KeypointSource:
    """One for this process, started at the first video; it ends when this process does."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(keypoint_source(None, None))
