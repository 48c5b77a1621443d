"""What a study cannot show, said from its own facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.record.rows import StudyRow
from analysis.report.formatting import counted, number
from analysis.report.page import Section

PROCEDURAL = (
    "origin=procedural: the clips are a stand-in rendered by this program, not the recorded videos. No figure here is "
    "one of the paper's data set."
)
FEW_SUBJECTS = 10
FEW_SEEDS = 8  # from here on a planted effect of 10 points is found after Holm in most studies


def limits_section(
    row: StudyRow, *, seeds: int | None, subjects: Sequence[int] = (), said: Sequence[str] = ()
) -> Section:
    """The limits of a study.

    Args:
        seeds: of an arm; None where the study has no arms.
        subjects: of the test clips, -1 where unknown.
        said: sentences that come with the tables, such as on the differences that these seeds cannot show.
    """
    return Section("limits", "What this cannot show", lead=(*_limits(row, seeds, subjects), *said))


def _limits(row: StudyRow, seeds: int | None, subjects: Sequence[int]) -> Iterator[str]:
    data = row.dataset
    if data["origin"] == "procedural":
        yield (
            "The data are a procedural stand-in, rendered by this program: not the recorded videos of the paper. What "
            "holds here need not hold there. Heights are not to be compared with the paper's; differences between arms "
            "only as a hint."
        )
    if row.preset != "paper":
        yield (
            f"Preset {row.preset}: smaller clips, narrower networks, fewer steps than the paper's, all arms trained to "
            "the same budget. Parts that pay off late, or at full size alone, may look useless here."
        )
    if seeds is not None and seeds < FEW_SEEDS:
        yield (
            f"{counted(seeds, 'seed')} an arm: small effects cannot be told from none, and an exact sign-flip test "
            f"cannot reach a p below {number(2 / 2**seeds, '.3g')} before correction."
        )
    known = {subject for subject in subjects if subject >= 0}
    if known and len(known) < FEW_SUBJECTS:
        yield (
            f"The test clips show {counted(len(known), 'subject')}. Intervals treat clips as exchangeable and do not "
            "cover how other subjects would differ from these."
        )
    split = data.get("split", {})
    if split.get("rule") == "random":
        yield "The split is by clip, so subjects of the test clips were seen in training."
    yield (
        "Accuracy is a classifier's opinion. A clip that it recognises may still look poor, and one of its mistakes "
        "counts against the generator."
    )
    yield "One data set, one split: another split of the same clips would give other figures."
