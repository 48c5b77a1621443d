"""Names of a keypoint judge's scores, and what is said of it beside them. Needs no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

# Per clip, in a score sheet: whether it is recognised, and the fractions of its frames without any point, and of its
# points, that were not found.
ACCURACY, MISSING, POINTS_MISSING = "keypoint_accuracy", "keypoint_missing", "keypoint_points_missing"
MOST_MISSING = 0.5  # of a clip's frames may be without any point; a clip with more has no class


def over_folds(abouts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a study records of its keypoint judges: that of its only split, or the means and errors of its folds.

    Args:
        abouts: `KeypointJudge.about` of each split; at least one.
    """
    first, errors = abouts[0], [about["held_out_error"] for about in abouts if about.get("held_out_error")]
    if len(abouts) == 1:
        return dict(first)
    return {
        **first,
        "real_accuracy": fmean(about["real_accuracy"] for about in abouts),
        "fold_errors": errors,
    }


def summary(about: Mapping[str, Any]) -> str:
    """The extractor and, where it is known, its held-out error: of each fold, if the study has folds.

    Args:
        about: from `over_folds`.
    """
    error = about.get("held_out_error")
    if error is None:
        return f"{about['extractor']} (68 facial landmarks; no ground-truth landmarks to measure its error)"
    folds = about.get("fold_errors") or [error]
    pixels, share, found = ([one[name] for one in folds] for name in ("pixels", "share", "found"))
    frames = sum(one["frames"] for one in folds)
    if len(folds) == 1:
        return (
            f"{about['extractor']}, whose error on {frames} real test frames is {pixels[0]:.2f} pixels "
            f"({share[0]:.1%} of the size of the face or body); it finds {found[0]:.1%} of their keypoints"
        )
    return (
        f"{about['extractor']}, trained in each of {len(folds)} folds; its error on their {frames} real test frames is "
        f"{fmean(pixels):.2f} pixels, mean over folds ({min(pixels):.2f} to {max(pixels):.2f}; {fmean(share):.1%} of "
        f"the size of the face or body), and it finds {fmean(found):.1%} of their keypoints"
    )
