"""Section on the limitations of a study, derived from its data, preset and number of seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.record.rows import StudyRow
from analysis.report.formatting import number
from analysis.report.page import Section
from analysis.scores.estimates import POINTS
from analysis.scores.study_scores import TABLE_3, entry_word, ours_word
from analysis.tables.layout.cells import plural

PROCEDURAL = (
    "origin=procedural: the clips are a stand-in rendered by this program, not recorded videos. No number here was "
    "measured on the paper's data set."
)
FEW_SUBJECTS = 10
SMALL = 5.0  # points; effects of this size matter
NONE_DETECTABLE = f"no difference up to {POINTS[1]:.0f} points is detectable"


def limits_section(
    row: StudyRow,
    *,
    arms: Sequence[Mapping[str, Any]] | None = None,
    subjects: Sequence[int] = (),
    folds: bool = False,
    further: Sequence[str] = (),
) -> Section:
    """Returns the limitations of a study.

    Args:
        arms: rows of Table 3 or 4; None if the study has no arms.
        subjects: subjects of the test clips; empty if unknown.
        folds: whether every subject is tested, so that intervals cover other subjects.
        further: paragraphs of the caller, which follow.
    """
    return Section("limits", "Limitations", lead=(*_limits(row, arms, subjects, folds), *further))


def _limits(
    row: StudyRow, arms: Sequence[Mapping[str, Any]] | None, subjects: Sequence[int], folds: bool
) -> Iterator[str]:
    data = row.dataset
    if data["origin"] == "procedural":
        yield (
            "The data are a procedural stand-in rendered by this program, not the recorded videos of the paper. "
            "Results may not transfer to those. Accuracies cannot be compared with the paper's; differences between "
            "models are at most a hint."
        )
    if row.preset != "paper" and row.kind == TABLE_3:
        yield (
            f"Preset {row.preset}: smaller clips, narrower networks and fewer steps than the paper. Methods that need "
            "long training or large clips may appear weaker than they are, and the methods' steps differ in number and "
            "cost."
        )
    elif row.preset != "paper":
        yield (
            f"Preset {row.preset}: smaller clips, narrower networks and fewer steps than the paper, with the same "
            "budget for all arms. Parts that help only late in training or at full size may appear to have no effect."
        )
    yield from _small_effects(row, arms or ())
    if subjects and not folds:
        few = "; differences between so few say little about others" if len(subjects) < FEW_SUBJECTS else ""
        yield (
            f"The test clips show {plural(len(subjects), 'subject')}. Intervals hold for these alone and do not cover "
            f"other subjects{few}."
        )
    split = data.get("split", {})
    if split.get("rule") in ("random", "source"):
        yield "The split is by source video, so subjects of the test clips may also appear in training."
    yield (
        "Accuracy is measured by a classifier. A clip that it recognises may still look poor, and its mistakes count "
        "against the generator."
    )
    if not folds:
        yield "The study uses one data set and one split: another split of the same clips would give different numbers."


def _small_effects(study: StudyRow, arms: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Which effects this study can miss, by the measured spread of its runs."""
    tested = [row for row in arms if row["detectable"] is not None]
    entry, ours = entry_word(study), ours_word(study)
    if not tested:
        seeds = max((row["n_seeds"] for row in arms), default=0)
        if seeds == 1:
            yield (
                f"With one seed per {entry} the variation between seeds is unknown, so no difference can be "
                "distinguished from chance."
            )
        elif seeds and all(row["p_holm"] is None for row in arms):
            yield f"No difference to {ours} is tested: no other {entry} has two complete seeds in common with it."
        elif seeds:
            yield "The record has no per-clip scores, so the smallest detectable difference is unknown."
        return
    sizes = [row["detectable"] for row in tested if row["detectable"] < POINTS[1]]
    missed = len(tested) - sum(size <= SMALL for size in sizes)
    spread = [row["sd_differences"] for row in tested if row["sd_differences"] is not None]
    runs = f" (SD of the differences to {ours}: {number(min(spread))} to {number(max(spread))})" if spread else ""
    basis = f"By the measured spread of the runs{runs}"
    if not sizes:
        yield f"{basis}, {NONE_DETECTABLE} with 80% power after correction."
        return
    none = len(tested) - len(sizes)
    yield (
        f"{basis}, the smallest difference detectable with 80% power after correction is {number(min(sizes))} to "
        f"{number(max(sizes))} points, depending on the {entry}"
        + (f"; for {none} of {plural(len(tested), entry)}, {NONE_DETECTABLE}. " if none else ". ")
        + (
            f"Differences of {number(SMALL, '.0f')} points may be missed for {missed} of {plural(len(tested), entry)}."
            if missed
            else f"Differences of {number(SMALL, '.0f')} points would be detected with at least 80% power."
        )
    )
