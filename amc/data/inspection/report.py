"""The report of a clip file: counts, ranges, valid keypoints, duplicates, and leaks of its split."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amc.data.clipfile import Contents, open_clips, verified
from amc.data.inspection.duplicates import Digests
from amc.data.splits import PARTS, leaks, make_split
from amc.errors import UserError
from amc.progress import Progress


def inspect(path: Path, *, rule: str = "subject", seed: int = 0, progress: Progress | None = None) -> dict[str, Any]:
    """Everything that `python -m amc.data inspect` prints, as plain values for JSON.

    Reads all frames, clip by clip, and checks the fingerprint. Shares are fractions, pixel values run from 0 to 255,
    and velocities are in pixels per frame. `split` is {"error": reason} if the rule cannot divide the clips.

    Args:
        path: the clip file.
        rule: rule of the split, one of `amc.config.SPLIT_RULES`.
        seed: random seed of the split.
        progress: called with (clips read, N).

    Raises:
        UserError: the file fails its checks.
    """
    digests = Digests()
    with open_clips(path) as (contents, frames):
        count, time, height, width = contents.shape
        low, high, total = np.full(count, 255), np.zeros(count, int), np.zeros(count, np.int64)
        for i, clip in enumerate(verified(path, contents, frames)):
            low[i], high[i], total[i] = clip.min(), clip.max(), clip.sum(dtype=np.int64)
            digests.add(clip)
            if progress is not None:
                progress(i + 1, count)
    info, label = contents.info, contents.label
    mean = total / (time * height * width * 3)
    return {
        "file": str(path),
        "name": info.name,
        "origin": info.origin,
        "fingerprint": info.fingerprint,
        "generator": dict(info.generator),
        "clips": count,
        "frames": time,
        "height": height,
        "width": width,
        "classes": _by_class(contents, label),
        "subjects": _counted(contents.subject),
        "classes_by_subject": {name: _counted(contents.subject[label == i]) for i, name in enumerate(info.class_names)},
        "sources": len(np.unique(contents.source_clip)),
        "copies": _copies(contents.source_clip),
        "split": _split_report(contents, digests, rule, seed),
        "keypoints": _keypoint_report(contents),
        "pixels": {
            "low": int(low.min()),
            "high": int(high.max()),
            "mean": float(mean.mean()),
            "mean_by_class": {
                name: float(mean[label == i].mean()) for i, name in enumerate(info.class_names) if (label == i).any()
            },
            "darkest_clip": float(mean.min()),
            "brightest_clip": float(mean.max()),
            "clips_of_one_colour": int((low == high).sum()),
        },
        "velocity": _velocity_report(contents),
        "duplicate_clips": digests.repeated(),
    }


def _by_class(contents: Contents, label: NDArray[np.int64]) -> dict[str, int]:
    return {name: int((label == i).sum()) for i, name in enumerate(contents.info.class_names)}


def _counted(values: NDArray[np.int64]) -> dict[str, int]:
    return {str(value): n for value, n in sorted(Counter(values.tolist()).items())}


def _copies(source: NDArray[np.int64]) -> dict[str, int]:
    """The number of sources by their number of clips."""
    _, copies = np.unique(source, return_counts=True)
    return _counted(copies)


def _split_report(contents: Contents, digests: Digests, rule: str, seed: int) -> dict[str, Any]:
    subject, source = contents.subject, contents.source_clip
    try:
        split = make_split(contents.label, subject, source, rule=rule, seed=seed, dataset=contents.info.name)
    except UserError as error:
        return {"error": str(error)}
    return {
        "rule": split.rule,
        "seed": split.seed,
        "by_subject": split.by_subject,
        "parts": {name: _part(contents, getattr(split, name)) for name in PARTS},
        "left_out": _part(contents, split.left_out),
        "leaks": leaks(split, subject, source) + digests.crossing(split),
    }


def _part(contents: Contents, part: NDArray[np.int64]) -> dict[str, Any]:
    return {
        "clips": len(part),
        "sources": len(np.unique(contents.source_clip[part])),
        "subjects": sorted(set(contents.subject[part].tolist())),
        "classes": _by_class(contents, contents.label[part]),
    }


def _keypoint_report(contents: Contents) -> dict[str, Any]:
    info, valid = contents.info, contents.keypoints_valid
    _, _, height, width = contents.shape
    x, y = contents.keypoints[..., 0], contents.keypoints[..., 1]
    outside = (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)
    of_class = {name: valid[contents.label == i] for i, name in enumerate(info.class_names)}
    return {
        "valid": _by_joint(info.keypoint_names, valid),
        "valid_by_class": {name: float(found.mean()) for name, found in of_class.items() if found.size},
        "valid_by_class_and_keypoint": {
            name: _by_joint(info.keypoint_names, found) for name, found in of_class.items() if found.size
        },
        "clips_without": int((~valid.any(axis=(1, 2))).sum()),
        "outside": float((outside & valid).mean()),
    }


def _by_joint(names: tuple[str, ...], valid: NDArray[np.bool_]) -> dict[str, float]:
    return {name: float(valid[..., j].mean()) for j, name in enumerate(names)}


def _velocity_report(contents: Contents) -> dict[str, Any]:
    steps = np.diff(contents.keypoints, axis=1)
    speed = np.hypot(steps[..., 0], steps[..., 1])
    known = contents.keypoints_valid[:, 1:] & contents.keypoints_valid[:, :-1]
    of_joint = {name: speed[..., j][known[..., j]] for j, name in enumerate(contents.info.keypoint_names)}
    moving = speed[known]
    return {
        "median": _quantile(moving, 0.5),
        "quantile_99": _quantile(moving, 0.99),
        "largest": _quantile(moving, 1.0),
        "quantile_99_by_keypoint": {name: _quantile(found, 0.99) for name, found in of_joint.items()},
        "largest_by_keypoint": {name: _quantile(found, 1.0) for name, found in of_joint.items()},
    }


def _quantile(values: NDArray[np.float32], share: float) -> float:
    return float(np.quantile(values, share)) if values.size else 0.0
