"""What is in a clip file: counts, ranges, validity, duplicates, and whether its split leaks."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from amc.data.clipfile import Contents, open_clips, verified
from amc.data.splits import TEST_SHARE, Split, leaks, make_split
from amc.errors import UserError


def inspect(path: Path, *, rule: Literal["subject", "random"] = "subject", seed: int = 0) -> dict[str, Any]:
    """Everything `python -m amc.data inspect` shows, as plain values for JSON.

    Reads every frame and checks the fingerprint. Shares are fractions; pixels run from 0 to 255, velocities are in
    pixels a frame.

    Raises:
        UserError: a file that fails its checks.
    """
    low, high, total, copies = 255, 0, 0, Counter[bytes]()
    with open_clips(path) as (contents, frames):
        for clip in verified(path, contents, frames):
            low, high = min(low, int(clip.min())), max(high, int(clip.max()))
            total += int(clip.sum(dtype=np.int64))
            copies[hashlib.blake2b(clip.tobytes(), digest_size=16).digest()] += 1
    info = contents.info
    count, time, height, width = contents.shape
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
        "classes": _counts(contents.label, info.class_names),
        "subjects": {str(s): n for s, n in sorted(Counter(contents.subject.tolist()).items())},
        "sources": len(np.unique(contents.source_clip)),
        "split": _split_report(contents, rule, seed),
        "keypoints": _keypoint_report(contents),
        "pixels": {"low": low, "high": high, "mean": total / (count * time * height * width * 3)},
        "velocity": _velocity_report(contents),
        "duplicate_clips": sum(n - 1 for n in copies.values()),
    }


def describe(report: Mapping[str, Any]) -> str:
    """The report as text for a person."""
    split, velocity, pixels = report["split"], report["velocity"], report["pixels"]
    made = report["generator"]
    lines = [
        f"{report['file']}: {report['name']}, origin={report['origin']}",
        f"  made by      {made.get('tool', '?')} {made.get('version', '?')}, {made.get('arguments', {})}",
        f"  fingerprint  {report['fingerprint']} (content checked)",
        f"  clips        {report['clips']} of {report['frames']} frames, {report['width']}x{report['height']} pixels, "
        f"from {report['sources']} sources; {report['duplicate_clips']} duplicates",
        f"  pixels       {pixels['low']} to {pixels['high']}, mean {pixels['mean']:.1f}",
        f"  velocity     median {velocity['median']:.2f}, 99% {velocity['quantile_99']:.2f}, "
        f"largest {velocity['largest']:.2f} pixels a frame",
        "  classes",
        *(f"    {name:<24} {n:6d}" for name, n in report["classes"].items()),
        "  subjects (-1: unknown)",
        "    " + ", ".join(f"{s}: {n}" for s, n in report["subjects"].items()),
        "  keypoints (share valid)",
        "    " + ", ".join(f"{name} {share:.3f}" for name, share in report["keypoints"]["valid"].items()),
        f"    outside the frame: {report['keypoints']['outside']:.4f}",
    ]
    if "error" in split:
        lines.append(f"  split        none: {split['error']}")
    else:
        parts = ", ".join(f"{name} {part['clips']}" for name, part in split["parts"].items())
        lines.append(f"  split        by {split['rule']}, seed {split['seed']}: {parts}")
        for name, part in split["parts"].items():
            lines.append(f"    {name:<11} subjects {part['subjects']}")
        kept = "source or subject" if split["rule"] == "subject" else "source"
        lines.append("  leak check   " + ("; ".join(split["leaks"]) or f"passed: no {kept} is in two parts"))
    return "\n".join(lines)


def _counts(label: NDArray[np.int64], names: tuple[str, ...]) -> dict[str, int]:
    return {name: int((label == i).sum()) for i, name in enumerate(names)}


def _split_report(contents: Contents, rule: Literal["subject", "random"], seed: int) -> dict[str, Any]:
    try:
        split = make_split(
            contents.label,
            contents.subject,
            contents.source_clip,
            rule=rule,
            seed=seed,
            test_share=TEST_SHARE.get(contents.info.name, TEST_SHARE["natops"]),
        )
    except UserError as error:
        return {"error": str(error)}
    return {
        "rule": split.rule,
        "seed": split.seed,
        "parts": {name: _part(contents, getattr(split, name)) for name in ("train", "validation", "test")},
        "leaks": _leaks(contents, split),
    }


def _part(contents: Contents, part: NDArray[np.int64]) -> dict[str, Any]:
    return {
        "clips": len(part),
        "subjects": sorted(set(contents.subject[part].tolist())),
        "classes": _counts(contents.label[part], contents.info.class_names),
    }


def _leaks(contents: Contents, split: Split) -> list[str]:
    return leaks(split, contents.subject, contents.source_clip)


def _keypoint_report(contents: Contents) -> dict[str, Any]:
    info, valid = contents.info, contents.keypoints_valid
    _, _, height, width = contents.shape
    x, y = contents.keypoints[..., 0], contents.keypoints[..., 1]
    outside = (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)
    of_class = {name: valid[contents.label == i] for i, name in enumerate(info.class_names)}
    return {
        "valid": {name: float(valid[..., j].mean()) for j, name in enumerate(info.keypoint_names)},
        "valid_by_class": {name: float(found.mean()) for name, found in of_class.items() if found.size},
        "outside": float((outside & valid).mean()),
    }


def _velocity_report(contents: Contents) -> dict[str, float]:
    speed = np.linalg.norm(np.diff(contents.keypoints.astype(np.float64), axis=1), axis=-1)
    known = speed[contents.keypoints_valid[:, 1:] & contents.keypoints_valid[:, :-1]]
    if known.size == 0:
        return {"median": 0.0, "quantile_99": 0.0, "largest": 0.0}
    return {
        "median": float(np.median(known)),
        "quantile_99": float(np.quantile(known, 0.99)),
        "largest": float(known.max()),
    }
