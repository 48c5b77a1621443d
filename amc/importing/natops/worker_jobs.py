"""Jobs of the worker processes that import NATOPS: decode a video to its end, and later cut its clips."""

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
from amc.importing.keypoints.table import VideoKeypoints
from amc.importing.natops.clip_plans import VideoPlan
from amc.importing.natops.source_files import NatopsVideo, UnreadableArchive, as_file
from amc.importing.video.decoding import DecodeError, UnreadableVideo, VideoFacts, examine, read_frames


@dataclass(frozen=True)
class DecodedVideo:
    """A video that was decoded to its end, and its joints if they were estimated."""

    facts: VideoFacts
    joints: VideoKeypoints | None


def decode_video(video: NatopsVideo, *, scratch: Path, estimate: bool) -> DecodedVideo | UnreadableVideo:
    """Decodes a video to its end, and estimates its joints (in the estimator's order) if `estimate` is set.

    Raises:
        UserError: the pose estimator failed.
    """
    try:
        with as_file(video, scratch) as path:
            facts = examine(path)
            if isinstance(facts, UnreadableVideo):
                return facts
            return DecodedVideo(facts, _estimator().find(video.name, path, facts) if estimate else None)
    except UnreadableArchive as error:
        return UnreadableVideo(str(error))


def cut_clips(plan: VideoPlan, *, scratch: Path, size: int) -> NDArray[np.uint8]:
    """Returns the frames of all clips of a video, uint8 (clips, T, size, size, 3).

    Raises:
        UserError: the video has changed since it was decoded.
    """
    clips = np.zeros((len(plan.clips), len(plan.clips[0].at), size, size, 3), dtype=np.uint8)
    wanted: dict[int, list[tuple[int, int]]] = {}
    for i, clip in enumerate(plan.clips):
        for t, frame in enumerate(clip.at.tolist()):
            wanted.setdefault(frame, []).append((i, t))
    last, done = max(wanted), -1
    try:
        with as_file(plan.video, scratch) as path:
            for done, frame in enumerate(read_frames(path)):
                if frame.shape[:2] != (plan.facts.height, plan.facts.width):
                    raise DecodeError("the frame size changed")
                for i, t in wanted.get(done, ()):
                    clips[i, t] = area_resize(plan.clips[i].crop.apply(frame), (size, size))
                if done == last:
                    return clips
        raise DecodeError(f"it had {plan.facts.frames} frames, now it has {done + 1}")
    except (DecodeError, UnreadableArchive) as error:
        raise UserError(f"{plan.video.name}: changed while it was read ({error}); rerun the command") from error


@cache
def _estimator() -> KeypointSource:
    """This process's pose estimator, started for the first video; it exits with this process."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(keypoint_source(None, None))
