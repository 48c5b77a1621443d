"""Section on the limitations of a study, derived from its data, preset and number of seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.record.rows import StudyRow
from analysis.report.formatting import number
from analysis.report.page import Section
from analysis.tables.layout.cells import plural

PROCEDURAL = (
    "origin=procedural: the clips are a stand-in rendered by this program, not recorded videos. No number here was "
    "measured on the paper's data set."
)
FEW_SUBJECTS = 10
FEW_SEEDS = 8  # with this many, most simulated studies detect an effect of 10 points after Holm's correction


def limits_section(
    row: StudyRow, *, seeds: int | None, subjects: Sequence[int] = (), further: Sequence[str] = ()
) -> Section:
    """Returns the limitations of a study.

    Args:
        seeds: seeds per arm; None if the study has no arms.
        subjects: subjects of the test clips, -1 if unknown.
        further: paragraphs of the caller, which follow.
    """
    return Section("limits", "Limitations", lead=(*_limits(row, seeds, subjects), *further))


def _limits(row: StudyRow, seeds: int | None, subjects: Sequence[int]) -> Iterator[str]:
    data = row.dataset
    if data["origin"] == "procedural":
        yield (
            "The data are a procedural stand-in rendered by this program, not the recorded videos of the paper. "
            "Results may not transfer to those. Accuracies cannot be compared with the paper's; differences between "
            "arms are at most a hint."
        )
    if row.preset != "paper":
        yield (
            f"Preset {row.preset}: smaller clips, narrower networks and fewer steps than the paper, with the same "
            "budget for all arms. Parts that help only late in training or at full size may appear to have no effect."
        )
    if seeds is not None and seeds < FEW_SEEDS:
        yield (
            f"{plural(seeds, 'seed')} per arm: small effects cannot be distinguished from none, and the p of an exact "
            f"sign-flip test cannot be below {number(2 / 2**seeds, '.3g')}, even before correction."
        )
    known = {subject for subject in subjects if subject >= 0}
    if known and len(known) < FEW_SUBJECTS:
        yield (
            f"The test clips show {plural(len(known), 'subject')}. Intervals treat clips as exchangeable and do not "
            "cover differences between these and other subjects."
        )
    split = data.get("split", {})
    if split.get("rule") in ("random", "source"):
        yield "The split is by source video, so subjects of the test clips may also appear in training."
    yield (
        "Accuracy is measured by a classifier. A clip that it recognises may still look poor, and its mistakes count "
        "against the generator."
    )
    yield "The study uses one data set and one split: another split of the same clips would give different numbers."
