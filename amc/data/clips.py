"""Loads clips at a preset's size (R22: area resize). Large data sets share their frames between processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from amc.data.clipfile import ClipInfo, Contents, open_clips, verified
from amc.data.resize import area_resize, resize_points
from amc.data.shared_frames import Wanted, shared, to_be_shared
from amc.errors import UserError


@dataclass(frozen=True)
class Clips:
    """N clips of T frames with k keypoints, aligned by index."""

    frames: NDArray[np.uint8]  # (N, T, H, W, 3), RGB; read-only if loaded by `load_clips`
    keypoints: NDArray[np.float32]  # (N, T, k, 2), pixels (x, y); (0, 0) is the top-left pixel's centre
    keypoints_valid: NDArray[np.bool_]  # (N, T, k)
    label: NDArray[np.int64]  # (N,)
    subject: NDArray[np.int64]  # (N,); -1 if unknown
    source_clip: NDArray[np.int64]  # (N,)
    info: ClipInfo  # attributes of the file
    reduction: str  # how the clips of the file were reduced; "" if they were not


def load_clips(path: Path, *, size: int, frames: int, rule: Literal["first", "even"] = "first") -> Clips:
    """Loads all clips of a file at `size` x `size` pixels and `frames` frames.

    Longer clips are cut to their first frames or, with the rule "even", to frames evenly spaced from the first to the
    last (R22). Larger clips are resized by area, and their keypoints scaled. The content is compared with the file's
    fingerprint whenever it is loaded, or once, when frames are written to be shared (`amc.data.shared_frames`).

    Raises:
        UserError: the file fails its checks, or its clips are too small, too short or not square.
    """
    with open_clips(path) as (contents, stored):
        count, time, height, width = contents.shape
        if height != width:
            raise UserError(f"{path}: clips have {width}x{height} pixels, but must be square; crop them on import")
        if height < size or time < frames:
            raise UserError(
                f"{path}: clips of {width}x{height} pixels and {time} frames are smaller than the preset's "
                f"{size}x{size} and {frames}; choose a smaller preset or import the videos again at that size"
            )
        pick = _which(time, frames, rule)

        def reduced() -> Iterator[NDArray[np.uint8]]:
            return (area_resize(clip[pick], (size, size)) for clip in verified(path, contents, stored))

        shape = (count, frames, size, size, 3)
        held = None
        if to_be_shared(count * frames * size * size * 3):
            cut = rule if time != frames else "all"
            held = shared(Wanted(contents.info.fingerprint, cut, shape, _beside(contents)), reduced)
        if held is None:
            held = np.empty(shape, dtype=np.uint8)
            for i, clip in enumerate(reduced()):
                held[i] = clip
            held.flags.writeable = False
    points = contents.keypoints[:, pick]
    if height != size:
        points = resize_points(points, (height, width), (size, size))
    notes = []
    if time != frames:
        notes.append(f"{time} to {frames} frames ({rule})")
    if height != size:
        notes.append(f"{width}x{height} to {size}x{size} pixels (area)")
    return Clips(
        frames=held,
        keypoints=np.ascontiguousarray(points, dtype=np.float32),
        keypoints_valid=np.ascontiguousarray(contents.keypoints_valid[:, pick]),
        label=contents.label,
        subject=contents.subject,
        source_clip=contents.source_clip,
        info=contents.info,
        reduction=", ".join(notes),
    )


def _beside(contents: Contents) -> str:
    """A digest of all that the fingerprint covers, except the frames."""
    info = contents.info
    digest = hashlib.sha256(repr((info.class_names, info.keypoint_names, info.pairs, contents.shape)).encode())
    arrays: tuple[NDArray[Any], ...] = (
        contents.keypoints,
        contents.keypoints_valid,
        contents.label,
        contents.subject,
        contents.source_clip,
    )
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _which(have: int, want: int, rule: str) -> NDArray[np.int64]:
    """Indices of the selected frames: the first ones, or evenly spaced ones including both ends (rounded half up)."""
    if rule == "first" or want == 1:
        return np.arange(want, dtype=np.int64)
    if rule == "even":
        steps = want - 1
        return (2 * np.arange(want, dtype=np.int64) * (have - 1) + steps) // (2 * steps)
    raise ValueError(f"unknown rule {rule!r} for long clips")
