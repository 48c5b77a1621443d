"""The schema of clip files, and checks of their consistency.

Layout (schema version 1), with N clips of T frames and k keypoints:

=================  =============================  ==========================================================
`frames`           uint8 (N, T, H, W, 3)          RGB, a chunk a clip
`keypoints`        float32 (N, T, k, 2)           (x, y) in pixels of the frame; (0, 0) is the top-left pixel's centre
`keypoints_valid`  bool (N, T, k)                 False if the point was not found (its coordinates are a filler)
`label`            int64 (N,)                     0 .. c-1
`subject`          int64 (N,)                     number of the subject; -1 if unknown
`source_clip`      int64 (N,)                     clips cut or copied from one source share this number
=================  =============================  ==========================================================

Attributes: `schema`, `schema_version`, `name`, `origin`, `fingerprint`, and as JSON `class_names`, `keypoint_names`,
`pairs` (left-right pairs of keypoint indices) and `generator` (tool, version, arguments). Every chunk carries a
checksum, and so has HDF5's metadata in the file format used, so that damage is detected.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

SCHEMA = "amc-clips"
SCHEMA_VERSION = 1
Origin = Literal["procedural", "natops", "mug", "folder"]


@dataclass(frozen=True)
class ClipInfo:
    """The attributes of a clip file."""

    name: str  # name of the data set
    origin: Origin
    class_names: tuple[str, ...]
    keypoint_names: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]  # keypoints that a horizontal flip exchanges
    generator: Mapping[str, Any]  # tool, version, arguments
    fingerprint: str = ""  # 64 hex digits: SHA-256 of all arrays and of the class and keypoint names


@dataclass(frozen=True)
class Contents:
    """The content of a checked clip file, without the frames."""

    info: ClipInfo
    shape: tuple[int, int, int, int]  # N, T, H, W
    keypoints: NDArray[np.float32]  # (N, T, k, 2)
    keypoints_valid: NDArray[np.bool_]  # (N, T, k)
    label: NDArray[np.int64]  # (N,)
    subject: NDArray[np.int64]  # (N,)
    source_clip: NDArray[np.int64]  # (N,)


class Fingerprint:
    """Computes the content hash of a clip file, clip by clip. It does not depend on how HDF5 stores the arrays."""

    def __init__(self, info: ClipInfo, shape: tuple[int, int, int], keypoints: int) -> None:
        header = {
            "classes": list(info.class_names),
            "keypoints": list(info.keypoint_names),
            "pairs": [list(pair) for pair in info.pairs],
            "shape": [*map(int, shape), int(keypoints)],
        }
        self._hash = hashlib.sha256(json.dumps(header, sort_keys=True).encode())

    def add(
        self,
        frames: NDArray[np.uint8],
        keypoints: NDArray[np.float32],
        valid: NDArray[np.bool_],
        label: int,
        subject: int,
        source_clip: int,
    ) -> None:
        """Adds a clip; the order of clips matters."""
        self._hash.update(frames.tobytes())
        self._hash.update(keypoints.astype("<f4").tobytes())
        self._hash.update(valid.astype(np.uint8).tobytes())
        self._hash.update(np.array([label, subject, source_clip], dtype="<i8").tobytes())

    def hexdigest(self) -> str:
        """The hash as 64 hex digits."""
        return self._hash.hexdigest()


def info_problem(info: ClipInfo, keypoints: int) -> str | None:
    """Describes an inconsistency of names, pairs and number of keypoints; None if there is none."""
    flat = [i for pair in info.pairs for i in pair]
    if info.origin not in get_args(Origin):
        return f"unknown origin {info.origin!r} (known: {', '.join(get_args(Origin))})"
    if not info.class_names or len(set(info.class_names)) != len(info.class_names):
        return "class names are missing or not distinct"
    if len(info.keypoint_names) != keypoints or len(set(info.keypoint_names)) != keypoints or keypoints == 0:
        return f"{len(info.keypoint_names)} keypoint names, not {keypoints} distinct ones"
    if len(set(flat)) != len(flat) or any(not 0 <= i < keypoints for i in flat):
        return f"left-right pairs {list(info.pairs)} do not fit {keypoints} keypoints"
    if info.fingerprint and not re.fullmatch(r"[0-9a-f]{64}", info.fingerprint):
        return "the fingerprint is not 64 hex digits"
    return None


def values_problem(contents: Contents) -> str | None:
    """Describes an inconsistency of the arrays; None if there is none."""
    c = len(contents.info.class_names)
    if not contents.info.fingerprint:
        return "the fingerprint is missing"
    if contents.label.min() < 0 or contents.label.max() >= c:
        return f"labels run from {contents.label.min()} to {contents.label.max()}, but there are {c} classes"
    if contents.subject.min() < -1 or contents.source_clip.min() < 0:
        return "negative subject or source numbers"
    if not np.isfinite(contents.keypoints).all():
        return "keypoints are not all finite numbers"
    of_source: dict[int, tuple[int, int]] = {}
    for source, label, subject in zip(contents.source_clip, contents.label, contents.subject, strict=True):
        if of_source.setdefault(int(source), (int(label), int(subject))) != (int(label), int(subject)):
            return f"source {source} has clips of two classes or two subjects"
    return None
