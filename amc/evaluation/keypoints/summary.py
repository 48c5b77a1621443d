"""Names of a keypoint judge's scores, and what is said of it beside them. Needs no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ACCURACY, MISSING = "keypoint_accuracy", "keypoint_missing"  # per clip, in a score sheet
MOST_MISSING = 0.5  # of a clip's frames may be without any point; a clip with more has no class


def summary(about: Mapping[str, Any]) -> str:
    """The extractor and, where it is known, its held-out error.

    Args:
        about: `KeypointJudge.about`.
    """
    error = about.get("held_out_error")
    if error is None:
        return f"{about['extractor']} (68 facial landmarks; no true landmarks to measure its error by)"
    return (
        f"{about['extractor']}, whose error on {error['frames']} real test frames is {error['pixels']:.2f} pixels "
        f"({error['share']:.1%} of the size of the face or body); it finds {error['found']:.1%} of their keypoints"
    )
